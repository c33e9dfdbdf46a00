/* SPDX-License-Identifier: Apache-2.0 */
/* The first characters of a text: see text.h. */
#include "lambda/event/text.h"

/* Bytes 10xxxxxx continue a code point; every other begins one. */
static int begins(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t text_prefix(const char *text, size_t bytes, size_t max_chars)
{
    size_t chars = 0, i = 0;

    for (; i < bytes; i++)
        if (begins(text[i]) && chars++ == max_chars)
            break;
    return i;
}
