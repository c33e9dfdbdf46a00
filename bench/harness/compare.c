/* SPDX-License-Identifier: Apache-2.0 */
/* The comparison of two builds; compare.h describes it. */
#include "bench/harness/compare.h"

#include <string.h>

#include "bench/harness/child.h"
#include "bench/harness/inject.h"
#include "bench/harness/pages.h"
#include "bench/harness/probe.h"
#include "bench/harness/texts.h"

#define CONFIDENCE 0.99
#define HALF_WIDTH 0.01
#define BLOCK_NS 8e6

/* One of the two builds: a running worker, the command for starts, and the line to classify. */
typedef struct contestant {
    child_worker worker;
    char *start_argv[8];
    char line[TEXTS_MAX_BYTES];
    size_t line_bytes;
    double slowdown;
    int limit_ms;
} contestant;

static double ask(void *argument)
{
    contestant *c = argument;
    double ns = child_ask(&c->worker, c->line, c->line_bytes, c->limit_ms);

    return ns < 0 ? ns : inject_slowdown(ns, c->slowdown);
}

static double start_process(void *argument)
{
    contestant *c = argument;
    double wall_ns;

    if (child_run(&wall_ns, c->start_argv, NULL, c->limit_ms) != 0)
        return -1;
    return inject_slowdown(wall_ns, c->slowdown);
}

static int start_contestant(contestant *c, const char *program, const char *model, double slowdown,
                            int limit_ms)
{
    char *stream[] = {child_argument(program), "classify", "--stream", model ? "-m" : NULL,
                      child_argument(model),   NULL};
    char **argv = c->start_argv;

    *argv++ = stream[0];
    *argv++ = stream[1];
    if (model) {
        *argv++ = stream[3];
        *argv++ = stream[4];
    }
    *argv++ = "A gorgeous, witty, seductive movie.";
    *argv = NULL;
    c->slowdown = slowdown;
    c->limit_ms = limit_ms;
    if (child_start(&c->worker, stream, NULL, 0) == 0)
        return 0;
    fprintf(stderr, "distil bench: %s: cannot be started\n", program);
    return -1;
}

static int compare_calls(compare_line *line, rounds_call *call, contestant *old, contestant *new,
                         probe_arithmetic *probe, double seconds, double block_ns)
{
    rounds_result r;
    rounds_plan plan = {.a = {call, new},
                        .b = {call, old},
                        .probe = probe_arithmetic_side(probe),
                        .block_ns = block_ns,
                        .seconds = seconds,
                        .half_width = HALF_WIDTH,
                        .confidence = CONFIDENCE};

    if (rounds_run(&r, &plan) != 0) {
        fprintf(stderr, "distil bench: %s: not measured, for a program failed\n", line->what);
        return -1;
    }
    line->new_ns = stats_quantile(r.a_ns, r.rounds, 0.5);
    line->old_ns = stats_quantile(r.b_ns, r.rounds, 0.5);
    line->ratio = r.ratio_interval;
    line->rounds = r.rounds;
    line->quiet = r.quiet;
    line->verdict = verdict_of_pair(r.ratio_interval);
    return 0;
}

static verdict overall_verdict(const compare_result *r)
{
    int seen[4] = {0};

    for (size_t i = 0; i < r->count; i++)
        seen[r->lines[i].verdict] = 1;
    return seen[VERDICT_FAIL]           ? VERDICT_FAIL
           : seen[VERDICT_INCONCLUSIVE] ? VERDICT_INCONCLUSIVE
           : seen[VERDICT_FASTER]       ? VERDICT_FASTER
                                        : VERDICT_PASS;
}

static int measure_all(compare_result *result, const compare_plan *plan, contestant *old,
                       contestant *new)
{
    probe_arithmetic probe;

    probe_arithmetic_init(&probe, DISTIL_LEVEL_AVX2);
    for (size_t i = 0; i < plan->lengths; i++) {
        compare_line *line = &result->lines[result->count];

        snprintf(line->what, sizeof line->what, "%zu tokens", plan->tokens[i]);
        old->line_bytes = texts_line(old->line, plan->tokens[i]);
        new->line_bytes = texts_line(new->line, plan->tokens[i]);
        if (compare_calls(line, ask, old, new, &probe, plan->seconds, BLOCK_NS) != 0)
            return -1;
        result->count++;
    }
    if (plan->start) {
        compare_line *line = &result->lines[result->count];

        snprintf(line->what, sizeof line->what, "start");
        if (compare_calls(line, start_process, old, new, &probe, plan->seconds, 0) != 0)
            return -1;
        result->count++;
    }
    result->verdict = overall_verdict(result);
    return 0;
}

int compare_run(compare_result *result, const compare_plan *plan)
{
    contestant old, new;
    int status;

    memset(result, 0, sizeof *result);
    if (plan->old_model)
        pages_reload(plan->old_model);
    if (plan->new_model)
        pages_reload(plan->new_model);
    if (start_contestant(&old, plan->old_program, plan->old_model, 1, plan->limit_ms) != 0)
        return -1;
    if (start_contestant(&new, plan->new_program, plan->new_model, inject_factor(),
                         plan->limit_ms) != 0) {
        child_stop(&old.worker);
        return -1;
    }
    status = measure_all(result, plan, &old, &new);
    child_stop(&old.worker);
    child_stop(&new.worker);
    return status;
}

void compare_print(FILE *out, const compare_result *r)
{
    fprintf(out, "%-12s %10s %10s %8s  %-17s %6s %6s  %s\n", "", "old ms", "new ms", "new/old",
            "99 % interval", "rounds", "quiet", "verdict");
    for (size_t i = 0; i < r->count; i++) {
        const compare_line *l = &r->lines[i];

        fprintf(out, "%-12s %10.3f %10.3f %8.3f  [%6.3f, %6.3f]  %6zu %4.0f %%  %s\n", l->what,
                l->old_ns * 1e-6, l->new_ns * 1e-6, l->ratio.value, l->ratio.low, l->ratio.high,
                l->rounds, 100 * l->quiet, verdict_pair_name(l->verdict));
    }
    fprintf(out, "new is %s%s\n", r->verdict == VERDICT_PASS ? "the " : "",
            verdict_pair_name(r->verdict));
}

void compare_write_json(FILE *out, const compare_result *r)
{
    fprintf(out, "{\"verdict\":\"%s\",\"version\":1,\"lines\":[", verdict_pair_name(r->verdict));
    for (size_t i = 0; i < r->count; i++) {
        const compare_line *l = &r->lines[i];

        fprintf(out,
                "%s{\"what\":\"%s\",\"old_ms\":%.6f,\"new_ms\":%.6f,\"ratio\":%.6f,"
                "\"ratio_low\":%.6f,\"ratio_high\":%.6f,\"rounds\":%zu,\"quiet\":%.3f,"
                "\"verdict\":\"%s\"}",
                i ? "," : "", l->what, l->old_ns * 1e-6, l->new_ns * 1e-6, l->ratio.value,
                l->ratio.low, l->ratio.high, l->rounds, l->quiet, verdict_pair_name(l->verdict));
    }
    fputs("]}\n", out);
}
