/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict UTF-8: no surrogates, no code points above U+10FFFF, no overlong forms.
 */
#ifndef DISTIL_BASE_UTF8_H
#define DISTIL_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { DISTIL_UTF8_REPLACEMENT = 0xfffd, DISTIL_UTF8_MAX_BYTES = 4 };

/*
 * Decode the code point at *at, which is below end, and move *at past it. An ill-formed sequence
 * decodes to U+FFFD, once for each maximal subpart (Unicode 15, section 3.9): the longest start of
 * a well-formed sequence, or one byte. Python's bytes.decode("utf-8", errors="replace") does the
 * same.
 */
uint32_t distil_utf8_decode(const uint8_t **at, const uint8_t *end);

/* Encode c, which is at most U+10FFFF, and return the number of bytes, 1 to 4. */
size_t distil_utf8_encode(uint8_t bytes[DISTIL_UTF8_MAX_BYTES], uint32_t c);

/*
 * The length, 1 to 4, of the well-formed sequence at text, which is below end. Returns 0 if the
 * sequence is ill-formed, with *bad_bytes (1 to 3) set to the length of its maximal subpart;
 * *bad_bytes is unchanged otherwise.
 */
size_t distil_utf8_length(const uint8_t *text, const uint8_t *end, size_t *bad_bytes);

/* The offset of the first ill-formed sequence, or `size` if all of the text is well-formed. */
size_t distil_utf8_valid_bytes(const void *text, size_t size);

#endif
