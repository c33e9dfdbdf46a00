/* SPDX-License-Identifier: Apache-2.0 */
/* distil inspect: shows what a blob contains, for people or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/blob.h"
#include "model/heads.h"
#include "model/vocab.h"
#include "runtime/base/hex.h"
#include "tools/command/cmd_blob.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_output.h"
#include "tools/command/commands.h"

/* How fine the integer weights of a matrix are. */
typedef struct fineness {
    distil_qmatrix matrix;
    double mean_range;       /* mean over the columns of the largest magnitude */
    unsigned long groups[5]; /* [n]: panel pairs whose lane groups have n quads */
} fineness;

static fineness measure_fineness(const distil_blob *blob, distil_section_kind kind, uint32_t layer)
{
    fineness f = {.matrix = distil_blob_get_matrix(blob, kind, layer)};
    size_t panel_bytes = f.matrix.depth * DISTIL_PANEL_COLS;
    unsigned long sum = 0;

    for (size_t panel = 0; panel < f.matrix.cols / DISTIL_PANEL_COLS; panel++) {
        const int8_t *weights = f.matrix.panels + panel * panel_bytes;
        int largest[DISTIL_PANEL_COLS] = {0};

        for (size_t i = 0; i < panel_bytes; i++) {
            int *column = &largest[i / DISTIL_QUAD % DISTIL_PANEL_COLS];

            *column = abs(weights[i]) > *column ? abs(weights[i]) : *column;
        }
        for (size_t col = 0; col < DISTIL_PANEL_COLS; col++)
            sum += (unsigned long)largest[col];
    }
    for (size_t pair = 0; pair < f.matrix.cols / DISTIL_PAIR_COLS; pair++)
        f.groups[distil_lane_group(&f.matrix, pair)]++;
    f.mean_range = (double)sum / (double)f.matrix.cols;
    return f;
}

static const struct {
    uint32_t flag;
    const char *json;
    const char *set, *unset; /* for people */
} tokenizer_flags[] = {
    {DISTIL_BLOB_TOK_LOWERCASE, "lowercase", "lowercase", "not lowercase"},
    {DISTIL_BLOB_TOK_STRIP_ACCENTS, "strip_accents", "accents stripped", "accents kept"},
    {DISTIL_BLOB_TOK_CHINESE_CHARS, "tokenize_chinese_chars", "Chinese characters apart",
     "Chinese characters together"},
    {DISTIL_BLOB_TOK_SPLIT_SPECIALS, "split_special_tokens", "special tokens split",
     "special tokens whole"},
    {DISTIL_BLOB_TOK_TRUNCATE_LEFT, "truncate_left", "cut off on the left", "cut off on the right"},
};
enum { TOKENIZER_FLAGS = sizeof tokenizer_flags / sizeof *tokenizer_flags };

static const struct {
    uint32_t flag;
    const char *json;
} special_flags[] = {
    {DISTIL_BLOB_SPECIAL_SPECIAL, "special"},
    {DISTIL_BLOB_SPECIAL_SINGLE_WORD, "single_word"},
    {DISTIL_BLOB_SPECIAL_LSTRIP, "lstrip"},
    {DISTIL_BLOB_SPECIAL_RSTRIP, "rstrip"},
    {DISTIL_BLOB_SPECIAL_NORMALIZED, "normalized"},
};
enum { SPECIAL_FLAGS = sizeof special_flags / sizeof *special_flags };

/* The names of functions by their number in the header. */
static const char *const functions[] = {
    [DISTIL_BLOB_FUNCTION_SOFTMAX] = "softmax",
    [DISTIL_BLOB_FUNCTION_SIGMOID] = "sigmoid",
    [DISTIL_BLOB_FUNCTION_NONE] = "none",
};

/* The names of poolings, and of what follows the dense layer of an embedding. */
static const char *const poolings[] = {"none", "cls", "mean", "max"};
static const char *const activations[] = {"identity", "tanh", "relu", "sigmoid"};

/* Returns 1 if the model is one for embeddings, which has no labels. */
static int is_embedding(const distil_blob_header *h)
{
    return distil_head_of_kind(h->head_kind)->output == DISTIL_HEAD_OUTPUT_VECTOR;
}

/* Returns the name of what follows the dense layer, or NULL without such a layer. */
static const char *dense_name(const distil_blob_header *h)
{
    return h->embedding & DISTIL_BLOB_EMBEDDING_DENSE
               ? activations[h->embedding >> DISTIL_BLOB_EMBEDDING_DENSE_SHIFT]
               : NULL;
}

/* Returns 1 for a kind of section that each layer has one of. */
static int is_per_layer(uint32_t kind)
{
    return kind >= DISTIL_SECTION_QKV && kind < DISTIL_SECTION_HEAD_DENSE;
}

static void print_sha256(const distil_blob *blob)
{
    char digits[65];

    hex_string(digits, blob->header->sha256, sizeof blob->header->sha256);
    (void)fputs(digits, stdout);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void print_json_number(const char *name, unsigned long long value)
{
    (void)printf("  \"%s\": %llu,\n", name, value);
}

static void print_json_tokenizer(const distil_blob *blob)
{
    const distil_blob_header *h = blob->header;
    const distil_blob_special *special =
        distil_blob_section_data(blob, DISTIL_SECTION_SPECIALS, 0, NULL);
    distil_vocab vocab;

    distil_vocab_init(&vocab, blob);
    (void)fputs("  \"tokenizer\": {\n", stdout);
    for (size_t i = 0; i < TOKENIZER_FLAGS; i++)
        (void)printf("    \"%s\": %s,\n", tokenizer_flags[i].json,
                     h->tokenizer_flags & tokenizer_flags[i].flag ? "true" : "false");
    (void)printf("    \"max_word_chars\": %u,\n    \"max_token_bytes\": %u,\n"
                 "    \"vocab_slots\": %u,\n    \"pad_id\": %u,\n    \"unk_id\": %u,\n"
                 "    \"cls_id\": %u,\n    \"sep_id\": %u,\n    \"mask_id\": %u,\n",
                 (unsigned)h->max_word_chars, (unsigned)h->max_token_bytes,
                 (unsigned)h->vocab_slots, (unsigned)h->pad_id, (unsigned)h->unk_id,
                 (unsigned)h->cls_id, (unsigned)h->sep_id, (unsigned)h->mask_id);
    (void)fputs("    \"special_tokens\": [", stdout);
    for (uint32_t i = 0; i < h->special_count; i++) {
        size_t bytes;
        const char *token = distil_vocab_token(&vocab, special[i].id, &bytes);

        (void)printf("%s\n      {\"id\": %u, \"token\": ", i > 0 ? "," : "",
                     (unsigned)special[i].id);
        cmd_json_string(stdout, token, bytes);
        for (size_t f = 0; f < SPECIAL_FLAGS; f++)
            (void)printf(", \"%s\": %s", special_flags[f].json,
                         special[i].flags & special_flags[f].flag ? "true" : "false");
        (void)putchar('}');
    }
    (void)fputs("\n    ]\n  },\n", stdout);
}

static void print_json_weights(const distil_blob *blob)
{
    (void)fputs("  \"matrices\": [", stdout);
    for (uint32_t layer = 0; layer < blob->header->n_layers; layer++) {
        for (size_t i = 0; i < CMD_BLOB_MATRICES; i++) {
            fineness f = measure_fineness(blob, cmd_blob_matrices[i], layer);

            (void)printf("%s\n    {\"layer\": %u, \"name\": \"%s\", \"depth\": %zu, \"cols\": %zu, "
                         "\"mean_range\": %.4f, \"groups\": {\"4\": %lu, \"2\": %lu, \"1\": %lu}}",
                         layer + i > 0 ? "," : "", (unsigned)layer,
                         distil_section_name(cmd_blob_matrices[i]), f.matrix.depth, f.matrix.cols,
                         f.mean_range, f.groups[4], f.groups[2], f.groups[1]);
        }
    }
    (void)fputs("\n  ],\n", stdout);
}

static void print_json_sections(const distil_blob *blob)
{
    (void)fputs("  \"sections\": [", stdout);
    for (size_t i = 0; i < blob->header->section_count; i++) {
        const distil_blob_section *s = &blob->sections[i];

        (void)printf("%s\n    {\"name\": \"%s\", \"layer\": %u, \"offset\": %llu, \"bytes\": %llu, "
                     "\"crc32c\": \"%08x\"}",
                     i > 0 ? "," : "", distil_section_name(s->kind), (unsigned)s->layer,
                     (unsigned long long)s->offset, (unsigned long long)s->bytes,
                     (unsigned)s->crc32c);
    }
    (void)fputs("\n  ]\n", stdout);
}

/* Print what only a model for embeddings has. */
static void print_json_embedding(const distil_blob_header *h)
{
    const char *dense = dense_name(h);

    if (!is_embedding(h))
        return;
    (void)printf("  \"vector_size\": %u,\n  \"pooling\": \"%s\",\n  \"normalize\": %s,\n",
                 (unsigned)h->n_labels, poolings[h->embedding & DISTIL_BLOB_EMBEDDING_POOLING],
                 h->embedding & DISTIL_BLOB_EMBEDDING_NORMALIZE ? "true" : "false");
    if (dense != NULL)
        (void)printf("  \"dense\": \"%s\",\n", dense);
    else
        (void)fputs("  \"dense\": null,\n", stdout);
}

static void print_json(const distil_blob *blob)
{
    const distil_blob_header *h = blob->header;
    size_t bytes;
    const char *text = distil_blob_section_data(blob, DISTIL_SECTION_PROVENANCE, 0, &bytes);

    (void)fputs("{\n", stdout);
    print_json_number("file_bytes", h->file_bytes);
    print_json_number("version", h->version);
    print_json_number("scheme", h->scheme);
    (void)fputs("  \"sha256\": \"", stdout);
    print_sha256(blob);
    (void)printf("\",\n  \"header_crc32c\": \"%08x\",\n", (unsigned)h->header_crc32c);
    print_json_number("dim", h->dim);
    print_json_number("hidden_dim", h->hidden_dim);
    print_json_number("n_layers", h->n_layers);
    print_json_number("n_heads", h->n_heads);
    print_json_number("vocab_size", h->vocab_size);
    print_json_number("max_positions", h->max_positions);
    print_json_number("max_tokens", h->max_tokens);
    (void)printf("  \"head\": \"%s\",\n  \"function\": \"%s\",\n  \"rank_function\": \"%s\",\n"
                 "  \"activation\": \"gelu\",\n",
                 distil_head_of_kind(h->head_kind)->text, functions[h->function],
                 functions[h->rank_function > 0 ? h->rank_function : h->function]);
    print_json_embedding(h);
    (void)fputs("  \"layer_norm_eps\": ", stdout);
    cmd_json_float(stdout, h->layer_norm_eps);
    (void)fputs(",\n  \"labels\": [", stdout);
    for (uint32_t i = 0; i < (is_embedding(h) ? 0 : h->n_labels); i++) {
        size_t label_bytes;
        const char *label = distil_blob_label(blob, i, &label_bytes);

        (void)fputs(i > 0 ? ", " : "", stdout);
        cmd_json_string(stdout, label, label_bytes);
    }
    (void)fputs("],\n", stdout);
    print_json_tokenizer(blob);
    (void)fputs("  \"provenance\": ", stdout);
    cmd_json_string(stdout, text, bytes);
    (void)fputs(",\n", stdout);
    print_json_weights(blob);
    print_json_sections(blob);
    (void)fputs("}\n", stdout);
}

/* ---- text ----------------------------------------------------------------------------------- */

static void print_labels(const distil_blob *blob)
{
    uint32_t n_labels = blob->header->n_labels;

    if (is_embedding(blob->header)) {
        (void)printf("vectors      of %u numbers\n", (unsigned)n_labels);
        return;
    }
    (void)printf("labels       %u:", (unsigned)n_labels);
    for (uint32_t i = 0; i < n_labels && i < 20; i++) {
        size_t bytes;
        const char *label = distil_blob_label(blob, i, &bytes);

        (void)fputs(i > 0 ? ", " : " ", stdout);
        cmd_write_list_item(stdout, label, bytes);
    }
    (void)fputs(n_labels > 20 ? " ... (all with --json)\n" : "\n", stdout);
}

static void print_head(const distil_blob *blob)
{
    const distil_blob_header *h = blob->header;
    const distil_head_tensor *tensor;

    if (is_embedding(h)) {
        const char *dense = dense_name(h);

        (void)printf("head         embeddings, pooling %s%s%s%s\n",
                     poolings[h->embedding & DISTIL_BLOB_EMBEDDING_POOLING],
                     dense != NULL ? ", dense layer and " : "", dense != NULL ? dense : "",
                     h->embedding & DISTIL_BLOB_EMBEDDING_NORMALIZE ? ", length 1" : "");
        return;
    }
    (void)printf("head         %s, probabilities by %s", distil_head_of_kind(h->head_kind)->text,
                 functions[h->function]);
    if (h->rank_function > 0)
        (void)printf(", scores of passages by %s", functions[h->rank_function]);
    (void)putchar(':');
    for (size_t i = 0; (tensor = distil_head_tensor_at(h->head_kind, i)) != NULL; i++)
        (void)printf("%s %s", i > 0 ? "," : "", tensor->tensor);
    (void)putchar('\n');
}

static void print_tokenizer(const distil_blob *blob)
{
    const distil_blob_header *h = blob->header;
    const distil_blob_special *special =
        distil_blob_section_data(blob, DISTIL_SECTION_SPECIALS, 0, NULL);
    distil_vocab vocab;

    distil_vocab_init(&vocab, blob);
    (void)fputs("tokenizer    ", stdout);
    for (size_t i = 0; i < TOKENIZER_FLAGS; i++)
        (void)printf("%s, ", h->tokenizer_flags & tokenizer_flags[i].flag
                                 ? tokenizer_flags[i].set
                                 : tokenizer_flags[i].unset);
    (void)printf("words up to %u characters,\n             texts up to %u tokens\n",
                 (unsigned)h->max_word_chars, (unsigned)h->max_tokens);
    (void)fputs("             special:", stdout);
    for (uint32_t i = 0; i < h->special_count; i++) {
        size_t bytes;
        const char *token = distil_vocab_token(&vocab, special[i].id, &bytes);

        (void)putchar(' ');
        cmd_write_escaped(stdout, token, bytes);
        (void)printf(" %u%s", (unsigned)special[i].id, i + 1 < h->special_count ? "," : "");
    }
    (void)putchar('\n');
}

/* Print the lines of the provenance with control characters escaped, so that a blob from a stranger
 * cannot control the terminal. */
static void print_provenance(const distil_blob *blob)
{
    size_t bytes;
    const char *text = distil_blob_section_data(blob, DISTIL_SECTION_PROVENANCE, 0, &bytes);
    const char *end = text + bytes;

    for (int first = 1; text < end; first = 0) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));

        if (line_end == NULL)
            line_end = end;
        (void)printf("%-13s", first ? "provenance" : "");
        cmd_write_escaped(stdout, text, (size_t)(line_end - text));
        (void)putchar('\n');
        text = line_end < end ? line_end + 1 : end;
    }
}

/* Print the sizes of groups of sections. Kinds are numbered in the order of the file, so the last
 * kind of a group says where it ends. */
static void print_sizes(const distil_blob *blob)
{
    static const struct {
        uint32_t last;
        const char *name;
    } parts[] = {
        {DISTIL_SECTION_SPECIALS, "texts"},    {DISTIL_SECTION_VOCAB_BYTES, "vocabulary"},
        {DISTIL_SECTION_QUAD_GROUP, "orders"}, {DISTIL_SECTION_EMBED_NORM, "embeddings"},
        {DISTIL_SECTION_FFN_NORM, "layers"},   {DISTIL_SECTION_HEAD_OUT, "head"},
    };
    unsigned long long bytes[sizeof parts / sizeof *parts] = {0};

    for (size_t i = 0; i < blob->header->section_count; i++) {
        size_t part = 0;

        while (blob->sections[i].kind > parts[part].last)
            part++;
        bytes[part] += blob->sections[i].bytes;
    }
    (void)fputs("bytes        ", stdout);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        (void)printf("%s%s %llu", i > 0 ? ", " : "", parts[i].name, bytes[i]);
    (void)putchar('\n');
}

static void print_weights(const distil_blob *blob)
{
    (void)fputs("\nlayer  matrix          inputs  outputs  mean range  groups of 4, 2, 1\n",
                stdout);
    for (uint32_t layer = 0; layer < blob->header->n_layers; layer++) {
        for (size_t i = 0; i < CMD_BLOB_MATRICES; i++) {
            fineness f = measure_fineness(blob, cmd_blob_matrices[i], layer);

            (void)printf("%5u  %-14s  %6zu  %7zu  %10.1f  %lu, %lu, %lu\n", (unsigned)layer,
                         distil_section_name(cmd_blob_matrices[i]), f.matrix.depth, f.matrix.cols,
                         f.mean_range, f.groups[4], f.groups[2], f.groups[1]);
        }
    }
}

static void print_sections(const distil_blob *blob)
{
    (void)fputs("\nsection         layer      offset       bytes  CRC-32C\n", stdout);
    for (size_t i = 0; i < blob->header->section_count; i++) {
        const distil_blob_section *s = &blob->sections[i];
        char layer[12] = "-";

        if (is_per_layer(s->kind))
            (void)snprintf(layer, sizeof layer, "%u", (unsigned)s->layer);
        (void)printf("%-14s  %5s  %10llu  %10llu  %08x\n", distil_section_name(s->kind), layer,
                     (unsigned long long)s->offset, (unsigned long long)s->bytes,
                     (unsigned)s->crc32c);
    }
}

static void print_text(const distil_blob *blob, const char *path, int sections)
{
    const distil_blob_header *h = blob->header;

    (void)printf("%s\n", path);
    (void)printf("format       blob version %u, %llu bytes\n", (unsigned)h->version,
                 (unsigned long long)h->file_bytes);
    (void)fputs("sha256       ", stdout);
    print_sha256(blob);
    (void)printf("\nmodel        DistilBERT, %u layer%s, dim %u, hidden %u, %u head%s of %u,\n"
                 "             %u tokens, %u positions, layer norm epsilon %g\n",
                 (unsigned)h->n_layers, h->n_layers == 1 ? "" : "s", (unsigned)h->dim,
                 (unsigned)h->hidden_dim, (unsigned)h->n_heads, h->n_heads == 1 ? "" : "s",
                 (unsigned)(h->dim / h->n_heads), (unsigned)h->vocab_size,
                 (unsigned)h->max_positions, (double)h->layer_norm_eps);
    (void)fputs(
        "scheme       1: activations u8 by row, weights int8 by column within 16-bit lanes,\n"
        "             embeddings int8 by row, the rest fp32\n",
        stdout);
    print_head(blob);
    print_labels(blob);
    print_tokenizer(blob);
    print_sizes(blob);
    print_provenance(blob);
    print_weights(blob);
    if (sections)
        print_sections(blob);
}

/* ---- command -------------------------------------------------------------------------------- */

int cmd_inspect(int argc, char **argv)
{
    cmd_options options;
    distil_blob blob;
    char *path;
    int code = cmd_options_parse(&options, &cmd_manuals[CMD_INSPECT], argc, argv);

    if (code >= 0)
        return code;
    code = CMD_FAILED;
    if (options.word_count + (options.model != NULL) > 1) {
        code = cmd_usage_error("inspect", "more than one file");
    } else if (cmd_choose_model(&path, options.word_count > 0 ? options.words[0] : options.model) ==
               0) {
        if (cmd_blob_open(&blob, path) == 0) {
            if (options.format == CMD_FORMAT_JSON)
                print_json(&blob);
            else
                print_text(&blob, path, options.sections);
            distil_blob_close(&blob);
            code = cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
        }
        free(path);
    }
    cmd_options_free(&options);
    return code;
}
