/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before trying again: exponential back-off with full jitter, a pure function.
 */
#ifndef DISTIL_LAMBDA_RETRY_H
#define DISTIL_LAMBDA_RETRY_H

#include <stdint.h>

typedef enum retry_class {
    RETRY_TRANSIENT = 0, /* a fault that may be gone in a moment: 25 ms to begin with */
    RETRY_THROTTLE       /* asked to slow down: 1 s to begin with */
} retry_class;

enum {
    RETRY_ATTEMPTS = 4,        /* in all, the first included */
    RETRY_MOST_MS = 20000,     /* of a step before jitter */
    RETRY_MOST_EXTRA_MS = 5000 /* that a server's wish may add */
};

#define RETRY_NO_WISH (-1)

/*
 * Milliseconds before retry number `retry` (1, 2, ...): chance * min(20 s, base * 2^(retry - 1)).
 *   chance   0 <= chance < 1, uniform
 *   wish_ms  the server's (x-amz-retry-after), or RETRY_NO_WISH: the wait t becomes
 *            max(t, min(wish, t + 5 s))
 */
double retry_wait_ms(retry_class why, unsigned retry, double chance, int64_t wish_ms);

#endif
