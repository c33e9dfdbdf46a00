/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending the process on SIGTERM: at once if no event is being handled, and otherwise as soon as all
 * events have been answered. The exit status is 0 both times. A second signal ends the process
 * immediately.
 *
 * While a loop waits for an event it may get one at any moment, so only the loop itself can say
 * that it has none. It counts as busy from its first request on, watches stop_fd together with its
 * connection, and calls stop_idle when it has given up the request without an event.
 *
 * Lambda sends SIGTERM only if an extension is registered, and kills the process 300 ms later.
 * Elsewhere SIGTERM is how a container is stopped. One thread waits for the signal, and all others
 * block it. So no system call is interrupted, and it also works if the function is process 1.
 */
#ifndef DISTIL_LAMBDA_STOP_H
#define DISTIL_LAMBDA_STOP_H

#include <stdatomic.h>

typedef struct stop {
    atomic_int wanted;
    atomic_int busy; /* The number of loops that have an event or wait for one. */
    int fd;      /* An eventfd that becomes readable, and stays so, when the process is to end. */
    int started; /* 1: stop_start has succeeded. */
} stop;

/* Block SIGTERM and SIGINT, and start the thread that waits for them. This comes before any other
 * thread is made. *s lives as long as the process. Returns 0, or -1 if the system refuses a
 * thread or a descriptor; then the signals are not blocked and end the process at once, and the
 * other functions work all the same. */
int stop_start(stop *s);

/* The descriptor that becomes readable when the process is to end. Nobody reads from it. Returns -1
 * if stop_start has failed, or if *s is zero because it was not called. */
int stop_fd(const stop *s);

/* A loop calls stop_busy before its first request for an event, and stop_idle when it has no event
 * and asks for none. Once the process is to end, stop_idle does not return. */
void stop_busy(stop *s);
void stop_idle(stop *s);

/* Returns 1 if the process is to end, so that no loop may ask for another event. */
int stop_is_wanted(const stop *s);

#endif
