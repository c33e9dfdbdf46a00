/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off. */
#include "lambda/aws/retry.h"

double retry_wait_ms(retry_class why, unsigned retry, double chance, int64_t wish_ms)
{
    double step = why == RETRY_THROTTLE ? 1000 : 25, wait, most;

    for (unsigned i = 1; i < retry && step < RETRY_MOST_MS; i++)
        step *= 2;
    wait = chance * (step < RETRY_MOST_MS ? step : RETRY_MOST_MS);
    most = wait + RETRY_MOST_EXTRA_MS;
    if (wish_ms < 0 || (double)wish_ms <= wait)
        return wait;
    return (double)wish_ms < most ? (double)wish_ms : most;
}
