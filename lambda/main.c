/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap: the function's process. Reads its configuration, opens the model, and serves events
 * until it is stopped. What keeps it from starting is logged, counted and reported to the Runtime
 * API as an init error; exit status 1 then, 2 where it was not started by Lambda at all.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/config.h"
#include "lambda/aws/credentials.h"
#include "lambda/embed.h"
#include "lambda/log.h"
#include "lambda/loop.h"
#include "lambda/metrics.h"
#include "lambda/prefault.h"
#include "lambda/rapi.h"
#include "lambda/stop.h"
#include "lambda/net/tls.h"
#include "runtime/distil.h"

static const char usage[] =
    "usage: bootstrap\n"
    "Text classification as an AWS Lambda function. Lambda starts it and sets\n"
    "AWS_LAMBDA_RUNTIME_API to the host:port of its Runtime API; DISTIL_MODEL is the absolute\n"
    "path of a blob made by distil convert. docs/lambda.md lists the other variables.\n"
    "  --help     this text\n"
    "  --version  version, TLS and whether a model is embedded\n"
    "Other words are ignored: images pass a handler's name.\n";

enum { WHY_BYTES = 512, MAX_LOOPS = 64, EXIT_USAGE = 2 };

/* Everything that lives as long as the process. */
typedef struct process {
    config config;
    stop stop;
    distil_model *model;
    distil_model_info info;
    loop *loops;
    const char *error_type; /* of what went wrong at the start */
    int64_t begin_ns;
    prefault_result prefault;
    char why[WHY_BYTES];
} process;

/* ---- a start that fails ---------------------------------------------------------------------- */

/* Before there is a configuration: the defaults that make a line come out. */
static void fill_minimum(config *c)
{
    const char *environment = getenv("ENVIRONMENT");

    if (c->environment == NULL)
        c->environment = environment != NULL && *environment != '\0' ? environment : "dev";
    if (c->log.fd == 0) {
        c->log.fd = STDOUT_FILENO;
        c->log.level = LOG_INFO;
    }
}

static void count_failure(const process *p, int of_model)
{
    metrics *counted = malloc(sizeof *counted);

    if (counted == NULL)
        return;
    metrics_init(counted, p->config.environment, &p->config.log);
    metrics_add(counted, METRIC_ERRORS, 1);
    if (of_model)
        metrics_add(counted, METRIC_MODEL_LOAD_ERRORS, 1);
    metrics_flush(counted, NULL);
    free(counted);
}

static void report_failure(const process *p, const char *runtime_api)
{
    char response[HTTP_MAX_HEAD_BYTES], request[RAPI_MAX_ERROR_BYTES + RAPI_HEAD_BYTES];
    rapi api;

    if (rapi_init(&api, runtime_api, response, sizeof response, request, sizeof request) != 0)
        return;
    rapi_init_error(&api, p->error_type, p->why);
    http_client_close(&api.client);
}

static int fail_start(process *p, const char *runtime_api)
{
    log_line line;

    fill_minimum(&p->config);
    /* ERROR, which alarms look for, though nothing goes on */
    log_begin(&line, &p->config.log, LOG_ERROR, NULL, "the function cannot start");
    log_text(&line, "errorType", p->error_type);
    log_text(&line, "why", p->why);
    log_end(&line);
    count_failure(p, strcmp(p->error_type, "Runtime.ModelLoad") == 0);
    report_failure(p, runtime_api);
    if (p->loops == NULL) /* nothing uses it: so that a leak checker has nothing to say */
        distil_model_close(p->model);
    return EXIT_FAILURE;
}

/* ---- the model ------------------------------------------------------------------------------- */

/* path: empty for the embedded model, as the variable then is. */
static int model_failed(process *p, const char *path, const distil_error *error,
                        distil_status status)
{
    const char *why = error->system_errno != 0 ? strerror(error->system_errno) : error->message;

    snprintf(p->why, sizeof p->why,
             "DISTIL_MODEL is \"%.100s\": %s: %s: give a blob made by distil convert", path,
             distil_status_str(status), why);
    return -1;
}

static int open_model(process *p)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    const char *path = p->config.model_path;
    distil_error error = {DISTIL_OK, 0, 0, ""};
    distil_status status;
    size_t bytes;
    const void *embedded = embed_model(&bytes);

    options.verify = p->config.verify;
    if (path == NULL && embedded == NULL) {
        snprintf(p->why, sizeof p->why,
                 "DISTIL_MODEL is not set and this program has no model embedded: set it to the "
                 "absolute path of a blob made by distil convert");
        return -1;
    }
    p->prefault = prefault_file(path != NULL ? path : "/proc/self/exe");
    if (path != NULL)
        status = distil_model_open(&p->model, path, &options, &error);
    else
        status = distil_model_open_memory(&p->model, embedded, bytes, &options, &error);
    if (status == DISTIL_OK)
        status = distil_model_get_info(p->model, &p->info);
    return status == DISTIL_OK ? 0 : model_failed(p, path != NULL ? path : "", &error, status);
}

static void hex(char out[65], const uint8_t hash[32])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* The model is the expected one, and this CPU runs it at a speed that a function can live with. */
static int check_model(process *p)
{
    char found[65], expected[65];

    if (p->config.expect_sha256 && memcmp(p->config.model_sha256, p->info.sha256, 32) != 0) {
        hex(found, p->info.sha256);
        hex(expected, p->config.model_sha256);
        snprintf(p->why, sizeof p->why,
                 "the model's SHA-256 is %s, DISTIL_MODEL_SHA256 says %s: deploy the model that "
                 "was meant, or correct the variable",
                 found, expected);
        return -1;
    }
    if (p->info.isa == DISTIL_ISA_SCALAR) {
        snprintf(p->why, sizeof p->why,
                 "this CPU has no AVX2: the function needs x86_64 with AVX2 and FMA");
        return -1;
    }
    return 0;
}

/* ---- start ----------------------------------------------------------------------------------- */

static int make_loops(process *p)
{
    size_t count = p->config.concurrency;

    p->loops = calloc(count, sizeof *p->loops);
    if (p->loops == NULL) {
        snprintf(p->why, sizeof p->why, "no memory for %zu loops", count);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (loop_init(&p->loops[i], &p->config, p->model, &p->stop, p->why, sizeof p->why) != 0)
            return -1;
    return 0;
}

/* TLS is made ready only where the store or its credentials are reached by it. Where there is none
 * they refuse, by name. */
static int make_tls(process *p)
{
    if (p->config.table == NULL || !tls_available() ||
        (!p->config.store.tls && !credentials_want_tls()))
        return 0;
    return tls_setup(p->config.ca_bundle, p->why, sizeof p->why);
}

static int start(process *p)
{
    p->error_type = "Runtime.ConfigInvalid";
    if (config_read(&p->config, p->why, sizeof p->why) != 0)
        return -1;
    if (stop_start(&p->stop) != 0) {
        snprintf(p->why, sizeof p->why, "the system refuses a thread that waits for signals");
        return -1;
    }
    p->error_type = "Runtime.ModelLoad";
    if (open_model(p) != 0 || check_model(p) != 0)
        return -1;
    p->error_type = "Runtime.ConfigInvalid";
    return make_tls(p) == 0 && make_loops(p) == 0 ? 0 : -1;
}

static void announce(process *p)
{
    double load_ms = (double)(clock_now_ns() - p->begin_ns) * 1e-6;
    metrics *counted = &p->loops[0].handler.metrics;
    log_line line;
    char hash[65];

    hex(hash, p->info.sha256);
    log_begin(&line, &p->config.log, LOG_INFO, NULL, "ready");
    log_text(&line, "version", distil_version());
    log_text(&line, "modelSha256", hash);
    log_text(&line, "isa", distil_isa_name(p->info.isa));
    log_integer(&line, "threads", (int64_t)p->config.threads);
    log_integer(&line, "loops", (int64_t)p->config.concurrency);
    log_integer(&line, "bufferBytesPerLoop", (int64_t)loop_bytes(&p->config));
    log_integer(&line, "rangesRead", (int64_t)p->prefault.read);
    log_text(&line, "store", p->config.table != NULL ? p->config.table : "none");
    log_number(&line, "loadMs", load_ms);
    log_end(&line);
    metrics_add(counted, METRIC_MODEL_LOAD_TIME, load_ms);
    metrics_flush(counted, NULL);
}

/* ---- serving --------------------------------------------------------------------------------- */

/* What ends one loop ends the process: the platform starts another. */
static void *run_loop(void *argument)
{
    _exit(loop_run(argument));
}

static int serve(process *p)
{
    for (size_t i = 1; i < p->config.concurrency; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, run_loop, &p->loops[i]) != 0) {
            snprintf(p->why, sizeof p->why, "the system refuses a thread for loop %zu", i);
            return -1;
        }
    }
    run_loop(&p->loops[0]);
    return 0;
}

static int print_version(void)
{
    size_t bytes;

    embed_model(&bytes);
    printf("bootstrap %s\nTLS: %s\nembedded model: ", distil_version(),
           tls_available() ? "yes" : "no");
    if (bytes > 0)
        printf("%zu bytes\n", bytes);
    else
        printf("none\n");
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* -1: go on; else the exit status. */
static int read_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0)
            return print_version();
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return fputs(usage, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        if (argv[i][0] == '-') {
            fprintf(stderr, "bootstrap: unknown option %s\n%s", argv[i], usage);
            return EXIT_USAGE;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    process p;
    const char *runtime_api = getenv("AWS_LAMBDA_RUNTIME_API");
    int status = read_arguments(argc, argv);

    memset(&p, 0, sizeof p);
    p.begin_ns = clock_now_ns();
    if (status >= 0)
        return status;
    if (runtime_api == NULL || *runtime_api == '\0') {
        fprintf(stderr, "bootstrap: AWS_LAMBDA_RUNTIME_API is not set\n%s", usage);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN); /* a closed standard output must not end the process */
    if (start(&p) != 0)
        return fail_start(&p, runtime_api);
    announce(&p);
    if (serve(&p) != 0)
        return fail_start(&p, runtime_api);
    return EXIT_SUCCESS;
}
