#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each folder of tests/data/embeddings, which tools/generate/make_embeddings.py wrote with the real
# transformers and sentence-transformers, gives their vectors within the error of 8-bit weights.

set -u
cd "${DISTIL_TEST_ROOT:-.}" || exit 1

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    echo "skip all: no Python 3.8 here"
    echo "test_embeddings: 0 passed, 0 failed, 1 skipped"
    exit 0
fi

exec python3 tests/convert/embeddings_agree.py "${DISTIL:-./distil}" tests/data/embeddings \
    "${DISTIL_BUILD:-build}/sst2.distil"
