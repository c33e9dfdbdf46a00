#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each folder of tests/data/pairs, which tools/generate/make_pair_heads.py wrote with the real
# transformers and sentence-transformers, gives their scores and order: pairs of texts, zero-shot
# classification, and ranking.

set -u
cd "${DISTIL_TEST_ROOT:-.}" || exit 1

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    echo "skip all: no Python 3.8 here"
    echo "test_pairs_agree: 0 passed, 0 failed, 1 skipped"
    exit 0
fi

exec python3 tests/convert/pairs_agree.py "${DISTIL:-./distil}" tests/data/pairs
