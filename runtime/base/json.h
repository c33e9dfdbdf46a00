/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as RFC 8259 defines it, for programs: the converter, Lambda events, output lines.
 *
 * json_parse checks a whole document once, strictly, and gives its root. A json_value is a slice of
 * the document's own bytes, so nothing is allocated and nothing is copied: values live as long as
 * the bytes do, and looking one up walks the text of its container. Everything after json_parse
 * works on checked text and cannot meet a syntax error.
 *
 * Decisions where the RFC leaves room:
 *   - the document is UTF-8 without byte order mark; ill-formed UTF-8 anywhere is an error;
 *   - one value, white space around it, nothing else: no comments, trailing commas, NaN, Infinity;
 *   - at most JSON_MAX_DEPTH arrays and objects within one another;
 *   - of members with equal names the last counts, as in Python and JavaScript;
 *   - an escaped surrogate without its other half (legal by the grammar) decodes to U+FFFD;
 *   - U+0000 may be escaped: decoded strings have a length, not an end mark;
 *   - numbers keep their text; they become int64_t, uint64_t or double on request, exactly or not
 *     at all.
 *
 * No function keeps state: any number of threads may use the same values.
 */
#ifndef DISTIL_RUNTIME_JSON_H
#define DISTIL_RUNTIME_JSON_H

#include <stddef.h>
#include <stdint.h>

enum {
    JSON_MAX_DEPTH = 64,        /* arrays and objects within one another */
    JSON_MAX_NUMBER_BYTES = 512 /* of one number's text */
};

typedef enum json_type {
    JSON_NULL = 0,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_type;

/* A value of a checked document: its text from first to last byte, strings with their quotes. */
typedef struct json_value {
    json_type type;
    const char *text;
    size_t bytes;
} json_value;

/* Where and why a text is not JSON. */
typedef struct json_error {
    size_t offset; /* of the first byte that cannot be, or the length where the text ends early */
    const char *what; /* static string: what was expected or is wrong there */
} json_error;

/* Check text and give its root. 0, or -1 with *error filled (may be NULL) and *root untouched.
 * text may be NULL where bytes is 0. Time linear in bytes, no recursion. */
int json_parse(json_value *root, const char *text, size_t bytes, json_error *error);

/* "null", "boolean", "number", "string", "array" or "object". */
const char *json_type_name(json_type type);

/* ---- containers ----------------------------------------------------------------------------- */

/* The member of an object with this name (UTF-8, NUL-terminated). 1 and *value set, or 0 where
 * there is none or object is no object. */
int json_get(json_value object, const char *name, json_value *value);

/* Elements of an array, or members of an object, in the order of the text. */
typedef struct json_iter {
    json_value key; /* of an object's member: a string */
    json_value value;
    const char *at, *end;
    json_type container;
} json_iter;

/* Begin; a value that is no container has no elements. */
void json_iter_init(json_iter *iter, json_value container);

/* Step: 1 with value (and key) set, or 0 at the end. */
int json_iter_next(json_iter *iter);

/* ---- scalars -------------------------------------------------------------------------------- */

/* Decode a string to UTF-8. Returns the decoded length, at most value.bytes - 2, and writes the
 * first min(length, capacity) bytes, no NUL. 0 for a value that is no string. */
size_t json_string(json_value value, char *out, size_t capacity);

/* 1 if value is a string equal to text (NUL-terminated) once decoded. */
int json_string_is(json_value value, const char *text);

/* 0 and *out set, or -1 with *out untouched: not a number; for the integers also a fraction, an
 * exponent or a value out of range; for the double a value beyond its range. */
int json_int64(json_value value, int64_t *out);
int json_uint64(json_value value, uint64_t *out);
int json_double(json_value value, double *out);

/* ---- writing -------------------------------------------------------------------------------- */

/* Write text as a JSON string with its quotes: control characters, '"' and '\\' escaped, everything
 * else as it is, ill-formed UTF-8 replaced by U+FFFD the way Python's errors="replace" does it.
 * Returns the length, at most 6 * bytes + 2, and writes the first min(length, capacity) bytes, no
 * NUL. text may be NULL where bytes is 0. */
size_t json_quote(char *out, size_t capacity, const char *text, size_t bytes);

#endif
