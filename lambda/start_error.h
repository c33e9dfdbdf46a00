/* SPDX-License-Identifier: Apache-2.0 */
/* Reports a failed start in the log, as a metric, and to the Runtime API. */
#ifndef DISTIL_LAMBDA_START_ERROR_H
#define DISTIL_LAMBDA_START_ERROR_H

#include "lambda/config.h"

#define START_ERROR_CONFIG "Runtime.ConfigInvalid"
#define START_ERROR_MODEL "Runtime.ModelLoad"

/*
 * Write an ERROR line, count the error in a line of metrics, and post it to the Runtime API as an
 * init error. `error_type` is one of the types above. The configuration may be incomplete or all
 * zeros: what is missing gets its default here. If the Runtime API cannot be reached, the lines in
 * the log are all there is.
 */
void start_error_publish(const config *c, const char *runtime_api, const char *error_type,
                         const char *why);

#endif
