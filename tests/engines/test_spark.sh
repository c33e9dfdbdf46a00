#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs distil.spark on a real Spark, local-cluster[2,1,1024]: a master, two workers and two
# executors, each a Java process with Python workers of its own.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_engines.sh"

for module in pyspark pyarrow; do
    if ! has_module $module; then
        skip all "Python has no $module"
        finish test_spark
    fi
done
if ! have java; then
    skip all "java is not installed"
    finish test_spark
fi
unpack_package || exit 1
# Executors write their logs to the folder work of SPARK_HOME, which must not be that of the
# package.
home=$("$python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
mkdir spark && ln -s "$home"/* spark/ && rm -f spark/work
SPARK_HOME=$dir/spark
export SPARK_HOME
# Java prints warnings, which only matter if a case fails.
"$python" "$root/tests/engines/check_spark.py" "$root" "$dir" >out 2>err
rc=$?
[ $rc -eq 0 ] || tail -n 60 err
tail -n 40 out
exit $rc
