# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/bulk.md. test_bulk_page.sh runs this.

    check_bulk_page.py PAGE DIRECTORY

A block of Python finds the table in the variable reviews and leaves the answers in the variable
answers. A block of the shell finds it in the file reviews.jsonl. Only the paths of the page are
replaced.
"""

import importlib.util
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import unittest

import distil
import engine_checks
from engine_checks import BLOB, answers_of, form

PAGE, DIRECTORY = sys.argv[1:3]
TEXTS = ["A gorgeous, witty, seductive movie.", "It is dull.", "", None, "bad", "two\nlines\r\n",
         "a \x00 b", 'it\'s "fine"\\', "tab\there", "素晴らしい映画 😀", "None", "good " * 600]
COUNT = 240


def texts():
    return [TEXTS[i % len(TEXTS)] if i % 3 or not TEXTS[i % len(TEXTS)]
            else TEXTS[i % len(TEXTS)] + f" {i}" for i in range(COUNT)]


def has(*modules):
    return all(importlib.util.find_spec(module) for module in modules)


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = texts()
        cls.expected = dict(enumerate(answers_of(cls.texts)))
        cls.command = os.path.join(os.path.dirname(distil.__file__), "bin", "distil")
        cls.page = pathlib.Path(PAGE).read_text(encoding="utf-8")
        lines = [json.dumps({"id": i, "body": text}) for i, text in enumerate(cls.texts)]
        pathlib.Path(DIRECTORY, "reviews.jsonl").write_text("\n".join(lines) + "\n",
                                                            encoding="utf-8")
        cls.spark = None

    @classmethod
    def tearDownClass(cls):
        if cls.spark is not None:
            cls.spark.stop()

    def block(self, name):
        found = re.findall(rf"^<!-- run: {name} -->\n```[a-z]*\n(.*?)^```$", self.page,
                           re.MULTILINE | re.DOTALL)
        self.assertEqual(len(found), 1, name)
        return (found[0].replace("/models/sst2.distil", BLOB)
                .replace("/usr/local/bin", os.path.dirname(self.command)))

    def test_names(self):
        """Every block that is marked has a test here, and the other way round."""
        tested = {name[5:].replace("_", "-") for name in dir(self) if name.startswith("test_")}
        self.assertEqual(set(re.findall(r"^<!-- run: (.*) -->$", self.page, re.MULTILINE)),
                         tested - {"names"})

    def require(self, rows):
        rows = list(rows)
        answers = {int(row[0]): form(row[1] or None, row[2] or 0) for row in rows}
        self.assertEqual((len(rows), len(answers)), (COUNT, COUNT))
        self.assertEqual(answers, self.expected)

    def require_lines(self, text):
        rows = [json.loads(line) for line in text.splitlines()]
        self.require((row["id"], row["label"], row["score"]) for row in rows)
        self.assertEqual({row["id"]: row["body"] for row in rows}, dict(enumerate(self.texts)))

    def shell(self, script):
        path = os.path.dirname(self.command) + os.pathsep + os.environ["PATH"]
        done = subprocess.run(["sh", "-eu", "-c", script], cwd=DIRECTORY, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8",
                              env={**os.environ, "PATH": path})
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return done.stdout

    def python(self, name, **variables):
        os.chdir(DIRECTORY)
        exec(compile(self.block(name), f"{PAGE}, {name}", "exec"), variables)  # noqa: S102
        return variables["answers"]

    def table(self):
        import pyarrow

        return pyarrow.table({"id": list(range(COUNT)), "body": self.texts})

    def test_xargs(self):
        self.shell(self.block("xargs"))
        self.require_lines(pathlib.Path(DIRECTORY, "answers.jsonl").read_text(encoding="utf-8"))

    def test_parallel(self):
        if not shutil.which("parallel"):
            self.skipTest("GNU parallel is not installed")
        self.shell(self.block("parallel"))
        text = pathlib.Path(DIRECTORY, "answers.jsonl").read_text(encoding="utf-8")
        self.require_lines(text)
        self.assertEqual([json.loads(line)["id"] for line in text.splitlines()],
                         list(range(COUNT)))

    def test_sqlite(self):
        if not shutil.which("sqlite3") or not os.path.exists(f"{DIRECTORY}/build/sqlite"):
            self.skipTest("sqlite3 or sqlite3ext.h is not installed")
        with sqlite3.connect(f"{DIRECTORY}/reviews.db") as db:
            db.execute("create table reviews(id integer primary key, body text)")
            db.executemany("insert into reviews values(?, ?)", enumerate(self.texts))
        db.close()
        self.require(line.split("|") for line in self.shell(self.block("sqlite")).splitlines())

    def test_duckdb(self):
        if not has("duckdb"):
            self.skipTest("Python has no duckdb")
        import duckdb

        self.require(self.python("duckdb", duckdb=duckdb))

    def test_polars(self):
        if not has("polars"):
            self.skipTest("Python has no polars")
        import polars

        reviews = polars.from_arrow(self.table())
        answers = self.python("polars", polars=polars, distil=distil, reviews=reviews)
        self.assertEqual(answers.columns, ["id", "body", "label", "score"])
        self.require(answers.select("id", "label", "score").rows())
        lazy = self.python("polars", polars=polars, distil=distil, reviews=reviews.lazy())
        self.require(lazy.collect(engine="streaming").select("id", "label", "score").rows())

    def test_ray(self):
        if not has("ray", "ray.data"):
            self.skipTest("Python has no ray with ray.data")
        import pyarrow
        import pyarrow.compute
        import ray

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False,
                 object_store_memory=100_000_000)
        try:
            answers = self.python("ray", ray=ray, distil=distil, pyarrow=pyarrow,
                                  reviews=self.table()).take_all()
        finally:
            ray.shutdown()
        self.require((row["id"], row["label"], row["score"]) for row in answers)

    def start_spark(self):
        if not has("pyspark") or not shutil.which("java"):
            self.skipTest("no PySpark or no Java")
        import spark_session

        cls = type(self)
        if cls.spark is None:
            os.environ["PATH"] += os.pathsep + os.path.dirname(self.command)
            cls.spark = spark_session.start()
            cls.reviews = cls.spark.createDataFrame(
                list(enumerate(self.texts)), "id long, body string").repartition(3)
            cls.reviews.createOrReplaceTempView("reviews")

    def run_spark(self, name, **variables):
        self.start_spark()
        answers = self.python(name, spark=self.spark, reviews=self.reviews, json=json, **variables)
        self.require(answers.select("id", "label", "score").collect())

    def test_spark(self):
        self.run_spark("spark")

    def test_spark_file(self):
        self.start_spark()
        import distil.spark

        self.run_spark("spark-file", classify=distil.spark.classify)

    def test_spark_pipe(self):
        self.run_spark("spark-pipe")

    def test_spark_transform(self):
        self.run_spark("spark-transform")

    def test_hadoop(self):
        jars = os.environ.get("DISTIL_TEST_HADOOP")
        if not jars or not shutil.which("java"):
            self.skipTest("DISTIL_TEST_HADOOP names no jars of Hadoop")
        program = pathlib.Path(DIRECTORY, "programs")
        program.mkdir()
        # The program hadoop is a script that starts Java with the jars.
        (program / "hadoop").write_text(
            "#!/bin/sh\nshift 2\nexec java -cp '" + jars + "/*' -Dhadoop.home.dir=/tmp "
            "org.apache.hadoop.streaming.HadoopStreaming \"$@\"\n", encoding="utf-8")
        (program / "hadoop").chmod(0o755)
        self.shell(f"PATH={program}:$PATH\n" + self.block("hadoop"))
        parts = sorted(pathlib.Path(DIRECTORY, "answers").glob("part-*"))
        self.require_lines("".join(part.read_text(encoding="utf-8") for part in parts))


if __name__ == "__main__":
    engine_checks.main("test_bulk_page")
