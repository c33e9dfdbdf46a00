#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Read a blob and check every rule of docs/blob-format.md, with Python's standard library only.

    python3 tools/check/dump_blob.py FILE [--json]

The author wrote it from that page alone, to prove that the page is enough: it shares no code, table
or constant with the C reader. Section numbers in comments are those of the page. The exit status is
0 for a sound blob, 1 for one that a reader must refuse (the byte and the reason go to standard
error), and 2 for wrong usage.
"""

import argparse
import hashlib
import json
import math
import struct
import sys

MAGIC = bytes.fromhex("89 44 42 4C 4F 42 0D 0A")
HEADER_BYTES = 256
ENTRY_BYTES = 32
EMPTY = 0xFFFFFFFF


class Refused(Exception):
    """The blob breaks the format at a byte; the message says how."""

    def __init__(self, offset, what):
        super().__init__(f"byte {offset}: {what}")


def need(condition, offset, what):
    """Refuse the blob, with this byte and reason, unless the condition holds."""
    if not condition:
        raise Refused(offset, what)


def align(n):
    """Round up to a multiple of 64, where each section begins."""
    return (n + 63) // 64 * 64


# ---- CRC-32C (section 3) -------------------------------------------------------------------------


def crc_tables():
    """Eight tables, with which crc32c handles eight bytes at a time."""
    first = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        first.append(byte)
    tables = [first]
    for _ in range(7):
        tables.append([c >> 8 ^ first[c & 255] for c in tables[-1]])
    return tables


T0, T1, T2, T3, T4, T5, T6, T7 = crc_tables()


def crc32c(data):
    crc = 0xFFFFFFFF
    whole = len(data) // 8 * 8
    for lo, hi in struct.iter_unpack("<II", data[:whole]):
        lo ^= crc
        crc = (
            T7[lo & 255] ^ T6[lo >> 8 & 255] ^ T5[lo >> 16 & 255] ^ T4[lo >> 24]
            ^ T3[hi & 255] ^ T2[hi >> 8 & 255] ^ T1[hi >> 16 & 255] ^ T0[hi >> 24]
        )
    for byte in data[whole:]:
        crc = crc >> 8 ^ T0[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283
assert sys.byteorder == "little", "memoryview.cast reads numbers in the machine's order"

# ---- header (section 3) --------------------------------------------------------------------------

# Each field: its offset in the file, its code in the module struct, its name.
FIELDS = [
    (8, "I", "version"),
    (12, "I", "header_bytes"),
    (16, "Q", "file_bytes"),
    (24, "I", "section_count"),
    (28, "I", "scheme"),
    (32, "I", "dim"),
    (36, "I", "hidden_dim"),
    (40, "I", "n_layers"),
    (44, "I", "n_heads"),
    (48, "I", "vocab_size"),
    (52, "I", "max_positions"),
    (56, "I", "n_labels"),
    (60, "f", "layer_norm_eps"),
    (64, "I", "tokenizer_flags"),
    (68, "I", "max_word_chars"),
    (72, "I", "vocab_slots"),
    (76, "I", "max_token_bytes"),
    (80, "I", "special_count"),
    (84, "I", "pad_id"),
    (88, "I", "unk_id"),
    (92, "I", "cls_id"),
    (96, "I", "sep_id"),
    (100, "I", "mask_id"),
    (104, "I", "head_kind"),
    (108, "I", "function"),
    (112, "I", "activation"),
    (116, "I", "max_tokens"),
    (120, "I", "rank_function"),
    (124, "I", "embedding"),
    (252, "I", "header_crc32c"),
]
OFFSET = {name: offset for offset, _, name in FIELDS}

# The limits of a field: its least value, its greatest, and a number that must divide it.
LIMITS = {
    "scheme": (1, 1, 1),
    "dim": (32, 4096, 32),
    "hidden_dim": (32, 16384, 32),
    "n_layers": (1, 24, 1),
    "vocab_size": (1, 1048576, 1),
    "max_positions": (3, 4096, 1),
    "n_labels": (1, 4096, 1),
    "tokenizer_flags": (0, 31, 1),
    "max_word_chars": (1, 1000, 1),
    "max_token_bytes": (1, 4096, 1),
    "special_count": (0, 65536, 1),
    "function": (1, 3, 1),
    "rank_function": (0, 3, 1),
    "activation": (1, 1, 1),
}


# The name of each head, and the kinds of its sections (section 3.3).
HEADS = {1: ("sequence classification", (20, 21)), 2: ("token classification", (21,)),
         3: ("question answering", (21,)), 4: ("embeddings", (21,))}


def read_header(data):
    """The header's fields by name, after all checks of section 3."""
    need(data[:8] == MAGIC[: len(data)], 0, "magic: not a blob")
    need(len(data) >= HEADER_BYTES, len(data), "the file ends within the header")
    h = {name: struct.unpack_from("<" + code, data, at)[0] for at, code, name in FIELDS}
    need(h["version"] == 2, 8, f"version {h['version']}, expected 2: convert again")
    need(h["header_bytes"] == HEADER_BYTES, 12, "header_bytes is not 256")
    need(h["file_bytes"] == len(data), min(h["file_bytes"], len(data)),
         f"file_bytes is {h['file_bytes']}, the file has {len(data)}")
    need(h["section_count"] <= 159, 24, f"section_count {h['section_count']}, at most 159")
    first = align(HEADER_BYTES + ENTRY_BYTES * h["section_count"])
    need(first <= len(data), len(data), "the file ends within the section table")
    crc = crc32c(data[:252] + data[256:first])
    need(crc == h["header_crc32c"], 252, f"header CRC-32C is {crc:08x}")

    for name, (low, high, multiple) in LIMITS.items():
        need(low <= h[name] <= high and h[name] % multiple == 0, OFFSET[name],
             f"{name} is {h[name]}, expected {low} .. {high}, a multiple of {multiple}")
    for name in ("pad_id", "unk_id", "cls_id", "sep_id", "mask_id"):
        need(h[name] < h["vocab_size"], OFFSET[name], f"{name} is not below vocab_size")
    need(h["dim"] in (32 * h["n_heads"], 64 * h["n_heads"]), OFFSET["n_heads"],
         "a head is neither 32 nor 64 wide")
    need(2 <= h["max_tokens"] <= h["max_positions"], OFFSET["max_tokens"],
         f"max_tokens is {h['max_tokens']}, expected 2 .. max_positions")
    need(h["head_kind"] in HEADS, OFFSET["head_kind"],
         f"head_kind {h['head_kind']}: this page describes the sections of "
         f"{', '.join(map(str, HEADS))} only")
    eps = h["layer_norm_eps"]
    need(math.isfinite(eps) and eps > 0, OFFSET["layer_norm_eps"], f"layer_norm_eps is {eps}")
    slots = h["vocab_slots"]
    need(slots & (slots - 1) == 0 and 2 * h["vocab_size"] <= slots <= 8388608,
         OFFSET["vocab_slots"], f"vocab_slots is {slots}")
    expected = 13 + 6 * h["n_layers"] + len(HEADS[h["head_kind"]][1])
    need(h["section_count"] == expected, OFFSET["section_count"],
         f"section_count is {h['section_count']}, not {expected}")
    need(not any(data[160:252]), 160, "reserved bytes of the header are not zero")
    bits = h["embedding"]
    if h["head_kind"] == 4:
        need(bits < 64 and bits & 3, OFFSET["embedding"], f"embedding is {bits}")
        need(bits & 8 or (bits < 8 and h["n_labels"] == h["dim"]), OFFSET["embedding"],
             f"embedding is {bits}: no dense layer, but what only a dense layer has")
    else:
        need(bits == 0, OFFSET["embedding"], f"embedding is {bits} for another head")
    h["sha256"] = data[128:160].hex()
    return h


# ---- sections (sections 2 and 4) -----------------------------------------------------------------

NAMES = [
    None, "provenance", "labels", "specials", "vocab_slots", "vocab_ends", "vocab_bytes",
    "quad_order", "quad_group", "embed_row", "embed_scale", "embed_word", "embed_position",
    "embed_norm", "qkv", "attention_out", "attention_norm", "ffn_in", "ffn_out", "ffn_norm",
    "head_dense", "head_out",
]
MATRICES = ("qkv", "attention_out", "ffn_in", "ffn_out")


def shape_of(h, name):
    """The depth and the number of columns of a matrix."""
    d, hidden = h["dim"], h["hidden_dim"]
    return {"qkv": (d, 3 * d), "attention_out": (d, d), "ffn_in": (d, hidden),
            "ffn_out": (hidden, d)}[name]


def section_sizes(h):
    """The size of each kind of section whose size follows from the model's shape."""
    d, hidden, vocab, layers = h["dim"], h["hidden_dim"], h["vocab_size"], h["n_layers"]
    label_cols = (h["n_labels"] + 15) // 16 * 16
    sizes = {
        "specials": 8 * h["special_count"],
        "vocab_slots": 8 * h["vocab_slots"],
        "vocab_ends": 4 * vocab,
        "quad_order": 2 * layers * (d // 4 * ((4 * d + hidden) // 32) + hidden // 4 * (d // 32)),
        "quad_group": layers * (5 * d + hidden) // 32,
        "embed_row": 4 * vocab,
        "embed_scale": 4 * vocab,
        "embed_word": vocab * d,
        "embed_position": 4 * d * h["max_positions"],
        "embed_norm": 8 * d,
        "attention_norm": 8 * d,
        "ffn_norm": 8 * d,
        "head_dense": 4 * (d + 1) * d,
        "head_out": 0 if h["head_kind"] == 4 and not h["embedding"] & 8
                    else 4 * (d + 1) * label_cols,
    }
    for name in MATRICES:
        depth, cols = shape_of(h, name)
        sizes[name] = 12 * cols + depth * cols
    return sizes


def expected_order(n_layers, head_kind):
    """The kind and layer of each section, in the order of the file."""
    kinds = [(kind, 0) for kind in range(1, 14)]
    for layer in range(n_layers):
        kinds += [(kind, layer) for kind in range(14, 20)]
    return kinds + [(kind, 0) for kind in HEADS[head_kind][1]]


def read_table(data, h):
    """The entries of the section table, after all checks of sections 2 and 4."""
    sizes = section_sizes(h)
    at = align(HEADER_BYTES + ENTRY_BYTES * h["section_count"])
    entries = []
    for i, (kind, layer) in enumerate(expected_order(h["n_layers"], h["head_kind"])):
        entry_at = HEADER_BYTES + ENTRY_BYTES * i
        found = struct.unpack_from("<IIQQII", data, entry_at)
        name = NAMES[kind]
        size = found[3]
        need(found[:2] == (kind, layer), entry_at, f"expected {name} of layer {layer}")
        need(found[2] == at, entry_at + 8, f"{name} at {found[2]}, expected at {at}")
        if name in sizes:
            need(size == sizes[name], entry_at + 16, f"{name}: {size} bytes, not {sizes[name]}")
        elif name == "provenance":
            need(size <= 65536, entry_at + 16, f"provenance: {size} bytes")
        elif name == "labels":
            need(0 <= size - 4 * h["n_labels"] <= 1048576, entry_at + 16, f"labels: {size} bytes")
        need(size < 1 << 33, entry_at + 16, f"{name}: {size} bytes")
        need(found[5] == 0, entry_at + 28, "reserved field of the table is not zero")
        entries.append({"name": name, "layer": layer, "offset": at, "bytes": size,
                        "crc32c": found[4]})
        at += align(size)
    need(at == len(data), 16, f"sections end at {at}, the file at {len(data)}")
    end = HEADER_BYTES + ENTRY_BYTES * len(entries)
    need(not any(data[end:entries[0]["offset"]]), end, "bytes after the table are not zero")
    return entries


class Blob:
    """A blob's bytes, header and sections. Making one checks the structure."""

    def __init__(self, data):
        self.data = data
        self.header = read_header(data)
        self.entries = read_table(data, self.header)
        self.index = {(e["name"], e["layer"]): e for e in self.entries}

    def offset(self, name, layer=0):
        return self.index[name, layer]["offset"]

    def bytes(self, name, layer=0):
        entry = self.index[name, layer]
        return self.data[entry["offset"]:entry["offset"] + entry["bytes"]]

    def array(self, code, name, layer=0):
        return memoryview(self.bytes(name, layer)).cast(code)


# ---- content (sections 4 and 6) ------------------------------------------------------------------


def check_checksums(blob):
    for e in blob.entries:
        end = e["offset"] + e["bytes"]
        padded = e["offset"] + align(e["bytes"])
        crc = crc32c(blob.data[e["offset"]:padded])
        need(crc == e["crc32c"], e["offset"],
             f"{e['name']} of layer {e['layer']}: CRC-32C is {crc:08x}, the table has another")
        need(not any(blob.data[end:padded]), end, f"bytes after {e['name']} are not zero")
    whole = bytearray(blob.data)
    whole[128:160] = bytes(32)
    whole[252:256] = bytes(4)
    need(hashlib.sha256(whole).hexdigest() == blob.header["sha256"], 128, "SHA-256 differs")


def utf8(data, offset, what):
    """Decode bytes that must be UTF-8 without U+0000."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(offset + error.start, f"{what}: not UTF-8") from None
    need("\0" not in text, offset, f"{what}: U+0000")
    return text


def cut(data, ends, offset, what):
    """Cut data into the strings that end at each of `ends`; the first one begins at 0."""
    strings, begin = [], 0
    for i, end in enumerate(ends):
        need(begin <= end <= len(data), offset + 4 * i, f"{what}: end {end} after {begin}")
        strings.append(bytes(data[begin:end]))
        begin = end
    need(begin == len(data), offset, f"{what}: the last end is not that of the bytes")
    return strings


def read_labels(blob):
    n = blob.header["n_labels"]
    section = blob.bytes("labels")
    ends = struct.unpack_from(f"<{n}I", section)
    at = blob.offset("labels")
    return [utf8(s, at, "label") for s in cut(section[4 * n:], ends, at, "labels")]


def token_hash(token):
    """The hash of section 4.4, modulo 2^64."""
    h = 0
    for byte in token:
        h = (h * 0x9DDFEA08EB382D69 + byte + 1) & 0xFFFFFFFFFFFFFFFF
    return h


def lookup(blob, slots, tokens, token):
    """Find a token's id the way section 4.4 describes; None if it is not there."""
    count = blob.header["vocab_slots"]
    h = token_hash(token)
    at = (h * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> (64 - (count.bit_length() - 1))
    while slots[2 * at + 1] != EMPTY:
        if slots[2 * at] == h & 0xFFFFFFFF and tokens[slots[2 * at + 1]] == token:
            return slots[2 * at + 1]
        at = (at + 1) % count
    return None


def read_tokens(blob):
    """The tokens by id, after checking the lookup table against them."""
    h = blob.header
    ends_at, slots_at = blob.offset("vocab_ends"), blob.offset("vocab_slots")
    tokens = cut(blob.bytes("vocab_bytes"), blob.array("I", "vocab_ends"), ends_at, "vocab_ends")
    need(max(map(len, tokens)) == h["max_token_bytes"], OFFSET["max_token_bytes"],
         "max_token_bytes is not the longest token's")
    for token in tokens:
        utf8(token, blob.offset("vocab_bytes"), "token")
    slots = blob.array("I", "vocab_slots")
    used = 0
    for i in range(h["vocab_slots"]):
        fingerprint, token_id = slots[2 * i], slots[2 * i + 1]
        if token_id == EMPTY:
            need(fingerprint == 0, slots_at + 8 * i, "an empty slot has a fingerprint")
            continue
        need(token_id < h["vocab_size"], slots_at + 8 * i + 4, f"slot of token {token_id}")
        used += 1
    last = {token: token_id for token_id, token in enumerate(tokens) if token}
    need(used == len(last), slots_at, f"{used} slots are used for {len(last)} tokens")
    for token, token_id in last.items():
        need(lookup(blob, slots, tokens, token) == token_id, slots_at,
             f"token {token_id} is not found at its id")
    return tokens


SPECIAL_FLAGS = ("special", "single_word", "lstrip", "rstrip", "normalized")


def read_specials(blob, tokens):
    values, base = blob.array("I", "specials"), blob.offset("specials")
    specials = list(zip(values[0::2], values[1::2]))
    for i, (token_id, flags) in enumerate(specials):
        need(token_id < len(tokens) and tokens[token_id], base + 8 * i,
             f"special token {token_id} is none")
        need(flags < 32, base + 8 * i + 4, f"special token {token_id}: flags {flags}")
        need(not flags & 18, base + 8 * i + 4,
             f"special token {token_id}: single_word or normalized, which readers do not run yet")
        need(i == 0 or tokens[specials[i - 1][0]] < tokens[token_id], base + 8 * i,
             f"special token {token_id} is out of order")
    return specials


def check_floats(blob, name, layer, begin, end, positive=False):
    """Check that the floats begin .. end - 1 of a section are finite, and above zero if asked."""
    values = blob.array("f", name, layer)[begin:end]
    for i, x in enumerate(values):
        need(math.isfinite(x) and (x > 0 or not positive),
             blob.offset(name, layer) + 4 * (begin + i), f"{name} of layer {layer}: {x}")


def check_embeddings(blob):
    h = blob.header
    need(sorted(blob.array("I", "embed_row")) == list(range(h["vocab_size"])),
         blob.offset("embed_row"), "embed_row is no permutation")
    check_floats(blob, "embed_scale", 0, 0, h["vocab_size"], positive=True)
    check_floats(blob, "embed_position", 0, 0, None)
    check_floats(blob, "embed_norm", 0, 0, None)


def check_head(blob):
    h = blob.header
    cols = (h["n_labels"] + 15) // 16 * 16
    for kind in HEADS[blob.header["head_kind"]][1]:
        check_floats(blob, NAMES[kind], 0, 0, None)
    values = blob.array("f", "head_out")
    for row in range(len(values) // cols):
        padding = values[row * cols + h["n_labels"]:(row + 1) * cols]
        need(not any(padding), blob.offset("head_out") + 4 * row * cols, "padding is not zero")


# ---- matrices (section 5) ------------------------------------------------------------------------

POSITIVE = bytes(b if b < 128 else 0 for b in range(256))
NEGATIVE = bytes(256 - b if b >= 128 else 0 for b in range(256))
MAGNITUDE = bytes(b if b < 128 else 256 - b for b in range(256))


def lane_sums(panel, magnitudes, group):
    """Sum the weights' magnitudes in each 16-bit lane over `group` consecutive quads.

    The result is one large integer of 16-bit fields. Field 32 * i + lane is the sum of that lane
    over the quads i .. i + group - 1; only fields where i begins a group mean anything."""
    values = panel.translate(magnitudes)
    even, odd = bytearray(len(values)), bytearray(len(values))
    even[0::2] = values[0::2]
    odd[0::2] = values[1::2]
    sums = int.from_bytes(even, "little") + int.from_bytes(odd, "little")
    while group > 1:
        group //= 2
        sums += sums >> 512 * group  # No carry: a field is at most 8 * 128.
    return sums


def check_lanes(panel, group, offset):
    """Check the overflow proof (section 5.3) for one panel whose bytes begin at offset."""
    positions = len(panel) // 64
    one_group = int.from_bytes(b"\x01\x00" * 32, "little")
    # Adding 0x7fff - 128 to a field sets its bit 15 exactly if the field is above 128.
    offsets = sum(one_group << 512 * i for i in range(0, positions, group))
    fields = offsets * 0xFFFF
    for magnitudes in (POSITIVE, NEGATIVE):
        over = (lane_sums(panel, magnitudes, group) & fields) + offsets * (0x7FFF - 128)
        over &= offsets << 15
        if over:
            lane = (over & -over).bit_length() // 16 - 1
            raise Refused(offset + 2 * lane, f"a lane's weights exceed 128 in a group of {group}")
    at = panel.find(b"\x80")
    need(at < 0, offset + at, "a weight is -128")


def check_matrix(blob, name, layer, order, groups):
    """Check order tables, group sizes and weights of one matrix; return its line of the summary."""
    depth, cols = shape_of(blob.header, name)
    quads, base = depth // 4, blob.offset(name, layer)
    data = blob.bytes(name, layer)
    col_sum = memoryview(data[8 * cols:12 * cols]).cast("i")
    total = 0
    check_floats(blob, name, layer, 0, cols, positive=True)
    check_floats(blob, name, layer, cols, 2 * cols)
    for pair in range(cols // 32):
        table = order[pair * quads:(pair + 1) * quads]
        need(sorted(table) == list(range(quads)), blob.offset("quad_order"),
             f"{name} of layer {layer}: order table {pair} is no permutation")
        need(groups[pair] in (1, 2, 4), blob.offset("quad_group"), f"a group of {groups[pair]}")
    for p in range(cols // 16):
        begin = 12 * cols + p * depth * 16
        panel = data[begin:begin + depth * 16]
        check_lanes(panel, groups[p // 2], base + begin)
        weights = memoryview(panel).cast("b")
        magnitudes = panel.translate(MAGNITUDE)
        for c in range(16):
            found = sum(sum(weights[4 * c + b::64]) for b in range(4))
            need(found == col_sum[16 * p + c], base + 8 * cols + 4 * (16 * p + c),
                 f"{name} of layer {layer}: column {16 * p + c} sums to {found}")
            total += max(max(magnitudes[4 * c + b::64]) for b in range(4))
    return {"layer": layer, "name": name, "depth": depth, "cols": cols,
            "mean_range": round(total / cols, 4),
            "groups": {str(g): list(groups).count(g) for g in (4, 2, 1)}}


def check_matrices(blob):
    order, groups = blob.array("H", "quad_order"), blob.bytes("quad_group")
    summary, order_at, group_at = [], 0, 0
    for layer in range(blob.header["n_layers"]):
        for name in MATRICES:
            depth, cols = shape_of(blob.header, name)
            pairs = cols // 32
            entries = pairs * (depth // 4)
            summary.append(check_matrix(blob, name, layer, order[order_at:order_at + entries],
                                        groups[group_at:group_at + pairs]))
            order_at += entries
            group_at += pairs
        check_floats(blob, "attention_norm", layer, 0, None)
        check_floats(blob, "ffn_norm", layer, 0, None)
    return summary


# ---- program -------------------------------------------------------------------------------------


def embedding_of(h):
    """What only a model for embeddings has."""
    bits = h["embedding"]
    if h["head_kind"] != 4:
        return {}
    return {"vector_size": h["n_labels"], "pooling": (None, "cls", "mean", "max")[bits & 3],
            "normalize": bool(bits & 4),
            "dense": ("identity", "tanh", "relu", "sigmoid")[bits >> 4] if bits & 8 else None}


def describe(data):
    """Check everything. Return the content in the form of `distil inspect --json`."""
    blob = Blob(data)
    h = blob.header
    check_checksums(blob)
    provenance = utf8(blob.bytes("provenance"), blob.offset("provenance"), "provenance")
    labels = read_labels(blob)
    tokens = read_tokens(blob)
    specials = read_specials(blob, tokens)
    check_embeddings(blob)
    matrices = check_matrices(blob)
    check_head(blob)
    flags = h["tokenizer_flags"]
    keys = ("dim", "hidden_dim", "n_layers", "n_heads", "vocab_size", "max_positions",
            "max_tokens",
            "layer_norm_eps")
    tokenizer_keys = ("max_word_chars", "max_token_bytes", "vocab_slots", "pad_id", "unk_id",
                      "cls_id", "sep_id", "mask_id")
    return {
        "file_bytes": h["file_bytes"],
        "version": h["version"],
        "scheme": h["scheme"],
        "sha256": h["sha256"],
        "header_crc32c": f"{h['header_crc32c']:08x}",
        **{key: h[key] for key in keys},
        "head": HEADS[h["head_kind"]][0],
        "function": (None, "softmax", "sigmoid", "none")[h["function"]],
        "rank_function": (None, "softmax", "sigmoid", "none")[h["rank_function"] or h["function"]],
        "activation": "gelu",
        **embedding_of(h),
        "labels": [] if h["head_kind"] == 4 else labels,
        "tokenizer": {
            "lowercase": bool(flags & 1),
            "strip_accents": bool(flags & 2),
            "tokenize_chinese_chars": bool(flags & 4),
            "split_special_tokens": bool(flags & 8),
            "truncate_left": bool(flags & 16),
            **{key: h[key] for key in tokenizer_keys},
            "special_tokens": [
                {"id": i, "token": tokens[i].decode(),
                 **{name: bool(bits >> n & 1) for n, name in enumerate(SPECIAL_FLAGS)}}
                for i, bits in specials],
        },
        "provenance": provenance,
        "matrices": matrices,
        "sections": [{**e, "crc32c": f"{e['crc32c']:08x}"} for e in blob.entries],
    }


def print_summary(path, d):
    print(f"{path}: sound blob, version {d['version']}, {d['file_bytes']} bytes")
    print(f"  sha256  {d['sha256']}")
    print(f"  shape   {d['n_layers']} layers, dim {d['dim']}, hidden {d['hidden_dim']}, "
          f"{d['n_heads']} heads, {d['vocab_size']} tokens, {d['max_positions']} positions")
    print(f"  labels  {', '.join(map(ascii, d['labels'][:20]))}")
    for line in d["provenance"].splitlines():
        print(f"  made    {ascii(line)[1:-1]}")
    for m in d["matrices"]:
        print(f"  layer {m['layer']:2} {m['name']:14} mean range {m['mean_range']:6.1f}, "
              f"groups of 4, 2, 1: {', '.join(map(str, m['groups'].values()))}")


def main():
    parser = argparse.ArgumentParser(
        description="Check a blob against docs/blob-format.md and print what it contains.")
    parser.add_argument("file")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    try:
        with open(arguments.file, "rb") as file:
            content = describe(file.read())
    except (Refused, OSError) as error:
        print(f"dump_blob: {arguments.file}: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        json.dump(content, sys.stdout, indent=2, ensure_ascii=False)
        print()
    else:
        print_summary(arguments.file, content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
