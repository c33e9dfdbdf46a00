/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How network calls end, and the one wait that all of them share: sockets, TLS and the resolver are
 * built on it, so none of them needs another.
 */
#ifndef DISTIL_LAMBDA_WAIT_H
#define DISTIL_LAMBDA_WAIT_H

#include <stdint.h>

typedef enum net_status {
    NET_OK = 0,
    NET_EOF,     /* The peer has closed its side of the connection. */
    NET_TIMEOUT, /* The deadline passed first. */
    NET_FAILED,  /* Connecting, reading or writing failed. */
    NET_NAME,    /* The host name has no address. */
    NET_TLS      /* TLS refused the server's certificate, the name in it, or the protocol. */
} net_status;

/*
 * Wait with poll(2) until `fd` is ready for `events` (POLLIN or POLLOUT) or is in an error state.
 * `deadline_ns` is a time of clock_now_ns, or CLOCK_NEVER. Returns NET_OK, NET_TIMEOUT, or
 * NET_FAILED with errno set. A signal does not end the wait.
 */
net_status net_wait(int fd, short events, int64_t deadline_ns);

/* Wait without a deadline until one of the descriptors is readable or in an error state. Returns 1
 * if `fd` is or if poll fails, whatever `stop_fd` is, and 0 if only `stop_fd` is. A signal does not
 * end the wait. */
int net_wait_or_stop(int fd, int stop_fd);

#endif
