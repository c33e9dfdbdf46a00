#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The independent reader, tools/check/dump_blob.py, against the C reader: on the golden blob, the shipped
# one, and damaged ones (more of them with DISTIL_TEST_FULL).

set -u
cd "${DISTIL_TEST_ROOT:-.}" || exit 1
distil=${DISTIL:-./distil}
build=${DISTIL_BUILD:-build}

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    echo "skip all: no Python 3.8 here"
    echo "test_dump_blob: 0 passed, 0 failed, 1 skipped"
    exit 0
fi

exec python3 tests/convert/dump_blob_agree.py --damage "${DISTIL_TEST_FULL:+3}300" \
    "$distil" tests/golden/tiny.distil "$build/sst2.distil"
