/* SPDX-License-Identifier: Apache-2.0 */
/* The command `distil bench run`: it measures what the budgets file names and compares it with the
 * limits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/machine.h"
#include "bench/harness/command.h"
#include "bench/harness/pages.h"
#include "bench/harness/result.h"
#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "runtime/distil.h"

enum { MAX_BUDGET_FILE = 1 << 20 };

static char *read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(MAX_BUDGET_FILE);

    *bytes = file && text ? fread(text, 1, MAX_BUDGET_FILE, file) : 0;
    if (!file || !text || ferror(file) || !feof(file)) {
        fprintf(stderr,
                "distil bench: %s: %s; --budgets names a budgets file, and the source tree's is "
                "bench/budgets.json\n",
                path, file ? "cannot be read whole" : strerror(errno));
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

/* Adds the two objectives of the service, which hold whatever the budgets file says. */
static void add_objectives(budget_list *list)
{
    static const budget objectives[] = {
        {"p95_ms/512", "the service's objective for inference", 500},
        {"cold_start_ms", "the service's objective for a cold start", 5000}};

    for (size_t o = 0; o < sizeof objectives / sizeof objectives[0]; o++) {
        size_t i = 0;

        while (i < list->count && strcmp(list->items[i].name, objectives[o].name) != 0)
            i++;
        if (i == list->count && list->count < BUDGET_MAX)
            list->items[list->count++] = objectives[o];
        else if (i < list->count && list->items[i].max > objectives[o].max)
            /* The budgets file may be stricter than an objective, but not laxer. */
            list->items[i].max = objectives[o].max;
    }
}

static int is_wanted(const options *o, const char *name)
{
    for (size_t i = 0; i < o->only_count; i++)
        if (strncmp(name, o->only[i], strlen(o->only[i])) == 0)
            return 1;
    return o->only_count == 0;
}

static int load_budgets(budget_list *list, const options *o, const char *cpu)
{
    char why[512];
    size_t bytes;
    char *text = read_file(o->budgets, &bytes);
    int status = USAGE;

    if (!text)
        return USAGE;
    if (budget_parse(list, o->budgets, text, bytes, cpu, why, sizeof why) == 0) {
        add_objectives(list);
        status = 0;
    } else
        complain(why, NULL);
    free(text);
    return status;
}

/* Prints each budget that could not be measured, with the reason, so that a gate that leaves
 * something out says so. */
static void print_absent(const result *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (results[i].measured.status == MEASURE_ABSENT)
            printf("not measured: %s: %s\n", results[i].budget->name, results[i].measured.why);
}

static int print_summary(const result *results, size_t count)
{
    size_t seen[4] = {0}, absent = 0, others = 0;

    for (size_t i = 0; i < count; i++)
        if (results[i].measured.status == MEASURE_ABSENT)
            absent++;
        else if (results[i].measured.status == MEASURE_OTHER_CPU)
            others++;
        else
            seen[results[i].verdict]++;
    print_absent(results, count);
    printf("%zu within budget, %zu over, %zu inconclusive, %zu not measured here, %zu for other "
           "CPUs\n",
           seen[VERDICT_PASS], seen[VERDICT_FAIL], seen[VERDICT_INCONCLUSIVE], absent, others);
    if (seen[VERDICT_INCONCLUSIVE])
        puts("inconclusive: too few rounds were quiet, or the interval spans the limit; run it "
             "again when the machine is idle");
    if (seen[VERDICT_FAIL])
        return REFUSED;
    /* A gate that has measured nothing has not passed. */
    return seen[VERDICT_INCONCLUSIVE] || seen[VERDICT_PASS] == 0 ? INCONCLUSIVE : PASSED;
}

/* Measures the budgets that --only selects, and prints each result at once. Returns how many. */
static size_t measure_wanted(result results[BUDGET_MAX], const options *o, const budget_list *list,
                             const measure_subject *subject)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        result *r = &results[count];

        if (!is_wanted(o, list->items[i].name))
            continue;
        r->budget = &list->items[i];
        measure_run(&r->measured, &r->verdict, r->budget, subject);
        if (o->complete && r->measured.status == MEASURE_ABSENT) {
            r->measured.status = MEASURE_FAILED;
            r->verdict = VERDICT_FAIL;
        }
        result_print(stdout, r);
        fflush(stdout);
        count++;
    }
    return count;
}

/* Measures every time that is over its budget once more, after all others, and keeps the second
 * result. The reason is that a neighbour that fills caches or memory slows the program down, but
 * not the probe, which works on registers; so such rounds count as quiet. */
static void repeat_failures(result *results, size_t count, const measure_subject *subject)
{
    for (size_t i = 0; i < count; i++) {
        result *r = &results[i];

        if (r->verdict != VERDICT_FAIL || r->measured.status != MEASURE_DONE ||
            r->measured.rounds == 0)
            continue;
        printf("over, so measured again:\n");
        measure_run(&r->measured, &r->verdict, r->budget, subject);
        result_print(stdout, r);
        fflush(stdout);
    }
}

/* Stores the path, shape, labels and pages of the model. Returns 0, or USAGE with a message. */
static int describe_model(result_host *host, const char *path)
{
    distil_model *model = NULL;
    distil_error error = {.message = "no model"};
    int status = 0;

    host->model = path;
    if (distil_model_open(&model, path, NULL, &error) != DISTIL_OK ||
        distil_model_get_info(model, &host->info) != DISTIL_OK)
        status = complain(path, error.message);
    distil_model_close(model);
    host->pages_known = pages_sizes(path, &host->pages) == 0;
    return status;
}

static int run_subject(const options *o, const measure_subject *subject, FILE *out)
{
    static budget_list list;
    static result results[BUDGET_MAX];
    distil_cpuid cpu;
    result_host host = {.revision = o->revision, .version = distil_version()};
    double start = bench_now_ns();
    size_t count;

    distil_cpuid_read(&cpu);
    snprintf(host.cpu, sizeof host.cpu, "%s", cpu.brand);
    host.level = distil_level_name(distil_cpuid_best(&cpu, DISTIL_LEVEL_BEST));
    if (load_budgets(&list, o, host.cpu) != 0 || describe_model(&host, subject->model) != 0)
        return USAGE;
    result_print_head(stdout, &host);
    count = measure_wanted(results, o, &list, subject);
    repeat_failures(results, count, subject);
    if (count == 0)
        return complain("no budget has a name that begins with what --only says", NULL);
    if (out)
        result_write_json(out, &host, results, count, (bench_now_ns() - start) * 1e-9);
    return print_summary(results, count);
}

int command_run(const options *o)
{
    char directory[PATH_BYTES];
    measure_subject s = {.seconds = o->seconds, .limit_ms = o->limit_ms};
    char *program, *bootstrap, *empty, *model;
    output out;
    int status;

    own_directory(directory);
    s.directory = o->build ? o->build : directory;
    s.program = program = find_file(s.directory, "distil");
    s.bootstrap = bootstrap = find_file(s.directory, "bootstrap");
    s.empty = empty = find_file(s.directory, "bench/empty");
    s.model = model = o->model ? strdup(o->model) : find_file(s.directory, "sst2.distil");
    if (!program || !model)
        status = complain("no distil or no sst2.distil there; run make", s.directory);
    else if ((status = output_open(&out, o->output)) == 0) {
        pages_reload(model);
        status = run_subject(o, &s, out.file);
        if (status == USAGE)
            output_drop(&out);
        else if (output_finish(&out) != 0)
            status = USAGE;
    }
    free(program);
    free(bootstrap);
    free(empty);
    free(model);
    return status;
}
