/* SPDX-License-Identifier: Apache-2.0 */
/* Convert a Hugging Face checkpoint folder into a blob. */
#ifndef DISTIL_TOOLS_CONVERT_CONVERT_H
#define DISTIL_TOOLS_CONVERT_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"

/* Called during a conversion with the name of the current stage and the fraction of the work that
 * is done, from 0 to 1, which never decreases. */
typedef void conv_progress_fn(void *user, const char *what, double done);

typedef struct conv_options {
    const char *directory;      /* the folder that is converted */
    const char *output;         /* path of the blob */
    const char *calibrate;      /* path of a file of sentences (calibration.h), or NULL */
    size_t threads;             /* threads to use, which change no byte; 0 is one */
    conv_progress_fn *progress; /* may be NULL */
    void *user;                 /* first argument of progress */
} conv_options;

/* Facts about the blob, for the line that the command prints. */
typedef struct conv_summary {
    uint64_t blob_bytes;
    uint32_t dim, hidden_dim, n_layers, n_heads, vocab_size, n_labels;
    double mean_range; /* mean over weight columns of the largest weight / scale; at most 127 */
    int gives_labels;  /* 1 if the model is a sequence classifier */
    const char *task;  /* the name of what the head does, such as "question answering" */
    int has_labels;    /* 1 if n_labels is the number of labels; otherwise it is the head's width */
    size_t texts, tokens; /* numbers of texts and tokens that calibration used */
} conv_summary;

/*
 * Convert a folder. The blob's bytes depend only on the folder's files, the sentences and this
 * program's version. Returns 0 with *summary filled (summary may be NULL); or -1 with *error
 * filled, in which case nothing was written and an older blob at the output's path is unchanged.
 */
int conv_convert(const conv_options *options, conv_summary *summary, conv_error *error);

#endif
