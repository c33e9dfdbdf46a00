#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Simulates the compiled inner loops of the int8 product and of attention with llvm-mca, on models
# of real CPUs. The test fails if a loop takes more cycles per multiply instruction than
# tests/golden/mca.tsv records, plus a tolerance: the compiler has spilled registers or not unrolled
# a loop. It also fails if the number of prefetches differs, because compilers may drop prefetches,
# which no test of results can see. The simulation assumes that loads hit the first-level cache. It
# needs neither a CPU of the level nor a quiet machine.
#
#     tests/system/test_mca.sh            compares with the recorded figures
#     tests/system/test_mca.sh --record   prints the figures of the present objects, of gcc or clang
#
# The script finds the loop in the object: of all innermost loops those with the most multiplies,
# and of these the one with the fewest prefetches, which is the loop for many tiles, and then the
# shortest. The rows few_LEVEL of the table are for the loop with the most prefetches, which is for
# few tiles.
#
# Environment: DISTIL_BUILD  the build directory (build)

set -u
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${DISTIL_BUILD:-$root/build}
golden=$root/tests/golden/mca.tsv
tolerance=10 # per cent; versions of a compiler differ by less, and a spill costs far more
iterations=200

for tool in llvm-mca objdump nm; do
    command -v $tool >/dev/null 2>&1 && continue
    echo "skip mca: $tool is not installed"
    exit 77
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Print the instructions of the chosen loop, without its branch, in the form that llvm-mca reads.
# MOST is 1 for the loop with the most prefetches and 0 for the one with the fewest.
inner_loop() { # OBJECT MULTIPLY MOST
    objdump -d --no-show-raw-insn "$1" | awk -v multiply="$2" -v most="$3" '
        function hex(text,    i, value) {
            for (i = 1; i <= length(text); i++)
                value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
            return value
        }
        # The next function may be in another section and have the same addresses.
        />:$/ { n = 0; delete back; next }
        /^ *[0-9a-f]+:\t/ {
            n++
            split($0, field, ":\t")
            gsub(/ /, "", field[1])
            place[n] = hex(field[1])
            text[n] = field[2]
            sub(/[ \t]*(#|<).*/, "", text[n])
            if (text[n] !~ /^j/)
                next
            split(text[n], word, " ")
            if (hex(word[2]) >= place[n])
                next
            count = fetched = 0
            for (i = n - 1; i > 0 && place[i] >= hex(word[2]) && !back[place[i]]; i--) {
                count += text[i] ~ multiply
                fetched += text[i] ~ /^prefetch/
            }
            if (i > 0 && place[i] >= hex(word[2]))
                next # The loop contains another one.
            back[place[n]] = 1
            # The number of prefetches counts first, since no loop has 1000 instructions.
            cost = (most ? 99 - fetched : fetched) * 1000 + n - i
            if (count > best || (count == best && count > 0 && cost < least)) {
                best = count
                least = cost
                body = ""
                for (i++; i < n; i++)
                    body = body text[i] "\n"
            }
        }
        END { printf "%s", body }'
}

# Print the simulated cycles of one iteration of the loop.
simulate() { # LOOP CPU
    llvm-mca --mcpu="$2" --iterations=$iterations --resource-pressure=false \
        --instruction-info=false "$1" 2>"$work/error" |
        awk -v n=$iterations '/^Total Cycles:/ { print $3 / n }'
}

passed=0
failed=0
skipped=0
# Print gcc or clang. An object made of assembly names neither; it is the same under both, so gcc.
compiler_of() { # OBJECT
    if grep -aq 'clang version' "$1"; then
        echo clang
    else
        echo gcc
    fi
}
check() { # LEVEL OBJECT MULTIPLY CPU...
    level=$1
    object=$build/obj/kernels/$2.o
    multiply=$3
    shift 3
    if [ ! -e "$object" ]; then
        echo "FAIL $level: $object is missing; run make first"
        failed=$((failed + 1))
        return
    fi
    if nm "$object" | grep -q -e __asan -e __ubsan; then
        echo "skip $level: built with a sanitizer, which is another loop"
        skipped=$((skipped + 1))
        return
    fi
    case $level in
    few_*) inner_loop "$object" "$multiply" 1 ;;
    *) inner_loop "$object" "$multiply" 0 ;;
    esac >"$work/loop.s"
    multiplies=$(grep -c -e "$multiply" "$work/loop.s")
    fetches=$(grep -c -e prefetch "$work/loop.s")
    compiler=$(compiler_of "$object")
    for cpu in "$@"; do
        if ! llvm-mca --mcpu=help </dev/null 2>&1 | grep -q "^ *$cpu "; then
            echo "skip $level on $cpu: this llvm-mca has no model of it"
            skipped=$((skipped + 1))
            continue
        fi
        cycles=$(simulate "$work/loop.s" "$cpu")
        if [ -z "$cycles" ] || [ "$multiplies" -eq 0 ]; then
            echo "FAIL $level on $cpu: no loop to simulate"
            cat "$work/error"
            failed=$((failed + 1))
            continue
        fi
        verdict "$level" "$cpu" "$multiplies+$fetches" \
            "$(awk -v c="$cycles" -v m="$multiplies" 'BEGIN { printf "%.3f", c / m }')"
    done
}

# Compare one figure with the recorded one, or print it with --record.
verdict() { # LEVEL CPU MULTIPLIES+PREFETCHES CYCLES
    if [ "$mode" = --record ]; then
        printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$compiler" "$3" "$4"
        passed=$((passed + 1))
        return
    fi
    # shellcheck disable=SC2046
    set -- "$1" "$2" "$3" "$4" $(awk -F '\t' -v l="$1" -v c="$2" -v by="$compiler" \
        '$1 == l && $2 == c && $3 == by { print $4, $5 }' "$golden")
    if [ $# -eq 6 ] && [ "$3" = "$5" ] &&
        awk -v a="$4" -v b="$6" -v t=$tolerance 'BEGIN { exit !(a <= b * (1 + t / 100)) }'; then
        passed=$((passed + 1))
    else
        echo "FAIL $1 on $2 by $compiler: $3 multiplies and prefetches a round, $4 cycles a" \
            "multiply; recorded are ${5:-none} and ${6:-none} (+$tolerance %)"
        failed=$((failed + 1))
    fi
}

mode=${1-}
[ "$mode" != --record ] ||
    printf '# level\tcpu\tcompiler\tmultiplies+prefetches a round\tcycles a multiply\n'
check avx2 qtile_avx2 '^vpmaddubsw' haswell skylake icelake-server znver3
check avxvnni qgemm_avxvnni 'vpdpbusd' icelake-server alderlake
check avx512 qgemm_avx512 '^vpmaddubsw' skylake-avx512 icelake-server
check avx512vnni qgemm_avx512vnni '^vpdpbusd' icelake-server
check few_avx2 qtile_avx2 '^vpmaddubsw' haswell skylake icelake-server znver3
check few_avx512 qgemm_avx512 '^vpmaddubsw' skylake-avx512 icelake-server
check few_avx512vnni qgemm_avx512vnni '^vpdpbusd' icelake-server
check attention_avx2 attention_avx2 '^vpmaddwd' haswell skylake icelake-server znver3
check scores_avxvnni attention_avxvnni 'vpdpbusd' icelake-server alderlake
check attention_avxvnni attention_avxvnni 'vpdpwssd' icelake-server alderlake
check attention_avx512 attention_avx512 '^vpmaddwd' skylake-avx512 icelake-server
check scores_avx512vnni attention_avx512vnni '^vpdpbusd' icelake-server
check attention_avx512vnni attention_avx512vnni '^vpdpwssd' icelake-server
[ "$mode" = --record ] || echo "test_mca: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
