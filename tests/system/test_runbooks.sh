#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Execute every command of lambda/runbooks and docs/migration.md against stand-ins for AWS: the AWS
# CLI talks to moto, in which the template is deployed; Invoke reaches the real program; images go
# to a registry on the loopback interface. tests/runbooks implements this and also checks that
# broken runbooks are refused. The test is skipped unless tests/stores/setup.sh has been run. With
# DISTIL_TEST_VERBOSE=1 it prints every case.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_stores.sh"
unset AWS_REGION

if [ -n "${SANITIZE-}" ] || nm "$distil" 2>/dev/null | grep -q __asan_init; then
    skip runbooks "sanitizers do not support static programs, and the commands are the same"
    finish test_runbooks
fi
if [ ! -e "$stores/moto/version" ] || [ ! -e "$stores/aws-cli/version" ]; then
    skip runbooks "not set up: run tests/stores/setup.sh"
    finish test_runbooks
fi
for tool in bash curl docker-registry make python3 skopeo; do
    have $tool && continue
    skip runbooks "$tool is not installed"
    finish test_runbooks
done
grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || {
    skip runbooks "not on Debian 12, whose packages are pinned"
    finish test_runbooks
}

PATH=$stores/aws-cli/bin:$PATH
python_cases "$root/tests/runbooks/run.py" "$root" "$build"
finish test_runbooks
