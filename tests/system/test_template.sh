#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of lambda/deploy/template.yaml. broken.py lints it, applies the rules of
# tests/deploy/rules.py to it, and checks that each rule refuses a template that breaks it. stack.py
# deploys it into moto and compares every resource. function.py runs the real program with the
# variables, role and table of that stack. The test is skipped unless tests/stores/setup.sh has been
# run. With DISTIL_TEST_VERBOSE=1 it prints every case.

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
