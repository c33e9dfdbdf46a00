#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Prints the lines of code by folder, and how many lines of support there are for one line of the
# product:
#
#     tools/check/count_lines.sh [--sum] [DIRECTORY]
#
# The product is the C and assembly code that users run or link: kernels/, model/, runtime/,
# lambda/, and tools/ without tools/serve/. Support is all other code: tests, benchmarks, the
# stand-ins for AWS, and every script and makefile. Comments and blank lines count; data, documents,
# templates and generated tables (*_tables.c, *_tables.h) do not. With --sum only the last line is
# printed. This is information for reviewers; no figure here makes `make lint` fail.

set -u
LC_ALL=C
export LC_ALL
sum=
if [ "${1-}" = --sum ]; then
    sum=1
    shift
fi
cd "${1:-$(dirname "$0")/../..}" || exit 1

# Scripts without a suffix are known by their first line.
code() {
    find Makefile .ci bench kernels lambda model runtime tests tools -type f \
        ! -path 'tests/data/*' ! -path 'tests/golden/*' ! -path 'tests/fuzz/corpus/*' \
        ! -name '*_tables.[ch]' | while read -r file; do
        case ${file##*/} in
        *.c | *.h | *.S | *.inc | *.sh | *.bash | *.py | *.mk | Makefile) echo "$file" ;;
        *.*) ;;
        *) [ "$(head -c 2 "$file" | tr -d '\000')" != '#!' ] || echo "$file" ;;
        esac
    done
}

code | xargs -d '\n' awk -v sum="$sum" '
    FNR == 1 {
        folder = FILENAME
        if (!sub("/[^/]*$", "", folder)) folder = "."
        c = FILENAME ~ /\.([chS]|inc)$/
        product = c && folder ~ "^(kernels|model|runtime|lambda|tools)(/|$)" &&
            folder !~ "^tools/serve(/|$)"
    }
    {
        lines[folder]++
        if (product) { of_product[folder]++; all_product++ } else all_support++
    }
    END {
        if (!sum) {
            printf "%8s %8s  folder\n", "product", "support"
            for (folder in lines)
                printf "%8d %8d  %s\n", of_product[folder], lines[folder] - of_product[folder],
                    folder | "sort -k 3"
            close("sort -k 3")
        }
        printf "%d lines of product, %d of support, support : product %.2f\n", all_product,
            all_support, all_support / all_product
    }'
