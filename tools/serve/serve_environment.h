/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of the function: that of this program, with the variables that Lambda sets and
 * those that point the function to the stand-ins. */
#ifndef DISTIL_TOOLS_SERVE_ENVIRONMENT_H
#define DISTIL_TOOLS_SERVE_ENVIRONMENT_H

#include "tools/serve/serve.h"

/* The value of DATABASE_TABLE if the user has set neither that variable nor DYNAMODB_TABLE. */
#define SERVE_TABLE "sentiment-items"

/* Make an environment that ends with NULL, in one allocation for the caller to free. `port` is that
 * of the Runtime API. Returns NULL if there is no memory. */
char **serve_environment_new(const serve_config *config, uint16_t port);

/* Returns the value of DATABASE_TABLE that the function gets with a store. */
const char *serve_environment_table(void);

#endif
