/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Runtime API (version 2018-06-01) and the life of the function's process.
 *
 * The rules are Lambda's: an event is over when the next one is asked for; who asks again before
 * answering gets the same event; an answer is taken once; a process that ends, or is killed at the
 * deadline, fails its event, and the next event starts a fresh one. The first process is started at
 * once and has SERVE_INIT_MS to ask for an event; a later one starts within an invocation and its
 * time counts there.
 */
#ifndef DISTIL_TOOLS_SERVE_RUNTIME_H
#define DISTIL_TOOLS_SERVE_RUNTIME_H

#include "tools/serve/serve.h"
#include "tools/serve/serve_child.h"
#include "tools/serve/serve_faults.h"
#include "tools/serve/serve_http.h"
#include "tools/serve/serve_queue.h"

enum { SERVE_INIT_MS = 10000, SERVE_STOP_MS = 2000 /* from SIGTERM to SIGKILL */ };

typedef enum serve_state {
    SERVE_DOWN = 0,    /* no process */
    SERVE_INIT,        /* started, nothing asked for yet */
    SERVE_INIT_FAILED, /* it has said so, and should end */
    SERVE_IDLE,        /* waiting for an event */
    SERVE_BUSY,        /* has one */
    SERVE_ANSWERED,    /* has answered it, and not yet asked for the next */
    SERVE_WEDGED       /* has broken the protocol: only the deadline helps */
} serve_state;

typedef struct serve_runtime {
    const serve_config *config;
    serve_queue *queue;
    serve_faults *faults;
    char *const *environment;
    sigset_t mask; /* of signals, for the process */
    /* An invocation is over; the callee owns it. */
    void (*finished)(void *context, serve_invocation *invocation);
    void *context;

    serve_child child;
    serve_state state;
    serve_conn *next; /* the request for an event that waits */
    serve_invocation *current;
    char last_id[SERVE_ID_BYTES];
    char init_error[1024]; /* document of an init/error, cut */
    char init_type[SERVE_TYPE_BYTES];
    int64_t deadline_ns;
    int timed_out;
    int stopping;
    uint64_t starts;
    int64_t started_ns, first_next_ns; /* of the last process; 0: not yet */
    int last_status;                   /* of the last process that ended, as of waitpid */
} serve_runtime;

/* All fields of the first part are the caller's to fill. Starts the first process: 0, or an errno
 * where the program cannot be executed. */
int serve_runtime_start(serve_runtime *r);

/* A request whose path begins with /2018-06-01/; rest is what follows. */
void serve_runtime_request(serve_runtime *r, serve_conn *conn, const serve_request *request,
                           http_slice rest);
void serve_runtime_gone(serve_runtime *r, serve_conn *conn, const serve_request *request);

/* To be called after anything has happened: deadlines, ends, the next event. */
void serve_runtime_advance(serve_runtime *r);
int64_t serve_runtime_due_ns(const serve_runtime *r);

/* SIGTERM, and SIGKILL when the deadline comes. It is over in the state SERVE_DOWN. */
void serve_runtime_stop(serve_runtime *r);

#endif
