/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drift of the answers: the median confidence and the share of each sentiment among the last
 * MONITOR_WINDOW classifications of this process, as metrics that an alarm can watch. They show a
 * model that has gone wrong, or input that has changed, before anybody complains.
 */
#ifndef DISTIL_LAMBDA_MONITOR_H
#define DISTIL_LAMBDA_MONITOR_H

#include "lambda/event/sentiment.h"
#include "lambda/metrics.h"

/* With fewer than MONITOR_LEAST classifications the metrics would say nothing, so they are left
 * out. */
enum { MONITOR_WINDOW = 256, MONITOR_LEAST = 20 };

typedef struct monitor {
    float confidence[MONITOR_WINDOW]; /* A ring of MONITOR_WINDOW confidences. */
    sentiment label[MONITOR_WINDOW];  /* The sentiments that belong to the confidences. */
    float sorted[MONITOR_WINDOW];     /* The confidences of the ring in sorted order. */
    size_t seen;                      /* The number of classifications since the process started. */
} monitor;

void monitor_init(monitor *m);
void monitor_add(monitor *m, sentiment label, float confidence);

/* Add the four metrics of the window to a set of metrics; the median alone if no label in it means
 * a sentiment. */
void monitor_add_metrics(const monitor *m, metrics *to);

#endif
