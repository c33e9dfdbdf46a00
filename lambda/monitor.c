/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of the last answers, and their confidences in sorted order. */
#include "lambda/monitor.h"

#include <string.h>

void monitor_init(monitor *m)
{
    m->seen = 0;
}

/* Returns the number of sorted values that are lower than x. */
static size_t rank(const float *sorted, size_t n, float x)
{
    size_t i = 0;

    while (i < n && sorted[i] < x)
        i++;
    return i;
}

void monitor_add(monitor *m, sentiment label, float confidence)
{
    size_t n = m->seen < MONITOR_WINDOW ? m->seen : MONITOR_WINDOW;
    size_t slot = m->seen % MONITOR_WINDOW, at;

    /* The window is full, so the oldest value leaves it. */
    if (n == MONITOR_WINDOW) {
        at = rank(m->sorted, n--, m->confidence[slot]);
        memmove(m->sorted + at, m->sorted + at + 1, (n - at) * sizeof *m->sorted);
    }
    at = rank(m->sorted, n, confidence);
    memmove(m->sorted + at + 1, m->sorted + at, (n - at) * sizeof *m->sorted);
    m->sorted[at] = confidence;
    m->confidence[slot] = confidence;
    m->label[slot] = label;
    m->seen++;
}

void monitor_add_metrics(const monitor *m, metrics *to)
{
    size_t n = m->seen < MONITOR_WINDOW ? m->seen : MONITOR_WINDOW;
    size_t of[SENTIMENT_COUNT + 1] = {0};

    if (n < MONITOR_LEAST)
        return;
    for (size_t i = 0; i < n; i++)
        of[m->label[i]]++;
    metrics_add(to, METRIC_CONFIDENCE_P50, (double)m->sorted[(n - 1) / 2]);
    if (of[SENTIMENT_NONE] == n)
        return;
    metrics_add(to, METRIC_POSITIVE_SHARE, 100.0 * (double)of[SENTIMENT_POSITIVE] / (double)n);
    metrics_add(to, METRIC_NEGATIVE_SHARE, 100.0 * (double)of[SENTIMENT_NEGATIVE] / (double)n);
    metrics_add(to, METRIC_NEUTRAL_SHARE, 100.0 * (double)of[SENTIMENT_NEUTRAL] / (double)n);
}
