/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The float encoder for calibration. Matrix products are those of dense_math.h. Layer normalisation
 * and attention are the library's kernels. All of them give the same bits on every CPU.
 */
#include "kernels/cpu.h"
#include "tools/convert/forward.h"

#include <math.h>
#include <string.h>

#include "runtime/base/strict_float.h"
#include "tools/convert/dense_math.h"

/* Rows that the feed-forward network processes at a time: their activations fit in the caches. */
enum { CHUNK_ROWS = 256 };

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/*
 * GELU with erf(x) = 1 - (1 + a1 x + ... + a6 x^6)^-16 (Abramowitz and Stegun 7.1.28), whose error
 * is below 3e-7. The erf of libm is not used because its last bits differ between versions.
 */
static float gelu(float x)
{
    float t = fabsf(x) * 0x1.6a09e6p-1f; /* 1 / sqrt(2) */
    float p = 0.0000430638f;
    float erf_t;

    p = p * t + 0.0002765672f;
    p = p * t + 0.0001520143f;
    p = p * t + 0.0092705272f;
    p = p * t + 0.0422820123f;
    p = p * t + 0.0705230784f;
    p = p * t + 1.0f;
    p = p * p;
    p = p * p;
    p = p * p;
    p = p * p;
    erf_t = 1.0f - 1.0f / p;
    return 0.5f * x * (1.0f + (x < 0 ? -erf_t : erf_t));
}

int conv_forward_init(conv_forward *forward, const conv_texts *texts, const conv_model *model,
                      const float *word, conv_memory *memory, conv_error *error)
{
    size_t dim = model->dim;
    size_t widest = larger(3 * dim, model->hidden_dim);
    size_t longest = 0, row = 0;
    distil_cpuid cpu;

    for (size_t t = 0; t < texts->count; t++)
        longest = larger(longest, texts->lengths[t]);
    memset(forward, 0, sizeof *forward);
    forward->texts = texts;
    forward->dim = dim;
    forward->hidden_dim = model->hidden_dim;
    forward->heads = model->n_heads;
    forward->eps = model->layer_norm_eps;
    forward->residual = conv_new(memory, texts->tokens * dim, sizeof(float), error);
    forward->attention_output = conv_new(memory, texts->tokens * dim, sizeof(float), error);
    forward->panels = conv_new(memory, (widest + model->hidden_dim) * dim, sizeof(float), error);
    forward->wide = conv_new(memory, larger(CHUNK_ROWS, longest) * widest, sizeof(float), error);
    forward->narrow = conv_new(memory, CHUNK_ROWS * dim, sizeof(float), error);
    forward->scratch =
        conv_new(memory, distil_attention_scratch(longest, dim / model->n_heads), 1, error);
    if (!forward->residual || !forward->attention_output || !forward->panels || !forward->wide ||
        !forward->narrow || !forward->scratch)
        return -1;
    distil_cpuid_read(&cpu);
    distil_kernels_fill(&forward->kernels, distil_cpuid_best(&cpu, DISTIL_LEVEL_BEST));

    for (size_t t = 0; t < texts->count; t++) {
        for (size_t i = 0; i < texts->lengths[t]; i++, row++) {
            const float *w = word + (size_t)texts->ids[row] * dim;
            float *h = forward->residual + row * dim;

            forward->kernels.layer_norm(h, w, model->embed_position + i * dim,
                                        model->embed_norm.gamma, model->embed_norm.beta, dim,
                                        forward->eps);
        }
    }
    return 0;
}

/* Add x (count, dim) to the rows of the residual from `row` on, and normalise the sums. */
static void add_and_norm(conv_forward *forward, size_t row, size_t count, const float *x,
                         const conv_norm *norm)
{
    for (size_t i = 0; i < count; i++) {
        float *h = forward->residual + (row + i) * forward->dim;

        forward->kernels.layer_norm(h, x + i * forward->dim, h, norm->gamma, norm->beta,
                                    forward->dim, forward->eps);
    }
}

/* Compute q, k, v and the attention output, one text after the other. */
static void run_attention(conv_forward *forward, const conv_linear *qkv, conv_inputs *inputs)
{
    size_t dim = forward->dim;
    size_t head_dim = dim / forward->heads;
    float scale = 1.0f / sqrtf((float)head_dim);
    size_t row = 0;

    conv_pack_panels(forward->panels, qkv->weights, qkv->cols, qkv->depth);
    conv_inputs_add(inputs, forward->residual, forward->texts->tokens);
    for (size_t t = 0; t < forward->texts->count; t++) {
        size_t length = forward->texts->lengths[t];

        conv_product(forward->wide, forward->residual + row * dim, length, forward->panels,
                     qkv->bias, qkv->cols, qkv->depth);
        for (size_t head = 0; head < forward->heads; head++) {
            const float *q = forward->wide + head * head_dim;

            forward->kernels.attention(forward->attention_output + row * dim + head * head_dim, dim,
                                       q, q + dim, q + 2 * dim, 3 * dim, length, length, head_dim,
                                       scale, forward->scratch);
        }
        row += length;
    }
}

/* Multiply the attention output with its weights, and add the result to the residual. */
static void run_attention_out(conv_forward *forward, const conv_layer_weights *layer,
                              conv_inputs *inputs)
{
    const conv_linear *out = &layer->matrix[CONV_ATTENTION_OUT];
    size_t tokens = forward->texts->tokens;

    conv_pack_panels(forward->panels, out->weights, out->cols, out->depth);
    conv_inputs_add(inputs, forward->attention_output, tokens);
    for (size_t row = 0; row < tokens; row += CHUNK_ROWS) {
        size_t rows = tokens - row < CHUNK_ROWS ? tokens - row : CHUNK_ROWS;

        conv_product(forward->narrow, forward->attention_output + row * forward->dim, rows,
                     forward->panels, out->bias, out->cols, out->depth);
        add_and_norm(forward, row, rows, forward->narrow, &layer->attention_norm);
    }
}

/* Run the feed-forward network, and add its output to the residual. */
static void run_ffn(conv_forward *forward, const conv_layer_weights *layer,
                    conv_inputs inputs[CONV_LAYER_MATRICES])
{
    const conv_linear *in = &layer->matrix[CONV_FFN_IN];
    const conv_linear *out = &layer->matrix[CONV_FFN_OUT];
    float *out_panels = forward->panels + in->cols * in->depth;
    size_t tokens = forward->texts->tokens;

    conv_pack_panels(forward->panels, in->weights, in->cols, in->depth);
    conv_pack_panels(out_panels, out->weights, out->cols, out->depth);
    for (size_t row = 0; row < tokens; row += CHUNK_ROWS) {
        size_t rows = tokens - row < CHUNK_ROWS ? tokens - row : CHUNK_ROWS;
        const float *x = forward->residual + row * forward->dim;

        conv_inputs_add(&inputs[CONV_FFN_IN], x, rows);
        conv_product(forward->wide, x, rows, forward->panels, in->bias, in->cols, in->depth);
        for (size_t i = 0; i < rows * in->cols; i++)
            forward->wide[i] = gelu(forward->wide[i]);
        conv_inputs_add(&inputs[CONV_FFN_OUT], forward->wide, rows);
        conv_product(forward->narrow, forward->wide, rows, out_panels, out->bias, out->cols,
                     out->depth);
        add_and_norm(forward, row, rows, forward->narrow, &layer->ffn_norm);
    }
}

void conv_forward_run_layer(conv_forward *forward, const conv_layer_weights *layer,
                            conv_inputs inputs[CONV_LAYER_MATRICES])
{
    for (size_t i = 0; i < CONV_LAYER_MATRICES; i++)
        conv_inputs_reset(&inputs[i]);
    run_attention(forward, &layer->matrix[CONV_QKV], &inputs[CONV_QKV]);
    run_attention_out(forward, layer, &inputs[CONV_ATTENTION_OUT]);
    run_ffn(forward, layer, inputs);
}
