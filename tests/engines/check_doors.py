# SPDX-License-Identifier: Apache-2.0
"""Sends the same messy rows through every door, and compares the answers by id. test_doors.sh runs
this.

    check_doors.py DIRECTORY ROWS

The answers of the command, which reads the rows as CSV, are those that the others must give.
"""

import csv
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import unittest

import distil
import engine_checks
import make_messy_rows
import pyarrow as pa
import pyarrow.parquet as pq
from engine_checks import BLOB, form

DIRECTORY, ROWS = sys.argv[1], int(sys.argv[2])
COMMAND = os.path.join(os.path.dirname(distil.__file__), "bin", "distil")
PARQUET = f"{DIRECTORY}/rows.parquet"


def by_id(rows):
    """A dictionary of rows (id, label, score). Fails if an id comes twice."""
    answers = {int(number): form(label, score) for number, label, score in rows}
    assert len(answers) == len(rows), f"{len(rows)} rows and {len(answers)} ids"
    return answers


def by_command(source, kind, out):
    subprocess.run([COMMAND, "classify", "-m", BLOB, "--input", kind, "--keep", "id", "-f", source,
                    "-o", out], check=True)
    with open(out, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "label", "score", "error"][: len(rows[0])], rows[0]
    return by_id([(row[0], row[1] or None, row[2]) for row in rows[1:]])


class DoorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rows = list(make_messy_rows.rows(ROWS))
        cls.ids = [row[0] for row in rows]
        cls.texts = [row[1] for row in rows]
        source = f"{DIRECTORY}/rows.csv"
        with open(source, "wb") as file:
            file.write(b"id,text\n")
            file.writelines(b"%d,%s\n" % (i, make_messy_rows.quote(t)) for i, t in rows)
        cls.table = pa.table({"id": pa.array(cls.ids, pa.int64()),
                              "text": pa.array(cls.texts, pa.large_binary())})
        pq.write_table(cls.table, PARQUET, row_group_size=20000, compression="gzip")
        begin = time.time()
        cls.expected = by_command(source, "csv", f"{DIRECTORY}/answers.csv")
        cls.tell("command", begin)

    @staticmethod
    def tell(door, begin):
        print(f"{door}: {ROWS} rows, {time.time() - begin:.1f} s")

    def require(self, door, rows, begin):
        self.tell(door, begin)
        answers = by_id(rows)
        self.assertEqual(len(answers), ROWS)
        wrong = [i for i in self.expected if answers.get(i, 0) != self.expected[i]]
        self.assertEqual([(i, self.expected[i], answers.get(i)) for i in wrong[:5]], [], door)

    def test_command(self):
        """The command has lost no row, and null is the only text without an answer."""
        self.assertEqual(set(self.expected), set(self.ids))
        for number, text in zip(self.ids, self.texts):
            self.assertEqual(self.expected[number] is None, text is None, number)
        self.assertIn(None, self.texts)
        self.assertIn(b"", self.texts)
        self.assertIn(10_000_000, [len(text) for text in self.texts if text])

    def test_python(self):
        known = [i for i, text in enumerate(self.texts) if text is not None]
        begin = time.time()
        with distil.Model(BLOB) as model:
            answers = model.classify([self.texts[i] for i in known])
        rows = [[number, None, None] for number in self.ids]
        for i, label, score in zip(known, answers.labels, answers.scores):
            rows[i][1:] = label, score
        self.require("Python, lists", rows, begin)

    def test_arrow(self):
        begin = time.time()
        with distil.Model(BLOB) as model:
            column = self.table["text"].combine_chunks()
            answers = model.classify_arrow(column.view(pa.large_string()))
        self.require("Python, Arrow",
                     list(zip(self.ids, answers.field("label").to_pylist(),
                              answers.field("score").to_pylist())), begin)

    def test_duckdb(self):
        if not importlib.util.find_spec("duckdb"):
            self.skipTest("Python has no duckdb")
        import duckdb

        begin = time.time()
        with duckdb.connect(config={"allow_unsigned_extensions": True}) as db:
            db.execute(f"load '{DIRECTORY}/distil.duckdb_extension'")
            rows = db.execute("select id, answer.label, answer.score from (select id, distil(text) "
                              "as answer from read_parquet(?))", [PARQUET]).fetchall()
        self.require("DuckDB", rows, begin)

    def test_spark(self):
        if not importlib.util.find_spec("pyspark") or not shutil.which("java"):
            self.skipTest("no PySpark or no Java")
        import distil.spark
        import spark_session

        spark = spark_session.start(batch_rows=2000)
        try:
            begin = time.time()
            df = spark.read.parquet(PARQUET).repartition(8)
            distil.spark.classify(df, model=BLOB).select("id", "label", "score").write.parquet(
                f"{DIRECTORY}/spark.parquet")
        finally:
            spark.stop()
        answers = pq.read_table(f"{DIRECTORY}/spark.parquet")
        self.require("Spark", list(zip(*(answers[name].to_pylist() for name in
                                         ("id", "label", "score")))), begin)


if __name__ == "__main__":
    engine_checks.main("test_doors")
