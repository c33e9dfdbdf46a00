#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The direction of includes (docs/style.md): who may include whom, and from which headers of the
# system. Quoted includes are written from the root and name a file that exists; angle brackets
# never name a file of the project; C source files have names of their own across the tree.

set -u
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/../.." || exit 1
findings=$(mktemp) || exit 1
trap 'rm -f "$findings"' EXIT

grep -rn --include='*.[chS]' --include='*.inc' '^[[:space:]]*#[[:space:]]*include' \
    kernels model runtime lambda tests bench tools | while IFS=: read -r file line text; do
    target=$(printf '%s\n' "$text" | sed -n 's/^[^"<]*\(["<][^">]*[">]\).*/\1/p')
    complain() { echo "$file:$line: $target: $1"; }
    name=${target#?}
    name=${name%?}
    case $target in
    \"*)
        [ -f "$name" ] || complain "no such file from the root"
        case $file:$name in
        # The public header stands alone.
        runtime/distil.h:*) complain "the public header includes no other header of the project" ;;
        # Files of one level know their own helpers only.
        kernels/*_avx*.[chi]*:kernels/kernels.h | kernels/*_avx*.[chi]*:kernels/poly.h) ;;
        kernels/*_avx*.[chSi]*:kernels/simd_*.h | kernels/*_avx*.[chS]:kernels/*.inc) ;;
        kernels/*_avx*:*) complain "level files include kernels.h, poly.h and simd_*.h only" ;;
        kernels/*:kernels/simd_*) complain "simd_*.h is for the files of its level" ;;
        kernels/*:kernels/*) ;;
        kernels/*:*) complain "kernels/ includes no other folder" ;;
        runtime/base/*:runtime/base/*) ;;
        runtime/base/*:*) complain "runtime/base/ includes no other folder" ;;
        *:runtime/base/*) ;;
        model/*:model/*) ;;
        model/*:*) complain "model/ includes runtime/base/ and itself" ;;
        runtime/*:runtime/* | runtime/*:model/* | runtime/*:kernels/kernels.h) ;;
        runtime/*:*) complain "runtime/ includes model/, kernels/kernels.h and itself" ;;
        lambda/net/*:lambda/net/*) ;;
        lambda/net/*:*) complain "lambda/net/ includes runtime/base/ and itself" ;;
        lambda/*:lambda/* | lambda/*:runtime/distil.h) ;;
        lambda/*:*) complain "lambda/ uses runtime/distil.h, runtime/base/ and itself" ;;
        tests/*:bench/*) complain "tests/ does not include bench/" ;;
        tests/*:*) ;;
        bench/*:bench/* | bench/*:runtime/distil.h | bench/*:kernels/kernels.h) ;;
        bench/*:tests/support/kernel_*.h | bench/*:tests/support/harness.h) ;;
        bench/*:kernels/kernels.inc) ;;
        # The built-in profile gives the encoder a table of kernels that read the clock.
        bench/bench_model.c:runtime/encoder.h | bench/bench_model.c:model/blob.h) ;;
        bench/bench_model.c:runtime/pool.h) ;;
        # A cold start on a timeline does what the library does, with a clock read between.
        bench/harness/cold_child.c:runtime/*.h | bench/harness/cold_child.c:model/blob.h) ;;
        # Load on the function comes by its own client.
        bench/harness/load.c:lambda/net/http_client.h) ;;
        bench/*:*) complain "bench/ uses distil.h, kernels.h and the tests' cases and harness" ;;
        # The local stand-in for AWS speaks the function's protocols; the command does not.
        tools/serve/*:lambda/net/http.h) ;;
        tools/serve/*:tools/serve/* | tools/serve/*:tools/command/*) ;;
        tools/command/*:tools/command/* | tools/command/*:tools/convert/*) ;;
        tools/convert/*:tools/convert/*) ;;
        tools/*:tools/*) complain "command/ uses convert/, serve/ uses command/, no other way" ;;
        tools/*:tests/* | tools/*:bench/* | tools/*:lambda/*) complain "not for tools/" ;;
        tools/*:kernels/kernels.h | tools/*:kernels/kernels.inc) ;;
        tools/*:kernels/*) complain "only kernels/kernels.h is for other folders" ;;
        tools/*:*) ;;
        esac
        ;;
    \<*)
        [ ! -f "$name" ] || complain "a file of the project belongs in quotes, from the root"
        case $file:$name in
        kernels/*:immintrin.h | kernels/*:cpuid.h) ;;
        kernels/*:assert.h | kernels/*:float.h | kernels/*:limits.h | kernels/*:math.h) ;;
        kernels/*:stdio.h | kernels/*:stdlib.h) complain "kernels/ neither prints nor allocates" ;;
        kernels/*:std*.h | kernels/*:string.h | kernels/*.S:cet.h) ;;
        kernels/*:*) complain "kernels/ uses freestanding headers, math.h and intrinsics" ;;
        *:immintrin.h | *:x86intrin.h | *:cpuid.h)
            case $file in
            bench/* | tests/*) ;; # cycle counter, recorded CPUs
            *) complain "instruction sets are known in kernels/ only" ;;
            esac
            ;;
        esac
        ;;
    *) complain "neither quoted nor in angle brackets" ;;
    esac
done >"$findings"

find kernels model runtime lambda tests bench tools -name '*.[cS]' | sed 's|.*/||' | sort |
    uniq -d | grep -vx -e 'distil\.c' -e 'clock\.c' |
    sed 's/$/: more than one source file has this name/' >>"$findings"
# The library's and the command's distil.c are named after what they are; so are the function's
# clock.c, which keeps deadlines, and the benchmarks', which counts cycles.

cat "$findings"
[ ! -s "$findings" ]
