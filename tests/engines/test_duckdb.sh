#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the extension of DuckDB and runs it in the real DuckDB, by its Python package.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_engines.sh"

if ! has_module duckdb; then
    skip all "Python has no duckdb"
    finish test_duckdb
fi
DISTIL_BUILD=$build sh "$root/tools/build_extension.sh" duckdb "$dir" 2>&1 || exit 1
unpack_package || exit 1
"$python" "$root/tests/engines/check_duckdb.py" "$dir/distil.duckdb_extension" 2>&1
