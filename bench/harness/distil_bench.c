/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distil-bench, which `distil bench` runs: budgets and comparisons that hold on noisy machines.
 * docs/benchmarking.md says how it judges.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/harness/child.h"
#include "bench/harness/cold.h"
#include "bench/harness/compare.h"
#include "bench/harness/load.h"
#include "bench/harness/result.h"
#include "bench/sandbox.h"
#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "runtime/distil.h"

/* Exit statuses: scripts rely on them. */
enum { PASSED = 0, REFUSED = 1, USAGE = 2, INCONCLUSIVE = 3 };

enum { MAX_BUDGET_FILE = 1 << 20, PATH_BYTES = 4096 };

#define TEXTS "tests/data/sst2/dev.tsv" /* in the source tree */

static const char usage[] =
    "usage: distil bench run [options]\n"
    "       distil bench compare [options] OLD NEW\n"
    "       distil bench cold [options]\n"
    "       distil bench load [options]\n"
    "       distil bench --list\n"
    "Budgets and comparisons that hold on noisy machines. Everything runs on one CPU.\n"
    "\n"
    "run: measure what the budgets file names and hold it against its limits\n"
    "  --budgets FILE   default bench/budgets.json\n"
    "  --only PREFIX    budgets whose name begins so; may be given again\n"
    "  -m, --model FILE default: the shipped model\n"
    "  --build DIR      where distil-bench, distil and size/FILE are; default: its own directory\n"
    "  --seconds S      most for each figure (6)\n"
    "  --complete       a budget that cannot be measured here is over, but for other CPUs' levels\n"
    "  -o FILE          results as JSON; bench/report.py turns them into other forms\n"
    "  --revision TEXT  noted in the results\n"
    "\n"
    "compare: two builds of the command, interleaved\n"
    "  --tokens LIST    lengths of texts (8,32,128)\n"
    "  --no-start       leave out starting\n"
    "  -m FILE          model of both\n"
    "  --old-model FILE of one of them\n"
    "  --new-model FILE\n"
    "  --seconds S      most for each line (6)\n"
    "  --json           one JSON object instead of the table\n"
    "  -o FILE          that object into a file, beside the table\n"
    "\n"
    "cold: cold starts on a timeline, the model in the page cache and evicted from it\n"
    "  -m, --model FILE on a disk that can be evicted from\n"
    "  --runs N         fresh processes of each kind (20)\n"
    "  -o FILE          phases as JSON\n"
    "\n"
    "load: events at random times at the real bootstrap behind distil serve\n"
    "  --rate N         events a second (100)\n"
    "  --seconds S      so long (6)\n"
    "  --texts FILE     one a line; every fifth is joined to 512 characters; default: the source\n"
    "                   tree's tests/data/sst2/dev.tsv\n"
    "  --seed N         of times and texts (1)\n"
    "  -o FILE          histogram as JSON\n"
    "\n"
    "  --cpu N          run on this CPU; default: the last one allowed\n"
    "  --timeout S      most for one answer or one start (30): what takes longer hangs, is killed\n"
    "  --list           what can be measured\n"
    "\n"
    "exit status: 0 within all budgets, or not slower; 1 over one, or slower; 2 wrong usage or a\n"
    "wrong budgets file; 3 the machine was too busy to tell\n"
    "\n"
    "example: distil bench run --only latency/ -o results.json\n"
    "         distil bench compare --tokens 32,128 /tmp/before/distil ./distil\n";

typedef struct options {
    const char *budgets, *model, *build, *output, *revision;
    const char *only[16];
    size_t only_count;
    double seconds;
    int cpu, json, complete, limit_ms;
    size_t runs;
    load_plan load;
    compare_plan compare;
} options;

static int complain(const char *what, const char *value)
{
    fprintf(stderr, "distil bench: %s%s%s\n", what, value ? ": " : "", value ? value : "");
    return USAGE;
}

/* The same where the command line is wrong. */
static int misused(const char *what, const char *value)
{
    complain(what, value);
    fputs("        `distil bench --help` lists what there is\n", stderr);
    return USAGE;
}

/* ---- the file of -o ------------------------------------------------------------------------- */

/* Written beside and renamed: a reader sees the whole file or none. */
typedef struct output {
    const char *path; /* NULL: none is wanted */
    char aside[PATH_BYTES];
    FILE *file;
} output;

/* Before anything is measured: minutes of measuring shall not end at a wrong path. 0 or USAGE. */
static int output_open(output *out, const char *path)
{
    *out = (output){.path = path};
    if (!path)
        return 0;
    if ((size_t)snprintf(out->aside, sizeof out->aside, "%s.tmp", path) >= sizeof out->aside)
        return complain("-o: the path is too long", path);
    out->file = fopen(out->aside, "w");
    return out->file ? 0 : complain(path, strerror(errno));
}

/* Nothing was measured: leave no trace. */
static void output_drop(output *out)
{
    if (out->file) {
        fclose(out->file);
        unlink(out->aside);
    }
}

/* Flush, sync, rename. 0 or USAGE. */
static int output_finish(output *out)
{
    int failed;

    if (!out->file)
        return 0;
    failed = fflush(out->file) != 0 || fsync(fileno(out->file)) != 0;
    if ((fclose(out->file) != 0) | failed || rename(out->aside, out->path) != 0) {
        complain(out->path, strerror(errno));
        unlink(out->aside);
        return USAGE;
    }
    return 0;
}

/* ---- run ------------------------------------------------------------------------------------ */

/* The directory of this program. */
static void own_directory(char out[PATH_BYTES])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_BYTES - 1);

    out[n > 0 ? n : 0] = '\0';
    if (strrchr(out, '/'))
        *strrchr(out, '/') = '\0';
}

/* DIRECTORY/NAME, or NULL where there is no such file. To be freed. */
static char *find_file(const char *directory, const char *name)
{
    char path[PATH_BYTES + 64];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, R_OK) == 0 ? strdup(path) : NULL;
}

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

/* The service's objectives hold whatever a budgets file says. */
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
            list->items[i].max = objectives[o].max; /* a file may be stricter, not laxer */
    }
}

static int wanted(const options *o, const char *name)
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

/* Each budget without a figure by name: a gate that leaves something out says what. */
static void name_absent(const result *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (results[i].measured.status == MEASURE_ABSENT)
            printf("not measured: %s: %s\n", results[i].budget->name, results[i].measured.why);
}

static int sum_up(const result *results, size_t count)
{
    size_t seen[4] = {0}, absent = 0, others = 0;

    for (size_t i = 0; i < count; i++)
        if (results[i].measured.status == MEASURE_ABSENT)
            absent++;
        else if (results[i].measured.status == MEASURE_OTHER_CPU)
            others++;
        else
            seen[results[i].verdict]++;
    name_absent(results, count);
    printf("%zu within budget, %zu over, %zu inconclusive, %zu not measured here, %zu for other "
           "CPUs\n",
           seen[VERDICT_PASS], seen[VERDICT_FAIL], seen[VERDICT_INCONCLUSIVE], absent, others);
    if (seen[VERDICT_INCONCLUSIVE])
        puts("inconclusive: too few rounds were quiet, or the interval spans the limit; run it "
             "again when the machine is idle");
    if (seen[VERDICT_FAIL])
        return REFUSED;
    /* a gate that has measured nothing has not passed */
    return seen[VERDICT_INCONCLUSIVE] || seen[VERDICT_PASS] == 0 ? INCONCLUSIVE : PASSED;
}

/* Measure what is wanted of the list, and print each as it comes; how many. */
static size_t measure_wanted(result results[BUDGET_MAX], const options *o, const budget_list *list,
                             const measure_subject *subject)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        result *r = &results[count];

        if (!wanted(o, list->items[i].name))
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

/* A neighbour that fills caches or memory slows this program and not the probe's work on registers:
 * a time that is over is measured again after all others, and must be over then too. */
static void confirm(result *results, size_t count, const measure_subject *subject)
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

/* What the model is, or a message. */
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
    host.level = distil_level_name(distil_cpuid_best(&cpu, DISTIL_LEVEL_AVX512VNNI));
    if (load_budgets(&list, o, host.cpu) != 0 || describe_model(&host, subject->model) != 0)
        return USAGE;
    result_print_head(stdout, &host);
    count = measure_wanted(results, o, &list, subject);
    confirm(results, count, subject);
    if (count == 0)
        return complain("no budget has a name that begins with what --only says", NULL);
    if (out)
        result_write_json(out, &host, results, count, (bench_now_ns() - start) * 1e-9);
    return sum_up(results, count);
}

static int run(const options *o)
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
        pages_settle(model);
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

/* ---- compare -------------------------------------------------------------------------------- */

static int compare(const options *o)
{
    static compare_result outcome;
    output out;

    if (output_open(&out, o->output) != 0)
        return USAGE;
    if (compare_run(&outcome, &o->compare) != 0)
        return output_drop(&out), USAGE;
    if (o->json)
        compare_print_json(stdout, &outcome);
    else
        compare_print(stdout, &outcome);
    if (out.file)
        compare_print_json(out.file, &outcome);
    if (output_finish(&out) != 0)
        return USAGE;
    return outcome.verdict == VERDICT_FAIL           ? REFUSED
           : outcome.verdict == VERDICT_INCONCLUSIVE ? INCONCLUSIVE
                                                     : PASSED;
}

static int parse_lengths(compare_plan *plan, const char *list)
{
    for (plan->lengths = 0; *list; plan->lengths++) {
        char *end;
        unsigned long n = strtoul(list, &end, 10);

        if (end == list || n < 3 || n > 512 || (*end && *end != ',') ||
            plan->lengths == COMPARE_MAX_LENGTHS)
            return -1;
        plan->tokens[plan->lengths] = n;
        list = *end ? end + 1 : end;
    }
    return plan->lengths > 0 ? 0 : -1;
}

/* ---- cold ----------------------------------------------------------------------------------- */

static void write_cold(FILE *out, const cold_result *warm, const cold_result *evicted)
{
    fputs("{\"version\":1,\"starts\":[\n", out);
    cold_write_json(out, warm, "warm");
    if (evicted) {
        fputs(",\n", out);
        cold_write_json(out, evicted, "evicted");
    }
    fputs("\n]}\n", out);
}

static int cold(const options *o, const char *model)
{
    static cold_result warm, evicted;
    int have_evicted;
    output out;

    if (output_open(&out, o->output) != 0)
        return USAGE;
    if (cold_run(&warm, model, o->runs, 0) != 0)
        return output_drop(&out), complain(model, "a start failed");
    puts("page cache warm");
    cold_print(stdout, &warm);
    have_evicted = cold_run(&evicted, model, o->runs, 1) == 0;
    if (have_evicted) {
        puts("blob evicted from the page cache before each start");
        cold_print(stdout, &evicted);
    }
    if (out.file)
        write_cold(out.file, &warm, have_evicted ? &evicted : NULL);
    return output_finish(&out);
}

static int cold_command(const options *o)
{
    char directory[PATH_BYTES], *model;
    int status;

    own_directory(directory);
    model = o->model ? strdup(o->model) : find_file(directory, "sst2.distil");
    status = model ? cold(o, model) : complain("no sst2.distil there; run make", directory);
    free(model);
    return status;
}

/* ---- load ----------------------------------------------------------------------------------- */

static int load_with(const options *o, load_plan *plan)
{
    static load_result outcome;
    output out;

    if (output_open(&out, o->output) != 0)
        return USAGE;
    if (load_run(&outcome, plan) != 0)
        return output_drop(&out), USAGE;
    load_print(stdout, &outcome);
    if (out.file)
        load_write_json(out.file, &outcome);
    if (output_finish(&out) != 0)
        return USAGE;
    return outcome.failed > 0 ? REFUSED : PASSED;
}

/* The source tree's texts: above the build directory, else where we stand. To be freed. */
static char *default_texts(const char *directory)
{
    char above[PATH_BYTES + 8];
    char *found;

    snprintf(above, sizeof above, "%s/..", directory);
    found = find_file(above, TEXTS);
    return found ? found : strdup(TEXTS);
}

static int load_command(const options *o)
{
    char directory[PATH_BYTES], *program, *bootstrap, *model, *texts;
    load_plan plan = o->load;
    int status;

    own_directory(directory);
    plan.program = program = find_file(directory, "distil");
    plan.bootstrap = bootstrap = find_file(directory, "bootstrap");
    plan.model = model = o->model ? strdup(o->model) : find_file(directory, "sst2.distil");
    plan.texts = texts = o->load.texts ? strdup(o->load.texts) : default_texts(directory);
    plan.seconds = o->seconds;
    status = program && bootstrap && model && texts
                 ? load_with(o, &plan)
                 : complain("no distil, bootstrap or sst2.distil there; run make", directory);
    free(program);
    free(bootstrap);
    free(model);
    free(texts);
    return status;
}

/* ---- command line --------------------------------------------------------------------------- */

static int list_kinds(void)
{
    for (const measure_kind *k = measure_kinds; k->name; k++)
        printf("%s%s%s\n    %s\n    unit: %s%s\n", k->name, *k->parameters ? "/" : "",
               k->parameters, k->help, k->unit,
               k->portable ? "" : " (absolute: for a named machine only)");
    return PASSED;
}

/* Where the value of an option goes, if it has one. */
static const char **text_option(options *o, const char *name)
{
    static const struct {
        const char *name;
        size_t offset;
    } known[] = {{"--budgets", offsetof(options, budgets)},
                 {"-m", offsetof(options, model)},
                 {"--model", offsetof(options, model)},
                 {"--build", offsetof(options, build)},
                 {"-o", offsetof(options, output)},
                 {"--revision", offsetof(options, revision)},
                 {"--old-model", offsetof(options, compare.old_model)},
                 {"--texts", offsetof(options, load.texts)},
                 {"--new-model", offsetof(options, compare.new_model)}};

    if (strcmp(name, "--only") == 0 && o->only_count < sizeof o->only / sizeof o->only[0])
        return &o->only[o->only_count++];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0)
            return (const char **)(void *)((char *)o + known[i].offset);
    return NULL;
}

/* One option at argv[i]; the index of the next argument, or -1, reported. */
static int parse_option(options *o, int argc, char **argv, int i)
{
    const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL, **text;
    char *end = NULL;

    if (strcmp(name, "--json") == 0)
        return o->json = 1, i + 1;
    if (strcmp(name, "--complete") == 0)
        return o->complete = 1, i + 1;
    if (strcmp(name, "--no-start") == 0)
        return o->compare.start = 0, i + 1;
    if (!value)
        return misused("unknown option, or its value is missing", name), -1;
    text = text_option(o, name);
    if (text)
        return *text = value, i + 2;
    if (strcmp(name, "--seconds") == 0) {
        o->seconds = strtod(value, &end);
        if (*value && !*end && o->seconds > 0 && o->seconds <= 3600)
            return i + 2;
    } else if (strcmp(name, "--timeout") == 0) {
        double seconds = strtod(value, &end);

        if (*value && !*end && seconds >= 0.001 && seconds <= 3600)
            return o->limit_ms = (int)(seconds * 1000), i + 2;
    } else if (strcmp(name, "--cpu") == 0) {
        o->cpu = (int)strtol(value, &end, 10);
        if (*value && !*end && o->cpu >= 0)
            return i + 2;
    } else if (strcmp(name, "--runs") == 0) {
        o->runs = strtoul(value, &end, 10);
        if (*value && !*end && o->runs >= 1 && o->runs <= COLD_MAX_RUNS)
            return i + 2;
    } else if (strcmp(name, "--rate") == 0) {
        o->load.rate = strtod(value, &end);
        if (*value && !*end && o->load.rate > 0 && o->load.rate <= 20000)
            return i + 2;
    } else if (strcmp(name, "--seed") == 0) {
        o->load.seed = strtoul(value, &end, 10);
        if (*value && !*end)
            return i + 2;
    } else if (strcmp(name, "--tokens") == 0) {
        if (parse_lengths(&o->compare, value) == 0)
            return i + 2;
    } else
        return misused("unknown option", name), -1;
    fprintf(stderr, "distil bench: %s: '%s' is no value for it\n", name, value);
    return -1;
}

static int compare_arguments(options *o)
{
    if (!o->compare.new_program)
        return misused("compare takes two programs, OLD and NEW", NULL);
    if (!o->compare.old_model)
        o->compare.old_model = o->model;
    if (!o->compare.new_model)
        o->compare.new_model = o->model;
    o->compare.seconds = o->seconds;
    o->compare.limit_ms = o->limit_ms;
    return 0;
}

/* Options and, of compare, the two programs, in any order: 0, or -1, reported. */
static int parse_arguments(options *o, int argc, char **argv, int programs)
{
    int i = 2;

    while (i > 0 && i < argc) {
        if (argv[i][0] == '-')
            i = parse_option(o, argc, argv, i);
        else if (programs && !o->compare.old_program)
            o->compare.old_program = argv[i++];
        else if (programs && !o->compare.new_program)
            o->compare.new_program = argv[i++];
        else
            return misused("unexpected argument", argv[i]), -1;
    }
    return i < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    options o = {.budgets = "bench/budgets.json",
                 .revision = "",
                 .seconds = 6,
                 .cpu = -1,
                 .runs = 20,
                 .limit_ms = CHILD_LIMIT_MS,
                 .load = {.rate = 100, .seed = 1},
                 .compare = {.tokens = {8, 32, 128}, .lengths = 3, .start = 1}};
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "--list") == 0)
        return list_kinds();
    if (strcmp(command, "--cold-child") == 0 && argc == 3)
        return cold_child(argv[2]);
    if (strcmp(command, "run") != 0 && strcmp(command, "compare") != 0 &&
        strcmp(command, "cold") != 0 && strcmp(command, "load") != 0) {
        int help = strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0;

        if (help || !*command)
            return fputs(usage, help ? stdout : stderr), help ? PASSED : USAGE;
        return misused("unknown command or option", command);
    }
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0)
            return fputs(usage, stdout), PASSED;
    if (parse_arguments(&o, argc, argv, strcmp(command, "compare") == 0) != 0)
        return USAGE;
    signal(SIGPIPE, SIG_IGN);
    if (bench_pin(o.cpu) < 0)
        return complain("the CPU of --cpu is not one this process may use", NULL);
    if (strcmp(command, "compare") == 0)
        return compare_arguments(&o) != 0 ? USAGE : compare(&o);
    return strcmp(command, "cold") == 0   ? cold_command(&o)
           : strcmp(command, "load") == 0 ? load_command(&o)
                                          : run(&o);
}
