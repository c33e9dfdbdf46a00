/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending on SIGTERM: at once where nothing is in hand, else as soon as what is in hand has been
 * answered; exit status 0 both times. A second signal ends the process there and then.
 *
 * Lambda sends SIGTERM only where an extension is registered, and kills 300 ms later; elsewhere it
 * is how a container is stopped. The signal is waited for by a thread of its own and blocked in all
 * others, so no system call is ever interrupted, and it works for process 1 too.
 */
#ifndef DISTIL_LAMBDA_STOP_H
#define DISTIL_LAMBDA_STOP_H

#include <stdatomic.h>

typedef struct stop {
    atomic_int wanted;
    atomic_int busy; /* loops that have an event in hand */
} stop;

/* Block SIGTERM and SIGINT and start to wait for them; before any other thread is made. *s lives as
 * long as the process. 0, or -1 where the system refuses a thread. */
int stop_start(stop *s);

/* Around each event of a loop. stop_idle does not return once the end is wanted. */
void stop_busy(stop *s);
void stop_idle(stop *s);

#endif
