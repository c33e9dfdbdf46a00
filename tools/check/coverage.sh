#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Measures which lines of the product the tests execute, and prints them by folder:
#
#     tools/check/coverage.sh [--files]
#
# Builds everything with gcc's --coverage in build/coverage, runs `make check` there, and reads the
# counters with gcov. With --files the report has a line for each file as well. It needs gcc, gcov
# and python3, and takes several times as long as `make check`. Tests that measure time, memory or
# machine code may fail in such a build: the script names them and goes on, since their lines were
# executed all the same. Assembly and generated tables are not counted. A line counts as executed if
# any program executed it; kernels of levels that this CPU lacks count as not executed.

set -u
cd "$(dirname "$0")/../.." || exit 1
build=build/coverage
mkdir -p $build

# A process that ends by _exit would lose its counters, so each program writes them out before.
cat >$build/exit.c <<'END'
void __gcov_dump(void);
void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}
END
gcc -O1 -fPIC -fvisibility=hidden -c -o $build/exit.o $build/exit.c || exit 1
find $build -name '*.gcda' -delete

# Little optimisation keeps lines apart. Threads may lose counts to each other, which does not
# matter where only zero and non-zero differ; exact counters would make kernels ten times slower.
# The instrumented code draws other warnings than the shipped code, so warnings are no errors here.
run_make() { # LOG ARGUMENT...
    log=$1
    shift
    make CC=gcc WERROR= BUILD=$build OPT=-O1 CFLAGS=-g \
        SANITIZE='--coverage -fprofile-update=single' \
        LDFLAGS="-Wl,--wrap=_exit $build/exit.o" "$@" >"$build/$log" 2>&1
}
run_make make.log -j"$(nproc)" all tests || {
    tail -n 20 $build/make.log
    exit 1
}
run_make check.log check
grep '^FAIL' $build/check.log
tail -n 1 $build/check.log

find $build -name '*.gcda' -print0 | xargs -0 gcov --json-format --stdout 2>/dev/null \
    >$build/gcov.json
python3 - "$build/gcov.json" "${1-}" <<'END'
"""Merge gcov's documents, one a line, and print the share of executed lines by folder."""
import json
import re
import sys
from collections import defaultdict

PRODUCT = re.compile(r"(kernels|model|runtime|lambda|tools)/(?!serve/)")
seen = defaultdict(set)
executed = defaultdict(set)
with open(sys.argv[1], encoding="utf-8") as documents:
    for document in documents:
        for source in json.loads(document)["files"]:
            name = source["file"]
            if not PRODUCT.match(name) or "_tables." in name:
                continue
            for line in source["lines"]:
                seen[name].add(line["line_number"])
                if line["count"]:
                    executed[name].add(line["line_number"])


def show(title, names):
    total = sum(len(seen[name]) for name in names)
    done = sum(len(executed[name]) for name in names)
    print(f"{done:7d} of {total:6d} lines {100 * done / total:7.2f} %  {title}")


folders = defaultdict(list)
for name in sorted(seen):
    folders[name.rpartition("/")[0]].append(name)
for folder, names in sorted(folders.items()):
    show(folder, names)
    if sys.argv[2] == "--files":
        for name in names:
            show("    " + name, [name])
show("the product", list(seen))
END
