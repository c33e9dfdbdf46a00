/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in, answers out in the same order: batches, worker threads, a bounded ring between them.
 *
 * The calling thread takes texts from `next`, gathers them into batches, and gives every text with
 * its answer to `answer`, in order. With one thread it also classifies; with more, workers with a
 * context each do, while at most 2 * threads + 1 batches exist. Workers are best for many texts,
 * helpers for few. Nothing is held back while input is awaited: whatever has been read is answered
 * and flushed first.
 */
#ifndef DISTIL_TOOLS_CMD_PIPELINE_H
#define DISTIL_TOOLS_CMD_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/distil.h"
#include "tools/command/cmd_input.h"
#include "tools/command/cmd_progress.h"

/* A text's answer. */
typedef struct cmd_answer {
    const char *refusal; /* NULL, or why there is none: the text's own or the library's */
    distil_result result;
    const float *logits;        /* (n_labels) */
    const float *probabilities; /* (n_labels) */
} cmd_answer;

typedef struct cmd_pipeline {
    /* set by the caller */
    const distil_model *model;
    size_t n_labels;
    size_t batch;   /* texts a batch, at least 1 */
    size_t threads; /* workers, each for whole batches; 1: none, the caller classifies ... */
    size_t helpers; /* ... with so many threads sharing each batch, itself among them */
    uint32_t flags; /* DISTIL_SPLIT_SPECIAL_TOKENS */
    void *user;
    cmd_input_status (*next)(void *user, cmd_text *text, int may_wait);
    /* 0, or -1 to stop (the output failed). Bytes of the text are there again. */
    int (*answer)(void *user, const cmd_text *text, const cmd_answer *answer);
    /* Called when all that has been read is answered, and after each batch. 0, or -1 to stop. */
    int (*flush)(void *user);
} cmd_pipeline;

/* Run to the end of the input. 0, or -1 if memory, a thread or the output failed (reported). */
int cmd_pipeline_run(const cmd_pipeline *pipeline);

#endif
