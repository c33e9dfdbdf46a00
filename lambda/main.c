/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap: the function's process. It reads its configuration, opens the model and serves events
 * until it is stopped. If it cannot start, it says so in the log and to the Runtime API and exits
 * with status 1. Status 2 means that it was not started by Lambda at all.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lambda/aws/credentials.h"
#include "lambda/config.h"
#include "lambda/embed.h"
#include "lambda/log.h"
#include "lambda/loop.h"
#include "lambda/metrics.h"
#include "lambda/net/tls.h"
#include "lambda/served_model.h"
#include "lambda/start_error.h"
#include "lambda/stop.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "runtime/distil.h"

static const char usage[] =
    "usage: bootstrap\n"
    "Text classification as an AWS Lambda function. Lambda starts it and sets\n"
    "AWS_LAMBDA_RUNTIME_API to the host:port of its Runtime API; DISTIL_MODEL is the absolute\n"
    "path of a blob made by distil convert. docs/lambda.md lists the other variables.\n"
    "  --help     this text\n"
    "  --version  version, TLS and whether a model is embedded\n"
    "Other words are ignored: images pass a handler's name.\n";

enum { WHY_BYTES = 512, EXIT_USAGE = 2 };

/* Everything that lives as long as the process. */
typedef struct process {
    config config;
    stop stop;
    served_model model;
    loop *loops; /* An array of config.concurrency loops. */
    /* The type of the init error if the current stage of the start fails. */
    const char *error_type;
    int64_t begin_ns; /* The time of clock_now_ns when main began. */
    char why[WHY_BYTES];
} process;

/* ---- arguments ------------------------------------------------------------------------------- */

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

/* Returns -1 to go on, or the exit status. */
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

/* ---- start ----------------------------------------------------------------------------------- */

/* Load the roots of trust if the store or the endpoint for credentials is reached by TLS. A program
 * without TLS goes on here: store_init then refuses with a message that names the address. */
static int set_up_tls(process *p)
{
    if (p->config.table == NULL || !tls_available() ||
        (!p->config.store.tls && !credentials_want_tls(&p->config.credentials)))
        return 0;
    return tls_setup(p->config.ca_bundle, p->why, sizeof p->why);
}

/* Each loop has a connection to the Runtime API and may have one to the store. Raise the limit of
 * descriptors as far as this process may, and run fewer loops if it is still too low. */
static void fit_loops(config *c)
{
    enum { PER_LOOP = 2, OTHERS = 32 };
    struct rlimit limit;
    size_t most;
    log_line line;

    if (c->concurrency == 1 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    most = limit.rlim_cur > OTHERS + PER_LOOP ? (limit.rlim_cur - OTHERS) / PER_LOOP : 1;
    if (limit.rlim_cur == RLIM_INFINITY || c->concurrency <= most)
        return;
    log_begin(&line, &c->log, LOG_WARN, NULL, "fewer loops than AWS_LAMBDA_MAX_CONCURRENCY");
    log_integer(&line, "wanted", (int64_t)c->concurrency);
    log_integer(&line, "loops", (int64_t)most);
    log_text(&line, "why", "the limit of open files allows no more");
    log_end(&line);
    c->concurrency = most;
}

static int make_loops(process *p)
{
    size_t count = p->config.concurrency;

    p->loops = calloc(count, sizeof *p->loops);
    if (p->loops == NULL) {
        snprintf(p->why, sizeof p->why, "no memory for %zu loops", count);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (loop_init(&p->loops[i], &p->config, p->model.model, &p->stop, p->why, sizeof p->why) !=
            0)
            return -1;
    return 0;
}

/* Write a log line about the thread that waits for SIGTERM, which the system refuses. */
static void log_missing_stop(const process *p)
{
    log_line line;

    log_begin(&line, &p->config.log, LOG_WARN, NULL, "SIGTERM ends the process at once");
    log_text(&line, "why", "the system refuses a thread or a descriptor to wait for signals");
    log_end(&line);
}

static int verify_model(void *model, char *why, size_t why_bytes)
{
    return served_model_wait(model, why, why_bytes);
}

static void begin_verification(void *model)
{
    served_model_begin_verification(model);
}

static int start(process *p)
{
    p->error_type = START_ERROR_CONFIG;
    if (config_read(&p->config, p->why, sizeof p->why) != 0)
        return -1;
    if (stop_start(&p->stop) != 0)
        log_missing_stop(p);
    p->error_type = START_ERROR_MODEL;
    if (served_model_open(&p->model, &p->config, p->why, sizeof p->why) != 0)
        return -1;
    p->error_type = START_ERROR_CONFIG;
    fit_loops(&p->config);
    if (set_up_tls(p) != 0 || make_loops(p) != 0)
        return -1;
    if (p->config.verify_late) {
        for (size_t i = 0; i < p->config.concurrency; i++) {
            p->loops[i].handler.verify = verify_model;
            p->loops[i].handler.verified = &p->model;
            p->loops[i].api.asked = begin_verification;
            p->loops[i].api.asked_argument = &p->model;
        }
        return 0;
    }
    p->error_type = START_ERROR_MODEL;
    return served_model_wait(&p->model, p->why, sizeof p->why);
}

static void log_ready(process *p)
{
    double load_ms = (double)(clock_now_ns() - p->begin_ns) * 1e-6;
    metrics *counted = &p->loops[0].handler.metrics;
    log_line line;
    char hash[65];

    hex_string(hash, p->model.info.sha256, 32);
    log_begin(&line, &p->config.log, LOG_INFO, NULL, "ready");
    log_text(&line, "version", distil_version());
    log_text(&line, "modelSha256", hash);
    log_text(&line, "isa", distil_isa_name(p->model.info.isa));
    log_integer(&line, "threads", (int64_t)p->config.threads);
    log_integer(&line, "loops", (int64_t)p->config.concurrency);
    log_integer(&line, "bufferBytesPerLoop", (int64_t)loop_bytes(&p->config));
    log_integer(&line, "rangesRead", (int64_t)p->model.prefault.read);
    log_text(&line, "store", p->config.table != NULL ? p->config.table : "none");
    log_number(&line, "loadMs", load_ms);
    log_end(&line);
    metrics_add(counted, METRIC_MODEL_LOAD_TIME, load_ms);
    metrics_flush(counted, NULL);
}

/* ---- serving --------------------------------------------------------------------------------- */

/* When one loop ends, the whole process ends: the platform starts another one. */
static void *run_loop(void *argument)
{
    _exit(loop_run(argument));
}

/* Write a log line about threads that the system refuses: `running` loops do the work of all. */
static void log_missing_loops(const process *p, size_t running)
{
    log_line line;

    log_begin(&line, &p->config.log, LOG_WARN, NULL, "fewer loops than planned");
    log_integer(&line, "wanted", (int64_t)p->config.concurrency);
    log_integer(&line, "loops", (int64_t)running);
    log_text(&line, "why", "the system refuses more threads");
    log_end(&line);
}

/* Run the first loop in this thread and the others in threads of their own, as many as the system
 * grants. Never returns. */
static void serve(process *p)
{
    size_t running = 1;
    pthread_t thread;

    while (running < p->config.concurrency &&
           pthread_create(&thread, NULL, run_loop, &p->loops[running]) == 0)
        running++;
    if (running < p->config.concurrency)
        log_missing_loops(p, running);
    run_loop(&p->loops[0]);
}

static int fail_start(process *p, const char *runtime_api)
{
    start_error_publish(&p->config, runtime_api, p->error_type, p->why);
    served_model_close(&p->model);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    /* It outlives this function, since exit handlers run after it, and so what the process holds is
     * no leak. */
    static process p;
    const char *runtime_api = getenv("AWS_LAMBDA_RUNTIME_API");
    int status = read_arguments(argc, argv);

    p.begin_ns = clock_now_ns();
    if (status >= 0)
        return status;
    if (runtime_api == NULL || *runtime_api == '\0') {
        fprintf(stderr, "bootstrap: AWS_LAMBDA_RUNTIME_API is not set\n%s", usage);
        return EXIT_USAGE;
    }
    /* Without this, a log line written after standard output was closed would end the process. */
    signal(SIGPIPE, SIG_IGN);
    if (start(&p) != 0)
        return fail_start(&p, runtime_api);
    log_ready(&p);
    serve(&p);
    return EXIT_SUCCESS;
}
