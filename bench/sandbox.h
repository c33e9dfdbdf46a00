/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a program the way a container runtime does, without what the runtime itself costs, and
 * what the page cache holds of files.
 */
#ifndef DISTIL_BENCH_SANDBOX_H
#define DISTIL_BENCH_SANDBOX_H

#include <stddef.h>
#include <sys/types.h>

enum { SANDBOX_USER = 993, SANDBOX_GROUP = 990 }; /* as seen on Lambda */

/*
 * Execute command[0] with an environment of its own: in `root` if that is not NULL, else as it is.
 * In a root: new PID, mount, IPC and UTS name spaces, the root read-only, /proc and an own /tmp
 * mounted in it, an unprivileged user, no capability, no new privileges; the network is shared.
 * That needs root. Standard output goes to the descriptor `output`.
 * The process, or -1 with errno. A child that cannot be set up exits with status 127.
 */
pid_t sandbox_start(const char *root, char *const command[], char *const environment[], int output);

/* Collect it; kill it before. */
void sandbox_wait(pid_t process);
void sandbox_end(pid_t process);

/* Bytes of a file, and how many of them are in the page cache; -1 with errno. */
int pages_resident(const char *path, size_t *bytes, size_t *resident);

/* Write back and throw out of the page cache: everything, or only this file (path not NULL). 0, or
 * -1 where that is not permitted. Pages that somebody has mapped stay: ask pages_resident. */
int pages_drop(const char *path);

/* Write a file back, throw it out of the page cache and read it again in order: then the cache
 * holds it in pieces of the same sizes whoever wrote it, and mapping it costs the same number of
 * page faults. Where pages stay because somebody has them mapped, it is only read. */
void pages_settle(const char *path);

/* A field in kB of /proc/PROCESS/FILE, in bytes: of the first mapping whose line ends in `mapping`
 * if that is not NULL. 0 where there is none. */
size_t process_bytes(pid_t process, const char *file, const char *mapping, const char *field);

#endif
