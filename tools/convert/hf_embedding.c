/* SPDX-License-Identifier: Apache-2.0 */
/* Reads modules.json of sentence-transformers and the folders that it names. */
#include "tools/convert/hf_embedding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/format.h"
#include "tools/convert/checkpoint.h"
#include "tools/convert/hf_json.h"
#include "tools/convert/source_file.h"

enum { PATH_BYTES = 256 };

/* ---- modules -------------------------------------------------------------------------------- */

/* The kinds of modules in the order in which they may follow one another. */
typedef enum module_kind { TRANSFORMER, POOLING, DENSE, NORMALIZE, MODULE_KINDS } module_kind;

static const char *const kind_names[MODULE_KINDS] = {"Transformer", "Pooling", "Dense",
                                                     "Normalize"};

/* Returns the kind of a module by the last word of its class, or MODULE_KINDS. The first versions
 * of sentence-transformers had a class for each architecture. */
static module_kind kind_of(const char *type)
{
    const char *dot = strrchr(type, '.');
    const char *name = dot ? dot + 1 : type;

    if (strncmp(type, "sentence_transformers.", strlen("sentence_transformers.")) != 0)
        return MODULE_KINDS;
    if (strcmp(name, "DistilBERT") == 0)
        return TRANSFORMER;
    for (int kind = TRANSFORMER; kind < MODULE_KINDS; kind++)
        if (strcmp(name, kind_names[kind]) == 0)
            return (module_kind)kind;
    return MODULE_KINDS;
}

/* Read the path of a module, which is the name of a folder inside the one of modules.json, or empty
 * for that folder itself. Returns NULL with *error filled if it is anything else. */
static const char *read_path(const hf_json *json, json_value module, conv_memory *memory,
                             conv_error *error)
{
    json_value value;
    const char *path;

    if (!hf_json_member(module, "path", &value)) {
        conv_fail(error, "%s: expected a path in each module, found none", json->path);
        return NULL;
    }
    path = hf_json_text(value, json, "path", memory, error);
    if (!path)
        return NULL;
    if (strchr(path, '/') || strcmp(path, "..") == 0 || strlen(path) > PATH_BYTES / 2) {
        conv_fail(error, "%s: expected the name of a folder beside it as path, found %.100s",
                  json->path, path);
        return NULL;
    }
    return path;
}

/* Add a module. `last` is the kind of the one before it, or -1 for the first. Returns its kind, or
 * -1 with *error filled. */
static int add_module(hf_embedding *embedding, const hf_json *json, json_value module, int last,
                      conv_memory *memory, conv_error *error)
{
    json_value value;
    const char *type, *path;
    module_kind kind;

    if (!hf_json_member(module, "type", &value))
        return conv_fail(error, "%s: expected a type in each module, found none", json->path);
    type = hf_json_text(value, json, "type", memory, error);
    path = type ? read_path(json, module, memory, error) : NULL;
    if (!path)
        return -1;
    kind = kind_of(type);
    if (kind == MODULE_KINDS || (int)kind <= last || (last < POOLING && (int)kind != last + 1))
        return conv_fail(error,
                         "%s: expected the modules Transformer, Pooling and then perhaps Dense and "
                         "Normalize of sentence-transformers, found %.100s: the vectors of this "
                         "model cannot be computed exactly",
                         json->path, type);
    if (kind == TRANSFORMER)
        embedding->folder = path;
    else if (kind == POOLING)
        embedding->pooling = path;
    else if (kind == DENSE)
        embedding->dense = path;
    else
        embedding->bits |= DISTIL_BLOB_EMBEDDING_NORMALIZE;
    return (int)kind;
}

/* Returns "directory/name" in memory, or the directory itself for an empty name; NULL with *error
 * filled without memory. */
static const char *join(const char *directory, const char *name, conv_memory *memory,
                        conv_error *error)
{
    size_t bytes = strlen(directory) + strlen(name) + 2;
    char *path;

    if (name[0] == '\0')
        return directory;
    path = conv_new(memory, bytes, 1, error);
    if (path)
        (void)snprintf(path, bytes, "%s/%s", directory, name);
    return path;
}

int hf_embedding_find(hf_embedding *embedding, const char *directory, conv_memory *memory,
                      conv_record *record, conv_error *error)
{
    hf_json json;
    json_iter iter;
    int last = -1;
    int found = hf_json_open_array(&json, directory, "modules.json", memory, record, error);

    memset(embedding, 0, sizeof *embedding);
    embedding->folder = directory;
    if (found <= 0)
        return found;
    embedding->folder = "";
    json_iter_init(&iter, json.root);
    while (json_iter_next(&iter)) {
        last = add_module(embedding, &json, iter.value, last, memory, error);
        if (last < 0)
            return -1;
    }
    /* Without a Pooling it is a model of another kind, such as a CrossEncoder. */
    embedding->has_modules = last >= POOLING;
    embedding->folder = join(directory, embedding->folder, memory, error);
    return embedding->folder ? 0 : -1;
}

/* ---- configuration -------------------------------------------------------------------------- */

/* Open config.json of a module's folder. Returns 0, or -1 with *error filled. */
static int open_module(hf_json *json, const char *directory, const char *folder,
                       conv_memory *memory, conv_record *record, conv_error *error)
{
    char name[PATH_BYTES];
    int found;

    (void)snprintf(name, sizeof name, "%s%sconfig.json", folder, folder[0] ? "/" : "");
    found = hf_json_open(json, directory, name, memory, record, error);
    if (found == 0)
        return conv_fail(error, "%s/%s: expected this file, as modules.json says, found none",
                         directory, name);
    return found < 0 ? -1 : 0;
}

/* The poolings by their names in pooling_mode, and the member that older versions have instead. */
static const struct {
    const char *mode, *flag;
    uint32_t pooling; /* 0: it cannot be converted */
} poolings[] = {
    {"cls", "pooling_mode_cls_token", DISTIL_BLOB_POOLING_CLS},
    {"mean", "pooling_mode_mean_tokens", DISTIL_BLOB_POOLING_MEAN},
    {"max", "pooling_mode_max_tokens", DISTIL_BLOB_POOLING_MAX},
    {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", 0},
    {"weightedmean", "pooling_mode_weightedmean_tokens", 0},
    {"lasttoken", "pooling_mode_lasttoken", 0},
};
enum { POOLINGS = sizeof poolings / sizeof poolings[0], MEAN_INDEX = 1 };

/* Set *chosen to the indices in `poolings` that the configuration names, as bits. If it names none,
 * it is the mean. */
static int read_poolings(unsigned *chosen, const hf_json *json, conv_error *error)
{
    json_value mode;
    char found[64];

    *chosen = 0;
    if (hf_json_member(json->root, "pooling_mode", &mode)) {
        for (size_t i = 0; i < POOLINGS; i++)
            if (json_string_is(mode, poolings[i].mode))
                *chosen |= 1u << i;
        if (*chosen == 0)
            return conv_fail(error, "%s: expected cls, mean or max as pooling_mode, found %s",
                             json->path, hf_json_excerpt(found, mode));
        return 0;
    }
    for (size_t i = 0; i < POOLINGS; i++) {
        int flag = 0;

        if (hf_json_flag(&flag, json, json->root, poolings[i].flag, error))
            return -1;
        *chosen |= (unsigned)(flag != 0) << i;
    }
    if (*chosen == 0)
        *chosen = 1u << MEAN_INDEX;
    return 0;
}

static int read_pooling(hf_embedding *embedding, const char *directory, const hf_config *config,
                        conv_memory *memory, conv_record *record, conv_error *error)
{
    hf_json json;
    json_value value;
    const char *width = "word_embedding_dimension";
    unsigned chosen;
    uint32_t dim;

    if (open_module(&json, directory, embedding->pooling, memory, record, error) ||
        read_poolings(&chosen, &json, error))
        return -1;
    for (size_t i = 0; i < POOLINGS; i++)
        if (chosen == 1u << i && poolings[i].pooling != 0) {
            embedding->bits |= poolings[i].pooling;
            if (!hf_json_member(json.root, width, &value))
                width = "embedding_dimension";
            if (hf_json_count(&dim, &json, json.root, width, 1, DISTIL_BLOB_MAX_DIM, error))
                return -1;
            return dim == config->dim
                       ? 0
                       : conv_fail(error, "%s: expected %s %u, as the model has, found %u",
                                   json.path, width, config->dim, dim);
        }
    return conv_fail(error,
                     "%s: expected one pooling, which is cls, mean or max; found another one or "
                     "several: such vectors cannot be computed",
                     json.path);
}

/* Read what follows the dense layer: tanh, if the configuration does not say it. */
static int read_activation(hf_embedding *embedding, const hf_json *json, conv_error *error)
{
    static const struct {
        const char *name;
        uint32_t dense;
    } names[] = {{"torch.nn.modules.linear.Identity", DISTIL_BLOB_DENSE_IDENTITY},
                 {"torch.nn.modules.activation.Tanh", DISTIL_BLOB_DENSE_TANH},
                 {"torch.nn.modules.activation.ReLU", DISTIL_BLOB_DENSE_RELU},
                 {"torch.nn.modules.activation.Sigmoid", DISTIL_BLOB_DENSE_SIGMOID}};
    uint32_t dense = DISTIL_BLOB_DENSE_TANH;
    json_value value;
    char found[64];
    size_t i = 0;

    if (hf_json_member(json->root, "activation_function", &value)) {
        while (i < sizeof names / sizeof names[0] && !json_string_is(value, names[i].name))
            i++;
        if (i == sizeof names / sizeof names[0])
            return conv_fail(error,
                             "%s: expected Identity, Tanh, ReLU or Sigmoid of torch.nn.modules as "
                             "activation_function, found %s",
                             json->path, hf_json_excerpt(found, value));
        dense = names[i].dense;
    }
    embedding->bits |= DISTIL_BLOB_EMBEDDING_DENSE | dense << DISTIL_BLOB_EMBEDDING_DENSE_SHIFT;
    return 0;
}

static int read_dense_config(hf_embedding *embedding, const char *directory,
                             const hf_config *config, conv_memory *memory, conv_record *record,
                             conv_error *error)
{
    hf_json json;
    json_value value;
    uint32_t inputs;
    int residual = 0;

    if (!embedding->dense)
        return 0;
    if (open_module(&json, directory, embedding->dense, memory, record, error) ||
        hf_json_flag(&residual, &json, json.root, "use_residual", error) ||
        hf_json_count(&inputs, &json, json.root, "in_features", 1, DISTIL_BLOB_MAX_DIM, error) ||
        hf_json_count(&embedding->outputs, &json, json.root, "out_features", 1,
                      DISTIL_BLOB_MAX_LABELS, error) ||
        read_activation(embedding, &json, error))
        return -1;
    if (residual || (hf_json_member(json.root, "module_input_name", &value) &&
                     !json_string_is(value, "sentence_embedding")))
        return conv_fail(error,
                         "%s: expected a layer of sentence_embedding without a residual: the "
                         "vectors of this model cannot be computed",
                         json.path);
    if (inputs != config->dim)
        return conv_fail(error, "%s: expected %u in_features, as the model has, found %u",
                         json.path, config->dim, inputs);
    return 0;
}

/* Read the greatest length of a text from the configuration of the DistilBERT's module. A folder
 * that lower-cases texts before a tokenizer with case is refused, since Python's lower casing is
 * not the tokenizer's. */
static int read_limits(const hf_embedding *embedding, hf_tokenizer *tokenizer, conv_memory *memory,
                       conv_record *record, conv_error *error)
{
    static const char *const names[] = {"sentence_bert_config.json",
                                        "sentence_distilbert_config.json"};
    hf_json json;
    json_value value;
    char text[64];
    uint32_t most;
    int found = 0, lower = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && found == 0; i++)
        found = hf_json_open(&json, embedding->folder, names[i], memory, record, error);
    if (found <= 0)
        return found;
    if (hf_json_flag(&lower, &json, json.root, "do_lower_case", error))
        return -1;
    if (lower && !(tokenizer->flags & DISTIL_BLOB_TOK_LOWERCASE))
        return conv_fail(error,
                         "%s: expected do_lower_case false for a tokenizer with case, found true",
                         json.path);
    if (hf_json_member(json.root, "transformer_task", &value) &&
        !json_string_is(value, "feature-extraction"))
        return conv_fail(error, "%s: expected feature-extraction as transformer_task, found %s",
                         json.path, hf_json_excerpt(text, value));
    if (hf_json_member(json.root, "processing_kwargs", &value))
        return conv_fail(error,
                         "%s: expected no processing_kwargs, found %s: set them in the tokenizer "
                         "instead, or remove them",
                         json.path, hf_json_excerpt(text, value));
    if (!hf_json_member(json.root, "max_seq_length", &value))
        return 0;
    if (hf_json_count(&most, &json, json.root, "max_seq_length", DISTIL_BLOB_MIN_TOKENS, UINT32_MAX,
                      error))
        return -1;
    if (most < tokenizer->max_tokens)
        tokenizer->max_tokens = most;
    return 0;
}

/* Refuse a prompt that encode() would put before each text by itself. */
static int check_prompts(const char *directory, conv_memory *memory, conv_record *record,
                         conv_error *error)
{
    static const char name[] = "config_sentence_transformers.json";
    hf_json json;
    json_value value;
    char found[64];
    int there = hf_json_open(&json, directory, name, memory, record, error);

    if (there <= 0)
        return there;
    if (!hf_json_member(json.root, "default_prompt_name", &value))
        return 0;
    return conv_fail(error,
                     "%s: expected no default_prompt_name, found %s: a blob has no prompts; set it "
                     "to null, and put the prompt before the texts yourself",
                     json.path, hf_json_excerpt(found, value));
}

int hf_embedding_read(hf_embedding *embedding, const char *directory, hf_config *config,
                      hf_tokenizer *tokenizer, conv_memory *memory, conv_record *record,
                      conv_error *error)
{
    embedding->outputs = config->dim;
    if (!embedding->has_modules)
        embedding->bits = DISTIL_BLOB_POOLING_MEAN;
    else if (read_pooling(embedding, directory, config, memory, record, error) ||
             read_dense_config(embedding, directory, config, memory, record, error) ||
             read_limits(embedding, tokenizer, memory, record, error) ||
             check_prompts(directory, memory, record, error))
        return -1;
    return hf_config_set_outputs(config, embedding->outputs, memory, error);
}

/* ---- weights -------------------------------------------------------------------------------- */

/* Read a tensor of shape (rows, cols), or (rows) if cols is 0. Returns it as (cols, rows), or NULL
 * with *error filled. */
static float *read_transposed(const conv_checkpoint *checkpoint, const char *name, size_t rows,
                              size_t cols, conv_memory *memory, conv_error *error)
{
    const st_tensor *tensor = conv_checkpoint_find(checkpoint, name);
    size_t depth = cols ? cols : 1, rank = cols ? 2 : 1;
    float *stored = conv_new(memory, rows * depth, sizeof *stored, error);
    float *out = conv_new(memory, rows * depth, sizeof *out, error);

    if (!stored || !out)
        return NULL;
    if (!tensor || tensor->rank != rank || tensor->shape[0] != rows ||
        (cols && tensor->shape[1] != cols)) {
        conv_fail(error, "%s: expected a tensor %s of shape %zu x %zu, found none",
                  checkpoint->files[0].source.path, name, rows, depth);
        return NULL;
    }
    if (conv_checkpoint_read(checkpoint, tensor, stored, error))
        return NULL;
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < depth; k++)
            out[k * rows + r] = stored[r * depth + k];
    return out;
}

static int record_files(const conv_checkpoint *checkpoint, const char *folder, conv_record *record,
                        conv_error *error)
{
    char hex[65];

    for (size_t i = 0; i < checkpoint->file_count; i++)
        if (conv_source_sha256(&checkpoint->files[i].source, hex, error) ||
            conv_record_line(record, error, "source", "%s %s%s%s", hex, folder,
                             folder[0] ? "/" : "", checkpoint->files[i].name))
            return -1;
    return 0;
}

int hf_embedding_read_dense(const hf_embedding *embedding, conv_dense *out, const char *directory,
                            uint32_t dim, conv_memory *memory, conv_record *record,
                            conv_error *error)
{
    size_t outputs = embedding->outputs;
    conv_checkpoint checkpoint;
    const char *folder;

    if (!embedding->dense)
        return 0;
    folder = join(directory, embedding->dense, memory, error);
    if (!folder || conv_checkpoint_open(&checkpoint, folder, error))
        return -1;
    out->weight = read_transposed(&checkpoint, "linear.weight", outputs, dim, memory, error);
    /* A layer without a bias has no tensor for it, and the blob then holds zeros. */
    if (out->weight)
        out->bias = conv_checkpoint_find(&checkpoint, "linear.bias")
                        ? read_transposed(&checkpoint, "linear.bias", outputs, 0, memory, error)
                        : conv_new(memory, outputs, sizeof(float), error);
    if (out->weight && out->bias &&
        record_files(&checkpoint, embedding->dense, record, error) == 0) {
        conv_checkpoint_close(&checkpoint);
        return 0;
    }
    conv_checkpoint_close(&checkpoint);
    return -1;
}
