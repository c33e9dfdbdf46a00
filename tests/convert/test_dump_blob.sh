#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The independent reader of blobs, tools/check/dump_blob.py, and the C reader must agree on the
# golden blob, on the shipped blob and on 300 damaged ones (3,300 with DISTIL_TEST_FULL).

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
