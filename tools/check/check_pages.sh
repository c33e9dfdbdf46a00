#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks that the pages (*.md) are true about files:
#   - the target of each relative link exists, and so does the heading that a fragment names;
#   - each path between back quotes that begins with a folder of the project exists;
#   - docs/readiness.md has the rows 1 to 80, and each names a test or a page in its last column,
#     which must exist by the rules above;
#   - the list of files in "The forward pass at scalar level" of docs/architecture.md has at most 9
#     files and 1,500 lines, and its line counts are those of the files, give or take 15.
# Prints one line for each violation and exits with 1 if there is any.
#
#     tools/check/check_pages.sh [--write]
#
# With --write it first puts the files' line counts into the list, rounded to tens.

set -u
LC_ALL=C.UTF-8
export LC_ALL
cd "$(dirname "$0")/../.." || exit 1
page=docs/architecture.md
if [ "${1-}" = --write ]; then
    awk -F'|' '
        /^## / { inside = $0 == "## The forward pass at scalar level" }
        inside && /^\| *[0-9]/ {
            file = $3; gsub(/[` ]/, "", file); lines = 0
            while ((getline line < file) > 0) lines++
            lines = int((lines + 5) / 10) * 10
            print "|" $2 "|" $3 "| " lines " |" $5 "|"; next
        }
        { print }' $page >$page.tmp && mv $page.tmp $page
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The fragment that a web page makes of a heading: lower case, punctuation dropped, spaces to
# hyphens.
fragments() {
    sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' |
        sed -e 's/`//g' -e 's/[^a-z0-9 _-]//g' -e 's/ /-/g'
}

find . -name '*.md' -not -path './build/*' -not -path './.git/*' -not -path './tests/data/*' |
    sed 's|^\./||' | sort | while read -r page; do
    folder=$(dirname "$page")
    # Links outside of fenced code blocks.
    awk '/^```/ { fenced = !fenced; next } !fenced' "$page" | grep -o '](\([^)]*\))' |
        sed 's/^](//; s/)$//' | sort -u | while read -r link; do
        case $link in
        http://* | https://* | mailto:*) continue ;;
        esac
        target=${link%%#*}
        file=${target:+$folder/$target}
        file=${file:-$page}
        [ -e "$file" ] || { echo "$page: link to $link: there is no such file" && continue; }
        case $link in
        *'#'*) fragments "$file" | grep -qxF -- "${link#*#}" ||
            echo "$page: link to $link: there is no such heading" ;;
        esac
    done
    [ "$page" != CHANGELOG.md ] || continue # It also names files of earlier versions.
    # Paths in back quotes. Names with wildcards, placeholders in capitals and built files are left
    # out.
    grep -o '`[^` ]*`' "$page" | tr -d '`' | sort -u |
        grep -E '^(bench|docs|kernels|lambda|model|runtime|tests|tools|\.ci)/' |
        grep -v -E '[*{}<>$]|[A-Z]{3,}|\.\.\.' | sed 's/:[0-9]*$//; s/#.*//' |
        while read -r path; do
            [ -e "$path" ] || echo "$page: \`$path\`: there is no such file"
        done
done >"$work/findings"

# Rows "| 1 | `FILE` | LINES | ... |" of the reading list.
awk '/^## / { inside = $0 == "## The forward pass at scalar level" }
    inside && /^\| *[0-9]/ { n = split($0, cell, "|"); gsub(/[` ]/, "", cell[3]);
        gsub(/[ ,]/, "", cell[4]); print cell[3], cell[4] }' docs/architecture.md >"$work/reading"
total=0
files=0
while read -r file lines; do
    [ -f "$file" ] || continue
    found=$(wc -l <"$file")
    [ "$found" -le $((lines + 15)) ] && [ "$found" -ge $((lines - 15)) ] ||
        echo "docs/architecture.md: $file has $found lines, not $lines; \
tools/check/check_pages.sh --write corrects this" >>"$work/findings"
    total=$((total + found))
    files=$((files + 1))
done <"$work/reading"
[ $files -ge 1 ] && [ $files -le 9 ] && [ $total -le 1500 ] || echo "docs/architecture.md: the \
forward pass takes $files files and $total lines; at most 9 and 1500" >>"$work/findings"

awk -F'|' '/^\| [0-9]+ \|/ {
        rows++
        if ($2 + 0 != rows) print "docs/readiness.md:" NR ": row " $2 + 0 " in place of " rows
        if ($(NF - 1) !~ /`tests\/[^`]+`|\]\([^)]+\)/)
            print "docs/readiness.md:" NR ": the row names no test and no page"
    }
    END { if (rows != 80) print "docs/readiness.md: " rows + 0 " rows, not 80" }' \
    docs/readiness.md >>"$work/findings"

cat "$work/findings"
[ ! -s "$work/findings" ]
