#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the Terraform module in lambda/deploy/terraform. tests/deploy/terraform.py plans its
# example with the real Terraform and AWS provider, without an account, compares the plan with the
# values that the CloudFormation template is compared with, and checks that mistakes are noticed.
# The test is skipped where Terraform or the provider is not installed. TF_PLUGIN_MIRROR names a
# folder with providers in the layout of Terraform's filesystem mirror.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_stores.sh"

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
fi
finish test_terraform
