/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C by the instruction crc32 (Gopal and others 2011, "Fast CRC Computation for iSCSI
 * Polynomial Using CRC32 Instruction"). It takes three cycles and a CPU can begin one in each, so
 * three ranges of a block are read at the same time. A carry-less multiplication joins their
 * remainders.
 */
#include "kernels/kernels.h"

#include <immintrin.h>
#include <string.h>

#define CLMUL __attribute__((target("pclmul")))

/* A block has three ranges of RANGE bytes. They are short, so that the CPU's prefetcher sees one
 * stream of addresses: with ranges of 4 KiB the memory delivers half as many bytes a second. */
enum { RANGE = 256 };

/* The bits of a polynomial are stored in reverse order. A remainder moves over n bytes by a
 * multiplication by x^(8 * n - 33) and the instruction crc32. Both numbers are such powers modulo
 * the polynomial; tests/unit/kernels/test_crc32c.c computes them again. */
#define OVER_1_RANGE INT64_C(0xb9e02b86)
#define OVER_2_RANGES INT64_C(0xdd7e3b0c)

static inline uint64_t load(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
    return word;
}

/* The remainder after as many bytes as `over` stands for, if all of them are zero. */
CLMUL static inline uint64_t move(uint64_t remainder, int64_t over)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)remainder), _mm_cvtsi64_si128(over), 0x00);

    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

CLMUL uint32_t distil_crc32c_avx2(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    uint64_t a = (uint32_t)~crc;

    for (; size >= 3 * RANGE; p += 3 * RANGE, size -= 3 * RANGE) {
        uint64_t b = 0, c = 0;

        for (size_t i = 0; i < RANGE; i += 8) {
            a = _mm_crc32_u64(a, load(p + i));
            b = _mm_crc32_u64(b, load(p + RANGE + i));
            c = _mm_crc32_u64(c, load(p + 2 * RANGE + i));
        }
        a = move(a, OVER_2_RANGES) ^ move(b, OVER_1_RANGE) ^ c;
    }
    for (; size >= 8; p += 8, size -= 8)
        a = _mm_crc32_u64(a, load(p));
    for (; size > 0; p++, size--)
        a = _mm_crc32_u8((uint32_t)a, *p);
    return ~(uint32_t)a;
}
