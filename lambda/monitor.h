/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drift of the answers over the last MONITOR_WINDOW classifications of this process: the median
 * confidence and the share of each sentiment, as metrics that an alarm can watch. A model that has
 * gone wrong, or input that has changed, shows here long before anybody complains.
 */
#ifndef DISTIL_LAMBDA_MONITOR_H
#define DISTIL_LAMBDA_MONITOR_H

#include "lambda/event/sentiment.h"
#include "lambda/metrics.h"

enum { MONITOR_WINDOW = 256, MONITOR_LEAST = 20 /* fewer say nothing and are not reported */ };

typedef struct monitor {
    float confidence[MONITOR_WINDOW]; /* a ring */
    sentiment label[MONITOR_WINDOW];  /* the same */
    float sorted[MONITOR_WINDOW];     /* the ring's confidences in order: the median is there */
    size_t seen;                      /* since the start of the process */
} monitor;

void monitor_init(monitor *m);
void monitor_add(monitor *m, sentiment label, float confidence);

/* Add the four metrics of the window. */
void monitor_add_metrics(const monitor *m, metrics *to);

#endif
