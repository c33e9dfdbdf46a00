#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A token classifier with the encoder of the shipped model gives the entities that the
# token-classification pipeline of transformers gave tools/generate/make_entities.py: 200 texts,
# five aggregations, and windows.

set -u
cd "${DISTIL_TEST_ROOT:-.}" || exit 1

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    echo "skip all: no Python 3.8 here"
    echo "test_entities_agree: 0 passed, 0 failed, 1 skipped"
    exit 0
fi

exec python3 tests/convert/entities_agree.py "${DISTIL:-./distil}"
