/* SPDX-License-Identifier: Apache-2.0 */
/* The server that the files serve.c, serve_invoke.c and serve_state.c share. */
#ifndef DISTIL_TOOLS_SERVE_SERVER_H
#define DISTIL_TOOLS_SERVE_SERVER_H

#include "tools/serve/serve.h"
#include "tools/serve/serve_faults.h"
#include "tools/serve/serve_http.h"
#include "tools/serve/serve_queue.h"
#include "tools/serve/serve_runtime.h"
#include "tools/serve/serve_store.h"

#define INVOKE_PREFIX "/2015-03-31/functions/"
#define INVOKE_PATH INVOKE_PREFIX "function/invocations"

typedef struct serve {
    const serve_config *config;
    serve_http *http;
    serve_runtime runtime;
    serve_queue queue;
    serve_store *store;
    serve_faults faults;
    char *store_answer; /* memory of SERVE_STORE_ANSWER_BYTES */
    int signal_fd;
    size_t next_event;                   /* index of the next event in config->events */
    int stopping;                        /* 1 if the program is to end */
    int interrupted;                     /* 1 if SIGINT came */
    int status;                          /* exit status so far */
    uint64_t succeeded, failed, retried; /* counts of invocations */
} serve;

/* Make a UUID of version 4 from the seeded generator: SERVE_ID_BYTES with its NUL. */
void serve_make_id(serve *s, char *id);

/* Reply with an error in the form of the Invoke API. */
void serve_reply_error(serve_conn *conn, int status, const char *type, const char *message);

/* Handle a request of the Invoke API: queue its event. */
void serve_invoke(serve *s, serve_conn *conn, const serve_request *request);

/* Queue the next event of the command line that can be read, or stop after the last one. */
void serve_queue_next_event(serve *s);

/* Receive an invocation that is over: show what came of it and reply to its caller. `context` is
 * the server. */
void serve_finish_invocation(void *context, serve_invocation *i);

/* Reply with the counts of /serve/state, or with the dead letters, as JSON. */
void serve_reply_state(serve *s, serve_conn *conn);
void serve_reply_dead_letters(serve *s, serve_conn *conn);

#endif
