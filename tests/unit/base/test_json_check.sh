#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The JSON reader against JSONTestSuite (tests/data/json). It must accept the files y_* and refuse
# the files n_*. RFC 8259 leaves open what to do with the files i_*; this script lists those that
# the reader accepts.

set -u
LC_ALL=C
export LC_ALL
root=$(cd "${DISTIL_TEST_ROOT:-.}" && pwd) || exit 1
check=${DISTIL_BUILD:-$root/build}/json_check
passed=0
failed=0

# The reader keeps numbers as text, so it accepts numbers of any size. It accepts escaped halves of
# surrogate pairs, which decode to U+FFFD. It refuses ill-formed UTF-8, a byte order mark and
# nesting deeper than 64.
accepted='
i_number_double_huge_neg_exp i_number_huge_exp i_number_neg_int_huge_exp
i_number_pos_double_huge_exp i_number_real_neg_overflow i_number_real_pos_overflow
i_number_real_underflow i_number_too_big_neg_int i_number_too_big_pos_int
i_number_very_big_negative_int i_object_key_lone_2nd_surrogate
i_string_1st_surrogate_but_2nd_missing i_string_1st_valid_surrogate_2nd_invalid
i_string_incomplete_surrogate_and_escape_valid i_string_incomplete_surrogate_pair
i_string_incomplete_surrogates_escape_valid i_string_invalid_lonely_surrogate
i_string_invalid_surrogate i_string_inverted_surrogates_U+1D11E i_string_lone_second_surrogate
'

for file in "$root"/tests/data/json/[yni]_*; do
    name=$(basename "$file" .json)
    "$check" "$file" >/dev/null 2>&1
    status=$?
    case $name in
    y_*) wanted=0 ;;
    n_*) wanted=1 ;;
    *) case " $(printf %s "$accepted" | tr '\n' ' ') " in
        *" $name "*) wanted=0 ;;
        *) wanted=1 ;;
        esac ;;
    esac
    if [ $status -eq $wanted ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not ok $name: exit status $status, not $wanted"
    fi
done
echo "test_json_check: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ] && [ $passed -ge 280 ]
