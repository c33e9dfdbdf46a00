#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the swap: the image of the Python function is exchanged, and nothing else. swap.py runs
# the program with ministack, which has topics, retries, dead letters and event source mappings, and
# swap_moto.py with moto, which checks signatures and the permissions of the old role. Both use the
# old function's variables, names and shapes of events. The test is skipped unless
# tests/stores/setup.sh has been run.
#
# SWAP_BOOTSTRAP and SWAP_BLOB name another program and its model. With those of revision 70d7229,
# which reads neither DYNAMODB_TABLE nor CLOUD_REGION and takes a missing item for a duplicate,
# 36 of the 50 cases fail, and all 60 of the events that are published one by one are lost.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_stores.sh"

if [ ! -e "$stores/moto/version" ] || [ ! -e "$stores/ministack/version" ]; then
    skip swap "not set up: run tests/stores/setup.sh"
    finish test_swap
fi
bootstrap=${SWAP_BOOTSTRAP:-$build/bootstrap}
blob=${SWAP_BLOB:-$blob}
DISTIL=$distil
export DISTIL
python_cases "$root/tests/deploy/swap.py" "$stores/ministack/bin/python" "$bootstrap" "$blob"
python_cases "$root/tests/deploy/swap_moto.py" "$distil" "$bootstrap" "$blob"
finish test_swap
