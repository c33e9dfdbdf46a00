/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs under measurement: started, timed, watched. They inherit the CPU that the harness is
 * pinned to. None may hang the harness: one that has not done its work after limit_ms is killed,
 * and that is a failure with a message which names it.
 */
#ifndef DISTIL_BENCH_HARNESS_CHILD_H
#define DISTIL_BENCH_HARNESS_CHILD_H

#include <stddef.h>
#include <sys/types.h>

enum { CHILD_LIMIT_MS = 30000 }; /* for what has no limit of its own */

/* What the system says of an ended program. */
typedef struct child_usage {
    double wall_ns;
    double resident_bytes; /* at its peak */
    double faults;         /* minor and major */
} child_usage;

/* Run to the end, output dropped. environment: extra "NAME=value" strings ending with NULL, or
 * NULL. 0, or -1 with a message on stderr where it cannot be started, ends with a status other than
 * 0 or had to be killed. */
int child_run(child_usage *usage, char *const argv[], char *const environment[], int limit_ms);

/* Run to the end and keep what it writes to standard error: at most capacity - 1 bytes and a NUL.
 * Its exit status, or -1. */
int child_capture(char *out, size_t capacity, char *const argv[], char *const environment[],
                  int limit_ms);

/* A program that answers each line on its standard input with a line, such as
 * `distil classify --stream`. */
typedef struct child_worker {
    pid_t pid;
    int to, from;
    const char *program; /* argv[0], for messages */
    char reply[4096];    /* the last line, NUL-terminated */
} child_worker;

/* quiet: what it writes to standard error goes nowhere. 0, or -1. */
int child_start(child_worker *w, char *const argv[], char *const environment[], int quiet);

/* Send a line (with its line feed, at most what a pipe holds), wait for the reply. Nanoseconds, or
 * -1 with a message on stderr. */
double child_ask(child_worker *w, const char *line, size_t size, int limit_ms);

/* Close its input and wait for the end; what does not end by that is killed. */
void child_stop(child_worker *w);

/* For a program that is no worker: let what it prints go nowhere, and later ask it to end. */
void child_drain(child_worker *w);
void child_end(child_worker *w);

/* Bytes of file's mappings that are in the process's memory, by /proc/PID/smaps; -1 where that
 * cannot be read. */
double child_mapped_bytes(pid_t pid, const char *file);

/* Run a program that connects to a port of ours, until its first bytes arrive (then it is killed):
 * nanoseconds from fork, or -1. variable is the environment variable that gets "127.0.0.1:PORT". */
double child_first_bytes(char *const argv[], char *const environment[], const char *variable);

#endif
