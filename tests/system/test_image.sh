#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the container image. Assembling it twice gives the same bytes, check_image accepts it,
# and skopeo, umoci and a registry understand it. For every rule of check_image there is an image
# that breaks the rule and must be refused. The rules that start images are tested only with root,
# runc and umoci; the other tests require Python and a static libc.

# shellcheck source=tests/support/support_cli.sh
. "$(dirname "$0")/../support/support_cli.sh"
image=$root/tools/image
check_image=$root/tools/image/check_image
breaker=$root/tests/image/break_image.py
export PYTHONDONTWRITEBYTECODE=1
# These values of the labels are fixed because the tree under test need not be a git clone.
export REVISION=0123456789abcdef0123456789abcdef01234567 SOURCE_DATE_EPOCH=1700000000
export SOURCE=https://git.example/distilbert.c
unset TLS

if [ -n "${SANITIZE-}" ] || nm "$distil" 2>/dev/null | grep -q __asan_init; then
    skip image "sanitizers do not support static programs, and the scripts are the same"
    finish test_image
fi
for tool in python3 tar gzip sha256sum strip readlink; do
    have $tool && continue
    skip image "$tool is not installed"
    finish test_image
done
python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' || {
    skip image "no Python 3.9 here"
    finish test_image
}
${CC:-cc} -std=c11 -D_DEFAULT_SOURCE -O1 -static -Wl,-Map=stand_in.map -o stand_in \
    "$root/tests/image/stand_in.c" || {
    skip image "no static libc here"
    finish test_image
}
# The stand-in does not use OpenSSL. This line in its map makes trees.sh list it, as for the
# function.
libssl=$(${CC:-cc} -print-file-name=libssl.a)
if [ "$libssl" = libssl.a ] || ! dpkg -S "$(readlink -f "$libssl")" >/dev/null 2>&1 ||
    ! "$image/roots.sh" >roots.pem 2>err; then
    skip image "libssl-dev, ca-certificates or dpkg is not installed"
    finish test_image
fi
echo "$libssl(ssl_lib.o)" >>stand_in.map

command_of() { # COMMAND...: runs it; sets rc and writes its output to the files out and err
    "$@" >out 2>err </dev/null
    rc=$?
}

# ---- assembling -----------------------------------------------------------------------------

seq 1000 >model.blob
command_of "$image/assemble.sh" -b stand_in -m model.blob -c roots.pem -o first
check "assemble.sh succeeds" ended 0
check "assemble.sh prints the digest" matches out 'sha256:[0-9a-f]{64}'
cp out digest
mkdir elsewhere
cp stand_in stand_in.map model.blob roots.pem elsewhere/
touch elsewhere/*
chmod 700 elsewhere/*
(
    umask 077
    cd elsewhere && TZ=Asia/Kathmandu HOME=/nonexistent "$image/assemble.sh" -b stand_in \
        -m model.blob -c roots.pem -o ../second >../out 2>../err
)
check "another directory, time, mode and umask give the same digest" same out digest
check "both archives are equal bit for bit" same first.tar second.tar
SOURCE_DATE_EPOCH=1700000001 command_of "$image/assemble.sh" -b stand_in -m model.blob \
    -c roots.pem -o second
check "another commit gives another digest" eval '! same out digest'
layers_of() { # LAYOUT
    sed -n 's/.*tar+gzip","digest":"\([^"]*\)".*/\1/p' "$1"/blobs/sha256/* | sort
}
layers_of first >layers
layers_of second >out
check "another commit gives the same layers" same out layers
check "the image has two layers" lines 2 layers
command_of "$image/assemble.sh" -b absent -m model.blob -o third
check "assemble.sh fails without the program" ended 1
check "the message names the missing file" says err 'absent: no such file'
command_of "$image/assemble.sh" -b model.blob -m model.blob -o third
check "assemble.sh fails if the program is not an ELF file" ended 1
check "the message names strip" says err 'strip'
cp stand_in mapless
command_of "$image/assemble.sh" -b mapless -m model.blob -o third
check "assemble.sh fails without the linker's map" says err 'mapless.map: no such file'

# ---- the rules that read --------------------------------------------------------------------

command_of "$check_image" --no-start --release first.tar
check "check_image accepts the archive" ended 0
check "the image keeps every rule" says out ', 0 failed, 0 skipped'
command_of "$check_image" --no-start first
check "check_image accepts the layout directory" ended 0
command_of "$check_image" --no-start model.blob
check "check_image refuses a file that is not an image" ended 2
tar -C first -cf docker.tar manifest.json blobs
command_of "$check_image" --no-start docker.tar
check "check_image refuses Docker's old archive format" ended 2
check "the message says how to convert it" says err 'skopeo copy docker-archive:'
command_of "$check_image"
check "check_image requires an argument" ended 2
command_of sh -c '"$1" --rules | sed q' sh "$check_image"
check "check_image bears a reader that ends early" empty err

refused() { # BREAKAGE RULE OPTIONS...: check_image refuses the image and names the rule
    breakage=$1
    rule=$2
    shift 2
    command_of "$check_image" "$@" "broken/$breakage"
    check "$breakage is refused" ended 1
    check "$breakage: names $rule" matches_one out "FAIL  $rule: .*"
}
matches_one() { # FILE EXTENDED-REGEX: exactly one whole line of the file matches
    [ "$(grep -cxE -e "$2" "$1")" -eq 1 ]
}

python3 "$breaker" --list >breakages
command_of python3 "$breaker" first broken
check "break_image.py succeeds" ended 0
"$check_image" --rules | sed 's/ .*//' | sort >rules
sed 's/.* //' breakages | sort -u | cmp -s - rules
rc=$?
check "every rule has an image that breaks it" ended 0
starting='unpacks|answers|read-only|unprivileged|any-user|memory|store'
grep -vE " ($starting)\$" breakages >reading
while read -r breakage rule; do
    refused "$breakage" "$rule" --no-start
done <reading
command_of "$check_image" --no-start --tls none broken/no_tls
check "--tls none accepts a program without TLS" ended 0
command_of "$check_image" --no-start broken/none
check "check_image accepts the unbroken copy" ended 0
REVISION=$REVISION-dirty "$image/assemble.sh" -b stand_in -m model.blob -c roots.pem -o dirty \
    >/dev/null
command_of "$check_image" --no-start dirty
check "check_image accepts an image of uncommitted work" ended 0
command_of "$check_image" --no-start --release dirty
check "--release refuses an image of uncommitted work" matches_one out 'FAIL  labels: .*'
command_of python3 "$root/tests/image/fuzz_check_image.py" first "${DISTIL_TEST_FULL:+3}200"
check "check_image survives damaged images" ended 0
if echo 'int main(void) { return 0; }' | ${CC:-cc} -x c -Wl,-Map=dynamic.map -o dynamic -; then
    "$image/assemble.sh" -b dynamic -m model.blob -o interpreted >/dev/null
    command_of "$check_image" --no-start interpreted
    check "check_image refuses a dynamic program" matches_one out \
        'FAIL  static-program: .*interpreter.*'
fi

if have dpkg; then
    # Both orders of every pair of these versions must be those of dpkg.
    command_of python3 - "$check_image" <<'END'
import importlib.machinery, importlib.util, subprocess, sys
loader = importlib.machinery.SourceFileLoader("check_image", sys.argv[1])
spec = importlib.util.spec_from_loader("check_image", loader)
sys.modules["check_image"] = module = importlib.util.module_from_spec(spec)
loader.exec_module(module)
versions = ["3.0.22-1~deb12u2", "3.0.22-1", "3.0.9-1", "3.0.22~rc1-9", "3.0.22", "1:1.0-1",
            "3.0.22-1~deb12u10", "3.0.22+dfsg-1", "3.0.22a-1", "3.0.22-1-2", "3.0.22-0"]
for a in versions:
    for b in versions:
        rc = subprocess.run(["dpkg", "--compare-versions", a, "lt", b]).returncode
        assert (module.version_key(a) < module.version_key(b)) == (rc == 0), (a, b)
END
    check "check_image orders versions as dpkg does" ended 0
else
    skip versions "dpkg is not installed"
fi

# ---- the rules that start the image ---------------------------------------------------------

PATH=$(dirname "$(command -v python3)") command_of "$check_image" first.tar
if grep -q '^SKIP' out; then
    check "check_image has status 3 without runc and umoci" ended 3
    check "the message says that this is no pass" says err 'this is no pass (status 3)'
fi
command_of "$check_image" first.tar
if grep -q '^SKIP' out; then
    check "check_image has status 3 if it skips a rule" ended 3
    skip start "$(sed -n 's/^SKIP  [^:]*: //p' out | head -n 1)"
else
    check "check_image starts it" ended 0
    grep -E " ($starting)\$" breakages >starts
    while read -r breakage rule; do
        refused "$breakage" "$rule" --seconds 1 --distil "$distil"
    done <starts
fi

# ---- make -----------------------------------------------------------------------------------

plan() { # ARGUMENTS...: what make would do, without the settings of the make that runs this test
    command_of env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u TLS make -n -C "$root" \
        "BUILD=$dir/planned" "$@"
}
plan check-image
check "make check-image builds with TLS" says out '--tls openssl'
plan check-image TLS=none
check "make check-image TLS=none builds without" says out '--tls none'
plan image CPPFLAGS=-nostdinc
check "make image fails without OpenSSL's headers" ended 2
check "the message has the command that installs them" says err 'apt-get install libssl-dev'
check "nothing is compiled before it fails" eval '! says out "  CC  "'

# ---- independent tools ----------------------------------------------------------------------

if have skopeo; then
    command_of skopeo inspect --format '{{.Digest}}' oci-archive:first.tar
    check "skopeo computes the same digest" same out digest
    command_of skopeo inspect --config --format '{{.Config.Entrypoint}}' docker-archive:first.tar
    check "skopeo reads the archive as one of Docker's" is out '[/app/bootstrap]\n'
else
    skip skopeo "skopeo is not installed"
fi

# ---- zip ------------------------------------------------------------------------------------

if have zip; then
    command_of "$image/zip.sh" -b stand_in -m model.blob -c roots.pem -o first.zip
    check "zip.sh succeeds" ended 0
    (umask 077 && TZ=Asia/Kathmandu "$image/zip.sh" -b elsewhere/stand_in -m model.blob \
        -c roots.pem -o second.zip)
    check "zip.sh writes the same bytes twice" same first.zip second.zip
    command_of "$check_image" first.zip
    check "check_image accepts the zip" ended 0
    zip_refused() { # RULE: check_image refuses broken.zip and names the rule
        command_of "$check_image" broken.zip
        check "check_image refuses a zip that breaks $1" matches_one out "FAIL  $1: .*"
        rm broken.zip
    }
    cp first.zip broken.zip && zip -q broken.zip digest
    zip_refused zip-files
    cp first.zip broken.zip && zip -q -d broken.zip model.distil
    zip_refused zip-files
    cp first.zip broken.zip && zip -q -d broken.zip ca-certificates.crt
    zip_refused tls
    mkdir zip && cp model.blob zip/bootstrap && cp model.blob zip/model.distil
    chmod 600 zip/*
    (cd zip && zip -q ../broken.zip bootstrap model.distil)
    cp broken.zip again.zip
    zip_refused zip-modes
    mv again.zip broken.zip && cp broken.zip again.zip
    zip_refused static-program
    mv again.zip broken.zip
    zip_refused reproducible
    rm zip/model.distil && truncate -s 263000000 zip/model.distil
    (cd zip && zip -q -1 ../broken.zip bootstrap model.distil)
    zip_refused zip-size
    command_of "$image/zip.sh" -b "$build/bootstrap" -m "$blob" -c roots.pem -o function.zip
    python3 -m zipfile -e function.zip task && chmod 755 task/bootstrap
    command_of "$distil" serve --local --raw --event "$root/tests/events/sns.json" -m "$blob" -- \
        env -u DISTIL_MODEL "LAMBDA_TASK_ROOT=$dir/task" "$dir/task/bootstrap"
    check "the zip's program finds its model in LAMBDA_TASK_ROOT" says out '"statusCode":200'
else
    skip zip "zip is not installed"
fi

# ---- bill of materials, provenance, model card ----------------------------------------------

describe() { # LAYOUT
    command_of "$image/describe.sh" -i "$1" -b stand_in -m "$blob" -d "$distil" -l Apache-2.0
}
command_of "$image/assemble.sh" -b stand_in -m "$blob" -o described
describe described
check "describe.sh succeeds" ended 0
mkdir once && cp described.* once/
describe described
check "the bill of materials is the same twice" same described.sbom.json once/described.sbom.json
check "the provenance is the same twice" same described.provenance.json \
    once/described.provenance.json
check "the provenance names the commit" says described.provenance.json \
    "\"gitCommit\": \"$REVISION\""
check "the model card lists the source files" says described.model-card.md '`model.safetensors`'
command_of python3 "$root/tests/image/validate.py" described
if [ "$rc" -eq 77 ]; then
    skip validators "$(sed -n 's/^skip validators: //p' out)"
else
    check "the documents are valid and true, and every damage is noticed" ended 0
fi
SCANNER=true command_of "$image/scan.sh" described.sbom.json
check "scan.sh succeeds if the scanner finds nothing" ended 0
SCANNER='grep -c glibc' command_of "$image/scan.sh" described.sbom.json
check "scan.sh gives the scanner the bill of materials" ended 0
SCANNER=false command_of "$image/scan.sh" described.sbom.json
check "scan.sh fails if the scanner finds something" ended 1

# ---- pins -----------------------------------------------------------------------------------

cp "$root/lambda/Dockerfile" Dockerfile
export DOCKERFILE=Dockerfile
pins=$root/tools/image/pin_images
command_of "$pins" --show
check "pin_images --show prints the pinned packages" matches_one out 'gcc-12 [0-9].*'
sed -n 1p out >builder
if have skopeo && have docker-registry; then
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
    cat >registry.yml <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $dir/registry}}
http: {addr: "127.0.0.1:$port"}
END
    docker-registry serve registry.yml >registry.log 2>&1 &
    registry=$!
    repository=127.0.0.1:$port/team/distil
    tries=0
    until [ $tries -ge 50 ] ||
        skopeo copy -q --dest-tls-verify=false oci-archive:first.tar "docker://$repository:v1" 2>err
    do
        tries=$((tries + 1))
        sleep 0.1
    done
    command_of skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$repository:v1"
    check "a registry keeps the digest of a pushed image" same out digest
    command_of "$pins" --tls-verify=false "$repository:v1"
    check "pin_images succeeds with a tag that the registry has" ended 0
    sed "s|^|$repository@|" digest >expected
    check "pin_images prints the image with its digest" same out expected
    command_of "$pins" --show
    check "pin_images writes the digest into the Dockerfile" eval 'sed 1q out | cmp -s - expected'
    command_of "$pins" --tls-verify=false
    check "pin_images looks up the name in the Dockerfile" same out expected
    cp Dockerfile before
    command_of "$pins" --tls-verify=false "$repository:v2"
    check "pin_images fails for an unknown tag" ended 1
    check "a failed look-up leaves the Dockerfile unchanged" same Dockerfile before
    check "the message says that the registry has no such manifest" says err \
        'the registry gave no manifest'
    command_of "$pins" "$repository@$(cat digest)"
    check "pin_images refuses a name with a digest" ended 1
    kill $registry
else
    skip registry "skopeo or docker-registry is not installed"
fi
unset DOCKERFILE
check "the development container uses lambda/Dockerfile" says \
    "$root/.devcontainer/devcontainer.json" \
    '"dockerfile": "../lambda/Dockerfile"'

# ---- the image of this build ----------------------------------------------------------------

tls=none
grep -q OPENSSL_init_ssl "$build/bootstrap" && tls=openssl
command_of "$image/assemble.sh" -b "$build/bootstrap" -m "$blob" -c roots.pem -o real
check "assemble.sh succeeds with the real program and model" ended 0
command_of "$check_image" --tls "$tls" --max-mb 31 --expect positive --distil "$distil" real.tar
reason=$(sed -n 's/^SKIP  [^:]*: //p' out | head -n 1)
if [ -z "$reason" ]; then
    check "check_image accepts the image of the function" ended 0
else
    check "check_image finds nothing wrong with the image of the function" ended 3
    skip real "$reason"
fi

finish test_image
