/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests what runtime/distil.h says: which arguments are refused, that outputs are untouched on an
 * error, that texts, ids, files, descriptors and memory give the same results, and that classifying
 * makes no system call.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/levels.h"
#include "model/blob.h"
#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_blob.h"
#include "tests/support/support_model.h"

static const char gorgeous[] = "A gorgeous, witty, seductive movie.";

/* ---- names ---------------------------------------------------------------------------------- */

static void test_names(void)
{
    static const distil_status all[] = {
        DISTIL_OK,          DISTIL_FILE_OPEN,    DISTIL_FILE_READ,     DISTIL_BAD_MAGIC,
        DISTIL_BAD_VERSION, DISTIL_TRUNCATED,    DISTIL_BAD_STRUCTURE, DISTIL_BAD_CHECKSUM,
        DISTIL_BAD_PROOF,   DISTIL_BAD_ARGUMENT, DISTIL_BAD_TOKEN,     DISTIL_TOO_MANY_TOKENS,
        DISTIL_NOT_FINITE,  DISTIL_NO_MEMORY,    DISTIL_BAD_CPU,       DISTIL_NO_THREAD,
        DISTIL_UNSUPPORTED, DISTIL_IN_USE,       DISTIL_CANCELLED};
    size_t n = sizeof all / sizeof all[0];
    distil_isa isa = DISTIL_ISA_AVX2;

    if (harness_case("status strings are distinct")) {
        for (size_t i = 0; i < n; i++) {
            CHECK(strcmp(distil_status_str(all[i]), "unknown status") != 0);
            for (size_t j = 0; j < i; j++)
                CHECK(strcmp(distil_status_str(all[i]), distil_status_str(all[j])) != 0);
        }
        CHECK(strcmp(distil_status_str((distil_status)999), "unknown status") == 0);
    }
    if (harness_case("isa names and their inverse")) {
        for (int i = DISTIL_ISA_BEST; i <= DISTIL_ISA_AVX512VNNI; i++) {
            CHECK(distil_isa_parse(&isa, distil_isa_name((distil_isa)i)) == DISTIL_OK);
            CHECK((int)isa == i);
        }
        isa = DISTIL_ISA_AVX2;
        CHECK(distil_isa_parse(&isa, "sse9") == DISTIL_BAD_ARGUMENT && isa == DISTIL_ISA_AVX2);
        CHECK(distil_isa_parse(&isa, "AVX2") == DISTIL_BAD_ARGUMENT);
        CHECK(distil_isa_parse(&isa, "") == DISTIL_BAD_ARGUMENT);
        CHECK(distil_isa_parse(&isa, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_isa_parse(NULL, "avx2") == DISTIL_BAD_ARGUMENT);
        CHECK(distil_isa_name((distil_isa)77) == NULL);
    }
    if (harness_case("version"))
        CHECK(strcmp(distil_version(), "0.2.0") == 0);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void test_open_errors(void)
{
    distil_model *const untouched = (distil_model *)(uintptr_t)0x5a5a;
    distil_model *model = untouched;
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_error error;

    if (harness_case("open: refused arguments leave the model untouched")) {
        CHECK(distil_model_open(NULL, support_blob_path(), NULL, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_model_open(&model, NULL, NULL, &error) == DISTIL_BAD_ARGUMENT);
        CHECK(error.status == DISTIL_BAD_ARGUMENT && error.message[0] != '\0');
        CHECK(distil_model_open_fd(&model, -1, NULL, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_model_open_memory(&model, NULL, 64, NULL, NULL) == DISTIL_BAD_ARGUMENT);
        options.max_isa = (distil_isa)77;
        CHECK(distil_model_open(&model, support_blob_path(), &options, NULL) ==
              DISTIL_BAD_ARGUMENT);
        options = (distil_options)DISTIL_OPTIONS_INIT;
        options.verify = (distil_verify)9;
        CHECK(distil_model_open(&model, support_blob_path(), &options, NULL) ==
              DISTIL_BAD_ARGUMENT);
        CHECK(model == untouched);
    }
    if (harness_case("open: missing file, directory, not a blob")) {
        CHECK(distil_model_open(&model, "/nonexistent/blob", NULL, &error) == DISTIL_FILE_OPEN);
        CHECK(error.status == DISTIL_FILE_OPEN && error.system_errno != 0);
        CHECK(distil_model_open(&model, "/", NULL, &error) != DISTIL_OK);
        CHECK(distil_model_open(&model, harness_path("Makefile"), NULL, &error) ==
              DISTIL_BAD_MAGIC);
        CHECK(strlen(error.message) > 5);
        CHECK(model == untouched);
    }
    distil_model_close(NULL);
    distil_context_free(NULL);
}

static void test_levels(void)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_model *model;
    distil_model_info info;
    distil_error error;

    for (int level = DISTIL_ISA_SCALAR; level <= DISTIL_ISA_AVX512VNNI; level++) {
        if (!harness_case("max_isa %s", distil_isa_name((distil_isa)level)))
            continue;
        options.max_isa = (distil_isa)level;
        options.exact_isa = 0;
        CHECK(distil_model_open(&model, support_blob_path(), &options, NULL) == DISTIL_OK);
        CHECK(distil_model_get_info(model, &info) == DISTIL_OK);
        CHECK((int)info.isa <= level);
        distil_model_close(model);
        options.exact_isa = 1;
        if (distil_model_open(&model, support_blob_path(), &options, &error) == DISTIL_OK) {
            CHECK(distil_model_get_info(model, &info) == DISTIL_OK && (int)info.isa == level);
            distil_model_close(model);
        } else {
            CHECK(error.status == DISTIL_BAD_CPU && strstr(error.message, "lacks"));
        }
    }
}

static void test_info(distil_model *model)
{
    distil_model_info info;

    if (!harness_case("model info and labels"))
        return;
    CHECK(distil_model_get_info(model, &info) == DISTIL_OK);
    CHECK(info.dim == 384 && info.hidden_dim == 1536 && info.n_layers == 6 && info.n_heads == 12);
    CHECK(info.vocab_size == 30522 && info.max_positions == 512 && info.n_labels == 2);
    CHECK(strcmp(distil_model_label(model, 0), "NEGATIVE") == 0);
    CHECK(strcmp(distil_model_label(model, 1), "POSITIVE") == 0);
    CHECK(distil_model_label(model, 2) == NULL && distil_model_label(NULL, 0) == NULL);
    CHECK(distil_model_get_info(NULL, &info) == DISTIL_BAD_ARGUMENT);
    CHECK(distil_model_get_info(model, NULL) == DISTIL_BAD_ARGUMENT);
}

/* ---- classification ------------------------------------------------------------------------- */

static void test_arguments(distil_model *model, distil_context *context)
{
    distil_context *other = (distil_context *)(uintptr_t)0x5a5a;
    distil_context_options small = {.max_batch_tokens = 511}, large = {.max_batch_tokens = 65537};
    distil_result result, before;
    distil_text bad = {.bytes = NULL, .size = 3};
    int32_t ids[3] = {101, 102, 30522};
    size_t count = 77, bytes;

    memset(&result, 0x5a, sizeof result);
    before = result;
    if (harness_case("refused arguments leave outputs untouched")) {
        CHECK(distil_context_new(NULL, model, NULL, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_context_new(&other, NULL, NULL, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_context_new(&other, model, &small, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_context_new(&other, model, &large, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(other == (distil_context *)(uintptr_t)0x5a5a);
        CHECK(distil_context_bytes(model, NULL, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_context_bytes(NULL, &bytes, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify(NULL, &result, NULL, "x", 1, 0) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify(context, NULL, NULL, "x", 1, 0) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify(context, &result, NULL, NULL, 1, 0) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify(context, &result, NULL, "x", 1, 3) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify(context, &result, NULL, "x", 1, 16) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify_batch(context, &result, NULL, &bad, 1, 0) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify_batch(context, &result, NULL, NULL, 1, 0) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify_batch(context, NULL, NULL, NULL, 0, 0) == DISTIL_OK);
        CHECK(distil_classify_ids(context, &result, NULL, ids, 0) == DISTIL_TOO_MANY_TOKENS);
        CHECK(distil_classify_ids(context, &result, NULL, ids, 513) == DISTIL_TOO_MANY_TOKENS);
        CHECK(distil_classify_ids(context, &result, NULL, ids, 3) == DISTIL_BAD_TOKEN);
        ids[2] = -1;
        CHECK(distil_classify_ids(context, &result, NULL, ids, 3) == DISTIL_BAD_TOKEN);
        CHECK(distil_tokenize(model, NULL, 1, &count, "x", 1, 0) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_tokenize(model, ids, 3, NULL, "x", 1, 0) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_tokenize(model, ids, 3, &count, NULL, 1, 0) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_tokenize(model, ids, 3, &count, "x", 1, 4) == DISTIL_BAD_ARGUMENT);
        CHECK(count == 77 && memcmp(&result, &before, sizeof result) == 0);
    }
}

static void test_tokenize(distil_model *model)
{
    int32_t ids[8] = {0};
    size_t count;

    if (harness_case("tokenize: count without room, room for fewer, empty text")) {
        CHECK(distil_tokenize(model, NULL, 0, &count, "good movie", 10, 0) == DISTIL_OK);
        CHECK(count == 4);
        ids[2] = -7;
        CHECK(distil_tokenize(model, ids, 2, &count, "good movie", 10, 0) == DISTIL_OK);
        CHECK(count == 4 && ids[0] == 101 && ids[1] == 2204 && ids[2] == -7);
        CHECK(distil_tokenize(model, ids, 8, &count, NULL, 0, 0) == DISTIL_OK);
        CHECK(count == 2 && ids[0] == 101 && ids[1] == 102);
    }
    if (harness_case("tokenize: special tokens in the text")) {
        CHECK(distil_tokenize(model, ids, 8, &count, "[MASK]", 6, 0) == DISTIL_OK);
        CHECK(count == 3 && ids[1] == 103);
        CHECK(distil_tokenize(model, ids, 8, &count, "[MASK]", 6, DISTIL_SPLIT_SPECIAL_TOKENS) ==
              DISTIL_OK);
        CHECK(count == 5 && ids[1] == 1031 && ids[3] == 1033);
    }
}

static void test_ways_in(distil_model *model, distil_context *context)
{
    float logits[4][2], probabilities[2];
    distil_scores scores = {logits[0], probabilities};
    distil_result result, by_ids;
    int32_t ids[32];
    size_t count;

    if (!harness_case("text, ids, batch and memory give the same bits"))
        return;
    CHECK(distil_classify(context, &result, &scores, gorgeous, strlen(gorgeous), 0) == DISTIL_OK);
    CHECK(result.label == 1 && result.score > 0.99f && result.token_count == 10);
    CHECK(!result.truncated && probabilities[1] == result.score);
    CHECK(distil_tokenize(model, ids, 32, &count, gorgeous, strlen(gorgeous), 0) == DISTIL_OK);
    scores.logits = logits[1];
    CHECK(distil_classify_ids(context, &by_ids, &scores, ids, count) == DISTIL_OK);
    CHECK(memcmp(logits[0], logits[1], sizeof logits[0]) == 0);
    CHECK(by_ids.label == result.label && by_ids.score == result.score);

    size_t bytes;
    char *file = harness_read_file(support_blob_path(), &bytes);
    void *aligned = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    distil_model *from_memory;
    distil_context *its;

    memcpy(aligned, file, bytes);
    CHECK(distil_model_open_memory(&from_memory, aligned, bytes, NULL, NULL) == DISTIL_OK);
    CHECK(distil_context_new(&its, from_memory, NULL, NULL) == DISTIL_OK);
    scores.logits = logits[2];
    CHECK(distil_classify(its, &result, &scores, gorgeous, strlen(gorgeous), 0) == DISTIL_OK);
    CHECK(memcmp(logits[0], logits[2], sizeof logits[0]) == 0);
    distil_context_free(its);
    distil_model_close(from_memory);
    free(aligned);
    free(file);

    int fd = open(support_blob_path(), O_RDONLY | O_CLOEXEC);

    CHECK(distil_model_open_fd(&from_memory, fd, NULL, NULL) == DISTIL_OK);
    close(fd);
    CHECK(distil_context_new(&its, from_memory, NULL, NULL) == DISTIL_OK);
    scores.logits = logits[3];
    CHECK(distil_classify(its, &result, &scores, gorgeous, strlen(gorgeous), 0) == DISTIL_OK);
    CHECK(memcmp(logits[0], logits[3], sizeof logits[0]) == 0);
    distil_context_free(its);
    distil_model_close(from_memory);
}

/* A text of "good " n times has n tokens, and [CLS] and [SEP] make n + 2. */
static void test_truncation(distil_context *context)
{
    enum { WORDS = 600 };
    char text[5 * WORDS];
    distil_result result;
    float full[2], cut[2];
    distil_scores scores = {full, NULL};

    if (!harness_case("512 tokens fit, 513 are cut with [SEP] kept"))
        return;
    for (int i = 0; i < WORDS; i++)
        memcpy(text + 5 * i, "good ", 5);
    CHECK(distil_classify(context, &result, &scores, text, 5 * 510, 0) == DISTIL_OK);
    CHECK(result.token_count == 512 && !result.truncated);
    scores.logits = cut;
    CHECK(distil_classify(context, &result, &scores, text, 5 * 511, 0) == DISTIL_OK);
    CHECK(result.token_count == 512 && result.truncated);
    CHECK(memcmp(full, cut, sizeof full) == 0);
    CHECK(distil_classify(context, &result, &scores, text, sizeof text, 0) == DISTIL_OK);
    CHECK(result.token_count == 512 && result.truncated);
    CHECK(memcmp(full, cut, sizeof full) == 0);
}

/* Classifies a text of seven tokens with a synthetic model that keeps at most 5, and compares the
 * logits with those of the ids that are expected to be left. */
static void expect_cut(uint32_t tokenizer_flags, uint32_t flags, const int32_t expected[5])
{
    support_blob source = support_blob_make(50, &support_blob_small);
    distil_model *model;
    distil_context *context;
    distil_model_info info;
    distil_result result, by_ids;
    float logits[3], expected_logits[3];
    distil_scores scores = {logits, NULL}, expected_scores = {expected_logits, NULL};
    uint8_t *bytes;
    size_t size;

    source.model.tokenizer_flags |= tokenizer_flags;
    source.model.max_tokens = 5;
    bytes = support_blob_image(&size, &source.model);
    CHECK(distil_model_open_memory(&model, bytes, size, NULL, NULL) == DISTIL_OK);
    CHECK(distil_model_get_info(model, &info) == DISTIL_OK && info.max_positions == 5);
    CHECK(distil_context_new(&context, model, NULL, NULL) == DISTIL_OK);
    CHECK(distil_classify(context, &result, &scores, "the movie [MASK] good bad", 25, flags) ==
          DISTIL_OK);
    CHECK(result.truncated && result.token_count == 5);
    CHECK(distil_classify_ids(context, &by_ids, &expected_scores, expected, 5) == DISTIL_OK);
    CHECK(memcmp(logits, expected_logits, sizeof logits) == 0);
    CHECK(distil_classify_ids(context, &by_ids, NULL, (int32_t[6]){2}, 6) ==
          DISTIL_TOO_MANY_TOKENS);
    distil_context_free(context);
    distil_model_close(model);
    free(bytes);
    support_blob_free(&source);
}

/* The ids of support_blob.c: [CLS] 2, [SEP] 3, [MASK] 4, movie 7, good 8, bad 9, and "the", which
 * occurs twice and is found as 39. The ASCII characters from ! on follow from 40. */
static void test_blob_decides(void)
{
    enum { LEFT = DISTIL_BLOB_TOK_TRUNCATE_LEFT, SPLIT = DISTIL_BLOB_TOK_SPLIT_SPECIALS };
    enum { OPEN = 40 + '[' - '!', CLOSE = 40 + ']' - '!' };
    static const int32_t first[] = {2, 39, 7, 4, 3}, last[] = {2, 4, 8, 9, 3};
    static const int32_t first_split[] = {2, 39, 7, OPEN, 3}, last_split[] = {2, CLOSE, 8, 9, 3};

    if (harness_case("max_tokens of the blob; the first tokens stay"))
        expect_cut(0, 0, first);
    if (harness_case("truncation on the left: the last tokens stay"))
        expect_cut(LEFT, 0, last);
    if (harness_case("the blob splits special tokens, and the flags override it")) {
        expect_cut(SPLIT, 0, first_split);
        expect_cut(SPLIT, DISTIL_MATCH_SPECIAL_TOKENS, first);
        expect_cut(LEFT, DISTIL_SPLIT_SPECIAL_TOKENS, last_split);
        expect_cut(LEFT | SPLIT, DISTIL_MATCH_SPECIAL_TOKENS, last);
    }
}

/* Compares distil_top_labels with a selection of the best label again and again. */
static void test_top_labels(void)
{
    enum { MOST = 300 };
    static float scores[MOST];
    size_t labels[MOST];

    if (!harness_case("top labels: every k, with equal scores, and refused arguments"))
        return;
    for (size_t n = 1; n <= MOST; n = n < 12 ? n + 1 : n * 5 / 2) {
        for (size_t i = 0; i < n; i++)
            scores[i] = (float)(harness_random() % 40) / 40.0f - 0.5f;
        for (size_t k = 0; k <= n; k++) {
            uint8_t chosen[MOST] = {0};

            CHECK(distil_top_labels(labels, k, scores, n) == DISTIL_OK);
            for (size_t rank = 0; rank < k; rank++) {
                size_t best = n;

                for (size_t i = 0; i < n; i++)
                    if (!chosen[i] && (best == n || scores[i] > scores[best]))
                        best = i;
                chosen[best] = 1;
                CHECKF(labels[rank] == best, "%zu of %zu: rank %zu", k, n, rank);
            }
        }
    }
    CHECK(distil_top_labels(labels, 3, scores, 2) == DISTIL_BAD_ARGUMENT);
    CHECK(distil_top_labels(NULL, 1, scores, 2) == DISTIL_BAD_ARGUMENT);
    CHECK(distil_top_labels(labels, 1, NULL, 2) == DISTIL_BAD_ARGUMENT);
    CHECK(distil_top_labels(NULL, 0, NULL, 0) == DISTIL_OK);
}

/* Classifies a text by a function and compares each score with its definition. An error of 2^-21 is
 * that of exp and of rounding. */
static void expect_function(const distil_model *model, distil_function function,
                            distil_function applied)
{
    distil_context_options options = {.function = function};
    distil_context *context;
    distil_result result;
    float logits[3], probabilities[3];
    distil_scores scores = {logits, probabilities};
    double sum = 0, expected;
    size_t best;

    CHECK(distil_context_new(&context, model, &options, NULL) == DISTIL_OK);
    CHECK(distil_classify(context, &result, &scores, "the good movie", 14, 0) == DISTIL_OK);
    for (size_t i = 0; i < 3; i++)
        sum += exp((double)logits[i]);
    for (size_t i = 0; i < 3; i++) {
        expected = applied == DISTIL_FUNCTION_NONE      ? (double)logits[i]
                   : applied == DISTIL_FUNCTION_SOFTMAX ? exp((double)logits[i]) / sum
                                                        : 1 / (1 + exp(-(double)logits[i]));
        CHECKF(fabs((double)probabilities[i] - expected) <= 0x1p-21 * fabs(expected),
               "function %d: score %zu is %g, expected %g", applied, i, (double)probabilities[i],
               expected);
    }
    CHECK(distil_top_labels(&best, 1, probabilities, 3) == DISTIL_OK);
    CHECK(result.label == best && result.score == probabilities[best]);
    distil_context_free(context);
}

static void test_functions(void)
{
    support_blob source = support_blob_make(51, &support_blob_small);

    for (uint32_t own = DISTIL_FUNCTION_SOFTMAX; own <= DISTIL_FUNCTION_NONE; own++) {
        distil_context_options unknown = {.function = (distil_function)4};
        distil_context *context;
        distil_model_info info;
        distil_model *model;
        uint8_t *bytes;
        size_t size;

        if (!harness_case("function %u of the blob, and each override", (unsigned)own))
            continue;
        source.model.function = own;
        bytes = support_blob_image(&size, &source.model);
        CHECK(distil_model_open_memory(&model, bytes, size, NULL, NULL) == DISTIL_OK);
        CHECK(distil_model_get_info(model, &info) == DISTIL_OK && info.function == own);
        expect_function(model, DISTIL_FUNCTION_MODEL, (distil_function)own);
        for (int f = DISTIL_FUNCTION_SOFTMAX; f <= DISTIL_FUNCTION_NONE; f++)
            expect_function(model, (distil_function)f, (distil_function)f);
        CHECK(distil_context_new(&context, model, &unknown, NULL) == DISTIL_BAD_ARGUMENT);
        distil_model_close(model);
        free(bytes);
    }
    support_blob_free(&source);
}

/* Multiplies the output layer of a blob in memory, of which checksums are not checked. */
static void scale_output_layer(const uint8_t *bytes, size_t size, float factor)
{
    distil_blob blob;
    size_t section_bytes;
    float *values;

    CHECK(distil_blob_open_memory(&blob, bytes, size, DISTIL_BLOB_VERIFY_NONE, NULL) ==
          DISTIL_BLOB_OK);
    values = (float *)(uintptr_t)distil_blob_section_data(&blob, DISTIL_SECTION_HEAD_OUT, 0,
                                                          &section_bytes);
    for (size_t i = 0; i < section_bytes / sizeof(float); i++)
        values[i] *= factor;
}

/* The logits of some texts overflow before those of others do. A batch of one that overflows after
 * some that do not keeps the results of those. */
static void test_results_before_failure(void)
{
    static const distil_text texts[] = {{"the", 3, NULL, 0},         {"a b", 3, NULL, 0},
                                        {"the movie", 9, NULL, 0},   {"bad", 3, NULL, 0},
                                        {"witty film", 10, NULL, 0}, {"good", 4, NULL, 0}};
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    support_blob source = support_blob_make(52, &support_blob_small);
    distil_text batch[TEXTS];
    distil_result single[TEXTS], results[TEXTS], untouched;
    distil_model *model;
    distil_context *context;
    size_t size, finite = 0, placed = 0;
    uint8_t *bytes = support_blob_image(&size, &source.model);

    memset(results, 0x5a, sizeof results);
    memcpy(&untouched, results, sizeof untouched);
    if (harness_case("a batch keeps the results before a text that is not finite")) {
        CHECK(distil_model_open_memory(&model, bytes, size, NULL, NULL) == DISTIL_OK);
        CHECK(distil_context_new(&context, model, NULL, NULL) == DISTIL_OK);
        scale_output_layer(bytes, size, 0x1p120f);
        for (int step = 0; step < 8000 && (finite == 0 || finite == TEXTS); step++) {
            scale_output_layer(bytes, size, 1.001f);
            finite = 0;
            for (size_t i = 0; i < TEXTS; i++)
                finite += distil_classify(context, &single[i], NULL, texts[i].bytes, texts[i].size,
                                          0) == DISTIL_OK;
        }
        CHECKF(finite > 0 && finite < TEXTS, "%zu of %d are finite", finite, TEXTS);
        for (int ok = 1; ok >= 0; ok--) /* those that are finite first */
            for (size_t i = 0; i < TEXTS; i++)
                if ((distil_classify(context, &single[i], NULL, texts[i].bytes, texts[i].size, 0) ==
                     DISTIL_OK) == ok)
                    batch[placed++] = texts[i];
        CHECK(placed == TEXTS);
        CHECK(distil_classify_batch(context, results, NULL, batch, TEXTS, 0) == DISTIL_NOT_FINITE);
        CHECK(distil_context_error(context)->status == DISTIL_NOT_FINITE &&
              distil_context_error(context)->text == finite);
        for (size_t i = 0; i < TEXTS; i++) {
            distil_result alone;

            if (i >= finite) {
                CHECK(memcmp(&results[i], &untouched, sizeof untouched) == 0);
                continue;
            }
            CHECK(distil_classify(context, &alone, NULL, batch[i].bytes, batch[i].size, 0) ==
                  DISTIL_OK);
            CHECK(results[i].label == alone.label && results[i].score == alone.score &&
                  results[i].token_count == alone.token_count);
        }
        distil_context_free(context);
        distil_model_close(model);
    }
    free(bytes);
    support_blob_free(&source);
}

/* Classifies in a child process that the kernel kills at any system call except read, write and
 * exit. */
static void test_no_system_call(distil_context *context)
{
    distil_result result;
    int status = 0;
    pid_t child;

    if (!harness_case("classify makes no system call"))
        return;
    if (SANITIZED) {
        harness_skip("sanitizers make system calls of their own");
        return;
    }
    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
            _exit(42);
        for (int i = 0; i < 20; i++)
            if (distil_classify(context, &result, NULL, gorgeous, strlen(gorgeous), 0) != DISTIL_OK)
                syscall(SYS_exit, 1);
        syscall(SYS_exit, 0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 42)
        harness_skip("the system has no seccomp");
    else
        CHECKF(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child ended with status %#x",
               (unsigned)status);
}

/* Texts of about 80 different tokens each, of which six fill a pass. A text that did not fit into a
 * pass must come whole into the next one. */
static void test_several_passes(const distil_model *model)
{
    enum { TEXTS = 20, TOKENS = 80 };
    static const char *const words[] = {"good ",  "bad ",   "film ", "dull ",
                                        "great ", "story ", "a "};
    distil_context_options options = {.size = sizeof options, .max_batch_tokens = 512};
    static char bytes[TEXTS][TOKENS * 8];
    float logits[TEXTS][2], alone[2];
    distil_scores scores[TEXTS], one = {alone, NULL};
    distil_result results[TEXTS], result;
    distil_text texts[TEXTS];
    distil_context *context;

    if (!harness_case("a batch of several passes gives each text its own answer"))
        return;
    for (size_t i = 0; i < TEXTS; i++) {
        for (size_t k = 0; k < TOKENS - i; k++)
            strcat(bytes[i], words[(i * i + k * (i + 1)) % (sizeof words / sizeof *words)]);
        texts[i] = (distil_text){.bytes = bytes[i], .size = strlen(bytes[i])};
        scores[i] = (distil_scores){logits[i], NULL};
    }
    CHECK(distil_context_new(&context, model, &options, NULL) == DISTIL_OK);
    CHECK(distil_classify_batch(context, results, scores, texts, TEXTS, 0) == DISTIL_OK);
    for (size_t i = 0; i < TEXTS; i++) {
        CHECK(distil_classify(context, &result, &one, bytes[i], texts[i].size, 0) == DISTIL_OK);
        CHECKF(memcmp(alone, logits[i], sizeof alone) == 0, "text %zu", i);
        CHECKF(result.token_count == results[i].token_count, "text %zu", i);
    }
    distil_context_free(context);
}

int main(int argc, char **argv)
{
    distil_model *model;
    distil_context *context;

    harness_init("test_api", argc, argv);
    test_names();
    test_open_errors();
    test_levels();
    model = support_model_open(DISTIL_ISA_BEST);
    if (distil_context_new(&context, model, NULL, NULL) != DISTIL_OK)
        return 1;
    test_info(model);
    test_arguments(model, context);
    test_tokenize(model);
    test_ways_in(model, context);
    test_several_passes(model);
    test_truncation(context);
    test_blob_decides();
    test_top_labels();
    test_functions();
    test_results_before_failure();
    test_no_system_call(context);
    distil_context_free(context);
    distil_model_close(model);
    return harness_finish();
}
