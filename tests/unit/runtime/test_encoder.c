/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the forward pass with the original framework: the residual after the embeddings and
 * after each layer, and the logits, of six texts of 3 to 512 tokens.
 * tests/golden/activations.safetensors has the reference, which transformers computed in float32.
 * Also compares the last layer, which computes only the first row of each text, with a full layer.
 *
 * The reference is float32 and the library computes in int8, so the comparison has tolerances. The
 * error of a tensor is the root mean square of the difference divided by that of the reference.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "model/blob.h"
#include "runtime/encoder.h"
#include "tests/support/harness.h"
#include "tests/support/support_model.h"

enum { TEXTS = 6, LAYERS = 6, MAX_TOKENS = 512, DIM = 384 };

/* The tolerances after the embeddings and after each layer. They are about a third above the errors
 * of the shipped model. */
static const double hidden_bound[LAYERS + 1] = {0.034, 0.032, 0.044, 0.055, 0.064, 0.058, 0.140};
static const double logit_bound = 0.34; /* an absolute error; the logits are within -4 .. 4 */

typedef struct golden {
    char *file;
    size_t bytes;
    const char *data; /* the tensors, which follow the JSON header */
} golden;

static golden golden_read(void)
{
    golden g;
    uint64_t header;

    g.file = harness_read_file(harness_path("tests/golden/activations.safetensors"), &g.bytes);
    if (!g.file || g.bytes < 8) {
        fprintf(stderr, "tests/golden/activations.safetensors cannot be read\n");
        exit(1);
    }
    memcpy(&header, g.file, 8);
    g.data = g.file + 8 + header;
    return g;
}

/* Returns the data of the tensor with that name, and sets *elements to the number of its 4-byte
 * elements. Ends the program if there is none. This repository's own generator wrote the file, so
 * it is well formed. */
static const void *tensor(const golden *g, size_t *elements, const char *name)
{
    static const char offsets[] = "\"data_offsets\":[";
    char key[64];
    const char *at;
    unsigned long long begin, end;

    snprintf(key, sizeof key, "\"%s\":", name);
    at = strstr(g->file + 8, key);
    at = at ? strstr(at, offsets) : NULL;
    if (!at || sscanf(at + sizeof offsets - 1, "%llu,%llu", &begin, &end) != 2) {
        fprintf(stderr, "no tensor %s\n", name);
        exit(1);
    }
    *elements = (size_t)(end - begin) / 4;
    return g->data + begin;
}

typedef struct trace {
    const golden *golden;
    size_t text;
    double worst[LAYERS + 1];
} trace;

static double relative_error(const float *ours, const float *reference, size_t n)
{
    double error = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        double d = (double)ours[i] - (double)reference[i];

        error += d * d;
        size += (double)reference[i] * (double)reference[i];
    }
    return sqrt(error / size);
}

/* Compares the residual after a layer. The reference has all rows of a short text, but only the
 * first row of a long one. */
static void compare(void *user, size_t layer, const float *hidden, size_t rows)
{
    trace *t = user;
    char name[32];
    size_t n;
    const float *reference;
    double error;

    snprintf(name, sizeof name, "%zu.hidden.%zu", t->text, layer);
    reference = tensor(t->golden, &n, name);
    CHECK(n == rows * DIM || n == DIM);
    error = relative_error(hidden, reference, n);
    t->worst[layer] = error > t->worst[layer] ? error : t->worst[layer];
    CHECKF(error <= hidden_bound[layer], "text %zu, after layer %zu: error %.4f above %.4f",
           t->text, layer, error, hidden_bound[layer]);
}

/* Checks the prefetch hints: they cover the weights from the last layer's output projection on
 * without a gap, they stay within the blob, none is larger than half of its matrix, and the last
 * layer has none. */
static void check_prefetch_hints(const distil_weights *w, const distil_blob *blob)
{
    const int8_t *next = w->layers[w->n_layers - 1].attention_out.panels;
    const int8_t *end = (const int8_t *)blob->bytes + blob->size;
    size_t total = 0;

    if (!harness_case("bytes that are fetched for later"))
        return;
    for (size_t l = 0; l < w->n_layers; l++) {
        const distil_layer *layer = &w->layers[l];
        const distil_qmatrix *matrices[] = {&layer->qkv, &layer->attention_out, &layer->ffn_in,
                                            &layer->ffn_out};

        for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
            const distil_prefetch_hint *later = &matrices[i]->prefetch_hint;

            CHECK(later->bytes == 0 || (later->begin == next && l + 1 < w->n_layers));
            CHECK(later->bytes <= matrices[i]->depth * matrices[i]->cols / 2);
            CHECK(later->bytes <= (size_t)(end - next));
            next += later->bytes;
            total += later->bytes;
        }
    }
    /* The layers of this model are large enough to prefetch the whole end, up to rounding. */
    CHECK((size_t)((const int8_t *)w->dense_bias - next) < 64);
    CHECKF(total > w->dim * w->dim * sizeof(float), "%zu bytes", total);
}

int main(int argc, char **argv)
{
    distil_blob blob;
    distil_weights weights;
    distil_kernels kernels;
    distil_scratch scratch;
    distil_cpuid cpu;
    golden g;
    trace t = {0};
    void *memory;
    double worst_logit = 0;

    harness_init("test_encoder", argc, argv);
    g = golden_read();
    if (distil_blob_open(&blob, support_blob_path(), DISTIL_BLOB_VERIFY_CRC, NULL) !=
        DISTIL_BLOB_OK) {
        fprintf(stderr, "%s cannot be opened; make builds it\n", support_blob_path());
        return 1;
    }
    distil_weights_init(&weights, &blob);
    distil_cpuid_read(&cpu);
    distil_kernels_fill(&kernels, distil_cpuid_best(&cpu, DISTIL_LEVEL_BEST));
    memory = aligned_alloc(64, distil_enc_layout(NULL, NULL, &weights, MAX_TOKENS, 1));
    distil_enc_layout(&scratch, memory, &weights, MAX_TOKENS, 1);

    check_prefetch_hints(&weights, &blob);
    for (t.text = 0; t.text < TEXTS; t.text++) {
        distil_encoder encoder = {&weights, &kernels, compare, &t, 0};
        char name[32];
        float full[2], last_row[2];
        size_t n, two;
        const int32_t *ids;
        const float *logits;

        if (!harness_case("text %zu", t.text))
            continue;
        t.golden = &g;
        snprintf(name, sizeof name, "%zu.input_ids", t.text);
        ids = tensor(&g, &n, name);
        snprintf(name, sizeof name, "%zu.logits", t.text);
        logits = tensor(&g, &two, name);
        distil_enc_run(&encoder, &scratch, full, ids, &n, 1);
        for (int i = 0; i < 2; i++) {
            double error = fabs((double)full[i] - (double)logits[i]);

            worst_logit = error > worst_logit ? error : worst_logit;
            CHECKF(error <= logit_bound, "logit %d: %.4f, reference %.4f", i, (double)full[i],
                   (double)logits[i]);
        }
        encoder.trace = NULL;
        distil_enc_run(&encoder, &scratch, last_row, ids, &n, 1);
        CHECKF(memcmp(full, last_row, sizeof full) == 0,
               "last layer on one row: %a %a, on all rows: %a %a", (double)last_row[0],
               (double)last_row[1], (double)full[0], (double)full[1]);
    }
    printf("# %s; worst error by layer:", distil_level_name(kernels.level));
    for (int l = 0; l <= LAYERS; l++)
        printf(" %.4f", t.worst[l]);
    printf("; logits %.3f\n", worst_logit);
    free(memory);
    free(g.file);
    distil_blob_close(&blob);
    return harness_finish();
}
