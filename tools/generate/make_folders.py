# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/folders: variants of a DistilBERT folder, and what transformers makes of them.

    make_folders.py write [DIRECTORY]       needs transformers 5 (tried with 5.24.0)
    make_folders.py answer [DIRECTORY]      first with transformers 5, then with 4 (4.57.6)

(The directory is tests/data/folders if none is given.)

`write` saves one small seeded model as base/, and for each variant of the list below a folder with
only those files that differ from base/. A file named `removed` lists the files of base/ that the
variant does not have. `answer` loads each variant with AutoTokenizer, in the version that its
config.json names, and writes the ids of the texts in texts.txt to ids/NAME; a variant whose ids
equal those of another one gets no file, but a line in ids/same. Where the weights differ, too, it
writes the logits to logits/NAME. Variants that begin with "no_" must be refused by the converter,
and get no answer.
"""

import json
import pathlib
import shutil
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DistilBertConfig,
                          DistilBertForSequenceClassification, DistilBertTokenizer)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MAJOR = int(transformers.__version__.split(".")[0])
OLD = "4.57.6"
WORDS = ("the a an film is Good good bad Bad cafe café CAFÉ Café naïve naive ##ly ##s not very . , ! ? - ' "
         "[ ] ( ) < > / & ; : @ # _ 中 文 中文 电影 über uber covid ##tok ##id covidtok user word ##word ##19 "
         "i İ straße ß ss ##sse mask pad sep cls unk MASK SEP [CLASS] [END] <user> agood <e> good! "
         "goodbye ##bye 1 ##1 2 ##2 ##9 9 é e").split()
TEXTS = [
    "", "good", "Good", "GOOD film", "a Good, bad film!", "café", "CAFÉ", "Café naïve", "cafe\u0301",
    "中文", "a中文b", "电影 is good", "über straße", "İ i", "not very good.", "good-bad", "goods goodly",
    "[MASK]", "a [SEP] b", "[CLS]good[SEP]", "[mask] [Sep]", "[PAD] [UNK]", "a[MASK]b", " [MASK] good",
    "covidtok", "COVIDTOK", "covid covidtok!", "<user> is good", "a<user>b", "  <USER>  good", "agood",
    "agood agood.", "goodbye good", "good" * 30, "goodgoodgoodgood", "the film is good " * 5,
    "[CLASS] good [END] [NEW]<e2>[new]", "\ufeffgood a\u200bb\u00a0c \x07good",
]
assert len(TEXTS) == 38


def vocabulary() -> list[str]:
    letters = [chr(c) for c in (*range(ord("a"), ord("z") + 1), *range(ord("A"), ord("Z") + 1))]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *letters, *("##" + x for x in letters)]
    return list(dict.fromkeys(tokens))


class Folder:
    """A copy of the base folder that a variant changes."""

    def __init__(self, base: pathlib.Path, path: pathlib.Path):
        self.path = path
        shutil.copytree(base, path)

    def json(self, name: str, **members) -> dict:
        """Change members of a JSON file, where None removes one, and return the object."""
        file = self.path / name
        value = json.loads(file.read_text()) if file.exists() else {}
        for key, member in members.items():
            at = value
            *outer, last = key.split("__")
            for step in outer:
                at = at[step]
            if member is None:
                at.pop(last, None)
            else:
                at[last] = member
        file.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
        return value

    def tok(self, **members):
        return self.json("tokenizer.json", **members)

    def set(self, **members):
        return self.json("tokenizer_config.json", **members)

    def conf(self, **members):
        return self.json("config.json", **members)

    def drop(self, *names: str):
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def old(self):
        self.conf(transformers_version=OLD)

    def only_vocab(self, first: str = ""):
        (self.path / "vocab.txt").write_text(first + "\n".join(vocabulary()) + "\n")
        self.drop("tokenizer.json")

    def tensors(self, change, dtype=None):
        file = self.path / "model.safetensors"
        tensors = change(load_file(file))
        save_file({k: v.contiguous() for k, v in tensors.items()}, file, metadata={"format": "pt"})


def normalizer(**members):
    return {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
            "strip_accents": None, "lowercase": True} | members


BERT_PROCESSING = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
VARIANTS = {}


def variant(function):
    VARIANTS[function.__name__] = function
    return function


def both(function):
    """A variant for transformers 5, and the same one saved by transformers 4."""
    name = function.__name__
    VARIANTS[name] = function

    def older(f):
        f.old()
        function(f)
    VARIANTS[name + "_v4"] = older
    return function


# ---- which file decides -----------------------------------------------------------------------

@both
def saved(f): pass


@both
def json_cased(f): f.tok(normalizer=normalizer(lowercase=False)); f.set(do_lower_case=None)


@both
def json_cased_no_config(f):
    f.tok(normalizer=normalizer(lowercase=False)); f.drop("tokenizer_config.json")


@both
def config_cased(f): f.set(do_lower_case=False)


@both
def json_keeps_accents(f):
    f.tok(normalizer=normalizer(strip_accents=False)); f.set(strip_accents=None)


@both
def config_keeps_accents(f): f.set(strip_accents=False)


@both
def config_strips_cased(f): f.set(strip_accents=True, do_lower_case=False)


@both
def json_no_chinese(f):
    f.tok(normalizer=normalizer(handle_chinese_chars=False)); f.set(tokenize_chinese_chars=None)


@both
def config_no_chinese(f): f.set(tokenize_chinese_chars=False)


@both
def bert_class(f): f.set(tokenizer_class="BertTokenizer"); f.tok(normalizer=normalizer(lowercase=False))


@both
def class_in_model_config(f):
    f.set(tokenizer_class=None); f.conf(tokenizer_class="BertTokenizer")
    f.tok(normalizer=normalizer(lowercase=False))


@both
def backend_cased(f):
    f.tok(normalizer=normalizer(lowercase=False))
    f.set(tokenizer_class="PreTrainedTokenizerFast", do_lower_case=True)


@both
def backend_lower(f): f.set(tokenizer_class="PreTrainedTokenizerFast", do_lower_case=False)


@variant
def backend5_cased(f):
    f.tok(normalizer=normalizer(lowercase=False)); f.set(tokenizer_class="TokenizersBackend", do_lower_case=True)


@both
def backend_template(f):
    f.set(tokenizer_class="PreTrainedTokenizerFast", cls_token="[CLASS]", sep_token="[END]")


@variant
def no_roberta_class(f): f.set(tokenizer_class="RobertaTokenizer")


@variant
def no_backend_without_json(f): f.only_vocab(); f.set(tokenizer_class="PreTrainedTokenizerFast")


@both
def model_without_type(f): f.tok(model__type=None, post_processor=BERT_PROCESSING)


@both
def word_chars(f): f.tok(model__max_input_chars_per_word=8)


@variant
def word_chars_backend(f):
    f.tok(model__max_input_chars_per_word=8); f.set(tokenizer_class="TokenizersBackend")


@both
def sequences(f):
    f.tok(normalizer={"type": "Sequence", "normalizers": [normalizer(lowercase=False)]},
          pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"}]})


@variant
def sequences_backend(f):
    sequences(f); f.set(tokenizer_class="TokenizersBackend")


@variant
def other_normalizer(f): f.tok(normalizer={"type": "Lowercase"})


def no_other_normalizer_v4(f): f.old(); other_normalizer(f)


def no_other_normalizer_backend(f): other_normalizer(f); f.set(tokenizer_class="TokenizersBackend")


@variant
def other_pre_tokenizer(f): f.tok(pre_tokenizer={"type": "Whitespace"})


def no_other_pre_tokenizer_v4(f): f.old(); other_pre_tokenizer(f)


@variant
def dirty(f): f.tok(normalizer=normalizer(clean_text=False))


def no_dirty_v4(f): f.old(); dirty(f)


def no_dirty_backend(f): dirty(f); f.set(tokenizer_class="TokenizersBackend")


@variant
def unframed(f): f.tok(post_processor=None)


def no_unframed_v4(f): f.old(); unframed(f)


def no_unframed_backend(f): unframed(f); f.set(tokenizer_class="TokenizersBackend")


@both
def other_frame(f): f.set(cls_token="[CLASS]", sep_token="[END]")


@variant
def other_unknown(f): f.set(unk_token="unk")


def no_byte_level(f):
    f.tok(model={"type": "BPE", "vocab": {"a": 0}, "merges": []}, pre_tokenizer={"type": "ByteLevel"})
    f.set(tokenizer_class="TokenizersBackend")


def no_roberta_processing(f):
    f.tok(post_processor={"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2],
                          "trim_offsets": True, "add_prefix_space": False})
    f.set(tokenizer_class="TokenizersBackend")


# ---- vocabulary and added tokens ----------------------------------------------------------------

@both
def vocab_only(f): f.only_vocab()


@both
def vocab_no_config(f): f.only_vocab(); f.drop("tokenizer_config.json")


@variant
def vocab_mark(f): f.only_vocab("\ufeff")


@variant
def extra_special(f): f.only_vocab(); f.set(extra_special_tokens=["<user>", "[END]"])


@both
def additional_special(f):
    f.only_vocab(); f.set(additional_special_tokens=["<user>", "[END]"])


def added_decoder(f, token: str, **flags):
    """Add a token as both files list it."""
    entry = {"content": token, "lstrip": False, "normalized": False, "rstrip": False,
             "single_word": False, "special": True} | flags
    value = f.tok()
    vocab = value["model"]["vocab"]
    at = vocab.get(token, len(vocab) + sum(x["id"] >= len(vocab) for x in value["added_tokens"]))
    f.tok(added_tokens=sorted(value["added_tokens"] + [{"id": at} | entry], key=lambda x: x["id"]))
    config = f.set()
    f.set(added_tokens_decoder=config.get("added_tokens_decoder", {}) | {str(at): entry})


@both
def added_special(f): added_decoder(f, "good")


@both
def added_special_beyond(f): added_decoder(f, "[NEW]"); added_decoder(f, "<e2>")


def no_added_word(f): added_decoder(f, "covid19")


@both
def added_ordinary(f): added_decoder(f, "<user>", special=False)


@both
def added_strips(f):
    added_decoder(f, "<user>", lstrip=True); added_decoder(f, "[NEW]", rstrip=True, special=False)


@both
def split_special(f): f.set(split_special_tokens=True); added_decoder(f, "<user>", special=False)


@both
def many_special(f):
    for i in range(5, 85):
        added_decoder(f, vocabulary()[i])


@both
def cut_end(f): f.set(model_max_length=6)


@both
def cut_beginning(f): f.set(model_max_length=6, truncation_side="left")


@both
def cut_beginning_json(f):
    f.set(model_max_length=7)
    f.tok(truncation={"direction": "Left", "max_length": 9, "strategy": "LongestFirst", "stride": 0})


@both
def cut_old_name(f): f.set(model_max_length=None, max_len=5)


@variant
def cut_least(f): f.set(model_max_length=2)


def no_room_for_text(f): f.set(model_max_length=1)


def no_added_normalized(f): added_decoder(f, "<user>", normalized=True)


def no_added_single_word(f): added_decoder(f, "<user>", single_word=True)


@both
def mask_lstrip(f):
    f.set(mask_token={"__type": "AddedToken", "content": "[MASK]", "lstrip": True, "rstrip": False, "single_word": False,
                      "normalized": False})
    f.only_vocab()


def no_added_file(f): f.only_vocab(); f.json("added_tokens.json", good=11)


@both
def added_file_special(f):
    f.only_vocab()
    f.json("added_tokens.json", **{"<user>": vocabulary().index("<user>"), "[NEW]": len(vocabulary())})
    f.set(additional_special_tokens=["<user>", "[NEW]"])


@both
def special_map(f):
    f.json("special_tokens_map.json", cls_token="[CLASS]", sep_token={"content": "[END]"},
           additional_special_tokens=["<user>"])


@both
def special_map_vocab(f): special_map(f); f.only_vocab()


@both
def special_map_decoder(f): added_decoder(f, "<e>"); special_map(f)


@both
def model_specific(f): f.set(bos_token="[CLASS]", user_token="<user>")


@both
def twice_in_vocab(f):
    f.only_vocab()
    lines = (f.path / "vocab.txt").read_text().split("\n")
    lines[20] = "good"
    (f.path / "vocab.txt").write_text("\n".join(lines))


def no_twice_in_vocab(f):
    """transformers gives the added token an id that another token has."""
    twice_in_vocab(f); f.set(additional_special_tokens=["[NEW]"])


# ---- configuration ------------------------------------------------------------------------------

@variant
def labels_numbers(f): f.conf(id2label={"0": 0, "1": 1.5, "2": -3}, label2id=None)


@variant
def labels_booleans(f): f.conf(id2label={"0": False, "1": True, "2": "maybe"}, label2id=None)


def no_label_gap(f): f.conf(id2label={"0": "a", "2": "b", "3": "c"}, label2id=None)


@variant
def default_hidden(f):
    """The model has the class's default, 3072, and the configuration does not say so."""
    f.conf(hidden_dim=None)
    dim = 32
    torch.manual_seed(3)

    def change(t):
        t["distilbert.transformer.layer.0.ffn.lin1.weight"] = torch.randn(3072, dim) * 0.1
        t["distilbert.transformer.layer.0.ffn.lin1.bias"] = torch.zeros(3072)
        t["distilbert.transformer.layer.0.ffn.lin2.weight"] = torch.randn(dim, 3072) * 0.02
        return {k: v.half() for k, v in t.items()}
    f.tensors(change)


@variant
def type_from_architectures(f): f.conf(model_type=None)


def no_kind_at_all(f): f.conf(model_type=None, architectures=None)


@variant
def norm_gamma(f):
    f.tensors(lambda t: {k.replace("LayerNorm.weight", "LayerNorm.gamma")
                          .replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in t.items()})


def no_other_gamma(f):
    f.tensors(lambda t: {k.replace("layer_norm.weight", "layer_norm.gamma"): v for k, v in t.items()})


def prefixed(prefix):
    return lambda f: f.tensors(lambda t: {prefix + k: v for k, v in t.items()})


@variant
def sinusoidal(f):
    f.conf(sinusoidal_pos_embds=True)
    f.tensors(lambda t: {k: v for k, v in t.items() if "position_embeddings" not in k})


@variant
def sinusoidal_with_tensor(f): f.conf(sinusoidal_pos_embds=True)


@variant
def many_positions(f):
    sinusoidal(f); f.conf(max_position_embeddings=4096); f.set(model_max_length=100)


def no_long_texts(f): sinusoidal(f); f.conf(max_position_embeddings=1024)


def no_fp16_file(f): (f.path / "model.safetensors").rename(f.path / "model.fp16.safetensors")


def no_tokenizer(f): f.drop("tokenizer.json", "tokenizer_config.json")


for refused in (no_other_gamma, no_long_texts, no_added_word, no_room_for_text, no_added_normalized,
                no_added_single_word, no_added_file, no_twice_in_vocab, no_other_normalizer_v4, no_other_normalizer_backend, no_other_pre_tokenizer_v4, no_dirty_v4,
                no_dirty_backend, no_unframed_v4, no_unframed_backend, no_byte_level, no_roberta_processing,
                no_label_gap, no_kind_at_all, no_fp16_file, no_tokenizer):
    VARIANTS[refused.__name__] = refused
for name, prefix in (("no_module_names", "module."), ("no_compiled_names", "_orig_mod."),
                     ("no_model_names", "model.")):
    VARIANTS[name] = prefixed(prefix)


# ---- writing ------------------------------------------------------------------------------------

def write_base(path: pathlib.Path):
    with tempfile.TemporaryDirectory() as scratch:
        vocab = pathlib.Path(scratch) / "vocab.txt"
        vocab.write_text("\n".join(vocabulary()) + "\n")
        tokenizer = DistilBertTokenizer.from_pretrained(scratch)
    torch.manual_seed(16)
    model = DistilBertForSequenceClassification(DistilBertConfig(
        vocab_size=len(vocabulary()) + 4, dim=32, hidden_dim=32, n_layers=1, n_heads=1,
        max_position_embeddings=128, num_labels=3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.5)
    model.half().save_pretrained(path)
    tokenizer.save_pretrained(path)
    folder = json.loads((path / "tokenizer.json").read_text())
    (path / "tokenizer.json").write_text(json.dumps(folder, ensure_ascii=False, separators=(",", ":")) + "\n")


def write(out: pathlib.Path):
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    write_base(out / "base")
    (out / "texts.json").write_text("\n".join(json.dumps(t) for t in TEXTS) + "\n")
    (out / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    for name, change in VARIANTS.items():
        with tempfile.TemporaryDirectory() as scratch:
            full = pathlib.Path(scratch) / name
            change(Folder(out / "base", full))
            (out / name).mkdir()
            for file in sorted(full.iterdir()):
                same = out / "base" / file.name
                if not same.exists() or same.read_bytes() != file.read_bytes():
                    shutil.copy(file, out / name / file.name)
            removed = [x.name for x in sorted((out / "base").iterdir()) if not (full / x.name).exists()]
            if removed:
                (out / name / "removed").write_text("".join(x + "\n" for x in removed))


def whole(out: pathlib.Path, name: str, to: pathlib.Path):
    shutil.copytree(out / "base", to)
    for file in (out / name).iterdir():
        shutil.copy(file, to / file.name)
    if (to / "removed").exists():
        for line in (to / "removed").read_text().split():
            (to / line).unlink()
        (to / "removed").unlink()


def answer(out: pathlib.Path):
    (out / "ids").mkdir(exist_ok=True)
    (out / "logits").mkdir(exist_ok=True)
    same = out / "ids" / "same"
    lines = [x for x in same.read_text().splitlines()] if same.exists() else []
    known = {file.read_text(): file.name for file in sorted((out / "ids").iterdir()) if file != same}
    for name in VARIANTS:
        if name.startswith("no_"):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / name
            whole(out, name, path)
            config = json.loads((path / "config.json").read_text())
            if int(config.get("transformers_version", "5").split(".")[0]) != MAJOR:
                continue
            if "model_type" not in config:  # AutoTokenizer needs it; DistilBERT's own classes do not
                config["model_type"] = "distilbert"
                (path / "config.json").write_text(json.dumps(config))
            tokenizer = AutoTokenizer.from_pretrained(path)
            ids = [tokenizer(text)["input_ids"] for text in TEXTS]
            text = "".join(" ".join(map(str, x)) + "\n" for x in ids)
            lines = [x for x in lines if x.split()[0] != name]
            if text in known and known[text] != name:
                lines.append(f"{name} {known[text]}")
                (out / "ids" / name).unlink(missing_ok=True)
            else:
                (out / "ids" / name).write_text(text)
                known[text] = name
            if name == "saved" or name.startswith("cut_") or (out / name / "model.safetensors").exists():
                model = AutoModelForSequenceClassification.from_pretrained(path, dtype=torch.float32).eval()
                with torch.no_grad():
                    ids = [tokenizer(text, truncation=True)["input_ids"] for text in TEXTS]
                    logits = [model(torch.tensor([x])).logits[0].tolist() for x in ids]
                (out / "logits" / name).write_text(
                    "".join(" ".join(f"{v:.4f}" for v in x) + "\n" for x in logits))
    same.write_text("".join(x + "\n" for x in sorted(lines)))


def main() -> None:
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "tests/data/folders"
    {"write": write, "answer": answer}[sys.argv[1]](out)


if __name__ == "__main__":
    main()
