#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Disassembles every object of the product and checks that a file named *_LEVEL.o uses only
# instructions of LEVEL, and every other file only those of the x86-64 baseline. One instruction in
# the wrong file would crash the program on an older CPU.
#
#     tools/check/check_isa.sh [DIRECTORY]
#
# DIRECTORY is a build directory or a directory of objects; the default is $DISTIL_BUILD or "build".

set -u
LC_ALL=C
export LC_ALL
build=${1:-${DISTIL_BUILD:-build}}
if [ -d "$build/obj" ]; then
    build=$build/obj
fi
objects=$(find "$build" -name '*.o' ! -path '*/tests/*' ! -path '*/bench/*' | sort)
if [ -z "$objects" ]; then
    echo "$build: no objects; run make first"
    exit 1
fi

# Extended regular expressions that match "MNEMONIC OPERANDS" of instructions a level must not use.
zmm='%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])|\{%k'
ymm='%ymm'
vnni='^vpdp'
# Mnemonics of VEX and EVEX encodings begin with v; verr and verw, which are older, do so too. tzcnt
# is missing from the list because old CPUs execute its encoding as bsf, and compilers rely on that.
vex='^v[^e]|^ve[^r]'
# tzcnt is not in this list, because compilers use its encoding for bsf on every CPU.
bmi='^(andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|lzcnt|popcnt)[wlq]? '
sse4='^(pshufb|pmaddubsw|phadd|palignr|pmulld|ptest|round[ps][sd]|blend|insertps|extractps|crc32)'
sse4="$sse4|^(pcmpgtq|pmov[sz]x|pextr[bdq]|pinsr[bdq]|pm(in|ax)(s[bd]|u[wd]))"

tab=$(printf '\t')
found=0
for object in $objects; do
    case $object in
    *_avx512vnni.o) forbidden='' ;;
    *_avx512.o) forbidden=$vnni ;;
    *_avxvnni.o) forbidden=$zmm ;;
    *_avx2.o) forbidden="$zmm|$vnni" ;;
    *) forbidden="$zmm|$ymm|$vnni|$vex|$bmi|$sse4" ;;
    esac
    if [ -z "$forbidden" ]; then
        continue
    fi
    # objdump prints "  1c:<tab>vmovaps %ymm0,(%rdi)"; keep what follows the tab.
    leaked=$(objdump -d --no-show-raw-insn "$object" | sed -n "s/^ *[0-9a-f]*:$tab//p" |
        grep -E -- "$forbidden" | sort | uniq -c | sort -rn | head -n 3)
    if [ -n "$leaked" ]; then
        echo "$object uses instructions that its name does not promise:"
        echo "$leaked"
        found=1
    fi
done
exit $found
