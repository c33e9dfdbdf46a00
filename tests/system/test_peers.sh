#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests bench/peers without the peers, packages and network: the published tables, the summary of
# rounds, the count of a pass's multiply-adds, and the hiding of CPUID in patched libraries.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"
cc=${CC:-cc}

ask() { # ask ARGUMENTS... runs check_peers.py and prints the last line of a failure
    python3 -E "$root/tests/system/check_peers.py" "$@" 2>err || {
        tail -n 1 err
        false
    }
}
# shellcheck disable=SC2317
peers() { # peers ARGUMENTS... runs run.sh
    bash "$root/bench/peers/run.sh" "$@" >out 2>err
    rc=$?
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || {
    skip peers "no Python 3.10 here"
    finish test_peers
}

check "the published tables are those of the published results" ask pages "$root"
check "medians, pairs, quiet rounds and the least, of known rounds" ask summary "$root"
run inspect --json "$blob"
cp out shapes.json
check "multiply-adds of a pass, counted from the model's matrices" ask bound "$root" shapes.json

# The symbols are read from the file, because loading a sanitized library into Python fails.
ceilings=${DISTIL_BUILD:-$root/build}/bench/ceiling.so
if [ -e "$ceilings" ] && have nm; then
    nm -D --defined-only "$ceilings" >exported
    for name in $(grep -o '_lib\.bench_[a-z_]*' "$root/bench/peers/bound.py"); do
        name=${name#_lib.}
        check "ceiling.so exports $name, which bound.py calls" says exported " T $name"
    done
else
    skip ceiling "no $ceilings (make bench-tools makes it) or no nm"
fi

peers --help
check "help" ended 0
check "says what it needs" says out "Python package"
check "and the options of the measurement" says out "--tokens"
peers --cap avx512
check "an unknown cap" ended 2
check "is named, with what is expected" says err "--cap avx512: expected avx2"

# The library has one CPUID instruction, and the same two bytes as data, which must not be patched.
cat >leaf7.c <<'C'
#include <cpuid.h>
#include <stdint.h>
const unsigned char leaf7_data[2] = {0x0f, 0xa2};
void leaf7(uint32_t *r)
{
    __cpuid_count(7, 0, r[0], r[1], r[2], r[3]);
}
void stop(void)
{
    __builtin_trap();
}
C
if ! have objdump || ! have "${cc%% *}"; then
    skip hidden "no compiler or no objdump here"
else
    # shellcheck disable=SC2086
    check "the function is built" $cc -O1 -shared -fPIC -o leaf7.so leaf7.c
    # shellcheck disable=SC2086
    check "the handler is built" \
        $cc -std=c11 -O2 -shared -fPIC -o hide_cpuid.so "$root/bench/peers/hide_cpuid.c"
    LD_PRELOAD=$PWD/hide_cpuid.so
    export LD_PRELOAD
    check "a patched library sees no AVX-512, and AVX2 as it is" ask hidden "$root" "$PWD/leaf7.so"
    unset LD_PRELOAD
fi

finish test_peers
