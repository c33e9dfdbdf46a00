/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob is assembled in memory, gets its checksums, and is opened by the library's own reader
 * before it is written to disk.
 */
#include "tools/convert/blob_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/blob.h"
#include "model/blob_layout.h"
#include "model/heads.h"
#include "runtime/base/checksum.h"
#include "model/vocab.h"
#include "runtime/base/strict_float.h"
#include "tools/convert/file_replace.h"

/* The blob in memory. */
typedef struct image {
    uint8_t *bytes; /* all zeros at first, so that padding is zero */
    size_t size;
    const conv_model *model;
    distil_blob_header *header;
    distil_blob_section *sections;
} image;

/* ---- header --------------------------------------------------------------------------------- */

static distil_blob_header make_header(const conv_model *model, uint32_t longest_token)
{
    distil_blob_header h;

    memset(&h, 0, sizeof h);
    memcpy(h.magic, DISTIL_BLOB_MAGIC, sizeof h.magic);
    h.version = DISTIL_BLOB_VERSION;
    h.header_bytes = DISTIL_BLOB_HEADER_BYTES;
    h.section_count = (uint32_t)distil_blob_section_count(model->n_layers, model->head_kind);
    h.scheme = DISTIL_BLOB_SCHEME_A8W8_LANE16;
    h.dim = model->dim;
    h.hidden_dim = model->hidden_dim;
    h.n_layers = model->n_layers;
    h.n_heads = model->n_heads;
    h.vocab_size = model->vocab_size;
    h.max_positions = model->max_positions;
    h.n_labels = model->n_labels;
    h.layer_norm_eps = model->layer_norm_eps;
    h.tokenizer_flags = model->tokenizer_flags;
    h.max_word_chars = model->max_word_chars;
    h.max_token_bytes = longest_token;
    h.special_count = (uint32_t)model->special_count;
    h.head_kind = model->head_kind;
    h.embedding = model->embedding;
    h.function = model->function;
    h.rank_function = model->rank_function;
    h.activation = model->activation;
    h.max_tokens = model->max_tokens;
    h.pad_id = model->pad_id;
    h.unk_id = model->unk_id;
    h.cls_id = model->cls_id;
    h.sep_id = model->sep_id;
    h.mask_id = model->mask_id;
    h.vocab_slots = 2;
    while (h.vocab_slots < 2 * (uint64_t)h.vocab_size && h.vocab_slots < UINT32_C(1) << 31)
        h.vocab_slots *= 2;
    return h;
}

/* Compute the sizes of the blob's texts and the length of the longest token. Returns -1 with *error
 * filled if one is too large for a blob. */
static int measure_texts(distil_blob_texts *texts, uint32_t *longest_token, const conv_model *model,
                         conv_error *error)
{
    size_t longest = 0;

    texts->provenance_bytes = strlen(model->provenance);
    texts->labels_bytes = 4 * (uint64_t)model->n_labels;
    texts->vocab_bytes = 0;
    for (uint32_t i = 0; i < model->n_labels; i++)
        texts->labels_bytes += strlen(model->labels[i]);
    for (uint32_t id = 0; id < model->vocab_size; id++) {
        if (model->token_bytes[id] > DISTIL_BLOB_MAX_TOKEN_BYTES)
            return conv_fail(error, "vocabulary: token %u has %zu bytes; a blob holds at most %d",
                             (unsigned)id, model->token_bytes[id], DISTIL_BLOB_MAX_TOKEN_BYTES);
        longest = model->token_bytes[id] > longest ? model->token_bytes[id] : longest;
        texts->vocab_bytes += model->token_bytes[id];
    }
    if (texts->vocab_bytes > UINT32_MAX)
        return conv_fail(error, "vocabulary: %llu bytes of tokens; a blob holds less than 2^32",
                         (unsigned long long)texts->vocab_bytes);
    *longest_token = (uint32_t)longest;
    return 0;
}

static int check_matrix_shape(const conv_matrix *matrix, const char *name, size_t layer,
                              size_t depth, size_t cols, conv_error *error)
{
    if (matrix->depth == depth && matrix->cols == cols)
        return 0;
    return conv_fail(error, "layer %zu %s: matrix of (%zu, %zu), expected (%zu, %zu)", layer, name,
                     matrix->depth, matrix->cols, depth, cols);
}

/* Check all counts and shapes, on which the size of the file and the loops of this file depend. */
static int check_shape(const conv_model *model, const distil_blob_header *header, conv_error *error)
{
    size_t dim = model->dim, hidden = model->hidden_dim;
    uint64_t offset;
    const char *what = distil_blob_check_shape(header, &offset);

    if (model->special_count > DISTIL_BLOB_MAX_SPECIALS)
        return conv_fail(error, "special tokens: %zu, a blob holds at most %d",
                         model->special_count, DISTIL_BLOB_MAX_SPECIALS);
    if (what != NULL) {
        uint32_t found;

        memcpy(&found, (const uint8_t *)header + offset, sizeof found);
        return conv_fail(error, "a blob cannot hold this model: %s, found %u", what,
                         (unsigned)found);
    }
    for (size_t i = 0; i < model->n_layers; i++) {
        const conv_layer *layer = &model->layers[i];

        if (check_matrix_shape(&layer->qkv, "qkv", i, dim, 3 * dim, error) != 0 ||
            check_matrix_shape(&layer->attention_out, "attention_out", i, dim, dim, error) != 0 ||
            check_matrix_shape(&layer->ffn_in, "ffn_in", i, dim, hidden, error) != 0 ||
            check_matrix_shape(&layer->ffn_out, "ffn_out", i, hidden, dim, error) != 0)
            return -1;
    }
    return 0;
}

static int create_image(image *out, const conv_model *model, conv_error *error)
{
    distil_blob_section sections[DISTIL_BLOB_MAX_SECTIONS];
    distil_blob_header header;
    distil_blob_texts texts;
    uint32_t longest_token = 1;

    /* The counts are checked first, because measure_texts loops over them. */
    header = make_header(model, longest_token);
    if (check_shape(model, &header, error) != 0 ||
        measure_texts(&texts, &longest_token, model, error) != 0)
        return -1;
    if (longest_token == 0)
        return conv_fail(error, "vocabulary: every token is empty");
    header.max_token_bytes = longest_token;
    header.file_bytes = distil_blob_layout(sections, &header, &texts);

    out->model = model;
    out->size = (size_t)header.file_bytes;
    out->bytes = aligned_alloc(DISTIL_BLOB_ALIGN, out->size); /* size is a multiple of 64 */
    if (out->bytes == NULL)
        return conv_fail(error, "no memory for a blob of %zu bytes", out->size);
    memset(out->bytes, 0, out->size);
    out->header = (void *)out->bytes;
    out->sections = (void *)(out->bytes + DISTIL_BLOB_HEADER_BYTES);
    memcpy(out->header, &header, sizeof header);
    memcpy(out->sections, sections, header.section_count * sizeof *sections);
    return 0;
}

/* ---- content -------------------------------------------------------------------------------- */

static void *section(const image *out, distil_section_kind kind, uint32_t layer)
{
    size_t index = distil_blob_table_index(out->sections, out->header->section_count,
                                           out->header->n_layers, kind, layer);

    return out->bytes + out->sections[index].offset;
}

/* Copy floats; a NaN or an infinity is refused. */
static int write_floats(float *to, const float *from, size_t count, distil_section_kind kind,
                        size_t layer, const char *what, conv_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(from[i]))
            return conv_fail(error, "%s of layer %zu: %s[%zu] is %g, expected a finite number",
                             distil_section_name(kind), layer, what, i, (double)from[i]);
        to[i] = from[i];
    }
    return 0;
}

static int write_scales(float *to, const float *from, size_t count, distil_section_kind kind,
                        size_t layer, conv_error *error)
{
    if (write_floats(to, from, count, kind, layer, "scale", error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (from[i] <= 0)
            return conv_fail(error, "%s of layer %zu: scale[%zu] is %g, expected above 0",
                             distil_section_name(kind), layer, i, (double)from[i]);
    return 0;
}

static int write_norm(const image *out, const conv_norm *norm, distil_section_kind kind,
                      uint32_t layer, conv_error *error)
{
    size_t dim = out->model->dim;
    float *to = section(out, kind, layer);

    if (write_floats(to, norm->gamma, dim, kind, layer, "gamma", error) != 0)
        return -1;
    return write_floats(to + dim, norm->beta, dim, kind, layer, "beta", error);
}

static void write_labels(const image *out)
{
    const conv_model *model = out->model;
    uint32_t *end = section(out, DISTIL_SECTION_LABELS, 0);
    char *names = (char *)(end + model->n_labels);
    uint32_t at = 0;

    for (uint32_t i = 0; i < model->n_labels; i++) {
        size_t bytes = strlen(model->labels[i]);

        memcpy(names + at, model->labels[i], bytes);
        at += (uint32_t)bytes;
        end[i] = at;
    }
}

/* Add a token to the hash table. If an equal token is there, the later id replaces it. */
static void write_slot(const image *out, distil_vocab_slot *slots, uint32_t id)
{
    const conv_model *model = out->model;
    const char *bytes = model->tokens[id];
    size_t size = model->token_bytes[id];
    uint64_t hash = distil_vocab_hash(0, bytes, size);
    uint32_t mask = out->header->vocab_slots - 1;
    unsigned shift = 64;
    uint32_t at;

    for (uint32_t n = out->header->vocab_slots; n > 1; n /= 2)
        shift--;
    at = (uint32_t)(hash * DISTIL_VOCAB_MIX >> shift);
    for (; slots[at].id != DISTIL_VOCAB_EMPTY; at = (at + 1) & mask)
        if (model->token_bytes[slots[at].id] == size &&
            memcmp(model->tokens[slots[at].id], bytes, size) == 0)
            break;
    slots[at].fingerprint = (uint32_t)hash;
    slots[at].id = id;
}

static void write_vocabulary(const image *out)
{
    const conv_model *model = out->model;
    distil_vocab_slot *slots = section(out, DISTIL_SECTION_VOCAB_SLOTS, 0);
    uint32_t *end = section(out, DISTIL_SECTION_VOCAB_ENDS, 0);
    char *bytes = section(out, DISTIL_SECTION_VOCAB_BYTES, 0);
    uint32_t at = 0;

    for (uint32_t i = 0; i < out->header->vocab_slots; i++)
        slots[i].id = DISTIL_VOCAB_EMPTY;
    for (uint32_t id = 0; id < model->vocab_size; id++) {
        size_t size = model->token_bytes[id];

        if (size > 0) {
            memcpy(bytes + at, model->tokens[id], size);
            write_slot(out, slots, id);
        }
        at += (uint32_t)size;
        end[id] = at;
    }
}

static int check_permutation(const uint32_t *row, size_t count, conv_error *error)
{
    uint8_t *seen = calloc(count, 1);
    size_t i = 0;

    if (seen == NULL)
        return conv_fail(error, "no memory to check %zu embedding rows", count);
    for (; i < count && row[i] < count && !seen[row[i]]; i++)
        seen[row[i]] = 1;
    free(seen);
    if (i == count)
        return 0;
    return conv_fail(error, "embed_row: row %u of token %zu, expected a permutation of %zu rows",
                     (unsigned)row[i], i, count);
}

static int write_embeddings(const image *out, conv_error *error)
{
    const conv_model *model = out->model;
    size_t vocab = model->vocab_size, dim = model->dim;

    if (check_permutation(model->embed_row, vocab, error) != 0)
        return -1;
    memcpy(section(out, DISTIL_SECTION_EMBED_ROW, 0), model->embed_row, vocab * sizeof(uint32_t));
    memcpy(section(out, DISTIL_SECTION_EMBED_WORD, 0), model->embed_word, vocab * dim);
    if (write_scales(section(out, DISTIL_SECTION_EMBED_SCALE, 0), model->embed_scale, vocab,
                     DISTIL_SECTION_EMBED_SCALE, 0, error) != 0 ||
        write_floats(section(out, DISTIL_SECTION_EMBED_POSITION, 0), model->embed_position,
                     model->max_positions * dim, DISTIL_SECTION_EMBED_POSITION, 0, "position",
                     error) != 0)
        return -1;
    return write_norm(out, &model->embed_norm, DISTIL_SECTION_EMBED_NORM, 0, error);
}

/* Write one panel of 16 columns in the order of its pair's quads, and the sums of its columns. */
static void pack_panel(int8_t *to, int32_t *col_sum, const conv_matrix *matrix, size_t first_col,
                       const uint16_t *order)
{
    for (size_t col = 0; col < DISTIL_PANEL_COLS; col++) {
        const int8_t *from = matrix->weights + (first_col + col) * matrix->depth;

        for (size_t i = 0; i < matrix->depth / DISTIL_QUAD; i++)
            memcpy(to + (i * DISTIL_PANEL_COLS + col) * DISTIL_QUAD,
                   from + (size_t)order[i] * DISTIL_QUAD, DISTIL_QUAD);
        col_sum[col] = 0;
        for (size_t k = 0; k < matrix->depth; k++)
            col_sum[col] += from[k];
    }
}

static int write_matrix(const image *out, const conv_matrix *matrix, distil_section_kind kind,
                        uint32_t layer, conv_error *error)
{
    size_t cols = matrix->cols, depth = matrix->depth;
    size_t pairs = cols / DISTIL_PAIR_COLS, quads = depth / DISTIL_QUAD;
    distil_blob_quads place = distil_blob_quad_offset(out->header, kind, layer);
    uint16_t *order = (uint16_t *)section(out, DISTIL_SECTION_QUAD_ORDER, 0) + place.order;
    uint8_t *group = (uint8_t *)section(out, DISTIL_SECTION_QUAD_GROUP, 0) + place.group;
    float *scale = section(out, kind, layer);
    int32_t *col_sum = (int32_t *)(void *)(scale + 2 * cols);
    int8_t *panels = (int8_t *)(col_sum + cols);

    for (size_t i = 0; i < pairs * quads; i++)
        if (matrix->order[i] >= quads)
            return conv_fail(error, "layer %u %s: quad order %u, expected below %zu",
                             (unsigned)layer, distil_section_name(kind), matrix->order[i], quads);
    memcpy(order, matrix->order, pairs * quads * sizeof *order);
    memcpy(group, matrix->group, pairs);
    for (size_t col = 0; col < cols; col += DISTIL_PANEL_COLS)
        pack_panel(panels + col * depth, col_sum + col, matrix, col,
                   matrix->order + col / DISTIL_PAIR_COLS * quads);
    if (write_scales(scale, matrix->scale, cols, kind, layer, error) != 0)
        return -1;
    return write_floats(scale + cols, matrix->bias, cols, kind, layer, "bias", error);
}

static int write_layer(const image *out, const conv_layer *layer, uint32_t i, conv_error *error)
{
    if (write_matrix(out, &layer->qkv, DISTIL_SECTION_QKV, i, error) != 0 ||
        write_matrix(out, &layer->attention_out, DISTIL_SECTION_ATTENTION_OUT, i, error) != 0 ||
        write_norm(out, &layer->attention_norm, DISTIL_SECTION_ATTENTION_NORM, i, error) != 0 ||
        write_matrix(out, &layer->ffn_in, DISTIL_SECTION_FFN_IN, i, error) != 0 ||
        write_matrix(out, &layer->ffn_out, DISTIL_SECTION_FFN_OUT, i, error) != 0)
        return -1;
    return write_norm(out, &layer->ffn_norm, DISTIL_SECTION_FFN_NORM, i, error);
}

/* Write the affine layers that the table of heads names. Their columns are padded with zeros. */
static int write_head(const image *out, conv_error *error)
{
    const conv_model *model = out->model;
    const distil_head_tensor *tensor;
    size_t dim = model->dim;

    if (model->head_kind == DISTIL_HEAD_EMBEDDING &&
        !(model->embedding & DISTIL_BLOB_EMBEDDING_DENSE))
        return 0;
    for (size_t i = 0; (tensor = distil_head_tensor_at(model->head_kind, i)) != NULL; i++) {
        distil_section_kind kind = (distil_section_kind)tensor->section;
        const conv_dense *dense = &model->head[i];
        size_t outputs = tensor->outputs == DISTIL_HEAD_WIDTH_DIM ? dim : model->n_labels;
        size_t cols = distil_head_columns(outputs);
        float *to = section(out, kind, 0);

        for (size_t k = 0; k < dim; k++)
            if (write_floats(to + k * cols, dense->weight + k * outputs, outputs, kind, 0, "weight",
                             error) != 0)
                return -1;
        if (write_floats(to + dim * cols, dense->bias, outputs, kind, 0, "bias", error) != 0)
            return -1;
    }
    return 0;
}

static int write_content(const image *out, conv_error *error)
{
    const conv_model *model = out->model;

    memcpy(section(out, DISTIL_SECTION_PROVENANCE, 0), model->provenance,
           strlen(model->provenance));
    if (model->special_count > 0)
        memcpy(section(out, DISTIL_SECTION_SPECIALS, 0), model->specials,
               model->special_count * sizeof *model->specials);
    write_labels(out);
    write_vocabulary(out);
    if (write_embeddings(out, error) != 0)
        return -1;
    for (uint32_t i = 0; i < model->n_layers; i++)
        if (write_layer(out, &model->layers[i], i, error) != 0)
            return -1;
    return write_head(out, error);
}

/* ---- checksums ------------------------------------------------------------------------------ */

/* Compute the CRC of each section, then the SHA-256 of the file while both checksums of the header
 * are zero, then the CRC of the header. */
static void write_checksums(image *out)
{
    size_t first_section = (size_t)out->sections[0].offset;
    distil_sha256 sha;
    uint32_t crc;

    for (size_t i = 0; i < out->header->section_count; i++) {
        distil_blob_section *entry = &out->sections[i];

        entry->crc32c =
            distil_crc32c(0, out->bytes + entry->offset, (size_t)distil_blob_align(entry->bytes));
    }
    distil_sha256_init(&sha);
    distil_sha256_update(&sha, out->bytes, out->size);
    distil_sha256_final(&sha, out->header->sha256);
    crc = distil_crc32c(0, out->bytes, DISTIL_BLOB_HEADER_CRC_OFFSET);
    out->header->header_crc32c = distil_crc32c(crc, out->bytes + DISTIL_BLOB_HEADER_BYTES,
                                               first_section - DISTIL_BLOB_HEADER_BYTES);
}

/* Open the image with the library's reader and check its proof, so that no blob is written that the
 * library would refuse. */
static int check_image(const image *out, conv_error *error)
{
    distil_blob blob;
    distil_blob_error why;
    const distil_blob_section *found = NULL;

    if (distil_blob_open_memory(&blob, out->bytes, out->size, DISTIL_BLOB_VERIFY_NONE, &why) ==
            DISTIL_BLOB_OK &&
        distil_blob_check_proof(&blob, &why) == DISTIL_BLOB_OK)
        return 0;
    for (size_t i = 0; i < out->header->section_count; i++)
        if (out->sections[i].offset <= why.offset)
            found = &out->sections[i];
    if (found == NULL)
        return conv_fail(error, "the blob would not open: %s", why.what);
    return conv_fail(error, "the blob would not open: %s (%s of layer %u, byte %llu of it)",
                     why.what, distil_section_name(found->kind), (unsigned)found->layer,
                     (unsigned long long)(why.offset - found->offset));
}

int conv_blob_write(const char *path, const conv_model *model, conv_error *error)
{
    image out;
    int status;

    if (create_image(&out, model, error) != 0)
        return -1;
    status = write_content(&out, error);
    if (status == 0) {
        write_checksums(&out);
        status = check_image(&out, error);
    }
    if (status == 0)
        status = conv_file_replace(path, out.bytes, out.size, error);
    free(out.bytes);
    return status;
}
