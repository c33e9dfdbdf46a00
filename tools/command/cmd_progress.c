/* SPDX-License-Identifier: Apache-2.0 */
/* The line of progress; see cmd_progress.h. */
#include "tools/command/cmd_progress.h"

#include <stdio.h>
#include <unistd.h>

#include "runtime/base/clock.h"

double cmd_seconds(void)
{
    return 1e-9 * (double)clock_now_ns();
}

void cmd_progress_begin(cmd_progress *progress, int wanted)
{
    progress->enabled = wanted && isatty(STDERR_FILENO);
    progress->shown = 0;
    progress->start = cmd_seconds();
    progress->last = progress->start;
}

void cmd_progress_update(cmd_progress *progress, uint64_t items, uint64_t done, uint64_t total)
{
    double now, seconds, rate;

    if (!progress->enabled)
        return;
    now = cmd_seconds();
    seconds = now - progress->start;
    if (seconds < 1.0 || now - progress->last < 0.2)
        return;
    rate = (double)items / seconds;
    if (total > 0 && done > 0 && done <= total) {
        unsigned long left = (unsigned long)(seconds * (double)(total - done) / (double)done + 0.5);

        (void)fprintf(stderr, "\r\033[K%llu texts, %.0f a second, %u %%, %lu:%02lu left",
                      (unsigned long long)items, rate,
                      (unsigned)(100.0 * (double)done / (double)total), left / 60, left % 60);
    } else {
        (void)fprintf(stderr, "\r\033[K%llu texts, %.0f a second", (unsigned long long)items, rate);
    }
    (void)fflush(stderr);
    progress->last = now;
    progress->shown = 1;
}

void cmd_progress_clear(cmd_progress *progress)
{
    if (!progress->shown)
        return;
    (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    progress->shown = 0;
}
