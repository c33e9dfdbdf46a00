/* SPDX-License-Identifier: Apache-2.0 */
/* Character classes that json_parse.c and json_read.c share; no other file includes this. */
#ifndef DISTIL_BASE_JSON_CHARS_H
#define DISTIL_BASE_JSON_CHARS_H

#include "runtime/base/json.h"

static inline int json_is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static inline int json_is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The type of a well-formed value, by its first byte. */
static inline json_type json_type_of(char first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

#endif
