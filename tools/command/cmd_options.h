/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of command lines. It knows the options of a command from the table of manuals. */
#ifndef DISTIL_TOOLS_CMD_OPTIONS_H
#define DISTIL_TOOLS_CMD_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/distil.h"
#include "tools/command/cmd_manuals.h"

typedef enum cmd_format {
    CMD_FORMAT_TEXT,
    CMD_FORMAT_TSV,
    CMD_FORMAT_JSON,
    CMD_FORMAT_JSONL
} cmd_format;

enum { CMD_DEFAULT_BATCH = 32, CMD_MAX_BATCH = 4096, CMD_MAX_THREADS = 256 };

/* Options of `distil serve` only. A field is 0 or NULL if its option is absent, except port. */
typedef struct cmd_serve_options {
    int local, pending, raw;
    int port;          /* -1 if --port is absent */
    size_t timeout_s;  /* value of --timeout in seconds */
    const char *store; /* value of --store as the user wrote it */
    int has_retry;     /* 1 if --retry-ms is present, whose value may be 0 */
    size_t retry_ms;
    size_t answer_bytes;
    double faults; /* share of replies, 0 to 1 */
    int has_seed;  /* 1 if --seed is present, whose value may be 0 */
    size_t seed;
} cmd_serve_options;

/* Options of tables, which only `distil classify` has. A string is NULL if its option is absent. */
typedef struct cmd_table_options {
    const char *input, *text_field, *pair_field, *keep, *label_field, *score_field, *error_field;
    const char *null_word, *delimiter, *on_error;
    int escapes;
} cmd_table_options;

/* What a command line says. Strings point into argv; a string of an absent option is NULL. */
typedef struct cmd_options {
    const char *model;     /* value of --model */
    const char *isa;       /* value of --isa, which may be no level */
    const char *reference; /* value of --reference */
    const char *original;  /* value of --original */
    const char **files;    /* values of --file or --event in their order; the parser allocates it */
    size_t file_count;
    char **words; /* the arguments that are no options, gathered at the front of argv */
    size_t word_count;
    cmd_format format;
    distil_verify verify;
    size_t batch;
    size_t threads; /* at least 1: the parser replaces 0 by the number of usable CPUs */
    int stream;
    int strict;
    int sections;
    int man, completion;
    int resume;
    distil_function function; /* value of --function; DISTIL_FUNCTION_MODEL if it is absent */
    int has_top_k;            /* 1 if --top-k is present, whose value may be 0 */
    size_t top_k;
    int has_threshold; /* 1 if --threshold is present, whose value may be 0 */
    double threshold;
    const char *output;                /* value of --output */
    const char *calibrate;             /* value of --calibrate */
    const char *pair;                  /* value of --pair */
    const char *query;                 /* value of --query */
    const char *candidates, *template; /* values of --candidates and --template */
    int multi;
    distil_pooling pooling; /* value of --pooling; DISTIL_POOLING_MODEL if it is absent */
    int normalize;
    const char *question, *context; /* values of --question and --context */
    size_t answer_tokens;           /* value of --max-answer-tokens; 0 if it is absent */
    int allow_none;
    int offsets;
    size_t window; /* value of --window; 0 if it is absent */
    size_t stride;
    int has_stride;           /* 1 if --stride is present, whose value may be 0 */
    const char *combine_name; /* value of --combine; NULL if it is absent */
    distil_combine combine;
    distil_aggregation aggregation; /* value of --aggregation, SIMPLE if it is absent */
    uint32_t flags;                 /* the flags for distil_tokenize and distil_classify */
    cmd_table_options table;
    cmd_serve_options serve;
} cmd_options;

/*
 * Parse argv[1] and later by the options of the manual. Options and other arguments may come in any
 * order; "--" ends the options. The order of argv changes.
 *
 * Returns -1 if the command is to run; the caller then ends with cmd_options_free. Otherwise
 * returns the exit status of the command: --help was printed, or a mistake was reported.
 */
int cmd_options_parse(cmd_options *options, const cmd_manual *manual, int argc, char **argv);
void cmd_options_free(cmd_options *options);

#endif
