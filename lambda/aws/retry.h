/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before a retry: exponential back-off with full jitter, as a pure function.
 */
#ifndef DISTIL_LAMBDA_RETRY_H
#define DISTIL_LAMBDA_RETRY_H

#include <stdint.h>

typedef enum retry_class {
    RETRY_TRANSIENT = 0, /* A fault that may be over in a moment: the back-off begins at 25 ms. */
    RETRY_THROTTLE       /* The server asks for fewer requests: the back-off begins at 1 s. */
} retry_class;

enum {
    RETRY_ATTEMPTS = 4,    /* The most attempts of one update, the first one included. */
    RETRY_MOST_MS = 20000, /* The most milliseconds that a wait may reach by doubling. */
    /* The most milliseconds that a server's request may add to a wait. */
    RETRY_MOST_EXTRA_MS = 5000
};

#define RETRY_AFTER_ABSENT (-1)

/*
 * Returns the milliseconds before retry number `retry` (1, 2, ...), which are chance * min(20 s,
 * base * 2^(retry - 1)).
 *     chance           a random number, uniform with 0 <= chance < 1
 *     retry_after_ms   the wait that the server asks for, or RETRY_AFTER_ABSENT;
 *                      it turns a wait t into max(t, min(retry_after, t + 5 s))
 */
double retry_wait_ms(retry_class why, unsigned retry, double chance, int64_t retry_after_ms);

#endif
