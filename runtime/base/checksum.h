/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) and SHA-256 (FIPS 180-4), portable C.
 */
#ifndef DISTIL_MODEL_CHECKSUM_H
#define DISTIL_MODEL_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C of bytes, continuing from crc (0 to start): crc32c(crc32c(0, a), b) = crc32c(0, a b). */
uint32_t distil_crc32c(uint32_t crc, const void *bytes, size_t size);

typedef struct distil_sha256 {
    uint32_t state[8];
    uint64_t total_bytes;
    uint8_t block[64];
} distil_sha256;

void distil_sha256_init(distil_sha256 *sha);
void distil_sha256_update(distil_sha256 *sha, const void *bytes, size_t size);
void distil_sha256_final(distil_sha256 *sha, uint8_t digest[32]);

#endif
