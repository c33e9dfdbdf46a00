/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program distil-serve, which `distil serve` runs: it reads the command line and starts the
 * local stand-in for AWS that serve.h describes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tools/command/cmd_options.h"
#include "tools/command/cmd_util.h"
#include "tools/command/commands.h"
#include "tools/serve/serve.h"

enum { DEFAULT_PORT = 9000, DEFAULT_TIMEOUT_S = 60, DEFAULT_RETRY_MS = 1000, MS_PER_S = 1000 };

static const cmd_option_id accepted[] = {
    CMD_OPT_LOCAL,        CMD_OPT_PORT,   CMD_OPT_TIMEOUT, CMD_OPT_STORE,    CMD_OPT_PENDING,
    CMD_OPT_EVENT,        CMD_OPT_RAW,    CMD_OPT_MODEL,   CMD_OPT_RETRY_MS, CMD_OPT_SEED,
    CMD_OPT_ANSWER_BYTES, CMD_OPT_FAULTS, CMD_OPT_HELP,    CMD_OPT_COUNT};

static const cmd_manual manual = {
    "serve",
    "--local [options] -- PROGRAM [arguments]",
    "Run a Lambda function, such as ./bootstrap, as Lambda would: hand it events, take its\n"
    "answers, kill it when an event's time is up, start it again when it has ended, show its\n"
    "log lines and metrics. One process, one event at a time; other callers wait. On one\n"
    "port of 127.0.0.1:\n"
    "  POST /2015-03-31/functions/function/invocations   the Invoke API; with the header\n"
    "       X-Amz-Invocation-Type: Event nobody waits, a failed event is tried twice more\n"
    "       and then kept as a dead letter\n"
    "  /2018-06-01/runtime/...   the Runtime API, for the function\n"
    "  POST /   with --store memory: DynamoDB's UpdateItem, PutItem and GetItem\n"
    "  GET /serve/state, GET /serve/dead-letters   what happened so far\n"
    "The function gets this environment with what Lambda sets. What concerns the store is set\n"
    "by --store: without it there is no DATABASE_TABLE, and AWS_ENDPOINT_URL_DYNAMODB is never\n"
    "yours; `-- env NAME=VALUE ./bootstrap` gets round that. DISTIL_MODEL is -m, or what is\n"
    "set (empty: the model within the program), or the shipped model. Ends at SIGINT or\n"
    "SIGTERM, or after the last --event: exit status 1 where an event failed.\n",
    "  distil serve --local -- ./bootstrap\n"
    "  distil serve --local --event tests/events/sns.json --store memory --pending -- ./bootstrap\n"
    "  distil serve --local --store http://127.0.0.1:8000 -- ./bootstrap\n"
    "  distil serve --local --store memory --faults 0.01 --seed 7 -- ./bootstrap\n"
    "  curl -d @event.json http://127.0.0.1:9000/2015-03-31/functions/function/invocations\n",
    accepted,
};

static int check(const cmd_options *options)
{
    const char *store = options->serve.store;

    if (!options->serve.local)
        return cmd_usage_error("serve", "--local is to be given: it serves this machine only");
    if (options->word_count == 0)
        return cmd_usage_error("serve", "no program: distil serve --local -- ./bootstrap");
    if (store != NULL && strcmp(store, "memory") != 0 && strncmp(store, "http://", 7) != 0 &&
        strncmp(store, "https://", 8) != 0)
        return cmd_usage_error("serve", "--store: '%s' is neither memory nor http(s)://...", store);
    if (options->serve.pending && (store == NULL || strcmp(store, "memory") != 0))
        return cmd_usage_error("serve", "--pending is for --store memory");
    return -1;
}

/* The absolute path for DISTIL_MODEL. 0 and *path to be freed, NULL where the environment's stays;
 * or -1, reported. */
static int choose_model(char **path, const char *from_option)
{
    char *found;

    *path = NULL;
    if (from_option == NULL && getenv("DISTIL_MODEL") != NULL)
        return 0;
    if (cmd_choose_model(&found, from_option) != 0)
        return -1;
    *path = realpath(found, NULL);
    if (*path == NULL)
        cmd_error("%s: %s", found, strerror(errno));
    free(found);
    return *path != NULL ? 0 : -1;
}

static uint64_t choose_seed(const cmd_serve_options *serve)
{
    uint64_t seed = serve->seed;

    if (!serve->has_seed && getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = (uint64_t)(cmd_now() * 1e9);
    return seed;
}

static int serve(const cmd_options *options, char *const *command, const char *model)
{
    const cmd_serve_options *given = &options->serve;
    serve_config config = {
        .port = (uint16_t)(given->port >= 0 ? given->port : DEFAULT_PORT),
        .command = command,
        .timeout_ms =
            (int64_t)(given->timeout_s > 0 ? given->timeout_s : DEFAULT_TIMEOUT_S) * MS_PER_S,
        .retry_ms = given->has_retry ? (int64_t)given->retry_ms : DEFAULT_RETRY_MS,
        .answer_bytes = given->answer_bytes > 0 ? given->answer_bytes : SERVE_MAX_ANSWER_BYTES,
        .store = given->store,
        .pending = given->pending,
        .model = model,
        .fault_rate = given->faults,
        .seed = choose_seed(given),
        .raw = given->raw,
        .events = options->files,
        .event_count = options->file_count,
    };

    /* Events of the command line want no port that somebody knows. */
    if (given->port < 0 && config.event_count > 0)
        config.port = 0;
    return serve_run(&config);
}

int main(int argc, char **argv)
{
    cmd_options options;
    char **command, *model = NULL;
    int code = cmd_options_parse(&options, &manual, argc, argv);

    if (code >= 0)
        return code;
    code = check(&options);
    command = calloc(options.word_count + 1, sizeof *command);
    if (code < 0 && (command == NULL || choose_model(&model, options.model) != 0))
        code = CMD_FAILED;
    if (code < 0) {
        memcpy(command, options.words, options.word_count * sizeof *command);
        code = serve(&options, command, model);
    }
    free(model);
    free(command);
    cmd_options_free(&options);
    return code;
}
