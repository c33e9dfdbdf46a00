/* SPDX-License-Identifier: Apache-2.0 */
/* A line of progress on standard error for people. It appears only on a terminal and only if the
 * work takes longer than a second, and it disappears when the work ends. */
#ifndef DISTIL_TOOLS_CMD_PROGRESS_H
#define DISTIL_TOOLS_CMD_PROGRESS_H

#include <stdint.h>

typedef struct cmd_progress {
    int enabled;
    int shown;    /* 1 if the terminal shows the line */
    double start; /* when the work began, in seconds of the monotonic clock */
    double last;  /* when the progress line was last written, in seconds of the monotonic clock */
} cmd_progress;

/* Returns the time in seconds by the monotonic clock. */
double cmd_seconds(void);

/* Begin the work. `wanted` is 0 if the answers themselves go to a terminal and show how far the
 * work is. */
void cmd_progress_begin(cmd_progress *progress, int wanted);

/* Show that `items` texts are done, which are `done` of `total` bytes of input; total is 0 if it is
 * unknown. The line is written at most five times a second, so the call may be frequent. */
void cmd_progress_update(cmd_progress *progress, uint64_t items, uint64_t done, uint64_t total);

/* Erase the line. To be called at the end, and before a message, which would otherwise be appended
 * to it. */
void cmd_progress_clear(cmd_progress *progress);

#endif
