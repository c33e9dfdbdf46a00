/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending the process on SIGTERM: at once if no event is being handled, and otherwise as soon as all
 * events have been answered. The exit status is 0 both times. A second signal ends the process
 * immediately.
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
    atomic_int busy; /* The number of loops that are handling an event. */
} stop;

/* Block SIGTERM and SIGINT, and start the thread that waits for them. This comes before any other
 * thread is made. *s lives as long as the process. Returns 0, or -1 if the system refuses a
 * thread. */
int stop_start(stop *s);

/* A loop calls these before and after each event. Once the process is to end, stop_idle does not
 * return. */
void stop_busy(stop *s);
void stop_idle(stop *s);

#endif
