/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 of IEEE 802.3, the one of gzip and of the header X-Amz-Crc32. */
#ifndef DISTIL_LAMBDA_CRC32_H
#define DISTIL_LAMBDA_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_ieee(const void *bytes, size_t size);

#endif
