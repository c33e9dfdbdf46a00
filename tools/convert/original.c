/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts are gathered until they have BATCH_TOKENS tokens and then go through the model together,
 * layer by layer. A layer's weights are read anew for each batch, so that memory holds one layer.
 */
#include "tools/convert/original.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/heads.h"
#include "runtime/base/strict_float.h"
#include "tools/convert/blob_writer.h"
#include "tools/convert/calibration.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/conv_parallel.h"
#include "tools/convert/dense_math.h"
#include "tools/convert/forward.h"
#include "tools/convert/hf_config.h"
#include "tools/convert/hf_tokenizer.h"
#include "tools/convert/hf_weights.h"
#include "tools/convert/source_folder.h"
#include "tools/convert/source_record.h"

enum { BATCH_TOKENS = 16384 };

/* One affine layer of the classification head. */
typedef struct head_layer {
    float *weight; /* (outputs, dim) */
    float *bias;   /* (outputs) */
    size_t outputs;
} head_layer;

struct conv_original {
    conv_memory memory;
    conv_record record;
    conv_machine machine;
    hf_config config;
    hf_tokenizer checkpoint_tokenizer;
    distil_tokenizer tokenizer;
    hf_weights weights;
    conv_model model; /* the embeddings and the shape; the forward pass reads no other field */
    float *word;      /* (vocab_size, dim) */
    conv_layer_weights layer;
    float *norms; /* (4, dim) of the present layer */
    head_layer head[DISTIL_HEAD_MAX_TENSORS];
    size_t head_layers;
    conv_texts batch;   /* the texts that have not yet gone through the model */
    size_t batch_room;  /* texts for which batch.lengths has room */
    size_t texts, room; /* texts with results, and texts for which the arrays have room */
    float *logits;      /* (texts, n_labels) */
    size_t *tokens;     /* (texts) */
};

/* ---- opening -------------------------------------------------------------------------------- */

static int read_embeddings(conv_original *o, conv_error *error)
{
    size_t size = o->config.vocab_size, dim = o->config.dim, positions = o->config.max_positions;
    float *position = conv_new(&o->memory, positions * dim, sizeof *position, error);
    float *norm = conv_new(&o->memory, 2 * dim, sizeof *norm, error);

    o->word = conv_new(&o->memory, size * dim, sizeof o->word[0], error);
    o->norms = conv_new(&o->memory, 4 * dim, sizeof o->norms[0], error);
    if (!position || !norm || !o->word || !o->norms ||
        hf_weights_read(&o->weights, o->word, "embeddings.word_embeddings.weight", size, dim,
                        error) ||
        hf_weights_read_positions(&o->weights, position, positions, dim, error) ||
        hf_weights_read(&o->weights, norm, "embeddings.LayerNorm.weight", dim, 0, error) ||
        hf_weights_read(&o->weights, norm + dim, "embeddings.LayerNorm.bias", dim, 0, error))
        return -1;
    o->model.embed_position = position;
    o->model.embed_norm.gamma = norm;
    o->model.embed_norm.beta = norm + dim;
    return 0;
}

static int read_head(conv_original *o, conv_error *error)
{
    const distil_head_tensor *tensor;
    size_t dim = o->config.dim;

    for (size_t i = 0; (tensor = distil_head_tensor_at(DISTIL_HEAD_SEQUENCE, i)) != NULL; i++) {
        head_layer *layer = &o->head[i];
        char name[64];

        layer->outputs = tensor->outputs == DISTIL_HEAD_WIDTH_DIM ? dim : o->config.n_labels;
        layer->weight = conv_new(&o->memory, layer->outputs * dim, sizeof(float), error);
        layer->bias = conv_new(&o->memory, layer->outputs, sizeof(float), error);
        if (!layer->weight || !layer->bias)
            return -1;
        (void)snprintf(name, sizeof name, "%s.weight", tensor->tensor);
        if (hf_weights_read_head(&o->weights, layer->weight, name, layer->outputs, dim, error))
            return -1;
        (void)snprintf(name, sizeof name, "%s.bias", tensor->tensor);
        if (hf_weights_read_head(&o->weights, layer->bias, name, layer->outputs, 0, error))
            return -1;
        o->head_layers = i + 1;
    }
    return 0;
}

/* Refuse a checkpoint that gives no labels to texts. */
static int check_head(const conv_original *o, conv_error *error)
{
    if (o->config.head_kind == DISTIL_HEAD_SEQUENCE)
        return 0;
    return conv_fail(error, "%s: expected a sequence classifier, found one for %s", o->config.path,
                     distil_head_of_kind(o->config.head_kind)->text);
}

static int read_folder(conv_original *o, const char *directory, conv_error *error)
{
    if (conv_folder_check(directory, error) ||
        hf_config_read(&o->config, directory, 0, &o->memory, &o->record, error) ||
        check_head(o, error) ||
        hf_tokenizer_read(&o->checkpoint_tokenizer, directory, &o->config, &o->memory, &o->record,
                          error) ||
        hf_weights_open(&o->weights, directory, &o->config, &o->memory, error) ||
        conv_tokenizer_make(&o->tokenizer, &o->checkpoint_tokenizer, &o->memory, error))
        return -1;
    o->model.dim = o->config.dim;
    o->model.hidden_dim = o->config.hidden_dim;
    o->model.n_heads = o->config.n_heads;
    o->model.layer_norm_eps = CONV_LAYER_NORM_EPS;
    o->batch.ids = conv_new(&o->memory, BATCH_TOKENS + o->checkpoint_tokenizer.max_tokens,
                            sizeof o->batch.ids[0], error);
    if (!o->batch.ids || read_embeddings(o, error) || read_head(o, error) ||
        hf_layer_init(&o->layer, &o->config, &o->memory, error))
        return -1;
    return 0;
}

conv_original *conv_original_open(const char *directory, size_t threads, conv_error *error)
{
    conv_original *o = calloc(1, sizeof *o);

    if (!o) {
        (void)conv_fail(error, "out of memory");
        return NULL;
    }
    o->machine.ops = conv_ops_best();
    o->machine.threads = threads < CONV_MAX_THREADS ? threads : CONV_MAX_THREADS;
    if (read_folder(o, directory, error)) {
        conv_original_close(o);
        return NULL;
    }
    return o;
}

void conv_original_close(conv_original *original)
{
    if (!original)
        return;
    hf_weights_close(&original->weights);
    conv_memory_free(&original->memory);
    free(original->batch.lengths);
    free(original->logits);
    free(original->tokens);
    free(original);
}

size_t conv_original_labels(const conv_original *original, const char *const **names)
{
    if (names)
        *names = original->config.labels;
    return original->config.n_labels;
}

conv_shape conv_original_shape(const conv_original *original)
{
    const hf_config *c = &original->config;

    return (conv_shape){c->n_layers, c->dim, c->hidden_dim, c->vocab_size, c->max_positions};
}

/* ---- running -------------------------------------------------------------------------------- */

/* Run the classification head on the residual of a text's first token. x and y have dim floats. */
static void run_head(const conv_original *o, float *logits, const float *row, float *x, float *y)
{
    size_t dim = o->config.dim;

    memcpy(x, row, dim * sizeof x[0]);
    for (size_t i = 0; i < o->head_layers; i++) {
        const head_layer *layer = &o->head[i];
        int last = i + 1 == o->head_layers;
        float *out = last ? logits : y;

        for (size_t n = 0; n < layer->outputs; n++) {
            double sum = (double)layer->bias[n];

            for (size_t k = 0; k < dim; k++)
                sum += (double)layer->weight[n * dim + k] * (double)x[k];
            out[n] = last || sum > 0 ? (float)sum : 0; /* ReLU between the layers */
        }
        if (!last)
            memcpy(x, y, dim * sizeof x[0]);
    }
}

/* Make room for the results of the batch. */
static int grow_results(conv_original *o, conv_error *error)
{
    size_t room = 2 * (o->texts + o->batch.count);
    float *logits;
    size_t *tokens;

    if (o->texts + o->batch.count <= o->room)
        return 0;
    logits = realloc(o->logits, room * o->config.n_labels * sizeof *logits);
    o->logits = logits ? logits : o->logits;
    tokens = realloc(o->tokens, room * sizeof *tokens);
    o->tokens = tokens ? tokens : o->tokens;
    if (!logits || !tokens)
        return conv_fail(error, "out of memory for the logits of %zu texts", room);
    o->room = room;
    return 0;
}

static int run_batch(conv_original *o, conv_memory *memory, conv_error *error)
{
    size_t dim = o->config.dim, row = 0;
    float *scratch = conv_new(memory, 2 * dim, sizeof *scratch, error);
    conv_forward forward;

    if (!scratch || grow_results(o, error) ||
        conv_forward_init(&forward, &o->machine, &o->batch, &o->model, o->word, memory, error))
        return -1;
    forward.exact = 1;
    for (size_t i = 0; i < o->config.n_layers; i++) {
        if (hf_layer_read(&o->layer, o->norms, &o->weights, i, error))
            return -1;
        conv_forward_run_layer(&forward, &o->layer, NULL);
    }
    for (size_t t = 0; t < o->batch.count; t++, o->texts++) {
        run_head(o, o->logits + o->texts * o->config.n_labels, forward.residual + row * dim,
                 scratch, scratch + dim);
        o->tokens[o->texts] = o->batch.lengths[t];
        row += o->batch.lengths[t];
    }
    o->batch.count = 0;
    o->batch.tokens = 0;
    return 0;
}

int conv_original_finish(conv_original *original, conv_error *error)
{
    conv_memory memory = {0};
    int failed = original->batch.count > 0 && run_batch(original, &memory, error);

    conv_memory_free(&memory);
    return failed ? -1 : 0;
}

int conv_original_add(conv_original *original, const char *text, size_t bytes, conv_error *error)
{
    conv_texts *batch = &original->batch;

    if (batch->count == original->batch_room) {
        size_t room = original->batch_room ? 2 * original->batch_room : 1024;
        size_t *lengths = realloc(batch->lengths, room * sizeof *lengths);

        if (!lengths)
            return conv_fail(error, "out of memory for %zu texts", room);
        batch->lengths = lengths;
        original->batch_room = room;
    }
    batch->lengths[batch->count] =
        conv_tokenize(&original->tokenizer, batch->ids + batch->tokens,
                      original->checkpoint_tokenizer.max_tokens, text, bytes);
    batch->tokens += batch->lengths[batch->count++];
    return batch->tokens < BATCH_TOKENS ? 0 : conv_original_finish(original, error);
}

size_t conv_original_texts(const conv_original *original)
{
    return original->texts;
}

const float *conv_original_logits(const conv_original *original)
{
    return original->logits;
}

const size_t *conv_original_tokens(const conv_original *original)
{
    return original->tokens;
}
