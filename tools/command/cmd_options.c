/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the subcommands; see cmd_options.h. */
#include "tools/command/cmd_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cpus.h"
#include "tools/command/cmd_util.h"
#include "tools/command/commands.h"

typedef struct option {
    char letter; /* 0: none */
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *help;
} option;

/* Lines of help after the first are indented to the column where help begins. */
#define MORE "\n                           "

static const option vocabulary[CMD_OPT_COUNT] = {
    [CMD_OPT_MODEL] = {'m', "model", "BLOB", "the model (else DISTIL_MODEL, else the shipped one)"},
    [CMD_OPT_FILE] = {'f', "file", "FILE",
                      "read texts from FILE, one a line ('-': standard input);" MORE
                      "may be given more than once"},
    [CMD_OPT_REFERENCE] = {0, "reference", "FILE",
                           "compare with logits: TSV with a header and the columns" MORE
                           "row, label, tokens, logit_..., a row for each sentence"},
    [CMD_OPT_TSV] = {0, "tsv", NULL,
                     "label, score, tokens, truncated (0 or 1), text; tabs between"},
    [CMD_OPT_JSON] = {0, "json", NULL, "one JSON document"},
    [CMD_OPT_JSONL] = {0, "jsonl", NULL, "one JSON object (or array of ids) a line"},
    [CMD_OPT_STREAM] = {0, "stream", NULL,
                        "write each answer before reading the next line" MORE
                        "(one text at a time; threads share its work)"},
    [CMD_OPT_BATCH] = {0, "batch", "N", "texts a pass, 1 to 4096 (default 32)"},
    [CMD_OPT_THREADS] = {0, "threads", "N",
                         "worker threads, 1 to 256 (default 1: none is made);" MORE
                         "0: one for each CPU it may use. Answers keep their order"},
    [CMD_OPT_STRICT] = {0, "strict", NULL,
                        "report a text that is not UTF-8 (default: bytes that are" MORE
                        "not become U+FFFD)"},
    [CMD_OPT_SPLIT] = {0, "split-special-tokens", NULL,
                       "treat [SEP], [MASK] ... written in a text as plain text"},
    [CMD_OPT_SECTIONS] = {0, "sections", NULL, "list every section: offset, size, CRC-32C"},
    [CMD_OPT_OUTPUT] = {'o', "output", "FILE", "where the model file goes"},
    [CMD_OPT_CALIBRATE] = {0, "calibrate", "FILE",
                           "round weights so that their errors cancel on the texts of" MORE
                           "FILE, one a line (a few hundred, like those to come)"},
    [CMD_OPT_LOCAL] = {0, "local", NULL,
                       "stand in for AWS on this machine (to be given: there is no" MORE
                       "other way of serving)"},
    [CMD_OPT_PORT] = {0, "port", "N", "of 127.0.0.1 (default 9000; 0: any free one)"},
    [CMD_OPT_TIMEOUT] = {0, "timeout", "S", "seconds for an invocation, 1 to 900 (default 60)"},
    [CMD_OPT_STORE] = {0, "store", "WHERE",
                       "memory, or the address of a DynamoDB (http://...); default:" MORE
                       "nothing is stored, events are only classified"},
    [CMD_OPT_PENDING] = {0, "pending", NULL,
                         "with --store memory: an item that is asked for and absent" MORE
                         "counts as put by its producer, with status pending"},
    [CMD_OPT_EVENT] = {0, "event", "FILE",
                       "invoke with FILE ('-': standard input), show the response and" MORE
                       "end; may be given more than once"},
    [CMD_OPT_RAW] = {0, "raw", NULL, "show lines and answers as the function wrote them"},
    [CMD_OPT_RETRY_MS] = {0, "retry-ms", "N",
                          "before an event is tried again, asynchronous ones only;" MORE
                          "twice that before the last time (default 1000; Lambda: 60000)"},
    [CMD_OPT_ANSWER_BYTES] = {0, "answer-bytes", "N",
                              "refuse larger answers (default 6291556, as Lambda does)"},
    [CMD_OPT_FAULTS] = {0, "faults", "RATE",
                        "share of replies to the function that go wrong: lost, late," MORE
                        "cut, 500, throttled; 0 to 1 (default 0)"},
    [CMD_OPT_SEED] = {0, "seed", "N", "of faults and request ids: the same run again"},
    [CMD_OPT_ISA] = {0, "isa", "LEVEL",
                     "use no instruction set above LEVEL (else DISTIL_ISA):" MORE CMD_ISA_NAMES},
    [CMD_OPT_VERIFY] = {0, "verify", "HOW",
                        "check the model's content first: none (default), crc," MORE "sha256"},
    [CMD_OPT_HELP] = {'h', "help", NULL, "this text"},
};

int cmd_usage_error(const char *command, const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    cmd_error("%s: %s", command, message);
    cmd_hint("`distil %s --help` lists options and examples", command);
    return CMD_USAGE;
}

static void print_manual(const cmd_manual *manual)
{
    (void)printf("usage: distil %s %s\n\n%s\nOptions:\n", manual->name, manual->usage,
                 manual->text);
    for (const cmd_option_id *id = manual->options; *id != CMD_OPT_COUNT; id++) {
        const option *o = &vocabulary[*id];
        char left[64];

        (void)snprintf(left, sizeof left, "%c%c%c --%s%s%s", o->letter ? '-' : ' ',
                       o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
                       o->argument != NULL ? " " : "", o->argument != NULL ? o->argument : "");
        /* Names too long for their column have it to themselves. */
        (void)printf(strlen(left) <= 24 ? "  %-24s %s\n" : "  %s" MORE "%s\n", left, o->help);
    }
    (void)printf("\nExamples:\n%s\n"
                 "Exit status: 0 done; 1 an input, the model or the output failed, the rest was\n"
                 "done; 2 wrong usage, nothing was done; 130 interrupted.\n",
                 manual->examples);
}

/* The option a command takes by letter, or by name (name_bytes long); CMD_OPT_COUNT if none. */
static cmd_option_id find_option(const cmd_manual *manual, char letter, const char *name,
                                 size_t name_bytes)
{
    const cmd_option_id *id = manual->options;

    for (; *id != CMD_OPT_COUNT; id++) {
        const option *o = &vocabulary[*id];

        if (name == NULL ? o->letter == letter
                         : strlen(o->name) == name_bytes && memcmp(o->name, name, name_bytes) == 0)
            break;
    }
    return *id;
}

static int take_count(size_t *value, const cmd_manual *manual, cmd_option_id id, const char *text,
                      size_t min, size_t max)
{
    if (cmd_parse_count(value, text, min, max) == 0)
        return -1;
    return cmd_usage_error(manual->name, "--%s: '%s' is not a number from %zu to %zu",
                           vocabulary[id].name, text, min, max);
}

static int take_format(cmd_options *options, const cmd_manual *manual, cmd_format format)
{
    if (options->format != CMD_FORMAT_TEXT && options->format != format)
        return cmd_usage_error(manual->name, "more than one of --tsv, --json and --jsonl");
    options->format = format;
    return -1;
}

static int take_verify(cmd_options *options, const cmd_manual *manual, const char *how)
{
    if (strcmp(how, "none") == 0)
        options->verify = DISTIL_VERIFY_NONE;
    else if (strcmp(how, "crc") == 0)
        options->verify = DISTIL_VERIFY_CRC;
    else if (strcmp(how, "sha256") == 0)
        options->verify = DISTIL_VERIFY_SHA256;
    else
        return cmd_usage_error(manual->name, "--verify: '%s' is none of none, crc, sha256", how);
    return -1;
}

/* Decimal digits with a point: 0 .. 1. */
static int take_rate(double *value, const cmd_manual *manual, cmd_option_id id, const char *text)
{
    char *end;
    double rate = strtod(text, &end);

    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && rate >= 0 && rate <= 1) {
        *value = rate;
        return -1;
    }
    return cmd_usage_error(manual->name, "--%s: '%s' is not a number from 0 to 1",
                           vocabulary[id].name, text);
}

/* Options of serve alone. -1, or the exit code. */
static int take_serve(cmd_serve_options *serve, const cmd_manual *manual, cmd_option_id id,
                      const char *argument)
{
    size_t port = 0;
    int code = -1;

    if (id == CMD_OPT_LOCAL) {
        serve->local = 1;
    } else if (id == CMD_OPT_PENDING) {
        serve->pending = 1;
    } else if (id == CMD_OPT_RAW) {
        serve->raw = 1;
    } else if (id == CMD_OPT_STORE) {
        serve->store = argument;
    } else if (id == CMD_OPT_PORT) {
        code = take_count(&port, manual, id, argument, 0, 65535);
        serve->port = (int)port;
    } else if (id == CMD_OPT_TIMEOUT) {
        code = take_count(&serve->timeout_s, manual, id, argument, 1, 900);
    } else if (id == CMD_OPT_RETRY_MS) {
        serve->has_retry = 1;
        code = take_count(&serve->retry_ms, manual, id, argument, 0, 3600000);
    } else if (id == CMD_OPT_ANSWER_BYTES) {
        code = take_count(&serve->answer_bytes, manual, id, argument, 1, 6291556);
    } else if (id == CMD_OPT_FAULTS) {
        code = take_rate(&serve->faults, manual, id, argument);
    } else {
        serve->has_seed = 1;
        code = take_count(&serve->seed, manual, id, argument, 0, SIZE_MAX);
    }
    return code;
}

/* Store one option. -1, or the exit code. */
static int take(cmd_options *options, const cmd_manual *manual, cmd_option_id id,
                const char *argument)
{
    switch (id) {
    case CMD_OPT_MODEL:
        options->model = argument;
        return -1;
    case CMD_OPT_FILE:
    case CMD_OPT_EVENT:
        options->files[options->file_count++] = argument;
        return -1;
    case CMD_OPT_REFERENCE:
        options->reference = argument;
        return -1;
    case CMD_OPT_TSV:
        return take_format(options, manual, CMD_FORMAT_TSV);
    case CMD_OPT_JSON:
        return take_format(options, manual, CMD_FORMAT_JSON);
    case CMD_OPT_JSONL:
        return take_format(options, manual, CMD_FORMAT_JSONL);
    case CMD_OPT_STREAM:
        options->stream = 1;
        return -1;
    case CMD_OPT_BATCH:
        return take_count(&options->batch, manual, id, argument, 1, CMD_MAX_BATCH);
    case CMD_OPT_THREADS:
        return take_count(&options->threads, manual, id, argument, 0, CMD_MAX_THREADS);
    case CMD_OPT_STRICT:
        options->strict = 1;
        return -1;
    case CMD_OPT_SPLIT:
        options->flags |= DISTIL_SPLIT_SPECIAL_TOKENS;
        return -1;
    case CMD_OPT_SECTIONS:
        options->sections = 1;
        return -1;
    case CMD_OPT_OUTPUT:
        options->output = argument;
        return -1;
    case CMD_OPT_CALIBRATE:
        options->calibrate = argument;
        return -1;
    case CMD_OPT_ISA:
        options->isa = argument;
        return -1;
    case CMD_OPT_VERIFY:
        return take_verify(options, manual, argument);
    case CMD_OPT_LOCAL:
    case CMD_OPT_PORT:
    case CMD_OPT_TIMEOUT:
    case CMD_OPT_STORE:
    case CMD_OPT_PENDING:
    case CMD_OPT_RAW:
    case CMD_OPT_RETRY_MS:
    case CMD_OPT_ANSWER_BYTES:
    case CMD_OPT_FAULTS:
    case CMD_OPT_SEED:
        return take_serve(&options->serve, manual, id, argument);
    case CMD_OPT_HELP:
    case CMD_OPT_COUNT:
        break;
    }
    print_manual(manual);
    return cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
}

/* One argument that begins with '-': --name, --name=value, -x, -xvalue. *at moves on where the
 * value is the argument after it. */
static int take_argument(cmd_options *options, const cmd_manual *manual, int argc, char **argv,
                         int *at)
{
    const char *word = argv[*at];
    const char *value = NULL;
    cmd_option_id id;

    if (word[1] == '-') {
        size_t name_bytes = strcspn(word + 2, "=");

        id = find_option(manual, 0, word + 2, name_bytes);
        if (word[2 + name_bytes] == '=')
            value = word + 2 + name_bytes + 1;
    } else {
        id = find_option(manual, word[1], NULL, 0);
        if (word[2] != '\0')
            value = word + 2;
    }
    if (id == CMD_OPT_COUNT) {
        (void)cmd_usage_error(manual->name, "unknown option '%s'", word);
        cmd_hint("what begins with '-' and is no option goes after --");
        return CMD_USAGE;
    }
    if (vocabulary[id].argument == NULL) {
        if (value != NULL)
            return cmd_usage_error(manual->name, "--%s takes no value ('%s')", vocabulary[id].name,
                                   word);
    } else if (value == NULL) {
        if (*at + 1 >= argc)
            return cmd_usage_error(manual->name, "%s needs a value: %s", word,
                                   vocabulary[id].argument);
        value = argv[++*at];
    }
    return take(options, manual, id, value);
}

int cmd_options_parse(cmd_options *options, const cmd_manual *manual, int argc, char **argv)
{
    int only_words = 0;

    memset(options, 0, sizeof *options);
    options->batch = CMD_DEFAULT_BATCH;
    options->threads = 1;
    options->serve.port = -1;
    options->files = malloc((size_t)argc * sizeof *options->files);
    if (options->files == NULL) {
        cmd_error("out of memory");
        return CMD_FAILED;
    }
    options->words = argv; /* words move to the front: never ahead of where argv is read */
    for (int i = 1; i < argc; i++) {
        int code = -1;

        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = 1;
        else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0')
            code = take_argument(options, manual, argc, argv, &i);
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
