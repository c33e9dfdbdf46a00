#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks that the Dockerfile copies every file that the program's build reads. It lays out only what
# the COPY lines of the stage `program` name and lets the preprocessor resolve the includes of every
# C and assembly file there. Building the image itself needs a container tool, a Debian mirror and a
# minute (tests/image/run_dockerfile.sh); this test needs none of them.

set -u
cd "${DISTIL_TEST_ROOT:-.}" || exit 1
CC=${CC:-cc}
# The settings of an outer make, such as its build directory, are not those of the image.
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES 2>/dev/null
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

result() { # NAME STATUS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        echo "not ok $1"
        failed=$((failed + 1))
    fi
}

# copy lays out one COPY line: its last word is the destination, and each other word is a pattern of
# files or a folder whose contents go there.
copy() { # SOURCE... DESTINATION
    for to; do :; done
    mkdir -p "$work/$to" || return 1
    while [ $# -gt 1 ]; do
        if [ -d "$1" ]; then
            cp -R "$1/." "$work/$to/" || return 1
        else
            cp "$1" "$work/$to/" || return 1
        fi
        shift
    done
}

lines=$(sed -n '/ AS program$/,/^RUN make/s/^COPY //p' lambda/Dockerfile)
[ "$(echo "$lines" | wc -l)" -ge 5 ]
result "the stage has COPY lines" $?
while read -r line; do
    # shellcheck disable=SC2086
    copy $line
    result "COPY $line" $?
done <<EOF
$lines
EOF

# The extensions of database engines need headers of those engines. The image does not build them.
sources=$(cd "$work" && find kernels model runtime tools lambda -name '*.[cS]' \
    ! -path 'runtime/sqlite/*' ! -path 'runtime/duckdb/*' | sort)
[ "$(echo "$sources" | wc -l)" -ge 100 ]
result "the stage has the sources" $?
# A machine or a compiler without OpenSSL gets empty files in the place of its headers.
mkdir -p "$work/empty/openssl"
for header in $(sed -n 's|^#include <\(openssl/.*\)>|\1|p' "$work"/lambda/net/*.c); do
    : >"$work/empty/$header"
done
for file in $sources; do
    (cd "$work" && $CC -std=c11 -ffp-contract=off -I. -idirafter empty -E "$file" >/dev/null)
    result "$file finds what it includes" $?
done
(cd "$work" && make -n BUILD=build build/bootstrap build/distil >/dev/null)
result "make finds what it builds from" $?

echo "test_dockerfile: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
