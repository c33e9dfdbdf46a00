/* SPDX-License-Identifier: Apache-2.0 */
/* Handling of SIGINT, and waiting for input; see cmd_interrupt.h. */
#define _GNU_SOURCE /* This declares ppoll. */
#include "tools/command/cmd_interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>

/* The command has no other global variable that changes, but a signal handler has no other way to
 * report. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

void cmd_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    /* Without SA_RESTART, a read() that waits returns when the signal comes. */
    action.sa_flags = (int)SA_RESETHAND;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
}

int cmd_interrupted(void)
{
    return interrupted != 0;
}

int cmd_is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN, .revents = 0};

    return poll(&p, 1, 0) != 0;
}

int cmd_wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN, .revents = 0};
    sigset_t only_interrupt;
    sigset_t before;

    /* SIGINT is blocked except during ppoll. So a SIGINT that comes after the test of the flag
     * waits for ppoll and ends it, rather than being missed. */
    (void)sigemptyset(&only_interrupt);
    (void)sigaddset(&only_interrupt, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &only_interrupt, &before);
    while (!interrupted && ppoll(&p, 1, NULL, &before) < 0 && errno == EINTR) {
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return interrupted ? -1 : 0;
}
