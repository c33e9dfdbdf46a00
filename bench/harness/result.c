/* SPDX-License-Identifier: Apache-2.0 */
/* The table and the JSON of a run; result.h describes them. */
#include "bench/harness/result.h"

#include <string.h>
#include <time.h>

#include "runtime/base/json.h"

void result_print_head(FILE *out, const result_host *host)
{
    fprintf(out, "%s, best level %s\n%s, %zu layers of %zu/%zu\n", host->cpu, host->level,
            host->model, host->info.n_layers, host->info.dim, host->info.hidden_dim);
    if (host->pages_known)
        fprintf(out, "%.1f of its %.1f MB are in 2 MB pages\n", (double)host->pages.huge * 1e-6,
                (double)host->pages.touched * 1e-6);
    fprintf(out, "%-28s %12s %12s %9s  %-19s %6s  %s\n", "budget", "measured", "allowed",
            "headroom", "99 % interval", "quiet", "verdict");
}

/* Prints sizes and counts as whole numbers, and ratios and times with four digits. */
static void print_figure(FILE *out, double value)
{
    if (value >= 100000)
        fprintf(out, " %12.0f", value);
    else
        fprintf(out, " %12.4g", value);
}

void result_print(FILE *out, const result *r)
{
    const char *parameters;
    const measure_kind *kind = measure_find(r->budget->name, &parameters);
    const measured *m = &r->measured;
    char interval[48] = "";

    fprintf(out, "%-28s", r->budget->name);
    if (m->status != MEASURE_DONE) {
        fprintf(out, " %s: %s\n", m->status == MEASURE_FAILED ? "FAIL" : "skipped", m->why);
        return;
    }
    print_figure(out, m->value.value);
    print_figure(out, r->budget->max);
    if (m->value.low < m->value.high)
        snprintf(interval, sizeof interval, "[%.4g, %.4g]", m->value.low, m->value.high);
    fprintf(out, " %7.1f %%  %-19s %4.0f %%  %s (%s)", 100 * (1 - m->value.value / r->budget->max),
            interval, 100 * m->quiet, verdict_name(r->verdict), kind->unit);
    if (m->reference_ms > 0)
        fprintf(out, ": %.3g of %.3g ms", m->ms, m->reference_ms);
    fputc('\n', out);
}

static void write_string(FILE *out, const char *name, const char *text)
{
    char quoted[1300];
    size_t size = json_quote(quoted, sizeof quoted, text, strlen(text));

    fprintf(out, "\"%s\":%.*s", name, (int)size, quoted);
}

static void write_result(FILE *out, const result *r)
{
    static const char *const status[] = {"done", "absent", "other-cpu", "failed"};
    const char *parameters;
    const measure_kind *kind = measure_find(r->budget->name, &parameters);
    const measured *m = &r->measured;

    fputs("{", out);
    write_string(out, "name", r->budget->name);
    fputs(",", out);
    write_string(out, "unit", kind->unit);
    fputs(",", out);
    write_string(out, "why", r->budget->why);
    fprintf(out, ",\"max\":%.10g,\"status\":\"%s\"", r->budget->max, status[m->status]);
    if (m->status == MEASURE_DONE)
        fprintf(out,
                ",\"value\":%.10g,\"low\":%.10g,\"high\":%.10g,\"ms\":%.6g,\"reference_ms\":%.6g,"
                "\"rounds\":%zu,\"quiet\":%.3f,\"verdict\":\"%s\"}",
                m->value.value, m->value.low, m->value.high, m->ms, m->reference_ms, m->rounds,
                m->quiet, verdict_name(r->verdict));
    else {
        fputs(",", out);
        write_string(out, "reason", m->why);
        fputs("}", out);
    }
}

static void write_model(FILE *out, const result_host *host)
{
    const char *slash = strrchr(host->model, '/');

    fputs("\"model\":{", out);
    write_string(out, "file", slash ? slash + 1 : host->model);
    fprintf(out, ",\"layers\":%zu,\"dim\":%zu,\"hidden_dim\":%zu,\"labels\":%zu",
            host->info.n_layers, host->info.dim, host->info.hidden_dim, host->info.n_labels);
    if (host->pages_known)
        fprintf(out, ",\"touched_bytes\":%zu,\"huge_bytes\":%zu", host->pages.touched,
                host->pages.huge);
    fputs("}", out);
}

void result_write_json(FILE *out, const result_host *host, const result *results, size_t count,
                       double seconds)
{
    time_t now = time(NULL);
    struct tm utc;
    char date[32] = "";

    if (gmtime_r(&now, &utc))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    fputs("{\"version\":1,", out);
    write_string(out, "cpu", host->cpu);
    fputs(",", out);
    write_string(out, "level", host->level);
    fputs(",", out);
    write_string(out, "revision", host->revision);
    fputs(",", out);
    write_string(out, "distil", host->version);
    fputs(",", out);
    write_model(out, host);
    fprintf(out, ",\"date\":\"%s\",\"seconds\":%.1f,\"results\":[", date, seconds);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",\n" : "\n", out);
        write_result(out, &results[i]);
    }
    fputs("\n]}\n", out);
}
