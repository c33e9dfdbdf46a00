/* SPDX-License-Identifier: Apache-2.0 */
/* The list of kinds, and what all kinds share; measure.h describes them. */
#include "bench/harness/measure.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/harness/probe.h"

/* Rounds of starts end at an interval of 2 % to both sides. It is twice that of passes, because a
 * start varies more. */
#define START_HALF_WIDTH 0.02

const measure_kind measure_kinds[] = {
    {"latency", "LEVEL/TOKENS", "x arithmetic",
     "time to classify TOKENS ids on one thread, divided by the time of the int8 products alone at "
     "the rate of the level's instructions on registers",
     1, measure_latency},
    {"stream", "LEVEL/TOKENS", "x reading",
     "time to classify TOKENS ids on one thread, divided by the time of reading the layers' "
     "weights "
     "once",
     1, measure_stream},
    {"first_label", "", "x empty process",
     "`distil classify TEXT` from fork to exit, divided by the time of a static program that does "
     "nothing",
     1, measure_first_label},
    {"next_request", "", "x empty process",
     "bootstrap from fork to the first byte of its first request, divided by the time of a static "
     "program that does nothing",
     1, measure_next_request},
    {"image_start", "VERIFY", "x empty process",
     "the container image from the start of its sandbox to its answer to one event, divided by the "
     "time of a static program that does nothing; VERIFY is none, where it does not verify its "
     "model, or default; needs root and bench/unpack_image.sh",
     1, measure_image_start},
    {"resident", "", "bytes",
     "peak memory of a process that has classified one text, with the pages of the blob that it "
     "used",
     1, measure_resident},
    {"blob_touched", "", "bytes",
     "the part of the mapped blob that is in memory when a process has classified one text", 1,
     measure_blob_touched},
    {"size", "FILE", "bytes",
     "size of a file in the build directory; of a program only the loadable part, without "
     "debugging "
     "data",
     1, measure_size},
    {"instructions", "LEVEL/TOKENS", "instructions",
     "instructions to classify a text of TOKENS tokens, by the CPU's counter or by callgrind", 1,
     measure_instructions},
    {"p95_ms", "TOKENS", "ms",
     "95th percentile of the time to classify TOKENS ids at the best level", 0, measure_p95},
    {"cold_start_ms", "", "ms", "`distil classify TEXT` from fork to exit, median", 0,
     measure_cold_start},
    {"ms", "LEVEL/TOKENS", "ms", "median of the time to classify TOKENS ids", 0, measure_ms},
    {NULL, NULL, NULL, NULL, 0, NULL}};

/* Returns 1 if parameters such as "avx2/8" have the same number of parts as the form
 * "LEVEL/TOKENS". A FILE must not lie outside of the build directory. */
static int parts_match(const char *parameters, const char *form)
{
    size_t given = parameters[0] != '\0', wanted = form[0] != '\0';

    if (strcmp(form, "FILE") == 0)
        return given && parameters[0] != '/' && !strstr(parameters, "..");
    for (const char *p = parameters; *p; p++)
        given += *p == '/';
    for (const char *p = form; *p; p++)
        wanted += *p == '/';
    return given == wanted;
}

const measure_kind *measure_find(const char *name, const char **parameters)
{
    const char *slash = strchr(name, '/');
    size_t size = slash ? (size_t)(slash - name) : strlen(name);

    *parameters = slash ? slash + 1 : "";
    for (const measure_kind *k = measure_kinds; k->name; k++)
        if (strlen(k->name) == size && memcmp(k->name, name, size) == 0)
            return parts_match(*parameters, k->parameters) ? k : NULL;
    return NULL;
}

void measure_run(measured *m, verdict *v, const budget *b, const measure_subject *subject)
{
    const char *parameters;
    const measure_kind *kind = measure_find(b->name, &parameters);
    stats_interval ratio;

    memset(m, 0, sizeof *m);
    m->quiet = 1;
#ifdef __GLIBC__
    /* Memory that earlier figures have freed goes back to the system, because fork takes longer in
     * a larger process. musl gives memory back by itself. */
    (void)malloc_trim(0);
#endif
    kind->run(m, subject, parameters);
    ratio = stats_scaled(m->value, 1 / b->max);
    *v = m->status == MEASURE_DONE     ? verdict_of_budget(ratio, m->quiet)
         : m->status == MEASURE_FAILED ? VERDICT_FAIL
                                       : VERDICT_INCONCLUSIVE;
}

/* Runs `started` beside the empty process and stores all but the value. Returns 0 with the rounds
 * in r, or -1 with the reason in m. */
static int run_beside_empty(measured *m, rounds_result *r, const measure_subject *s,
                            rounds_side started, const char *program)
{
    probe_process empty = {s->empty};
    probe_arithmetic probe;
    rounds_plan plan = {.a = started,
                        .b = probe_process_side(&empty),
                        .seconds = s->seconds,
                        .half_width = START_HALF_WIDTH,
                        .confidence = MEASURE_CONFIDENCE};

    if (!s->empty) {
        measure_absent(m, "no empty program to compare with; `make bench-tools` builds it");
        return -1;
    }
    probe_arithmetic_init(&probe, DISTIL_LEVEL_AVX2);
    plan.probe = probe_arithmetic_side(&probe);
    if (rounds_run(r, &plan) != 0) {
        measure_failed(m, "%.80s did not run, or gave no answer", program);
        return -1;
    }
    measure_store_rounds(m, r, 1);
    return 0;
}

void measure_beside_empty(measured *m, const measure_subject *s, rounds_side started,
                          const char *program)
{
    rounds_result r;

    (void)run_beside_empty(m, &r, s, started, program);
}

void measure_start_ms(measured *m, const measure_subject *s, rounds_side started,
                      const char *program)
{
    rounds_result r;

    if (run_beside_empty(m, &r, s, started, program) == 0)
        m->value = stats_scaled(
            stats_bootstrap(r.a_ns, r.rounds, 0.5, MEASURE_CONFIDENCE, MEASURE_SEED), 1e-6);
}

void measure_store_rounds(measured *m, rounds_result *r, double references)
{
    m->status = MEASURE_DONE;
    m->value = stats_scaled(r->ratio_interval, 1 / references);
    m->ms = stats_quantile(r->a_ns, r->rounds, 0.5) * 1e-6;
    m->reference_ms = stats_quantile(r->b_ns, r->rounds, 0.5) * references * 1e-6;
    m->rounds = r->rounds;
    m->quiet = r->quiet;
}

void measure_exact(measured *m, double value)
{
    m->status = MEASURE_DONE;
    m->value = (stats_interval){value, value, value};
}

void measure_other_cpu(measured *m, const char *level)
{
    snprintf(m->why, sizeof m->why, "this CPU has no %s", level);
    m->status = MEASURE_OTHER_CPU;
}

static void store_reason(measured *m, measure_status status, const char *format, va_list arguments)
{
    vsnprintf(m->why, sizeof m->why, format, arguments);
    m->status = status;
}

void measure_absent(measured *m, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    store_reason(m, MEASURE_ABSENT, format, arguments);
    va_end(arguments);
}

void measure_failed(measured *m, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    store_reason(m, MEASURE_FAILED, format, arguments);
    va_end(arguments);
}
