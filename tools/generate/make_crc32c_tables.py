#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print runtime/base/crc32c_tables.h, the tables for CRC-32C over four bytes per iteration.

    python3 tools/generate/make_crc32c_tables.py > runtime/base/crc32c_tables.h
"""

POLYNOMIAL = 0x82F63B78  # Castagnoli, bits reversed
TABLES = 4


def main():
    first = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
        first.append(crc)
    tables = [first]
    for _ in range(TABLES - 1):
        tables.append([(c >> 8) ^ first[c & 0xFF] for c in tables[-1]])

    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/*")
    print(" * CRC-32C tables for four bytes per iteration. tools/generate/make_crc32c_tables.py")
    print(" * prints this file. Entry b of table t is the CRC register after the byte b and t zero")
    print(" * bytes, from a register of 0.")
    print(" */")
    print("#ifndef DISTIL_BASE_CRC32C_TABLES_H")
    print("#define DISTIL_BASE_CRC32C_TABLES_H")
    print()
    print("#include <stdint.h>")
    print()
    print("/* clang-format off */")
    print(f"static const uint32_t crc32c_tables[{TABLES}][256] = {{")
    for table in tables:
        print("    {")
        for i in range(0, 256, 8):
            print("        " + " ".join(f"0x{c:08x}," for c in table[i:i + 8]))
        print("    },")
    print("};")
    print("/* clang-format on */")
    print()
    print("#endif")


if __name__ == "__main__":
    main()
