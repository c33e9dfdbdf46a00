#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# lambda/deploy/template.yaml: linted, held against the rules in tests/deploy (and a broken template
# for each rule, to see it refused), deployed into moto with every resource compared, and the real
# program run with the variables, role and table that it makes. Skipped where tests/stores/setup.sh
# has not been run. With DISTIL_TEST_VERBOSE=1 every case is printed.

. "$(dirname "$0")/support_cli.sh"
. "$root/tests/support_stores.sh"

python=$stores/moto/bin/python
export PYTHONDONTWRITEBYTECODE=1
if [ ! -e "$stores/moto/version" ] || [ ! -x "$stores/moto/bin/cfn-lint" ]; then
    skip "template" "not set up: run tests/stores/setup.sh"
    finish test_template
fi

cases() { # NAME ARGUMENTS...: a part in Python, its notes, its failures, its numbers
    name=$1
    shift
    "$python" "$root/tests/deploy/$name.py" "$@" ${DISTIL_TEST_VERBOSE:+-v} >out 2>err
    rc=$?
    grep -v "^$name: [0-9]* passed" out
    counts=$(sed -n "s/^$name: \([0-9]*\) passed, \([0-9]*\) failed\$/\1 \2/p" out)
    if [ -z "$counts" ]; then
        echo "not ok $name: ended early, exit status $rc"
        tail -n 20 err | sed 's/^/    err: /'
        counts="0 1"
    fi
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
}

cases broken
cases stack
cases function "$distil" "$build/bootstrap" "$blob"
finish test_template
