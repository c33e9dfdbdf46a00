/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what can be measured: see measure.h. */
#include "bench/harness/measure.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const measure_kind measure_kinds[] = {
    {"latency", "LEVEL/TOKENS", "x arithmetic",
     "classifying TOKENS ids on one thread, in times of the int8 products alone at the rate of the "
     "level's instructions on registers",
     1, measure_latency},
    {"stream", "LEVEL/TOKENS", "x reading", "the same in times of reading the layers' weights once",
     1, measure_stream},
    {"first_label", "", "x empty process",
     "`distil classify TEXT` from fork to exit, in times of a static program that does nothing", 1,
     measure_first_label},
    {"next_request", "", "x empty process",
     "bootstrap from fork to the first byte of its first request, likewise", 1,
     measure_next_request},
    {"image_start", "", "x empty process",
     "the container image from the start of its sandbox to its answer to one event, likewise; "
     "needs "
     "root and bench/image.sh --unpack",
     1, measure_image_start},
    {"resident", "", "bytes",
     "peak memory of a process that has classified one text, with what it touched of the blob", 1,
     measure_resident},
    {"blob_touched", "", "bytes",
     "of the mapped blob, in memory of a process that has classified one text", 1,
     measure_blob_touched},
    {"size", "FILE", "bytes",
     "of a file in the build directory; of a program its loadable part, without debugging data", 1,
     measure_size},
    {"instructions", "LEVEL/TOKENS", "instructions",
     "of classifying a text of TOKENS tokens, by the CPU's counter or else by callgrind", 1,
     measure_instructions},
    {"p95_ms", "TOKENS", "ms", "95th percentile of classifying TOKENS ids, best level", 0,
     measure_p95},
    {"cold_start_ms", "", "ms", "process start to first label, median", 0, measure_cold_start},
    {"ms", "LEVEL/TOKENS", "ms", "classifying TOKENS ids, median", 0, measure_ms},
    {NULL, NULL, NULL, NULL, 0, NULL}};

/* "a/b" for "LEVEL/TOKENS": as many parts. */
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
    (void)malloc_trim(0); /* what the figures before left would make starting a process dearer */
    kind->run(m, subject, parameters);
    ratio =
        (stats_interval){m->value.low / b->max, m->value.value / b->max, m->value.high / b->max};
    *v = m->status == MEASURE_DONE     ? verdict_of_budget(ratio, m->quiet)
         : m->status == MEASURE_FAILED ? VERDICT_FAIL
                                       : VERDICT_INCONCLUSIVE;
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

void measure_absent(measured *m, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(m->why, sizeof m->why, format, arguments);
    va_end(arguments);
    m->status = MEASURE_ABSENT;
}

void measure_failed(measured *m, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(m->why, sizeof m->why, format, arguments);
    va_end(arguments);
    m->status = MEASURE_FAILED;
}
