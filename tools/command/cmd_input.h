/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads texts one after another from arguments, files and standard input.
 *
 * The texts of a file are its lines, unless cmd_input_records says what a record is. Only a line
 * feed ends a line; carriage returns, NULs and all
 * other bytes are part of the text. Empty lines are texts, and so is what follows the last line
 * feed unless it is empty. A line or record longer than CMD_MAX_LINE_BYTES becomes a refused text,
 * and reading goes on with the one after it.
 *
 * The caller says whether a call may wait for input. So a command can answer the texts that it has
 * before it waits for more.
 */
#ifndef DISTIL_TOOLS_CMD_INPUT_H
#define DISTIL_TOOLS_CMD_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "tools/command/cmd_options.h"

/* The longest line or record that is accepted, without its line feed. */
#define CMD_MAX_LINE_BYTES ((size_t)64 << 20)

typedef struct cmd_text {
    const char *bytes; /* valid until the next call of cmd_input_next */
    size_t size;
    const char *pair; /* the second text of a pair, as bytes; cmd_input_next sets it to NULL */
    size_t pair_size;
    const char *source;  /* the file as the user named it, or "argument" */
    uint64_t number;     /* number of the line in its file, or of the argument, counted from 1 */
    const char *refusal; /* why this text cannot be answered, a static string; NULL if it can */
    size_t tag;          /* free for the caller; cmd_input_next sets it to 0 */
    const char *row;     /* the record that holds the text; cmd_input_next sets it to NULL */
    size_t row_size;
} cmd_text;

/* The state of the search for the end of a record, which may take several reads. */
typedef struct cmd_scan {
    int state;            /* CMD_SCAN_FILE, CMD_SCAN_RECORD or a value of the search function */
    char delimiter;       /* the byte between the fields of a record, for the search function */
    uint64_t inner_lines; /* line feeds that the search function has met within the record */
} cmd_scan;

enum {
    CMD_SCAN_FILE = 0,  /* the next byte is the first one of a file */
    CMD_SCAN_RECORD = 1 /* the next byte is the first one of a record that is not the first */
};

/* Returns the index of the line feed that ends the record, or `size` if it is not among these
 * bytes, in which case the next call continues with the bytes that follow. */
typedef size_t cmd_record_end(cmd_scan *scan, const char *bytes, size_t size);

typedef enum cmd_input_status {
    CMD_INPUT_TEXT, /* a text was read, which may be a refused one */
    CMD_INPUT_WAIT, /* no text has arrived yet, and the caller did not allow waiting */
    CMD_INPUT_END   /* all texts were read, memory is short (failed is 1), or SIGINT came */
} cmd_input_status;

typedef struct cmd_input {
    char **arguments; /* the texts, if files is NULL */
    const char **files;
    size_t count; /* the number of arguments or files */
    size_t next;  /* index of the argument or file that comes next */
    int strict;   /* 1 if a text that is not UTF-8 is refused */
    int failed;   /* 1 if a file could not be opened or read, which was reported */

    const char *source; /* name of the open file */
    int fd;             /* descriptor of the open file; -1 if none is open */
    int at_end;         /* 1 if read() has returned 0 for the open file */
    uint64_t line;      /* the number of lines of the open file that have been returned */
    cmd_record_end *record_end;
    cmd_scan scan;
    char *buffer;
    size_t capacity;
    size_t begin, end;    /* buffer[begin .. end) has been read but not returned */
    size_t scanned;       /* buffer[begin .. scanned) holds no line feed */
    const char *skipping; /* why the current line is left out; NULL if it is not */

    uint64_t bytes_read;  /* the bytes read from all files so far */
    uint64_t bytes_total; /* sizes of all files; 0 if one has no size, as a pipe has none */
} cmd_input;

/* Prepare to return the arguments themselves as texts. The caller keeps the array. */
void cmd_input_arguments(cmd_input *input, char **arguments, size_t count, int strict);

/* Prepare to return the lines of files, of which "-" is standard input. The caller keeps the
 * array. */
void cmd_input_files(cmd_input *input, const char **files, size_t count, int strict);

/* Prepare to return what the user chose: the words of the command line, else the lines of the -f
 * files, else those of standard input. */
void cmd_input_choose(cmd_input *input, const cmd_options *options);

/* Make the texts of files records that end where record_end says. A delimiter goes to the scan.
 * Must be called before the first text is read. */
void cmd_input_records(cmd_input *input, cmd_record_end *record_end, char delimiter);

/* Leave out the rest of the open file. */
void cmd_input_skip_file(cmd_input *input);

/* Return the next text. may_wait allows the call to block until input comes. A file that cannot be
 * opened or read is reported, and reading goes on with the next file. */
cmd_input_status cmd_input_next(cmd_input *input, cmd_text *text, int may_wait);

/* Returns how many bytes of the files have been returned as texts. Progress compares this number
 * with bytes_total. */
uint64_t cmd_input_done(const cmd_input *input);

void cmd_input_close(cmd_input *input);

#endif
