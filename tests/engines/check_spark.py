# SPDX-License-Identifier: Apache-2.0
"""Tests of distil.spark on a real Spark. test_spark.sh runs this.

    check_spark.py ROOT DIRECTORY
"""

import os
import shutil
import signal
import sys
import threading
import time
import unittest

import distil.spark
import engine_checks
import make_messy_rows
import spark_session
from engine_checks import BLOB, answers_of, form
from pyspark.errors import PySparkException
from pyspark.sql import types

ROOT, DIRECTORY = sys.argv[1:3]
FULL = bool(os.environ.get("DISTIL_TEST_FULL"))
MESSY_ROWS = 20000 if FULL else 600
# Two executors must be busy for some seconds, so that both kills meet running tasks.
KILL_ROWS = 40000 if FULL else 6000


def collect(df):
    """The answers by id. Fails if an id comes twice."""
    rows = df.select("id", "label", "score").collect()
    answers = {row.id: form(row.label, row.score) for row in rows}
    assert len(answers) == len(rows), f"{len(rows)} rows and {len(answers)} ids"
    return answers


def model_counts(batches):
    """For each batch the pid of the worker and the number of models that it has open."""
    import distil.spark
    import pyarrow

    for _ in batches:
        yield pyarrow.RecordBatch.from_pydict(
            {"pid": [os.getpid()], "models": [len(distil.spark._models)]},
            pyarrow.schema([("pid", pyarrow.int64()), ("models", pyarrow.int64())]))


class SparkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.mkdir(f"{DIRECTORY}/events")
        cls.spark = spark_session.start(events=f"{DIRECTORY}/events")
        cls.simple = cls.spark.createDataFrame(
            [(1, "good", 1.5), (2, None, None), (3, "bad", 2.5), (4, "", 3.5)],
            "id long, body string, stars double").repartition(2)
        cls.simple_answers = dict(zip(range(1, 5), answers_of(["good", None, "bad", ""])))

    @classmethod
    def tearDownClass(cls):
        cls.spark.stop()

    def messy(self, kind):
        rows = list(make_messy_rows.rows(MESSY_ROWS, seed=5, longest=1_000_000))
        schema = types.StructType([types.StructField("id", types.LongType()),
                                   types.StructField("body", types.BinaryType()),
                                   types.StructField("place", types.IntegerType())])
        data = [(number, None if text is None else bytearray(text), i)
                for i, (number, text) in enumerate(rows)]
        df = self.spark.createDataFrame(data, schema).repartition(6)
        expected = dict(zip((row[0] for row in rows), answers_of([row[1] for row in rows])))
        return df.withColumn("body", df.body.cast(kind)), rows, expected

    def test_messy_rows(self):
        """Whatever is in a text, each row comes out once, with its own id and answer."""
        for kind in ("binary", "string"):
            df, rows, expected = self.messy(kind)
            out = distil.spark.classify(df, text="body", model=BLOB).cache()
            self.assertEqual(out.columns, ["id", "body", "place", "label", "score"])
            self.assertEqual(collect(out), expected, kind)
            places = {row.id: row.place for row in out.select("id", "place").collect()}
            self.assertEqual(places, {row[0]: i for i, row in enumerate(rows)})
            out.unpersist()

    def test_columns(self):
        out = distil.spark.classify(self.simple, "body", model=BLOB, label="l", score="s")
        rows = {row.id: row for row in out.collect()}
        self.assertEqual({i: form(row.l, row.s) for i, row in rows.items()}, self.simple_answers)
        self.assertEqual([rows[i].stars for i in (1, 2, 3, 4)], [1.5, None, 2.5, 3.5])
        self.assertEqual(out.schema["s"].dataType, types.FloatType())
        empty = distil.spark.classify(self.simple.where("id > 9"), "body", model=BLOB)
        self.assertEqual(empty.collect(), [])

    def test_options(self):
        for options in ({"threads": 3}, {"isa": "scalar"}, {"function": "softmax"}):
            out = distil.spark.classify(self.simple, "body", model=BLOB, **options)
            self.assertEqual(collect(out), self.simple_answers)
        sigmoid = distil.Model(BLOB).classify(["good"], function="sigmoid").scores[0]
        out = distil.spark.classify(self.simple.where("id = 1"), "body", model=BLOB,
                                    function="sigmoid")
        self.assertEqual([row.score for row in out.collect()], [sigmoid])

    def test_mistakes(self):
        def wrong(error, words, df, *arguments, **options):
            with self.assertRaises(error) as caught:
                distil.spark.classify(df, *arguments, model=BLOB, **options)
            self.assertIn(words, str(caught.exception))

        wrong(ValueError, "no column 'text', but id, body, stars", self.simple)
        wrong(TypeError, "is double: cast it to string", self.simple, "stars")
        wrong(ValueError, "a column 'id' already", self.simple, "body", label="id")
        wrong(ValueError, "a column 'a' already", self.simple, "body", label="a", score="a")
        wrong(ValueError, "at least 1", self.simple, "body", threads=0)
        wrong(ValueError, "same name", self.simple.select("id", "body", "body"), "body")
        with self.assertRaises(PySparkException) as caught:
            distil.spark.classify(self.simple, "body", model="nowhere.distil").collect()
        self.assertIn("spark.sparkContext.addFile(path)", str(caught.exception))

    def test_sent_file(self):
        sent = f"{DIRECTORY}/sent.distil"
        shutil.copy(BLOB, sent)
        self.spark.sparkContext.addFile(sent)
        out = distil.spark.classify(self.simple, "body", model="sent.distil")
        self.assertEqual(collect(out), self.simple_answers)

    def test_one_model(self):
        """Tasks that run one after another in a worker process share one model."""
        for _ in range(3):
            distil.spark.classify(self.simple.repartition(8), "body", model=BLOB).collect()
        rows = self.simple.repartition(8).mapInArrow(model_counts, "pid long, models long")
        rows = rows.collect()
        self.assertTrue(rows)
        # The models of BLOB, of the file that was sent, and of the option isa.
        self.assertLessEqual(max(row.models for row in rows), 3)
        self.assertLessEqual(len({row.pid for row in rows}), 4)

    def find_busy_worker(self, job, ended):
        """A worker that computes: it has used some CPU time since the last look."""
        before = spark_session.python_workers()
        while job.is_alive():
            time.sleep(0.3)
            now = spark_session.python_workers()
            for pid, ticks in now.items():
                if pid not in ended and ticks - before.get(pid, ticks) >= 5:
                    return pid
            before = now
        self.fail("the job has ended before anything was killed: it needs more rows")

    def test_kills(self):
        """A Python worker and an executor die in the middle of a job, and no row is lost or
        doubled."""
        texts = [f"{text} {i}" for i in range(KILL_ROWS)
                 for text in ("a gorgeous witty movie that is never dull but not quite good",)]
        df = self.spark.createDataFrame(list(enumerate(texts)), "id long, body string")
        out = distil.spark.classify(df.repartition(12), "body", model=BLOB)
        folder, errors = f"{DIRECTORY}/killed.parquet", []

        def write():
            try:
                out.write.parquet(folder)
            except Exception as error:  # the main thread reports it
                errors.append(error)

        before = spark_session.failures(f"{DIRECTORY}/events")
        job = threading.Thread(target=write)
        job.start()
        worker = self.find_busy_worker(job, set())
        os.kill(worker, signal.SIGKILL)
        time.sleep(1)
        second = self.find_busy_worker(job, {worker})
        executor = spark_session.executor_of(second)
        self.assertGreater(executor, 1)
        os.kill(executor, signal.SIGKILL)
        self.assertTrue(job.is_alive(), "the job has ended before the executor was killed")
        job.join()
        self.assertEqual(errors, [])
        self.assertFalse(spark_session.is_alive(worker))
        self.assertFalse(spark_session.is_alive(executor))
        failed = spark_session.failures(f"{DIRECTORY}/events")[len(before):]
        print(f"killed worker {worker} and executor {executor}: failed tasks:", *failed)
        self.assertIn("ExceptionFailure", failed)  # the task whose Python worker died
        self.assertIn("ExecutorLostFailure", failed)
        answers = collect(self.spark.read.parquet(folder))
        self.assertEqual(answers, dict(enumerate(answers_of(texts))))


if __name__ == "__main__":
    engine_checks.main("test_spark")
