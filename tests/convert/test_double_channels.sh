#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tools/generate/double_channels.py writes a checkpoint that computes the same function: compared
# with one blob, the original and its double have the same margin errors.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    skip all "no Python 3.8 here"
    finish test_double_channels
fi

heads=$root/tests/data/heads
double=$root/tools/generate/double_channels.py
for model in plain3 multi2; do
    check "$model: written" python3 "$double" "$heads/$model" "$model"
    run convert "$heads/$model" -o "$model.distil"
    for original in "$heads/$model" "$model"; do
        run eval -m "$model.distil" "$heads/texts.txt" --original "$original" --json
        check "$model: compared with $original" ended 0
        sed 's/.*"margin_error_mean":\([0-9.e-]*\),.*/\1/' out >>"$model.errors"
    done
    check "$model: the same function" awk '
        NR == 1 { first = $1 }
        END { d = first - $1; exit !(NR == 2 && first > 0 && d * d < 1e-10) }' "$model.errors"
    run convert "$model" -o double.distil
    check "$model: the double is converted" ended 0
done
check "a folder with other heads is refused" sh -c '
    ! python3 "$1" plain3 again 2>message && grep -q "expected heads of 32" message' sh "$double"

finish test_double_channels
