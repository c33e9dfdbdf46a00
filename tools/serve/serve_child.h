/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process of the function. It is started with an environment of its own, and its two outputs
 * are read line by line. The kernel kills it when this program ends, however that happens. It is in
 * a process group of its own, so that Ctrl-C on a terminal reaches this program only.
 */
#ifndef DISTIL_TOOLS_SERVE_CHILD_H
#define DISTIL_TOOLS_SERVE_CHILD_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    SERVE_LINE_BYTES = 65536, /* a longer line is passed on in pieces of this size */
    SERVE_CHILD_FDS = 2       /* file descriptors to poll: standard output and standard error */
};

/* Receives a line that the function wrote, without its line feed. from_stderr is 1 if the line came
 * from standard error. */
typedef void serve_line(void *context, const char *line, size_t size, int from_stderr);

/* The reading end of an output of the function. */
typedef struct serve_pipe {
    int fd;                      /* -1 if it is closed */
    size_t size;                 /* bytes in line */
    char line[SERVE_LINE_BYTES]; /* read bytes that have not been passed on */
} serve_pipe;

typedef struct serve_child {
    pid_t pid; /* 0 if there is no process */
    serve_pipe out, err;
    serve_line *line; /* receives the lines of both outputs */
    void *context;    /* passed to line */
} serve_child;

void serve_child_init(serve_child *child, serve_line *line, void *context);

/*
 * Start the program command[0] with the arguments `command`, which ends with NULL, and with this
 * environment and mask of blocked signals. Returns 0, or an errno if the program cannot be
 * executed.
 */
int serve_child_start(serve_child *child, char *const *command, char *const *environment,
                      const sigset_t *mask);

/* Fill SERVE_CHILD_FDS elements of fds for poll(). */
void serve_child_poll(const serve_child *child, struct pollfd *fds);

/* Read what the outputs hold now without waiting, and pass on the lines. */
void serve_child_read(serve_child *child);

/* Returns 1 once if the process has ended, after passing on its last lines. *status is then the
 * status that waitpid() returns. */
int serve_child_has_ended(serve_child *child, int *status);

/* Send a signal to the process, if there is one. */
void serve_child_signal(const serve_child *child, int number);

#endif
