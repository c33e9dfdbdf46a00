#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks every #include of the project against the table of rooms in docs/architecture.md:
#   - a file includes only its own room and what the table's last column names;
#   - the table names nothing that no file includes, and has a row for each room with C files;
#   - no chain of includes leads back to where it began, neither between files nor between rooms;
#   - a quoted include is written from the root and names a file that exists, and an include in
#     angle brackets names no file of the project;
#   - kernels/ keeps to its own rules (see below), and no other room of the product knows
#     instruction sets;
#   - no two source files have the same name.
# Prints one line for each violation and exits with 1 if there is any.

set -u
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/../.." || exit 1
page=docs/architecture.md
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# FILE TARGET lines; TARGET keeps its quotes or angle brackets.
grep -rn --include='*.[chS]' --include='*.inc' '^[[:space:]]*#[[:space:]]*include' \
    kernels model runtime lambda tests bench tools |
    sed -E 's/^([^:]+):([0-9]+):[^"<]*(["<][^">]*[">]).*/\1 \2 \3/' >"$work/includes"

# ROOM WORD... lines from the table under "## Rooms": the words between back quotes of its last
# column. "nothing" gives no word; "anything but" gives the word "but" first.
awk -F'|' '
    /^## / { inside = $0 == "## Rooms" }
    inside && /^\| `/ {
        split($2, room, "`")
        line = room[2]
        if ($4 ~ /anything but/) line = line " but"
        n = split($4, words, "`")
        for (i = 2; i <= n; i += 2) line = line " " words[i]
        print line
    }' "$page" >"$work/rooms"
[ -s "$work/rooms" ] || echo "$page: no table of rooms under the heading ## Rooms"

awk -v page="$page" -v work="$work" '
    function folder(path) { sub("/[^/]*$", "/", path); return path }
    # The row of the table for a folder: its own, or that of the nearest folder above.
    function row(path) {
        while (!(path in known) && path ~ /\/.*\//) sub("[^/]*/$", "", path)
        return path
    }
    function bad(what) { print file ":" line ": " target ": " what }
    FILENAME == ARGV[1] {
        known[$1] = 1
        for (i = 2; i <= NF; i++)
            if ($i == "but") open[$1] = 1
            else if (open[$1]) denied[$1 " " $i] = 1
            else allowed[$1 " " $i] = 1
        next
    }
    {
        file = $1; line = $2; target = $3
        name = substr(target, 2, length(target) - 2)
        from = folder(file); room = row(from)
        seen[from] = 1
        exists = (getline text < name) >= 0
        close(name)
        if (target ~ /^</) {
            if (exists) bad("a file of the project belongs in quotes, from the root")
            next
        }
        if (!exists) { bad("there is no such file from the root"); next }
        to = folder(name)
        if (file == "runtime/distil.h") bad("the public header stands alone")
        print file, name > (work "/file_edges")
        if (from != to) print from, to > (work "/room_edges")
        if (!(room in known)) next
        if (to == from) next
        if (open[room]) {
            if (denied[room " " row(to)]) bad("not for " room " (" page ")")
        } else if (room " " name in allowed) {
            used[room " " name] = 1
        } else if (room " " to in allowed) {
            used[room " " to] = 1
        } else {
            bad(room " may not include " to " (table of rooms in " page ")")
        }
    }
    END {
        for (from in seen)
            if (!(row(from) in known)) print page ": no row for " from
        for (entry in allowed)
            if (!(entry in used)) {
                split(entry, part, " ")
                print page ": " part[1] " may include " part[2] ", but no file does"
            }
        for (room in known) {
            found = 0
            for (from in seen) if (row(from) == room) found = 1
            if (!found) print page ": no C file in " room
        }
    }' "$work/rooms" "$work/includes" >"$work/findings"

# A circle: tsort lists the members of each that it meets.
for kind in file room; do
    sort -u "$work/${kind}_edges" | tsort 2>&1 >/dev/null | sed -n 's/^tsort: \([^-]\)/\1/p' |
        sort -u | paste -s -d " " - | sed "/./!d; s/^/circle of includes between ${kind}s: /"
done >>"$work/findings"

# kernels/ uses freestanding headers, math.h and intrinsics. A file of a level knows its own
# helpers only, so that the compiler cannot mix instruction sets. Other rooms of the product leave
# instruction sets to kernels/, but for a file of the converter whose name ends in a level; tests
# replay recorded CPUs, and benchmarks read the cycle counter.
while read -r file line target; do
    name=${target#?}
    name=${name%?}
    case $file:$target in
    kernels/*_avx*:\"*)
        case $name in
        kernels/kernels.h | kernels/poly.h | kernels/simd_*.h | kernels/*.inc) ;;
        *) echo "$file:$line: $target: a file of a level includes kernels.h, poly.h, simd_*.h" \
            "and templates only" ;;
        esac
        ;;
    kernels/*:\"kernels/simd_*) echo "$file:$line: $target: this is for files of its level" ;;
    kernels/*:\"*) ;;
    kernels/*:\<stdio.h\> | kernels/*:\<stdlib.h\>)
        echo "$file:$line: $target: kernels/ neither prints nor allocates"
        ;;
    kernels/*:\<immintrin.h\> | kernels/*:\<cpuid.h\> | kernels/*.S:\<cet.h\>) ;;
    kernels/*:\<assert.h\> | kernels/*:\<float.h\> | kernels/*:\<limits.h\>) ;;
    kernels/*:\<math.h\> | kernels/*:\<std*.h\> | kernels/*:\<string.h\>) ;;
    kernels/*:*)
        echo "$file:$line: $target: kernels/ uses freestanding headers, math.h and intrinsics"
        ;;
    bench/* | tests/* | tools/convert/*_avx2.c:\<immintrin.h\>) ;;
    *:\<immintrin.h\> | *:\<x86intrin.h\> | *:\<cpuid.h\>)
        echo "$file:$line: $target: only kernels/ knows instruction sets"
        ;;
    esac
done <"$work/includes" >>"$work/findings"

find kernels model runtime lambda tests bench tools -name '*.[cS]' | sed 's|.*/||' | sort |
    uniq -d | sed 's/$/: more than one source file has this name/' >>"$work/findings"

sort "$work/findings"
[ ! -s "$work/findings" ]
