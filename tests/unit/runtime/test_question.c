/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of distil_answer_question: answers have the same bits at every level and with any number of
 * threads, and wrong calls are refused. tests/convert/test_answers.sh compares answers with those
 * of the real pipeline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/support_blob.h"

enum { MOST = 4096 };

static const support_blob_shape shape = {
    .dim = 64, .hidden_dim = 128, .n_layers = 2, .n_heads = 2, .max_positions = 32, .n_labels = 2};

static const char question[] = "the quick a ?";
static const char context[] =
    "a b c the the quick d e f g h ! i j k The l m n o p q r s quick t u v w x y z a b c d e f g h";

static const distil_text text = {question, sizeof question - 1, context, sizeof context - 1};

static support_image make_image(uint32_t head)
{
    support_blob source = support_blob_make(5, &shape);
    support_image made;

    support_blob_label_tokens(&source);
    source.model.head_kind = head;
    made.bytes = support_blob_image(&made.size, &source.model);
    support_blob_free(&source);
    return made;
}

/* Asks the question with `threads` threads. Returns the number of answers. */
static size_t ask(distil_answer *answers, const distil_model *model, size_t threads,
                  const distil_answer_options *options)
{
    distil_context_options how = {.size = sizeof how, .threads = threads};
    distil_context *c = NULL;
    size_t capacity = 0, count = 0;

    CHECK(distil_context_new(&c, model, &how, NULL) == DISTIL_OK);
    CHECK(distil_answer_capacity(model, &capacity, &text, 0, options) == DISTIL_OK);
    CHECK(capacity <= MOST);
    CHECK(distil_answer_question(c, answers, capacity, &count, &text, 0, options) == DISTIL_OK);
    distil_context_free(c);
    return count;
}

static void same_bits(const support_image *blob)
{
    const distil_answer_options options = {.top_k = 20, .window = 24, .stride = 5, .allow_none = 1};
    static distil_answer expected[MOST], answers[MOST];
    size_t wanted = 0;
    distil_cpuid cpu;

    distil_cpuid_read(&cpu);
    for (int level = DISTIL_LEVEL_SCALAR; level <= DISTIL_LEVEL_BEST; level++) {
        const char *missing;
        distil_model *model;

        if (!harness_case("%s: same bits", distil_level_name((distil_level)level)))
            continue;
        if (!distil_cpuid_has(&cpu, (distil_level)level, &missing)) {
            harness_skip(missing);
            continue;
        }
        model = support_blob_open(blob, (distil_isa)(level + DISTIL_ISA_SCALAR));
        for (size_t threads = 1; threads <= 3; threads++) {
            size_t count = ask(wanted == 0 ? expected : answers, model, threads, &options);

            if (wanted == 0)
                wanted = count;
            else
                CHECK(count == wanted && memcmp(answers, expected, count * sizeof *answers) == 0);
        }
        CHECK(wanted > 1 && wanted <= 20);
        CHECK(distil_model_close(model) == DISTIL_OK);
    }
}

/* The answers are sorted, lie in the context, and have places in characters, which are bytes
 * here. */
static void places(const support_image *blob)
{
    const distil_answer_options options = {.top_k = 9, .window = 20, .stride = DISTIL_NO_STRIDE};
    static distil_answer answers[MOST];
    distil_model *model = support_blob_open(blob, DISTIL_ISA_BEST);

    if (harness_case("places and order of answers")) {
        size_t count = ask(answers, model, 1, &options);

        CHECK(count == 9);
        for (size_t i = 0; i < count; i++) {
            const distil_offsets *w = &answers[i].where;

            CHECK(w->begin < w->end && w->end < sizeof context && w->char_begin == w->begin &&
                  w->char_end == w->end);
            CHECK(i == 0 || answers[i].score <= answers[i - 1].score);
            CHECK(w->begin == 0 || context[w->begin - 1] == ' ');
        }
    }
    CHECK(distil_model_close(model) == DISTIL_OK);
}

static void expect_refused(const distil_model *model, distil_context *c, const distil_text *asked,
                           uint32_t flags, const distil_answer_options *options,
                           distil_status status, const char *said)
{
    static distil_answer answers[MOST];
    size_t count = 77, capacity = 0;

    CHECK(distil_answer_capacity(model, &capacity, asked, flags, options) == status);
    CHECK(distil_answer_question(c, answers, MOST, &count, asked, flags, options) == status);
    CHECK(count == 77);
    CHECKF(strstr(distil_context_error(c)->message, said) != NULL, "said: %s",
           distil_context_error(c)->message);
}

static void wrong_calls(const support_image *blob)
{
    distil_model *model = support_blob_open(blob, DISTIL_ISA_BEST);
    const distil_text no_question = {.bytes = "", .pair = "a", .pair_size = 1};
    const distil_text no_context = {.bytes = "a", .size = 1};
    const distil_answer_options narrow = {.window = 8}, wide = {.window = 33};
    distil_answer one;
    distil_context *c = NULL;
    size_t count;

    if (harness_case("wrong calls")) {
        CHECK(distil_context_new(&c, model, NULL, NULL) == DISTIL_OK);
        expect_refused(model, c, &no_question, 0, NULL, DISTIL_BAD_ARGUMENT, "empty");
        expect_refused(model, c, &no_context, 0, NULL, DISTIL_BAD_ARGUMENT, "empty");
        expect_refused(model, c, NULL, 0, NULL, DISTIL_BAD_ARGUMENT, "empty");
        expect_refused(model, c, &text, 3, NULL, DISTIL_BAD_ARGUMENT, "flags");
        expect_refused(model, c, &text, 0, &wide, DISTIL_BAD_ARGUMENT, "window");
        expect_refused(model, c, &text, 0, &narrow, DISTIL_TOO_MANY_TOKENS, "shorten");
        CHECK(distil_answer_question(c, &one, 1, &count, &text, 0, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_answer_question(NULL, &one, 1, &count, &text, 0, NULL) == DISTIL_BAD_ARGUMENT);
        distil_context_free(c);
    }
    CHECK(distil_model_close(model) == DISTIL_OK);
}

/* With less room than it asks for, a call writes nothing behind that room. */
static void little_room(const support_image *blob)
{
    const distil_answer_options options = {.top_k = 3, .allow_none = 1};
    const distil_text brief = {.bytes = "a", .size = 1, .pair = "b", .pair_size = 1};
    distil_model *model = support_blob_open(blob, DISTIL_ISA_BEST);
    distil_answer *answers;
    distil_context *c = NULL;
    size_t capacity = 0, count = 0;

    if (harness_case("one answer less of room than needed")) {
        CHECK(distil_context_new(&c, model, NULL, NULL) == DISTIL_OK);
        CHECK(distil_answer_capacity(model, &capacity, &brief, 0, &options) == DISTIL_OK);
        CHECK(capacity > 1);
        answers = calloc(capacity, sizeof *answers);
        CHECK(answers != NULL);
        CHECK(distil_answer_question(c, answers, capacity - 1, &count, &brief, 0, &options) ==
              DISTIL_BAD_ARGUMENT);
        CHECK(strstr(distil_context_error(c)->message, "distil_answer_capacity") != NULL);
        CHECK(distil_answer_question(c, answers, capacity, &count, &brief, 0, &options) ==
              DISTIL_OK);
        CHECK(count >= 1 && count <= 3);
        free(answers);
        distil_context_free(c);
    }
    CHECK(distil_model_close(model) == DISTIL_OK);
}

/* A model that labels tokens has two logits for each token, too, but answers no questions. */
static void other_task(void)
{
    support_image blob = make_image(DISTIL_HEAD_TOKENS);
    distil_model *model = support_blob_open(&blob, DISTIL_ISA_BEST);
    distil_context *c = NULL;

    if (harness_case("a model for another task")) {
        CHECK(distil_context_new(&c, model, NULL, NULL) == DISTIL_OK);
        expect_refused(model, c, &text, 0, NULL, DISTIL_BAD_ARGUMENT, "does not answer questions");
        distil_context_free(c);
    }
    CHECK(distil_model_close(model) == DISTIL_OK);
    free(blob.bytes);
}

int main(int argc, char **argv)
{
    support_image blob;

    harness_init("test_question", argc, argv);
    blob = make_image(DISTIL_HEAD_SPANS);
    same_bits(&blob);
    places(&blob);
    wrong_calls(&blob);
    little_room(&blob);
    other_task();
    free(blob.bytes);
    return harness_finish();
}
