#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Compares the binary interface of runtime/distil.h with the recorded one, tests/golden/abi.txt, and
# checks that the shared library carries the interface's number in its name. A header that would
# break programs which were compiled before must have a new number.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

golden=$root/tests/golden/abi.txt
dump() { # HEADER
    "$root/tools/check/dump_abi.sh" "$1"
}

# Says what to do about the difference between the recorded interface and that of a header.
judge() { # HEADER
    dump "$1" >new || return 2
    cmp -s "$golden" new && return 0
    grep -v '^abi ' "$golden" | grep -vxFf new >lost
    if [ -s lost ] && [ "$(head -n 1 "$golden")" = "$(head -n 1 new)" ]; then
        cat lost
        echo "these parts are gone or different: raise DISTIL_ABI in runtime/distil.h, unless no"
        echo "release has this number yet; say what has changed in CHANGELOG.md under 'ABI'; run"
        echo "tools/check/dump_abi.sh >tests/golden/abi.txt"
        return 1
    fi
    diff "$golden" new
    echo "the interface has grown or has a new number:"
    echo "run tools/check/dump_abi.sh >tests/golden/abi.txt"
    return 1
}

check "the header declares the recorded interface" judge "$root/runtime/distil.h"

number=$(sed -n 's/^abi //p' "$golden")
if command -v readelf >/dev/null; then
    check "the shared library has that number in its name" sh -c 'readelf -d "$1/libdistil.so" |
        grep -q "SONAME.*\[libdistil\.so\.$2\]"' sh "$build" "$number"
else
    skip "soname" "no readelf"
fi

# A header in which something is missing, moved, or different must not pass as the same interface.
refused() { # WORDS SED-COMMAND
    sed "$2" "$root/runtime/distil.h" >distil.h
    cmp -s distil.h "$root/runtime/distil.h" && return 1
    judge "$dir/distil.h" >said
    [ $? -eq 1 ] && grep -q "$1" said
}
check "a member that is gone is noticed" refused 'raise DISTIL_ABI' '/^    int truncated;$/d'
check "a type that changes is noticed" refused 'raise DISTIL_ABI' \
    's/size_t token_count/int token_count/'
check "a value that changes is noticed" refused 'raise DISTIL_ABI' \
    's/DISTIL_BAD_CPU = 41/DISTIL_BAD_CPU = 49/'
check "a parameter that changes is noticed" refused 'raise DISTIL_ABI' \
    's/distil_isa_name(distil_isa isa)/distil_isa_name(int isa)/'
check "a function more is noticed" refused 'has grown' \
    's/^DISTIL_API const char \*distil_version(void);/&\nDISTIL_API int distil_more(void);/'
check "a new number is enough" refused 'has a new number' \
    "s/^#define DISTIL_ABI .*/#define DISTIL_ABI 99/; /^    int truncated;\$/d"
finish test_abi
