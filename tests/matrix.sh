#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the product with many compilers and flags, and checks that each build gives the same bits
# or is refused at compile time. It prints one line of a table for each row, and last the sum in the
# form that tests/run.sh prints. docs/building.md shows the table.
#
# A row without flags builds the library, the command and bootstrap. A row with flags builds the
# library and links it with the command of the reference, or builds the command too with FULL=1.
#
#     tests/matrix.sh [--list] [--sample] [WORD...]
#
# --list prints the rows and builds nothing. --sample takes the few rows that .ci/run builds. With
# WORDs it takes the rows that contain one of them, for example "clang-19" or "-ftrapv".
#
# A row is "same bits" if check_kernels passes and the answers to some sentences equal those of the
# reference on every level of this CPU. The reference is the build in DISTIL_BUILD (default
# "build"), which the script brings up to date first. A row is "refused" if an #error of this
# project stopped the compiler. That is only accepted of rows whose flags change the arithmetic of
# floats. A row whose compiler or archiver is not installed is skipped.
#
#     ZIG     the command of Zig; the default is the one that `make portable` installs, or "zig"
#     FILTER  the cases of check_kernels; default "*7*", a tenth of them from every operation
#     JOBS    how many compilers run at once; default the number of processors
#     READY=1 take the reference as it is, as tests/in_debian.sh may for a build of this machine
#     KEEP=1  keep the logs of all rows in DISTIL_BUILD/matrix

set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES DISTIL_ISA DISTIL_MODEL CC CFLAGS CPPFLAGS LDFLAGS \
    WERROR DEBUG 2>/dev/null
LC_ALL=C
export LC_ALL
reference=${DISTIL_BUILD:-build}
if [ -z "${ZIG-}" ]; then
    ZIG=$reference/zig/package/ziglang/zig
    [ -x "$ZIG" ] || ZIG=zig
fi
FILTER=${FILTER:-*7*}
JOBS=${JOBS:-$(nproc)}

# The columns are: s if --sample takes the row, the verdict that is expected, the compiler, and the
# flags. Flags beginning with LDFLAGS= or AR= are settings of make.
rows() {
    # Compilers, with the flags of the Makefile.
    for compiler in gcc-11 gcc-12 gcc-13 gcc-14 gcc-15 gcc-16 clang-14 clang-15 clang-16 clang-17 \
        clang-18 clang-19 clang-20 clang-21 clang-22 zig; do
        echo "- same $compiler"
    done
    echo "s same musl-gcc"
    # The targets of `make portable`; by itself Zig compiles for this CPU and this C library.
    echo "- same zig -target x86_64-linux-gnu.2.17"
    echo "- same zig -target x86_64-linux-musl"
    # Flags that users and distributions set.
    for compiler in gcc clang; do
        echo "$([ $compiler = clang ] && echo s || echo -) same $compiler -funsigned-char"
        for flag in -fshort-enums -fno-strict-aliasing -fwrapv -ftrapv -fstack-protector-all \
            -fcf-protection=full -ftrivial-auto-var-init=pattern -mno-red-zone -O0 -O1 -O3 -Os -Oz \
            -march=native -mprefer-vector-width=128 -mprefer-vector-width=512 \
            -ffp-contract=fast; do
            echo "- same $compiler $flag"
        done
    done
    echo "- same gcc -flto AR=gcc-ar"
    echo "- same clang-19 -flto AR=llvm-ar-19 LDFLAGS=-fuse-ld=lld-19"
    # Debian 12: dpkg-buildflags with hardening=+all. Fedora 40: its redhat-rpm-config.
    echo "s same gcc -O2 -fstack-protector-strong -Wformat -Werror=format-security -Wdate-time" \
        "-D_FORTIFY_SOURCE=2 LDFLAGS=-Wl,-z,relro LDFLAGS=-Wl,-z,now"
    echo "- same gcc -O2 -flto=auto -ffat-lto-objects -fexceptions -Wp,-U_FORTIFY_SOURCE" \
        "-Wp,-D_FORTIFY_SOURCE=3 -fstack-protector-strong -m64 -march=x86-64 -mtune=generic" \
        "-fasynchronous-unwind-tables -fstack-clash-protection -fcf-protection" \
        "-fno-omit-frame-pointer -mno-omit-leaf-frame-pointer AR=gcc-ar LDFLAGS=-Wl,-z,relro" \
        "LDFLAGS=-Wl,--as-needed LDFLAGS=-Wl,-z,now"
    # Flags that change the results of float arithmetic. The build refuses them or undoes them.
    for compiler in gcc clang; do
        for flag in -ffast-math -Ofast -funsafe-math-optimizations -freciprocal-math \
            -fassociative-math -ffinite-math-only; do
            mark=-
            [ "$flag" != -ffast-math ] || mark=s
            echo "$mark either $compiler $flag"
        done
    done
}

sample=
list=
words=
for argument; do
    case $argument in
    --sample) sample=s ;;
    --list) list=1 ;;
    --*) echo "usage: tests/matrix.sh [--list] [--sample] [WORD...]" >&2; exit 2 ;;
    *) words="$words $argument" ;;
    esac
done

# selected ROW: whether the command line takes this row.
selected() {
    [ -z "$sample" ] || [ "${1%% *}" = s ] || return 1
    [ -n "$words" ] || return 0
    for word in $words; do
        case " $1 " in *" $word "*) return 0 ;; esac
    done
    return 1
}

if [ -n "$list" ]; then
    rows | while read -r row; do
        ! selected "$row" || echo "${row#? }"
    done
    exit 0
fi
# The reference must be of the same sources as the rows.
[ -n "${READY-}" ] || make -j"$JOBS" BUILD="$reference" all "$reference/libtest.a" \
    "$reference/obj/tests/unit/kernels/check_kernels.o" >/dev/null || exit 1

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
logs=$dir
[ -z "${KEEP-}" ] || { logs=$reference/matrix && mkdir -p "$logs"; }
blob=$PWD/$reference/sst2.distil
case $reference in /*) blob=$reference/sst2.distil ;; esac

# Every 20th sentence of the development set, of many lengths.
tail -n +2 tests/data/sst2/dev.tsv | cut -f 1 | awk 'NR % 20 == 1' >"$dir/sentences"

# answers PROGRAM: prints a hash for each level that runs here, and the levels.
answers() {
    for level in $("$reference/distil" isa | awk '$2 == "yes" { print $1 }'); do
        DISTIL_ISA=$level "$1" classify --jsonl -m "$blob" <"$dir/sentences" | sha256sum
    done | cut -c 1-64 | sort -u
}
wanted=$(answers "$reference/distil")
if [ "$(echo "$wanted" | wc -l)" -ne 1 ]; then
    echo "the reference $reference/distil answers differently on different levels" >&2
    exit 1
fi

# link_row PROGRAM OBJECTS...: links a program with the row's library. A row without flags has its
# own command already.
link_row() {
    [ ! -x "$1" ] || return 0
    # shellcheck disable=SC2086
    $cc $flags $ldflags -o "$@" "$row/libdistil.a" "$command/libbase.a" -lm -pthread
}

# build_row COMPILER FLAGS...: builds the row in $dir/row and runs its tests. Prints the verdict.
build_row() {
    compiler=$1
    cc=$1
    shift
    [ "$cc" != zig ] || cc="$ZIG cc"
    ar=ar
    flags=
    ldflags=
    for flag; do
        case $flag in
        LDFLAGS=*) ldflags="$ldflags ${flag#LDFLAGS=}" ;;
        AR=*) ar=${flag#AR=} ;;
        *) flags="$flags $flag" ;;
        esac
    done
    row=$dir/row
    rm -rf "$row"
    programs="$row/libdistil.a $row/libdistil.so"
    [ -n "$flags" ] || programs="$programs $row/distil $row/bootstrap"
    # Short enumerations change how the command and the library pass arguments, and another target
    # may have another C library.
    command=$reference
    case ${FULL-}$flags in
    1* | *short-enums* | *-target*)
        programs="$programs $row/distil $row/libprog.a $row/libbase.a $row/libtest.a"
        programs="$programs $row/obj/tests/unit/kernels/check_kernels.o"
        programs="$programs $row/obj/tools/command/distil.o"
        command=$row
        ;;
    esac
    # shellcheck disable=SC2086
    if ! make -j"$JOBS" CC="$cc" AR="$ar" BUILD="$row" CFLAGS="$flags" LDFLAGS="$ldflags" \
        $programs; then
        echo build >"$dir/verdict"
        return
    fi
    echo link >"$dir/verdict"
    link_row "$row/check_kernels" "$command/obj/tests/unit/kernels/check_kernels.o" \
        "$command/libtest.a" || return
    link_row "$row/distil" "$command/obj/tools/command/distil.o" "$command/libprog.a" || return
    timeout 900 "$row/check_kernels" --filter "$FILTER" &
    kernels=$!
    found=$(answers "$row/distil")
    if ! wait $kernels; then
        echo kernels >"$dir/verdict"
    elif [ "$found" != "$wanted" ]; then
        echo answers >"$dir/verdict"
    elif [ -z "$flags" ] && ! "$row/bootstrap" --version; then
        echo bootstrap >"$dir/verdict"
    else
        echo same >"$dir/verdict"
    fi
}

# describe COMPILER: prints the compiler's own name and version.
describe() {
    case $1 in
    zig) echo "zig $($ZIG version 2>/dev/null), $($ZIG cc --version | sed -n 1p)" ;;
    *) echo "$1 $("$1" --version | sed -n '1s/.* \([0-9][0-9.]*\).*/\1/p')" ;;
    esac
}

# libc COMPILER FLAGS...: prints the C library that the compiler links.
libc() {
    case $* in
    *gnu.2.17) echo "glibc 2.17" ;;
    *linux-musl) echo "musl of Zig" ;;
    musl-gcc*) echo "musl $(dpkg-query -W -f '${Version}' musl 2>/dev/null | cut -d - -f 1)" ;;
    *) getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown ;;
    esac
}

# installed COMPILER FLAGS...: whether the compiler and the archiver of a row are there.
installed() {
    case $1 in
    zig) $ZIG cc --version ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1 || return 1
    for flag; do
        case $flag in AR=*) command -v "${flag#AR=}" >/dev/null || return 1 ;; esac
    done
}

passed=0
failed=0
skipped=0
number=0
echo "| compiler | C library | flags | result | s |"
echo "|---|---|---|---|---|"
rows >"$dir/rows"
while read -r row; do
    selected "$row" || continue
    # shellcheck disable=SC2086
    set -- $row
    expected=$2
    compiler=$3
    shift 3
    number=$((number + 1))
    if ! installed "$compiler" "$@"; then
        skipped=$((skipped + 1))
        echo "skip $compiler $*: its compiler or archiver is not installed" >&2
        continue
    fi
    begin=$(date +%s)
    log=$logs/row-$number.log
    build_row "$compiler" "$@" >"$log" 2>&1 </dev/null
    verdict=$(cat "$dir/verdict")
    if [ "$verdict" = build ] && grep -q '#error\|distil needs IEEE 754' "$log"; then
        verdict=refused
    fi
    case $verdict-$expected in
    same-same | same-either) result="same bits" ;;
    refused-refused | refused-either) result="refused" ;;
    *) result="**FAIL: $verdict**" ;;
    esac
    case $result in
    *FAIL*)
        failed=$((failed + 1))
        grep -E 'error|not ok|FAIL|warning' "$log" | head -n 20 >&2
        ;;
    *) passed=$((passed + 1)) ;;
    esac
    echo "| $(describe "$compiler") | $(libc "$compiler" "$@") | \`$*\` | $result |" \
        "$(($(date +%s) - begin)) |" | sed 's/ `` / /'
done <"$dir/rows"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
