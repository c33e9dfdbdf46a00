/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands of distil-bench share: their options and exit statuses, messages, files of the
 * build directory, and the file of -o.
 */
#ifndef DISTIL_BENCH_HARNESS_COMMAND_H
#define DISTIL_BENCH_HARNESS_COMMAND_H

#include <stddef.h>
#include <stdio.h>

#include "bench/harness/compare.h"
#include "bench/harness/load.h"

/* Exit statuses. Scripts rely on the numbers. */
enum { PASSED = 0, REFUSED = 1, USAGE = 2, INCONCLUSIVE = 3 };

enum { PATH_BYTES = 4096 };

/* The command line. Strings belong to argv; NULL where an option was not given. */
typedef struct options {
    const char *budgets, *model, *build, *output, *revision;
    const char *only[16]; /* prefixes of --only */
    size_t only_count;
    double seconds;
    int cpu, json, complete, image;
    int limit_ms; /* the milliseconds of --timeout */
    size_t runs;
    load_plan load;
    compare_plan compare;
} options;

/* Prints "distil bench: WHAT: VALUE" on stderr, without the value where it is NULL. Returns
 * USAGE. */
int complain(const char *what, const char *value);

/* Does the same for a wrong command line, and points to --help. */
int complain_of_usage(const char *what, const char *value);

/* Stores the directory of this program, "" where /proc does not say. */
void own_directory(char out[PATH_BYTES]);

/* Returns DIRECTORY/NAME, which the caller frees, or NULL where there is no such file. */
char *find_file(const char *directory, const char *name);

/* The file of -o. It is written beside its place and then renamed, so that a reader sees the whole
 * file or none. */
typedef struct output {
    const char *path; /* NULL where no file is wanted */
    char aside[PATH_BYTES];
    FILE *file; /* NULL where no file is wanted */
} output;

/* Opens the file before anything is measured, because minutes of measuring must not end at a wrong
 * path. Returns 0, or USAGE with a message. */
int output_open(output *out, const char *path);

/* Removes the unfinished file, for a run that measured nothing. */
void output_drop(output *out);

/* Writes the file to the disk and renames it. Returns 0, or USAGE with a message. */
int output_finish(output *out);

/* Each command returns its exit status. */
int command_run(const options *o);
int command_compare(const options *o);
int command_cold(const options *o);
int command_load(const options *o);

#endif
