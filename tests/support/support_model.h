/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine's tests share: the shipped model's blob and the SST-2 dev sentences.
 */
#ifndef DISTIL_TESTS_SUPPORT_MODEL_H
#define DISTIL_TESTS_SUPPORT_MODEL_H

#include <stddef.h>

#include "runtime/distil.h"

/* Path of the shipped model's blob in the build folder (DISTIL_BUILD, else "build"). */
const char *support_blob_path(void);

/* Open it at a level, at most; ends the program with a message where it cannot be opened. */
distil_model *support_model_open(distil_isa max_isa);

typedef struct support_sentences {
    char *file; /* owns the text */
    distil_text *texts;
    int *labels;
    size_t count;
} support_sentences;

/* The 872 sentences of tests/data/sst2/dev.tsv; ends the program with a message on error. */
support_sentences support_sentences_read(void);
void support_sentences_free(support_sentences *sentences);

/* 1 if the long tests were asked for (DISTIL_TEST_FULL=1). */
int support_full(void);

#endif
