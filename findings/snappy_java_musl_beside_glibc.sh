#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# snappy-java 1.1.10.8, which PySpark 4.3.0 ships: where the package musl is installed beside glibc,
# Spark can neither write nor read Parquet files with its default compression.
#
# snappy-java takes a system for one of musl if the file /lib/ld-musl-x86_64.so.1 exists, and then
# unpacks a library that a Java of glibc cannot load. Debian's packages musl and musl-tools bring
# that file, so it is on many build machines. The message names libc.musl-x86_64.so.1, which no
# package has.
#
# Expected: a Java that runs on glibc loads the library for glibc.
# Seen on 2026-11-30 on Debian 12 with musl 1.2.3, OpenJDK 17 and Python 3.11:
#
#     pyspark 4.3.0, snappy-java-1.1.10.8.jar
#     snappy: failed, libc.musl-x86_64.so.1: cannot open shared object file
#     gzip: 3 rows
#
# The tests of this project therefore use gzip. Needs the package musl, Java 17, python3 with venv,
# 1 GB of disk and the Python package index. Exit status: 0 if the behaviour is as described, 1 if
# it has changed, 2 if something is not installed.

set -u
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
if [ ! -e /lib/ld-musl-x86_64.so.1 ] || ! command -v java >/dev/null; then
    echo "needs the packages musl and openjdk-17-jre-headless" >&2
    exit 2
fi
python3 -m venv "$dir/venv" || exit 2
"$dir/venv/bin/pip" install -q --disable-pip-version-check pyspark==4.3.0 || exit 2
PYSPARK_PYTHON=$dir/venv/bin/python
export PYSPARK_PYTHON
"$dir/venv/bin/python" - "$dir" >"$dir/seen" 2>"$dir/err" <<'PYTHON'
import os
import re
import sys

import pyspark
from pyspark.sql import SparkSession

jars = os.listdir(os.path.join(os.path.dirname(pyspark.__file__), "jars"))
snappy = [jar for jar in jars if jar.startswith("snappy-java")]
print(f"pyspark {pyspark.__version__}, {snappy[0]}")
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
for codec in ("snappy", "gzip"):
    folder = f"{sys.argv[1]}/{codec}"
    try:
        spark.range(3).write.option("compression", codec).parquet(folder)
        print(f"{codec}: {spark.read.parquet(folder).count()} rows")
    except Exception as error:
        why = re.search(r"libc\.musl[^:]*: cannot open shared object file", str(error))
        print(f"{codec}: failed, {why.group() if why else error}")
PYTHON
cat "$dir/seen"
sed -n 's/^#     //p' "$0" | cmp - "$dir/seen" && exit 0
echo "the behaviour has changed:"
tail -n 20 "$dir/err"
exit 1
