/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob of the shipped model and the sentences of the SST-2 dev set, for tests of the library.
 */
#ifndef DISTIL_TESTS_SUPPORT_MODEL_H
#define DISTIL_TESTS_SUPPORT_MODEL_H

#include <stddef.h>

#include "runtime/distil.h"

/* Returns the path of the shipped model's blob in the build folder, which the environment variable
 * DISTIL_BUILD names; "build" if it is not set. */
const char *support_blob_path(void);

/* Opens that blob with a level of at most max_isa. Ends the program with a message on an error. */
distil_model *support_model_open(distil_isa max_isa);

typedef struct support_sentences {
    char *file;         /* the content of the file, into which texts point */
    distil_text *texts; /* (count) */
    int *labels;        /* (count) 1 for a positive sentence, else 0 */
    size_t count;
} support_sentences;

/* Reads the 872 sentences of tests/data/sst2/dev.tsv. Ends the program with a message on an
 * error. */
support_sentences support_sentences_read(void);
void support_sentences_free(support_sentences *sentences);

/* Returns 1 if the environment asks for the long tests (DISTIL_TEST_FULL=1). */
int support_full(void);

#endif
