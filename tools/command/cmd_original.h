/* SPDX-License-Identifier: Apache-2.0 */
/* The logits of the checkpoint itself, in float, for the rows of an evaluation file. */
#ifndef DISTIL_TOOLS_CMD_ORIGINAL_H
#define DISTIL_TOOLS_CMD_ORIGINAL_H

#include "tools/command/cmd_model.h"
#include "tools/command/cmd_pipeline.h"
#include "tools/command/cmd_progress.h"
#include "tools/command/cmd_reference.h"

/* Where the rows come from: the next one, as in cmd_pipeline, and how far the file is read. */
typedef struct cmd_rows {
    cmd_input *input;
    cmd_input_status (*next)(void *user, cmd_text *text, int may_wait);
    void *user;
} cmd_rows;

/*
 * Run the checkpoint in `folder` over all rows, on `threads` threads, and fill the reference with
 * its logits, the tags of the rows and the numbers of tokens. A refused row gets the logits of an
 * empty text, which nobody compares. The labels of the checkpoint must be those of the model.
 * Returns 0, and cmd_reference_free is due later; or returns -1 after reporting why not, or because
 * of SIGINT.
 */
int cmd_original_run(cmd_reference *reference, const char *folder, const cmd_model *model,
                     size_t threads, const cmd_rows *rows, cmd_progress *progress);

#endif
