/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests that the logits of the SST-2 dev sentences have the same bits at every level, for single
 * texts and batches of several sizes in random order, with one thread and with several contexts at
 * once, and that they equal the recorded ones (tests/golden/logits.sha256) whichever compiler built
 * the test.
 *
 * To save time, the scalar level classifies every 16th sentence, and with sanitizers the other
 * levels classify every 8th. With DISTIL_TEST_FULL=1 all levels classify all sentences.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "runtime/base/checksum.h"
#include "runtime/base/hex.h"
#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_model.h"

enum { LABELS = 2, MAX_THREADS = 4 };

typedef float logits_row[LABELS];

typedef struct job {
    const distil_model *model;
    const support_sentences *sentences;
    const size_t *order; /* the numbers of the sentences, in the order in which to classify them */
    size_t begin, end;   /* the range of `order` that this thread classifies */
    size_t batch;        /* the number of texts in a call */
    size_t batch_tokens; /* max_batch_tokens of the context */
    logits_row *logits;  /* indexed by the number of the sentence */
    int failed;
} job;

static void *classify(void *argument)
{
    job *j = argument;
    distil_context_options options = {.max_batch_tokens = j->batch_tokens};
    distil_text texts[64];
    distil_result results[64];
    distil_scores scores[64];
    distil_context *context;

    if (distil_context_new(&context, j->model, &options, NULL) != DISTIL_OK) {
        j->failed = 1;
        return NULL;
    }
    for (size_t i = j->begin; i < j->end; i += j->batch) {
        size_t n = j->end - i < j->batch ? j->end - i : j->batch;

        for (size_t k = 0; k < n; k++) {
            texts[k] = j->sentences->texts[j->order[i + k]];
            scores[k] = (distil_scores){j->logits[j->order[i + k]], NULL};
        }
        if (distil_classify_batch(context, results, scores, texts, n, 0) != DISTIL_OK)
            j->failed = 1;
    }
    distil_context_free(context);
    return NULL;
}

/* Classifies the first `count` sentences of `order` in several threads, each with its own
 * context. */
static void run(const distil_model *model, const support_sentences *sentences, const size_t *order,
                size_t count, size_t threads, size_t batch, size_t batch_tokens, logits_row *logits)
{
    pthread_t thread[MAX_THREADS];
    job jobs[MAX_THREADS];

    memset(logits, 0xff, sentences->count * sizeof *logits);
    for (size_t t = 0; t < threads; t++) {
        jobs[t] = (job){
            model,        sentences, order, count * t / threads, count * (t + 1) / threads, batch,
            batch_tokens, logits,    0};
        if (t > 0)
            CHECK(pthread_create(&thread[t], NULL, classify, &jobs[t]) == 0);
    }
    classify(&jobs[0]);
    for (size_t t = 0; t < threads; t++) {
        if (t > 0)
            pthread_join(thread[t], NULL);
        CHECK(!jobs[t].failed);
    }
}

static void compare(const support_sentences *sentences, const size_t *order, size_t count,
                    const logits_row *logits, const logits_row *expected)
{
    for (size_t i = 0; i < count; i++) {
        size_t s = order[i];

        if (memcmp(logits[s], expected[s], sizeof *logits) != 0) {
            CHECKF(0, "sentence %zu (%.40s...): %a %a, expected %a %a", s,
                   sentences->texts[s].bytes, (double)logits[s][0], (double)logits[s][1],
                   (double)expected[s][0], (double)expected[s][1]);
            return;
        }
    }
}

/* Compares the logits of one level with `expected`, for several numbers of threads and sizes of
 * batches. */
static void test_level(distil_isa isa, const support_sentences *sentences,
                       const logits_row *expected)
{
    static const size_t batches[] = {1, 7, 64};
    size_t step = support_full() ? 1 : isa == DISTIL_ISA_SCALAR ? 16 : SANITIZED ? 8 : 1, count = 0;
    size_t *order = malloc(sentences->count * sizeof *order);
    logits_row *logits = malloc(sentences->count * sizeof *logits);
    distil_model *model = support_model_open(isa);

    for (size_t s = 0; s < sentences->count; s += step)
        order[count++] = s;
    for (size_t threads = 1; threads <= MAX_THREADS; threads++)
        for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
            /* The scalar level is slow, so it classifies its sentences once for each size of
             * batch. */
            if (isa == DISTIL_ISA_SCALAR && threads != b + 1)
                continue;
            if (!support_full() && isa != DISTIL_ISA_SCALAR && threads == 3)
                continue;
            if (!harness_case("%s, %zu threads, batches of %zu", distil_isa_name(isa), threads,
                              batches[b]))
                continue;
            harness_reseed(threads * 100 + b);
            for (size_t i = count - 1; i > 0; i--) {
                size_t k = (size_t)(harness_random() % (i + 1)), t = order[i];

                order[i] = order[k];
                order[k] = t;
            }
            run(model, sentences, order, count, threads, batches[b], b == 2 ? 4096 : 512, logits);
            compare(sentences, order, count, (const logits_row *)logits, expected);
        }
    distil_model_close(model);
    free(logits);
    free(order);
}

static void test_golden(const support_sentences *sentences, const logits_row *expected)
{
    size_t bytes;
    char *golden, hex[65];
    uint8_t digest[32];
    distil_sha256 sha;

    if (!harness_case("logits of all sentences equal the recorded ones"))
        return;
    distil_sha256_init(&sha);
    distil_sha256_update(&sha, expected, sentences->count * sizeof *expected);
    distil_sha256_final(&sha, digest);
    hex_string(hex, digest, 32);
    golden = harness_read_file(harness_path("tests/golden/logits.sha256"), &bytes);
    CHECKF(golden && strncmp(golden, hex, 64) == 0,
           "SHA-256 of the logits is %s, tests/golden/logits.sha256 says %.64s", hex,
           golden ? golden : "nothing");
    free(golden);
}

int main(int argc, char **argv)
{
    support_sentences sentences;
    distil_model *model;
    logits_row *expected;
    size_t *order;
    distil_cpuid cpu;

    harness_init("test_same_bits", argc, argv);
    sentences = support_sentences_read();
    expected = malloc(sentences.count * sizeof *expected);
    order = malloc(sentences.count * sizeof *order);
    for (size_t i = 0; i < sentences.count; i++)
        order[i] = i;
    model = support_model_open(DISTIL_ISA_BEST);
    run(model, &sentences, order, sentences.count, 1, 1, 512, expected);
    distil_model_close(model);
    test_golden(&sentences, (const logits_row *)expected);

    distil_cpuid_read(&cpu);
    for (int level = DISTIL_LEVEL_SCALAR; level <= DISTIL_LEVEL_BEST; level++) {
        const char *missing;

        if (distil_cpuid_has(&cpu, (distil_level)level, &missing))
            test_level((distil_isa)(level + DISTIL_ISA_SCALAR), &sentences,
                       (const logits_row *)expected);
        else if (harness_case("%s", distil_level_name((distil_level)level)))
            harness_skip(missing);
    }
    free(order);
    free(expected);
    support_sentences_free(&sentences);
    return harness_finish();
}
