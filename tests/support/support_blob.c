/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synthetic models and blobs; support_blob.h describes them.
 */
#include "tests/support/support_blob.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/heads.h"
#include "runtime/base/checksum.h"
#include "runtime/base/random.h"
#include "tests/support/harness.h"

const support_blob_shape support_blob_tiny = {.dim = 32,
                                              .hidden_dim = 64,
                                              .n_layers = 1,
                                              .n_heads = 1,
                                              .max_positions = 16,
                                              .n_labels = 2,
                                              .group = 0};
const support_blob_shape support_blob_small = {.dim = 64,
                                               .hidden_dim = 128,
                                               .n_layers = 2,
                                               .n_heads = 2,
                                               .max_positions = 32,
                                               .n_labels = 3,
                                               .group = 0};
const support_blob_shape support_blob_head64 = {.dim = 128,
                                                .hidden_dim = 96,
                                                .n_layers = 1,
                                                .n_heads = 2,
                                                .max_positions = 512,
                                                .n_labels = 17,
                                                .group = 4};

/* ---- memory and random numbers -------------------------------------------------------------- */

typedef struct block {
    struct block *next;
    max_align_t data[];
} block;

static void *allocate(support_blob *blob, size_t bytes)
{
    block *b = calloc(1, sizeof *b + bytes);

    if (b == NULL) {
        fprintf(stderr, "support_blob: no memory\n");
        exit(1);
    }
    b->next = blob->memory;
    blob->memory = b;
    return b->data;
}

/* Returns random multiples of (hi - lo) / 2^20 from lo to hi. The sequence depends on `state` and
 * not on the test's --seed option, so that a blob is the same in every run. */
static float *random_floats(support_blob *blob, uint64_t *state, size_t count, float lo, float hi)
{
    float *x = allocate(blob, count * sizeof *x);

    for (size_t i = 0; i < count; i++)
        x[i] = lo + (hi - lo) * ((float)(splitmix64(state) >> 44) * 0x1p-20f);
    return x;
}

static void shuffle_u16(uint64_t *state, uint16_t *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = (uint16_t)i;
    for (size_t i = count; i > 1; i--) {
        size_t j = splitmix64(state) % i;
        uint16_t t = x[i - 1];

        x[i - 1] = x[j];
        x[j] = t;
    }
}

/* ---- vocabulary ------------------------------------------------------------------------------ */

static const char *const words[] = {
    "[PAD]", "[UNK]", "[CLS]", "[SEP]",  "[MASK]", "",      "the",   "movie",  "good",   "bad",
    "witty", "film",  "un",    "##able", "##ing",  "##ed",  "##ful", "beauti", "seduct", "##ive",
    "中",    "文",    "日",    "é",      "##é",    "café",  "naïve", "straße", "…",      "—",
    "n't",   "don",   "act",   "##or",   "##s",    "##est", "great", "##ness", "wonder", "the",
};
enum { WORDS = sizeof words / sizeof *words, ASCII = 0x7f - 0x21, TOKENS = WORDS + 2 * ASCII };

static void make_vocabulary(support_blob *blob, uint64_t *state)
{
    const char **tokens = allocate(blob, TOKENS * sizeof *tokens);
    size_t *bytes = allocate(blob, TOKENS * sizeof *bytes);
    static const uint32_t sorted[] = {2, 4, 0, 3, 1}; /* [CLS], [MASK], [PAD], [SEP], [UNK] */
    distil_blob_special *specials = allocate(blob, 5 * sizeof *specials);
    uint32_t *row = allocate(blob, TOKENS * sizeof *row);
    uint16_t order[TOKENS];

    for (size_t i = 0; i < WORDS; i++)
        tokens[i] = words[i];
    for (size_t i = 0; i < ASCII; i++) {
        char *piece = allocate(blob, 4);

        memcpy(piece, "##", 2);
        piece[2] = (char)(0x21 + i);
        tokens[WORDS + i] = piece + 2;
        tokens[WORDS + ASCII + i] = piece;
    }
    for (size_t i = 0; i < TOKENS; i++)
        bytes[i] = strlen(tokens[i]);
    for (uint32_t i = 0; i < 5; i++)
        specials[i] = (distil_blob_special){sorted[i], DISTIL_BLOB_SPECIAL_SPECIAL};
    shuffle_u16(state, order, TOKENS);
    for (size_t i = 0; i < TOKENS; i++)
        row[i] = order[i];
    blob->model.tokens = tokens;
    blob->model.token_bytes = bytes;
    blob->model.vocab_size = TOKENS;
    blob->model.specials = specials;
    blob->model.special_count = 5;
    blob->model.embed_row = row;
}

static void make_labels(support_blob *blob, uint32_t n_labels)
{
    const char **labels = allocate(blob, n_labels * sizeof *labels);

    for (uint32_t i = 0; i < n_labels; i++) {
        char *name = allocate(blob, 24);

        snprintf(name, 24, i == 0 ? "NEGATIVE" : i == 1 ? "POSITIVE" : "LABEL_%u", (unsigned)i);
        labels[i] = name;
    }
    blob->model.labels = labels;
    blob->model.n_labels = n_labels;
}

/* ---- weights --------------------------------------------------------------------------------- */

/* A lane adds 2 * group weights. Weights of at most 128 / (2 * group) in magnitude therefore keep
 * the bound of 128 in any order. In one group of each column all weights have the greatest
 * magnitude and the same sign, so that sums of exactly 128 and -128 occur. */
static conv_matrix make_matrix(support_blob *blob, uint64_t *state, size_t depth, size_t cols,
                               uint8_t group)
{
    size_t pairs = cols / 32, quads = depth / 4;
    int8_t *weights = allocate(blob, depth * cols);
    uint16_t *order = allocate(blob, pairs * quads * sizeof *order);
    uint8_t *groups = allocate(blob, pairs);
    conv_matrix matrix = {depth, cols, weights, order, groups, NULL, NULL};

    for (size_t pair = 0; pair < pairs; pair++) {
        uint16_t *table = order + pair * quads;

        groups[pair] = (uint8_t)(group != 0 ? group : 1u << splitmix64(state) % 3);
        shuffle_u16(state, table, quads);
        for (size_t col = 32 * pair; col < 32 * (pair + 1); col++) {
            int limit = 64 / groups[pair];
            size_t full = splitmix64(state) % (quads / groups[pair]) * groups[pair];
            int sign = col % 2 == 0 ? 1 : -1;

            for (size_t k = 0; k < depth; k++)
                weights[col * depth + k] =
                    (int8_t)((int)(splitmix64(state) % (2 * (unsigned)limit + 1)) - limit);
            for (size_t i = full; i < full + groups[pair]; i++)
                memset(weights + col * depth + 4 * table[i], sign * limit, 4);
        }
    }
    matrix.scale = random_floats(blob, state, cols, 0x1p-11f, 0x1p-10f);
    matrix.bias = random_floats(blob, state, cols, -0.5f, 0.5f);
    return matrix;
}

static conv_norm make_norm(support_blob *blob, uint64_t *state, size_t dim)
{
    conv_norm norm;

    norm.gamma = random_floats(blob, state, dim, 0.5f, 1.5f);
    norm.beta = random_floats(blob, state, dim, -0.25f, 0.25f);
    return norm;
}

static void make_embeddings(support_blob *blob, uint64_t *state)
{
    conv_model *model = &blob->model;
    size_t dim = model->dim, bytes = model->vocab_size * dim;
    int8_t *word = allocate(blob, bytes);

    for (size_t i = 0; i < bytes; i++)
        word[i] = (int8_t)((int)(splitmix64(state) % 255) - 127);
    model->embed_word = word;
    model->embed_scale = random_floats(blob, state, model->vocab_size, 0x1p-8f, 0x1p-7f);
    model->embed_position = random_floats(blob, state, model->max_positions * dim, -0.5f, 0.5f);
    model->embed_norm = make_norm(blob, state, dim);
}

support_blob support_blob_make(uint64_t seed, const support_blob_shape *shape)
{
    support_blob blob = {.memory = NULL};
    conv_model *model = &blob.model;
    size_t dim = shape->dim, hidden = shape->hidden_dim;
    uint64_t state = seed;

    model->dim = shape->dim;
    model->hidden_dim = shape->hidden_dim;
    model->n_layers = shape->n_layers;
    model->n_heads = shape->n_heads;
    model->max_positions = shape->max_positions;
    model->layer_norm_eps = 1e-12f;
    model->tokenizer_flags = 7;
    model->max_word_chars = 100;
    model->head_kind = DISTIL_HEAD_SEQUENCE;
    model->function = DISTIL_BLOB_FUNCTION_SOFTMAX;
    model->activation = DISTIL_BLOB_ACTIVATION_GELU;
    model->max_tokens = shape->max_positions;
    model->pad_id = 0;
    model->unk_id = 1;
    model->cls_id = 2;
    model->sep_id = 3;
    model->mask_id = 4;
    model->provenance = "converter synthetic\n";
    make_labels(&blob, shape->n_labels);
    make_vocabulary(&blob, &state);
    make_embeddings(&blob, &state);
    for (size_t i = 0; i < shape->n_layers; i++) {
        conv_layer *layer = &model->layers[i];

        layer->qkv = make_matrix(&blob, &state, dim, 3 * dim, shape->group);
        layer->attention_out = make_matrix(&blob, &state, dim, dim, shape->group);
        layer->attention_norm = make_norm(&blob, &state, dim);
        layer->ffn_in = make_matrix(&blob, &state, dim, hidden, shape->group);
        layer->ffn_out = make_matrix(&blob, &state, hidden, dim, shape->group);
        layer->ffn_norm = make_norm(&blob, &state, dim);
    }
    model->head[0].weight = random_floats(&blob, &state, dim * dim, -0.125f, 0.125f);
    model->head[0].bias = random_floats(&blob, &state, dim, -0.125f, 0.125f);
    model->head[1].weight = random_floats(&blob, &state, dim * shape->n_labels, -0.5f, 0.5f);
    model->head[1].bias = random_floats(&blob, &state, shape->n_labels, -0.5f, 0.5f);
    return blob;
}

void support_blob_label_tokens(support_blob *blob)
{
    blob->model.head_kind = DISTIL_HEAD_TOKENS;
    blob->model.head[0] = blob->model.head[1];
    blob->model.head[1] = (conv_dense){NULL, NULL};
}

void support_blob_embed(support_blob *blob, uint32_t bits)
{
    const char **labels = allocate(blob, blob->model.n_labels * sizeof *labels);

    for (size_t i = 0; i < blob->model.n_labels; i++)
        labels[i] = "";
    blob->model.labels = labels;
    blob->model.head_kind = DISTIL_HEAD_EMBEDDING;
    blob->model.embedding = bits;
    blob->model.function = DISTIL_BLOB_FUNCTION_NONE;
    blob->model.head[0] = blob->model.head[1];
    blob->model.head[1] = (conv_dense){NULL, NULL};
}

void support_blob_free(support_blob *blob)
{
    block *b = blob->memory;

    while (b != NULL) {
        block *next = b->next;

        free(b);
        b = next;
    }
    blob->memory = NULL;
}

/* ---- files ----------------------------------------------------------------------------------- */

static char directory[4096];

static void remove_directory(void)
{
    DIR *list = opendir(directory);

    for (struct dirent *entry = list ? readdir(list) : NULL; entry; entry = readdir(list))
        unlinkat(dirfd(list), entry->d_name, 0);
    if (list)
        closedir(list);
    rmdir(directory);
}

const char *support_directory(void)
{
    const char *root = getenv("TMPDIR");

    if (directory[0] != '\0')
        return directory;
    snprintf(directory, sizeof directory, "%s/distil-test-XXXXXX", root ? root : "/tmp");
    if (mkdtemp(directory) == NULL) {
        fprintf(stderr, "%s: %s\n", directory, strerror(errno));
        exit(1);
    }
    atexit(remove_directory);
    return directory;
}

uint8_t *support_blob_image(size_t *size, const conv_model *model)
{
    char path[4200];
    conv_error error = {""};
    uint8_t *bytes;
    char *file;

    snprintf(path, sizeof path, "%s/image", support_directory());
    if (conv_blob_write(path, model, &error) != 0) {
        fprintf(stderr, "support_blob: %s\n", error.message);
        exit(1);
    }
    file = harness_read_file(path, size);
    bytes = file ? aligned_alloc(DISTIL_BLOB_ALIGN, *size) : NULL;
    if (bytes == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    memcpy(bytes, file, *size);
    free(file);
    unlink(path);
    return bytes;
}

distil_model *support_blob_open(const support_image *from, distil_isa isa)
{
    distil_options options = {.size = sizeof options, .max_isa = isa};
    distil_model *model = NULL;
    distil_error error = {0};

    if (distil_model_open_memory(&model, from->bytes, from->size, &options, &error) != DISTIL_OK) {
        fprintf(stderr, "support_blob: %s\n", error.message);
        exit(1);
    }
    return model;
}

void support_blob_reseal(uint8_t *bytes, size_t size)
{
    distil_blob_header header;
    uint64_t end;
    uint32_t crc;

    if (size < sizeof header)
        return;
    memcpy(&header, bytes, sizeof header);
    end = distil_blob_align(sizeof header + sizeof(distil_blob_section) * header.section_count);
    if (end > size)
        end = size;
    crc = distil_crc32c(0, bytes, DISTIL_BLOB_HEADER_CRC_OFFSET);
    crc = distil_crc32c(crc, bytes + sizeof header, (size_t)end - sizeof header);
    memcpy(bytes + DISTIL_BLOB_HEADER_CRC_OFFSET, &crc, sizeof crc);
}
