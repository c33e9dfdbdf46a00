# SPDX-License-Identifier: Apache-2.0
"""Sentences that try to mislead a sentiment model, and what the models make of them.

    attacks.py write FOLDER            writes FOLDER/ATTACK.txt, one sentence in each line
    attacks.py judge FOLDER GOLDEN     compares FOLDER/ATTACK.jsonl, answers of `distil classify
                                       --jsonl`, with GOLDEN, prints a table, and ends with 1 if a
                                       budget is exceeded

The kinds of attack are those of AdvGLUE and CheckList. The first group changes sentences of the
development set of SST-2 so that people read the same: the label stays. The second group consists of
sentences made of the word lists below, whose label follows from how they are made. Every choice
comes from SHA-256 of the sentence, so any Python gives the same sentences.

tools/generate/make_attacks_golden.py writes GOLDEN with the original framework in float32. Its
columns are: attack, number of sentences, SHA-256 of ATTACK.txt, how many labels float32 gets right,
the floor for both models, and float32's labels as hexadecimal digits, the first sentence first.
"""
import hashlib
import json
import pathlib
import sys

DEV = pathlib.Path(__file__).resolve().parent.parent / "data/sst2/dev.tsv"
EACH = 200  # sentences of each attack
# int8 may get this many labels of an attack wrong that float32 gets right, net of the others.
TOLERANCE = 3

HOMOGLYPHS = str.maketrans("aceopxyi", "асеорхуі")  # Latin to Cyrillic
LEET = str.maketrans("aeios", "43105")
KEYS = {a: b for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for a, b in zip(row, row[1:])}
NOUNS = ["film", "movie", "story", "script", "performance", "plot", "cast", "ending", "scene",
         "picture"]
GOOD = ["wonderful", "brilliant", "charming", "gorgeous", "moving", "delightful", "superb",
        "funny", "beautiful", "excellent"]
BAD = ["awful", "boring", "terrible", "stupid", "dreadful", "dull", "pointless", "horrible",
       "tedious", "lousy"]
DENIALS = ["this {n} is not {a} at all .", "i do not think that the {n} is {a} .",
           "nobody would call this {n} {a} .", "there is nothing {a} about this {n} ."]
TURNS = ["the {n} is {a} , but in the end it is {b} .", "although the {m} is {a} , the {n} is {b} .",
         "i expected a {a} {n} , and it is {b} .", "it looked {a} at first ; the {n} is {b} ."]


def number(*parts):
    """A number that depends on the parts alone."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:8], "big")


def on_words(sentence, attack, share, change):
    """Change this share of the words that are long enough to remain readable."""
    words = sentence.split(" ")
    able = [i for i, w in enumerate(words) if len(w) >= 4 and w.isalpha()]
    able.sort(key=lambda i: number(attack, sentence, i))
    for i in able[:max(1, round(len(able) * share))]:
        words[i] = change(words[i], number(attack, sentence, i, words[i]))
    return " ".join(words)


def swapped(word, r):
    i = 1 + r % (len(word) - 2)
    return word[:i - 1] + word[i] + word[i - 1] + word[i + 1:]


def dropped(word, r):
    i = 1 + r % (len(word) - 1)
    return word[:i] + word[i + 1:]


def mistyped(word, r):
    i = r % len(word)
    return word[:i] + KEYS.get(word[i], word[i]) + word[i + 1:]


def split(word, r):
    i = 1 + r % (len(word) - 1)
    return word[:i] + "\u200b" + word[i:]


WORDS = {
    "typo-swap": (0.3, swapped),
    "typo-drop": (0.3, dropped),
    "typo-key": (0.3, mistyped),
    "homoglyph": (0.3, lambda word, r: word.translate(HOMOGLYPHS)),
    "leet": (0.3, lambda word, r: word.translate(LEET)),
    "zero-width": (0.5, split),
}
WHOLE = {
    "capitals": str.upper,
    "distraction": lambda s: s + " https://t.co/" + hashlib.sha256(s.encode()).hexdigest()[:8] +
                   " and true is true",
}


def pick(words, *parts):
    return words[number(*parts) % len(words)]


def made(attack, i):
    """The sentence number i of an attack of the second group, and its label."""
    label = i % 2
    n, m = pick(NOUNS, attack, i, "n"), pick(NOUNS, attack, i, "m")
    good, bad = pick(GOOD, attack, i, "good"), pick(BAD, attack, i, "bad")
    if attack == "negation":
        return DENIALS[i // 2 % len(DENIALS)].format(n=n, a=bad if label else good), label
    first, last = (bad, good) if label else (good, bad)
    return TURNS[i // 2 % len(TURNS)].format(n=n, m=m, a=first, b=last), label


def attacks():
    """{attack: [(sentence, label)]}"""
    rows = [line.split("\t") for line in DEV.read_text(encoding="utf-8").splitlines()[1:]]
    rows = sorted(((s.strip(), int(label)) for s, label in rows), key=lambda r: number(r[0]))
    rows = [r for r in rows if 6 <= len(r[0].split()) <= 25][:EACH]
    found = {"none": rows}
    for name, (share, change) in WORDS.items():
        found[name] = [(on_words(s, name, share, change), label) for s, label in rows]
    for name, change in WHOLE.items():
        found[name] = [(change(s), label) for s, label in rows]
    for name in "negation", "contrast":
        found[name] = [made(name, i) for i in range(EACH)]
    return found


def text_of(rows):
    return "".join(sentence + "\n" for sentence, _ in rows).encode()


def digits(labels):
    """Labels as hexadecimal digits, four labels in each."""
    bits = "".join(map(str, labels))
    return "".join(f"{int(bits[i:i + 4].ljust(4, '0'), 2):x}" for i in range(0, len(bits), 4))


def labels_of(text, count):
    return [int(b) for b in "".join(f"{int(c, 16):04b}" for c in text)[:count]]


def judge(folder, golden):
    broken = 0
    print(f"{'attack':<12} {'sentences':>9} {'float32':>9} {'int8':>9} {'same':>9} {'floor':>7}")
    wanted = attacks()
    lines = golden.read_text(encoding="utf-8").splitlines()[1:]
    if [line.split("\t")[0] for line in lines] != list(wanted):
        sys.exit(f"attacks.py: {golden} has other attacks: make it again")
    for line in lines:
        name, count, digest, right, floor, labels = line.split("\t")
        count, right, floor = int(count), int(right), int(floor)
        rows = wanted[name]
        if hashlib.sha256(text_of(rows)).hexdigest() != digest:
            sys.exit(f"attacks.py: {golden} is of other sentences ({name}): make it again")
        answers = [json.loads(x) for x in (folder / (name + ".jsonl")).read_text().splitlines()]
        int8 = [int(a["label"] == "POSITIVE") for a in answers]
        if len(int8) != count:
            sys.exit(f"attacks.py: {name}: {len(int8)} answers, not {count}")
        float32 = labels_of(labels, count)
        found = sum(a == b for a, (_, b) in zip(int8, rows))
        same = sum(a == b for a, b in zip(int8, float32))
        verdict = "" if min(found, right) >= floor and found >= right - TOLERANCE else "  EXCEEDED"
        broken += bool(verdict)
        print(f"{name:<12} {count:>9} {100 * right / count:>7.1f} % {100 * found / count:>7.1f} %"
              f" {100 * same / count:>7.1f} % {100 * floor / count:>5.1f} %{verdict}")
    return 1 if broken else 0


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "write":
        for name, rows in attacks().items():
            (pathlib.Path(sys.argv[2]) / (name + ".txt")).write_bytes(text_of(rows))
        return 0
    if len(sys.argv) == 4 and sys.argv[1] == "judge":
        return judge(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    sys.stderr.write(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
