/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as the function uses it: made from the configuration, with a log line for each attempt.
 * lambda/aws/store.h itself knows neither the configuration nor the log.
 */
#ifndef DISTIL_LAMBDA_LOGGED_STORE_H
#define DISTIL_LAMBDA_LOGGED_STORE_H

#include <stddef.h>

#include "lambda/aws/store.h"
#include "lambda/config.h"

/*
 * Make the store of the table that the configuration names, in `memory` of store_bytes() bytes that
 * are aligned to 64. The configuration must outlive the store. Each attempt that is repeated
 * becomes a WARN line, and each success a DEBUG line. Returns NULL and fills `why` where store_init
 * does.
 */
store *logged_store_init(void *memory, const config *c, char *why, size_t why_bytes);

#endif
