/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by the table of well-formed byte sequences (Unicode 15, table 3-7). */
#include "runtime/base/utf8.h"

#include <string.h>

uint32_t distil_utf8_decode(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    uint32_t lead = *p++, c;
    uint32_t low = 0x80, high = 0xbf; /* bounds of the second byte */
    unsigned trailing;

    *at = p;
    if (lead < 0x80)
        return lead;
    if (lead < 0xc2 || lead > 0xf4)
        return DISTIL_UTF8_REPLACEMENT;
    if (lead < 0xe0) {
        trailing = 1;
        c = lead & 0x1f;
    } else if (lead < 0xf0) {
        trailing = 2;
        c = lead & 0x0f;
        low = lead == 0xe0 ? 0xa0 : 0x80;  /* a smaller byte is an overlong form */
        high = lead == 0xed ? 0x9f : 0xbf; /* a larger byte is a surrogate */
    } else {
        trailing = 3;
        c = lead & 0x07;
        low = lead == 0xf0 ? 0x90 : 0x80;  /* a smaller byte is an overlong form */
        high = lead == 0xf4 ? 0x8f : 0xbf; /* a larger byte is above U+10FFFF */
    }
    for (; trailing > 0; trailing--) {
        if (p == end || *p < low || *p > high)
            return DISTIL_UTF8_REPLACEMENT;
        c = c << 6 | (*p++ & 0x3f);
        *at = p;
        low = 0x80;
        high = 0xbf;
    }
    return c;
}

size_t distil_utf8_encode(uint8_t bytes[DISTIL_UTF8_MAX_BYTES], uint32_t c)
{
    if (c < 0x80) {
        bytes[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | c >> 6);
        bytes[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | c >> 12);
        bytes[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    bytes[0] = (uint8_t)(0xf0 | c >> 18);
    bytes[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    bytes[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    bytes[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

size_t distil_utf8_length(const uint8_t *text, const uint8_t *end, size_t *bad_bytes)
{
    const uint8_t *after = text;
    uint32_t c = distil_utf8_decode(&after, end);
    size_t bytes = (size_t)(after - text);

    /* Only the well-formed sequence of U+FFFD itself decodes to U+FFFD without an error. */
    if (c != DISTIL_UTF8_REPLACEMENT || (bytes == 3 && memcmp(text, "\xef\xbf\xbd", 3) == 0))
        return bytes;
    *bad_bytes = bytes;
    return 0;
}

size_t distil_utf8_valid_bytes(const void *text, size_t size)
{
    const uint8_t *begin = text, *at = begin, *end = begin + size;
    size_t bad_bytes;

    while (at < end) {
        size_t bytes = distil_utf8_length(at, end, &bad_bytes);

        if (bytes == 0)
            break;
        at += bytes;
    }
    return (size_t)(at - begin);
}
