#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the extension of SQLite and runs it in the real SQLite, by Python's module sqlite3.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_engines.sh"

if ! echo '#include <sqlite3ext.h>' | ${CC:-cc} -E - >/dev/null 2>&1; then
    skip all "sqlite3ext.h is not installed"
    finish test_sqlite
fi
# Some builds of Python leave out that their SQLite loads extensions. Debian's has it.
loads=
for candidate in "$python" /usr/bin/python3; do
    if [ -z "$loads" ] && "$candidate" -c 'import sqlite3
sqlite3.connect(":memory:").enable_load_extension(True)' 2>/dev/null; then
        loads=$candidate
    fi
done
if [ -z "$loads" ]; then
    skip all "no Python whose sqlite3 loads extensions"
    finish test_sqlite
fi
DISTIL_BUILD=$build sh "$root/tools/build_extension.sh" sqlite "$dir/extension" 2>&1 || exit 1
unpack_package || exit 1
"$loads" "$root/tests/engines/check_sqlite.py" "$dir/extension/distil.so" 2>&1
