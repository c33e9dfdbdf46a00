/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a program in name spaces of its own, as a container runtime does, but without the time
 * that a container runtime itself takes.
 */
#ifndef DISTIL_BENCH_HARNESS_SANDBOX_H
#define DISTIL_BENCH_HARNESS_SANDBOX_H

#include <sys/types.h>

/* Lambda runs functions as this user and group. */
enum { SANDBOX_USER = 993, SANDBOX_GROUP = 990 };

/*
 * Executes command[0] with `root` as its root directory and with exactly the variables of
 * `environment`; both arrays end with NULL. The child gets new PID, mount, IPC and UTS name spaces,
 * a read-only root, a /proc and a /tmp of its own, an unprivileged user, no capability and no way
 * to new privileges. It shares the network. Its standard output goes to /dev/null. The caller needs
 * to be root. Returns the process, or -1 with errno. A child that cannot be set up prints the
 * reason on stderr and exits with status 127.
 */
pid_t sandbox_start(const char *root, char *const command[], char *const environment[]);

/* Kills the process and collects it. */
void sandbox_kill(pid_t process);

#endif
