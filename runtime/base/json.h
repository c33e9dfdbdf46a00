/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as RFC 8259 defines it, for the programs: the converter, Lambda events, output lines.
 *
 * json_parse checks a whole document once, strictly, and returns its root. A json_value points into
 * the document's own bytes, so nothing is allocated or copied, and a value is valid as long as
 * those bytes are. The functions that read values rely on the check: they cannot meet a syntax
 * error.
 *
 * A look-up walks the members of one object. Without an index, the walk also reads through the
 * values that it skips. json_parse_indexed records where long values end, in memory of the
 * caller's, and later walks jump over those values at a constant cost.
 *
 * Decisions where the RFC leaves room:
 *   - A document is UTF-8 without byte order mark; ill-formed UTF-8 anywhere is an error.
 *   - A document is one value with white space around it: no comments, no trailing commas, no NaN,
 *     no Infinity.
 *   - Arrays and objects are nested at most JSON_MAX_DEPTH deep.
 *   - Of members with equal names the last one counts, as in Python and JavaScript.
 *   - An escaped surrogate without its other half is legal by the grammar; it decodes to U+FFFD.
 *   - U+0000 may be escaped, so a decoded string has a length and no terminator.
 *   - Numbers keep their text. They are converted to int64_t, uint64_t or double on request, and a
 *     conversion to an integer is exact or fails.
 *
 * No function keeps state between calls: any number of threads may read the same document.
 */
#ifndef DISTIL_BASE_JSON_H
#define DISTIL_BASE_JSON_H

#include <stddef.h>
#include <stdint.h>

enum {
    JSON_MAX_DEPTH = 64,         /* nesting of arrays and objects */
    JSON_MAX_NUMBER_BYTES = 512, /* length of one number's text */
    JSON_INDEX_MIN_BYTES = 256   /* shorter values get no entry in an index */
};

typedef enum json_type {
    JSON_ABSENT = 0, /* no value: the result of looking up a member that an object does not have */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_type;

typedef struct json_index json_index;

/* A value of a checked document. The text includes a string's quotes and a container's brackets. */
typedef struct json_value {
    json_type type;
    const char *text;
    size_t bytes;
    const json_index *index; /* the document's index, or NULL if it was parsed without one */
    size_t first_entry;      /* the first entry of the index that can lie inside this value */
} json_value;

/* Where and why a text is not JSON. */
typedef struct json_error {
    /* offset of the first wrong byte, or the text's length if the text ends too early */
    size_t offset;
    const char *what; /* static string: what was expected at the offset, or what is wrong there */
} json_error;

/* Check text and set *root to its only value. Returns 0; or -1 with *error filled (error may be
 * NULL) and *root unchanged. text may be NULL if bytes is 0. The time is linear in bytes, and no
 * function recurses. */
int json_parse(json_value *root, const char *text, size_t bytes, json_error *error);

/* ---- index ---------------------------------------------------------------------------------- */

/* One value of at least JSON_INDEX_MIN_BYTES: offsets of its first byte and of the byte after it,
 * and the number of the first entry that begins after it. */
typedef struct json_index_entry {
    uint32_t start, end, next;
} json_index_entry;

/* The long values of one document in the order of the text. Once the entries are used up, further
 * long values get none, and walks read through those values instead. */
struct json_index {
    json_index_entry *entries; /* the caller's memory */
    size_t capacity;
    size_t count;
    const char *text; /* the document */
};

/* Prepare an index that uses the caller's memory for `capacity` entries. */
void json_index_init(json_index *index, json_index_entry *entries, size_t capacity);

/* json_parse that also fills the index, which replaces its earlier contents. The values of the
 * document refer to *index, so it must live as long as they are used. Documents of 4 GiB and more
 * are not indexed. */
int json_parse_indexed(json_value *root, json_index *index, const char *text, size_t bytes,
                       json_error *error);

/* ---- containers ----------------------------------------------------------------------------- */

/* "absent", "null", "boolean", "number", "string", "array" or "object". */
const char *json_type_name(json_type type);

/* A member to look up: its name (UTF-8, NUL-terminated) and where its value goes. */
typedef struct json_field {
    const char *name;
    json_value *value;
} json_field;

/* Look up `count` members in one walk over an object. Sets every *value: to JSON_ABSENT if the
 * object has no such member or if `object` is no object. */
void json_members(json_value object, const json_field *fields, size_t count);

/* Look up one member. Returns 1 with *value set; or 0 with *value unchanged if there is no such
 * member or if `object` is no object. */
int json_get(json_value object, const char *name, json_value *value);

/* A position among the elements of an array or the members of an object. */
typedef struct json_iter {
    json_value key; /* the current member's name, a string; not set for an array */
    json_value value;
    const char *at, *end;
    json_type container;
    const json_index *index;
    size_t entry; /* the first entry of the index that begins at `at` or later */
} json_iter;

/* Start before the first element. A value that is no container has no elements. */
void json_iter_init(json_iter *iter, json_value container);

/* Move to the next element. Returns 1 with value (and key) set, or 0 at the end. */
int json_iter_next(json_iter *iter);

/* ---- scalars -------------------------------------------------------------------------------- */

/* Decode a string to UTF-8. Returns the decoded length, which is at most value.bytes - 2, and
 * writes the first min(length, capacity) bytes without a terminator. Returns 0 for a value that is
 * no string. */
size_t json_string(json_value value, char *out, size_t capacity);

/* 1 if value is a string that, once decoded, equals the NUL-terminated text. */
int json_string_is(json_value value, const char *text);

/* Convert a number. Each returns 0 with *out set, or -1 with *out unchanged if value is no number
 * or is out of range. The integer conversions also refuse a fraction and an exponent. */
int json_int64(json_value value, int64_t *out);
int json_uint64(json_value value, uint64_t *out);
int json_double(json_value value, double *out);

/* ---- writing -------------------------------------------------------------------------------- */

/* Write text as a JSON string with its quotes. Control characters, '"' and '\\' are escaped, every
 * ill-formed UTF-8 sequence becomes U+FFFD (as with Python's errors="replace"), and all other bytes
 * are copied. Returns the length, which is at most 6 * bytes + 2, and writes the first
 * min(length, capacity) bytes without a terminator. text may be NULL if bytes is 0. */
size_t json_quote(char *out, size_t capacity, const char *text, size_t bytes);

#endif
