# SPDX-License-Identifier: Apache-2.0
"""Tests of the extension of SQLite. test_sqlite.sh runs this.

    check_sqlite.py EXTENSION
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

import engine_checks
from engine_checks import BLOB, TEXTS, answers_of, form

EXTENSION = sys.argv[1]


def connect(path=":memory:", **options):
    db = sqlite3.connect(path, **options)
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(EXTENSION)[0])
    db.enable_load_extension(False)
    return db


class SqliteTest(unittest.TestCase):
    def setUp(self):
        self.db = connect()

    def tearDown(self):
        self.db.close()

    def one(self, sql, *arguments):
        return self.db.execute(sql, arguments).fetchone()[0]

    def fails(self, message, sql, *arguments):
        with self.assertRaises(sqlite3.OperationalError) as caught:
            self.db.execute(sql, arguments).fetchall()
        self.assertIn(message, str(caught.exception))

    def test_table(self):
        texts = [*TEXTS, None]
        self.db.execute("create table t(id integer primary key, body text)")
        self.db.executemany("insert into t values(?, ?)", enumerate(texts))
        rows = self.db.execute("select id, distil_label(body), distil_score(body), distil(body) "
                               "from t order by id").fetchall()
        self.assertEqual([row[0] for row in rows], list(range(len(texts))))
        expected = answers_of(texts)
        self.assertEqual([form(label, score) for _, label, score, _ in rows], expected)
        both = [None if row[3] is None else json.loads(row[3]) for row in rows]
        self.assertEqual([b and form(b["label"], b["score"]) for b in both], expected)

    def test_json(self):
        self.assertEqual(self.one("select distil(?) ->> 'label'", "It is dull."), "NEGATIVE")
        self.assertEqual(json.loads(self.one("select json_array(distil('bad'))")),
                         [json.loads(self.one("select distil('bad')"))])

    def test_kinds_of_values(self):
        texts = [b"bad", b"", b"a \xff b", 12.5, 7]
        expected = answers_of([t if isinstance(t, bytes) else str(t) for t in texts])
        self.assertEqual([form(self.one("select distil_label(?)", t),
                               self.one("select distil_score(?)", t)) for t in texts], expected)
        for sql in ("distil(null)", "distil_label(null)", "distil_score(null)",
                    "distil('a', null)", "distil(null, 'nowhere')"):
            self.assertIsNone(self.one("select " + sql))

    def test_kept_answer(self):
        """The last answer belongs to its own text and model only."""
        one, other = answers_of(["bad", "good"])
        for text, answer in (("bad", one), ("good", other), ("bad", one), ("bad", one)):
            self.assertEqual(form(self.one("select distil_label(?)", text),
                                  self.one("select distil_score(?)", text)), answer)
        self.assertEqual(form("NEGATIVE", self.one("select distil_score('bad', ?)", BLOB)), one)

    def test_models(self):
        self.assertEqual(self.one("select distil_label('bad', ?)", BLOB), "NEGATIVE")
        self.fails("No such file or directory",
                   "select distil('a', '/nowhere/x.distil')")
        self.fails("/nowhere/x.distil", "select distil('a', '/nowhere/x.distil')")
        self.fails("not a blob: give the path of a model that distil convert has written", "select distil('a', ?)", __file__)
        self.fails("no model: set the environment variable DISTIL_MODEL", "select distil('a', '')")
        with tempfile.TemporaryDirectory() as folder:
            for i in range(63):  # one model is open already
                os.symlink(BLOB, f"{folder}/{i}")
                self.assertEqual(self.one("select distil_label('bad', ?)", f"{folder}/{i}"),
                                 "NEGATIVE", i)
            os.symlink(BLOB, folder + "/last")
            self.fails("more than 64 models", "select distil('a', ?)", folder + "/last")

    def test_no_model(self):
        code = ("import check_sqlite\n"
                "try: print(check_sqlite.connect().execute(\"select distil('a')\").fetchall())\n"
                "except Exception as e: print(type(e).__name__, e)\n")
        environment = {**os.environ, "DISTIL_MODEL": ""}
        said = subprocess.run([sys.executable, "-c", code, EXTENSION], env=environment, check=True,
                              stdout=subprocess.PIPE, encoding="utf-8").stdout
        self.assertIn("OperationalError distil: no model: set the environment variable", said)

    def test_wrong_calls(self):
        self.fails("wrong number of arguments", "select distil()")
        self.fails("wrong number of arguments", "select distil('a', 'b', 'c')")
        # A schema of a stranger must not open files.
        self.db.execute("create view v as select distil('a', '/etc/passwd') as x")
        self.fails("unsafe use", "select * from v")

    def test_index(self):
        """SQLite accepts functions in an index only if they are deterministic."""
        self.db.execute("create table t(body text)")
        self.db.executemany("insert into t values(?)", [("bad",), ("good",), (None,)])
        self.db.execute("create index i on t(distil_label(body))")
        found = self.db.execute("select body from t where distil_label(body) = 'NEGATIVE'")
        self.assertEqual(found.fetchall(), [("bad",)])
        plan = self.db.execute("explain query plan select body from t "
                               "where distil_label(body) = 'NEGATIVE'").fetchall()
        self.assertIn("USING INDEX i", str(plan))

    def test_threads(self):
        expected = answers_of(TEXTS)
        wrong = []

        def work():
            db = connect()
            for _ in range(3):
                rows = [db.execute("select distil_label(?1), distil_score(?1)", (t,)).fetchone()
                        for t in TEXTS]
                if [form(*row) for row in rows] != expected:
                    wrong.append(rows)
            db.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_loaded_twice(self):
        self.db.enable_load_extension(True)
        self.db.load_extension(os.path.splitext(EXTENSION)[0])
        self.assertEqual(self.one("select distil_label('bad')"), "NEGATIVE")


if __name__ == "__main__":
    engine_checks.main("test_sqlite")
