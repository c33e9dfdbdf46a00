/* SPDX-License-Identifier: Apache-2.0 */
/* A failed start as a log line, as metrics and as an init error. */
#include "lambda/start_error.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lambda/log.h"
#include "lambda/metrics.h"
#include "lambda/rapi.h"

/* A start can fail before the configuration has been read; these defaults make a line come out. */
static void fill_defaults(config *c)
{
    const char *environment = getenv("ENVIRONMENT");

    if (c->environment == NULL)
        c->environment = environment != NULL && *environment != '\0' ? environment : "dev";
    if (c->log.fd == 0) {
        c->log.fd = STDOUT_FILENO;
        c->log.level = LOG_INFO;
    }
}

/* The level is ERROR and not FATAL, since alarms look for ERROR. */
static void log_error(const config *c, const char *error_type, const char *why)
{
    log_line line;

    log_begin(&line, &c->log, LOG_ERROR, NULL, "the function cannot start");
    log_text(&line, "errorType", error_type);
    log_text(&line, "why", why);
    log_end(&line);
}

static void count_error(const config *c, const char *error_type)
{
    metrics *counted = malloc(sizeof *counted);

    if (counted == NULL)
        return;
    metrics_init(counted, c->environment, &c->log);
    metrics_add(counted, METRIC_ERRORS, 1);
    if (strcmp(error_type, START_ERROR_MODEL) == 0)
        metrics_add(counted, METRIC_MODEL_LOAD_ERRORS, 1);
    metrics_flush(counted, NULL);
    free(counted);
}

static void post_error(const char *runtime_api, const char *error_type, const char *why)
{
    /* The buffers are static because the stack may be small, and because this report must also work
     * when the start failed for lack of memory. */
    static char response[HTTP_MAX_HEAD_BYTES], request[RAPI_MAX_ERROR_BYTES + RAPI_HEAD_BYTES];
    rapi api;

    if (rapi_init(&api, runtime_api, response, sizeof response, request, sizeof request) != 0)
        return;
    rapi_init_error(&api, error_type, why);
    http_client_close(&api.client);
}

void start_error_publish(const config *c, const char *runtime_api, const char *error_type,
                         const char *why)
{
    config filled = *c;

    fill_defaults(&filled);
    log_error(&filled, error_type, why);
    count_error(&filled, error_type);
    post_error(runtime_api, error_type, why);
}
