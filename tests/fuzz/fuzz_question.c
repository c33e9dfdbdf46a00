/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: answers to any question by any context, and the embedding of the context. The first
 * five bytes of an input are the window, the stride, the number of answers, their most tokens and
 * the length of the question; the rest is the question and the context.
 *
 * Besides memory safety the target checks these rules. A call with the room that the library asks
 * for succeeds. Answers come in order of their scores, and lie within the context.
 */
#include <stdlib.h>
#include <string.h>

#include "model/heads.h"
#include "runtime/distil.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support_blob.h"

enum { DIM = 32, OPTION_BYTES = 5, MOST_BYTES = 600 };

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Opens a model that answers questions, which lives as long as the program. */
static distil_model *open_model(void)
{
    static const support_blob_shape shape = {.dim = DIM,
                                             .hidden_dim = 64,
                                             .n_layers = 1,
                                             .n_heads = 1,
                                             .max_positions = 24,
                                             .n_labels = 2,
                                             .group = 0};
    support_blob source = support_blob_make(5, &shape);
    support_image image;

    support_blob_label_tokens(&source);
    source.model.head_kind = DISTIL_HEAD_SPANS;
    image.bytes = support_blob_image(&image.size, &source.model);
    support_blob_free(&source);
    return support_blob_open(&image, DISTIL_ISA_BEST);
}

static void check_answers(const distil_answer *answers, size_t count, const distil_text *text,
                          const distil_answer_options *options)
{
    require(count <= (options->top_k > 0 ? options->top_k : 1));
    for (size_t i = 0; i < count; i++) {
        const distil_offsets *w = &answers[i].where;

        require(w->begin <= w->end && w->end <= text->pair_size && w->char_begin <= w->begin &&
                w->char_begin <= w->char_end && w->char_end <= w->end);
        require(answers[i].score >= 0 && (i == 0 || answers[i].score <= answers[i - 1].score));
        require(w->end > 0 || options->allow_none);
    }
}

static void ask(const distil_model *model, distil_context *context, const distil_text *text,
                const distil_answer_options *options)
{
    size_t capacity = 0, count = 0;
    distil_status status = distil_answer_capacity(model, &capacity, text, 0, options);
    distil_answer *answers;

    if (status != DISTIL_OK) {
        require(distil_answer_question(context, NULL, 0, &count, text, 0, options) == status);
        return;
    }
    answers = calloc(capacity, sizeof *answers);
    require(answers != NULL);
    require(distil_answer_question(context, answers, capacity, &count, text, 0, options) ==
            DISTIL_OK);
    check_answers(answers, count, text, options);
    free(answers);
}

/* A vector of the length 1 has no element above 1. */
static void embed(distil_context *context, const distil_text *text, distil_pooling pooling)
{
    const distil_embed_options options = {.pooling = pooling,
                                          .normalization = DISTIL_NORMALIZATION_ON};
    const distil_text one = {.bytes = text->pair, .size = text->pair_size};
    float vector[DIM];

    require(distil_embed(context, vector, NULL, &one, 1, 0, &options) == DISTIL_OK);
    for (size_t i = 0; i < DIM; i++)
        require(vector[i] >= -1.0001f && vector[i] <= 1.0001f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static distil_model *model;
    static distil_context *context;
    distil_answer_options options;
    size_t question;
    distil_text text;

    if (size < OPTION_BYTES || size > MOST_BYTES)
        return 0;
    if (model == NULL) {
        model = open_model();
        require(distil_context_new(&context, model, NULL, NULL) == DISTIL_OK);
    }
    options =
        (distil_answer_options){.top_k = data[2] % 8,
                                .max_answer_tokens = data[3] % 20,
                                .window = data[0] % 27,
                                .stride = data[1] % 16 == 15 ? DISTIL_NO_STRIDE : data[1] % 16,
                                .allow_none = data[2] >= 128};
    question = data[4] < size - OPTION_BYTES ? data[4] : size - OPTION_BYTES;
    text = (distil_text){.bytes = (const char *)data + OPTION_BYTES,
                         .size = question,
                         .pair = (const char *)data + OPTION_BYTES + question,
                         .pair_size = size - OPTION_BYTES - question};
    ask(model, context, &text, &options);
    embed(context, &text, (distil_pooling)(data[3] % 4));
    return 0;
}
