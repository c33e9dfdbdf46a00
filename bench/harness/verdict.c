/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of verdict.h. */
#include "bench/harness/verdict.h"

verdict verdict_of_budget(stats_interval ratio, double quiet)
{
    if (ratio.high <= 1)
        return VERDICT_PASS;
    if (ratio.low > 1 && quiet >= VERDICT_QUIET)
        return VERDICT_FAIL;
    return VERDICT_INCONCLUSIVE;
}

verdict verdict_of_pair(stats_interval ratio)
{
    if (ratio.low > 1 + VERDICT_DIFFERENCE)
        return VERDICT_FAIL;
    if (ratio.high < 1 - VERDICT_DIFFERENCE)
        return VERDICT_FASTER;
    if (ratio.low >= 1 - VERDICT_SAME && ratio.high <= 1 + VERDICT_SAME)
        return VERDICT_PASS;
    return VERDICT_INCONCLUSIVE;
}

const char *verdict_name(verdict v)
{
    static const char *const name[] = {"pass", "faster", "fail", "inconclusive"};

    return name[v];
}

const char *verdict_pair_name(verdict v)
{
    static const char *const name[] = {"same", "faster", "slower", "inconclusive"};

    return name[v];
}
