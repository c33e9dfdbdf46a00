/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Runtime API (version 2018-06-01), and the process of the function from its start to its end.
 *
 * The rules are those of Lambda. An invocation is over when the function asks for the next event. A
 * function that asks again before it has answered gets the same event again. Only one answer to an
 * event is accepted. If the process ends, or is killed at the deadline, its event has failed, and
 * the next event starts a new process. The first process starts at once and has SERVE_INIT_MS to
 * ask for an event. A later process starts within an invocation, and its start counts as a part of
 * that invocation.
 */
#ifndef DISTIL_TOOLS_SERVE_RUNTIME_H
#define DISTIL_TOOLS_SERVE_RUNTIME_H

#include "tools/serve/serve.h"
#include "tools/serve/serve_child.h"
#include "tools/serve/serve_faults.h"
#include "tools/serve/serve_http.h"
#include "tools/serve/serve_queue.h"

enum {
    /* the time allowed from the start of the first process to its first request */
    SERVE_INIT_MS = 10000,
    SERVE_STOP_MS = 2000 /* the time from SIGTERM to SIGKILL */
};

typedef enum serve_state {
    SERVE_DOWN = 0,    /* no process is running */
    SERVE_INIT,        /* the process has not asked for an event yet */
    SERVE_INIT_FAILED, /* the process has posted an init error and should end */
    SERVE_IDLE,        /* the process waits for an event */
    SERVE_BUSY,        /* the process works on an event */
    SERVE_ANSWERED,    /* the process has answered its event and not asked for the next one */
    SERVE_WEDGED       /* the process has broken the protocol; it is killed at the deadline */
} serve_state;

typedef struct serve_runtime {
    const serve_config *config;
    serve_queue *queue;
    serve_faults *faults;
    char *const *environment;
    sigset_t mask; /* signals that the process starts with as blocked */
    /* Receives and then owns an invocation that is over. */
    void (*finished)(void *context, serve_invocation *invocation);
    void *context;

    serve_child child;
    serve_state state;
    serve_conn *next;             /* connection that waits for an event; NULL if none does */
    serve_invocation *current;    /* invocation that is not over; NULL if there is none */
    char last_id[SERVE_ID_BYTES]; /* request id of the last event that was sent */
    char init_error[1024];        /* document of an init error, cut to this size */
    char init_type[SERVE_TYPE_BYTES];
    int64_t deadline_ns;   /* monotonic time at which the process is killed */
    int timed_out;         /* 1 if the process was killed at the deadline of an invocation */
    int stopping;          /* 1 if no more events are sent */
    uint64_t starts;       /* the number of processes that were started so far */
    int64_t started_ns;    /* monotonic time at which the last process was started */
    int64_t first_next_ns; /* monotonic time of its first request for an event; 0 before that */
    int last_status;       /* wait status of the last process that ended, as waitpid() gives it */
} serve_runtime;

/* Start the first process. The caller has set the fields up to `context` and initialised `child`;
 * the others are zero. Returns 0, or an errno if the program cannot be executed. */
int serve_runtime_start(serve_runtime *r);

/* Answer a request whose path begins with /2018-06-01/. `rest` is the part of the path after
 * that. */
void serve_runtime_request(serve_runtime *r, serve_conn *conn, const serve_request *request,
                           http_slice rest);
/* Note that a connection ended before its request was answered. */
void serve_runtime_gone(serve_runtime *r, serve_conn *conn, const serve_request *request);

/* Do what is due: record the end of the process, kill it at its deadline, send the next event,
 * start a process for it. The caller calls this after every poll(). */
void serve_runtime_update(serve_runtime *r);
/* Returns the monotonic time at which the next call of serve_runtime_update has something to do, or
 * CLOCK_NEVER. */
int64_t serve_runtime_due_ns(const serve_runtime *r);

/* Send SIGTERM to the process, and SIGKILL after SERVE_STOP_MS. The process has ended when the
 * state is SERVE_DOWN. */
void serve_runtime_stop(serve_runtime *r);

#endif
