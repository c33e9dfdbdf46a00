/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that waits for signals, a flag, a counter, and a descriptor that wakes waiting loops. */
#include "lambda/stop.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { STOP_STACK_BYTES = 64 << 10, SIGNALLED = 128 };

static void stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

/* Nothing needs to be flushed, since no output is buffered. This thread sets the flag and then
 * reads the counter; stop_idle decrements the counter and then reads the flag. So at least one of
 * the two sees what the other has done. */
static void *wait_for_signals(void *argument)
{
    const uint64_t one = 1;
    stop *s = argument;
    sigset_t set;
    int number = 0;

    stop_signals(&set);
    while (sigwait(&set, &number) != 0)
        ;
    atomic_store(&s->wanted, 1);
    /* The counter is 0, so this write cannot fail; a loop that was not woken would end after its
     * next event. */
    (void)!write(s->fd, &one, sizeof one);
    if (atomic_load(&s->busy) == 0)
        _exit(0);
    while (sigwait(&set, &number) != 0)
        ;
    _exit(SIGNALLED + number);
}

/* Start the thread that waits for signals. Returns 0, or -1. */
static int start_thread(stop *s)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int status;

    if (pthread_attr_init(&attributes) != 0)
        return -1;
    pthread_attr_setstacksize(&attributes, STOP_STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    status = pthread_create(&thread, &attributes, wait_for_signals, s);
    pthread_attr_destroy(&attributes);
    return status == 0 ? 0 : -1;
}

int stop_start(stop *s)
{
    sigset_t set;

    atomic_init(&s->wanted, 0);
    atomic_init(&s->busy, 0);
    s->started = 0;
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0)
        return -1;
    stop_signals(&set);
    /* The thread inherits the mask, so the signals are blocked before it starts. */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) == 0) {
        if (start_thread(s) == 0) {
            s->started = 1;
            return 0;
        }
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
    (void)close(s->fd);
    s->fd = -1;
    return -1;
}

int stop_fd(const stop *s)
{
    return s->started ? s->fd : -1;
}

int stop_is_wanted(const stop *s)
{
    return atomic_load(&s->wanted);
}

void stop_busy(stop *s)
{
    atomic_fetch_add(&s->busy, 1);
}

void stop_idle(stop *s)
{
    int others = atomic_fetch_sub(&s->busy, 1) - 1;

    if (!atomic_load(&s->wanted))
        return;
    if (others == 0)
        _exit(0);
    /* The last of the other loops ends the process. */
    for (;;)
        pause();
}
