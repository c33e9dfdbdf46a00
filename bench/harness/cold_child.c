/* SPDX-License-Identifier: Apache-2.0 */
/* The process whose cold start `distil bench cold` takes apart: one start, with a clock read at the
 * end of each phase. cold.h says why it exists. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/machine.h"
#include "bench/harness/cold.h"
#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "model/blob.h"
#include "runtime/encoder.h"
#include "runtime/tokenizer.h"

static const char sentence[] = "A gorgeous, witty, seductive movie.";

enum { MAX_IDS = 64 };

/* The kernels of a table are plain functions without a context argument, so what they record lies
 * in static variables. The process has one thread and runs one pass. */
static cold_timeline timeline;
static const distil_kernels *real;
static const distil_weights *weights;

static void end_phase(const char *format, size_t number)
{
    cold_mark *m = &timeline.marks[timeline.count];
    struct rusage used;

    if (timeline.count == COLD_MAX_PHASES)
        return;
    m->ns = bench_now_ns();
    snprintf(m->name, sizeof m->name, format, number);
    getrusage(RUSAGE_SELF, &used);
    m->minor = (double)used.ru_minflt;
    m->major = (double)used.ru_majflt;
    timeline.count++;
}

/* Runs the real product and notes the ends of two kinds of phases: the embeddings are complete when
 * the first product begins, and a layer is complete after its last product, but for one
 * normalisation. */
static void marking_qgemm(float *restrict c, size_t c_stride, const distil_qrows *a,
                          const distil_qmatrix *w, size_t begin, size_t end,
                          distil_epilogue epilogue)
{
    if (w == &weights->layers[0].qkv)
        end_phase("embed", 0);
    real->qgemm(c, c_stride, a, w, begin, end, epilogue);
    for (size_t layer = 0; layer < weights->n_layers; layer++)
        if (w == &weights->layers[layer].ffn_out)
            end_phase("layer %zu", layer + 1);
}

static int run_pass(const distil_weights *w, const distil_kernels *kernels, const int32_t *ids,
                    size_t count)
{
    distil_encoder encoder = {.weights = w, .kernels = kernels};
    void *memory = aligned_alloc(64, distil_enc_layout(NULL, NULL, w, count, 1));
    float *logits = malloc(count * w->n_labels * sizeof *logits); /* enough for each head */
    distil_scratch scratch;

    if (!memory || !logits)
        return -1;
    distil_enc_layout(&scratch, memory, w, count, 1);
    end_phase("memory", 0);
    distil_enc_run(&encoder, &scratch, logits, ids, &count, 1);
    end_phase("head", 0);
    free(logits);
    free(memory);
    return 0;
}

int cold_child(const char *model)
{
    distil_tokenizer tokenizer;
    distil_weights w;
    distil_kernels kernels, marking;
    distil_blob_error error;
    distil_blob blob;
    distil_cpuid cpu;
    int32_t ids[MAX_IDS];
    size_t count;

    end_phase("exec", 0);
    if (distil_blob_open(&blob, model, DISTIL_BLOB_VERIFY_NONE, &error) != DISTIL_BLOB_OK) {
        fprintf(stderr, "distil bench: %s: byte %" PRIu64 ": %s\n", model, error.offset,
                error.what);
        return 1;
    }
    distil_cpuid_read(&cpu);
    distil_kernels_fill(&kernels, distil_cpuid_best(&cpu, DISTIL_LEVEL_BEST));
    distil_weights_init(&w, &blob);
    distil_tok_init(&tokenizer, &blob);
    real = &kernels;
    weights = &w;
    marking = kernels;
    marking.qgemm = marking_qgemm;
    end_phase("open", 0);
    count = distil_tok_encode(&tokenizer, ids, MAX_IDS, MAX_IDS, sentence, sizeof sentence - 1, 0);
    end_phase("tokenise", 0);
    if (run_pass(&w, &marking, ids, count) != 0)
        return 1;
    return write(1, &timeline, sizeof timeline) == (ssize_t)sizeof timeline ? 0 : 1;
}
