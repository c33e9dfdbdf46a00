/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of what `distil` knows: its commands, their options, and the text that explains
 * them. The parser of command lines, --help, the man page and the completion of bash all work from
 * this table, so that none of them can list what another does not.
 *
 * Text in the table is not wrapped; its writers wrap it. A blank line ends a paragraph. A paragraph
 * whose lines begin with a space is copied line by line.
 */
#ifndef DISTIL_TOOLS_CMD_MANUALS_H
#define DISTIL_TOOLS_CMD_MANUALS_H

#include <stddef.h>

/* The commands in the order in which they are listed. */
typedef enum cmd_command {
    CMD_CLASSIFY,
    CMD_RANK,
    CMD_ENTITIES,
    CMD_ANSWER,
    CMD_EMBED,
    CMD_TOKENIZE,
    CMD_EVAL,
    CMD_CONVERT,
    CMD_INSPECT,
    CMD_VERIFY,
    CMD_ISA,
    CMD_BENCH,
    CMD_SERVE,
    CMD_HELP,
    CMD_COMMANDS
} cmd_command;

/* What an option means to the parser. Two options with one id may have different explanations. */
typedef enum cmd_option_id {
    CMD_OPT_MODEL,
    CMD_OPT_FILE,
    CMD_OPT_REFERENCE,
    CMD_OPT_ORIGINAL,
    CMD_OPT_FUNCTION,
    CMD_OPT_TOP_K,
    CMD_OPT_THRESHOLD,
    CMD_OPT_TSV,
    CMD_OPT_JSON,
    CMD_OPT_JSONL,
    CMD_OPT_STREAM,
    CMD_OPT_INPUT,
    CMD_OPT_TEXT_FIELD,
    CMD_OPT_PAIR,
    CMD_OPT_PAIR_FIELD,
    CMD_OPT_CANDIDATES,
    CMD_OPT_TEMPLATE,
    CMD_OPT_MULTI,
    CMD_OPT_QUERY,
    CMD_OPT_QUESTION,
    CMD_OPT_CONTEXT,
    CMD_OPT_ANSWER_TOKENS,
    CMD_OPT_ALLOW_NONE,
    CMD_OPT_POOLING,
    CMD_OPT_NORMALIZE,
    CMD_OPT_OFFSETS,
    CMD_OPT_WINDOW,
    CMD_OPT_STRIDE,
    CMD_OPT_COMBINE,
    CMD_OPT_AGGREGATION,
    CMD_OPT_KEEP,
    CMD_OPT_LABEL_FIELD,
    CMD_OPT_SCORE_FIELD,
    CMD_OPT_ERROR_FIELD,
    CMD_OPT_DELIMITER,
    CMD_OPT_NULL,
    CMD_OPT_ESCAPES,
    CMD_OPT_ON_ERROR,
    CMD_OPT_RESUME,
    CMD_OPT_BATCH,
    CMD_OPT_THREADS,
    CMD_OPT_STRICT,
    CMD_OPT_SPLIT,
    CMD_OPT_SECTIONS,
    CMD_OPT_OUTPUT,
    CMD_OPT_CALIBRATE,
    CMD_OPT_LOCAL,
    CMD_OPT_PORT,
    CMD_OPT_TIMEOUT,
    CMD_OPT_STORE,
    CMD_OPT_PENDING,
    CMD_OPT_EVENT,
    CMD_OPT_RAW,
    CMD_OPT_RETRY_MS,
    CMD_OPT_ANSWER_BYTES,
    CMD_OPT_FAULTS,
    CMD_OPT_SEED,
    CMD_OPT_ISA,
    CMD_OPT_VERIFY,
    CMD_OPT_MAN,
    CMD_OPT_COMPLETION,
    CMD_OPT_BENCH, /* any option of distil-bench, which has a parser of its own */
    CMD_OPT_HELP
} cmd_option_id;

/*
 * How bash completes a value: NULL if it cannot, "*" for any file, "*.tsv" for directories and
 * files with that ending, CMD_VALUES_COMMANDS for the names of all commands, anything else for the
 * words of a list with spaces between them.
 */
typedef const char *cmd_values;
#define CMD_VALUES_COMMANDS "COMMANDS"

typedef struct cmd_option {
    cmd_option_id id;
    char letter;      /* 0 if the option has no short form */
    const char *name; /* without the two dashes; NULL if the option has no long form */
    /* the word that stands for the value in help texts; NULL if the option has no value */
    const char *argument;
    cmd_values values;
    const char *text;
} cmd_option;

typedef struct cmd_manual {
    const char *name;
    const char *summary; /* half a line for lists of commands */
    const char *usage;   /* one line for each form, without "distil NAME" */
    const char *text;
    const char *examples;    /* command lines */
    const char *exit_status; /* NULL if the statuses are those of all commands */
    cmd_values values;       /* how bash completes arguments that are not options */
    const cmd_option *options;
    size_t option_count;
} cmd_manual;

extern const cmd_manual cmd_manuals[CMD_COMMANDS];

/* What the program is, for --help and the man page. */
extern const char cmd_program_summary[], cmd_program_text[];

/* Returns the manual of a command, or NULL if there is no command with this name. */
const cmd_manual *cmd_manual_find(const char *name);

#endif
