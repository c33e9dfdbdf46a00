/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in CloudWatch's Embedded Metric Format: a line of JSON on standard output for each
 * invocation, and no call of any service. Alarms and dashboards know the names, the units and the
 * dimension; METRICS is the one list of them, and docs/lambda.md explains it.
 *
 * A set of metrics is filled while an invocation is served, and written once at its end. Values
 * that are not finite numbers are dropped. Each thread has a set of its own.
 */
#ifndef DISTIL_LAMBDA_METRICS_H
#define DISTIL_LAMBDA_METRICS_H

#include <stddef.h>

#include "lambda/log.h"

/* The arguments are METRIC(identifier, name, unit). The unit decides what metrics_add does: values
 * of the unit "Count" are added up to one number, and of any other unit each value is kept, up to
 * METRICS_MAX_VALUES in a line. */
#define METRICS(METRIC)                                                                            \
    METRIC(MODEL_LOAD_TIME, "ModelLoadTimeMs", "Milliseconds")                                     \
    METRIC(INFERENCE_LATENCY, "InferenceLatencyMs", "Milliseconds")                                \
    METRIC(ANALYSES, "SentimentAnalysisCount", "Count")                                            \
    METRIC(POSITIVE, "PositiveSentimentCount", "Count")                                            \
    METRIC(NEGATIVE, "NegativeSentimentCount", "Count")                                            \
    METRIC(NEUTRAL, "NeutralSentimentCount", "Count")                                              \
    METRIC(ITEMS_ANALYZED, "ItemsAnalyzed", "Count")                                               \
    METRIC(ERRORS, "AnalysisErrors", "Count")                                                      \
    METRIC(CLIENT_ERRORS, "ClientErrors", "Count")                                                 \
    METRIC(MODEL_LOAD_ERRORS, "ModelLoadErrors", "Count")                                          \
    METRIC(DUPLICATES, "DuplicateAnalysisSkipped", "Count")                                        \
    METRIC(ITEMS_MISSING, "ItemsMissing", "Count")                                                 \
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
    /* The most values of one metric in one line, which the Embedded Metric Format limits. */
    METRICS_MAX_VALUES = 100,
    METRICS_LINE_BYTES = 16384
};

/* The values of one metric. A count has one value, which is the sum. */
typedef struct metric_values {
    double value[METRICS_MAX_VALUES];
    size_t count;
} metric_values;

typedef struct metrics {
    metric_values of[METRIC_COUNT];
    const char *environment; /* The value of the dimension Environment. */
    /* Where the lines are written. Metrics use the sink's file descriptor only; its log level does
     * not apply to them. */
    const log_sink *sink;
    char line[METRICS_LINE_BYTES];
} metrics;

void metrics_init(metrics *m, const char *environment, const log_sink *sink);

/* Add a value. Counts are added up; other metrics keep each value, and when there is no more room
 * the line is written. */
void metrics_add(metrics *m, metric which, double value);

/* Write a line with the values there are, if any, and drop them. request_id may be NULL; it is a
 * member of the line but not a dimension. */
void metrics_flush(metrics *m, const char *request_id);

#endif
