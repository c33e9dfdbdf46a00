/* SPDX-License-Identifier: Apache-2.0 */
/* Computes pauses between retries: exponential back-off with full jitter. */
#include "lambda/aws/retry.h"

double retry_wait_ms(retry_class why, unsigned retry, double chance, int64_t retry_after_ms)
{
    const double most_ms = (double)RETRY_MOST_MS;
    double backoff_ms = why == RETRY_THROTTLE ? 1000 : 25, wait, most;

    for (unsigned i = 1; i < retry && backoff_ms < most_ms; i++)
        backoff_ms *= 2;
    wait = chance * (backoff_ms < most_ms ? backoff_ms : most_ms);
    most = wait + (double)RETRY_MOST_EXTRA_MS;
    if (retry_after_ms < 0 || (double)retry_after_ms <= wait)
        return wait;
    return (double)retry_after_ms < most ? (double)retry_after_ms : most;
}
