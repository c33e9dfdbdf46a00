/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) and SHA-256 (FIPS 180-4) in portable C. */
#ifndef DISTIL_BASE_CHECKSUM_H
#define DISTIL_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The CRC-32C of `size` bytes. A long input can be passed in pieces: crc is 0 for the first piece
 * and the result of the piece before for every other. bytes may be NULL if size is 0. */
uint32_t distil_crc32c(uint32_t crc, const void *bytes, size_t size);

/* A SHA-256 computation: call init, then update for each piece of the input, then final. */
typedef struct distil_sha256 {
    uint32_t state[8];
    uint64_t total_bytes; /* bytes of input so far */
    uint8_t block[64];    /* the input's last total_bytes % 64 bytes, not yet in the state */
} distil_sha256;

void distil_sha256_init(distil_sha256 *sha);
void distil_sha256_update(distil_sha256 *sha, const void *bytes, size_t size);

/* Write the digest. The structure must be initialised again before another computation. */
void distil_sha256_final(distil_sha256 *sha, uint8_t digest[32]);

#endif
