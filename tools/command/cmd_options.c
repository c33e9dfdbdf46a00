/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of command lines; see cmd_options.h. The functions that store a value return -1, or the
 * exit status of the command if the value is wrong and the mistake has been reported.
 */
#include "tools/command/cmd_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/format.h"
#include "runtime/cpus.h"
#include "tools/command/cmd_help.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_nearest.h"
#include "tools/command/cmd_number.h"
#include "tools/command/cmd_output.h"
#include "tools/command/commands.h"

/* A command line that is being parsed, and the option and value that are to be stored next. */
typedef struct parser {
    cmd_options *options;
    const cmd_manual *manual;
    const cmd_option *option;
    const char *value; /* NULL if the option has no value */
} parser;

/* Store a value of --aggregation. */
static int store_aggregation(const parser *p)
{
    static const char *const names[] = {[DISTIL_AGGREGATION_NONE] = "none",
                                        [DISTIL_AGGREGATION_SIMPLE] = "simple",
                                        [DISTIL_AGGREGATION_FIRST] = "first",
                                        [DISTIL_AGGREGATION_AVERAGE] = "average",
                                        [DISTIL_AGGREGATION_MAX] = "max"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(p->value, names[i]) == 0) {
            p->options->aggregation = (distil_aggregation)i;
            return -1;
        }
    return cmd_usage_error(p->manual->name,
                           "--aggregation: '%s' is none of none, simple, first, average, max",
                           p->value);
}

/* ---- values --------------------------------------------------------------------------------- */

static int store_count(size_t *value, const parser *p, size_t min, size_t max)
{
    if (cmd_parse_count(value, p->value, min, max) == 0)
        return -1;
    return cmd_usage_error(p->manual->name, "--%s: '%s' is not a number from %zu to %zu",
                           p->option->name, p->value, min, max);
}

static int store_share(double *value, const parser *p)
{
    if (cmd_parse_share(value, p->value) == 0)
        return -1;
    return cmd_usage_error(p->manual->name, "--%s: '%s' is not a number from 0 to 1",
                           p->option->name, p->value);
}

static int store_format(const parser *p, cmd_format format)
{
    cmd_options *options = p->options;

    if (options->format != CMD_FORMAT_TEXT && options->format != format)
        return cmd_usage_error(p->manual->name, "more than one of --tsv, --json and --jsonl");
    options->format = format;
    return -1;
}

static int store_verify(const parser *p)
{
    cmd_options *options = p->options;

    if (strcmp(p->value, "none") == 0)
        options->verify = DISTIL_VERIFY_NONE;
    else if (strcmp(p->value, "crc") == 0)
        options->verify = DISTIL_VERIFY_CRC;
    else if (strcmp(p->value, "sha256") == 0)
        options->verify = DISTIL_VERIFY_SHA256;
    else if (strcmp(p->value, "proof") == 0)
        options->verify = DISTIL_VERIFY_PROOF;
    else
        return cmd_usage_error(
            p->manual->name, "--verify: expected none, crc, sha256 or proof, found '%s'", p->value);
    return -1;
}

static int store_function(const parser *p)
{
    static const char *const names[] = {[DISTIL_FUNCTION_SOFTMAX] = "softmax",
                                        [DISTIL_FUNCTION_SIGMOID] = "sigmoid",
                                        [DISTIL_FUNCTION_NONE] = "none"};

    for (size_t i = DISTIL_FUNCTION_SOFTMAX; i <= DISTIL_FUNCTION_NONE; i++)
        if (strcmp(p->value, names[i]) == 0) {
            p->options->function = (distil_function)i;
            return -1;
        }
    return cmd_usage_error(p->manual->name,
                           "--function: expected softmax, sigmoid or none, found '%s'", p->value);
}

static int store_combine(const parser *p)
{
    static const char *const names[] = {[DISTIL_COMBINE_MEAN] = "mean",
                                        [DISTIL_COMBINE_MAX] = "max",
                                        [DISTIL_COMBINE_FIRST] = "first"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(p->value, names[i]) == 0) {
            p->options->combine_name = names[i];
            p->options->combine = (distil_combine)i;
            return -1;
        }
    return cmd_usage_error(p->manual->name, "--combine: expected mean, max or first, found '%s'",
                           p->value);
}

static int store_pooling(const parser *p)
{
    static const char *const names[] = {
        [DISTIL_POOLING_CLS] = "cls", [DISTIL_POOLING_MEAN] = "mean", [DISTIL_POOLING_MAX] = "max"};

    for (size_t i = DISTIL_POOLING_CLS; i <= DISTIL_POOLING_MAX; i++)
        if (strcmp(p->value, names[i]) == 0) {
            p->options->pooling = (distil_pooling)i;
            return -1;
        }
    return cmd_usage_error(p->manual->name, "--pooling: '%s' is none of cls, mean, max", p->value);
}

/* ---- options -------------------------------------------------------------------------------- */

/* Store an option that is either present or absent. Returns 0 if the option is of another kind. */
static int store_flag(const parser *p)
{
    cmd_options *o = p->options;
    int *flag = NULL;

    switch (p->option->id) {
    case CMD_OPT_STREAM:
        flag = &o->stream;
        break;
    case CMD_OPT_STRICT:
        flag = &o->strict;
        break;
    case CMD_OPT_SECTIONS:
        flag = &o->sections;
        break;
    case CMD_OPT_MAN:
        flag = &o->man;
        break;
    case CMD_OPT_COMPLETION:
        flag = &o->completion;
        break;
    case CMD_OPT_RESUME:
        flag = &o->resume;
        break;
    case CMD_OPT_ESCAPES:
        flag = &o->table.escapes;
        break;
    case CMD_OPT_OFFSETS:
        flag = &o->offsets;
        break;
    case CMD_OPT_MULTI:
        flag = &o->multi;
        break;
    case CMD_OPT_NORMALIZE:
        flag = &o->normalize;
        break;
    case CMD_OPT_ALLOW_NONE:
        flag = &o->allow_none;
        break;
    case CMD_OPT_LOCAL:
        flag = &o->serve.local;
        break;
    case CMD_OPT_PENDING:
        flag = &o->serve.pending;
        break;
    case CMD_OPT_RAW:
        flag = &o->serve.raw;
        break;
    default:
        return 0;
    }
    *flag = 1;
    return 1;
}

/* Store an option of tables, whose value is any text. Returns 0 if it is an option of another
 * kind. */
static int store_table_text(const parser *p)
{
    cmd_table_options *o = &p->options->table;
    const char **text = NULL;

    switch (p->option->id) {
    case CMD_OPT_INPUT:
        text = &o->input;
        break;
    case CMD_OPT_TEXT_FIELD:
        text = &o->text_field;
        break;
    case CMD_OPT_PAIR_FIELD:
        text = &o->pair_field;
        break;
    case CMD_OPT_KEEP:
        text = &o->keep;
        break;
    case CMD_OPT_LABEL_FIELD:
        text = &o->label_field;
        break;
    case CMD_OPT_SCORE_FIELD:
        text = &o->score_field;
        break;
    case CMD_OPT_ERROR_FIELD:
        text = &o->error_field;
        break;
    case CMD_OPT_DELIMITER:
        text = &o->delimiter;
        break;
    case CMD_OPT_NULL:
        text = &o->null_word;
        break;
    case CMD_OPT_ON_ERROR:
        text = &o->on_error;
        break;
    default:
        return 0;
    }
    *text = p->value;
    return 1;
}

/* Store an option whose value is any text. Returns 0 if the option is of another kind. */
static int store_text(const parser *p)
{
    cmd_options *o = p->options;

    switch (p->option->id) {
    case CMD_OPT_MODEL:
        o->model = p->value;
        break;
    case CMD_OPT_FILE:
    case CMD_OPT_EVENT:
        o->files[o->file_count++] = p->value;
        break;
    case CMD_OPT_REFERENCE:
        o->reference = p->value;
        break;
    case CMD_OPT_ORIGINAL:
        o->original = p->value;
        break;
    case CMD_OPT_OUTPUT:
        o->output = p->value;
        break;
    case CMD_OPT_PAIR:
        o->pair = p->value;
        break;
    case CMD_OPT_QUERY:
        o->query = p->value;
        break;
    case CMD_OPT_QUESTION:
        o->question = p->value;
        break;
    case CMD_OPT_CONTEXT:
        o->context = p->value;
        break;
    case CMD_OPT_CANDIDATES:
        o->candidates = p->value;
        break;
    case CMD_OPT_TEMPLATE:
        o->template = p->value;
        break;
    case CMD_OPT_CALIBRATE:
        o->calibrate = p->value;
        break;
    case CMD_OPT_ISA:
        o->isa = p->value;
        break;
    case CMD_OPT_STORE:
        o->serve.store = p->value;
        break;
    default:
        return 0;
    }
    return 1;
}

/* Store one of the numbers of `distil serve`. */
static int store_serve_number(const parser *p)
{
    cmd_serve_options *serve = &p->options->serve;
    size_t port = 0;
    int code;

    switch (p->option->id) {
    case CMD_OPT_PORT:
        code = store_count(&port, p, 0, 65535);
        serve->port = (int)port;
        return code;
    case CMD_OPT_TIMEOUT:
        return store_count(&serve->timeout_s, p, 1, 900);
    case CMD_OPT_RETRY_MS:
        serve->has_retry = 1;
        return store_count(&serve->retry_ms, p, 0, 3600000);
    case CMD_OPT_ANSWER_BYTES:
        return store_count(&serve->answer_bytes, p, 1, 6291556);
    case CMD_OPT_FAULTS:
        return store_share(&serve->faults, p);
    default:
        serve->has_seed = 1;
        return store_count(&serve->seed, p, 0, SIZE_MAX);
    }
}

static int store_option(const parser *p)
{
    cmd_options *o = p->options;

    if (store_flag(p) || store_text(p) || store_table_text(p))
        return -1;
    switch (p->option->id) {
    case CMD_OPT_TSV:
        return store_format(p, CMD_FORMAT_TSV);
    case CMD_OPT_JSON:
        return store_format(p, CMD_FORMAT_JSON);
    case CMD_OPT_JSONL:
        return store_format(p, CMD_FORMAT_JSONL);
    case CMD_OPT_BATCH:
        return store_count(&o->batch, p, 1, CMD_MAX_BATCH);
    case CMD_OPT_THREADS:
        return store_count(&o->threads, p, 0, CMD_MAX_THREADS);
    case CMD_OPT_SPLIT:
        o->flags |= DISTIL_SPLIT_SPECIAL_TOKENS;
        return -1;
    case CMD_OPT_VERIFY:
        return store_verify(p);
    case CMD_OPT_FUNCTION:
        return store_function(p);
    case CMD_OPT_WINDOW:
        return store_count(&o->window, p, 3, DISTIL_BLOB_MAX_POSITIONS);
    case CMD_OPT_ANSWER_TOKENS:
        return store_count(&o->answer_tokens, p, 1, DISTIL_BLOB_MAX_POSITIONS);
    case CMD_OPT_STRIDE:
        o->has_stride = 1;
        return store_count(&o->stride, p, 0, DISTIL_BLOB_MAX_POSITIONS);
    case CMD_OPT_COMBINE:
        return store_combine(p);
    case CMD_OPT_AGGREGATION:
        return store_aggregation(p);
    case CMD_OPT_POOLING:
        return store_pooling(p);
    case CMD_OPT_TOP_K:
        o->has_top_k = 1;
        return store_count(&o->top_k, p, 0, DISTIL_BLOB_MAX_LABELS);
    case CMD_OPT_THRESHOLD:
        o->has_threshold = 1;
        return store_share(&o->threshold, p);
    case CMD_OPT_HELP:
        cmd_print_manual(stdout, p->manual);
        return cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
    default:
        return store_serve_number(p);
    }
}

/* ---- the command line ----------------------------------------------------------------------- */

/* Find an option by its letter, or by its name of name_bytes characters if name is not NULL. */
static const cmd_option *find_option(const cmd_manual *manual, char letter, const char *name,
                                     size_t name_bytes)
{
    for (size_t i = 0; i < manual->option_count; i++) {
        const cmd_option *o = &manual->options[i];

        if (name == NULL ? o->letter == letter
                         : strlen(o->name) == name_bytes && memcmp(o->name, name, name_bytes) == 0)
            return o;
    }
    return NULL;
}

/* Report an option that the command does not have, with the most similar one. */
static int report_unknown(const cmd_manual *manual, const char *word)
{
    cmd_nearest nearest = cmd_nearest_begin(word + 2, word[1] == '-' ? strcspn(word + 2, "=") : 0);

    (void)cmd_usage_error(manual->name, "unknown option '%s'", word);
    for (size_t i = 0; i < manual->option_count; i++)
        cmd_nearest_try(&nearest, manual->options[i].name);
    if (nearest.name != NULL)
        cmd_hint("did you mean `--%s`?", nearest.name);
    cmd_hint("what begins with '-' and is no option goes after --");
    return CMD_USAGE;
}

/* Parse the argument argv[*at], which has the form --name, --name=value, -x or -xvalue. If its
 * value is the next argument, *at becomes the index of that one. */
static int parse_option(parser *p, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    const char *command = p->manual->name;

    p->value = NULL;
    if (word[1] == '-') {
        size_t name_bytes = strcspn(word + 2, "=");

        p->option = find_option(p->manual, 0, word + 2, name_bytes);
        if (word[2 + name_bytes] == '=')
            p->value = word + 2 + name_bytes + 1;
    } else {
        p->option = find_option(p->manual, word[1], NULL, 0);
        if (word[2] != '\0')
            p->value = word + 2;
    }
    if (p->option == NULL)
        return report_unknown(p->manual, word);
    if (p->option->argument == NULL) {
        if (p->value != NULL)
            return cmd_usage_error(command, "--%s takes no value ('%s')", p->option->name, word);
    } else if (p->value == NULL) {
        if (*at + 1 >= argc)
            return cmd_usage_error(command, "%s needs a value: %s", word, p->option->argument);
        p->value = argv[++*at];
    }
    return store_option(p);
}

static int options_init(cmd_options *options, const cmd_manual *manual, int argc, char **argv)
{
    memset(options, 0, sizeof *options);
    options->batch = CMD_DEFAULT_BATCH;
    options->aggregation = DISTIL_AGGREGATION_SIMPLE;
    /* `distil convert` uses all CPUs by default. Other commands leave them to other programs. */
    options->threads = manual == &cmd_manuals[CMD_CONVERT] ? 0 : 1;
    options->serve.port = -1;
    options->files = malloc((size_t)argc * sizeof *options->files);
    /* Words move to the front of argv. They never overtake the index at which argv is read. */
    options->words = argv;
    return options->files != NULL ? 0 : -1;
}

int cmd_options_parse(cmd_options *options, const cmd_manual *manual, int argc, char **argv)
{
    parser p = {.options = options, .manual = manual};
    int only_words = 0;

    if (options_init(options, manual, argc, argv) != 0) {
        cmd_error("out of memory");
        return CMD_FAILED;
    }
    for (int i = 1; i < argc; i++) {
        int code = -1;

        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = 1;
        else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0')
            code = parse_option(&p, argc, argv, &i);
        else
            options->words[options->word_count++] = argv[i];
        if (code >= 0) {
            cmd_options_free(options);
            return code;
        }
    }
    if (options->threads == 0)
        options->threads = distil_cpus_usable();
    if (options->threads > CMD_MAX_THREADS)
        options->threads = CMD_MAX_THREADS;
    return -1;
}

void cmd_options_free(cmd_options *options)
{
    free(options->files);
    options->files = NULL;
}
