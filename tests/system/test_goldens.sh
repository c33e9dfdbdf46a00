#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The generators of golden files, run with the real libraries, write what is in the tree. They
# need the libraries in virtual environments: DISTIL_ORACLE names the Python of one with
# transformers 5.24, DISTIL_ORACLE_4 that of one with transformers 4.57. Without them the cases
# are skipped.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

generate=$root/tools/generate
export PYTHONDONTWRITEBYTECODE=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1

# has PYTHON MODULE MAJOR: whether that Python has the module in that major version
has() {
    [ -n "$1" ] && "$1" -c "import sys, $2
sys.exit($2.__version__.split('.')[0] != '$3')" >/dev/null 2>&1
}

# compare NAME PYTHON TREE NAMES GENERATOR ARGUMENTS...: NAMES are those of the files that it
# writes, or "" for all in TREE. The generator gets the folder `written` as its last argument.
compare() {
    name=$1 python=$2 tree=$3 names=$4 generator=$5
    shift 5
    mkdir -p written
    if ! "$python" "$generate/$generator" "$@" written >log 2>&1; then
        tail -n 5 log
        check "$name: the generator runs" false
    else
        # shellcheck disable=SC2086
        python3 "$generate/compare_golden.py" written "$root/$tree" $names >log
        rc=$?
        head -n 20 log
        check "$name" test $rc -eq 0
    fi
    rm -rf written
}

for v in 5 4; do
    case $v in
    5) python=${DISTIL_ORACLE:-} cases='entities heads pairs_ids folders' ;;
    4) python=${DISTIL_ORACLE_4:-} cases='torch_folders answers' ;;
    esac
    for name in $cases; do
        if ! has "$python" transformers $v; then
            skip "$name" "transformers $v is not installed"
            continue
        fi
        case $name in
        entities)
            mkdir -p written
            cp "$root"/tests/data/entities/head.safetensors \
                "$root"/tests/data/entities/labels.json written/
            compare $name "$python" tests/data/entities '' make_entities.py
            ;;
        heads) compare $name "$python" tests/data/heads '' make_heads.py ;;
        pairs_ids)
            compare $name "$python" tests/golden 'pairs.tsv pair_grid.tsv windows.tsv offsets.tsv' \
                make_pair_golden.py
            ;;
        folders)
            if ! has "${DISTIL_ORACLE_4:-}" transformers 4; then
                skip "$name" "transformers 4 is not installed"
                continue
            fi
            mkdir -p written
            "$python" "$generate/make_folders.py" write written >log 2>&1 &&
                "$python" "$generate/make_folders.py" answer written >>log 2>&1 ||
                tail -n 5 log
            compare $name "$DISTIL_ORACLE_4" tests/data/folders '' make_folders.py answer
            ;;
        torch_folders)
            compare $name "$python" tests/data/torch_folders '' make_torch_folders.py
            ;;
        answers) compare $name "$python" tests/data/answers '' make_answers.py ;;
        esac
    done
done
if has "${DISTIL_ORACLE:-}" sentence_transformers 6; then
    compare pairs "$DISTIL_ORACLE" tests/data/pairs '' make_pair_heads.py
    compare embeddings "$DISTIL_ORACLE" tests/data/embeddings '' make_embeddings.py
else
    skip pairs "sentence-transformers 6 is not installed"
    skip embeddings "sentence-transformers 6 is not installed"
fi

finish test_goldens
