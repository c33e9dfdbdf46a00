#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the commands of docs/bulk.md for engines that are installed: each block after a line
# <!-- run: NAME -->, as it stands except for its paths. DISTIL_TEST_HADOOP names a folder with the
# jars of Hadoop and hadoop-streaming.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_engines.sh"

if ! has_module pyarrow; then
    skip all "Python has no pyarrow"
    finish test_bulk_page
fi
unpack_package || exit 1
if has_module duckdb; then
    DISTIL_BUILD=$build sh "$root/tools/build_extension.sh" duckdb "$dir/build/duckdb" 2>&1 ||
        exit 1
fi
if have sqlite3 && echo '#include <sqlite3ext.h>' | ${CC:-cc} -E - >/dev/null 2>&1; then
    DISTIL_BUILD=$build sh "$root/tools/build_extension.sh" sqlite "$dir/build/sqlite" 2>&1 ||
        exit 1
fi
if has_module pyspark; then
    home=$("$python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
    mkdir spark && ln -s "$home"/* spark/ && rm -f spark/work
    SPARK_HOME=$dir/spark
    export SPARK_HOME
fi
mkdir -p build && ln -s "$blob" build/sst2.distil
"$python" "$root/tests/engines/check_bulk_page.py" "$root/docs/bulk.md" "$dir" >out 2>err
rc=$?
[ $rc -eq 0 ] || tail -n 60 err
tail -n 40 out
exit $rc
