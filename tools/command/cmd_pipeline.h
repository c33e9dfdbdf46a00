/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classifies a sequence of texts and returns the answers in the same order.
 *
 * The calling thread reads texts through `next`, gathers them into batches, and passes every text
 * with its answer to `answer`, in order. With one thread it also classifies the batches itself.
 * With more threads, workers do that, each with a context of its own and a batch at a time; at most
 * 2 * threads + 1 batches exist. Helpers instead share the work of one batch, which shortens the
 * wait for a single text. Where the system refuses a thread, fewer of them do the work, at worst
 * the calling thread alone, and the answers are the same.
 *
 * Before the pipeline waits for input, it answers and flushes all texts that have been read.
 */
#ifndef DISTIL_TOOLS_CMD_PIPELINE_H
#define DISTIL_TOOLS_CMD_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/distil.h"
#include "tools/command/cmd_input.h"
#include "tools/command/cmd_progress.h"

/* The answer to one text. */
typedef struct cmd_answer {
    const char *refusal; /* why there is no answer; NULL if there is one */
    distil_result result;
    const float *logits;        /* (n_labels), or (hypothesis_count, n_labels) */
    const float *probabilities; /* (n_labels), or (hypothesis_count, n_labels) */
    /* (hypothesis_count) the results of all pairs of the text; NULL without hypotheses */
    const distil_result *pairs;
} cmd_answer;

typedef struct cmd_pipeline {
    const distil_model *model;
    size_t n_labels;
    size_t batch;   /* most texts of a batch, at least 1 */
    size_t threads; /* number of workers; 1 if the calling thread classifies */
    size_t helpers; /* without workers: threads that share a batch, the calling one included */
    uint32_t flags; /* 0 or DISTIL_SPLIT_SPECIAL_TOKENS */
    distil_function function;
    size_t pass_tokens;    /* max_batch_tokens of the contexts; 0 for the default */
    size_t window, stride; /* of the contexts; 0 for no windows */
    distil_combine combine;
    /* (hypothesis_count) second texts: each text makes a pair with each of them. The pairs of a
     * text are classified by one call and have one answer. The texts then have no pair. */
    const distil_text *hypotheses;
    size_t hypothesis_count; /* 0 if texts are classified as they are */
    void *user;              /* passed to the three functions below */
    /* Returns the next text, as cmd_input_next does. The pipeline copies its bytes, its pair and
     * its row. */
    cmd_input_status (*next)(void *user, cmd_text *text, int may_wait);
    /* Receives a text and its answer. Returns 0, or -1 to stop because the output failed. */
    int (*answer)(void *user, const cmd_text *text, const cmd_answer *answer);
    /* Called after the answers of each batch. Returns 0, or -1 to stop. */
    int (*flush)(void *user);
} cmd_pipeline;

/* Run until the input ends. Returns 0, or -1 if memory or the output failed, which has been
 * reported. */
int cmd_pipeline_run(const cmd_pipeline *pipeline);

#endif
