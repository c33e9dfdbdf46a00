/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of metrics as CloudWatch reads them: every member that the directive names is there, the
 * limits of the format are kept, and every value is a finite number. The drift monitor's window is
 * compared with a plain count.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lambda/metrics.h"
#include "lambda/monitor.h"
#include "runtime/base/json.h"
#include "tests/support/harness.h"

enum { LINE_BYTES = 1 << 16 };

static metrics m;
static log_sink sink;
static char written[LINE_BYTES];

static void begin(const char *environment)
{
    if (ftruncate(sink.fd, 0) != 0 || lseek(sink.fd, 0, SEEK_SET) != 0)
        abort();
    metrics_init(&m, environment, &sink);
}

/* Flush the metrics. Returns the number of lines, and the last one parsed. */
static size_t flushed(json_value *line, const char *request_id)
{
    size_t lines = 0, start = 0, end;
    ssize_t n;

    metrics_flush(&m, request_id);
    n = pread(sink.fd, written, sizeof written - 1, 0);
    written[n > 0 ? n : 0] = '\0';
    for (char *p = written; (p = strchr(p, '\n')) != NULL; p++) {
        lines++;
        if (p[1])
            start = (size_t)(p + 1 - written);
    }
    end = strlen(written);
    *line = (json_value){.type = JSON_NULL, .text = ""};
    if (lines > 0)
        CHECKF(json_parse(line, written + start, end - start - 1, NULL) == 0, "%s", written);
    return lines;
}

/* Every metric of the directive has a member, which is a number or an array of at most 100
 * numbers. */
static void check_directive(json_value line, size_t definitions)
{
    const json_value none = {.type = JSON_NULL, .text = ""};
    json_value aws = none, directives = none, list = none, name = none, unit = none;
    json_value value = none, stamp = none;
    json_iter i;
    size_t count = 0;
    int64_t ms = 0;

    CHECK(json_get(line, "_aws", &aws) && json_get(aws, "CloudWatchMetrics", &directives));
    CHECK(json_get(aws, "Timestamp", &stamp) && json_int64(stamp, &ms) == 0 &&
          ms > INT64_C(1700000000000));
    json_iter_init(&i, directives);
    CHECK(json_iter_next(&i));
    CHECK(json_get(i.value, "Metrics", &list));
    json_iter_init(&i, list);
    for (; json_iter_next(&i); count++) {
        char member[64];
        size_t n, values = 0;
        json_iter k;

        CHECK(json_get(i.value, "Name", &name) && json_get(i.value, "Unit", &unit));
        CHECK(json_string_is(unit, "Count") || json_string_is(unit, "Milliseconds") ||
              json_string_is(unit, "Percent") || json_string_is(unit, "None"));
        n = json_string(name, member, sizeof member - 1);
        member[n] = '\0';
        CHECKF(json_get(line, member, &value), "%s is not there", member);
        json_iter_init(&k, value);
        while (json_iter_next(&k))
            values += k.value.type == JSON_NUMBER;
        CHECK(value.type == JSON_NUMBER ||
              (value.type == JSON_ARRAY && values > 1 && values <= METRICS_MAX_VALUES));
    }
    CHECKF(count == definitions, "%zu definitions", count);
}

static double value_of(json_value line, const char *name)
{
    json_value value;
    double number = NAN;

    if (json_get(line, name, &value))
        (void)json_double(value, &number);
    return number;
}

static void test_lines(void)
{
    json_value line, value;

    if (harness_case("nothing added, nothing written")) {
        begin("dev");
        CHECK(flushed(&line, NULL) == 0);
    }
    if (harness_case("counts add up, times are listed")) {
        begin("prod");
        metrics_add(&m, METRIC_ANALYSES, 1);
        metrics_add(&m, METRIC_ANALYSES, 2);
        metrics_add(&m, METRIC_INFERENCE_LATENCY, 1.5);
        metrics_add(&m, METRIC_INFERENCE_LATENCY, 2.25);
        CHECK(flushed(&line, "id \"7\"") == 1);
        check_directive(line, 2);
        CHECK(value_of(line, "SentimentAnalysisCount") == 3);
        CHECK(json_get(line, "InferenceLatencyMs", &value) && value.type == JSON_ARRAY);
        CHECK(json_get(line, "requestId", &value) && json_string_is(value, "id \"7\""));
        /* Values are dropped once they are written, so there is still only that one line. */
        CHECK(flushed(&line, NULL) == 1);
    }
    if (harness_case("a line, byte for byte")) {
        static const char expected[] =
            "\"CloudWatchMetrics\":[{\"Namespace\":\"SentimentAnalyzer\","
            "\"Dimensions\":[[\"Environment\"]],\"Metrics\":["
            "{\"Name\":\"InferenceLatencyMs\",\"Unit\":\"Milliseconds\"},"
            "{\"Name\":\"SentimentAnalysisCount\",\"Unit\":\"Count\"}]}]},"
            "\"level\":\"INFO\",\"Environment\":\"prod\",\"InferenceLatencyMs\":1.5,"
            "\"SentimentAnalysisCount\":2,\"requestId\":\"id-7\"}\n";

        begin("prod");
        metrics_add(&m, METRIC_INFERENCE_LATENCY, 1.5);
        metrics_add(&m, METRIC_ANALYSES, 2);
        CHECK(flushed(&line, "id-7") == 1);
        CHECK(strncmp(written, "{\"_aws\":{\"Timestamp\":", 21) == 0);
        CHECKF(strcmp(strchr(written, ',') + 1, expected) == 0, "%s", written);
    }
    if (harness_case("what is no finite number is left out")) {
        begin("dev");
        metrics_add(&m, METRIC_INFERENCE_LATENCY, NAN);
        metrics_add(&m, METRIC_ERRORS, INFINITY);
        CHECK(flushed(&line, NULL) == 0);
    }
    if (harness_case("an environment that needs escapes")) {
        begin("a\"b\n\x01");
        metrics_add(&m, METRIC_ERRORS, 1);
        CHECK(flushed(&line, NULL) == 1);
        CHECK(json_get(line, "Environment", &value) && json_string_is(value, "a\"b\n\x01"));
    }
    if (harness_case("more times than a line may have: a line more, none lost")) {
        begin("dev");
        for (int i = 0; i < 250; i++)
            metrics_add(&m, METRIC_INFERENCE_LATENCY, 1e6 + i);
        CHECK(flushed(&line, NULL) == 3);
        check_directive(line, 1);
        CHECK(strstr(written, "1.00025e+06") || strstr(written, "1000249") ||
              strstr(written, "1e+06"));
    }
    if (harness_case("every metric at its most fits its line")) {
        char environment[256];

        memset(environment, 1, 255);
        environment[255] = '\0';
        begin(environment);
        for (int which = 0; which < METRIC_COUNT; which++)
            for (int i = 0; i < METRICS_MAX_VALUES; i++)
                metrics_add(&m, (metric)which, -1.23456e-100);
        CHECK(flushed(&line, "r") == 1);
        check_directive(line, METRIC_COUNT);
    }
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void test_monitor(void)
{
    static float all[3 * MONITOR_WINDOW];
    static monitor window;
    json_value line;
    size_t n = 0;

    if (!harness_case("the window's median and shares, through its edge and beyond"))
        return;
    monitor_init(&window);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        float sorted[MONITOR_WINDOW];

        all[n++] =
            /* Only 16 different values are drawn, so that some are equal. */
            (float)(harness_random() % 16) / 16;
        monitor_add(&window, (sentiment)(i % 3 == 0 ? SENTIMENT_POSITIVE : SENTIMENT_NEUTRAL),
                    all[i]);
        begin("dev");
        monitor_add_metrics(&window, &m);
        if (n < MONITOR_LEAST) {
            CHECK(flushed(&line, NULL) == 0);
            continue;
        }
        CHECK(flushed(&line, NULL) == 1);
        {
            size_t size = n < MONITOR_WINDOW ? n : MONITOR_WINDOW, positive = 0;

            memcpy(sorted, all + n - size, size * sizeof *sorted);
            qsort(sorted, size, sizeof *sorted, ascending);
            for (size_t k = n - size; k < n; k++)
                positive += k % 3 == 0;
            CHECK(fabs(value_of(line, "ConfidenceP50") - (double)sorted[(size - 1) / 2]) < 1e-6);
            CHECK(fabs(value_of(line, "PositiveSharePercent") -
                       100.0 * (double)positive / (double)size) < 1e-3);
        }
    }
}

int main(int argc, char **argv)
{
    harness_init("test_metrics", argc, argv);
    sink = (log_sink){harness_memory_file(), LOG_INFO};
    test_lines();
    test_monitor();
    return harness_finish();
}
