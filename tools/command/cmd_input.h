/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts, one after another, from arguments, files and standard input.
 *
 * A file's texts are its lines. Only LF ends a line; a CR, a NUL and anything else is text. Empty
 * lines count, and so does what follows the last LF unless it is nothing. A line longer than
 * CMD_MAX_LINE_BYTES comes out as a refused text, and the one after it as usual.
 *
 * Reading never takes more than is there while an answer could be given meanwhile: the caller says
 * whether waiting is allowed.
 */
#ifndef DISTIL_TOOLS_CMD_INPUT_H
#define DISTIL_TOOLS_CMD_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "tools/command/cmd_options.h"

/* Longest line, without its LF. */
#define CMD_MAX_LINE_BYTES ((size_t)64 << 20)

typedef struct cmd_text {
    const char *bytes; /* valid until the next call */
    size_t size;
    const char *source;  /* the file as named by the user, or "argument" */
    uint64_t number;     /* line of the file, or which argument; from 1 */
    const char *refusal; /* NULL, or why this text cannot be taken; a static string */
    size_t tag;          /* the caller's, for what came with the text */
} cmd_text;

typedef enum cmd_input_status {
    CMD_INPUT_TEXT, /* a text, possibly refused */
    CMD_INPUT_WAIT, /* nothing is there yet, and waiting was not allowed */
    CMD_INPUT_END   /* no more, or memory or SIGINT ended it: cmd_input.failed, cmd_interrupted */
} cmd_input_status;

typedef struct cmd_input {
    char **arguments; /* texts, when files is NULL */
    const char **files;
    size_t count; /* of arguments or files */
    size_t next;  /* argument or file to be taken next */
    int strict;   /* refuse texts that are not UTF-8 */
    int failed;   /* a file could not be opened or read; it was reported */

    const char *source; /* the open file */
    int fd;             /* -1: none is open */
    int at_end;         /* read() has returned 0 */
    uint64_t line;
    char *buffer;
    size_t capacity;
    size_t begin, end;    /* unread bytes of buffer */
    size_t scanned;       /* begin .. scanned holds no LF */
    const char *skipping; /* in a line that is left out: why; else NULL */

    uint64_t bytes_read;  /* of all files so far */
    uint64_t bytes_total; /* sizes of all files, 0 where one has none (pipe, terminal) */
} cmd_input;

/* Texts are the arguments themselves. */
void cmd_input_arguments(cmd_input *input, char **arguments, size_t count, int strict);

/* Texts are the lines of files ("-": standard input). files must stay. */
void cmd_input_files(cmd_input *input, const char **files, size_t count, int strict);

/* Texts as the user chose: words as arguments, else -f files, else standard input. */
void cmd_input_choose(cmd_input *input, const cmd_options *options);

/* The next text. may_wait: block until input comes. A file that cannot be opened or read is
 * reported and left, and the next one taken. */
cmd_input_status cmd_input_next(cmd_input *input, cmd_text *text, int may_wait);

/* Bytes of the files that texts have been made of, to compare with bytes_total. */
uint64_t cmd_input_done(const cmd_input *input);

void cmd_input_close(cmd_input *input);

#endif
