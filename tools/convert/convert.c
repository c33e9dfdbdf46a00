/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of a conversion: read the folder, quantise the embeddings, quantise layer by layer,
 * read the classification head, write the blob. */
#include "tools/convert/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/heads.h"
#include "runtime/distil.h"
#include "tools/convert/blob_writer.h"
#include "tools/convert/calibration.h"
#include "tools/convert/compensate.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/conv_parallel.h"
#include "tools/convert/forward.h"
#include "tools/convert/hf_config.h"
#include "tools/convert/hf_embedding.h"
#include "tools/convert/hf_tokenizer.h"
#include "tools/convert/hf_weights.h"
#include "tools/convert/quantizer.h"
#include "tools/convert/source_folder.h"
#include "tools/convert/source_record.h"

/* The parts of a layer's time that are over before its later stages begin, as measured with 500
 * sentences. The command estimates the remaining time by them. */
#define BEFORE_FACTORING 0.4
#define BEFORE_ROUNDING 0.5

typedef struct conversion {
    const conv_options *options;
    conv_error *error;
    conv_machine machine;
    conv_memory memory;
    conv_record record;
    hf_config config;
    hf_embedding embedding; /* filled only for a head of embeddings, but for its folder */
    hf_tokenizer tokenizer;
    hf_weights weights;
    conv_model model;
    conv_texts texts; /* filled only if options->calibrate is set */
    conv_forward forward;
    conv_inputs inputs[CONV_LAYER_MATRICES];
    conv_layer_weights layer;
    conv_ranges ranges;
    float *word; /* word embeddings of the checkpoint; freed after their last use */
    size_t layers_done;
} conversion;

/* Say that the next stage begins. `share` is the part of the present layer's work that is done. */
static void call_progress(const conversion *c, const char *what, double share)
{
    double layers = (double)c->config.n_layers;

    if (c->options->progress)
        c->options->progress(c->options->user, what,
                             layers > 0 ? ((double)c->layers_done + share) / layers : 0);
}

static float *new_floats(conversion *c, size_t count)
{
    return conv_new(&c->memory, count, sizeof(float), c->error);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int record_weights(conversion *c)
{
    const conv_checkpoint *checkpoint = &c->weights.checkpoint;
    char hex[65];

    for (size_t i = 0; i < checkpoint->file_count; i++)
        if (conv_source_sha256(&checkpoint->files[i].source, hex, c->error) ||
            conv_record_line(&c->record, c->error, "source", "%s %s", hex,
                             checkpoint->files[i].name))
            return -1;
    return 0;
}

/* Check the folder, and find the one inside it that has the DistilBERT: an embedding model of the
 * first versions of sentence-transformers has it in a folder of its own. */
static int find_folders(conversion *c)
{
    const char *directory = c->options->directory;

    if (conv_record_line(&c->record, c->error, "converter", "distil %s", distil_version()) ||
        hf_embedding_find(&c->embedding, directory, &c->memory, &c->record, c->error) ||
        conv_folder_check(c->embedding.folder, c->error))
        return -1;
    return conv_output_check(directory, c->options->output, c->options->calibrate, c->error);
}

/* Read what a head of embeddings has beside the DistilBERT. */
static int read_modules(conversion *c)
{
    const char *directory = c->options->directory;

    if (c->config.head_kind != DISTIL_HEAD_EMBEDDING)
        return 0;
    if (hf_embedding_read(&c->embedding, directory, &c->config, &c->tokenizer, &c->memory,
                          &c->record, c->error))
        return -1;
    return hf_embedding_read_dense(&c->embedding, &c->model.head[0], directory, c->config.dim,
                                   &c->memory, &c->record, c->error);
}

static int read_folder(conversion *c)
{
    const char *directory;

    call_progress(c, "reading", 0);
    if (find_folders(c))
        return -1;
    directory = c->embedding.folder;
    if (hf_config_read(&c->config, directory, c->embedding.has_modules, &c->memory, &c->record,
                       c->error) ||
        hf_tokenizer_read(&c->tokenizer, directory, &c->config, &c->memory, &c->record, c->error) ||
        read_modules(c) ||
        hf_weights_open(&c->weights, directory, &c->config, &c->memory, c->error) ||
        record_weights(c) ||
        conv_record_line(&c->record, c->error, "rounding", "%s",
                         c->options->calibrate ? "compensated" : "nearest"))
        return -1;
    if (!c->options->calibrate)
        return 0;
    return conv_texts_read(&c->texts, c->options->calibrate, &c->tokenizer, c->tokenizer.max_tokens,
                           &c->memory, &c->record, c->error);
}

/* Copy the configuration and the tokenizer into the model. */
static void set_model_fields(conversion *c)
{
    conv_model *m = &c->model;
    const hf_config *config = &c->config;
    const hf_tokenizer *t = &c->tokenizer;

    m->dim = config->dim;
    m->hidden_dim = config->hidden_dim;
    m->n_layers = config->n_layers;
    m->n_heads = config->n_heads;
    m->vocab_size = config->vocab_size;
    m->max_positions = config->max_positions;
    m->n_labels = config->n_labels;
    m->layer_norm_eps = CONV_LAYER_NORM_EPS;
    m->labels = config->labels;
    m->tokenizer_flags = t->flags;
    m->max_word_chars = t->max_word_chars;
    m->pad_id = t->pad_id;
    m->unk_id = t->unk_id;
    m->cls_id = t->cls_id;
    m->sep_id = t->sep_id;
    m->mask_id = t->mask_id;
    m->tokens = t->tokens;
    m->token_bytes = t->token_bytes;
    m->specials = t->specials;
    m->head_kind = config->head_kind;
    m->embedding = c->embedding.bits;
    m->function = hf_config_function(config);
    m->rank_function = config->rank_function;
    m->activation = DISTIL_BLOB_ACTIVATION_GELU;
    m->max_tokens = t->max_tokens;
    m->special_count = t->special_count;
    m->provenance = c->record.text;
}

/* ---- embeddings ----------------------------------------------------------------------------- */

typedef struct counted {
    uint64_t frequency;
    uint32_t id;
} counted;

static int by_frequency(const void *a, const void *b)
{
    const counted *x = a;
    const counted *y = b;

    if (x->frequency != y->frequency)
        return x->frequency > y->frequency ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Choose the row of each id in the embedding table. Frequent tokens come first, so that the rows of
 * one text lie on few pages. Without calibration texts the order is that of the ids, since a
 * WordPiece vocabulary goes from frequent to rare tokens. Returns NULL without memory. */
static uint32_t *order_rows(conversion *c)
{
    uint32_t size = c->config.vocab_size;
    uint32_t *row = conv_new(&c->memory, size, sizeof *row, c->error);
    counted *ranks = conv_new(&c->memory, size, sizeof *ranks, c->error);

    if (!row || !ranks)
        return NULL;
    for (uint32_t id = 0; id < size; id++) {
        ranks[id].frequency = c->texts.frequency ? c->texts.frequency[id] : 0;
        ranks[id].id = id;
    }
    qsort(ranks, size, sizeof ranks[0], by_frequency);
    for (uint32_t i = 0; i < size; i++)
        row[ranks[i].id] = i;
    return row;
}

/* Read the embeddings, quantise them, and look up those of the calibration texts in float. */
static int read_embeddings(conversion *c)
{
    size_t size = c->config.vocab_size, dim = c->config.dim, positions = c->config.max_positions;
    float *position = new_floats(c, positions * dim);
    float *norm = new_floats(c, 2 * dim);
    float *scale = new_floats(c, size);
    int8_t *rows = conv_new(&c->memory, size, dim, c->error);
    uint32_t *row = order_rows(c);

    c->word = malloc(size * dim * sizeof(float));
    if (!position || !norm || !scale || !rows || !row)
        return -1;
    if (!c->word)
        return conv_fail(c->error, "out of memory for %zu embeddings", size);
    if (hf_weights_read(&c->weights, c->word, "embeddings.word_embeddings.weight", size, dim,
                        c->error) ||
        hf_weights_read_positions(&c->weights, position, positions, dim, c->error) ||
        hf_weights_read(&c->weights, norm, "embeddings.LayerNorm.weight", dim, 0, c->error) ||
        hf_weights_read(&c->weights, norm + dim, "embeddings.LayerNorm.bias", dim, 0, c->error))
        return -1;
    conv_quantize_rows(rows, scale, c->word, row, size, dim);
    c->model.embed_row = row;
    c->model.embed_scale = scale;
    c->model.embed_word = rows;
    c->model.embed_position = position;
    c->model.embed_norm.gamma = norm;
    c->model.embed_norm.beta = norm + dim;
    if (c->options->calibrate && conv_forward_init(&c->forward, &c->machine, &c->texts, &c->model,
                                                   c->word, &c->memory, c->error))
        return -1;
    free(c->word);
    c->word = NULL;
    return 0;
}

/* ---- layers --------------------------------------------------------------------------------- */

/* Run the sentences through a layer, and factor the statistics of its matrices' inputs. */
static int gather_inputs(conversion *c)
{
    call_progress(c, "running the sentences", 0);
    conv_forward_run_layer(&c->forward, &c->layer, c->inputs);
    call_progress(c, "factoring", BEFORE_FACTORING);
    for (size_t i = 0; i < CONV_LAYER_MATRICES; i++)
        if (conv_inputs_factor(&c->machine, &c->inputs[i], c->error))
            return -1;
    return 0;
}

static int convert_layer(conversion *c, size_t index)
{
    conv_layer *out = &c->model.layers[index];
    conv_matrix *const matrices[CONV_LAYER_MATRICES] = {&out->qkv, &out->attention_out,
                                                        &out->ffn_in, &out->ffn_out};
    float *norms = new_floats(c, 4 * (size_t)c->config.dim);
    conv_task tasks[CONV_LAYER_MATRICES];

    call_progress(c, "reading weights", 0);
    if (!norms || hf_layer_read(&c->layer, norms, &c->weights, index, c->error) ||
        (c->options->calibrate && gather_inputs(c)))
        return -1;
    call_progress(c, "rounding", c->options->calibrate ? BEFORE_ROUNDING : 0);
    for (size_t i = 0; i < CONV_LAYER_MATRICES; i++) {
        const conv_linear *linear = &c->layer.matrix[i];

        matrices[i]->cols = linear->cols;
        matrices[i]->depth = linear->depth;
        tasks[i] = (conv_task){.matrix = matrices[i],
                               .weights = linear->weights,
                               .bias = linear->bias,
                               .inputs = c->options->calibrate ? &c->inputs[i] : NULL,
                               .seed = index * CONV_LAYER_MATRICES + i};
    }
    if (conv_quantize(&c->machine, tasks, CONV_LAYER_MATRICES, &c->memory, &c->ranges, c->error))
        return -1;
    c->layers_done++;
    out->attention_norm = c->layer.attention_norm;
    out->ffn_norm = c->layer.ffn_norm;
    return 0;
}

static int convert_layers(conversion *c)
{
    if (hf_layer_init(&c->layer, &c->config, &c->memory, c->error))
        return -1;
    for (size_t i = 0; i < CONV_LAYER_MATRICES && c->options->calibrate; i++)
        if (conv_inputs_init(&c->inputs[i], c->layer.matrix[i].depth, c->error))
            return -1;
    for (size_t i = 0; i < c->config.n_layers; i++)
        if (convert_layer(c, i))
            return -1;
    return 0;
}

/* ---- head ----------------------------------------------------------------------------------- */

/* Read a weight matrix, stored as (outputs, inputs), and return it as (inputs, outputs). */
static float *read_transposed(conversion *c, const char *name, size_t rows, size_t cols)
{
    float *stored = new_floats(c, rows * cols);
    float *out = new_floats(c, rows * cols);

    if (!stored || !out || hf_weights_read_head(&c->weights, stored, name, rows, cols, c->error))
        return NULL;
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < cols; k++)
            out[k * rows + r] = stored[r * cols + k];
    return out;
}

/* Read the affine layers that the table of heads names. */
static int read_head(conversion *c)
{
    const distil_head_tensor *tensor;

    if (c->config.head_kind == DISTIL_HEAD_EMBEDDING)
        return 0; /* read_modules has read its layer */
    for (size_t i = 0; (tensor = distil_head_tensor_at(c->model.head_kind, i)) != NULL; i++) {
        size_t dim = c->config.dim;
        size_t outputs = tensor->outputs == DISTIL_HEAD_WIDTH_DIM ? dim : c->config.n_labels;
        float *bias = new_floats(c, outputs);
        char name[64];

        snprintf(name, sizeof name, "%s.weight", tensor->tensor);
        c->model.head[i].weight = read_transposed(c, name, outputs, dim);
        c->model.head[i].bias = bias;
        snprintf(name, sizeof name, "%s.bias", tensor->tensor);
        if (!c->model.head[i].weight || !bias ||
            hf_weights_read_head(&c->weights, bias, name, outputs, 0, c->error))
            return -1;
    }
    return 0;
}

/* ---- conversion ----------------------------------------------------------------------------- */

static int convert_folder(conversion *c)
{
    if (read_folder(c))
        return -1;
    set_model_fields(c);
    if (read_embeddings(c) || convert_layers(c) || read_head(c))
        return -1;
    call_progress(c, "writing", 0);
    return conv_blob_write(c->options->output, &c->model, c->error);
}

static void summarise(conv_summary *summary, const conversion *c)
{
    struct stat status;

    memset(summary, 0, sizeof *summary);
    if (stat(c->options->output, &status) == 0)
        summary->blob_bytes = (uint64_t)status.st_size;
    summary->dim = c->config.dim;
    summary->hidden_dim = c->config.hidden_dim;
    summary->n_layers = c->config.n_layers;
    summary->n_heads = c->config.n_heads;
    summary->vocab_size = c->config.vocab_size;
    summary->n_labels = c->config.n_labels;
    summary->gives_labels = c->config.head_kind == DISTIL_HEAD_SEQUENCE;
    summary->task = distil_head_of_kind(c->config.head_kind)->text;
    summary->has_labels = summary->gives_labels || c->config.head_kind == DISTIL_HEAD_TOKENS;
    summary->mean_range = c->ranges.sum / (double)c->ranges.columns;
    summary->texts = c->texts.count;
    summary->tokens = c->texts.tokens;
}

int conv_convert(const conv_options *options, conv_summary *summary, conv_error *error)
{
    conversion *c = calloc(1, sizeof *c);
    int failed;

    if (!c)
        return conv_fail(error, "out of memory");
    c->options = options;
    c->error = error;
    c->machine.ops = conv_ops_best();
    c->machine.threads = options->threads > 0 ? options->threads : 1;
    if (c->machine.threads > CONV_MAX_THREADS)
        c->machine.threads = CONV_MAX_THREADS;
    failed = convert_folder(c);
    if (!failed && summary)
        summarise(summary, c);
    for (size_t i = 0; i < CONV_LAYER_MATRICES; i++)
        conv_inputs_free(&c->inputs[i]);
    free(c->word);
    hf_weights_close(&c->weights);
    conv_memory_free(&c->memory);
    free(c);
    return failed ? -1 : 0;
}
