/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of progress on standard error, for people: only where that is a terminal, only when the
 * work takes longer than a second, gone when it ends.
 */
#ifndef DISTIL_TOOLS_CMD_PROGRESS_H
#define DISTIL_TOOLS_CMD_PROGRESS_H

#include <stdint.h>

typedef struct cmd_progress {
    int enabled;
    int shown; /* a line stands on the terminal */
    double start;
    double last; /* when it was written */
} cmd_progress;

/* wanted: 0 where the answers themselves go to a terminal and show how far the work is. */
void cmd_progress_begin(cmd_progress *progress, int wanted);

/* items done so far; done of total bytes of input, total 0 where unknown. Cheap to call often. */
void cmd_progress_update(cmd_progress *progress, uint64_t items, uint64_t done, uint64_t total);

/* Take the line away, before an error is reported or at the end. */
void cmd_progress_clear(cmd_progress *progress);

#endif
