/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in CloudWatch's Embedded Metric Format: a JSON line on standard output for each
 * invocation, no call to any service. Names, units and the dimension are those that existing alarms
 * and dashboards know (docs/lambda.md has the table); METRICS is the one list of them.
 *
 * A set is filled while an invocation is served and written once at its end. Nothing that is not a
 * finite number is ever written. One set for each thread.
 */
#ifndef DISTIL_LAMBDA_METRICS_H
#define DISTIL_LAMBDA_METRICS_H

#include <stddef.h>

#include "lambda/log.h"

/* METRIC(identifier, name, unit) */
#define METRICS(METRIC)                                                                            \
    METRIC(MODEL_LOAD_TIME, "ModelLoadTimeMs", "Milliseconds")                                     \
    METRIC(INFERENCE_LATENCY, "InferenceLatencyMs", "Milliseconds")                                \
    METRIC(ANALYSES, "SentimentAnalysisCount", "Count")                                            \
    METRIC(POSITIVE, "PositiveSentimentCount", "Count")                                            \
    METRIC(NEGATIVE, "NegativeSentimentCount", "Count")                                            \
    METRIC(NEUTRAL, "NeutralSentimentCount", "Count")                                              \
    METRIC(ITEMS_ANALYZED, "ItemsAnalyzed", "Count")                                               \
    METRIC(ERRORS, "AnalysisErrors", "Count")                                                      \
    METRIC(MODEL_LOAD_ERRORS, "ModelLoadErrors", "Count")                                          \
    METRIC(DUPLICATES, "DuplicateAnalysisSkipped", "Count")                                        \
    METRIC(CONFIDENCE_P50, "ConfidenceP50", "None")                                                \
    METRIC(POSITIVE_SHARE, "PositiveSharePercent", "Percent")                                      \
    METRIC(NEGATIVE_SHARE, "NegativeSharePercent", "Percent")                                      \
    METRIC(NEUTRAL_SHARE, "NeutralSharePercent", "Percent")

typedef enum metric {
#define METRIC(id, name, unit) METRIC_##id,
    METRICS(METRIC)
#undef METRIC
        METRIC_COUNT
} metric;

enum {
    METRICS_MAX_VALUES = 100, /* of one metric in one line; the format allows no more */
    METRICS_LINE_BYTES = 16384
};

/* Values of one metric: all of them for times, their sum for counts. */
typedef struct metric_values {
    double value[METRICS_MAX_VALUES];
    size_t count;
} metric_values;

typedef struct metrics {
    metric_values of[METRIC_COUNT];
    const char *environment; /* value of the dimension Environment */
    const log_sink *sink;    /* its level is not applied: a metric is no log line */
    char line[METRICS_LINE_BYTES];
} metrics;

void metrics_init(metrics *m, const char *environment, const log_sink *sink);

/* Counts add up to one value; other units append one, and write the line when it is full. */
void metrics_add(metrics *m, metric which, double value);

/* Write what there is, if anything, and forget it. request_id may be NULL; it is no dimension. */
void metrics_flush(metrics *m, const char *request_id);

#endif
