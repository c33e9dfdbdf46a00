/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One vocabulary of options for all subcommands: -m means the same everywhere.
 * A command lists the options it takes; parser and --help work from that list.
 */
#ifndef DISTIL_TOOLS_CMD_OPTIONS_H
#define DISTIL_TOOLS_CMD_OPTIONS_H

#include <stddef.h>

#include "runtime/distil.h"

typedef enum cmd_option_id {
    CMD_OPT_MODEL,
    CMD_OPT_FILE,
    CMD_OPT_REFERENCE,
    CMD_OPT_TSV,
    CMD_OPT_JSON,
    CMD_OPT_JSONL,
    CMD_OPT_STREAM,
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
    CMD_OPT_HELP,
    CMD_OPT_COUNT
} cmd_option_id;

typedef enum cmd_format {
    CMD_FORMAT_TEXT,
    CMD_FORMAT_TSV,
    CMD_FORMAT_JSON,
    CMD_FORMAT_JSONL
} cmd_format;

enum { CMD_DEFAULT_BATCH = 32, CMD_MAX_BATCH = 4096, CMD_MAX_THREADS = 256 };

/* What serve alone takes; zero is what was not given, but for port. */
typedef struct cmd_serve_options {
    int local, pending, raw;
    int port;          /* -1 if not given */
    size_t timeout_s;  /* 0 if not given */
    const char *store; /* NULL if not given; not yet checked */
    int has_retry;     /* retry_ms was given */
    size_t retry_ms;
    size_t answer_bytes; /* 0 if not given */
    double faults;
    int has_seed;
    size_t seed;
} cmd_serve_options;

/* What a command line said. Strings point into argv. */
typedef struct cmd_options {
    const char *model;     /* -m, NULL if not given */
    const char *isa;       /* --isa, NULL if not given; not yet checked */
    const char *reference; /* --reference, NULL if not given */
    const char **files;    /* -f or --event, in order; memory of the parser */
    size_t file_count;
    char **words; /* what is left of argv: texts or files */
    size_t word_count;
    cmd_format format;
    distil_verify verify;
    size_t batch;
    size_t threads; /* at least 1: 0 on the command line became the number of CPUs */
    int stream;
    int strict;
    int sections;          /* inspect */
    const char *output;    /* convert: -o, NULL if not given */
    const char *calibrate; /* convert: --calibrate, NULL if not given */
    uint32_t flags;        /* for distil_tokenize and distil_classify */
    cmd_serve_options serve;
} cmd_options;

/* A command as its --help shows it. */
typedef struct cmd_manual {
    const char *name;
    const char *usage;            /* after "usage: distil NAME " */
    const char *text;             /* what it does, what it prints */
    const char *examples;         /* lines */
    const cmd_option_id *options; /* what it takes; ends with CMD_OPT_COUNT */
} cmd_manual;

/* Parse argv[1] ... by the manual. -1: go on, and cmd_options_free in the end. Otherwise the exit
 * code to return at once: --help was printed, or a mistake reported. Words and options may come in
 * any order; "--" ends the options. Reorders argv. */
int cmd_options_parse(cmd_options *options, const cmd_manual *manual, int argc, char **argv);
void cmd_options_free(cmd_options *options);

/* "distil NAME: " message, and where to find help. Returns CMD_USAGE. */
int cmd_usage_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
