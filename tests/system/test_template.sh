#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# lambda/deploy/template.yaml: linted, held against the rules in tests/deploy (and a broken template
# for each rule, to see it refused), deployed into moto with every resource compared, and the real
# program run with the variables, role and table that it makes. Skipped where tests/stores/setup.sh
# has not been run. With DISTIL_TEST_VERBOSE=1 every case is printed.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_stores.sh"

if [ ! -e "$stores/moto/version" ] || [ ! -x "$stores/moto/bin/cfn-lint" ]; then
    skip "template" "not set up: run tests/stores/setup.sh"
    finish test_template
fi

deploy=$root/tests/deploy
python_cases "$deploy/broken.py"
python_cases "$deploy/stack.py"
python_cases "$deploy/function.py" "$distil" "$build/bootstrap" "$blob"
finish test_template
