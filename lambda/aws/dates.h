/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates in the three spellings that AWS uses, all in UTC and from 1970 to 9999, to and from
 * milliseconds since 1970. Pure functions: no locale, no time zone files.
 */
#ifndef DISTIL_LAMBDA_DATES_H
#define DISTIL_LAMBDA_DATES_H

#include <stdint.h>

#include "lambda/net/http.h"

enum { DATES_BASIC_BYTES = 17, DATES_ISO_BYTES = 25 };

/* 20260115T123456Z and its NUL. A time out of range becomes the nearest in it. */
void dates_basic(char out[DATES_BASIC_BYTES], int64_t unix_ms);

/* 2026-01-15T12:34:56.789Z and its NUL, the same. */
void dates_iso(char out[DATES_ISO_BYTES], int64_t unix_ms);

/* "Thu, 15 Jan 2026 12:34:56 GMT", the only form of HTTP's three that is still sent. 0, or -1 with
 * *unix_ms untouched. */
int dates_parse_http(int64_t *unix_ms, http_slice text);

/* "2026-01-15T12:34:56Z", with or without a fraction of a second, which is dropped. The same. */
int dates_parse_iso(int64_t *unix_ms, http_slice text);

#endif
