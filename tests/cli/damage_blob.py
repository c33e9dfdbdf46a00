#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copy a blob with one fault in it, and make everything else about it right again.

    damage_blob.py BLOB FAULT OUT

Each fault belongs to one check of `distil verify`; FAULTS below names them. After a fault the
checksums are computed again, except where the fault is a wrong checksum. The formats are those of
docs/blob-format.md.
"""

import hashlib
import struct
import sys

HEADER_BYTES = 256
ENTRY = struct.Struct("<IIQQII")
SHA256, HEADER_CRC = slice(128, 160), slice(252, 256)
VOCAB_SLOTS, QUAD_ORDER, QUAD_GROUP, EMBED_ROW, EMBED_SCALE = 4, 7, 8, 9, 10
EMBED_POSITION, QKV = 12, 14
EMPTY = 0xFFFFFFFF


def crc32c(data):
    """Return the CRC-32C (Castagnoli) of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Blob:
    """The bytes of a blob, with its section table."""

    def __init__(self, data):
        self.data = bytearray(data)
        (count,) = struct.unpack_from("<I", data, 24)
        self.entries = [ENTRY.unpack_from(data, HEADER_BYTES + ENTRY.size * i) for i in range(count)]

    def section(self, kind):
        """Return the offset and the size of the first section of a kind."""
        return next((e[2], e[3]) for e in self.entries if e[0] == kind)

    def put(self, offset, form, *values):
        """Write values at an offset."""
        struct.pack_into(form, self.data, offset, *values)

    def get(self, offset, form):
        """Read a value at an offset."""
        return struct.unpack_from(form, self.data, offset)[0]

    def seal_sections(self):
        """Compute the CRC-32C of every section."""
        for i, entry in enumerate(self.entries):
            end = entry[2] + (entry[3] + 63) // 64 * 64
            self.put(HEADER_BYTES + ENTRY.size * i + 24, "<I", crc32c(self.data[entry[2] : end]))

    def seal_sha256(self):
        """Compute the SHA-256 of the file."""
        self.data[SHA256] = bytes(32)
        self.data[HEADER_CRC] = bytes(4)
        self.data[SHA256] = hashlib.sha256(self.data).digest()

    def seal_header(self):
        """Compute the CRC-32C of header and section table."""
        front = self.data[:252] + self.data[HEADER_BYTES : self.entries[0][2]]
        self.put(252, "<I", crc32c(front))


def header_crc(blob):
    blob.data[252] ^= 1


def section_crc(blob):
    blob.data[HEADER_BYTES + 5 * ENTRY.size + 24] ^= 1
    blob.seal_sha256()
    blob.seal_header()


def sha256(blob):
    blob.data[140] ^= 1
    blob.seal_header()


def field(blob):
    blob.put(44, "<I", 0)  # n_heads


def gap(blob):
    offset, size = blob.section(QUAD_GROUP)
    blob.data[offset + size] = 1


def slot(blob):
    offset, size = blob.section(VOCAB_SLOTS)
    used = next(at for at in range(offset, offset + size, 8) if blob.get(at + 4, "<I") != EMPTY)
    blob.put(used + 4, "<I", 0x7FFFFFFF)


def order(blob):
    offset, _ = blob.section(QUAD_ORDER)
    blob.put(offset, "<H", blob.get(offset + 2, "<H"))


def group(blob):
    blob.data[blob.section(QUAD_GROUP)[0]] = 3


def token(blob):
    offset, size = blob.section(VOCAB_SLOTS)
    used = next(at for at in range(offset, offset + size, 8) if blob.get(at + 4, "<I") != EMPTY)
    blob.data[used] ^= 1


def row(blob):
    offset, _ = blob.section(EMBED_ROW)
    blob.put(offset + 4, "<I", blob.get(offset, "<I"))


def number(blob):
    blob.put(blob.section(EMBED_POSITION)[0], "<f", float("nan"))


def scale(blob):
    blob.put(blob.section(EMBED_SCALE)[0], "<f", -1.0)


def lane(blob):
    offset, _ = blob.section(QKV)
    cols = 3 * blob.get(32, "<I")
    weight, column_sum = offset + 12 * cols, offset + 8 * cols
    blob.put(column_sum, "<i", blob.get(column_sum, "<i") - 128 - blob.get(weight, "<b"))
    blob.put(weight, "<b", -128)


def sum_(blob):
    offset, _ = blob.section(QKV)
    at = offset + 8 * 3 * blob.get(32, "<I")
    blob.put(at, "<i", blob.get(at, "<i") + 1)


CHECKSUM_FAULTS = {"header_crc": header_crc, "section_crc": section_crc, "sha256": sha256}
FAULTS = {
    "field": field,
    "gap": gap,
    "slot": slot,
    "order": order,
    "group": group,
    "token": token,
    "row": row,
    "number": number,
    "scale": scale,
    "lane": lane,
    "sum": sum_,
}


def main():
    """Write the damaged copy."""
    source, fault, out = sys.argv[1:]
    with open(source, "rb") as file:
        blob = Blob(file.read())
    if fault in CHECKSUM_FAULTS:
        CHECKSUM_FAULTS[fault](blob)
    else:
        FAULTS[fault](blob)
        blob.seal_sections()
        blob.seal_sha256()
        blob.seal_header()
    with open(out, "wb") as file:
        file.write(blob.data)


main()
