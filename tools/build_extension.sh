#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds an extension of a database, with the library in it, as one file:
#
#     tools/build_extension.sh sqlite DIRECTORY    DIRECTORY/distil.so
#     tools/build_extension.sh duckdb DIRECTORY    DIRECTORY/distil.duckdb_extension
#
# The databases find the entry point by the name of the file, so the name must stay. The first form
# needs the header sqlite3ext.h. The second needs no header, and compares its declarations with the
# header duckdb_extension.h if DUCKDB_INCLUDE names a folder that has it. CC, CFLAGS, LDFLAGS and
# DISTIL_BUILD, the build directory with libdistil.a, come from the environment.

set -eu
if [ $# -ne 2 ]; then
    echo "usage: tools/build_extension.sh sqlite|duckdb DIRECTORY" >&2
    exit 2
fi
kind=$1
out=$2
root=$(cd "$(dirname "$0")/.." && pwd)
build=${DISTIL_BUILD:-$root/build}
source=$root/runtime/$kind/distil_$kind.c
mkdir -p "$out"

# compile OUTPUT OPTIONS...
compile() {
    output=$1
    shift
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c11 -D_DEFAULT_SOURCE -I"$root" -O2 ${CFLAGS-} "$@" -Wall -Wextra -fPIC -shared \
        -fvisibility=hidden -Wl,--exclude-libs,ALL -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now \
        -Wl,-s ${LDFLAGS-} -o "$output" "$source" "$build/libdistil.a" -lm -pthread
}

# field TEXT: prints a field of DuckDB's footer, which is padded with NUL to 32 bytes.
field() {
    printf %s "$1"
    head -c $((32 - ${#1})) /dev/zero
}

case $kind in
sqlite)
    if ! echo '#include <sqlite3ext.h>' | ${CC:-cc} ${CFLAGS-} -E - >/dev/null 2>&1; then
        echo "$0: sqlite3ext.h is not installed: apt-get install libsqlite3-dev" >&2
        exit 1
    fi
    compile "$out/distil.so.tmp"
    mv "$out/distil.so.tmp" "$out/distil.so"
    ;;
duckdb)
    version=$(sed -n 's/^.define DISTIL_VERSION_[MP][A-Z]* //p' "$root/runtime/distil.h" |
        paste -sd .)
    file=$out/distil.duckdb_extension
    compile "$file.tmp" ${DUCKDB_INCLUDE:+-DDUCKDB_HEADER "-I$DUCKDB_INCLUDE"}
    # DuckDB refuses a file without this footer: a section of WebAssembly named duckdb_signature,
    # whose fields are three unused ones, the kind of interface, the extension's version, that of
    # the interface, the platform and a number for the format, and room for a signature.
    {
        printf '\000\223\004\020duckdb_signature\200\004'
        for text in '' '' '' C_STRUCT "v$version" v1.2.0 linux_amd64 4; do
            field "$text"
        done
        head -c 256 /dev/zero
    } >>"$file.tmp"
    mv "$file.tmp" "$file"
    ;;
*)
    echo "$0: $kind is neither sqlite nor duckdb" >&2
    exit 2
    ;;
esac
