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
#include "tools/convert/conv_parallel.h"
#include "tools/convert/dense_math.h"

/* Rows that the feed-forward network processes at a time: their activations fit in the caches. */
enum { CHUNK_ROWS = 256 };

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

int conv_forward_init(conv_forward *forward, const conv_machine *machine, const conv_texts *texts,
                      const conv_model *model, const float *word, conv_memory *memory,
                      conv_error *error)
{
    size_t dim = model->dim;
    size_t widest = larger(3 * dim, model->hidden_dim);
    size_t longest = 0, row = 0;
    distil_cpuid cpu;

    for (size_t t = 0; t < texts->count; t++)
        longest = larger(longest, texts->lengths[t]);
    memset(forward, 0, sizeof *forward);
    forward->machine = machine;
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
    forward->scratch_bytes = distil_attention_scratch(longest, dim / model->n_heads);
    forward->scratch_bytes =
        larger(forward->scratch_bytes, (dim / model->n_heads + 1) * longest * sizeof(float));
    forward->scratch_bytes = (forward->scratch_bytes + 63) / 64 * 64;
    forward->scratch = conv_new(memory, machine->threads, forward->scratch_bytes, error);
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

/* Texts whose q, k and v lie in the scratch memory. */
typedef struct text_group {
    conv_forward *forward;
    size_t first;     /* the first text */
    size_t row;       /* its first row */
    const float *qkv; /* (rows of the group, 3 * dim) */
} text_group;

/* Attention of one head of one text in float: q, k and v have a stride, and so has out. scratch has
 * room for (head_dim + 1) * length floats. */
static void attend_exactly(const conv_forward *f, float *out, const float *q, size_t length,
                           size_t head_dim, float *scratch)
{
    size_t stride = 3 * f->dim;
    const float *k = q + f->dim, *v = k + f->dim;
    float scale = 1.0f / sqrtf((float)head_dim);
    float *columns = scratch + length; /* (head_dim, length) the transpose of k */

    for (size_t j = 0; j < length; j++)
        for (size_t d = 0; d < head_dim; d++)
            columns[d * length + j] = k[j * stride + d];
    for (size_t i = 0; i < length; i++) {
        memset(scratch, 0, length * sizeof scratch[0]);
        for (size_t d = 0; d < head_dim; d++)
            for (size_t j = 0; j < length; j++)
                scratch[j] += q[i * stride + d] * columns[d * length + j];
        for (size_t j = 0; j < length; j++)
            scratch[j] *= scale;
        f->kernels.softmax(scratch, length);
        memset(out + i * f->dim, 0, head_dim * sizeof out[0]);
        for (size_t j = 0; j < length; j++)
            for (size_t d = 0; d < head_dim; d++)
                out[i * f->dim + d] += scratch[j] * v[j * stride + d];
    }
}

/* Compute one head of one text of the group. */
static void attend(void *user, size_t index, size_t worker)
{
    const text_group *group = user;
    conv_forward *f = group->forward;
    size_t dim = f->dim, head_dim = dim / f->heads;
    size_t last = group->first + index / f->heads, head = index % f->heads;
    size_t row = 0, length = f->texts->lengths[last];
    unsigned char *scratch = f->scratch + worker * f->scratch_bytes;
    const float *q;
    float *out;

    for (size_t t = group->first; t < last; t++)
        row += f->texts->lengths[t];
    q = group->qkv + row * 3 * dim + head * head_dim;
    out = f->attention_output + (group->row + row) * dim + head * head_dim;
    if (f->exact)
        attend_exactly(f, out, q, length, head_dim, (float *)(void *)scratch);
    else
        f->kernels.attention(out, dim, q, q + dim, q + 2 * dim, 3 * dim, length, length, head_dim,
                             1.0f / sqrtf((float)head_dim), scratch);
}

/* Compute q, k, v and the attention output, a group of texts at a time. */
static void run_attention(conv_forward *forward, const conv_linear *qkv, conv_inputs *inputs)
{
    const conv_machine *machine = forward->machine;
    const size_t *lengths = forward->texts->lengths;
    size_t count = forward->texts->count, row = 0;

    conv_pack_panels(forward->panels, qkv->weights, qkv->cols, qkv->depth);
    if (inputs)
        conv_inputs_add(machine, inputs, forward->residual, forward->texts->tokens);
    for (size_t t = 0, end; t < count; t = end) {
        text_group group = {forward, t, row, forward->wide};
        size_t rows = lengths[t];

        for (end = t + 1; end < count && rows + lengths[end] <= CHUNK_ROWS; end++)
            rows += lengths[end];
        conv_product(machine, forward->wide, forward->residual + row * forward->dim, rows,
                     forward->panels, qkv->bias, qkv->cols, qkv->depth);
        conv_parallel(machine->threads, (end - t) * forward->heads, attend, &group);
        row += rows;
    }
}

/* Multiply the attention output with its weights, and add the result to the residual. */
static void run_attention_out(conv_forward *forward, const conv_layer_weights *layer,
                              conv_inputs *inputs)
{
    const conv_linear *out = &layer->matrix[CONV_ATTENTION_OUT];
    size_t tokens = forward->texts->tokens;

    conv_pack_panels(forward->panels, out->weights, out->cols, out->depth);
    if (inputs)
        conv_inputs_add(forward->machine, inputs, forward->attention_output, tokens);
    for (size_t row = 0; row < tokens; row += CHUNK_ROWS) {
        size_t rows = tokens - row < CHUNK_ROWS ? tokens - row : CHUNK_ROWS;

        conv_product(forward->machine, forward->narrow,
                     forward->attention_output + row * forward->dim, rows, forward->panels,
                     out->bias, out->cols, out->depth);
        add_and_norm(forward, row, rows, forward->narrow, &layer->attention_norm);
    }
}

static void gelu_row(void *user, size_t row, size_t worker)
{
    const conv_forward *forward = user;

    (void)worker;
    forward->machine->ops->gelu(forward->wide + row * forward->hidden_dim, forward->hidden_dim);
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

        if (inputs)
            conv_inputs_add(forward->machine, &inputs[CONV_FFN_IN], x, rows);
        conv_product(forward->machine, forward->wide, x, rows, forward->panels, in->bias, in->cols,
                     in->depth);
        conv_parallel(forward->machine->threads, rows, gelu_row, forward);
        if (inputs)
            conv_inputs_add(forward->machine, &inputs[CONV_FFN_OUT], forward->wide, rows);
        conv_product(forward->machine, forward->narrow, forward->wide, rows, out_panels, out->bias,
                     out->cols, out->depth);
        add_and_norm(forward, row, rows, forward->narrow, &layer->ffn_norm);
    }
}

void conv_forward_run_layer(conv_forward *forward, const conv_layer_weights *layer,
                            conv_inputs inputs[CONV_LAYER_MATRICES])
{
    for (size_t i = 0; i < CONV_LAYER_MATRICES && inputs; i++)
        conv_inputs_reset(&inputs[i]);
    run_attention(forward, &layer->matrix[CONV_QKV], inputs ? &inputs[CONV_QKV] : NULL);
    run_attention_out(forward, layer, inputs ? &inputs[CONV_ATTENTION_OUT] : NULL);
    run_ffn(forward, layer, inputs);
}
