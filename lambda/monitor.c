/* SPDX-License-Identifier: Apache-2.0 */
/* Drift of the answers: see monitor.h. */
#include "lambda/monitor.h"

#include <stdlib.h>
#include <string.h>

void monitor_init(monitor *m)
{
    m->seen = 0;
}

void monitor_add(monitor *m, sentiment label, float confidence)
{
    m->confidence[m->seen % MONITOR_WINDOW] = confidence;
    m->label[m->seen % MONITOR_WINDOW] = label;
    m->seen++;
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

void monitor_report(const monitor *m, metrics *to)
{
    size_t n = m->seen < MONITOR_WINDOW ? m->seen : MONITOR_WINDOW;
    float sorted[MONITOR_WINDOW];
    size_t of[3] = {0};

    if (n < MONITOR_LEAST)
        return;
    memcpy(sorted, m->confidence, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    for (size_t i = 0; i < n; i++)
        of[m->label[i]]++;
    metrics_add(to, METRIC_CONFIDENCE_P50, (double)sorted[(n - 1) / 2]);
    metrics_add(to, METRIC_POSITIVE_SHARE, 100.0 * (double)of[SENTIMENT_POSITIVE] / (double)n);
    metrics_add(to, METRIC_NEGATIVE_SHARE, 100.0 * (double)of[SENTIMENT_NEGATIVE] / (double)n);
    metrics_add(to, METRIC_NEUTRAL_SHARE, 100.0 * (double)of[SENTIMENT_NEUTRAL] / (double)n);
}
