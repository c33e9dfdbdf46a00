/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The float model of `distil eval --original` against the logits that transformers computed: for
 * the shipped checkpoint, those of tests/golden/sst2_dev.tsv; for the folders of tests/data/heads,
 * those of their pipelines without a function. What a conversion cost is measured with it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/harness.h"
#include "tests/support/support_blob.h"
#include "tools/convert/convert.h"
#include "tools/convert/held_out.h"
#include "tools/convert/original.h"

/* Sums of floats in another order differ by a few units in the last place in each layer. */
#define TOLERANCE 1e-4

enum { MOST_PATH = 512 };

/* Add each line of a file after the first `skip`, up to its first tab, to the original. Returns the
 * number of lines. */
static size_t add_lines(conv_original *original, const char *path, size_t skip, size_t most)
{
    conv_error error = {""};
    size_t bytes, count = 0;
    char *file = harness_read_file(path, &bytes);
    const char *at = file;

    while (file && at < file + bytes && count < most) {
        const char *end = memchr(at, '\n', (size_t)(file + bytes - at));
        const char *tab;

        end = end ? end : file + bytes;
        tab = memchr(at, '\t', (size_t)(end - at));
        if (skip > 0) {
            skip--;
        } else {
            CHECKF(conv_original_add(original, at, (size_t)((tab ? tab : end) - at), &error) == 0,
                   "%s", error.message);
            count++;
        }
        at = end + 1;
    }
    free(file);
    CHECKF(conv_original_finish(original, &error) == 0, "%s", error.message);
    CHECK(conv_original_texts(original) == count);
    return count;
}

/* Compare with the rows of the file of reference logits: row, label, tokens, two logits. */
static void compare_with_rows(const conv_original *original, size_t count)
{
    FILE *file = fopen(harness_path("tests/golden/sst2_dev.tsv"), "r");
    double worst = 0;
    char header[256];

    CHECK(file && fgets(header, sizeof header, file));
    for (size_t i = 0; file && i < count; i++) {
        const float *logits = conv_original_logits(original) + 2 * i;
        size_t row, label, tokens;
        double want[2];

        CHECK(fscanf(file, "%zu %zu %zu %lf %lf", &row, &label, &tokens, &want[0], &want[1]) == 5);
        CHECKF(conv_original_tokens(original)[i] == tokens, "row %zu: %zu tokens, not %zu", i,
               conv_original_tokens(original)[i], tokens);
        for (size_t k = 0; k < 2; k++)
            worst = fmax(worst, fabs((double)logits[k] - want[k]));
    }
    CHECKF(worst < TOLERANCE, "an error of %g", worst);
    if (file)
        fclose(file);
}

static void test_shipped(void)
{
    size_t most = getenv("DISTIL_TEST_FULL") ? 872 : 100;
    float *first = NULL;

    for (size_t threads = 1; threads <= 3; threads += 2) {
        conv_error error = {""};
        conv_original *original;
        size_t count;

        if (!harness_case("the shipped checkpoint on %zu threads has the reference's logits",
                          threads))
            continue;
        original = conv_original_open(harness_path("model/sst2"), threads, &error);
        CHECKF(original != NULL, "%s", error.message);
        if (!original)
            continue;
        CHECK(conv_original_labels(original, NULL) == 2);
        count = add_lines(original, harness_path("tests/data/sst2/dev.tsv"), 1, most);
        CHECK(count == most);
        compare_with_rows(original, count);
        if (!first) {
            first = malloc(2 * count * sizeof *first);
            if (first)
                memcpy(first, conv_original_logits(original), 2 * count * sizeof *first);
        } else {
            CHECK(memcmp(first, conv_original_logits(original), 2 * count * sizeof *first) == 0);
        }
        conv_original_close(original);
    }
    free(first);
}

/* Returns the score that an answer of a pipeline, a line of JSON, has for a label, or NAN. */
static double score_of(const char *line, const char *label)
{
    char pattern[128];
    const char *at;

    (void)snprintf(pattern, sizeof pattern, "{\"label\": \"%s\", \"score\": ", label);
    at = strstr(line, pattern);
    return at ? strtod(at + strlen(pattern), NULL) : (double)NAN;
}

static void test_head(const char *name)
{
    char path[MOST_PATH], line[16384];
    conv_error error = {""};
    conv_original *original;
    const char *const *labels;
    double worst = 0, largest = 1;
    size_t n, count, row = 0;
    FILE *file;

    if (!harness_case("tests/data/heads/%s has the pipeline's logits", name))
        return;
    (void)snprintf(path, sizeof path, "tests/data/heads/%s", name);
    original = conv_original_open(harness_path(path), 1, &error);
    CHECKF(original != NULL, "%s", error.message);
    if (!original)
        return;
    n = conv_original_labels(original, &labels);
    count = add_lines(original, harness_path("tests/data/heads/texts.txt"), 0, SIZE_MAX);
    (void)snprintf(path, sizeof path, "tests/data/heads/%s/answers.jsonl", name);
    file = fopen(harness_path(path), "r");
    while (file && fgets(line, sizeof line, file)) {
        if (!strstr(line, "\"function\": \"none\""))
            continue;
        for (size_t k = 0; k < n && row < count; k++) {
            double want = score_of(line, labels[k]);

            CHECKF(!isnan(want), "no score of %s in %s", labels[k], line);
            largest = fmax(largest, fabs(want));
            worst = fmax(worst, fabs((double)conv_original_logits(original)[row * n + k] - want));
        }
        row++;
    }
    if (file)
        fclose(file);
    CHECKF(row == count && count > 0, "%zu answers, %zu texts", row, count);
    CHECKF(worst < TOLERANCE * largest, "an error of %g, the largest logit is %g", worst, largest);
    conv_original_close(original);
}

/* Convert a folder with calibration, and compare the blob on the texts that are held out. */
static void test_held_out(void)
{
    static const char *const heads[] = {"plain3", "regression1"};

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char folder[MOST_PATH], texts[MOST_PATH], blob[MOST_PATH], name[64];
        conv_error error = {""};
        conv_summary summary;
        conv_options options = {.directory = folder, .output = blob, .calibrate = texts};
        conv_cost cost;
        size_t all;

        if (!harness_case("%s: one text of ten is held out and compared", heads[i]))
            continue;
        (void)snprintf(name, sizeof name, "tests/data/heads/%s", heads[i]);
        (void)snprintf(folder, sizeof folder, "%s", harness_path(name));
        (void)snprintf(texts, sizeof texts, "%s", harness_path("tests/data/sst2/calibration.txt"));
        (void)snprintf(blob, sizeof blob, "%s/held_out.distil", support_directory());
        CHECKF(conv_convert(&options, &summary, &error) == 0, "%s", error.message);
        CHECKF(conv_cost_measure(&cost, folder, blob, texts, 1, &error) == 0, "%s", error.message);
        all = summary.texts + cost.texts;
        CHECKF(all == 500 && cost.texts == 50, "%zu texts and %zu held out", summary.texts,
               cost.texts);
        CHECKF(cost.agreeing > 40 && cost.agreeing <= 50, "%zu agree", cost.agreeing);
        CHECKF(cost.error_max > 0 && cost.error_sum < 50 * cost.error_max, "mean %g, max %g",
               cost.error_sum / 50, cost.error_max);
        CHECKF(cost.error_max < 1, "max %g", cost.error_max);
        CHECK(conv_cost_measure(&cost, folder, texts, texts, 1, &error) == -1);
    }
}

static void test_refusals(void)
{
    conv_error error = {""};

    if (!harness_case("a folder without a model is refused"))
        return;
    CHECK(conv_original_open(harness_path("tests/convert"), 1, &error) == NULL);
    CHECKF(strstr(error.message, "config.json") != NULL, "%s", error.message);
}

int main(int argc, char **argv)
{
    static const char *const heads[] = {"multi2",  "multi5",      "one",        "plain3",
                                        "single2", "regression1", "regression3"};

    harness_init("test_original", argc, argv);
    test_shipped();
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        test_head(heads[i]);
    test_held_out();
    test_refusals();
    return harness_finish();
}
