/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests that overwriting the bytes of a blob after it was opened, as `cp new live` does to a mapped
 * file, never makes the library read or write outside of the blob and of its own memory, at any
 * level. Blob and contexts end at unmapped pages, so that an access behind them ends the program
 * without a sanitizer as well. What the library answers meanwhile may be anything; as soon as the
 * bytes are right again, so are the answers.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/blob.h"
#include "model/vocab.h"
#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_blob.h"

enum { LEVELS = 5, MAX_LABELS = 32, MAX_IDS = 64, CASE_SECONDS = 300, THREADS = 3 };

/* These texts have words, pieces of words, special tokens, combining marks, which the normaliser
 * reads ahead, and more tokens than fit. The last ones are pairs. */
static const distil_text texts[] = {
    {.bytes = "", .size = 0},
    {.bytes = "the movie was [MASK] [SEP] x", .size = 28},
    {.bytes = "a b c d e f g h i j k l m n o p q r s t u v w x y z", .size = 51},
    {.bytes = "o\xcc\xa8\xcc\x81[MASK] \xe0\xbe\xb2\xe0\xbe\x80\xe0\xbd\xb1[SEP] themovie\xff!",
     .size = 36},
    {.bytes = "the movie", .size = 9, .pair = "was [MASK] x", .pair_size = 12},
    {.bytes = "a b c d e f g h i j k l m n",
     .size = 27,
     .pair = "o p q r s t u v [SEP] w x y z",
     .pair_size = 29},
};
enum { TEXTS = sizeof texts / sizeof *texts, SINGLE_TEXTS = TEXTS - 2 };

/* ---- memory that ends at an unmapped page ---------------------------------------------------- */

enum { MAX_GUARDS = 32 };

static harness_guard guards[MAX_GUARDS];

static void *allocate(void *user, size_t bytes)
{
    (void)user;
    for (size_t i = 0; i < MAX_GUARDS; i++) {
        if (guards[i].map != NULL)
            continue;
        guards[i] = harness_guard_new((bytes + 63) / 64 * 64, 64, 1);
        return guards[i].data;
    }
    return NULL;
}

static void release(void *user, void *memory)
{
    (void)user;
    for (size_t i = 0; i < MAX_GUARDS; i++) {
        if (guards[i].map == NULL || guards[i].data != memory)
            continue;
        CHECKF(harness_guard_check(&guards[i]), "the library wrote before its memory");
        harness_guard_free(&guards[i]);
        guards[i] = (harness_guard){0};
    }
}

static const distil_allocator allocator = {allocate, release, NULL};

/* ---- a blob that is open at every level ----------------------------------------------------- */

/* One model and one context for each level of this CPU; the context of the last one has threads. */
typedef struct subject {
    uint8_t *pristine; /* (size) the right bytes */
    uint8_t *bytes;    /* (size) what the models use, and a test overwrites */
    size_t size;
    distil_blob blob; /* of the pristine bytes */
    size_t levels, n_labels;
    distil_model *models[LEVELS];
    distil_context *contexts[LEVELS];
    distil_context *windowed[LEVELS]; /* contexts that cut long texts into windows */
    float expected[TEXTS][MAX_LABELS];
} subject;

/* Classifies text t at one level. Logits that are not finite count as zeros. */
static void classify(const subject *s, size_t level, size_t t, float logits[MAX_LABELS])
{
    distil_result result;
    distil_scores scores = {logits, NULL};
    distil_status status =
        distil_classify(s->contexts[level], &result, &scores, texts[t].bytes, texts[t].size, 0);

    CHECKF(status == DISTIL_OK || status == DISTIL_NOT_FINITE, "status %d", (int)status);
    if (status != DISTIL_OK)
        memset(logits, 0, MAX_LABELS * sizeof *logits);
}

static void open_level(subject *s, distil_isa isa)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_context_options context_options = {0};
    distil_model **model = &s->models[s->levels];
    distil_status status;

    options.max_isa = isa;
    options.exact_isa = 1;
    options.allocator = &allocator;
    status = distil_model_open_memory(model, s->bytes, s->size, &options, NULL);
    if (status == DISTIL_BAD_CPU)
        return;
    context_options.threads = isa % 2 == 0 ? 0 : THREADS;
    if (status != DISTIL_OK ||
        distil_context_new(&s->contexts[s->levels], *model, &context_options, NULL) != DISTIL_OK) {
        fprintf(stderr, "cannot open the blob at level %d: %d\n", (int)isa, (int)status);
        exit(1);
    }
    context_options.window = 8;
    context_options.stride = 2;
    if (distil_context_new(&s->windowed[s->levels], *model, &context_options, NULL) != DISTIL_OK)
        exit(1);
    s->levels++;
}

/* Makes the models on the bytes, which are the blob's. */
static subject subject_new(const support_blob_shape *shape, uint8_t *bytes, uint8_t *pristine,
                           size_t size)
{
    subject s = {.pristine = pristine, .bytes = bytes, .size = size, .n_labels = shape->n_labels};

    if (distil_blob_open_memory(&s.blob, pristine, size, DISTIL_BLOB_VERIFY_NONE, NULL) !=
        DISTIL_BLOB_OK)
        abort();
    for (int isa = 0; isa < LEVELS; isa++)
        open_level(&s, (distil_isa)(DISTIL_ISA_SCALAR + isa));
    for (size_t t = 0; t < TEXTS; t++)
        classify(&s, 0, t, s.expected[t]);
    return s;
}

static void subject_free(subject *s)
{
    for (size_t i = 0; i < s->levels; i++) {
        distil_context_free(s->contexts[i]);
        distil_context_free(s->windowed[i]);
        distil_model_close(s->models[i]);
    }
}

/* Uses everything that reads the blob. */
static void use(const subject *s)
{
    for (size_t level = 0; level < s->levels; level++) {
        distil_result results[TEXTS];
        distil_model_info info;

        for (size_t t = 0; t < TEXTS; t++) {
            float logits[MAX_LABELS];
            int32_t ids[MAX_IDS];
            distil_offsets offsets[MAX_IDS];
            size_t count = 0;

            classify(s, level, t, logits);
            CHECK(distil_tokenize(s->models[level], ids, MAX_IDS, &count, texts[t].bytes,
                                  texts[t].size, DISTIL_MATCH_SPECIAL_TOKENS) == DISTIL_OK);
            CHECK(distil_tokenize_offsets(s->models[level], ids, offsets, MAX_IDS, &count,
                                          texts[t].bytes, texts[t].size,
                                          DISTIL_MATCH_SPECIAL_TOKENS) == DISTIL_OK);
            for (size_t i = 0; i < count && i < MAX_IDS; i++)
                CHECKF(ids[i] >= 0 && (size_t)ids[i] < s->blob.header->vocab_size, "id %d", ids[i]);
        }
        CHECK(distil_classify_batch(s->contexts[level], results, NULL, texts, TEXTS, 0) !=
              DISTIL_BAD_ARGUMENT);
        CHECK(distil_classify_batch(s->windowed[level], results, NULL, texts, SINGLE_TEXTS, 0) !=
              DISTIL_BAD_ARGUMENT);
        CHECK(distil_model_get_info(s->models[level], &info) == DISTIL_OK &&
              info.n_labels == s->n_labels && info.blob_bytes == s->size);
        for (size_t i = 0; i < s->n_labels; i++)
            CHECK(strlen(distil_model_label(s->models[level], i)) < 64);
    }
}

/* Every level gives the bits that it gave before. */
static void check_restored(const subject *s)
{
    for (size_t level = 0; level < s->levels; level++)
        for (size_t t = 0; t < TEXTS; t++) {
            float logits[MAX_LABELS] = {0};

            classify(s, level, t, logits);
            CHECKF(memcmp(logits, s->expected[t], s->n_labels * sizeof *logits) == 0,
                   "level %zu, text %zu: other bits after the blob was restored", level, t);
        }
}

/* ---- ways to overwrite ----------------------------------------------------------------------- */

typedef enum filling { ZEROS, ONES, HIGH_BITS, RANDOM, REVERSED, SHIFTED, FILLINGS } filling;

static void overwrite(uint8_t *to, const uint8_t *from, size_t bytes, filling how)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = how == ZEROS       ? 0
                : how == ONES      ? 0xff
                : how == HIGH_BITS ? 0x80
                : how == RANDOM    ? (uint8_t)harness_random()
                : how == REVERSED  ? from[bytes - 1 - i]
                                   : from[(i + 4) % bytes];
}

/* Overwrites a range of the blob in every way, and uses the models each time. */
static void check_range(subject *s, size_t offset, size_t bytes)
{
    for (int how = ZEROS; how < FILLINGS; how++) {
        overwrite(s->bytes + offset, s->pristine + offset, bytes, (filling)how);
        use(s);
        memcpy(s->bytes + offset, s->pristine + offset, bytes);
    }
    check_restored(s);
}

static void check_sections(subject *s, const char *shape)
{
    if (harness_case("%s: header and section table", shape))
        check_range(s, 0, s->blob.sections[0].offset);
    for (size_t i = 0; i < s->blob.header->section_count; i++) {
        const distil_blob_section *section = &s->blob.sections[i];

        if (section->bytes > 0 && harness_case("%s: %s of layer %u", shape,
                                               distil_section_name(section->kind), section->layer))
            check_range(s, section->offset, section->bytes);
    }
    if (harness_case("%s: the whole blob", shape))
        check_range(s, 0, s->size);
}

/* The hash table and the ends of tokens at the values for which a careless look-up never ends or
 * leaves the table. */
static void check_vocabulary(subject *s, const char *shape)
{
    size_t slots_bytes, ends_bytes;
    const void *slots =
        distil_blob_section_data(&s->blob, DISTIL_SECTION_VOCAB_SLOTS, 0, &slots_bytes);
    const void *ends =
        distil_blob_section_data(&s->blob, DISTIL_SECTION_VOCAB_ENDS, 0, &ends_bytes);
    size_t slots_at = (size_t)((const uint8_t *)slots - s->pristine);
    size_t ends_at = (size_t)((const uint8_t *)ends - s->pristine);
    const uint32_t extremes[] = {0,          1,          s->blob.header->vocab_size - 1,
                                 0x7fffffff, 0xfffffffe, s->blob.header->vocab_size};

    if (!harness_case("%s: no slot is empty, ends at extremes", shape))
        return;
    for (size_t e = 0; e < sizeof extremes / sizeof *extremes; e++) {
        /* Every slot keeps its fingerprint, so that look-ups go on to compare the bytes. */
        for (size_t i = 0; i < slots_bytes; i += sizeof(distil_vocab_slot))
            memcpy(s->bytes + slots_at + i + 4, &extremes[e], 4);
        use(s);
        for (size_t i = 0; i < ends_bytes; i += 4)
            memcpy(s->bytes + ends_at + i, &extremes[(e + i / 4) % 6], 4);
        use(s);
        memcpy(s->bytes + slots_at, s->pristine + slots_at, slots_bytes);
        use(s);
        memcpy(s->bytes + ends_at, s->pristine + ends_at, ends_bytes);
    }
    check_restored(s);
}

static void check_words(subject *s, const char *shape)
{
    size_t rounds = getenv("DISTIL_TEST_FULL") != NULL ? 2000 : SANITIZED ? 30 : 100;

    if (!harness_case("%s: random words of the tables", shape))
        return;
    for (size_t i = 0; i < rounds; i++) {
        size_t end = s->blob.sections[DISTIL_SECTION_EMBED_SCALE - 1].offset;

        for (int n = 0; n < 64; n++) {
            uint32_t word = (uint32_t)harness_random();

            memcpy(s->bytes + harness_random() % (end / 4) * 4, &word, sizeof word);
        }
        use(s);
        memcpy(s->bytes, s->pristine, end);
    }
    check_restored(s);
}

static void check_shape(const support_blob_shape *shape, const char *name)
{
    support_blob made = support_blob_make(7, shape);
    size_t size;
    uint8_t *pristine = support_blob_image(&size, &made.model);
    harness_guard guard = harness_guard_new(size, 64, 1);
    subject s;

    memcpy(guard.data, pristine, size);
    s = subject_new(shape, guard.data, pristine, size);
    alarm(CASE_SECONDS);
    check_sections(&s, name);
    check_vocabulary(&s, name);
    check_words(&s, name);
    alarm(0);
    subject_free(&s);
    harness_guard_free(&guard);
    free(pristine);
    support_blob_free(&made);
}

/* ---- a file that another process overwrites -------------------------------------------------- */

/* Overwrites random words of the file without end, or puts the right ones there, until killed. */
static void scribble(uint8_t *bytes, const uint8_t *pristine, size_t size)
{
    uint64_t state = 1;

    for (;;) {
        size_t at = splitmix64(&state) % (size / 4) * 4;
        uint32_t word = (uint32_t)splitmix64(&state);

        if (word % 4 == 0)
            memcpy(bytes + at, &word, sizeof word);
        else
            memcpy(bytes + at, pristine + at, sizeof word);
        if (word % 256 == 0)
            memcpy(bytes, pristine, size);
    }
}

/* Opens the file, where it is whole enough at the moment, and uses it. */
static int open_and_use(const char *path)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_model *model;
    distil_context *context;
    distil_result results[TEXTS];
    distil_error error;

    options.allocator = &allocator;
    if (distil_model_open(&model, path, &options, &error) != DISTIL_OK)
        return 0;
    if (distil_context_new(&context, model, NULL, NULL) != DISTIL_OK)
        abort();
    for (int i = 0; i < 20; i++)
        (void)!distil_classify_batch(context, results, NULL, texts, TEXTS, 0);
    for (size_t i = 0; distil_model_label(model, i) != NULL; i++)
        CHECK(strlen(distil_model_label(model, i)) < 64);
    distil_context_free(context);
    distil_model_close(model);
    return 1;
}

static void check_race(void)
{
    support_blob made = support_blob_make(7, &support_blob_small);
    size_t size, opened = 0, tried = 0;
    uint8_t *pristine = support_blob_image(&size, &made.model), *shared;
    double seconds = getenv("DISTIL_TEST_FULL") != NULL ? 30 : 1;
    char path[512];
    int64_t until;
    pid_t child;
    int fd;

    if (!harness_case("another process overwrites the file while it is opened and used"))
        goto done;
    (void)snprintf(path, sizeof path, "%s/scribbled.distil", support_directory());
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, pristine, size) != (ssize_t)size)
        abort();
    shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        abort();
    child = fork();
    if (child == 0) {
        (void)alarm(120); /* If the parent dies, the alarm ends the child. */
        scribble(shared, pristine, size);
    }
    until = clock_now_ns() + (int64_t)(seconds * 1e9);
    while (child > 0 && clock_now_ns() < until) {
        tried++;
        opened += (size_t)open_and_use(path);
    }
    CHECK(child > 0 && kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    CHECKF(opened > 0 && opened < tried, "opened %zu of %zu times", opened, tried);
    munmap(shared, size);
    close(fd);
done:
    free(pristine);
    support_blob_free(&made);
}

int main(int argc, char **argv)
{
    harness_init("test_overwritten_blob", argc, argv);
    check_shape(&support_blob_tiny, "tiny");
    check_shape(&support_blob_small, "small");
    check_shape(&support_blob_head64, "head64");
    check_race();
    return harness_finish();
}
