/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variant of CRC-32C for this CPU gives the results of the portable function, whose own test
 * compares it with the definition; and the constants of the variant are powers of x modulo the
 * polynomial, computed here bit by bit.
 */
#include <stdlib.h>

#include "kernels/kernels.h"
#include "runtime/base/checksum.h"
#include "tests/support/harness.h"

static distil_crc32c_fn *variant;

static void every_length(void)
{
    if (!harness_case("crc32c: every length, alignment and division in two"))
        return;
    for (size_t size = 0; size < 400; size++) {
        for (size_t align = 1; align <= 2; align++) {
            harness_guard guard = harness_guard_new(size, align, 1);
            uint32_t expected;

            for (size_t i = 0; i < size; i++)
                guard.data[i] = (uint8_t)harness_random();
            expected = distil_crc32c(0, guard.data, size);
            CHECKF(variant(0, guard.data, size) == expected, "length %zu", size);
            for (size_t cut = 0; cut <= size; cut++)
                CHECKF(variant(variant(0, guard.data, cut), guard.data + cut, size - cut) ==
                           expected,
                       "length %zu cut at %zu", size, cut);
            harness_guard_free(&guard);
        }
    }
    CHECK(variant(0, NULL, 0) == 0);
}

/* Lengths around one, two and three blocks of the variant, from every alignment to 8 bytes. */
static void around_blocks(void)
{
    enum { BLOCK = 3 * 256, MOST = 3 * BLOCK + 16 };
    uint8_t *bytes = malloc(MOST + 8);

    if (bytes == NULL)
        abort();
    if (harness_case("crc32c: lengths around whole blocks")) {
        for (size_t i = 0; i < MOST + 8; i++)
            bytes[i] = (uint8_t)harness_random();
        for (size_t blocks = 1; blocks <= 3; blocks++)
            for (size_t size = blocks * BLOCK - 9; size <= blocks * BLOCK + 9; size++) {
                const uint8_t *from = bytes + size % 8;
                size_t cut = (size_t)(harness_random() % size);

                CHECKF(variant(0, from, size) == distil_crc32c(0, from, size), "length %zu", size);
                CHECKF(variant(variant(0, from, cut), from + cut, size - cut) ==
                           distil_crc32c(0, from, size),
                       "length %zu cut at %zu", size, cut);
            }
    }
    free(bytes);
}

/* A changed bit anywhere in a long input changes the result, and both functions agree about it. */
static void long_inputs(void)
{
    enum { BYTES = 1 << 20, BITS = 200 };
    uint8_t *bytes = malloc(BYTES);
    uint32_t sound;

    if (!harness_case("crc32c: flipped bits of a long input")) {
        free(bytes);
        return;
    }
    if (bytes == NULL)
        abort();
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)harness_random();
    sound = variant(0, bytes, BYTES);
    CHECK(sound == distil_crc32c(0, bytes, BYTES));
    for (int i = 0; i < BITS; i++) {
        uint64_t bit = harness_random() % (8u * BYTES);
        uint8_t mask = (uint8_t)(1u << bit % 8);
        uint32_t damaged;

        bytes[bit / 8] ^= mask;
        damaged = variant(0, bytes, BYTES);
        CHECKF(damaged != sound && damaged == distil_crc32c(0, bytes, BYTES), "bit %llu",
               (unsigned long long)bit);
        bytes[bit / 8] ^= mask;
    }
    free(bytes);
}

/* x^n modulo the polynomial of CRC-32C, with the bits in reverse order. */
static uint32_t power_of_x(unsigned n)
{
    uint32_t power = UINT32_C(0x80000000);

    while (n-- > 0)
        power = power & 1 ? power >> 1 ^ UINT32_C(0x82f63b78) : power >> 1;
    return power;
}

static void constants(void)
{
    if (!harness_case("crc32c: the constants are powers of x"))
        return;
    CHECK(power_of_x(8 * 256 - 33) == 0xb9e02b86);
    CHECK(power_of_x(8 * 2 * 256 - 33) == 0xdd7e3b0c);
}

int main(int argc, char **argv)
{
    harness_init("test_crc32c", argc, argv);
    variant = distil_crc32c_variant();
    constants();
    if (variant != NULL) {
        every_length();
        around_blocks();
        long_inputs();
    } else if (harness_case("crc32c: variant of this CPU")) {
        harness_skip("this CPU lacks AVX2 or PCLMULQDQ");
    }
    return harness_finish();
}
