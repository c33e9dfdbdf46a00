/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: entities of any text. The first byte of an input chooses the aggregation, the second
 * one the window, the third one the stride, and the rest is the text.
 *
 * Besides memory safety the target checks these rules. Places are within the text and in order.
 * Scores are probabilities. A call with too little room tells how much is enough, and a call with
 * that much room gives the same entities.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support_blob.h"

enum { LABELS = 5, MOST_BYTES = 600 };

static const char *const names[LABELS] = {"O", "B-PER", "I-PER", "I-LOC", "MISC-A"};

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Opens a token classifier, which lives as long as the program. */
static distil_model *open_model(void)
{
    static const support_blob_shape shape = {.dim = 32,
                                             .hidden_dim = 64,
                                             .n_layers = 1,
                                             .n_heads = 1,
                                             .max_positions = 24,
                                             .n_labels = LABELS,
                                             .group = 0};
    support_blob source = support_blob_make(5, &shape);
    support_image image;

    support_blob_label_tokens(&source);
    source.model.labels = names;
    image.bytes = support_blob_image(&image.size, &source.model);
    support_blob_free(&source);
    return support_blob_open(&image, DISTIL_ISA_BEST);
}

/* One character has one byte or more. */
static void check_entity(const distil_entity *e, const distil_text *text)
{
    require(e->where.begin < e->where.end && e->where.end <= text->size);
    require(e->where.char_begin <= e->where.begin && e->where.char_end <= e->where.end);
    require(e->where.char_begin < e->where.char_end);
    require(e->score >= 0 && e->score <= 1.0001f && e->label < LABELS);
    require(strcmp(e->name, "O") != 0 && e->token >= 1 && e->token < 23);
}

static void check_text(distil_context *context, const distil_text *text, distil_aggregation how)
{
    distil_entities none = {NULL, 0, 0, 0, 0, 0}, all;
    distil_entity *items;

    require(distil_find_entities(context, &none, text, 1, how, 0) == DISTIL_OK);
    items = calloc(none.count + 1, sizeof *items);
    require(items != NULL);
    all = (distil_entities){items, none.count, 0, 0, 0, 0};
    require(distil_find_entities(context, &all, text, 1, how, 0) == DISTIL_OK);
    require(all.count <= none.count && all.windows == none.windows &&
            all.truncated == none.truncated);
    require(all.windows > 1 || all.count == none.count);
    for (size_t i = 0; i < all.count; i++)
        check_entity(&items[i], text);
    for (size_t i = 1; i < all.count && all.windows > 1; i++)
        require(items[i].where.begin >= items[i - 1].where.end);
    free(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static distil_model *model;
    distil_context_options options = {.size = sizeof options};
    distil_aggregation how;
    distil_context *context;
    distil_text text;

    if (size < 3)
        return 0;
    if (model == NULL)
        model = open_model();
    how = (distil_aggregation)(data[0] % 5);
    if (how != DISTIL_AGGREGATION_NONE && data[1] % 24 >= 3) {
        options.window = data[1] % 24;
        options.stride = data[2] % (options.window - 2);
    }
    text = (distil_text){.bytes = (const char *)data + 3,
                         .size = size - 3 < MOST_BYTES ? size - 3 : MOST_BYTES};
    require(distil_context_new(&context, model, &options, NULL) == DISTIL_OK);
    check_text(context, &text, how);
    distil_context_free(context);
    return 0;
}
