/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zero-shot classification: labels that the user names, by a model that tells whether one sentence
 * follows from another (natural language inference). Each label makes a hypothesis of the template,
 * and the model judges the pair of text and hypothesis. Scores are those of the pipeline
 * zero-shot-classification of Hugging Face transformers.
 */
#ifndef DISTIL_TOOLS_CMD_ZERO_SHOT_H
#define DISTIL_TOOLS_CMD_ZERO_SHOT_H

#include <stddef.h>

#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_pipeline.h"

enum { CMD_MAX_CANDIDATES = 1024 };

typedef struct cmd_zero_shot {
    size_t count;            /* the number of candidate labels; 0 without --candidates */
    int multi;               /* 1 if each label has a probability by itself */
    char *bytes;             /* names and hypotheses, each with a NUL after it */
    const char **names;      /* (count) */
    distil_text *hypotheses; /* (count) */
    float *values;           /* (2, count) entailment logits and scores of the last answer */
    size_t entailment, contradiction; /* labels of the model */
} cmd_zero_shot;

/* Read the options. Returns CMD_OK, or another exit status after reporting a mistake. Ends with
 * cmd_zero_shot_close, also on a mistake. */
int cmd_zero_shot_open(cmd_zero_shot *zero, const cmd_options *options);
void cmd_zero_shot_close(cmd_zero_shot *zero);

/* Find the model's labels for entailment and contradiction. Returns CMD_OK, or CMD_USAGE after
 * reporting that the model has none. */
int cmd_zero_shot_choose(cmd_zero_shot *zero, const cmd_model *model);

/* Turn the answer to the pairs of a text into an answer with one logit and one probability for each
 * candidate. The arrays are valid until the next call. */
void cmd_zero_shot_answer(cmd_zero_shot *zero, const cmd_model *model, cmd_answer *answer);

#endif
