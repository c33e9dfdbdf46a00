/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of the container image: unpacked (bench/image.sh --unpack), in a sandbox of name spaces
 * as a container runtime makes it, until its answer to one event is complete. Files are in the page
 * cache. Beside it a static program that does nothing, as for the other starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/harness/inject.h"
#include "bench/harness/measure.h"
#include "bench/harness/probe.h"
#include "bench/runtime_api.h"
#include "bench/sandbox.h"

#define CONFIDENCE 0.99
#define HALF_WIDTH 0.02
#define UNPACKED "bench-image/bundle/rootfs"

/* The unpacked image and the Runtime API that it is to talk to. */
typedef struct container {
    char root[4200];
    int null; /* where its standard output goes */
    runtime_api api;
    double slowdown;
} container;

static double start_to_answer(void *argument)
{
    container *c = argument;
    char *command[] = {"/app/bootstrap", NULL};
    char *environment[] = {c->api.address,
                           "DISTIL_MODEL=/app/model.distil",
                           "AWS_REGION=us-east-1",
                           "AWS_LAMBDA_FUNCTION_NAME=bench",
                           "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024",
                           NULL};
    double next, answer, begin = bench_now_ns();
    pid_t process = sandbox_start(c->root, command, environment, c->null);
    int status;

    if (process < 0)
        return -1;
    status = runtime_api_serve(&c->api, "", &next, &answer); /* any sentiment */
    sandbox_end(process);
    runtime_api_hang_up(&c->api);
    return status == 0 ? inject_slowdown(answer - begin, c->slowdown) : -1;
}

/* 1 if a sandbox can be made here: the program in it says its version. */
static int sandbox_works(const container *c)
{
    char *command[] = {"/app/bootstrap", "--version", NULL}, *environment[] = {NULL};
    pid_t process = sandbox_start(c->root, command, environment, c->null);
    int status = -1;

    return process > 0 && waitpid(process, &status, 0) == process && status == 0;
}

/* 1 if the unpacked image is there and not of an earlier build; else m says what to do. */
static int is_unpacked(measured *m, container *c, const measure_subject *s)
{
    char newer[4200];
    struct stat unpacked, built;

    snprintf(newer, sizeof newer, "%s/bench-image", s->directory);
    snprintf(c->root, sizeof c->root, "%s/" UNPACKED, s->directory);
    if (stat(c->root, &unpacked) != 0 || stat(newer, &unpacked) != 0) {
        measure_absent(m, "no image in %.80s; `bench/image.sh --unpack` builds and unpacks it",
                       c->root);
        return 0;
    }
    if (s->bootstrap && stat(s->bootstrap, &built) == 0 && built.st_mtime > unpacked.st_mtime) {
        measure_absent(m, "%.80s is older than the function; run `bench/image.sh --unpack`",
                       c->root);
        return 0;
    }
    return 1;
}

static void beside_empty(measured *m, const measure_subject *s, container *c)
{
    char model[4300];
    probe_process empty = {s->empty};
    probe_arithmetic probe;
    rounds_result r;
    rounds_plan plan = {.a = {start_to_answer, c},
                        .b = probe_process_side(&empty),
                        .seconds = s->seconds,
                        .half_width = HALF_WIDTH,
                        .confidence = CONFIDENCE};

    snprintf(model, sizeof model, "%s/app/model.distil", c->root);
    pages_settle(model);
    probe_arithmetic_init(&probe, DISTIL_LEVEL_AVX2);
    plan.probe = probe_arithmetic_side(&probe);
    if (rounds_run(&r, &plan) != 0) {
        measure_failed(m, "%.80s: no answer that is a success", c->root);
        return;
    }
    m->status = MEASURE_DONE;
    m->value = r.ratio_interval;
    m->ms = stats_quantile(r.a_ns, r.rounds, 0.5) * 1e-6;
    m->reference_ms = stats_quantile(r.b_ns, r.rounds, 0.5) * 1e-6;
    m->rounds = r.rounds;
    m->quiet = r.quiet;
}

void measure_image_start(measured *m, const measure_subject *s, const char *parameters)
{
    static container c; /* large: its buffer */

    (void)parameters;
    c.slowdown = inject_factor();
    if (geteuid() != 0) {
        measure_absent(m, "starting an image in a sandbox needs root");
        return;
    }
    if (!s->empty) {
        measure_absent(m, "no empty program to compare with; `make bench-tools` builds it");
        return;
    }
    if (!is_unpacked(m, &c, s))
        return;
    c.null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (!sandbox_works(&c))
        measure_absent(m, "this system lets root make no name spaces and mounts");
    else if (runtime_api_listen(&c.api, 0, s->limit_ms) != 0)
        measure_failed(m, "no socket for the Runtime API: %s", strerror(errno));
    else {
        beside_empty(m, s, &c);
        runtime_api_close(&c.api);
    }
    close(c.null);
}
