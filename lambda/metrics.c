/* SPDX-License-Identifier: Apache-2.0 */
/* Collects metrics and writes them as lines in CloudWatch's Embedded Metric Format. */
#include "lambda/metrics.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/strict_float.h"

static const struct {
    const char *name, *unit;
    int count; /* 1: the unit is "Count", so metrics_add adds the values up. */
} known[METRIC_COUNT] = {
#define METRIC(id, name, unit) {name, unit, sizeof(unit) == sizeof "Count"},
    METRICS(METRIC)
#undef METRIC
};

static const char namespace_[] = "SentimentAnalyzer";

void metrics_init(metrics *m, const char *environment, const log_sink *sink)
{
    m->environment = environment;
    m->sink = sink;
    for (size_t i = 0; i < METRIC_COUNT; i++)
        m->of[i].count = 0;
}

void metrics_add(metrics *m, metric which, double value)
{
    metric_values *v = &m->of[which];

    if (!isfinite(value))
        return;
    if (known[which].count && v->count > 0) {
        v->value[0] += value;
        return;
    }
    if (v->count == METRICS_MAX_VALUES)
        metrics_flush(m, NULL);
    v->value[v->count++] = value;
}

/* Append the directive that tells CloudWatch which members of the line are metrics. */
static void add_definitions(buffer *line, const metrics *m)
{
    const char *separator = "";

    buffer_format(line,
                  "{\"_aws\":{\"Timestamp\":%lld,\"CloudWatchMetrics\":[{\"Namespace\":\"%s\","
                  "\"Dimensions\":[[\"Environment\"]],\"Metrics\":[",
                  (long long)clock_unix_ms(), namespace_);
    for (size_t i = 0; i < METRIC_COUNT; i++)
        if (m->of[i].count > 0) {
            buffer_format(line, "%s{\"Name\":\"%s\",\"Unit\":\"%s\"}", separator, known[i].name,
                          known[i].unit);
            separator = ",";
        }
    buffer_text(line, "]}]}");
}

static void add_values(buffer *line, const metrics *m)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const metric_values *v = &m->of[i];

        if (v->count == 0)
            continue;
        buffer_format(line, ",\"%s\":%s", known[i].name, v->count > 1 ? "[" : "");
        for (size_t k = 0; k < v->count; k++)
            buffer_format(line, "%s%.6g", k ? "," : "", v->value[k]);
        if (v->count > 1)
            buffer_char(line, ']');
    }
}

void metrics_flush(metrics *m, const char *request_id)
{
    size_t filled = 0;
    buffer line;

    for (size_t i = 0; i < METRIC_COUNT; i++)
        filled += m->of[i].count > 0;
    if (filled == 0)
        return;
    buffer_init(&line, m->line, sizeof m->line);
    add_definitions(&line, m);
    buffer_text(&line, ",\"level\":\"INFO\",\"Environment\":");
    buffer_json_text(&line, m->environment);
    add_values(&line, m);
    if (request_id) {
        buffer_text(&line, ",\"requestId\":");
        buffer_json_text(&line, request_id);
    }
    buffer_text(&line, "}\n");
    /* The line always fits. Only times are arrays of up to 100 values of 13 bytes, and there are
     * two of them; everything else takes less than 4 KiB. */
    assert(!line.overflow);
    log_write(m->sink->fd, line.data, line.size);
    for (size_t i = 0; i < METRIC_COUNT; i++)
        m->of[i].count = 0;
}
