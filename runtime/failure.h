/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling a distil_error.
 */
#ifndef DISTIL_RUNTIME_FAILURE_H
#define DISTIL_RUNTIME_FAILURE_H

#include "runtime/distil.h"

/* Fills *error (may be NULL) and returns status. The message is the status' own text where `what`
 * is NULL. */
distil_status distil_fail(distil_error *error, distil_status status, const char *what);

/* Fills *error (not NULL) for the text of that index, by a format of printf, and returns status. */
__attribute__((format(printf, 4, 5))) distil_status
distil_fail_text(distil_error *error, distil_status status, size_t text, const char *format, ...);

#endif
