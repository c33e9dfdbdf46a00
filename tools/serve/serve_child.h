/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function's process: started with an environment of its own, its two outputs read line by
 * line, killed and waited for. It dies with this program whatever happens, in a process group of
 * its own so that a terminal's interrupt reaches this program only.
 */
#ifndef DISTIL_TOOLS_SERVE_CHILD_H
#define DISTIL_TOOLS_SERVE_CHILD_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    SERVE_LINE_BYTES = 65536, /* a longer line is given in parts */
    SERVE_CHILD_FDS = 2
};

/* A line of the function's, without its line feed; from_stderr says where it was written. */
typedef void serve_line(void *context, const char *line, size_t size, int from_stderr);

typedef struct serve_pipe {
    int fd; /* -1: closed */
    size_t size;
    char line[SERVE_LINE_BYTES];
} serve_pipe;

typedef struct serve_child {
    pid_t pid; /* 0: none */
    serve_pipe out, err;
    serve_line *line;
    void *context;
} serve_child;

void serve_child_init(serve_child *child, serve_line *line, void *context);

/*
 * Start command (NULL-terminated) with environment, signals as in *mask. 0; or an errno where the
 * program cannot be executed or the system refuses.
 */
int serve_child_start(serve_child *child, char *const *command, char *const *environment,
                      const sigset_t *mask);

/* For poll: fills SERVE_CHILD_FDS. */
void serve_child_poll(const serve_child *child, struct pollfd *fds);

/* Read what the outputs hold now, without waiting. */
void serve_child_read(serve_child *child);

/* 1 if it has ended: *status as of waitpid, its last lines read. */
int serve_child_ended(serve_child *child, int *status);

void serve_child_signal(const serve_child *child, int number);

#endif
