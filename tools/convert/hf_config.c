/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and checks config.json. */
#include "tools/convert/hf_config.h"

#include <stdio.h>
#include <string.h>

#include "model/format.h"
#include "model/heads.h"
#include "tools/convert/hf_json.h"

/* Check that a field is absent, null or the string `expected`. */
static int check_text(const hf_json *json, const char *name, const char *expected,
                      const char *remedy, conv_error *error)
{
    json_value value;
    char found[64];

    if (!hf_json_member(json->root, name, &value) || json_string_is(value, expected))
        return 0;
    return conv_fail(error, "%s: expected \"%s\" as %s, found %s%s", json->path, expected, name,
                     hf_json_excerpt(found, value), remedy);
}

/* Refuse another model by its name, with what to do about it where something can be done. */
static int refuse_model_type(const hf_json *json, json_value type, conv_error *error)
{
    char found[64];

    if (json_string_is(type, "roberta") || json_string_is(type, "camembert") ||
        json_string_is(type, "xlm-roberta"))
        return conv_fail(error,
                         "%s: expected \"distilbert\" as model_type, found %s: DistilRoBERTa is a "
                         "RoBERTa with fewer layers, not a DistilBERT, and cannot be converted",
                         json->path, hf_json_excerpt(found, type));
    return conv_fail(error,
                     "%s: expected \"distilbert\" as model_type, found %s: only DistilBERT can be "
                     "converted, not its relatives",
                     json->path, hf_json_excerpt(found, type));
}

/* Returns the head of an architecture of transformers, or DISTIL_HEAD_KIND_NONE for one that cannot
 * be converted. */
static uint32_t head_of_architecture(json_value name)
{
    static const struct {
        const char *name;
        uint32_t kind;
    } heads[] = {{"DistilBertForSequenceClassification", DISTIL_HEAD_SEQUENCE},
                 {"DistilBertForTokenClassification", DISTIL_HEAD_TOKENS},
                 {"DistilBertForQuestionAnswering", DISTIL_HEAD_SPANS},
                 {"DistilBertModel", DISTIL_HEAD_EMBEDDING}};

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        if (json_string_is(name, heads[i].name))
            return heads[i].kind;
    return DISTIL_HEAD_KIND_NONE;
}

/* Check that the model is a DistilBERT, and find its head. Without a model_type, DistilBERT's own
 * classes load the folder, so its architecture decides. Without architectures it is taken for a
 * sequence classifier. */
static int read_model_kind(hf_config *config, const hf_json *json, int embeds, conv_error *error)
{
    json_value value, first;
    json_iter iter;
    char found[64];
    int typed = hf_json_member(json->root, "model_type", &value);

    config->head_kind = embeds ? DISTIL_HEAD_EMBEDDING : DISTIL_HEAD_KIND_NONE;
    if (typed && !json_string_is(value, "distilbert"))
        return refuse_model_type(json, value, error);
    if (!embeds && hf_json_member(json->root, "architectures", &value)) {
        json_iter_init(&iter, value);
        first = value;
        for (size_t i = 0; json_iter_next(&iter); i++) {
            first = i == 0 ? iter.value : first;
            if (config->head_kind == DISTIL_HEAD_KIND_NONE)
                config->head_kind = head_of_architecture(iter.value);
        }
        if (config->head_kind == DISTIL_HEAD_KIND_NONE)
            return conv_fail(error,
                             "%s: expected DistilBertForSequenceClassification, "
                             "DistilBertForTokenClassification, "
                             "DistilBertForQuestionAnswering or DistilBertModel in "
                             "architectures, found %s: fine-tune it as one of them first, or save "
                             "its DistilBertModel for embeddings",
                             json->path, hf_json_excerpt(found, first));
    }
    if (!typed && config->head_kind == DISTIL_HEAD_KIND_NONE)
        return conv_fail(error,
                         "%s: expected \"distilbert\" as model_type, found none: if it is a "
                         "DistilBERT, write \"model_type\": \"distilbert\" there",
                         json->path);
    if (config->head_kind == DISTIL_HEAD_KIND_NONE)
        config->head_kind = DISTIL_HEAD_SEQUENCE;
    return check_text(json, "activation", "gelu", "", error);
}

/* Read problem_type, which may be absent or null. */
static int read_problem(hf_config *config, const hf_json *json, conv_error *error)
{
    static const char *const names[] = {[HF_PROBLEM_SINGLE_LABEL] = "single_label_classification",
                                        [HF_PROBLEM_MULTI_LABEL] = "multi_label_classification",
                                        [HF_PROBLEM_REGRESSION] = "regression"};
    json_value value;
    char found[64];

    if (!hf_json_member(json->root, "problem_type", &value))
        return 0;
    for (size_t i = HF_PROBLEM_SINGLE_LABEL; i <= HF_PROBLEM_REGRESSION; i++)
        if (json_string_is(value, names[i])) {
            config->problem = (hf_problem)i;
            return 0;
        }
    return conv_fail(error,
                     "%s: expected single_label_classification, multi_label_classification or "
                     "regression as problem_type, found %s",
                     json->path, hf_json_excerpt(found, value));
}

/* Set the function for ranking by its name in Python. */
static int set_rank_function(hf_config *config, json_value value, conv_memory *memory,
                             conv_error *error)
{
    static const struct {
        const char *name;
        uint32_t function;
    } names[] = {{"torch.nn.modules.linear.Identity", DISTIL_BLOB_FUNCTION_NONE},
                 {"torch.nn.modules.activation.Sigmoid", DISTIL_BLOB_FUNCTION_SIGMOID}};
    char found[64];

    config->unknown_activation = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_string_is(value, names[i].name)) {
            config->rank_function = names[i].function;
            return 0;
        }
    hf_json_excerpt(found, value);
    config->unknown_activation = conv_copy_text(memory, found, strlen(found), error);
    return config->unknown_activation ? 0 : -1;
}

/* Read the activation that sentence-transformers has saved in config.json for its CrossEncoder, in
 * the form of its versions 4 and 5 or of earlier ones. */
static int read_rank_function(hf_config *config, const hf_json *json, conv_memory *memory,
                              conv_error *error)
{
    json_value object, value;

    if (!(hf_json_member(json->root, "sentence_transformers", &object) &&
          hf_json_member(object, "activation_fn", &value)) &&
        !hf_json_member(json->root, "sbert_ce_default_activation_function", &value))
        return 0;
    return set_rank_function(config, value, memory, error);
}

/* Read the activation of a CrossEncoder that version 6 has saved, in a file of its own, which comes
 * before config.json. */
static int read_cross_encoder(hf_config *config, const char *directory, conv_memory *memory,
                              conv_record *record, conv_error *error)
{
    hf_json json;
    json_value value;
    int found;

    if (config->head_kind != DISTIL_HEAD_SEQUENCE)
        return 0;
    found =
        hf_json_open(&json, directory, "config_sentence_transformers.json", memory, record, error);
    if (found <= 0 || !hf_json_member(json.root, "activation_fn", &value))
        return found < 0 ? -1 : 0;
    return set_rank_function(config, value, memory, error);
}

/* The function for ranking matters for a model with one label only. The labels have been set. */
static int keep_rank_function(hf_config *config, conv_error *error)
{
    if (config->n_labels != 1) {
        config->rank_function = 0;
        return 0;
    }
    if (config->unknown_activation == NULL)
        return 0;
    return conv_fail(error,
                     "%s: expected Identity or Sigmoid of torch.nn.modules as the activation of "
                     "sentence-transformers, found %s",
                     config->path, config->unknown_activation);
}

static int read_shape(hf_config *config, const hf_json *json, conv_error *error)
{
    /* The fields of config.json that give the model's shape. Each has DistilBERT's own name and an
     * alias, the name common to all models, which the reference library maps to it. */
    static const struct {
        const char *name, *alias;
        uint32_t min, max, absent; /* `absent` is the reference library's default */
    } fields[] = {
        {"dim", "hidden_size", 32, DISTIL_BLOB_MAX_DIM, 768},
        {"hidden_dim", "hidden_dim", 32, DISTIL_BLOB_MAX_HIDDEN, 3072},
        {"n_layers", "num_hidden_layers", 1, DISTIL_BLOB_MAX_LAYERS, 6},
        {"n_heads", "num_attention_heads", 1, DISTIL_BLOB_MAX_DIM / 32, 12},
        {"vocab_size", "vocab_size", 1, DISTIL_BLOB_MAX_VOCAB, 30522},
        {"max_position_embeddings", "max_position_embeddings", 3, DISTIL_BLOB_MAX_POSITIONS, 512},
    };
    uint32_t *const out[] = {&config->dim,     &config->hidden_dim, &config->n_layers,
                             &config->n_heads, &config->vocab_size, &config->max_positions};
    json_value value;

    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        const char *name =
            hf_json_member(json->root, fields[i].name, &value) ? fields[i].name : fields[i].alias;

        *out[i] = fields[i].absent;
        if (hf_json_member(json->root, name, &value) &&
            hf_json_count(out[i], json, json->root, name, fields[i].min, fields[i].max, error))
            return -1;
    }
    if (config->dim % 32 || config->hidden_dim % 32)
        return conv_fail(error,
                         "%s: expected multiples of 32 as dim and hidden_dim, found %u and %u",
                         json->path, config->dim, config->hidden_dim);
    if (config->dim % config->n_heads ||
        (config->dim / config->n_heads != 32 && config->dim / config->n_heads != 64))
        return conv_fail(error, "%s: expected heads of size 32 or 64, found dim %u over n_heads %u",
                         json->path, config->dim, config->n_heads);
    return 0;
}

/* Returns the name of a label. A number or a boolean, which transformers keeps as it is, becomes a
 * name as config.json writes it. Returns NULL with *error filled if it cannot. */
static const char *label_name(json_value value, const hf_json *json, conv_memory *memory,
                              conv_error *error)
{
    if (value.type == JSON_NUMBER || value.type == JSON_TRUE || value.type == JSON_FALSE)
        return conv_copy_text(memory, value.text, value.bytes, error);
    return hf_json_text(value, json, "a label of id2label", memory, error);
}

/* Read id2label, an object with the keys 0 to n - 1. */
static int read_id2label(hf_config *config, const hf_json *json, json_value map,
                         conv_memory *memory, conv_error *error)
{
    json_iter iter;
    uint32_t count = 0;

    if (map.type != JSON_OBJECT)
        return conv_fail(error, "%s: expected an object as id2label, found %s", json->path,
                         json_type_name(map.type));
    json_iter_init(&iter, map);
    while (json_iter_next(&iter))
        count++;
    if (count < 1 || count > DISTIL_BLOB_MAX_LABELS)
        return conv_fail(error, "%s: expected 1 to %d labels in id2label, found %u", json->path,
                         DISTIL_BLOB_MAX_LABELS, count);
    config->labels = conv_new(memory, count, sizeof config->labels[0], error);
    if (!config->labels)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        json_value value;
        char key[16];

        snprintf(key, sizeof key, "%u", i);
        if (!json_get(map, key, &value))
            return conv_fail(error, "%s: expected labels 0 to %u in id2label, found no %s",
                             json->path, count - 1, key);
        config->labels[i] = label_name(value, json, memory, error);
        if (!config->labels[i])
            return -1;
    }
    config->n_labels = count;
    return 0;
}

/* Read what decides how the tokenizer's files are read: the tokenizer's class, where config.json
 * names it, and the version of transformers that saved the folder. */
static int read_origin(hf_config *config, const hf_json *json, conv_memory *memory,
                       conv_error *error)
{
    json_value value;

    config->transformers_major = 5;
    if (hf_json_member(json->root, "tokenizer_class", &value)) {
        config->tokenizer_class = hf_json_text(value, json, "tokenizer_class", memory, error);
        if (!config->tokenizer_class)
            return -1;
    }
    if (hf_json_member(json->root, "transformers_version", &value)) {
        const char *version = hf_json_text(value, json, "transformers_version", memory, error);

        if (!version)
            return -1;
        if (version[0] >= '0' && version[0] < '5' && version[1] == '.')
            config->transformers_major = (uint32_t)(version[0] - '0');
    }
    return hf_json_flag(&config->sinusoidal, json, json->root, "sinusoidal_pos_embds", error);
}

static int read_labels(hf_config *config, const hf_json *json, conv_memory *memory,
                       conv_error *error)
{
    json_value value;

    if (hf_json_member(json->root, "id2label", &value))
        return read_id2label(config, json, value, memory, error);
    if (hf_json_member(json->root, "num_labels", &value))
        return hf_json_count(&config->n_labels, json, json->root, "num_labels", 1,
                             DISTIL_BLOB_MAX_LABELS, error);
    return 0;
}

int hf_config_read(hf_config *config, const char *directory, int embeds, conv_memory *memory,
                   conv_record *record, conv_error *error)
{
    hf_json json;
    int found = hf_json_open(&json, directory, "config.json", memory, record, error);

    memset(config, 0, sizeof *config);
    if (found < 0)
        return -1;
    if (found == 0)
        return conv_fail(error,
                         "%s: expected a Hugging Face folder with a config.json, found none: give "
                         "the folder that save_pretrained wrote",
                         directory);
    config->path = json.path;
    if (read_model_kind(config, &json, embeds, error) || read_problem(config, &json, error) ||
        read_shape(config, &json, error) || read_origin(config, &json, memory, error))
        return -1;
    if (read_labels(config, &json, memory, error))
        return -1;
    if (read_rank_function(config, &json, memory, error))
        return -1;
    return read_cross_encoder(config, directory, memory, record, error);
}

int hf_config_set_labels(hf_config *config, uint64_t classifier_rows, const char *tensor_path,
                         conv_memory *memory, conv_error *error)
{
    if (config->n_labels == 0 && classifier_rows >= 1 && classifier_rows <= DISTIL_BLOB_MAX_LABELS)
        config->n_labels = (uint32_t)classifier_rows;
    if (config->n_labels == 0)
        return conv_fail(error, "%s: tensor classifier.weight: expected 1 to %d rows, found %llu",
                         tensor_path, DISTIL_BLOB_MAX_LABELS, (unsigned long long)classifier_rows);
    if (config->n_labels != classifier_rows)
        return conv_fail(error,
                         "%s: tensor classifier.weight: expected %u rows, the labels of %s, found "
                         "%llu",
                         tensor_path, config->n_labels, config->path,
                         (unsigned long long)classifier_rows);
    if (config->n_labels == 1 && config->problem == HF_PROBLEM_SINGLE_LABEL &&
        config->head_kind == DISTIL_HEAD_SEQUENCE)
        return conv_fail(error,
                         "%s: expected two labels or more for single_label_classification, found "
                         "one: give problem_type \"regression\", or remove it",
                         config->path);
    if (keep_rank_function(config, error))
        return -1;
    if (config->labels)
        return 0;
    config->labels = conv_new(memory, config->n_labels, sizeof config->labels[0], error);
    if (!config->labels)
        return -1;
    for (uint32_t i = 0; i < config->n_labels; i++) {
        char name[32];
        int length = snprintf(name, sizeof name, "LABEL_%u", i);

        config->labels[i] = conv_copy_text(memory, name, (size_t)length, error);
        if (!config->labels[i])
            return -1;
    }
    return 0;
}

int hf_config_set_outputs(hf_config *config, uint32_t outputs, conv_memory *memory,
                          conv_error *error)
{
    config->n_labels = outputs;
    config->rank_function = 0;
    config->labels = conv_new(memory, outputs, sizeof config->labels[0], error);
    if (!config->labels)
        return -1;
    for (uint32_t i = 0; i < outputs; i++)
        config->labels[i] = "";
    return 0;
}

uint32_t hf_config_function(const hf_config *config)
{
    if (config->head_kind == DISTIL_HEAD_EMBEDDING)
        return DISTIL_BLOB_FUNCTION_NONE;
    if (config->head_kind == DISTIL_HEAD_TOKENS || config->head_kind == DISTIL_HEAD_SPANS)
        return DISTIL_BLOB_FUNCTION_SOFTMAX;
    if (config->problem == HF_PROBLEM_REGRESSION)
        return DISTIL_BLOB_FUNCTION_NONE;
    if (config->problem == HF_PROBLEM_MULTI_LABEL || config->n_labels == 1)
        return DISTIL_BLOB_FUNCTION_SIGMOID;
    return DISTIL_BLOB_FUNCTION_SOFTMAX;
}
