/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparison of ASCII texts without regard to the case of letters. strcasecmp and strncasecmp would
 * depend on the locale, and their variants for instruction sets would add 30 KB to a static
 * program.
 */
#ifndef DISTIL_BASE_ASCII_H
#define DISTIL_BASE_ASCII_H

#include <stddef.h>
#include <string.h>

static inline char ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Returns 1 if the first `bytes` bytes of both texts are equal but for the case of letters. */
static inline int ascii_same(const char *a, const char *b, size_t bytes)
{
    size_t i = 0;

    while (i < bytes && ascii_lower(a[i]) == ascii_lower(b[i]))
        i++;
    return i == bytes;
}

/* The same for two strings that end with a NUL. */
static inline int ascii_same_text(const char *a, const char *b)
{
    size_t bytes = strlen(a);

    return bytes == strlen(b) && ascii_same(a, b, bytes);
}

/* Returns 1 if the text begins with the prefix. */
static inline int ascii_begins(const char *text, const char *prefix)
{
    size_t bytes = strlen(prefix);

    return strnlen(text, bytes) == bytes && ascii_same(text, prefix, bytes);
}

#endif
