/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests token classification through runtime/distil.h: entities have the same bits at every level,
 * with every number of threads and in batches and passes of any size; places, windows, truncation
 * and capacities; and wrong combinations are refused. tests/convert/test_entities_agree.sh compares
 * entities with those of transformers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/support_blob.h"

enum { TEXTS = 14, LABELS = 6, MOST = 512, POSITIONS = 24, WINDOW = 12, STRIDE = 4 };

static const char *const names[LABELS] = {"B-PER", "I-PER", "B-LOC", "I-LOC", "O", "MISC-A-B"};

static char bytes[TEXTS][512];
static distil_text texts[TEXTS]; /* from none to about 70 tokens */

/* The blob of a token classifier, and a model opened from it. */
typedef struct subject {
    support_blob source;
    uint8_t *image;
    size_t size;
    distil_model *model;
} subject;

static distil_model *open_image(const subject *s, distil_isa isa)
{
    distil_options options = {.size = sizeof options, .max_isa = isa, .exact_isa = 1};
    distil_model *model = NULL;
    distil_status status = distil_model_open_memory(&model, s->image, s->size, &options, NULL);

    return status == DISTIL_OK ? model : NULL;
}

static subject new_subject(uint32_t flags, int labels_tokens)
{
    static const support_blob_shape shape = {.dim = 64,
                                             .hidden_dim = 128,
                                             .n_layers = 2,
                                             .n_heads = 2,
                                             .max_positions = POSITIONS,
                                             .n_labels = LABELS,
                                             .group = 0};
    subject s = {.source = support_blob_make(16, &shape)};

    if (labels_tokens)
        support_blob_label_tokens(&s.source);
    s.source.model.labels = names;
    s.source.model.tokenizer_flags |= flags;
    s.image = support_blob_image(&s.size, &s.source.model);
    s.model = open_image(&s, DISTIL_ISA_BEST);
    if (s.model == NULL) {
        fprintf(stderr, "test_entities: cannot open the model\n");
        exit(1);
    }
    return s;
}

static void free_subject(subject *s)
{
    CHECK(distil_model_close(s->model) == DISTIL_OK);
    free(s->image);
    support_blob_free(&s->source);
}

static distil_context *new_context(const distil_model *model, const distil_context_options *options)
{
    distil_context *context;

    if (distil_context_new(&context, model, options, NULL) != DISTIL_OK) {
        fprintf(stderr, "test_entities: cannot make a context\n");
        exit(1);
    }
    return context;
}

static void make_texts(void)
{
    static const char *const words[] = {"the ",  "movie ", "unable ", "café ",  "x-y, ",
                                        "中文 ", "goods ", "\xff ",   "don't ", "wonderful "};

    for (size_t i = 0; i < TEXTS; i++) {
        size_t count = i * i / 6, size = 0;

        for (size_t k = 0; k < count; k++) {
            const char *word = words[(i * 7 + k * k + k) % (sizeof words / sizeof words[0])];

            memcpy(bytes[i] + size, word, strlen(word));
            size += strlen(word);
        }
        texts[i] = (distil_text){.bytes = bytes[i], .size = size};
    }
}

/* What a call gives for all texts. */
typedef struct answers {
    distil_entities results[TEXTS];
    distil_entity items[TEXTS][MOST];
} answers;

static answers *new_answers(void)
{
    answers *a = calloc(1, sizeof *a);

    if (a == NULL)
        abort();
    for (size_t i = 0; i < TEXTS; i++) {
        a->results[i].items = a->items[i];
        a->results[i].capacity = MOST;
    }
    return a;
}

static answers *find(distil_context *context, distil_aggregation how, size_t batch)
{
    answers *a = new_answers();

    for (size_t i = 0; i < TEXTS; i += batch)
        CHECK(distil_find_entities(context, a->results + i, texts + i,
                                   TEXTS - i < batch ? TEXTS - i : batch, how, 0) == DISTIL_OK);
    return a;
}

static void expect_equal(const answers *a, const answers *b, const char *what)
{
    for (size_t i = 0; i < TEXTS; i++) {
        const distil_entities *x = &a->results[i], *y = &b->results[i];

        CHECKF(x->count == y->count && x->token_count == y->token_count &&
                   x->truncated == y->truncated && x->windows == y->windows,
               "%s: text %zu has other counts", what, i);
        for (size_t k = 0; k < x->count && k < y->count; k++) {
            const distil_entity *p = &x->items[k], *q = &y->items[k];

            CHECKF(p->label == q->label && strcmp(p->name, q->name) == 0 &&
                       memcmp(&p->score, &q->score, sizeof p->score) == 0 && p->token == q->token &&
                       memcmp(&p->where, &q->where, sizeof p->where) == 0,
                   "%s: text %zu, entity %zu differs", what, i, k);
        }
    }
}

/* ---- cases ----------------------------------------------------------------------------------- */

/* All passes, batches and threads of one model, against the first ones. */
static void vary_passes(const distil_model *model, distil_aggregation how, size_t window,
                        const answers *expected)
{
    static const size_t threads[] = {1, 3}, tokens[] = {POSITIONS, 100, 1000};
    static const size_t batches[] = {1, 5, TEXTS};
    char what[80];

    for (size_t t = 0; t < 2; t++)
        for (size_t p = 0; p < 3; p++) {
            distil_context_options options = {.threads = threads[t],
                                              .max_batch_tokens = tokens[p],
                                              .window = window,
                                              .stride = window > 0 ? STRIDE : 0};
            distil_context *context = new_context(model, &options);

            for (size_t b = 0; b < 3; b++) {
                answers *a = find(context, how, batches[b]);

                snprintf(what, sizeof what, "aggregation %d, %zu threads, passes of %zu, batch %zu",
                         (int)how, threads[t], tokens[p], batches[b]);
                expect_equal(a, expected, what);
                free(a);
            }
            distil_context_free(context);
        }
}

static void same_bits(const subject *s, distil_aggregation how, size_t window)
{
    distil_context_options options = {.window = window, .stride = window > 0 ? STRIDE : 0};
    distil_context *context;
    answers *expected;
    size_t total = 0;

    if (!harness_case("same bits: aggregation %d, window %zu", (int)how, window))
        return;
    context = new_context(s->model, &options);
    expected = find(context, how, TEXTS);
    distil_context_free(context);
    for (size_t i = 0; i < TEXTS; i++) {
        total += expected->results[i].count;
        CHECK(window == 0 || !expected->results[i].truncated);
    }
    CHECK(total > TEXTS && expected->results[0].count == 0);
    CHECK((expected->results[TEXTS - 1].windows > 3) == (window > 0));
    for (int isa = DISTIL_ISA_SCALAR; isa <= DISTIL_ISA_AVX512VNNI; isa++) {
        distil_model *model = open_image(s, (distil_isa)isa);

        if (model == NULL)
            continue;
        vary_passes(model, how, window, expected);
        CHECK(distil_model_close(model) == DISTIL_OK);
    }
    free(expected);
}

/* Single tokens against the tokenizer, and against entities without an aggregation. */
static void tokens_of_texts(const subject *s)
{
    distil_context *context = new_context(s->model, NULL);
    answers *a = find(context, DISTIL_AGGREGATION_NONE, TEXTS);

    for (size_t i = 0; i < TEXTS; i++) {
        int32_t ids[MOST];
        distil_offsets where[MOST];
        distil_token tokens[POSITIONS], few[2];
        float logits[POSITIONS][LABELS];
        size_t all, count, entity = 0;

        CHECK(distil_tokenize_offsets(s->model, ids, where, MOST, &all, texts[i].bytes,
                                      texts[i].size, 0) == DISTIL_OK);
        CHECK(distil_label_tokens(context, tokens, logits[0], POSITIONS, &count, &texts[i], 0) ==
              DISTIL_OK);
        CHECK(count == (all < POSITIONS ? all : POSITIONS));
        CHECK(a->results[i].truncated == (all > POSITIONS) && a->results[i].token_count == count);
        for (size_t k = 0; k < count; k++) {
            size_t best = 0;

            for (size_t l = 1; l < LABELS; l++)
                best = logits[k][l] > logits[k][best] ? l : best;
            CHECK(tokens[k].label == best && tokens[k].score > 0 && tokens[k].score <= 1);
            if (k + 1 == count) {
                CHECK(tokens[k].where.end == 0);
                break;
            }
            CHECK(tokens[k].id == ids[k] && memcmp(&tokens[k].where, &where[k], 16) == 0);
            if (k == 0 || strcmp(names[best], "O") == 0)
                continue;
            CHECK(a->items[i][entity].token == k && a->items[i][entity].label == best &&
                  a->items[i][entity].score == tokens[k].score &&
                  memcmp(&a->items[i][entity].where, &where[k], 16) == 0);
            entity++;
        }
        CHECK(entity == a->results[i].count);
        CHECK(distil_label_tokens(context, few, NULL, 2, &all, &texts[i], 0) == DISTIL_OK);
        CHECK(all == count && few[1].id == tokens[1].id && few[1].score == tokens[1].score);
    }
    free(a);
    distil_context_free(context);
}

/* A text that fits into one window has the bits that it has without windows. */
static void single_windows(const subject *s)
{
    distil_context_options options = {.window = POSITIONS, .stride = STRIDE};
    distil_context *plain = new_context(s->model, NULL), *cut = new_context(s->model, &options);
    answers *a = find(plain, DISTIL_AGGREGATION_MAX, TEXTS);
    answers *b = find(cut, DISTIL_AGGREGATION_MAX, TEXTS);

    for (size_t i = 0; i < TEXTS; i++)
        if (!a->results[i].truncated)
            CHECK(a->results[i].count == b->results[i].count && b->results[i].windows == 1 &&
                  memcmp(a->items[i], b->items[i], a->results[i].count * sizeof a->items[i][0]) ==
                      0);
        else
            CHECK(b->results[i].windows > 1);
    free(a);
    free(b);
    distil_context_free(plain);
    distil_context_free(cut);
}

/* What truncation leaves of the longest text: its end, where the tokenizer says so. */
static void truncated_on_the_left(void)
{
    subject s = new_subject(DISTIL_BLOB_TOK_TRUNCATE_LEFT, 1);
    distil_context *context = new_context(s.model, NULL);
    const distil_text *text = &texts[TEXTS - 1];
    distil_token tokens[POSITIONS];
    int32_t ids[MOST];
    size_t all, count;
    answers *expected;

    CHECK(distil_tokenize(s.model, ids, MOST, &all, text->bytes, text->size, 0) == DISTIL_OK);
    CHECK(distil_label_tokens(context, tokens, NULL, POSITIONS, &count, text, 0) == DISTIL_OK);
    CHECK(count == POSITIONS && all > 2 * POSITIONS && tokens[0].id == ids[0]);
    for (size_t k = 1; k < count; k++)
        CHECK(tokens[k].id == ids[all - count + k]);
    expected = find(context, DISTIL_AGGREGATION_NONE, 3);
    vary_passes(s.model, DISTIL_AGGREGATION_NONE, 0, expected);
    free(expected);
    distil_context_free(context);
    free_subject(&s);
}

static void capacities(const subject *s)
{
    distil_context_options options = {.window = WINDOW, .stride = STRIDE};
    distil_context *context = new_context(s->model, &options);
    answers *a = find(context, DISTIL_AGGREGATION_SIMPLE, TEXTS);
    const distil_entities *whole = &a->results[TEXTS - 1];
    distil_entity *items;
    distil_entities small = {NULL, 0, 0, 0, 0, 0};

    CHECK(distil_find_entities(context, &small, &texts[TEXTS - 1], 1, DISTIL_AGGREGATION_SIMPLE,
                               0) == DISTIL_OK);
    CHECK(small.count >= whole->count && small.count > 0 && small.windows == whole->windows);
    items = calloc(small.count, sizeof *items);
    small.items = items;
    small.capacity = small.count;
    CHECK(distil_find_entities(context, &small, &texts[TEXTS - 1], 1, DISTIL_AGGREGATION_SIMPLE,
                               0) == DISTIL_OK);
    CHECK(small.count == whole->count &&
          memcmp(items, whole->items, small.count * sizeof *items) == 0);
    free(items);
    free(a);
    distil_context_free(context);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void expect_refusal(distil_context *context, distil_status found, size_t text,
                           const char *said)
{
    const distil_error *error = distil_context_error(context);

    CHECKF(found == DISTIL_BAD_ARGUMENT && error->status == DISTIL_BAD_ARGUMENT &&
               error->text == text && strstr(error->message, said) != NULL,
           "status %d, text %zu, \"%s\": expected \"%s\"", (int)found, error->text, error->message,
           said);
}

static void wrong_arguments(const subject *s)
{
    distil_context_options options = {.window = WINDOW};
    distil_context *context = new_context(s->model, NULL), *cut = new_context(s->model, &options);
    distil_text good = {.bytes = "good", .size = 4}, bad = {.size = 3};
    distil_text pair = {.bytes = "good", .size = 4, .pair = "", .pair_size = 0};
    distil_text two[2] = {good, bad};
    distil_entity items[8];
    distil_entities r[2] = {{.items = items, .capacity = 8}, {.items = NULL, .capacity = 0}};
    distil_token token;
    distil_result result;
    size_t count = 77;
    const distil_aggregation simple = DISTIL_AGGREGATION_SIMPLE;

    CHECK(distil_find_entities(NULL, r, &good, 1, simple, 0) == DISTIL_BAD_ARGUMENT);
    expect_refusal(context, distil_find_entities(context, r, &good, 1, (distil_aggregation)5, 0),
                   DISTIL_NO_TEXT, "distil_aggregation");
    expect_refusal(context, distil_find_entities(context, NULL, &good, 1, simple, 0),
                   DISTIL_NO_TEXT, "NULL");
    expect_refusal(context, distil_find_entities(context, r, &good, 1, simple, 3), DISTIL_NO_TEXT,
                   "flags");
    expect_refusal(context, distil_find_entities(context, r, &good, 1, simple, 4), DISTIL_NO_TEXT,
                   "flags");
    expect_refusal(context, distil_find_entities(context, r, two, 2, simple, 0), 1,
                   "bytes is NULL");
    expect_refusal(context, distil_find_entities(context, r, &pair, 1, simple, 0), 0, "pair");
    r[1].capacity = 1;
    two[1] = good;
    expect_refusal(context, distil_find_entities(context, r, two, 2, simple, 0), 1,
                   "items is NULL");
    expect_refusal(cut, distil_find_entities(cut, r, &good, 1, DISTIL_AGGREGATION_NONE, 0),
                   DISTIL_NO_TEXT, "twice");
    expect_refusal(cut, distil_label_tokens(cut, &token, NULL, 1, &count, &good, 0), DISTIL_NO_TEXT,
                   "windows");
    expect_refusal(context, distil_label_tokens(context, NULL, NULL, 1, &count, &good, 0),
                   DISTIL_NO_TEXT, "NULL");
    expect_refusal(context, distil_classify(context, &result, NULL, "good", 4, 0), DISTIL_NO_TEXT,
                   "gives no label");
    CHECK(r[0].count == 0 && r[0].windows == 0 && count == 77);
    CHECK(distil_find_entities(context, NULL, NULL, 0, simple, 0) == DISTIL_OK);
    distil_context_free(context);
    distil_context_free(cut);
}

static void other_models(void)
{
    subject s = new_subject(0, 0);
    distil_context *context = new_context(s.model, NULL);
    distil_text good = {.bytes = "good", .size = 4};
    distil_entities r = {NULL, 0, 0, 0, 0, 0};
    distil_model_info info;

    CHECK(distil_model_get_info(s.model, &info) == DISTIL_OK && info.task == DISTIL_TASK_SEQUENCE);
    expect_refusal(context, distil_find_entities(context, &r, &good, 1, DISTIL_AGGREGATION_NONE, 0),
                   DISTIL_NO_TEXT, "does not classify tokens");
    distil_context_free(context);
    free_subject(&s);
}

static void cancelled(const subject *s)
{
    int flag = 1;
    distil_context_options options = {.cancel = &flag};
    distil_context *context = new_context(s->model, &options);
    answers *a = new_answers();
    distil_token token;
    size_t count = 77;

    CHECK(distil_find_entities(context, a->results, texts, TEXTS, DISTIL_AGGREGATION_FIRST, 0) ==
          DISTIL_CANCELLED);
    CHECK(distil_context_error(context)->text == 0 && a->results[0].windows == 0);
    CHECK(distil_label_tokens(context, &token, NULL, 1, &count, &texts[3], 0) == DISTIL_CANCELLED);
    CHECK(count == 77);
    free(a);
    distil_context_free(context);
}

int main(int argc, char **argv)
{
    subject s;

    harness_init("test_entities", argc, argv);
    make_texts();
    s = new_subject(0, 1);
    for (int how = DISTIL_AGGREGATION_NONE; how <= DISTIL_AGGREGATION_MAX; how++) {
        same_bits(&s, (distil_aggregation)how, 0);
        if (how != DISTIL_AGGREGATION_NONE)
            same_bits(&s, (distil_aggregation)how, WINDOW);
    }
    if (harness_case("single tokens"))
        tokens_of_texts(&s);
    if (harness_case("texts of one window"))
        single_windows(&s);
    if (harness_case("truncation on the left"))
        truncated_on_the_left();
    if (harness_case("room for too few entities"))
        capacities(&s);
    if (harness_case("wrong arguments"))
        wrong_arguments(&s);
    if (harness_case("models of other tasks"))
        other_models();
    if (harness_case("cancellation"))
        cancelled(&s);
    free_subject(&s);
    return harness_finish();
}
