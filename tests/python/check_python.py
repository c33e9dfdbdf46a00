# SPDX-License-Identifier: Apache-2.0
"""Tests of the Python package. tests/python/test_python.sh unpacks the wheel and runs this.

    check_python.py BLOB COMMAND ROOT

COMMAND is the program distil, whose answers must be the same. The last line is the sum in the form
that tests/run.sh reads.
"""

import ctypes
import gc
import json
import multiprocessing
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import weakref

import distil

BLOB, COMMAND, ROOT = sys.argv[1:4] if len(sys.argv) > 3 else ("", "", "")
FULL = bool(os.environ.get("DISTIL_TEST_FULL"))
WORDS = "a gorgeous witty movie that is never dull but not quite good 12.5 Ça va?".split()
TEXTS = [" ".join(WORDS[(5 * i + k * k) % len(WORDS)] for k in range(7 * i % 19))
         for i in range(300)]


def numpy_or_none():
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def classify_in_process(model):
    """The work of a child process; the model was pickled, or inherited by a fork."""
    return list(model.classify(TEXTS[:20]).scores)


class PythonTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = distil.Model(BLOB)
        answers = subprocess.run([COMMAND, "classify", "--jsonl", "-m", BLOB], check=True,
                                 input="\n".join(TEXTS) + "\n", stdout=subprocess.PIPE,
                                 encoding="utf-8").stdout
        cls.answers = [json.loads(line) for line in answers.splitlines()]
        cls.scores = ["%.9g" % answer["score"] for answer in cls.answers]

    def require_scores(self, scores, expected=None):
        expected = self.scores if expected is None else expected
        self.assertEqual(["%.9g" % score for score in scores], expected[: len(scores)])

    def test_classify(self):
        result = self.model.classify(TEXTS)
        self.assertEqual(result.labels, [answer["label"] for answer in self.answers])
        self.assertEqual(len(result.scores), len(TEXTS))
        self.require_scores(result.scores)
        self.assertEqual(self.model.classify([]), ([], []))
        self.require_scores(self.model.classify(iter(TEXTS)).scores)

    def test_logits(self):
        rows = self.model.logits(TEXTS)
        self.assertEqual(len(rows), len(TEXTS))
        for row, answer in zip(rows, self.answers):
            self.assertEqual(["%.9g" % x for x in row], ["%.9g" % x for x in answer["logits"]])
        if numpy_or_none():
            self.assertEqual((rows.shape, str(rows.dtype)), ((len(TEXTS), 2), "float32"))
            self.assertEqual(self.model.logits([]).shape, (0, 2))

    def test_logits_without_numpy(self):
        code = ("import sys; sys.modules['numpy'] = None; import distil; "
                "print(distil.Model(sys.argv[1]).logits(['good', 'bad']))")
        out = subprocess.run([sys.executable, "-c", code, BLOB], check=True,
                             stdout=subprocess.PIPE, encoding="utf-8").stdout
        rows = json.loads(out)
        self.assertEqual([len(row) for row in rows], [2, 2])
        self.assertEqual(rows, [[float(x) for x in row] for row in
                                self.model.logits(["good", "bad"])])

    def other_model(self, folder):
        """The model of a folder of the source tree."""
        with tempfile.TemporaryDirectory() as place:
            return distil.Model(distil.convert(f"{ROOT}/{folder}", place + "/other.distil"))

    def test_pairs(self):
        folder = "tests/data/pairs/nli3"
        model = self.other_model(folder)
        lines = pathlib.Path(ROOT, folder, "answers.jsonl").read_text(encoding="utf-8").splitlines()
        cases = [case for case in map(json.loads, lines) if case["kind"] == "pair"]
        self.assertGreater(len(cases), 30)
        pairs = [(case["text"], case["pair"]) for case in cases]
        scores = [{one["label"]: one["score"] for one in row} for row in model(pairs, top_k=None)]
        for mine, case in zip(scores, cases):
            for one in case["answer"]:
                self.assertAlmostEqual(mine[one["label"]], one["score"], delta=0.06)
        dictionaries = [{"text": a, "text_pair": b} for a, b in pairs]
        self.assertEqual(model.classify(pairs), model.classify(dictionaries))
        self.assertEqual([list(row) for row in model.logits(pairs)],
                         [list(model.logits([pair])[0]) for pair in pairs])
        self.assertNotEqual(model.classify(pairs).scores,
                            model.classify([a for a, _ in pairs]).scores)
        # A tuple of texts is a sequence of them, as a list is.
        self.assertEqual(model(pairs[0]), model(list(pairs[0])))
        self.assertEqual(model([pairs[0]]), [model(dictionaries[0])])
        for wrong in (("a",) * 3, (), ("a", None), {"text_pair": "a"}, {"text": "a", "x": "b"}):
            with self.assertRaises(TypeError):
                model.classify([wrong])

    def test_windows(self):
        long = "a gorgeous film " * 300 + "but a very dull and bad end " * 40
        for combine in ("mean", "max", "first"):
            model = distil.Model(BLOB, window=128, stride=32, combine=combine)
            answer = subprocess.run(
                [COMMAND, "classify", "--jsonl", "-m", BLOB, "--window", "128", "--stride", "32",
                 "--combine", combine, long], check=True, stdout=subprocess.PIPE).stdout
            self.assertEqual(["%.9g" % x for x in model.logits([long])[0]],
                             ["%.9g" % x for x in json.loads(answer)["logits"]])
            again = pickle.loads(pickle.dumps(model))
            self.assertEqual(again.classify([long]), model.classify([long]))
        for options, words in (({"combine": "sum"}, "mean, max or first, found 'sum'"),
                               ({"window": -1}, "0 or from 3 to 512, found -1"),
                               ({"window": 2}, "0 or from 3 to 512, found 2"),
                               ({"window": 513}, "0 or from 3 to 512, found 513"),
                               ({"stride": 6}, "6 needs a window"),
                               ({"window": 8, "stride": 6}, "from 0 to 5 for a window of 8"),
                               ({"window": 8, "stride": -1}, "from 0 to 5 for a window of 8")):
            with self.subTest(options), self.assertRaisesRegex(ValueError, words):
                distil.Model(BLOB, **options)
        self.assertEqual(len(distil.Model(BLOB, window=8, stride=5).classify(["good"]).labels), 1)

    def test_structures(self):
        """The structures for ctypes are those of distil.h, whose layout a golden file records."""
        names = {"Options": "distil_options", "ContextOptions": "distil_context_options",
                 "ErrorDetails": "distil_error", "Info": "distil_model_info",
                 "Text": "distil_text", "TextAt": "distil_text", "Result": "distil_result",
                 "Scores": "distil_scores", "Offsets": "distil_offsets",
                 "Entity": "distil_entity", "Entities": "distil_entities",
                 "EmbedOptions": "distil_embed_options", "Answer": "distil_answer",
                 "AnswerOptions": "distil_answer_options"}
        lines = pathlib.Path(ROOT, "tests/golden/abi.txt").read_text(encoding="utf-8").splitlines()
        for mine, name in names.items():
            kind = getattr(distil._abi, mine)
            expected = {line for line in lines if line.startswith(f"member {name}.")}
            self.assertEqual(expected, {
                f"member {name}.{field[0]} at {getattr(kind, field[0]).offset}, "
                f"{getattr(kind, field[0]).size} bytes" for field in kind._fields_})
            self.assertIn(f"struct {name}, {ctypes.sizeof(kind)} bytes", lines)

    def compare(self, mine, other, tolerance):
        self.assertIs(type(mine), type(other))
        if isinstance(mine, list):
            self.assertEqual(len(mine), len(other))
            for a, b in zip(mine, other):
                self.compare(a, b, tolerance)
        else:
            self.assertEqual((list(mine), mine["label"]), (list(other), other["label"]))
            self.assertIs(type(mine["score"]), float)
            self.assertAlmostEqual(mine["score"], other["score"], delta=tolerance)

    def test_pipeline(self):
        path = pathlib.Path(ROOT) / "tests/data/python/pipeline.json"
        cases = json.loads(path.read_text(encoding="utf-8"))
        self.assertGreater(len(cases), 20)
        for case in cases:
            model = self.other_model(case["model"]) if "model" in case else self.model
            with self.subTest(str(case["arguments"])):
                logits = case["arguments"].get("function_to_apply") == "none"
                mine = model(**case["arguments"])
                # 8-bit weights move logits of the development set by a tenth and less.
                self.compare(mine, case["result"], 0.3 if logits else 0.05)
        with self.assertRaises(ValueError):
            self.model("good", function_to_apply="other")

    def test_functions(self):
        self.assertEqual(self.model.function, "softmax")
        for name in ("softmax", "sigmoid", "none"):
            answers = subprocess.run(
                [COMMAND, "classify", "--jsonl", "--function", name, "-m", BLOB], check=True,
                input="\n".join(TEXTS) + "\n", stdout=subprocess.PIPE, encoding="utf-8").stdout
            mine = self.model(TEXTS, top_k=None, function=name)
            for ranked, line in zip(mine, answers.splitlines()):
                probabilities = json.loads(line)["probabilities"]
                self.assertEqual({one["label"]: "%.9g" % one["score"] for one in ranked},
                                 {label: "%.9g" % x for label, x in probabilities.items()})
            self.assertEqual(self.model.classify(TEXTS, name).scores,
                             [one["score"] for one in self.model(TEXTS, function_to_apply=name)])
        with self.assertRaises(TypeError):
            self.model("good", function="none", function_to_apply="none")
        for top_k, error in (("x", TypeError), (-1, ValueError)):
            with self.assertRaisesRegex(error, "top_k"):
                self.model("good", top_k=top_k)
        with self.assertRaisesRegex(TypeError, "not int"):
            self.model(3)
        with self.assertRaises(ValueError):
            self.model.classify(["good"], "relu")

    def test_embed(self):
        """Vectors have the bits of the command's, and options mean the same."""
        texts = ["so good", "", "Ça va? " * 200, "so bad"]
        for options, arguments in (({}, []), ({"pooling": "cls", "normalize": True},
                                              ["--pooling", "cls", "--normalize"])):
            out = subprocess.run([COMMAND, "embed", "-m", BLOB, *arguments, "--", *texts],
                                 check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
            expected = [json.loads(line)["embedding"] for line in out.splitlines()]
            found = self.model.embed(texts, **options)
            for ours, theirs in zip(found, expected):
                self.assertEqual(["%.9g" % x for x in ours], ["%.9g" % x for x in theirs])
            self.assertEqual(len(found), len(texts))
        if numpy_or_none():
            self.assertEqual((found.shape[0], str(found.dtype)), (4, "float32"))
            self.assertEqual(self.model.embed([]).shape[0], 0)
        self.assertEqual(len(self.model.embed(["a"] * 600)), 600)
        with self.assertRaises(ValueError):
            self.model.embed(texts, pooling="last")
        with self.assertRaises(TypeError):
            self.model.embed("one text")
        with tempfile.TemporaryDirectory() as directory:
            path = distil.convert(pathlib.Path(ROOT, "tests/data/embeddings/dense_tanh"),
                                  pathlib.Path(directory, "blob"))
            with distil.Model(path) as model:
                self.assertEqual((len(model.embed(["good"])[0]), model.labels), (48, []))
                with self.assertRaises(distil.DistilError):
                    model.embed(["good"], pooling="cls")
                with self.assertRaises(distil.DistilError):
                    model.classify(["good"])

    def test_answer(self):
        """Answers are those of the command."""
        question, context = "what is good ?", "the film was in Paris, café and dances " * 20
        with tempfile.TemporaryDirectory() as directory:
            path = distil.convert(pathlib.Path(ROOT, "tests/data/answers/lower"),
                                  pathlib.Path(directory, "blob"))
            out = subprocess.run([COMMAND, "answer", "-m", path, "--question", question,
                                  "--context", context, "--top-k", "4", "--jsonl", "--allow-none",
                                  "--window", "30", "--stride", "0"], check=True,
                                 stdout=subprocess.PIPE, encoding="utf-8").stdout
            with distil.Model(path) as model:
                found = model.answer(question, context, 4, handle_impossible_answer=True,
                                     window=30, stride=0)
                self.assertEqual(len(found), 4)
                for ours, theirs in zip(found, json.loads(out)["answers"]):
                    del theirs["byte_start"], theirs["byte_end"]
                    self.assertEqual("%.9g" % ours.pop("score"), "%.9g" % theirs.pop("score"))
                    self.assertEqual(ours, theirs)
                self.assertEqual(set(model.answer(question, context)),
                                 {"score", "start", "end", "answer"})
                with self.assertRaises(distil.DistilError):
                    model.answer("", context)
                with self.assertRaises(ValueError):
                    model.answer(question, context, 0)
                with self.assertRaises(TypeError):
                    model.answer(question, None)

    def test_entities(self):
        """The dictionaries have what the command says, for texts of all kinds."""
        with tempfile.TemporaryDirectory() as directory:
            folder = pathlib.Path(directory, "tagger")
            shutil.copytree(pathlib.Path(ROOT, "tests/data/pairs/nli3"), folder)
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            config["architectures"] = ["DistilBertForTokenClassification"]
            config["id2label"] = {"0": "B-PER", "1": "O", "2": "I-PER"}
            (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
            path = distil.convert(folder, pathlib.Path(directory, "blob"))
            texts = ["a witty film, it is very very good", "", "Ça is n\u0303 good \U0001f600",
                     "the film is not bad and " * 9]
            windows = ["--window", "8", "--stride", "3"]
            for how, more in (("none", []), ("simple", []), ("average", windows)):
                out = subprocess.run([COMMAND, "entities", "-m", path, "--jsonl", "--aggregation",
                                      how, *more, "--", *texts], check=True,
                                     stdout=subprocess.PIPE, encoding="utf-8").stdout
                expected = [json.loads(line)["entities"] for line in out.splitlines()]
                options = {"window": 8, "stride": 3} if more else {}
                with distil.Model(path, **options) as model:
                    self.assertEqual(model.task, "token classification")
                    found = model.entities(texts, how)
                    self.assertEqual(found[0], model.entities(texts[0].encode(), how))
                for text, ours, theirs in zip(texts, found, expected):
                    self.assertEqual(len(ours), len(theirs))
                    for a, b in zip(ours, theirs):
                        self.assertEqual(a["word"], text[a["start"]:a["end"]])
                        b["word"] = b.pop("text")
                        del b["byte_start"], b["byte_end"]
                        self.assertEqual("%.9g" % a.pop("score"), "%.9g" % b.pop("score"))
                        self.assertEqual(a, b)
                self.assertGreater(sum(map(len, found)), 3)
            with distil.Model(path) as model:
                with self.assertRaises(distil.DistilError):
                    model.classify(["good"])
                with self.assertRaises(ValueError):
                    model.entities("good", "sum")
                with self.assertRaises(TypeError):
                    model.entities([3])
        with self.assertRaises(distil.DistilError):
            self.model.entities("good")

    def test_failed_text(self):
        engine, wrong = self.model._engine, 70
        kind = distil._abi.TextAt

        def texts(begin, end):
            return (kind * (end - begin))(*[(None, i == wrong) for i in range(begin, end)])

        with self.assertRaises(distil.DistilError) as caught:
            engine.run(texts, lambda i: 4000, 100, 0, 1, lambda context, count: None)
        self.assertEqual((caught.exception.status, caught.exception.text), (30, wrong))
        self.assertIn(f"text {wrong}: ", str(caught.exception))
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertEqual((again.status, again.text), (30, wrong))

    def test_other_library(self):
        with tempfile.TemporaryDirectory() as folder:
            source, library = folder + "/other.c", folder + "/other.so"
            compiler = os.environ.get("CC", "cc").split()
            for body, version in (("", "0.1"), ("int distil_version_number(void){return 1003000;}",
                                               "1.3")):
                pathlib.Path(source).write_text(body + "int other;\n", encoding="utf-8")
                try:
                    subprocess.run([*compiler, "-shared", "-fPIC", "-o", library, source],
                                   check=True)
                except FileNotFoundError:
                    self.skipTest("no compiler")
                done = subprocess.run([sys.executable, "-c", "import distil"],
                                      env={**os.environ, "DISTIL_LIBRARY": library},
                                      stderr=subprocess.PIPE, encoding="utf-8")
                self.assertEqual(done.returncode, 1)
                last = done.stderr.splitlines()[-1]
                self.assertIn("ImportError", last)
                self.assertIn(f"has version {version}, and this package is for version", last)

    def test_collection(self):
        def mapped():
            maps = pathlib.Path("/proc/self/maps").read_text(encoding="utf-8")
            return maps.count(os.path.realpath(BLOB))

        before = mapped()
        model = distil.Model(BLOB)
        watcher = weakref.ref(model)
        model.classify(["good"])
        self.assertGreater(mapped(), before)
        del model
        gc.collect()
        self.assertIsNone(watcher())
        self.assertEqual(mapped(), before)

    def test_convert(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "new.distil")
            self.assertEqual(distil.convert(ROOT + "/model/sst2", pathlib.Path(out)), out)
            self.assertEqual(pathlib.Path(out).read_bytes(), pathlib.Path(BLOB).read_bytes())
            with self.assertRaises(distil.CommandError) as caught:
                distil.convert(folder, out + "2")
            self.assertEqual(caught.exception.status, 1)
            self.assertIn("config.json", str(caught.exception))
            self.assertEqual(os.listdir(folder), ["new.distil"])
        done = subprocess.run([sys.executable, "-m", "distil", "--version"], check=True,
                              stdout=subprocess.PIPE, encoding="utf-8")
        self.assertEqual(done.stdout, f"distil {distil.__version__}\n")

    def test_tokenize(self):
        texts = ["good", "a\0b", "[SEP] is special", "\u6620\u753b!", "a" * 300, "\ud800", b"\xff x"]
        for text in texts:
            raw = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
            if "\ud800" in str(text):
                raw = "\ufffd".encode()
            if b"\0" in raw:
                raw = raw.replace(b"\0", b"")  # the model's tokenizer drops NUL
            for extra, model in (([], self.model), (
                    ["--split-special-tokens"], distil.Model(BLOB, split_special_tokens=True))):
                out = subprocess.run([COMMAND, "tokenize", "-m", BLOB, *extra, "--", raw],
                                     check=True, stdout=subprocess.PIPE).stdout
                self.assertEqual(model.tokenize(text), [int(x) for x in out.split()])

    def test_types(self):
        for wrong in (["good", None], [1], "a single text"):
            with self.assertRaises(TypeError):
                self.model.classify(wrong)
        self.assertEqual(self.model([b"good"]), self.model(["good"]))

    def test_errors(self):
        with self.assertRaises(distil.DistilError) as caught:
            distil.Model("/nonexistent.distil")
        self.assertEqual(caught.exception.status, 10)
        self.assertIn("/nonexistent.distil", str(caught.exception))
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertEqual((again.status, str(again)), (10, str(caught.exception)))
        with self.assertRaises(distil.DistilError):
            distil.Model(COMMAND)  # a file that is no blob
        for options in ({"isa": "mmx"}, {"verify": "md5"}):
            with self.assertRaises(ValueError):
                distil.Model(BLOB, **options)

    def test_levels(self):
        model = distil.Model(BLOB, isa="scalar", verify="sha256")
        self.assertEqual(model.isa, "scalar")
        self.assertEqual(model.labels, ["NEGATIVE", "POSITIVE"])
        self.require_scores(model.classify(TEXTS[:10]).scores)
        distil.Model(BLOB, verify="proof").close()

    def test_close(self):
        with distil.Model(BLOB) as model:
            model.classify(["good"])
        for call in (lambda: model("good"), lambda: model.classify(["good"]),
                     lambda: model.tokenize("good")):
            with self.assertRaises(ValueError):
                call()
        model.close()

    def test_close_in_use(self):
        model = distil.Model(BLOB)
        ends = []

        def work():
            try:
                while True:
                    self.require_scores(model.classify(TEXTS[:8]).scores)
            except ValueError as error:
                ends.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        model.close()
        for thread in threads:
            thread.join()
        self.assertEqual(ends, ["the model is closed"] * 3)

    def test_threads(self):
        calls = 100_000 // 8 if FULL else 60
        wrong = []

        def work(number):
            for i in range(calls):
                k = (number * 37 + i * 11) % len(TEXTS)
                result = self.model.classify([TEXTS[k]])
                if "%.9g" % result.scores[0] != self.scores[k]:
                    wrong.append(k)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        idle = [context for context in self.model._engine.idle if context.function == 1]
        self.assertLessEqual(len(idle), 8)

    def test_pickle(self):
        model = distil.Model(BLOB, isa="scalar", split_special_tokens=True)
        again = pickle.loads(pickle.dumps(model))
        self.assertEqual((again.isa, again.path), ("scalar", model.path))
        self.assertEqual(again.tokenize("[SEP]"), model.tokenize("[SEP]"))

    def test_processes(self):
        for method in ("fork", "forkserver", "spawn"):
            with self.subTest(method), multiprocessing.get_context(method).Pool(2) as pool:
                for scores in pool.map(classify_in_process, [self.model] * 4):
                    self.require_scores(scores)

    def test_fork_during_calls(self):
        stop = threading.Event()

        def work():
            while not stop.is_set():
                self.model.classify(TEXTS[:16])

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        statuses = []
        for _ in range(10):
            time.sleep(0.01)
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                scores = ["%.9g" % x for x in classify_in_process(self.model)]
                os._exit(0 if scores == self.scores[:20] else 1)
            statuses.append(os.waitpid(child, 0)[1])
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses, [0] * 10)

    def test_close_after_fork_during_calls(self):
        """A child frees the contexts of the parent's other threads, and so closes the model."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = shutil.copy(BLOB, os.path.realpath(folder.name))
        model = distil.Model(path)
        entered, leave = threading.Event(), threading.Event()

        def work():
            with model._engine.context(1):
                entered.set()
                leave.wait()

        thread = threading.Thread(target=work)
        thread.start()
        entered.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            model.close()
            with open("/proc/self/maps") as maps:
                os._exit(path in maps.read())
        status = os.waitpid(child, 0)[1]
        leave.set()
        thread.join()
        self.assertEqual(status, 0)

    def test_interrupt(self):
        for texts in (TEXTS * 1000, ["gorgeous " * 600] * 10000):
            timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
            sent = time.monotonic() + 0.5
            timer.start()
            with self.assertRaises(KeyboardInterrupt):
                self.model.classify(texts)
            # A piece takes a third of a second here; the bound leaves room for a busy machine.
            self.assertLess(time.monotonic() - sent, 3)
        self.require_scores(self.model.classify(TEXTS[:3]).scores)

    def test_exit(self):
        code = ("import distil, sys, threading, time\n"
                "model = distil.Model(sys.argv[1])\n"
                "def work():\n"
                "    while True: model.classify(['good'] * 50)\n"
                "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
                "time.sleep(0.3)\n")
        for _ in range(3):
            done = subprocess.run([sys.executable, "-c", code, BLOB], stderr=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stderr), (0, b""))

    @staticmethod
    def kinds(pa):
        views = [pa.string_view()] if hasattr(pa, "string_view") else []
        return [pa.string(), pa.large_string(), *views]

    def test_arrow(self):
        try:
            import pyarrow as pa
        except ImportError:
            self.skipTest("no pyarrow")
        texts = ["x", None, "", "Ça va?", None, *TEXTS]
        wanted = self.model.classify([text for text in texts if text is not None])
        scores = iter(wanted.scores)
        expected = [None if text is None else next(scores) for text in texts]
        for kind in self.kinds(pa):
            array = pa.array(texts, kind)
            for begin, end in ((0, len(texts)), (1, 5), (3, 290), (4, 4)):
                result = self.model.classify_arrow(array[begin:end])
                self.assertEqual(result.field("score").to_pylist(), expected[begin:end])
                self.assertEqual([row is None for row in result.to_pylist()],
                                 [text is None for text in texts[begin:end]])
            chunked = pa.chunked_array([array[:7], array[7:7], array[7:]])
            self.assertEqual([row and row["score"] for row in
                              self.model.classify_arrow(chunked).to_pylist()], expected)
            for one in (array, array.dictionary_encode()):
                result = self.model.classify_arrow(one[3:200])
                self.assertEqual(result.field("score").to_pylist(), expected[3:200])
                self.assertEqual(str(result.type), "struct<label: string, score: float>")
        values = pa.array(["good", None, "never used", "bad"])
        coded = pa.DictionaryArray.from_arrays(pa.array([3, None, 1, 0, 3], pa.int8()), values)
        bad, good = self.model.classify(["bad", "good"]).scores
        for array in (coded, coded[1:], pa.chunked_array([coded, coded[:0]])):
            self.assertEqual([row and row["score"] for row in
                              self.model.classify_arrow(array).to_pylist()],
                             [bad, None, None, good, bad][-len(array):])
        self.assertEqual(len(self.model.classify_arrow(pa.chunked_array([], pa.string()))), 0)
        empty = pa.array([], pa.int64())
        for wrong in (pa.array([1, 2]), ["good"], pa.array([[1]]), empty, empty.dictionary_encode(),
                      pa.chunked_array([], pa.int64())):
            with self.assertRaises(TypeError):
                self.model.classify_arrow(wrong)

    def test_arrow_without_copy(self):
        try:
            import pyarrow as pa
        except ImportError:
            self.skipTest("no pyarrow")
        from distil import _arrow
        texts = ["short", "a text that is longer than a view", "", "exactly 12 b", "another long one"]
        for kind in self.kinds(pa):
            array = pa.array(["before", *texts], kind)[1:]
            buffers = [(b.address, b.address + b.size) for b in array.buffers() if b is not None]
            where = _arrow._find(array)
            for i, text in enumerate(texts):
                address, size = where(i)
                self.assertEqual(ctypes.string_at(address, size).decode(), text)
                self.assertTrue(size == 0 or any(b <= address and address + size <= e
                                                 for b, e in buffers))

    def test_arrow_capsule(self):
        try:
            import pyarrow as pa
        except ImportError:
            self.skipTest("no pyarrow")

        class Column:
            def __init__(self, array):
                self.array = array

            def __arrow_c_stream__(self, requested_schema=None):
                return self.array.__arrow_c_stream__(requested_schema)

        array = pa.chunked_array([["good", None], ["bad"]])
        if not hasattr(array, "__arrow_c_stream__"):
            self.skipTest("no Arrow PyCapsule interface")
        self.assertEqual(self.model.classify_arrow(Column(array)),
                         self.model.classify_arrow(array))


def main():
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    skipped = len(result.skipped)
    bad = len(result.failures) + len(result.errors)
    for test, reason in result.skipped:
        print(f"skip {test.id().rsplit('.', 1)[-1]}: {reason}")
    print(f"test_python: {result.testsRun - bad - skipped} passed, {bad} failed, {skipped} skipped")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
