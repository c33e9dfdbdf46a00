#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What vulnerability scanners see in the image. syft (whose list grype looks up) and trivy, without
# an option, name the release of Debian and each package that is linked into the program, in the
# version that is installed here. They list packages without a database of vulnerabilities, so this
# needs no network. A scanner that is not installed is skipped.
#
# The images are that of this build's program, and one whose map of the linker names OpenSSL.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"
image=$root/tools/image
export REVISION=0123456789abcdef0123456789abcdef01234567 SOURCE_DATE_EPOCH=1700000000
export SOURCE=https://git.example/distilbert.c
# The scanners keep what they unpack in this test's folder and ask nobody for newer versions.
export HOME="$dir" XDG_CACHE_HOME="$dir/cache" TRIVY_CACHE_DIR="$dir/cache" TMPDIR="$dir"
export SYFT_CHECK_FOR_APP_UPDATE=false TRIVY_SKIP_VERSION_CHECK=true TRIVY_DISABLE_TELEMETRY=true

have syft || skip syft "no syft"
have trivy || skip trivy "no trivy"
have syft || have trivy || finish test_scanners
for tool in python3 dpkg-query strip; do
    have $tool && continue
    skip scanners "$tool is not installed"
    finish test_scanners
done
libssl=$(${CC:-cc} -print-file-name=libssl.a)
if ! ${CC:-cc} -std=c11 -D_DEFAULT_SOURCE -O1 -static -Wl,-Map=tls.map -o tls \
    "$root/tests/image/stand_in.c" || ! "$image/roots.sh" >roots.pem 2>err ||
    ! dpkg-query -S "$(readlink -f "$libssl")" >/dev/null 2>&1; then
    skip scanners "no static libc, libssl-dev or ca-certificates from Debian"
    finish test_scanners
fi
echo "$libssl(ssl_lib.o)" >>tls.map
seq 1000 >model.blob
images=tls
check "an image with OpenSSL" "$image/assemble.sh" -b tls -m model.blob -c roots.pem -o tls.image
# A program that is linked dynamically, or by another compiler's own C library, is no such image.
if [ -f "$build/bootstrap.map" ] && grep -q "^$(${CC:-cc} -print-file-name=libc.a)" \
    "$build/bootstrap.map"; then
    images="tls built"
    check "the image of this build" "$image/assemble.sh" -b "$build/bootstrap" -m model.blob \
        -o built.image
fi

# Prints "release VERSION" and then the name and version of each package, from the scanner's output.
cat >packages.py <<'END'
import json
import sys

found = json.load(sys.stdin)
if sys.argv[1] == "syft":
    print("release", found["distro"]["id"], found["distro"]["versionID"])
    for package in found["artifacts"]:
        print(package["name"], package["version"])
else:
    print("release", found["Metadata"]["OS"]["Family"], found["Metadata"]["OS"]["Name"])
    for result in found["Results"]:
        for package in result.get("Packages", []):
            print(package["Name"], package["Version"] + "-" + package["Release"])
END
list_by() { # SCANNER ARCHIVE: writes packages
    case $1 in
    syft) syft scan --quiet "oci-archive:$2" --output json ;;
    trivy) trivy image --quiet --offline-scan --list-all-pkgs --scanners license --format json \
        --input "$2" ;;
    esac >report.json 2>err
    rc=$?
    python3 packages.py "$1" <report.json >packages 2>>err
}
# shellcheck disable=SC2016
version_of() { # PACKAGE
    dpkg-query -W -f '${Version}' "$1"
}
release=$(sed -n 's/^VERSION_ID="\{0,1\}\([0-9]*\).*/\1/p' /etc/os-release)
for kind in $images; do
    program=$kind
    [ $kind = tls ] || program=$build/bootstrap
    "$image/trees.sh" -b "$program" -m model.blob -o $kind.trees
done
for scanner in syft trivy; do
    have $scanner || continue
    for kind in $images; do
        list_by $scanner $kind.image.tar
        cp packages out
        check "$scanner, $kind: scans" ended 0
        check "$scanner, $kind: release" count 1 packages "^release debian $release(\.|\$)"
        check "$scanner, $kind: libc6" says packages "libc6 $(version_of libc6)"
        [ $kind != tls ] ||
            check "$scanner, $kind: libssl3" says packages "libssl3 $(version_of libssl3)"
        check "$scanner, $kind: one package for each record" lines \
            $(($(ls $kind.trees/program/var/lib/dpkg/status.d | wc -l) + 1)) packages
    done
done
finish test_scanners
