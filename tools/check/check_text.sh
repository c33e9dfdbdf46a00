#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks the text of every tracked file: UTF-8, lines that end with LF, a final newline, no trailing
# blanks, no tabs outside makefiles, no marks of unfinished work, and no path of one person's
# machine. Sources also begin with the SPDX line, keep to 100 columns and use block comments only.
# Test data, golden files and recorded results are exempt. Prints one line for each violation and
# exits with 1 if there is any.

set -u
cd "$(dirname "$0")/../.." || exit 1
findings=$(mktemp) || exit 1
trap 'rm -f "$findings" "$findings.files"' EXIT

if [ -e .git ] && command -v git >/dev/null; then
    git ls-files
else
    find . -type f -not -path './build/*' -not -path './.git/*' | sed 's|^\./||'
fi | grep -v -e '^tests/golden/' -e '^tests/data/' -e '^tests/fuzz/corpus/' \
    -e '^model/sst2/.*[tns]$' -e '^bench/results/' \
    -e '^LICENSE$' -e '^distil$' >"$findings.files"

# find_all MESSAGE GREP-ARGUMENTS... FILE: records each line that grep finds as a violation. grep's
# exit status is ignored, because finding nothing is the good case.
find_all() {
    message=$1
    shift
    grep -nH "$@" | sed "s/\$/   <- $message/" >>"$findings"
}

while IFS= read -r file; do
    [ -f "$file" ] || continue
    LC_ALL=C.UTF-8 grep -naxHv '.*' "$file" | sed 's/$/   <- not UTF-8/' >>"$findings"
    find_all "carriage return" "$(printf '\r')" "$file"
    find_all "trailing blank" '[[:blank:]]$' "$file"
    [ -z "$(tail -c 1 "$file")" ] || echo "$file: no newline at the end" >>"$findings"
    # The words and paths are written in two pieces so that this script does not find itself.
    find_all "unfinished" -w -e 'TO''DO' -e 'FIX''ME' -e 'XX''X' -e 'HA''CK' "$file"
    find_all "a path of one machine" -e '/ho''me/' -e '/wo''rk/' -e '/Us''ers/' "$file"
    case $file in
    Makefile | *.mk) ;;
    *) find_all "tab" "$(printf '\t')" "$file" ;;
    esac
    case $file in
    *.c | *.h | *.S | *.inc)
        [ "$(head -n 1 "$file")" = '/* SPDX-License-Identifier: Apache-2.0 */' ] ||
            echo "$file:1: first line is not the SPDX line" >>"$findings"
        # Strings and the // of web addresses are removed first.
        sed -e 's/"\([^"\\]\|\\.\)*"//g' -e 's|:*//*[a-z0-9.-]*\.[a-z]||g' "$file" | grep -n '//' |
            sed "s|^|$file:|; s/\$/   <- line comment/" >>"$findings"
        ;;
    *.sh | *.py | *.bash | .ci/run | *.yml | *.pc.in)
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
            echo "$file: no SPDX line at the top" >>"$findings"
        ;;
    esac
    case $file in
    *_tables.[ch]) ;;
    *.c | *.h | *.S | *.inc | *.sh | *.bash | Makefile | .ci/run | *.yml)
        LC_ALL=C.UTF-8 grep -nH -E '^.{101}' "$file" | sed 's/$/   <- more than 100 columns/' \
            >>"$findings"
        ;;
    esac
done <"$findings.files"

cat "$findings"
[ ! -s "$findings" ]
