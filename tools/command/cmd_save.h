/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that go to a file (-o FILE) instead of standard output. They are written to FILE.partial,
 * which is renamed to FILE when it is whole. Beside it FILE.partial.state says how many texts were
 * answered and how many bytes their answers take. With --resume a run continues from there: it cuts
 * FILE.partial to these bytes and leaves out these texts, so the result has the same bytes as that
 * of a run that was not interrupted.
 *
 * The file takes the place of standard output (descriptor 1), so all writers work unchanged.
 */
#ifndef DISTIL_TOOLS_CMD_SAVE_H
#define DISTIL_TOOLS_CMD_SAVE_H

#include <stdint.h>

typedef struct cmd_save {
    char *target;      /* the file that is to appear; NULL if answers go to standard output */
    char *partial;     /* target.partial */
    char *state;       /* target.partial.state */
    int state_fd;      /* descriptor of the state; -1 if it is not open */
    uint32_t settings; /* checksum of everything that the answers depend on but the texts */
    uint64_t texts;    /* texts that the interrupted run has answered */
    uint64_t bad;      /* how many of them could not be classified */
    uint64_t bytes;    /* bytes of their answers */
} cmd_save;

/*
 * Begin to write to `path`, or continue if `resume` is 1 and there is an interrupted run. Another
 * run with other settings is refused, and so is a path that is no regular file or that another
 * process is writing. Returns 0, or -1 after reporting the cause. The caller ends with
 * cmd_save_close.
 */
int cmd_save_open(cmd_save *save, const char *path, int resume, uint32_t settings);

/* Record that the answers of `texts` texts, of which `bad` could not be classified, have been
 * flushed to standard output. Returns 0, or -1 after reporting a failure. */
int cmd_save_update(cmd_save *save, uint64_t texts, uint64_t bad);

/* Sync the file and rename it to its target. Returns 0, or -1 after reporting a failure. */
int cmd_save_finish(cmd_save *save);

/* Remove the state, so that no run continues from it. */
void cmd_save_forget(cmd_save *save);

void cmd_save_close(cmd_save *save);

#endif
