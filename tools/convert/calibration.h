/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences for calibration: read, tokenised, counted.
 */
#ifndef DISTIL_TOOLS_CONVERT_CALIBRATION_H
#define DISTIL_TOOLS_CONVERT_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/hf_tokenizer.h"
#include "tools/convert/source_record.h"

/* More tokens make conversion longer and the weights hardly better. */
enum { CONV_MAX_CALIBRATION_TOKENS = 16384 };

typedef struct conv_texts {
    int32_t *ids;    /* (tokens) of the texts used, one after the other */
    size_t *lengths; /* (count) each 2 .. max_positions */
    size_t count, tokens;
    uint64_t *frequency; /* (vocab_size) of each id in all texts of the file */
} conv_texts;

/*
 * Read a file of texts, one a line, empty lines left out; or a table with a header line that has a
 * column "sentence", divided by tabs. Of a file with more than CONV_MAX_CALIBRATION_TOKENS tokens,
 * texts at even distances are used. Adds "calibration" to the record. 0, or -1 with *error filled.
 */
int conv_texts_read(conv_texts *texts, const char *path, const hf_tokenizer *tokenizer,
                    uint32_t max_positions, conv_memory *memory, conv_record *record,
                    conv_error *error);

#endif
