/* SPDX-License-Identifier: Apache-2.0 */
/* Listing the tensors of a model, drawing their values, and writing the files. */
#include "tests/convert/checkpoint_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/json.h"
#include "runtime/base/random.h"

const checkpoint_spec checkpoint_base = {.dim = 768,
                                         .hidden_dim = 3072,
                                         .n_layers = 6,
                                         .n_heads = 12,
                                         .max_positions = 512,
                                         .n_labels = 2,
                                         .dtype = CHECKPOINT_F32,
                                         .shards = 1,
                                         .seed = 1,
                                         .vocab = "model/sst2/vocab.txt"};

enum {
    MAX_NAME = 96,
    MAX_LAYER_NAME = 64,
    MAX_SUFFIXED = 80,
    MAX_TENSORS = 4 + 16 * 12 + 4,
    MAX_PATH = 4096
};

/* The distribution from which a tensor's values are drawn. */
typedef enum fill_kind { FILL_MATRIX, FILL_EMBEDDING, FILL_BIAS, FILL_GAMMA } fill_kind;

typedef struct tensor {
    char name[MAX_NAME];
    uint64_t rows, cols; /* cols is 0 for a tensor of one dimension */
    fill_kind fill;
    uint32_t shard;
} tensor;

typedef struct checkpoint {
    const char *directory;
    const checkpoint_spec *spec;
    char *vocab; /* the tokens, each with a NUL after it */
    size_t vocab_size;
    tensor tensors[MAX_TENSORS];
    size_t count;
} checkpoint;

static size_t element_bytes(const checkpoint_spec *spec)
{
    return spec->dtype == CHECKPOINT_F32 ? 4 : 2;
}

static uint64_t tensor_elements(const tensor *t)
{
    return t->rows * (t->cols ? t->cols : 1);
}

/* ---- tensors -------------------------------------------------------------------------------- */

static void add_tensor(checkpoint *c, int head, const char *name, uint64_t rows, uint64_t cols,
                       fill_kind fill)
{
    tensor *t = &c->tensors[c->count++];

    (void)snprintf(t->name, sizeof t->name, "%s%s", head || c->spec->no_prefix ? "" : "distilbert.",
                   name);
    t->rows = rows;
    t->cols = cols;
    t->fill = fill;
}

static void add_linear(checkpoint *c, int head, const char *name, uint64_t out, uint64_t in)
{
    char full[MAX_SUFFIXED];

    (void)snprintf(full, sizeof full, "%s.weight", name);
    add_tensor(c, head, full, out, in, FILL_MATRIX);
    (void)snprintf(full, sizeof full, "%s.bias", name);
    add_tensor(c, head, full, out, 0, FILL_BIAS);
}

static void add_norm(checkpoint *c, const char *name)
{
    char full[MAX_SUFFIXED];

    (void)snprintf(full, sizeof full, "%s.weight", name);
    add_tensor(c, 0, full, c->spec->dim, 0, FILL_GAMMA);
    (void)snprintf(full, sizeof full, "%s.bias", name);
    add_tensor(c, 0, full, c->spec->dim, 0, FILL_BIAS);
}

static void list_tensors(checkpoint *c)
{
    static const char *const attention[] = {"q_lin", "k_lin", "v_lin", "out_lin"};
    const checkpoint_spec *s = c->spec;
    char name[MAX_LAYER_NAME];

    add_tensor(c, 0, "embeddings.word_embeddings.weight", c->vocab_size, s->dim, FILL_EMBEDDING);
    add_tensor(c, 0, "embeddings.position_embeddings.weight", s->max_positions, s->dim,
               FILL_EMBEDDING);
    add_norm(c, "embeddings.LayerNorm");
    for (uint32_t l = 0; l < s->n_layers; l++) {
        for (size_t i = 0; i < 4; i++) {
            (void)snprintf(name, sizeof name, "transformer.layer.%u.attention.%s", l, attention[i]);
            add_linear(c, 0, name, s->dim, s->dim);
        }
        (void)snprintf(name, sizeof name, "transformer.layer.%u.sa_layer_norm", l);
        add_norm(c, name);
        (void)snprintf(name, sizeof name, "transformer.layer.%u.ffn.lin1", l);
        add_linear(c, 0, name, s->hidden_dim, s->dim);
        (void)snprintf(name, sizeof name, "transformer.layer.%u.ffn.lin2", l);
        add_linear(c, 0, name, s->dim, s->hidden_dim);
        (void)snprintf(name, sizeof name, "transformer.layer.%u.output_layer_norm", l);
        add_norm(c, name);
    }
    add_linear(c, 1, "pre_classifier", s->dim, s->dim);
    add_linear(c, 1, "classifier", s->n_labels, s->dim);
    for (size_t i = 0; i < c->count; i++)
        c->tensors[i].shard = (uint32_t)(i * s->shards / c->count);
}

/* Draw from a nearly normal distribution of variance 1: the sum of four uniform numbers, of which
 * one in 64 is multiplied by 3. */
static float draw(xorshift64 *random)
{
    int32_t sum = 0;

    for (int i = 0; i < 4; i++)
        sum += (int32_t)(xorshift64_next(random) >> 16) - 32768;
    return (float)sum * (1.0f / 37837.0f) * (xorshift64_below(random, 64) == 0 ? 3.0f : 1.0f);
}

/* Remove the lowest `drop` bits of x, rounding to nearest, ties to even. */
static uint32_t round_bits(uint32_t x, int drop)
{
    uint32_t half = (UINT32_C(1) << (drop - 1)) - 1;

    return (x + half + (x >> drop & 1)) >> drop;
}

/* Convert to F16. The value must be below 2^15 in magnitude; subnormal results become 0. */
static uint16_t to_half(float value)
{
    uint32_t bits, magnitude;

    memcpy(&bits, &value, sizeof bits);
    magnitude = bits & UINT32_C(0x7fffffff);
    if (magnitude < UINT32_C(0x38800000)) /* below 2^-14, the smallest normal number */
        magnitude = 0;
    else
        magnitude = round_bits(magnitude - UINT32_C(0x38000000), 13);
    return (uint16_t)(bits >> 16 & 0x8000) | (uint16_t)magnitude;
}

static void store(unsigned char *out, float value, checkpoint_dtype dtype)
{
    uint32_t bits;
    uint16_t half;

    memcpy(&bits, &value, sizeof bits);
    switch (dtype) {
    case CHECKPOINT_F32:
        memcpy(out, &bits, sizeof bits);
        return;
    case CHECKPOINT_F16:
        half = to_half(value);
        break;
    default:
        half = (uint16_t)round_bits(bits, 16);
        break;
    }
    memcpy(out, &half, sizeof half);
}

/* Write the elements of a tensor. Its index seeds the generator, so the values do not depend on the
 * distribution of tensors over files. */
static int write_values(FILE *file, const checkpoint *c, size_t index)
{
    const tensor *t = &c->tensors[index];
    xorshift64 random = xorshift64_seed(c->spec->seed * 1000 + index);
    uint64_t cols = t->cols ? t->cols : t->rows, rows = t->cols ? t->rows : 1;
    unsigned char *line = malloc(cols * 4);
    size_t bytes = cols * element_bytes(c->spec);
    int failed = line == NULL;

    for (uint64_t r = 0; r < rows && !failed; r++) {
        float spread = 0.5f + (float)xorshift64_below(&random, 1000) * 0.001f;

        for (uint64_t i = 0; i < cols; i++) {
            float x = draw(&random);

            x *= t->fill == FILL_MATRIX ? 0.04f * spread : 0.05f;
            x += t->fill == FILL_GAMMA ? 1.0f : 0.0f;
            store(line + i * element_bytes(c->spec), x, c->spec->dtype);
        }
        failed = fwrite(line, 1, bytes, file) != bytes;
    }
    free(line);
    return failed;
}

/* ---- files ---------------------------------------------------------------------------------- */

static int fail_file(conv_error *error, const char *path)
{
    return conv_fail(error, "%s: %s", path, strerror(errno ? errno : EIO));
}

static FILE *create_file(const checkpoint *c, const char *name, char path[MAX_PATH],
                         conv_error *error)
{
    FILE *file;

    (void)snprintf(path, MAX_PATH, "%s/%s", c->directory, name);
    errno = 0;
    file = fopen(path, "wb");
    if (!file)
        (void)fail_file(error, path);
    return file;
}

static int close_file(FILE *file, const char *path, int failed, conv_error *error)
{
    failed |= ferror(file) != 0;
    failed |= fclose(file) != 0;
    return failed ? fail_file(error, path) : 0;
}

static void shard_name(const checkpoint *c, uint32_t shard, char name[MAX_NAME])
{
    if (c->spec->shards == 1)
        (void)snprintf(name, MAX_NAME, "model.safetensors");
    else
        (void)snprintf(name, MAX_NAME, "model-%05u-of-%05u.safetensors", shard + 1,
                       c->spec->shards);
}

/* Write the JSON header of a file, padded with spaces to a multiple of 8 bytes; or, if `file` is
 * NULL, only compute its length. Returns the length. */
static size_t write_header(FILE *file, const checkpoint *c, uint32_t shard)
{
    static const char *const dtypes[] = {"F32", "F16", "BF16"};
    char text[512];
    uint64_t at = 0;
    size_t bytes = 1;

    if (file)
        (void)fputc('{', file);
    for (size_t i = 0; i < c->count; i++) {
        const tensor *t = &c->tensors[i];
        uint64_t size = tensor_elements(t) * element_bytes(c->spec);
        char shape[64];
        int n;

        if (t->shard != shard)
            continue;
        (void)snprintf(shape, sizeof shape, t->cols ? "%llu,%llu" : "%llu",
                       (unsigned long long)t->rows, (unsigned long long)t->cols);
        n = snprintf(text, sizeof text,
                     "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%llu,%llu]}",
                     at ? "," : "", t->name, dtypes[c->spec->dtype], shape, (unsigned long long)at,
                     (unsigned long long)(at + size));
        if (file)
            (void)fputs(text, file);
        bytes += (size_t)n;
        at += size;
    }
    if (file)
        (void)fprintf(file, "}%*s", (int)(7 - bytes % 8), "");
    return bytes + 8 - bytes % 8;
}

static int write_shard(const checkpoint *c, uint32_t shard, conv_error *error)
{
    char name[MAX_NAME], path[MAX_PATH];
    uint64_t header = write_header(NULL, c, shard);
    FILE *file;
    int failed;

    shard_name(c, shard, name);
    file = create_file(c, name, path, error);
    if (!file)
        return -1;
    failed = fwrite(&header, sizeof header, 1, file) != 1;
    (void)write_header(file, c, shard);
    for (size_t i = 0; i < c->count && !failed; i++)
        if (c->tensors[i].shard == shard)
            failed = write_values(file, c, i);
    return close_file(file, path, failed, error);
}

static int write_index(const checkpoint *c, conv_error *error)
{
    char name[MAX_NAME], path[MAX_PATH];
    FILE *file = create_file(c, "model.safetensors.index.json", path, error);

    if (!file)
        return -1;
    (void)fputs("{\"metadata\":{},\"weight_map\":{", file);
    for (size_t i = 0; i < c->count; i++) {
        shard_name(c, c->tensors[i].shard, name);
        (void)fprintf(file, "%s\"%s\":\"%s\"", i ? "," : "", c->tensors[i].name, name);
    }
    (void)fputs("}}\n", file);
    return close_file(file, path, 0, error);
}

static int write_config(const checkpoint *c, conv_error *error)
{
    const checkpoint_spec *s = c->spec;
    char path[MAX_PATH];
    FILE *file = create_file(c, "config.json", path, error);

    if (!file)
        return -1;
    (void)fprintf(file,
                  "{\n  \"model_type\": \"distilbert\",\n  \"architectures\": "
                  "[\"DistilBertForSequenceClassification\"],\n  \"activation\": \"gelu\",\n"
                  "  \"dim\": %u,\n  \"hidden_dim\": %u,\n  \"n_layers\": %u,\n  \"n_heads\": %u,\n"
                  "  \"max_position_embeddings\": %u,\n  \"vocab_size\": %zu",
                  s->dim, s->hidden_dim, s->n_layers, s->n_heads, s->max_positions, c->vocab_size);
    if (!s->no_labels) {
        (void)fputs(",\n  \"id2label\": {", file);
        for (uint32_t i = 0; i < s->n_labels; i++)
            (void)fprintf(file, "%s\"%u\": \"CLASS %u\"", i ? ", " : "", i, i);
        (void)fputs("}", file);
    }
    (void)fputs("\n}\n", file);
    return close_file(file, path, 0, error);
}

static int write_vocab(const checkpoint *c, conv_error *error)
{
    char path[MAX_PATH], quoted[4096];
    FILE *file =
        create_file(c, c->spec->tokenizer_json ? "tokenizer.json" : "vocab.txt", path, error);
    const char *token = c->vocab;

    if (!file)
        return -1;
    if (c->spec->tokenizer_json)
        (void)fputs("{\"version\":\"1.0\",\"normalizer\":{\"type\":\"BertNormalizer\","
                    "\"clean_text\":true,\"handle_chinese_chars\":true,\"strip_accents\":null,"
                    "\"lowercase\":true},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
                    "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",102],"
                    "\"cls\":[\"[CLS]\",101]},"
                    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\","
                    "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,"
                    "\"vocab\":{",
                    file);
    for (size_t i = 0; i < c->vocab_size; i++, token += strlen(token) + 1) {
        if (c->spec->tokenizer_json) {
            size_t n = json_quote(quoted, sizeof quoted, token, strlen(token));

            (void)fprintf(file, "%s%.*s:%zu", i ? "," : "", (int)n, quoted, i);
        } else
            (void)fprintf(file, "%s\n", token);
    }
    if (c->spec->tokenizer_json)
        (void)fputs("}}}\n", file);
    return close_file(file, path, 0, error);
}

static int write_tokenizer_config(const checkpoint *c, conv_error *error)
{
    char path[MAX_PATH];
    FILE *file = create_file(c, "tokenizer_config.json", path, error);

    if (!file)
        return -1;
    (void)fputs("{\"do_lower_case\": true, \"strip_accents\": null, "
                "\"tokenize_chinese_chars\": true, \"tokenizer_class\": "
                "\"DistilBertTokenizer\"}\n",
                file);
    return close_file(file, path, 0, error);
}

/* Read the vocabulary and set the number of tokens to use. */
static int read_vocab(checkpoint *c, conv_error *error)
{
    FILE *file = fopen(c->spec->vocab, "rb");
    size_t capacity = 1 << 22, bytes;

    if (!file)
        return fail_file(error, c->spec->vocab);
    c->vocab = malloc(capacity + 1);
    if (!c->vocab) {
        (void)fclose(file);
        return conv_fail(error, "out of memory");
    }
    bytes = fread(c->vocab, 1, capacity, file);
    (void)fclose(file);
    c->vocab[bytes] = '\0';
    for (size_t i = 0; i < bytes; i++)
        if (c->vocab[i] == '\n') {
            c->vocab[i] = '\0';
            c->vocab_size++;
        }
    if (c->spec->vocab_limit && c->spec->vocab_limit < c->vocab_size)
        c->vocab_size = c->spec->vocab_limit;
    if (c->vocab_size == 0)
        return conv_fail(error, "%s: no tokens, expected one a line", c->spec->vocab);
    return 0;
}

int checkpoint_write(const char *directory, const checkpoint_spec *spec, conv_error *error)
{
    checkpoint *c = calloc(1, sizeof *c);
    int status;

    if (!c)
        return conv_fail(error, "out of memory");
    c->directory = directory;
    c->spec = spec;
    if (spec->n_layers > 12 || spec->shards == 0) {
        free(c);
        return conv_fail(error, "expected at most 12 layers and at least 1 shard, found %u and %u",
                         spec->n_layers, spec->shards);
    }
    status = mkdir(directory, 0777) != 0 && errno != EEXIST ? fail_file(error, directory)
                                                            : read_vocab(c, error);
    if (status == 0) {
        list_tensors(c);
        status = write_config(c, error);
    }
    if (status == 0)
        status = write_vocab(c, error);
    if (status == 0)
        status = write_tokenizer_config(c, error);
    for (uint32_t shard = 0; shard < spec->shards && status == 0; shard++)
        status = write_shard(c, shard, error);
    if (status == 0 && spec->shards > 1)
        status = write_index(c, error);
    free(c->vocab);
    free(c);
    return status;
}
