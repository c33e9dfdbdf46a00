#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Prints the binary interface that runtime/distil.h declares: the number in the shared library's
# name, the size of each structure, the offset and size of each of its members, the value of each
# enumerator, and each function with its types. Two versions whose lists are equal can replace each
# other. The list comes from the header itself, so nothing can be left out of it; a program that is
# compiled here measures the structures.
#
#     tools/check/dump_abi.sh [HEADER] >tests/golden/abi.txt

set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/../.."
header=${1:-runtime/distil.h}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The header without comments and preprocessor lines, one declaration on each line.
sed 's|/\*[^*]*\*/||g' "$header" | awk '
    /\/\*/ { sub(/\/\*.*/, ""); if ($0 ~ /[^ ]/) printf "%s ", $0; inside = 1; next }
    inside { if (/\*\//) inside = 0; next }
    continued || /^[ ]*#/ { continued = /\\$/; next }
    /^extern "C" \{/ { next }
    { print }' | tr -s ' \n' '  ' | awk '
    # Ends a declaration at each semicolon outside of braces.
    {
        depth = 0
        for (i = 1; i <= length($0); i++) {
            c = substr($0, i, 1)
            depth += (c == "{") - (c == "}")
            printf "%s", c
            if (c == ";" && depth <= 0)
                printf "\n"
        }
        printf "\n"
    }' | sed 's/^ *//; s/ *$//' >"$work/declarations"

{
    printf '#include <stdio.h>\n#include "%s"\nint main(void)\n{\n' "$(basename "$header")"
    awk '
        # Prints the calls for the members in the braces of a structure.
        function print_members(type, text,    n, list, i, m, k, names, first) {
            n = split(text, list, ";")
            for (i = 1; i <= n; i++) {
                m = list[i]
                if (m !~ /[a-z]/)
                    continue
                if (match(m, /\(\*[a-z_0-9]+\)/)) {
                    print_member(type, substr(m, RSTART + 2, RLENGTH - 3))
                    continue
                }
                k = split(m, names, ",")
                for (first = 1; first <= k; first++) {
                    sub(/\[.*/, "", names[first])
                    sub(/ +$/, "", names[first])
                    sub(/.*[ *]/, "", names[first])
                    print_member(type, names[first])
                }
            }
        }
        function print_member(type, name) {
            printf "    printf(\"member %s.%s at %%zu, %%zu bytes\\n\", ", type, name
            printf "offsetof(%s, %s), sizeof ((%s *)0)->%s);\n", type, name, type, name
        }
        /^typedef struct [a-z_]+ \{/ {
            type = $3
            text = $0
            sub(/^[^{]*\{/, "", text)
            sub(/\}[^}]*$/, "", text)
            printf "    printf(\"struct %s, %%zu bytes\\n\", sizeof(%s));\n", type, type
            print_members(type, text)
        }
        /^typedef enum [a-z_]+ \{/ {
            text = $0
            n = split(text, names, /[{,}]/)
            for (i = 2; i < n; i++) {
                sub(/=.*/, "", names[i])
                gsub(/ /, "", names[i])
                if (names[i] != "")
                    printf "    printf(\"value %s = %%d\\n\", (int)%s);\n", names[i], names[i]
            }
        }' "$work/declarations"
    printf '}\n'
} >"$work/measure.c"
${CC:-cc} -std=c11 -I"$(dirname "$header")" -o "$work/measure" "$work/measure.c"

sed -n 's/^#define DISTIL_ABI /abi /p' "$header"
{
    "$work/measure"
    sed -n 's/^DISTIL_\(API\|CHECKED\) \(.*\);$/function \2/p' "$work/declarations"
    sed -n 's/^#define \(DISTIL_[A-Z_]*\) \(((size_t)-1)\|[0-9]*u\)$/constant \1 = \2/p' "$header"
} | sort
