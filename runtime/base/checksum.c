/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C uses the slicing method (Kounavis and Berry 2005): four bytes per iteration, one table
 * for each. SHA-256 follows the standard's text. kernels/crc32c_avx2.c has a faster CRC-32C, for
 * the verification of whole blobs.
 */
#include "runtime/base/checksum.h"

#include <string.h>

#include "runtime/base/crc32c_tables.h"

/* Compilers turn each of these byte-wise loads and stores into a single instruction or two. */
static uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static void store_be32(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

uint32_t distil_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;

    crc = ~crc;
    for (; size >= 4; p += 4, size -= 4) {
        crc ^= load_le32(p);
        crc = crc32c_tables[3][crc & 0xff] ^ crc32c_tables[2][crc >> 8 & 0xff] ^
              crc32c_tables[1][crc >> 16 & 0xff] ^ crc32c_tables[0][crc >> 24];
    }
    for (; size > 0; p++, size--)
        crc = crc >> 8 ^ crc32c_tables[0][(crc ^ *p) & 0xff];
    return ~crc;
}

/* FIPS 180-4, 4.2.2: 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate_right(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

/* Add one block to the state. The variables have the names of FIPS 180-4, 6.2.2. */
static void sha256_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

    for (size_t t = 0; t < 16; t++)
        w[t] = load_be32(block + 4 * t);
    for (size_t t = 16; t < 64; t++) {
        uint32_t x = w[t - 15];
        uint32_t y = w[t - 2];
        uint32_t sigma0 = rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3;
        uint32_t sigma1 = rotate_right(y, 17) ^ rotate_right(y, 19) ^ y >> 10;

        w[t] = w[t - 16] + sigma0 + w[t - 7] + sigma1;
    }
    for (size_t t = 0; t < 64; t++) {
        uint32_t sum1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t choice = (e & f) ^ (~e & g);
        uint32_t sum0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
        uint32_t t1 = h + sum1 + choice + sha256_k[t] + w[t];
        uint32_t t2 = sum0 + majority;

        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void distil_sha256_init(distil_sha256 *sha)
{
    /* FIPS 180-4, 5.3.3: 32 bits of the fractional parts of the square roots of the first 8
     * primes. */
    static const uint32_t initial[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };

    memset(sha, 0, sizeof *sha);
    memcpy(sha->state, initial, sizeof initial);
}

void distil_sha256_update(distil_sha256 *sha, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    size_t held = (size_t)(sha->total_bytes % sizeof sha->block);

    if (size == 0)
        return;
    sha->total_bytes += size;
    if (held > 0) {
        size_t room = sizeof sha->block - held;
        size_t copied = size < room ? size : room;

        memcpy(sha->block + held, p, copied);
        if (copied < room)
            return;
        sha256_block(sha->state, sha->block);
        p += copied;
        size -= copied;
    }
    for (; size >= sizeof sha->block; p += sizeof sha->block, size -= sizeof sha->block)
        sha256_block(sha->state, p);
    memcpy(sha->block, p, size);
}

void distil_sha256_final(distil_sha256 *sha, uint8_t digest[32])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = sha->total_bytes * 8;
    size_t held = (size_t)(sha->total_bytes % 64);
    uint8_t length[8];

    /* The padding is 0x80 and zeros up to the last 8 bytes of a block, which hold the length. */
    distil_sha256_update(sha, padding, held < 56 ? 56 - held : 120 - held);
    store_be32(length, (uint32_t)(bits >> 32));
    store_be32(length + 4, (uint32_t)bits);
    distil_sha256_update(sha, length, sizeof length);
    for (size_t i = 0; i < 8; i++)
        store_be32(digest + 4 * i, sha->state[i]);
}
