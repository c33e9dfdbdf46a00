#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks that programs and shared objects run on the machines that a portable build is for.
#
#     tools/portable/check_portable.sh VERSION FILE...   every FILE runs with glibc VERSION, such as
#                                                        2.17: it asks for no newer symbol and for
#                                                        no library but those of glibc
#     tools/portable/check_portable.sh static FILE...    every FILE runs without any library
#
# It prints a line for each file, and exits with 1 if one does not pass.

set -u
LC_ALL=C
export LC_ALL
if [ $# -lt 2 ]; then
    echo "usage: tools/portable/check_portable.sh VERSION|static FILE..." >&2
    exit 2
fi
most=$1
shift

needed_libraries() { # FILE
    readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

# newest_symbol FILE: prints the newest version of glibc that the file needs. Packed relocations are
# asked for by a name without a version, which glibc 2.36 was the first to have.
newest_symbol() {
    readelf --version-info -W "$1" |
        sed -n 's/GLIBC_ABI_DT_RELR/GLIBC_2.36/; s/.*Name: GLIBC_\([0-9.]*\) .*/\1/p' |
        sort -u -t . -k 1,1n -k 2,2n -k 3,3n | tail -n 1
}

# is_newer A B: succeeds if version A is newer than version B.
is_newer() {
    [ "$1" != "$2" ] &&
        [ "$(printf '%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | tail -n 1)" = "$1" ]
}

# finding FILE: prints what keeps the file from running there, or nothing.
finding() {
    if ! readelf -h "$1" >/dev/null 2>&1; then
        echo "not a program or shared object"
    elif [ "$most" = static ]; then
        ! readelf -lW "$1" | grep -q INTERP || echo "asks for a dynamic linker"
        needed_libraries "$1" | sed 's/^/needs /'
    else
        needed_libraries "$1" | grep -vx -e 'libc\.so\.6' -e 'libm\.so\.6' \
            -e 'libpthread\.so\.0' -e 'ld-linux-x86-64\.so\.2' | sed 's/^/needs /'
        newest=$(newest_symbol "$1")
        if [ -z "$newest" ]; then
            echo "asks for no symbol of glibc"
        elif is_newer "$newest" "$most"; then
            # The names go on one line.
            # shellcheck disable=SC2046
            echo "needs glibc $newest:" $(readelf --dyn-syms -W "$1" |
                sed -n "s/.* \([^ ]*\)@GLIBC_$newest .*/\1/p" | sort -u)
        fi
    fi
}

failed=0
for file; do
    found=$(finding "$file")
    if [ -n "$found" ]; then
        printf '%s\n' "$found" | sed "s|^|FAIL  $file: |"
        failed=1
    elif [ "$most" = static ]; then
        echo "PASS  $file: static"
    else
        echo "PASS  $file: glibc $(newest_symbol "$file")"
    fi
done
exit $failed
