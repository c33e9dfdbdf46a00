/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 of IEEE 802.3, which gzip and the HTTP header X-Amz-Crc32 use. */
#ifndef DISTIL_BASE_CRC32_H
#define DISTIL_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_ieee(const void *bytes, size_t size);

#endif
