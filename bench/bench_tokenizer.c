/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speed of tokenizing, in megabytes (10^6 bytes) a second, on one thread that is pinned to a CPU.
 * Each text is tokenized in one call. Without files on the command line the texts are English, and
 * 1 MB of each of some texts that would make a careless tokenizer slow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/machine.h"
#include "bench/stats.h"
#include "runtime/distil.h"
#include "tests/support/harness.h"

static const char usage[] =
    "usage: bench_tokenizer [-m BLOB] [--split] [--json] [FILE...]\n"
    "Prints the speed of tokenizing: MB of text a second, median and best, and ns a token.\n"
    "  -m BLOB   the model (build/sst2.distil)\n"
    "  --split   treat special tokens as plain text (DISTIL_SPLIT_SPECIAL_TOKENS)\n"
    "  --json    print one JSON object a line\n"
    "  FILE      tokenize this file instead of the built-in texts\n";

enum { SAMPLES = 25, HOSTILE_BYTES = 1000000 };
/* Shortest time of one sample. Short texts are tokenized several times for it. */
static const double sample_ns = 2e7;

/* The English text: sentences of the SST-2 development set, or the licence where they are
 * missing. */
static const char *const english[] = {"tests/data/sst2/dev.tsv", "LICENSE"};

static const struct hostile {
    const char *name;
    const char *unit;
} hostile[] = {
    {"one letter", "a"},
    {"words of 100 letters, all pieces short",
     "qxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqx"
     "zjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzj "},
    {"combining acute", "\xcc\x81"},
    {"marks of all classes that are kept, descending",
     "\xf0\x9d\x85\xad\xf0\x9e\x80\x80\xe3\x80\xae\xf0\x9d\x85\xa5\xe1\xad\x84\xf0\x91\xb1\x82"},
    {"Hangul syllable", "\xed\x95\x9c"},
    {"Chinese character", "\xe4\xbd\xa0"},
    {"Arabic ligature", "\xef\xb7\xba"},
    {"e with acute", "\xc3\xa9"},
    {"[", "["},
    {"[CLS", "[CLS"},
    {"[MASK]", "[MASK]"},
    {"invalid bytes", "\xff"},
};

typedef struct options {
    const char *blob;
    uint32_t flags;
    int json;
} options;

static int measure(const options *o, const distil_model *model, const char *name, const char *text,
                   size_t size)
{
    double samples[SAMPLES], once, start;
    size_t repeats, count;
    bench_stats stats;

    start = bench_thread_ns();
    if (distil_tokenize(model, NULL, 0, &count, text, size, o->flags) != DISTIL_OK)
        return -1;
    once = bench_thread_ns() - start;
    repeats = once > 0 && once < sample_ns ? (size_t)(sample_ns / once) + 1 : 1;
    for (int s = 0; s < SAMPLES; s++) {
        start = bench_thread_ns();
        for (size_t i = 0; i < repeats; i++)
            if (distil_tokenize(model, NULL, 0, &count, text, size, o->flags) != DISTIL_OK)
                return -1;
        samples[s] = (bench_thread_ns() - start) / (double)repeats;
    }
    stats = bench_summarize(samples, SAMPLES);
    printf(o->json ? "{\"text\":\"%s\",\"bytes\":%zu,\"tokens\":%zu,\"mb_per_s\":%.1f,"
                     "\"best_mb_per_s\":%.1f,\"ns_per_token\":%.1f}\n"
                   : "%-46s %8zu bytes %8zu tokens  %7.1f MB/s  best %7.1f  %7.1f ns/token\n",
           name, size, count, 1e3 * (double)size / stats.median, 1e3 * (double)size / stats.min,
           stats.median / (double)count);
    return 0;
}

static int measure_file(const options *o, const distil_model *model, const char *path)
{
    size_t size;
    char *text = harness_read_file(path, &size);
    int result;

    if (!text) {
        perror(path);
        return -1;
    }
    result = measure(o, model, path, text, size);
    free(text);
    return result;
}

static int measure_english(const options *o, const distil_model *model)
{
    for (size_t i = 0; i < sizeof english / sizeof english[0]; i++) {
        FILE *file = fopen(english[i], "rb");

        if (!file)
            continue;
        fclose(file);
        return measure_file(o, model, english[i]);
    }
    fprintf(stderr, "%s: not found; run from the repository's root or name a FILE\n", english[0]);
    return -1;
}

static int measure_hostile(const options *o, const distil_model *model)
{
    char *text = malloc(HOSTILE_BYTES);
    int result = text ? 0 : -1;

    for (size_t k = 0; result == 0 && k < sizeof hostile / sizeof hostile[0]; k++) {
        size_t unit = strlen(hostile[k].unit);

        for (size_t i = 0; i < HOSTILE_BYTES; i++)
            text[i] = hostile[k].unit[i % unit];
        result = measure(o, model, hostile[k].name, text, HOSTILE_BYTES);
    }
    free(text);
    return result;
}

int main(int argc, char **argv)
{
    options o = {"build/sst2.distil", 0, 0};
    distil_model *model;
    distil_error error;
    int i, result = 0;

    for (i = 1; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "-m") == 0 && i + 1 < argc) {
            o.blob = argv[++i];
        } else if (strcmp(argv[i], "--split") == 0) {
            o.flags = DISTIL_SPLIT_SPECIAL_TOKENS;
        } else if (strcmp(argv[i], "--json") == 0) {
            o.json = 1;
        } else {
            int help = strcmp(argv[i], "--help") == 0;

            fputs(usage, help ? stdout : stderr);
            return help ? 0 : 2;
        }
    }
    if (distil_model_open(&model, o.blob, NULL, &error) != DISTIL_OK) {
        fprintf(stderr, "%s: %s\n", o.blob, error.message);
        return 1;
    }
    bench_pin(-1);
    if (i == argc)
        result = measure_english(&o, model) == 0 ? measure_hostile(&o, model) : -1;
    for (; i < argc && result == 0; i++)
        result = measure_file(&o, model, argv[i]);
    distil_model_close(model);
    return result == 0 ? 0 : 1;
}
