/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distil-bench, which `distil bench` starts: budgets and comparisons that hold on noisy machines.
 * docs/benchmarking.md describes how it judges.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/machine.h"
#include "bench/harness/child.h"
#include "bench/harness/cold.h"
#include "bench/harness/command.h"
#include "bench/harness/measure.h"

static const char usage[] =
    "usage: distil bench run [options]\n"
    "       distil bench compare [options] OLD NEW\n"
    "       distil bench cold [options]\n"
    "       distil bench load [options]\n"
    "       distil bench --list\n"
    "Budgets and comparisons that hold on noisy machines. Everything runs on one CPU.\n"
    "\n"
    "run: measure what the budgets file names and compare it with its limits\n"
    "  --budgets FILE   the budgets file (bench/budgets.json)\n"
    "  --only PREFIX    measure only budgets whose name begins so; may be given several times\n"
    "  -m, --model FILE the blob to measure (the shipped model)\n"
    "  --build DIR      the directory with distil and the files of size/FILE (that of "
    "distil-bench)\n"
    "  --seconds S      longest time for each figure (6)\n"
    "  --complete       count a budget that cannot be measured here as over, unless it is for a\n"
    "                   level that this CPU lacks\n"
    "  -o FILE          write the results as JSON; bench/report.py turns them into other forms\n"
    "  --revision TEXT  note this revision in the results\n"
    "\n"
    "compare: time two builds of the command in turn\n"
    "  --tokens LIST    lengths of the texts (8,32,128)\n"
    "  --no-start       leave out starts\n"
    "  -m FILE          the blob of both builds\n"
    "  --old-model FILE the blob of the old build\n"
    "  --new-model FILE the blob of the new build\n"
    "  --seconds S      longest time for each line (6)\n"
    "  --json           print one JSON object instead of the table\n"
    "  -o FILE          write that object into a file, beside the table\n"
    "\n"
    "cold: time cold starts phase by phase, with the model in the page cache and evicted from it\n"
    "  -m, --model FILE the blob, on a disk from which pages can be evicted\n"
    "  --image          start the container image instead, which bench/unpack_image.sh unpacks\n"
    "  --runs N         fresh processes of each kind (20)\n"
    "  -o FILE          write the phases as JSON\n"
    "\n"
    "load: send events at random times to the real bootstrap behind distil serve\n"
    "  --rate N         events a second (100)\n"
    "  --seconds S      length of the load (6)\n"
    "  --texts FILE     one text a line, every fifth joined to 512 characters (the source tree's\n"
    "                   tests/data/sst2/dev.tsv)\n"
    "  --seed N         seed of the times and the texts (1)\n"
    "  -o FILE          write the histogram as JSON\n"
    "\n"
    "for all commands:\n"
    "  --cpu N          run on this CPU (the last one allowed)\n"
    "  --timeout S      longest time for one answer or one start (30); what takes longer is "
    "killed\n"
    "  --list           print what can be measured\n"
    "\n"
    "exit status: 0 within all budgets, or not slower; 1 over a budget, or slower; 2 wrong usage, "
    "a\n"
    "wrong budgets file, or a program that failed; 3 the machine was too busy to tell\n"
    "\n"
    "example: distil bench run --only latency/ -o results.json\n"
    "         distil bench compare --tokens 32,128 /tmp/before/distil ./distil\n";

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

static int list_kinds(void)
{
    for (const measure_kind *k = measure_kinds; k->name; k++)
        printf("%s%s%s\n    %s\n    unit: %s%s\n", k->name, *k->parameters ? "/" : "",
               k->parameters, k->help, k->unit,
               k->portable ? "" : " (absolute: for a named machine only)");
    return PASSED;
}

/* Returns where the value of a text option is stored, or NULL where the option is no text
 * option. */
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

/* Parses the option at argv[i]. Returns the index of the next argument, or -1 after a message. */
static int parse_option(options *o, int argc, char **argv, int i)
{
    const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL, **text;
    char *end = NULL;

    if (strcmp(name, "--json") == 0)
        return o->json = 1, i + 1;
    if (strcmp(name, "--image") == 0)
        return o->image = 1, i + 1;
    if (strcmp(name, "--complete") == 0)
        return o->complete = 1, i + 1;
    if (strcmp(name, "--no-start") == 0)
        return o->compare.start = 0, i + 1;
    if (!value)
        return complain_of_usage("unknown option, or its value is missing", name), -1;
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
        return complain_of_usage("unknown option", name), -1;
    fprintf(stderr, "distil bench: %s: '%s' is no value for it\n", name, value);
    return -1;
}

static int complete_compare_plan(options *o)
{
    if (!o->compare.new_program)
        return complain_of_usage("compare takes two programs, OLD and NEW", NULL);
    if (!o->compare.old_model)
        o->compare.old_model = o->model;
    if (!o->compare.new_model)
        o->compare.new_model = o->model;
    o->compare.seconds = o->seconds;
    o->compare.limit_ms = o->limit_ms;
    return 0;
}

/* Parses options and, for `compare`, the two programs, in any order. Returns 0, or -1 after a
 * message. */
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
            return complain_of_usage("unexpected argument", argv[i]), -1;
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
        return complain_of_usage("unknown command or option", command);
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
        return complete_compare_plan(&o) != 0 ? USAGE : command_compare(&o);
    return strcmp(command, "cold") == 0   ? command_cold(&o)
           : strcmp(command, "load") == 0 ? command_load(&o)
                                          : command_run(&o);
}
