/* SPDX-License-Identifier: Apache-2.0 */
/* Guesses what a mistyped name of a command or an option was meant to be. */
#ifndef DISTIL_TOOLS_CMD_NEAREST_H
#define DISTIL_TOOLS_CMD_NEAREST_H

#include <stddef.h>

/* The best guess so far. */
typedef struct cmd_nearest {
    const char *word; /* What the user typed, of `bytes` bytes, without a NUL behind it. */
    size_t bytes;
    size_t distance;  /* A name counts only if it is nearer than this. */
    const char *name; /* NULL if no name is near enough. */
} cmd_nearest;

/* Begin with a word. A name may differ from it by one letter in three, but always by one. */
cmd_nearest cmd_nearest_begin(const char *word, size_t bytes);

/* Keep the name, which outlives *nearest, if it is nearer than all before it. */
void cmd_nearest_try(cmd_nearest *nearest, const char *name);

#endif
