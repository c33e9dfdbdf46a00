/* SPDX-License-Identifier: Apache-2.0 */
/* The commands `distil bench compare`, `cold` and `load`: they measure, print and write a file. */
#include <stdlib.h>
#include <string.h>

#include "bench/harness/cold.h"
#include "bench/harness/command.h"

/* The texts of `load` unless --texts names others. The path is from the root of the source tree. */
#define TEXTS "tests/data/sst2/dev.tsv"

int command_compare(const options *o)
{
    static compare_result outcome;
    output out;

    if (output_open(&out, o->output) != 0)
        return USAGE;
    if (compare_run(&outcome, &o->compare) != 0)
        return output_drop(&out), USAGE;
    if (o->json)
        compare_write_json(stdout, &outcome);
    else
        compare_print(stdout, &outcome);
    if (out.file)
        compare_write_json(out.file, &outcome);
    if (output_finish(&out) != 0)
        return USAGE;
    return outcome.verdict == VERDICT_FAIL           ? REFUSED
           : outcome.verdict == VERDICT_INCONCLUSIVE ? INCONCLUSIVE
                                                     : PASSED;
}

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

/* Measures warm starts and then starts after eviction. Where the blob cannot be evicted, cold_run
 * has printed the reason, and the warm starts are the whole result. */
static int measure_cold(const cold_plan *plan, const char *path)
{
    static cold_result warm, evicted;
    int have_evicted;
    output out;

    if (output_open(&out, path) != 0)
        return USAGE;
    if (cold_run(&warm, plan, 0) != 0)
        return output_drop(&out), complain(plan->model, "a start failed");
    puts("page cache warm");
    cold_print(stdout, &warm);
    have_evicted = cold_run(&evicted, plan, 1) == 0;
    if (have_evicted) {
        puts("blob evicted from the page cache before each start");
        cold_print(stdout, &evicted);
    }
    if (out.file)
        write_cold(out.file, &warm, have_evicted ? &evicted : NULL);
    return output_finish(&out);
}

static int measure_cold_image(const options *o, const char *directory)
{
    static image unpacked; /* The buffer for messages is too large for the stack. */
    char *bootstrap = find_file(directory, "bootstrap"), why[200];
    cold_plan plan = {.model = unpacked.model, .image = &unpacked, .runs = o->runs};
    int status;

    if (image_open(&unpacked, directory, bootstrap, o->limit_ms, why, sizeof why) == 0) {
        status = measure_cold(&plan, o->output);
        image_close(&unpacked);
    } else
        status = complain(why, NULL);
    free(bootstrap);
    return status;
}

int command_cold(const options *o)
{
    char directory[PATH_BYTES], *model;
    int status;

    own_directory(directory);
    if (o->image)
        return measure_cold_image(o, directory);
    model = o->model ? strdup(o->model) : find_file(directory, "sst2.distil");
    if (model) {
        cold_plan plan = {.model = model, .runs = o->runs};

        status = measure_cold(&plan, o->output);
    } else
        status = complain("no sst2.distil there; run make", directory);
    free(model);
    return status;
}

static int measure_load(const options *o, load_plan *plan)
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

/* Returns the path of the source tree's texts, which the caller frees. The tree is looked for above
 * the build directory, and otherwise in the current directory. */
static char *default_texts(const char *directory)
{
    char above[PATH_BYTES + 8];
    char *found;

    snprintf(above, sizeof above, "%s/..", directory);
    found = find_file(above, TEXTS);
    return found ? found : strdup(TEXTS);
}

int command_load(const options *o)
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
                 ? measure_load(o, &plan)
                 : complain("no distil, bootstrap or sst2.distil there; run make", directory);
    free(program);
    free(bootstrap);
    free(model);
    free(texts);
    return status;
}
