/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs under measurement, which the harness starts, times and watches. They inherit the CPU
 * that the harness is pinned to. None can make the harness hang: a program that has not finished
 * after limit_ms is killed, which counts as a failure, and a message names it.
 *
 * `environment` is a list of extra "NAME=value" strings that ends with NULL, or NULL for none.
 */
#ifndef DISTIL_BENCH_HARNESS_CHILD_H
#define DISTIL_BENCH_HARNESS_CHILD_H

#include <stddef.h>
#include <sys/types.h>

enum { CHILD_LIMIT_MS = 30000 }; /* the limit where the user has set none with --timeout */

/* exec's argv is not const, but neither exec nor the harness changes the strings in it. */
char *child_argument(const char *text);

/* Runs a program to its end and drops its output. Stores the time from fork to the end. Returns 0,
 * or -1 with a message on stderr where the program cannot be started, ends with a status other than
 * 0 or had to be killed. */
int child_run(double *wall_ns, char *const argv[], char *const environment[], int limit_ms);

/* Runs a program to its end and keeps what it writes to standard error, at most capacity - 1 bytes
 * and a NUL. Returns its exit status, or -1. */
int child_capture(char *out, size_t capacity, char *const argv[], char *const environment[],
                  int limit_ms);

/* A program that answers each line on its standard input with a line on its standard output, such
 * as `distil classify --stream`. */
typedef struct child_worker {
    pid_t pid;
    int to, from;        /* pipes to its standard input and from its standard output */
    const char *program; /* argv[0], for messages */
    char reply[4096];    /* the last reply, NUL-terminated */
} child_worker;

/* Starts a worker. With `quiet`, what it writes to standard error is dropped. Returns 0, or -1. */
int child_start(child_worker *w, char *const argv[], char *const environment[], int quiet);

/* Sends a line, which includes its line feed and fits into a pipe, and waits for the reply. Returns
 * the time in nanoseconds, or -1 with a message on stderr. */
double child_ask(child_worker *w, const char *line, size_t size, int limit_ms);

/* Closes the worker's input and waits for its end. A worker that does not end by that is killed. */
void child_stop(child_worker *w);

/* For a program that child_start has started but that answers no lines: child_drain drops all that
 * the program prints from now on, and child_end asks the program to end by SIGTERM. */
void child_drain(child_worker *w);
void child_end(child_worker *w);

/* Greatest resident memory of a running process in bytes so far (VmHWM), or -1 where /proc does not
 * say. */
double child_peak_bytes(pid_t pid);

/* Bytes that a running process has resident of its mappings of a file (Rss in /proc/PID/smaps), or
 * -1 where /proc does not say. `file` is an absolute path without symbolic links. */
double child_mapped_bytes(pid_t pid, const char *file);

/* Starts a program that connects to a port of ours, and kills it when its first byte arrives. The
 * environment variable `variable` tells it "127.0.0.1:PORT". Returns the time since fork in
 * nanoseconds, or -1. */
double child_first_byte_ns(char *const argv[], char *const environment[], const char *variable);

#endif
