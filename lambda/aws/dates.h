/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates in the three spellings that AWS uses, all in UTC and from 1970 to 9999, converted from and
 * to milliseconds since 1970. These are pure functions, which use neither the locale nor time zone
 * files.
 */
#ifndef DISTIL_LAMBDA_DATES_H
#define DISTIL_LAMBDA_DATES_H

#include <stdint.h>

#include "lambda/net/http.h"

enum { DATES_BASIC_BYTES = 17, DATES_ISO_BYTES = 25 };

/* Format as 20260115T123456Z with a NUL. A time that is out of range becomes the nearest one in
 * range. */
void dates_basic(char out[DATES_BASIC_BYTES], int64_t unix_ms);

/* Format as 2026-01-15T12:34:56.789Z with a NUL. A time that is out of range becomes the nearest
 * one in range. */
void dates_iso(char out[DATES_ISO_BYTES], int64_t unix_ms);

/* Parse "Thu, 15 Jan 2026 12:34:56 GMT". The two obsolete forms of dates in HTTP are
 * refused. Returns 0, or -1 with *unix_ms untouched. */
int dates_parse_http(int64_t *unix_ms, http_slice text);

/* Parse "2026-01-15T12:34:56Z". A fraction of a second may be there and is dropped. Returns 0, or
 * -1 with *unix_ms untouched. */
int dates_parse_iso(int64_t *unix_ms, http_slice text);

#endif
