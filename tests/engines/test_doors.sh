#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Sends the same messy rows through the command, Python, DuckDB and Spark, and compares the answers
# by id. ROWS is their number (3,000):
#
#     ROWS=300000 TEST_TIMEOUT=7200 tests/run.sh tests/engines/test_doors.sh

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_engines.sh"

if ! has_module pyarrow.parquet; then
    skip all "Python has no pyarrow"
    finish test_doors
fi
unpack_package || exit 1
if has_module duckdb; then
    DISTIL_BUILD=$build sh "$root/tools/build_extension.sh" duckdb "$dir" 2>&1 || exit 1
fi
if has_module pyspark; then
    home=$("$python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
    mkdir spark && ln -s "$home"/* spark/ && rm -f spark/work
    SPARK_HOME=$dir/spark
    export SPARK_HOME
fi
"$python" "$root/tests/engines/check_doors.py" "$dir" "${ROWS:-3000}" >out 2>err
rc=$?
[ $rc -eq 0 ] || tail -n 60 err
tail -n 40 out
exit $rc
