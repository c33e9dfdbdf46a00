/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's table as options of a store, and attempts as log lines. */
#include "lambda/logged_store.h"

#include "lambda/log.h"

/* The observer is the sink of the log. */
static void log_attempt(void *observer, const store_attempt *attempt)
{
    log_line line;

    log_begin(&line, observer, attempt->updated ? LOG_DEBUG : LOG_WARN, attempt->request_id,
              attempt->updated ? "store: updated" : "store: trying again");
    log_integer(&line, "attempt", (int64_t)attempt->number);
    if (!attempt->updated) {
        log_text(&line, "code", attempt->code);
        log_text(&line, "reason", attempt->reason);
        log_number(&line, "waitMs", attempt->wait_ms);
    }
    if (attempt->service_request_id[0] != '\0')
        log_text(&line, "serviceRequestId", attempt->service_request_id);
    log_end(&line);
}

store *logged_store_init(void *memory, const config *c, char *why, size_t why_bytes)
{
    const store_options options = {.table = c->table,
                                   .region = c->region,
                                   .endpoint = c->store,
                                   .credentials = c->credentials,
                                   .allow_http = c->allow_http,
                                   .on_attempt = log_attempt,
                                   .observer = (void *)&c->log};

    return store_init(memory, &options, why, why_bytes);
}
