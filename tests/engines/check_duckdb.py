# SPDX-License-Identifier: Apache-2.0
"""Tests of the extension of DuckDB. test_duckdb.sh runs this.

    check_duckdb.py EXTENSION
"""

import os
import subprocess
import sys
import tempfile
import threading
import unittest

import duckdb
import engine_checks
from engine_checks import BLOB, TEXTS, answers_of, form

EXTENSION = sys.argv[1]


def connect(threads=2):
    db = duckdb.connect(config={"allow_unsigned_extensions": True, "threads": threads})
    db.execute(f"load '{EXTENSION}'")
    return db


class DuckdbTest(unittest.TestCase):
    def setUp(self):
        self.db = connect()

    def tearDown(self):
        self.db.close()

    def all(self, sql, *arguments):
        return self.db.execute(sql, arguments).fetchall()

    def fails(self, message, sql, *arguments):
        with self.assertRaises(duckdb.Error) as caught:
            self.all(sql, *arguments)
        self.assertIn(message, str(caught.exception))

    def fill(self, texts, kind="varchar"):
        self.db.execute(f"create or replace table t(id integer, body {kind})")
        if texts:
            self.db.executemany("insert into t values(?, ?)", list(enumerate(texts)))

    def test_table(self):
        texts = [*TEXTS, None]
        self.fill(texts)
        rows = self.all("select id, distil_label(body), distil_score(body), distil(body) from t "
                        "order by id")
        self.assertEqual([row[0] for row in rows], list(range(len(texts))))
        expected = answers_of(texts)
        self.assertEqual([form(label, score) for _, label, score, _ in rows], expected)
        self.assertEqual([b and form(b["label"], b["score"]) for *_, b in rows], expected)
        self.assertEqual(self.all("select typeof(distil('a')), typeof(distil_score('a'))"),
                         [("STRUCT(\"label\" VARCHAR, score FLOAT)", "FLOAT")])

    def test_chunks(self):
        """More rows than a chunk has, in several threads, with nulls, filters and constants."""
        texts = [None if i % 7 == 3 else f"{['good', 'bad', 'dull'][i % 3]} {i % 50}"
                 for i in range(6000)]
        different = sorted({text for text in texts if text})
        answers = dict(zip(different, answers_of(different)))
        self.db.execute("create table big as select i as id, case when i % 7 = 3 then null else "
                        "['good', 'bad', 'dull'][1 + i % 3] || ' ' || (i % 50) end as body "
                        "from range(6000) r(i)")
        rows = self.all("select id, body, distil(body) from big")
        self.assertEqual(sorted(row[0] for row in rows), list(range(6000)))
        for number, body, answer in rows:
            self.assertEqual(body, texts[number])
            self.assertEqual(answer and form(**answer), answers.get(body))
        negative = sum(a[0] == "NEGATIVE" for a in map(answers.get, texts) if a)
        self.assertEqual(self.all("select count(*) from big where distil_label(body) = 'NEGATIVE'"),
                         [(negative,)])
        self.assertEqual(self.all("select distinct distil_label('bad') from range(5000)"),
                         [("NEGATIVE",)])
        self.assertEqual(self.all("select count(*) from big where distil(null) is null"),
                         [(6000,)])
        self.assertEqual(self.all("select count(distil_label(body)) from big where id < 0"), [(0,)])

    def test_blobs(self):
        texts = [b"bad", b"", b"a \xff\x00 b", b"\xc3", None]
        self.fill(texts, "blob")
        rows = self.all("select distil(body) from t order by id")
        self.assertEqual([answer and form(**answer) for (answer,) in rows], answers_of(texts))

    def test_models(self):
        self.fill(["bad", "good", None, "dull"])
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(BLOB, folder + "/link")
            self.assertEqual(self.all("select distil_label(body, case id when 1 then ? when 3 then "
                                      "null else ? end) from t order by id",
                                      BLOB, folder + "/link"),
                             [("NEGATIVE",), ("POSITIVE",), (None,), (None,)])
        self.fails("/nowhere/x.distil: ", "select distil('a', '/nowhere/x.distil')")
        self.fails("No such file or directory", "select distil(body, '/nowhere/x.distil') from t")
        self.fails("not a blob: give the path of a model that distil convert has written", "select distil(body, ?) from t", __file__)
        self.fails("no model: set the environment variable DISTIL_MODEL", "select distil('a', '')")
        self.fails("no path of a model", "select distil('a', repeat('x', 5000))")
        # The connection goes on working after an error.
        self.assertEqual(self.all("select distil_label('bad')"), [("NEGATIVE",)])

    def test_no_model(self):
        code = ("import check_duckdb\n"
                "try: print(check_duckdb.connect().execute(\"select distil('a')\").fetchall())\n"
                "except Exception as e: print(type(e).__name__, e)\n")
        environment = {**os.environ, "DISTIL_MODEL": ""}
        said = subprocess.run([sys.executable, "-c", code, EXTENSION], env=environment, check=True,
                              stdout=subprocess.PIPE, encoding="utf-8").stdout
        self.assertIn("distil: no model: set the environment variable DISTIL_MODEL", said)

    def test_wrong_types(self):
        self.fails("distil", "select distil()")
        self.fails("distil", "select distil([1, 2])")

    def test_connections(self):
        """Several databases in one process, each in threads of its own."""
        expected = answers_of(TEXTS)
        wrong = []

        def work():
            db = connect()
            for _ in range(3):
                rows = db.execute("select distil(unnest) from unnest(?)", [TEXTS]).fetchall()
                if [form(**answer) for (answer,) in rows] != expected:
                    wrong.append(rows)
            db.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_unsigned(self):
        """Without the setting DuckDB refuses the file, and says which setting."""
        with duckdb.connect() as db, self.assertRaises(duckdb.Error) as caught:
            db.execute(f"load '{EXTENSION}'")
        self.assertIn("allow_unsigned_extensions", str(caught.exception))


if __name__ == "__main__":
    engine_checks.main("test_duckdb")
