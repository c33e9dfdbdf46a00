/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of the function's process: this program's own, with what Lambda sets, and what
 * points the function to the stand-ins.
 */
#ifndef DISTIL_TOOLS_SERVE_ENVIRONMENT_H
#define DISTIL_TOOLS_SERVE_ENVIRONMENT_H

#include "tools/serve/serve.h"

#define SERVE_TABLE "sentiment-items" /* DATABASE_TABLE, where the user names none */

/* NULL-terminated, in one allocation, to be freed. NULL: no memory. port: the Runtime API's. */
char **serve_environment_new(const serve_config *config, uint16_t port);

/* The table that the function will name: the user's or ours. */
const char *serve_environment_table(void);

#endif
