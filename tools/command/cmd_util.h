/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands share: messages, the model and level a user chose, JSON pieces, the end of
 * standard output.
 */
#ifndef DISTIL_TOOLS_CMD_UTIL_H
#define DISTIL_TOOLS_CMD_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/distil.h"

/* "distil: " and the message and a line feed, to stderr, in one piece. */
void cmd_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A remedy under an error: "        " in place of the program's name. */
void cmd_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Decimal digits only, min .. max. 0, or -1 with *value untouched. */
int cmd_parse_count(size_t *value, const char *text, size_t min, size_t max);

/* The level from --isa (NULL: not given), else DISTIL_ISA, else the best. 0, or -1 for an unknown
 * name, reported. *source, if not NULL: "--isa", "DISTIL_ISA" or NULL. */
int cmd_choose_isa(distil_isa *isa, const char **source, const char *from_option);

/* The names distil_isa_parse knows, for messages and help. */
#define CMD_ISA_NAMES "scalar, avx2, avxvnni, avx512, avx512vnni or best"

/*
 * The blob's path: from --model (NULL: not given), else DISTIL_MODEL, else the shipped one, looked
 * for from the directory of the running program: build/sst2.distil (the source tree), sst2.distil
 * (the build directory), ../share/distil/sst2.distil (an installation). 0, or -1 with nothing
 * found, reported. *path is to be freed.
 */
int cmd_choose_model(char **path, const char *from_option);

/* Write the absolute path of the directory that holds the running program, without a final slash
 * unless it is the root. The kernel tells it, because argv[0] may be anything. 0, or -1 where /proc
 * is missing or the path does not fit. */
int cmd_program_directory(char *out, size_t capacity);

/* An opened model and its path. */
typedef struct cmd_model {
    distil_model *model;
    distil_model_info info;
    char *path;
} cmd_model;

/* Choose and open. 0, or an exit code with the refusal and its remedy reported. */
int cmd_model_open(cmd_model *model, const char *path_option, const char *isa_option,
                   distil_verify verify);
void cmd_model_close(cmd_model *model);

/* A JSON string with its quotes; ill-formed UTF-8 becomes U+FFFD. */
void cmd_json_string(FILE *out, const char *bytes, size_t size);

/* A float in the fewest digits that all floats survive (9), always a JSON number. */
void cmd_json_float(FILE *out, float value);

/* Text on one line of TSV: backslash, tab, line feed, carriage return as two characters (\t ...),
 * other control characters as \xNN, the rest as it is. */
void cmd_write_escaped(FILE *out, const char *bytes, size_t size);

/* Flush, and report this or an earlier failed write (a full disk; that the reader went away is no
 * news). To be called right after writing. 0 or -1. */
int cmd_flush(FILE *out);

/* Monotonic seconds. */
double cmd_now(void);

/* 1 if the bytes are well-formed UTF-8: no surrogates, nothing overlong, nothing above U+10FFFF. */
int cmd_utf8_valid(const char *bytes, size_t size);

#endif
