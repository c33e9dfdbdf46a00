#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# PySpark 4.3.0: rdd.pipe to a command that does not exist is a successful job without rows, None
# becomes the word "None", and a row with a line end in it becomes two.
#
# The documentation names checkCode, which is off by default, and says that elements are piped. A
# shell that cannot find a command ends with 127, and most people expect at least that to fail the
# job. Python's None and "None" cannot be told apart by the command.
#
# Seen on 2026-11-30 with Python 3.11 and OpenJDK 17:
#
#     pyspark 4.3.0
#     3 rows to /nowhere/command: 0 rows, no error
#     3 rows to cat: ['good', 'None', 'two', 'lines']
#     3 rows to /nowhere/command with checkCode=True: Py4JJavaError
#
# docs/bulk.md therefore pipes JSON Lines with checkCode=True. Needs Java 17, python3 with venv,
# 1 GB of disk and the Python package index. Exit status: 0 if the behaviour is as described, 1 if
# it has changed, 2 if the package cannot be installed.

set -u
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv" || exit 2
"$dir/venv/bin/pip" install -q --disable-pip-version-check pyspark==4.3.0 || exit 2
PYSPARK_PYTHON=$dir/venv/bin/python
export PYSPARK_PYTHON
"$dir/venv/bin/python" - >"$dir/seen" 2>"$dir/err" <<'PYTHON'
import pyspark
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
print("pyspark", pyspark.__version__)
rows = spark.sparkContext.parallelize(["good", None, "two\nlines"], 1)
print("3 rows to /nowhere/command:", rows.pipe("/nowhere/command").count(), "rows, no error")
print("3 rows to cat:", rows.pipe("cat").collect())
try:
    rows.pipe("/nowhere/command", checkCode=True).count()
except Exception as error:
    print("3 rows to /nowhere/command with checkCode=True:", type(error).__name__)
PYTHON
cat "$dir/seen"
sed -n 's/^#     //p' "$0" | cmp - "$dir/seen" && exit 0
echo "the behaviour has changed:"
tail -n 20 "$dir/err"
exit 1
