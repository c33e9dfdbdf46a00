#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the Terraform module in lambda/deploy/terraform. tests/deploy/terraform.py plans its
# example with the real Terraform and AWS provider, without an account, compares the plan with the
# values that the CloudFormation template is compared with, and checks that mistakes are noticed.
# terraform_apply.py applies the example to ministack and sends events through what was created.
# Both are skipped where Terraform or the provider is not installed. TF_PLUGIN_MIRROR names a folder
# with providers in the layout of Terraform's filesystem mirror, and SEED_DIR a clone of the
# replaced system, whose own Terraform is then applied, too. checkov, a checker of policies, must
# find nothing; main.tf says why three of its rules do not apply.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_stores.sh"

if have checkov; then
    # The output has the rule that is broken, its resource and its line.
    checkov -d "$root/lambda/deploy/terraform" --framework terraform --compact --quiet \
        --skip-download >out 2>err
    rc=$?
    check "checkov finds nothing" ended 0
    cp -R "$root/lambda/deploy/terraform" module
    sed -i '/sqs_managed_sse_enabled/d' module/main.tf
    checkov -d module --framework terraform --compact --quiet --skip-download >out 2>err
    rc=$?
    check "checkov notices a queue that is not encrypted" ended 1
else
    skip checkov "checkov is not installed"
fi
if ! python3 -c 'import yaml' 2>/dev/null; then
    skip terraform "Python has no yaml"
    finish test_terraform
fi
python3 "$root/tests/deploy/terraform.py" ${DISTIL_TEST_VERBOSE:+-v} >out 2>err
rc=$?
if [ $rc -eq 77 ]; then
    skip terraform "$(cat out)"
else
    cat out
    check "the module is as expected, and mistakes are noticed" ended 0
    # The provider waits half a minute for some resources, whatever answers it.
    if [ -z "${CI-}${SEED_DIR-}${DISTIL_TEST_FULL-}" ]; then
        skip "terraform apply" "takes minutes: set DISTIL_TEST_FULL=1"
    elif [ -e "$stores/moto/version" ] && [ -e "$stores/ministack/version" ]; then
        python_cases "$root/tests/deploy/terraform_apply.py" "$stores/ministack/bin/python" \
            "$build/bootstrap" "$blob"
    else
        skip "terraform apply" "not set up: run tests/stores/setup.sh"
    fi
fi
finish test_terraform
