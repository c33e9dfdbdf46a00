/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of distil_embed. Vectors of synthetic models with every kind of head are compared with a
 * computation in double from the hidden states of the encoder. Vectors have the same bits at every
 * level, with any number of threads and in batches of any size. Those of the shipped model equal
 * the recorded ones (tests/golden/embeddings.sha256) whichever compiler built the test. Wrong calls
 * are refused and write nothing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "runtime/base/checksum.h"
#include "runtime/base/hex.h"
#include "runtime/distil.h"
#include "runtime/encoder.h"
#include "runtime/model.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_blob.h"
#include "tests/support/support_model.h"

enum { DIM = 64, MAX_OUTPUTS = 512, TEXTS = 9 };

static const char *const strings[TEXTS] = {
    "the",
    "",
    "a b c d e f g h",
    "the the the the",
    "x",
    "!?.",
    "the quick",
    "0 1 2 3 4 5 6 7 8 9",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p q r s t"};

static const support_blob_shape wide = {.dim = DIM,
                                        .hidden_dim = 128,
                                        .n_layers = 2,
                                        .n_heads = 2,
                                        .max_positions = 32,
                                        .n_labels = DIM};
static const support_blob_shape narrow = {
    .dim = DIM, .hidden_dim = 128, .n_layers = 2, .n_heads = 2, .max_positions = 32, .n_labels = 5};

static support_image make_image(const support_blob_shape *shape, uint32_t bits)
{
    support_blob source = support_blob_make(7, shape);
    support_image made;

    support_blob_embed(&source, bits);
    made.bytes = support_blob_image(&made.size, &source.model);
    support_blob_free(&source);
    return made;
}

static distil_context *new_context(const distil_model *model, size_t threads, size_t tokens)
{
    distil_context_options options = {
        .size = sizeof options, .threads = threads, .max_batch_tokens = tokens};
    distil_context *context = NULL;

    CHECK(distil_context_new(&context, model, &options, NULL) == DISTIL_OK);
    return context;
}

static void fill_texts(distil_text *texts)
{
    for (size_t i = 0; i < TEXTS; i++)
        texts[i] = (distil_text){.bytes = strings[i], .size = strlen(strings[i])};
}

/* ---- the right vectors ---------------------------------------------------------------------- */

/* The hidden states of one text after the last layer, which the encoder's trace has seen. */
typedef struct hidden {
    size_t n_layers, rows, dim;
    float values[64 * DIM];
} hidden;

static void keep_hidden(void *user, size_t layer, const float *residual, size_t rows)
{
    hidden *h = user;

    h->rows = rows;
    if (layer == h->n_layers)
        memcpy(h->values, residual, rows * h->dim * sizeof *residual);
}

static void compute_hidden(hidden *h, const distil_model *model, const distil_text *text)
{
    const distil_weights *w = &model->weights;
    distil_encoder encoder = {
        .weights = w, .kernels = &model->kernels, .trace = keep_hidden, .trace_user = h};
    size_t n = distil_tok_encode(&model->tokenizer, NULL, 0, SIZE_MAX, text->bytes, text->size, 0);
    size_t kept = n < w->max_positions ? n : w->max_positions;
    int32_t ids[64];
    void *memory = aligned_alloc(64, distil_enc_layout(NULL, NULL, w, kept, 1));
    distil_scratch scratch;

    *h = (hidden){.n_layers = w->n_layers, .dim = w->dim};
    distil_tok_encode(&model->tokenizer, ids, kept, kept, text->bytes, text->size, 0);
    ids[kept - 1] = (int32_t)model->tokenizer.sep_id;
    distil_enc_layout(&scratch, memory, w, kept, 1);
    distil_enc_run(&encoder, &scratch, NULL, ids, &kept, 1);
    free(memory);
}

/* Computes a vector in double from the hidden states, by the bits of the header. */
static void expect_vector(double *out, const hidden *h, const distil_model *model, uint32_t bits)
{
    const distil_weights *w = &model->weights;
    uint32_t pooling = bits & DISTIL_BLOB_EMBEDDING_POOLING, dense = bits >> 4;
    double pooled[DIM], sum = 0;
    size_t n = w->n_labels;

    for (size_t i = 0; i < DIM; i++) {
        pooled[i] = (double)h->values[i];
        for (size_t r = 1; r < h->rows && pooling != DISTIL_BLOB_POOLING_CLS; r++) {
            double x = (double)h->values[r * DIM + i];

            pooled[i] = pooling == DISTIL_BLOB_POOLING_MEAN ? pooled[i] + x : fmax(pooled[i], x);
        }
        if (pooling == DISTIL_BLOB_POOLING_MEAN)
            pooled[i] /= (double)h->rows;
    }
    for (size_t k = 0; k < n; k++) {
        out[k] = pooled[k % DIM];
        if (bits & DISTIL_BLOB_EMBEDDING_DENSE) {
            out[k] = (double)w->out_bias[k];
            for (size_t i = 0; i < DIM; i++)
                out[k] += pooled[i] * (double)w->out_weight[i * w->label_cols + k];
            out[k] = dense == DISTIL_BLOB_DENSE_TANH      ? tanh(out[k])
                     : dense == DISTIL_BLOB_DENSE_RELU    ? fmax(out[k], 0)
                     : dense == DISTIL_BLOB_DENSE_SIGMOID ? 1 / (1 + exp(-out[k]))
                                                          : out[k];
        }
        sum += out[k] * out[k];
    }
    for (size_t k = 0; k < n && bits & DISTIL_BLOB_EMBEDDING_NORMALIZE; k++)
        out[k] /= fmax(sqrt(sum), 1e-12);
}

/* The bits of all heads of these tests. */
static const uint32_t heads[] = {
    DISTIL_BLOB_POOLING_CLS,
    DISTIL_BLOB_POOLING_MEAN,
    DISTIL_BLOB_POOLING_MAX,
    DISTIL_BLOB_POOLING_MEAN | DISTIL_BLOB_EMBEDDING_NORMALIZE,
    DISTIL_BLOB_POOLING_CLS | DISTIL_BLOB_EMBEDDING_DENSE | DISTIL_BLOB_DENSE_IDENTITY << 4,
    DISTIL_BLOB_POOLING_MEAN | DISTIL_BLOB_EMBEDDING_DENSE | DISTIL_BLOB_DENSE_TANH << 4,
    DISTIL_BLOB_POOLING_MAX | DISTIL_BLOB_EMBEDDING_DENSE | DISTIL_BLOB_DENSE_RELU << 4,
    DISTIL_BLOB_POOLING_MEAN | DISTIL_BLOB_EMBEDDING_DENSE | DISTIL_BLOB_DENSE_SIGMOID << 4 |
        DISTIL_BLOB_EMBEDDING_NORMALIZE,
};
enum { HEADS = sizeof heads / sizeof heads[0] };

static support_image image_of_head(uint32_t bits)
{
    return make_image(bits & DISTIL_BLOB_EMBEDDING_DENSE ? &narrow : &wide, bits);
}

static void right_vectors(void)
{
    distil_text texts[TEXTS];

    fill_texts(texts);
    for (size_t h = 0; h < HEADS; h++) {
        support_image blob = image_of_head(heads[h]);
        distil_model *model;
        distil_context *context;
        double worst = 0;

        if (!harness_case("vectors of a head with the bits %u", (unsigned)heads[h])) {
            free(blob.bytes);
            continue;
        }
        model = support_blob_open(&blob, DISTIL_ISA_BEST);
        context = new_context(model, 1, 0);
        for (size_t i = 0; i < TEXTS; i++) {
            float vector[DIM];
            double expected[DIM];
            distil_embedding embedding;
            hidden states;

            CHECK(distil_embed(context, vector, &embedding, &texts[i], 1, 0, NULL) == DISTIL_OK);
            compute_hidden(&states, model, &texts[i]);
            expect_vector(expected, &states, model, heads[h]);
            CHECK(embedding.token_count == states.rows && embedding.truncated == (i == TEXTS - 1) &&
                  (i < TEXTS - 1 || states.rows == 32));
            for (size_t k = 0; k < model->weights.n_labels; k++)
                worst = fmax(worst, fabs((double)vector[k] - expected[k]));
        }
        CHECKF(worst < 2e-5, "differs from the computation in double by %g", worst);
        distil_context_free(context);
        CHECK(distil_model_close(model) == DISTIL_OK);
        free(blob.bytes);
    }
}

/* ---- the same bits -------------------------------------------------------------------------- */

/* Embeds all texts of the list in batches and compares with `expected` (TEXTS, size). */
static void compare_batches(const distil_model *model, const float *expected, size_t size,
                            size_t threads, size_t batch, const distil_embed_options *options)
{
    distil_context *context = new_context(model, threads, batch == TEXTS ? 1024 : 0);
    distil_text texts[TEXTS];
    float *vectors = calloc(TEXTS, size * sizeof *vectors);

    fill_texts(texts);
    for (size_t i = 0; i < TEXTS; i += batch) {
        size_t n = TEXTS - i < batch ? TEXTS - i : batch;

        CHECK(distil_embed(context, vectors + i * size, NULL, texts + i, n, 0, options) ==
              DISTIL_OK);
    }
    CHECKF(memcmp(vectors, expected, TEXTS * size * sizeof *vectors) == 0,
           "%zu threads, batches of %zu differ", threads, batch);
    distil_context_free(context);
    free(vectors);
}

/* Runs the texts through all levels, with the bits of the first as the expected ones. */
static void compare_levels(const char *name, const support_image *blob,
                           const distil_embed_options *options)
{
    float *expected = NULL;
    distil_cpuid cpu;

    distil_cpuid_read(&cpu);
    for (int level = DISTIL_LEVEL_SCALAR; level <= DISTIL_LEVEL_BEST; level++) {
        const char *missing;
        distil_model_info info;
        distil_model *model;

        if (!distil_cpuid_has(&cpu, (distil_level)level, &missing)) {
            if (harness_case("%s, %s", name, distil_level_name((distil_level)level)))
                harness_skip(missing);
            continue;
        }
        model = support_blob_open(blob, (distil_isa)(level + DISTIL_ISA_SCALAR));
        CHECK(distil_model_get_info(model, &info) == DISTIL_OK);
        if (!expected) {
            distil_context *context = new_context(model, 1, 0);
            distil_text texts[TEXTS];

            fill_texts(texts);
            expected = calloc(TEXTS, info.vector_size * sizeof *expected);
            for (size_t i = 0; i < TEXTS; i++)
                CHECK(distil_embed(context, expected + i * info.vector_size, NULL, &texts[i], 1, 0,
                                   options) == DISTIL_OK);
            distil_context_free(context);
        }
        if (harness_case("%s, %s: same bits", name, distil_level_name((distil_level)level)))
            for (size_t threads = 1; threads <= 3; threads++)
                for (size_t batch = 1; batch <= TEXTS; batch += 4)
                    compare_batches(model, expected, info.vector_size, threads, batch, options);
        CHECK(distil_model_close(model) == DISTIL_OK);
    }
    free(expected);
}

static void same_bits(void)
{
    for (size_t h = 0; h < HEADS; h++) {
        support_image blob = image_of_head(heads[h]);
        char name[32];

        (void)snprintf(name, sizeof name, "head %u", (unsigned)heads[h]);
        compare_levels(name, &blob, NULL);
        free(blob.bytes);
    }
}

/* The vectors of sentences by the shipped model, with each pooling, have the recorded bits. */
static void golden(void)
{
    support_sentences sentences = support_sentences_read();
    size_t count = 64, bytes;
    distil_model *model = support_model_open(DISTIL_ISA_BEST);
    distil_context *context = new_context(model, 2, 0);
    distil_model_info info;
    uint8_t digest[32];
    distil_sha256 sha;
    float *vectors;
    char *text, hex[65];

    if (harness_case("vectors of the shipped model equal the recorded ones")) {
        CHECK(distil_model_get_info(model, &info) == DISTIL_OK);
        vectors = calloc(count, info.vector_size * sizeof *vectors);
        distil_sha256_init(&sha);
        for (int pooling = DISTIL_POOLING_CLS; pooling <= DISTIL_POOLING_MAX; pooling++) {
            distil_embed_options options = {.pooling = (distil_pooling)pooling,
                                            .normalization = DISTIL_NORMALIZATION_ON};

            CHECK(distil_embed(context, vectors, NULL, sentences.texts, count, 0, &options) ==
                  DISTIL_OK);
            distil_sha256_update(&sha, vectors, count * info.vector_size * sizeof *vectors);
        }
        distil_sha256_final(&sha, digest);
        hex_string(hex, digest, 32);
        text = harness_read_file(harness_path("tests/golden/embeddings.sha256"), &bytes);
        CHECKF(text && strncmp(text, hex, 64) == 0,
               "SHA-256 of the vectors is %s, tests/golden/embeddings.sha256 says %.64s", hex,
               text ? text : "nothing");
        free(text);
        free(vectors);
    }
    distil_context_free(context);
    CHECK(distil_model_close(model) == DISTIL_OK);
    support_sentences_free(&sentences);
}

/* ---- wrong calls ---------------------------------------------------------------------------- */

/* Requires that a call fails with BAD_ARGUMENT and this message, and that it writes nothing. */
static void expect_refused(distil_context *context, const distil_text *texts, size_t count,
                           uint32_t flags, const distil_embed_options *options, const char *said)
{
    float vectors[2 * DIM], untouched[2 * DIM];

    memset(vectors, 0x5a, sizeof vectors);
    memset(untouched, 0x5a, sizeof untouched);
    CHECK(distil_embed(context, vectors, NULL, texts, count, flags, options) ==
          DISTIL_BAD_ARGUMENT);
    CHECK(memcmp(vectors, untouched, sizeof vectors) == 0);
    CHECKF(strstr(distil_context_error(context)->message, said) != NULL, "said: %s",
           distil_context_error(context)->message);
}

static void wrong_calls(void)
{
    const uint32_t bits = DISTIL_BLOB_POOLING_MEAN | DISTIL_BLOB_EMBEDDING_DENSE;
    support_image plain = make_image(&wide, DISTIL_BLOB_POOLING_MEAN),
                  dense = make_image(&narrow, bits);
    distil_model *model = support_blob_open(&plain, DISTIL_ISA_BEST);
    distil_model *dense_model = support_blob_open(&dense, DISTIL_ISA_BEST);
    distil_context *context = new_context(model, 1, 0);
    distil_context *dense_context = new_context(dense_model, 1, 0), *windows = NULL;
    distil_context_options cut = {.size = sizeof cut, .window = 8};
    distil_embed_options options = {.size = sizeof options};
    struct {
        distil_embed_options known;
        uint64_t later;
    } longer = {.known = {.size = sizeof longer}, .later = 1};
    distil_text texts[2] = {{.bytes = "a", .size = 1}, {.bytes = "b", .size = 1}};
    float vectors[2 * DIM];

    if (harness_case("wrong calls are refused and write nothing")) {
        CHECK(distil_embed(NULL, vectors, NULL, texts, 1, 0, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_embed(context, NULL, NULL, NULL, 0, 0, NULL) == DISTIL_OK);
        CHECK(distil_embed(context, NULL, NULL, texts, 1, 0, NULL) == DISTIL_BAD_ARGUMENT);
        expect_refused(context, NULL, 1, 0, NULL, "texts is NULL");
        expect_refused(context, texts, 2, 3, NULL, "flags");
        expect_refused(context, texts, 2, DISTIL_TRUNCATE_FIRST, NULL, "flags");
        options.pooling = (distil_pooling)4;
        expect_refused(context, texts, 2, 0, &options, "pooling");
        options.pooling = DISTIL_POOLING_CLS;
        expect_refused(dense_context, texts, 2, 0, &options, "dense layer");
        options = (distil_embed_options){.normalization = (distil_normalization)3};
        expect_refused(context, texts, 2, 0, &options, "normalization");
        options = (distil_embed_options){.size = 8};
        expect_refused(context, texts, 2, 0, &options, "size");
        expect_refused(context, texts, 2, 0, &longer.known, "does not know");
        texts[1].pair = "c";
        expect_refused(context, texts, 2, 0, NULL, "text 1 is a pair");
        texts[1] = (distil_text){.size = 4};
        expect_refused(context, texts, 2, 0, NULL, "text 1: bytes is NULL");
        CHECK(distil_context_new(&windows, model, &cut, NULL) == DISTIL_OK);
        expect_refused(windows, texts, 1, 0, NULL, "windows");
        distil_context_free(windows);
    }
    distil_context_free(context);
    distil_context_free(dense_context);
    CHECK(distil_model_close(model) == DISTIL_OK);
    CHECK(distil_model_close(dense_model) == DISTIL_OK);
    free(plain.bytes);
    free(dense.bytes);
}

/* A model for embeddings has no labels, and does not classify. */
static void no_labels(void)
{
    support_image blob = make_image(&narrow, DISTIL_BLOB_POOLING_CLS | DISTIL_BLOB_EMBEDDING_DENSE |
                                                 DISTIL_BLOB_EMBEDDING_NORMALIZE);
    distil_model *model = support_blob_open(&blob, DISTIL_ISA_BEST);
    distil_context *context = new_context(model, 1, 0);
    const int32_t ids[] = {2, 3};
    distil_model_info info;
    distil_result result;

    if (harness_case("a model for embeddings has no labels")) {
        CHECK(distil_model_get_info(model, &info) == DISTIL_OK);
        CHECK(info.task == DISTIL_TASK_EMBEDDING && info.n_labels == 0 && info.vector_size == 5 &&
              info.pooling == DISTIL_POOLING_CLS && info.normalized == 1);
        CHECK(distil_model_label(model, 0) == NULL);
        CHECK(distil_classify(context, &result, NULL, "a", 1, 0) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify_ids(context, &result, NULL, ids, 2) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_context_error(context)->message[0] != '\0');
    }
    distil_context_free(context);
    CHECK(distil_model_close(model) == DISTIL_OK);
    free(blob.bytes);
}

/* A cancelled call names the first text without a vector, and the vectors before it are valid. */
static void cancelled(void)
{
    support_image blob = make_image(&wide, DISTIL_BLOB_POOLING_MEAN);
    distil_model *model = support_blob_open(&blob, DISTIL_ISA_BEST);
    int cancel = 1;
    distil_context_options options = {.size = sizeof options, .cancel = &cancel};
    distil_context *context = NULL;
    distil_text text = {.bytes = "a", .size = 1};
    float vector[DIM];

    if (harness_case("a cancelled call")) {
        CHECK(distil_context_new(&context, model, &options, NULL) == DISTIL_OK);
        CHECK(distil_embed(context, vector, NULL, &text, 1, 0, NULL) == DISTIL_CANCELLED);
        CHECK(distil_context_error(context)->text == 0);
        cancel = 0;
        CHECK(distil_embed(context, vector, NULL, &text, 1, 0, NULL) == DISTIL_OK);
        distil_context_free(context);
    }
    CHECK(distil_model_close(model) == DISTIL_OK);
    free(blob.bytes);
}

int main(int argc, char **argv)
{
    harness_init("test_embed", argc, argv);
    right_vectors();
    same_bits();
    golden();
    wrong_calls();
    no_labels();
    cancelled();
    return harness_finish();
}
