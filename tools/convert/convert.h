/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Hugging Face folder to a blob.
 */
#ifndef DISTIL_TOOLS_CONVERT_CONVERT_H
#define DISTIL_TOOLS_CONVERT_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"

/* Told what is being done and how much of the whole is: 0 .. 1, never falling. */
typedef void conv_progress_fn(void *user, const char *what, double done);

typedef struct conv_options {
    const char *directory;      /* the Hugging Face folder */
    const char *output;         /* the blob */
    const char *calibrate;      /* a file of sentences (calibration.h), or NULL */
    conv_progress_fn *progress; /* or NULL */
    void *user;
} conv_options;

/* What came out. */
typedef struct conv_summary {
    uint64_t blob_bytes;
    uint32_t dim, hidden_dim, n_layers, n_heads, vocab_size, n_labels;
    double mean_range; /* of the weight columns: largest weight in units of the scale, up to 127 */
    size_t texts, tokens; /* used for calibration */
} conv_summary;

/*
 * Convert. The blob's bytes depend on the folder's files, the sentences and this program's version,
 * on nothing else. 0 with *summary filled (may be NULL), or -1 with *error filled, and then nothing
 * is written and an older blob is as it was.
 */
int conv_convert(const conv_options *options, conv_summary *summary, conv_error *error);

#endif
