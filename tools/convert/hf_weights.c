/* SPDX-License-Identifier: Apache-2.0 */
/* Finding tensors by name and checking their shapes. */
#include "tools/convert/hf_weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/format.h"
#include "model/heads.h"

enum { NAME_BYTES = 160 };

/* The file that messages name if a tensor is missing. */
static const char *weights_path(const conv_checkpoint *checkpoint)
{
    return checkpoint->index_path ? checkpoint->index_path : checkpoint->files[0].source.path;
}

static int read_named(const conv_checkpoint *checkpoint, float *out, const char *name, size_t rows,
                      size_t cols, conv_error *error)
{
    uint64_t shape[2] = {rows, cols};
    size_t rank = cols ? 2 : 1;
    const st_tensor *tensor = conv_checkpoint_find(checkpoint, name);
    char expected[64], found[128];

    st_shape_text(expected, sizeof expected, shape, rank);
    if (!tensor)
        return conv_fail(error, "%s: tensor %s: expected it with shape %s, found none",
                         weights_path(checkpoint), name, expected);
    if (tensor->rank != rank || memcmp(tensor->shape, shape, rank * sizeof shape[0]) != 0)
        return conv_fail(error, "%s: tensor %s: expected shape %s by config.json, found %s",
                         conv_checkpoint_path(checkpoint, tensor), name, expected,
                         st_shape_text(found, sizeof found, tensor->shape, tensor->rank));
    return conv_checkpoint_read(checkpoint, tensor, out, error);
}

/* Write the older name of a layer normalisation's tensor, as TensorFlow called it, if `name` is the
 * newer one. transformers renames only those that are called LayerNorm. Returns nonzero if so. */
static int older_name(char out[NAME_BYTES], const char *name)
{
    static const struct {
        const char *newer, *older;
    } ends[] = {{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}};
    size_t bytes = strlen(name);

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t end = strlen(ends[i].newer);

        if (bytes < end || strcmp(name + bytes - end, ends[i].newer) != 0)
            continue;
        snprintf(out, NAME_BYTES, "%.*s%s", (int)(bytes - end), name, ends[i].older);
        return 1;
    }
    return 0;
}

int hf_weights_read(const hf_weights *weights, float *out, const char *name, size_t rows,
                    size_t cols, conv_error *error)
{
    char full[NAME_BYTES], older[NAME_BYTES];

    snprintf(full, sizeof full, "%s%s", weights->prefix, name);
    if (!conv_checkpoint_find(&weights->checkpoint, full) && older_name(older, full) &&
        conv_checkpoint_find(&weights->checkpoint, older))
        return read_named(&weights->checkpoint, out, older, rows, cols, error);
    return read_named(&weights->checkpoint, out, full, rows, cols, error);
}

/* Compute the table of sines and cosines as transformers does when it creates a model: in double,
 * then rounded to float. */
static void compute_positions(float *out, size_t rows, size_t cols)
{
    for (size_t pos = 0; pos < rows; pos++)
        for (size_t j = 0; j < cols; j++) {
            double angle = (double)pos / pow(10000, (double)(j / 2 * 2) / (double)cols);

            out[pos * cols + j] = (float)(j % 2 ? cos(angle) : sin(angle));
        }
}

int hf_weights_read_positions(const hf_weights *weights, float *out, size_t rows, size_t cols,
                              conv_error *error)
{
    static const char name[] = "embeddings.position_embeddings.weight";
    char full[NAME_BYTES];

    snprintf(full, sizeof full, "%s%s", weights->prefix, name);
    if (!weights->config->sinusoidal || conv_checkpoint_find(&weights->checkpoint, full))
        return hf_weights_read(weights, out, name, rows, cols, error);
    compute_positions(out, rows, cols);
    return 0;
}

int hf_weights_read_head(const hf_weights *weights, float *out, const char *name, size_t rows,
                         size_t cols, conv_error *error)
{
    return read_named(&weights->checkpoint, out, name, rows, cols, error);
}

/* Set the error for a checkpoint without the weights of its output layer. If a wrapper such as
 * DataParallel put a prefix before each name, the error names it and says how to save the model
 * inside. */
static int refuse_names(const conv_checkpoint *checkpoint, const char *output, conv_error *error)
{
    static const struct {
        const char *prefix, *why;
    } wrappers[] = {
        {"module.", "torch.nn.DataParallel puts it there: save model.module.save_pretrained(dir)"},
        {"_orig_mod.", "torch.compile puts it there: save model._orig_mod.save_pretrained(dir)"},
        {"model.", "a class around the model puts it there: save model.model.save_pretrained(dir)"},
    };
    char name[NAME_BYTES];

    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
        snprintf(name, sizeof name, "%s%s", wrappers[i].prefix, output);
        if (conv_checkpoint_find(checkpoint, name))
            return conv_fail(error,
                             "%s: tensor %s: expected it, found %s: every name begins with \"%s\", "
                             "and transformers would begin with a new head. %s",
                             weights_path(checkpoint), output, name, wrappers[i].prefix,
                             wrappers[i].why);
    }
    return conv_fail(error,
                     "%s: tensor %s: expected it, found none: the checkpoint has no classification "
                     "head; fine-tune it as a sequence classifier first",
                     weights_path(checkpoint), output);
}

/* Read the labels of a head that has some: its output layer has a row for each. */
static int set_labels(const conv_checkpoint *checkpoint, hf_config *config, conv_memory *memory,
                      conv_error *error)
{
    const distil_head_tensor *output;
    const st_tensor *tensor;
    char name[NAME_BYTES];
    size_t i = 0;

    while ((output = distil_head_tensor_at(config->head_kind, i)) != NULL &&
           output->section != DISTIL_SECTION_HEAD_OUT)
        i++;
    snprintf(name, sizeof name, "%s.weight", output->tensor);
    tensor = conv_checkpoint_find(checkpoint, name);
    if (!tensor)
        return refuse_names(checkpoint, name, error);
    if (hf_config_set_labels(config, tensor->rank == 2 ? tensor->shape[0] : 0,
                             conv_checkpoint_path(checkpoint, tensor), memory, error))
        return -1;
    if (config->head_kind == DISTIL_HEAD_SPANS && config->n_labels != 2)
        return conv_fail(error, "%s: expected 2 labels for question answering, found %u",
                         config->path, config->n_labels);
    return 0;
}

/* Find the prefix from the name of the embeddings and the labels from the output layer, and refuse
 * a checkpoint with more layers than config says. */
static int check_names(hf_weights *weights, hf_config *config, conv_memory *memory,
                       conv_error *error)
{
    const conv_checkpoint *checkpoint = &weights->checkpoint;
    char name[NAME_BYTES];

    weights->prefix =
        conv_checkpoint_find(checkpoint, "embeddings.word_embeddings.weight") ? "" : "distilbert.";
    if (config->head_kind != DISTIL_HEAD_EMBEDDING && set_labels(checkpoint, config, memory, error))
        return -1;
    snprintf(name, sizeof name, "%stransformer.layer.%u.attention.q_lin.weight", weights->prefix,
             config->n_layers);
    if (conv_checkpoint_find(checkpoint, name))
        return conv_fail(error,
                         "%s: expected %u layers by n_layers of config.json, found tensor %s",
                         weights_path(checkpoint), config->n_layers, name);
    return 0;
}

int hf_weights_open(hf_weights *weights, const char *directory, hf_config *config,
                    conv_memory *memory, conv_error *error)
{
    memset(weights, 0, sizeof *weights);
    weights->config = config;
    if (conv_checkpoint_open(&weights->checkpoint, directory, error))
        return -1;
    if (check_names(weights, config, memory, error)) {
        hf_weights_close(weights);
        return -1;
    }
    return 0;
}

void hf_weights_close(hf_weights *weights)
{
    conv_checkpoint_close(&weights->checkpoint);
}

/* ---- layers --------------------------------------------------------------------------------- */

int hf_layer_init(conv_layer_weights *layer, const hf_config *config, conv_memory *memory,
                  conv_error *error)
{
    size_t dim = config->dim, hidden = config->hidden_dim;
    const size_t shapes[CONV_LAYER_MATRICES][2] = {
        {3 * dim, dim}, {dim, dim}, {hidden, dim}, {dim, hidden}};

    memset(layer, 0, sizeof *layer);
    for (size_t i = 0; i < CONV_LAYER_MATRICES; i++) {
        conv_linear *linear = &layer->matrix[i];

        linear->cols = shapes[i][0];
        linear->depth = shapes[i][1];
        linear->weights = conv_new(memory, linear->cols * linear->depth, sizeof(float), error);
        linear->bias = conv_new(memory, linear->cols, sizeof(float), error);
        if (!linear->weights || !linear->bias)
            return -1;
    }
    return 0;
}

/* Read the weights and bias of a matrix with `cols` outputs into those of *linear from output
 * `first` on: q, k and v become one matrix. */
static int read_linear(const hf_weights *weights, conv_linear *linear, size_t index,
                       const char *name, size_t first, size_t cols, conv_error *error)
{
    char full[NAME_BYTES];

    snprintf(full, sizeof full, "transformer.layer.%zu.%s.weight", index, name);
    if (hf_weights_read(weights, linear->weights + first * linear->depth, full, cols, linear->depth,
                        error))
        return -1;
    snprintf(full, sizeof full, "transformer.layer.%zu.%s.bias", index, name);
    return hf_weights_read(weights, linear->bias + first, full, cols, 0, error);
}

/* Read gamma and beta into out (2, dim). */
static int read_norm(const hf_weights *weights, conv_norm *norm, float *out, size_t index,
                     const char *name, conv_error *error)
{
    size_t dim = weights->config->dim;
    char full[NAME_BYTES];

    norm->gamma = out;
    norm->beta = out + dim;
    snprintf(full, sizeof full, "transformer.layer.%zu.%s.weight", index, name);
    if (hf_weights_read(weights, out, full, dim, 0, error))
        return -1;
    snprintf(full, sizeof full, "transformer.layer.%zu.%s.bias", index, name);
    return hf_weights_read(weights, out + dim, full, dim, 0, error);
}

int hf_layer_read(conv_layer_weights *layer, float *norms, const hf_weights *weights, size_t index,
                  conv_error *error)
{
    size_t dim = weights->config->dim, hidden = weights->config->hidden_dim;
    conv_linear *m = layer->matrix;

    if (read_linear(weights, &m[CONV_QKV], index, "attention.q_lin", 0, dim, error) ||
        read_linear(weights, &m[CONV_QKV], index, "attention.k_lin", dim, dim, error) ||
        read_linear(weights, &m[CONV_QKV], index, "attention.v_lin", 2 * dim, dim, error) ||
        read_linear(weights, &m[CONV_ATTENTION_OUT], index, "attention.out_lin", 0, dim, error) ||
        read_linear(weights, &m[CONV_FFN_IN], index, "ffn.lin1", 0, hidden, error) ||
        read_linear(weights, &m[CONV_FFN_OUT], index, "ffn.lin2", 0, dim, error))
        return -1;
    if (read_norm(weights, &layer->attention_norm, norms, index, "sa_layer_norm", error))
        return -1;
    return read_norm(weights, &layer->ffn_norm, norms + 2 * dim, index, "output_layer_norm", error);
}
