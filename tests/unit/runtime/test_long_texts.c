/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests pairs of texts and windows of long texts through runtime/distil.h: their logits have the
 * bits of the same token ids classified one by one, at every level, with every number of threads
 * and in batches of any size; and wrong combinations are refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_model.h"

enum { LABELS = 2, TEXTS = 12, MOST_IDS = 4096, WINDOW = 96, STRIDE = 30 };

typedef float logits_row[LABELS];

static support_sentences sentences;
static char *long_bytes[TEXTS];
static distil_text texts[TEXTS]; /* of some to about 400 tokens */

/* What each way to combine gives for the texts, by single windows at the best level. */
enum { HOWS = DISTIL_COMBINE_FIRST + 1 };
static logits_row expected_logits[HOWS][TEXTS];
static size_t expected_windows[TEXTS];

static distil_context *new_context(const distil_model *model, const distil_context_options *options)
{
    distil_context *context;

    if (distil_context_new(&context, model, options, NULL) != DISTIL_OK) {
        fprintf(stderr, "test_long_texts: cannot make a context\n");
        exit(1);
    }
    return context;
}

static void make_texts(void)
{
    size_t next = 0;

    for (size_t i = 0; i < TEXTS; i++) {
        size_t count = i * i / 8 + 1, size = 0;

        for (size_t k = 0; k < count; k++)
            size += sentences.texts[next + k].size + 1;
        long_bytes[i] = malloc(size);
        if (!long_bytes[i])
            abort();
        texts[i] = (distil_text){.bytes = long_bytes[i]};
        for (size_t k = 0; k < count; k++, next++) {
            memcpy(long_bytes[i] + texts[i].size, sentences.texts[next].bytes,
                   sentences.texts[next].size);
            texts[i].size += sentences.texts[next].size;
            long_bytes[i][texts[i].size++] = ' ';
        }
    }
}

static void classify_ids(distil_context *context, float *logits, const int32_t *ids, size_t count)
{
    distil_scores scores = {logits, NULL};
    distil_result result;

    CHECK(distil_classify_ids(context, &result, &scores, ids, count) == DISTIL_OK);
    CHECK(result.windows == 1);
}

/* The logits of a text by hand: each window by itself, then combined. Returns the number of
 * windows. */
static size_t expect_windows(distil_context *context, const distil_model *model, float *combined,
                             const distil_text *text, distil_combine how)
{
    static int32_t ids[MOST_IDS];
    size_t count, windows = 0, most = WINDOW - 2;

    CHECK(distil_tokenize(model, ids, MOST_IDS, &count, text->bytes, text->size, 0) == DISTIL_OK);
    for (size_t begin = 0; count >= 2; begin += most - STRIDE) {
        int32_t window[WINDOW];
        size_t left = count - 2 - begin, n = left < most ? left : most;
        float logits[LABELS];

        window[0] = ids[0];
        memcpy(window + 1, ids + 1 + begin, n * sizeof window[0]);
        window[n + 1] = ids[count - 1];
        classify_ids(context, logits, window, n + 2);
        for (size_t i = 0; i < LABELS; i++)
            if (windows == 0)
                combined[i] = logits[i];
            else if (how == DISTIL_COMBINE_MEAN)
                combined[i] += logits[i];
            else if (how == DISTIL_COMBINE_MAX && logits[i] > combined[i])
                combined[i] = logits[i];
        windows++;
        if (n == left)
            break;
    }
    for (size_t i = 0; i < LABELS && how == DISTIL_COMBINE_MEAN; i++)
        combined[i] /= (float)windows;
    return windows;
}

/* Compares all texts with the expected logits, in batches of this size. */
static void check_batches(distil_context *context, const distil_text *given, size_t count,
                          size_t batch, logits_row *expected, const size_t *windows)
{
    distil_result results[TEXTS];
    distil_scores scores[TEXTS];
    logits_row logits[TEXTS];

    for (size_t i = 0; i < count; i++)
        scores[i] = (distil_scores){logits[i], NULL};
    for (size_t i = 0; i < count; i += batch)
        CHECK(distil_classify_batch(context, results + i, scores + i, given + i,
                                    count - i < batch ? count - i : batch, 0) == DISTIL_OK);
    for (size_t i = 0; i < count; i++) {
        CHECKF(memcmp(logits[i], expected[i], sizeof logits[i]) == 0,
               "text %zu in batches of %zu: %a %a, expected %a %a", i, batch, (double)logits[i][0],
               (double)logits[i][1], (double)expected[i][0], (double)expected[i][1]);
        CHECK(results[i].label == (size_t)(logits[i][1] > logits[i][0]));
        CHECK(!windows || (results[i].windows == windows[i] && !results[i].truncated));
    }
}

static void expect_all(const distil_model *model)
{
    distil_context *context = new_context(model, NULL);

    for (int how = 0; how < HOWS; how++)
        for (size_t i = 0; i < TEXTS; i++)
            expected_windows[i] = expect_windows(context, model, expected_logits[how][i], &texts[i],
                                                 (distil_combine)how);
    CHECK(expected_windows[0] == 1 && expected_windows[TEXTS - 1] > 3);
    distil_context_free(context);
}

/* Each way to combine, with batches and passes of different sizes. */
static void test_windows(const distil_model *model, size_t threads, size_t count)
{
    static const size_t batches[HOWS] = {1, 5, TEXTS}, tokens[HOWS] = {0, 700, 1000};

    for (int how = 0; how < HOWS; how++) {
        distil_context_options options = {.max_batch_tokens = tokens[how],
                                          .threads = threads,
                                          .window = WINDOW,
                                          .stride = STRIDE,
                                          .combine = (distil_combine)how};
        distil_context *context = new_context(model, &options);

        check_batches(context, texts, count, batches[how], expected_logits[how], expected_windows);
        distil_context_free(context);
    }
}

/* An executor that sets a flag after some steps, and leaves the tasks to the calling thread. */
typedef struct canceller {
    int flag;
    size_t steps;
} canceller;

static void cancel_later(void *user, void (*task)(void *job, size_t index), void *job, size_t count)
{
    canceller *c = user;

    (void)task, (void)job, (void)count;
    if (c->steps > 0 && --c->steps == 0)
        __atomic_store_n(&c->flag, 1, __ATOMIC_RELAXED);
}

/* Cancels a batch after so many steps, also between two windows of one text. The texts before the
 * one that the error names have their results, and the others have none. Returns 1 if the batch was
 * cancelled, 0 if it ended before. */
static int check_cancelled(const distil_model *model, size_t steps)
{
    canceller c = {0, steps};
    distil_executor executor = {cancel_later, &c};
    distil_context_options options = {.max_batch_tokens = 512,
                                      .threads = 2,
                                      .executor = &executor,
                                      .cancel = &c.flag,
                                      .window = WINDOW,
                                      .stride = STRIDE};
    distil_context *context = new_context(model, &options);
    distil_result results[TEXTS] = {0};
    logits_row logits[TEXTS] = {0};
    distil_scores scores[TEXTS];
    size_t first = TEXTS;
    distil_status status;

    for (size_t i = 0; i < TEXTS; i++)
        scores[i] = (distil_scores){logits[i], NULL};
    status = distil_classify_batch(context, results, scores, texts, TEXTS, 0);
    if (status == DISTIL_CANCELLED)
        first = distil_context_error(context)->text;
    CHECK(status == DISTIL_OK || (status == DISTIL_CANCELLED && c.flag && first < TEXTS));
    for (size_t i = 0; i < TEXTS; i++) {
        CHECKF((results[i].token_count > 0) == (i < first), "text %zu, cancelled before %zu", i,
               first);
        CHECK(i >= first ||
              memcmp(logits[i], expected_logits[DISTIL_COMBINE_MEAN][i], sizeof logits[i]) == 0);
    }
    distil_context_free(context);
    return status == DISTIL_CANCELLED;
}

static void test_cancelled(const distil_model *model)
{
    size_t cancelled = 0;

    for (size_t steps = 1; check_cancelled(model, steps); steps += 5)
        cancelled++;
    CHECKF(cancelled >= 5, "cancelled %zu times", cancelled);
}

/* The ids of a pair that is not truncated. */
static size_t pair_ids(const distil_model *model, int32_t *ids, const distil_text *pair)
{
    size_t first, second;

    CHECK(distil_tokenize(model, ids, MOST_IDS, &first, pair->bytes, pair->size, 0) == DISTIL_OK);
    CHECK(distil_tokenize(model, ids + first - 1, MOST_IDS - first, &second, pair->pair,
                          pair->pair_size, 0) == DISTIL_OK);
    ids[first - 1] = ids[first + second - 2]; /* the [CLS] of the second text becomes a [SEP] */
    return first + second - 1;
}

static void test_pairs(const distil_model *model, size_t threads)
{
    static int32_t ids[MOST_IDS];
    distil_context_options options = {.max_batch_tokens = 700, .threads = threads};
    distil_context *plain = new_context(model, NULL), *context = new_context(model, &options);
    distil_text pairs[TEXTS];
    logits_row expected[TEXTS];

    for (size_t i = 0; i < TEXTS; i++) {
        const distil_text *other = &sentences.texts[2 * i + 1];

        pairs[i] = sentences.texts[2 * i];
        pairs[i].pair = i % 4 == 1 ? "" : other->bytes;
        pairs[i].pair_size = i % 4 == 1 ? 0 : other->size;
        if (i % 4 == 3)
            pairs[i].pair = NULL, pairs[i].pair_size = 0;
        if (pairs[i].pair) {
            classify_ids(plain, expected[i], ids, pair_ids(model, ids, &pairs[i]));
        } else {
            size_t n;

            CHECK(distil_tokenize(model, ids, MOST_IDS, &n, pairs[i].bytes, pairs[i].size, 0) ==
                  DISTIL_OK);
            classify_ids(plain, expected[i], ids, n);
        }
    }
    for (size_t batch = 1; batch <= TEXTS; batch += 5)
        check_batches(context, pairs, TEXTS, batch, expected, NULL);
    distil_context_free(context);
    distil_context_free(plain);
}

/* A pair of which only the short text may be truncated fails, and keeps the results before it. */
static void test_no_room(const distil_model *model)
{
    static char dots[600];
    distil_text pair[3] = {sentences.texts[0], {dots, sizeof dots, "short", 5}, sentences.texts[1]};
    distil_context *context = new_context(model, NULL);
    distil_result results[3], untouched;

    memset(results, 0x5a, sizeof results);
    memcpy(&untouched, results, sizeof untouched);
    memset(dots, '.', sizeof dots); /* a token each */
    CHECK(distil_classify_batch(context, results, NULL, pair, 3, DISTIL_TRUNCATE_SECOND) ==
          DISTIL_TOO_MANY_TOKENS);
    CHECK(results[0].token_count > 2 && results[0].truncated == 0);
    CHECK(memcmp(&results[1], &untouched, sizeof untouched) == 0);
    CHECK(memcmp(&results[2], &untouched, sizeof untouched) == 0);
    CHECK(distil_classify_batch(context, results, NULL, pair, 3, DISTIL_TRUNCATE_FIRST) ==
          DISTIL_OK);
    CHECK(results[1].token_count == 512 && results[1].truncated == 1);
    CHECK(results[2].truncated == 0);
    CHECK(distil_classify_batch(context, results, NULL, pair, 3,
                                DISTIL_TRUNCATE_FIRST | DISTIL_TRUNCATE_SECOND) ==
          DISTIL_BAD_ARGUMENT);
    distil_context_free(context);
}

static void test_refused(const distil_model *model)
{
    static const distil_context_options wrong[] = {
        {.window = 2},
        {.window = 513},
        {.window = 16, .stride = 14},
        {.stride = 1},
        {.window = 16, .combine = (distil_combine)3},
    };
    distil_context_options options = {.window = 16, .stride = 13};
    distil_text pair = {"a", 1, "b", 1}, bad = {.bytes = "a", .size = 1, .pair_size = 1};
    distil_context *context;
    distil_result result;
    int32_t ids[4];
    size_t count;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECKF(distil_context_new(&context, model, &wrong[i], NULL) == DISTIL_BAD_ARGUMENT,
               "options %zu", i);
    context = new_context(model, &options);
    CHECK(distil_classify_batch(context, &result, NULL, &pair, 1, 0) == DISTIL_BAD_ARGUMENT);
    CHECK(distil_classify(context, &result, NULL, "a", 1, 0) == DISTIL_OK && result.windows == 1);
    distil_context_free(context);
    context = new_context(model, NULL);
    CHECK(distil_classify_batch(context, &result, NULL, &bad, 1, 0) == DISTIL_BAD_ARGUMENT);
    CHECK(distil_tokenize(model, ids, 4, &count, "a", 1, DISTIL_TRUNCATE_FIRST) ==
          DISTIL_BAD_ARGUMENT);
    distil_context_free(context);
}

static void test_offsets_refused(const distil_model *model)
{
    distil_offsets offsets[4];
    int32_t ids[4];
    size_t count = 77, bytes;

    CHECK(distil_tokenize_offsets(NULL, ids, offsets, 4, &count, "a", 1, 0) == DISTIL_BAD_ARGUMENT);
    CHECK(distil_tokenize_offsets(model, ids, NULL, 4, &count, "a", 1, 0) == DISTIL_BAD_ARGUMENT);
    CHECK(distil_tokenize_offsets(model, NULL, offsets, 4, &count, "a", 1, 0) ==
          DISTIL_BAD_ARGUMENT);
    CHECK(distil_tokenize_offsets(model, ids, offsets, 4, &count, NULL, 1, 0) ==
          DISTIL_BAD_ARGUMENT);
    CHECK(distil_tokenize_offsets(model, ids, offsets, 4, &count, "a", 1, 4) ==
          DISTIL_BAD_ARGUMENT);
    CHECK(count == 77);
    CHECK(distil_tokenize_offsets(model, NULL, NULL, 0, &count, "a b", 3, 0) == DISTIL_OK);
    CHECK(count == 4);
    CHECK(distil_tokenize_offsets(model, ids, offsets, 2, &count, "a b", 3, 0) == DISTIL_OK);
    CHECK(count == 4 && offsets[1].begin == 0 && offsets[1].end == 1);
    CHECK(memcmp(distil_token_text(model, ids[1], &bytes), "a", 1) == 0 && bytes == 1);
    CHECK(distil_token_text(model, -1, &bytes) == NULL);
    CHECK(distil_token_text(model, 1 << 20, &bytes) == NULL);
}

static void test_level(distil_isa isa)
{
    distil_model *model = support_model_open(isa);
    int slow = SANITIZED || isa == DISTIL_ISA_SCALAR;
    distil_model_info info;

    CHECK(distil_model_get_info(model, &info) == DISTIL_OK);
    if (info.isa == isa) {
        for (size_t threads = 1; threads <= (slow ? 1 : 3); threads += 2) {
            if (harness_case("pairs %s threads %zu", distil_isa_name(isa), threads))
                test_pairs(model, threads);
            if (harness_case("windows %s threads %zu", distil_isa_name(isa), threads))
                test_windows(model, threads, slow ? TEXTS / 2 : TEXTS);
        }
    } else if (harness_case("pairs and windows %s", distil_isa_name(isa))) {
        harness_skip("this CPU lacks the level");
    }
    CHECK(distil_model_close(model) == DISTIL_OK);
}

int main(int argc, char **argv)
{
    distil_model *model;

    harness_init("test_long_texts", argc, argv);
    sentences = support_sentences_read();
    make_texts();
    model = support_model_open(DISTIL_ISA_BEST);
    expect_all(model);
    for (int isa = DISTIL_ISA_SCALAR; isa <= DISTIL_ISA_AVX512VNNI; isa++)
        test_level((distil_isa)isa);
    if (harness_case("windows cancelled between passes"))
        test_cancelled(model);
    if (harness_case("a text that leaves no room"))
        test_no_room(model);
    if (harness_case("wrong windows and pairs"))
        test_refused(model);
    if (harness_case("wrong calls for offsets"))
        test_offsets_refused(model);
    CHECK(distil_model_close(model) == DISTIL_OK);
    for (size_t i = 0; i < TEXTS; i++)
        free(long_bytes[i]);
    support_sentences_free(&sentences);
    return harness_finish();
}
