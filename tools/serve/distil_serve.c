/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program distil-serve, which `distil serve` runs: it reads the command line and starts the
 * local stand-in for AWS that serve.h describes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/old_libc.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_progress.h"
#include "tools/command/commands.h"
#include "tools/serve/serve.h"

enum { DEFAULT_PORT = 9000, DEFAULT_TIMEOUT_S = 60, DEFAULT_RETRY_MS = 1000, MS_PER_S = 1000 };

/* Report what is wrong with the options together. Returns -1 if nothing is. */
static int check_options(const cmd_options *options)
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

/* Choose the absolute path for DISTIL_MODEL in the environment of the function. *path is for the
 * caller to free; it is NULL if the variable stays as it is set. Returns 0, or -1 after reporting
 * why there is no path. */
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
        cmd_error("model '%s': %s", found, strerror(errno));
    free(found);
    return *path != NULL ? 0 : -1;
}

/* Returns the seed of the command line, or else a random one. */
static uint64_t choose_seed(const cmd_serve_options *serve)
{
    uint64_t seed = serve->seed;

    if (!serve->has_seed &&
        random_bytes(&seed, sizeof seed, RANDOM_NO_WAIT) != (ssize_t)sizeof seed)
        seed = (uint64_t)(cmd_seconds() * 1e9);
    return seed;
}

static int run_server(const cmd_options *options, char *const *command, const char *model)
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

    /* Events of the command line need no port that callers know in advance. */
    if (given->port < 0 && config.event_count > 0)
        config.port = 0;
    return serve_until_end(&config);
}

int main(int argc, char **argv)
{
    cmd_options options;
    char **command, *model = NULL;
    int code = cmd_options_parse(&options, &cmd_manuals[CMD_SERVE], argc, argv);

    if (code >= 0)
        return code;
    code = check_options(&options);
    command = calloc(options.word_count + 1, sizeof *command);
    if (code < 0 && (command == NULL || choose_model(&model, options.model) != 0))
        code = CMD_FAILED;
    if (code < 0) {
        memcpy(command, options.words, options.word_count * sizeof *command);
        code = run_server(&options, command, model);
    }
    free(model);
    free(command);
    cmd_options_free(&options);
    return code;
}
