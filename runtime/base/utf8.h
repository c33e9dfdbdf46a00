/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8, strict: no surrogates, nothing beyond U+10FFFF, no overlong forms.
 */
#ifndef DISTIL_RUNTIME_UTF8_H
#define DISTIL_RUNTIME_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { DISTIL_UTF8_REPLACEMENT = 0xfffd, DISTIL_UTF8_MAX_BYTES = 4 };

/*
 * Next code point at *at, which is below end; *at moves behind it. What is not UTF-8 gives U+FFFD
 * for each maximal subpart (Unicode 15, section 3.9): the longest start of a well-formed sequence,
 * at least one byte. That is Python's bytes.decode("utf-8", errors="replace").
 */
uint32_t distil_utf8_decode(const uint8_t **at, const uint8_t *end);

/* Bytes of c, at most U+10FFFF, written at bytes; returns their number, 1 to 4. */
size_t distil_utf8_encode(uint8_t bytes[DISTIL_UTF8_MAX_BYTES], uint32_t c);

#endif
