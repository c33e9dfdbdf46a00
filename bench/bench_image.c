/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cold start of the container image: from the creation of the container to the first answer to an
 * SNS event, page cache warm and empty, beside another program that does the same job.
 *
 * This program is the Runtime API: it starts the function, hands it one event and reads the clock
 * when the answer is there. bench/image.sh unpacks the image and calls it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/runtime_api.h"
#include "bench/sandbox.h"

static const char usage[] =
    "usage: bench_image [options]\n"
    "Start an unpacked image again and again until it has answered one SNS event.\n"
    "  -r ROOT     the image, unpacked (default build/bench-image/bundle/rootfs)\n"
    "  -e TEXT     what the answer's sentiment begins with (default positive)\n"
    "  -n RUNS     starts with the files in the page cache (default 20)\n"
    "  -c RUNS     starts with an empty page cache (default 5)\n"
    "  --runc BUNDLE   start it by runc too: a bundle whose config.json names the port of -p\n"
    "  -p PORT     of the Runtime API, on the loopback (default: any)\n"
    "  --json      one object a line\n"
    "  --peer COMMAND...   another program that does the same, started as it is: the last option\n";

enum { MAX_RUNS = 200, TIMEOUT_MS = 60000 };

static const char model_path[] = "/app/model.distil", program_path[] = "/app/bootstrap";

/* ---- one start ------------------------------------------------------------------------------- */

typedef struct subject {
    const char *name;
    const char *root;     /* of the image; NULL: started as it is */
    char *const *command; /* ends with NULL */
    const char *model;    /* the file whose pages are counted, seen from here; NULL: none */
    const char *expected; /* sentiment */
    int is_runc;
} subject;

typedef struct sample {
    double init_ms, answer_ms;
    double peak_mb;
    double model_cached_mb, model_mapped_mb; /* of the model when the answer is there */
} sample;

static void weigh(sample *s, const subject *what, pid_t process)
{
    size_t bytes, resident;

    s->peak_mb = (double)process_bytes(process, "status", NULL, "VmHWM") * 1e-6;
    if (what->model != NULL && pages_resident(what->model, &bytes, &resident) == 0)
        s->model_cached_mb = (double)resident * 1e-6;
    s->model_mapped_mb = (double)process_bytes(process, "smaps", "/model.distil", "Rss") * 1e-6;
}

static void delete_container(const subject *what)
{
    char *const command[] = {what->command[0], "delete", "--force", "bench-image", NULL};
    char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t process = sandbox_start(NULL, command, environment, null);

    if (process > 0)
        sandbox_wait(process);
    close(null);
}

static int start(runtime_api *a, const subject *what, sample *s)
{
    char *const environment[] = {a->address,
                                 "DISTIL_MODEL=/app/model.distil",
                                 "AWS_REGION=us-east-1",
                                 "AWS_LAMBDA_FUNCTION_NAME=bench",
                                 "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024",
                                 "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                 NULL};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), status;
    double next_ns, answer_ns, begin = bench_now_ns();
    pid_t process = sandbox_start(what->root, what->command, environment, null);

    memset(s, 0, sizeof *s);
    close(null);
    if (process < 0)
        return -1;
    status = runtime_api_serve(a, what->expected, &next_ns, &answer_ns);
    s->init_ms = (next_ns - begin) * 1e-6;
    s->answer_ms = (answer_ns - begin) * 1e-6;
    if (status == 0 && !what->is_runc)
        weigh(s, what, process);
    if (status != 0)
        fprintf(stderr, "bench_image: %s gave no right answer: %.200s\n", what->name, a->message);
    if (what->is_runc)
        delete_container(what);
    sandbox_end(process);
    runtime_api_hang_up(a);
    return status;
}

/* ---- many starts ----------------------------------------------------------------------------- */

typedef struct series {
    double init[MAX_RUNS], answer[MAX_RUNS], peak[MAX_RUNS], cached[MAX_RUNS], mapped[MAX_RUNS];
    size_t count;
} series;

static void keep(series *all, const sample *s)
{
    all->init[all->count] = s->init_ms;
    all->answer[all->count] = s->answer_ms;
    all->peak[all->count] = s->peak_mb;
    all->cached[all->count] = s->model_cached_mb;
    all->mapped[all->count] = s->model_mapped_mb;
    all->count++;
}

static void print(series *all, const subject *what, const char *cache, int json)
{
    bench_stats init, answer, peak, cached, mapped;

    if (all->count == 0)
        return;
    init = bench_summarize(all->init, all->count);
    answer = bench_summarize(all->answer, all->count);
    peak = bench_summarize(all->peak, all->count);
    cached = bench_summarize(all->cached, all->count);
    mapped = bench_summarize(all->mapped, all->count);
    printf(json ? "{\"bench\":\"image\",\"subject\":\"%s\",\"cache\":\"%s\",\"runs\":%zu,"
                  "\"ready_ms\":%.3f,\"ready_min_ms\":%.3f,\"answer_ms\":%.3f,"
                  "\"answer_min_ms\":%.3f,\"peak_mb\":%.2f,\"model_cached_mb\":%.2f,"
                  "\"model_mapped_mb\":%.2f}\n"
                : "%-8s %-6s %4zu %10.2f %9.2f %11.2f %9.2f %9.2f %9.2f %9.2f\n",
           what->name, cache, all->count, init.median, init.min, answer.median, answer.min,
           peak.median, cached.median, mapped.median);
    fflush(stdout);
}

/* Throw everything out; -1 if this is not permitted or the image's files stay. */
static int empty_cache(const char *root)
{
    const char *const files[] = {model_path, program_path};
    size_t bytes, resident;
    char path[4096];

    if (pages_drop(NULL) != 0)
        return -1;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s%s", root, files[i]);
        if (pages_resident(path, &bytes, &resident) != 0 || resident != 0)
            return -1;
    }
    return 0;
}

/* Subjects take turns. 0 or -1. */
static int run(runtime_api *a, const subject *subjects, size_t n, const char *root, size_t runs,
               int cold, int json)
{
    static series all[3];
    size_t first = cold ? 0 : 1; /* a start that does not count warms the cache */
    sample s;

    memset(all, 0, sizeof all);
    for (size_t i = 0; i < runs + first; i++)
        for (size_t j = 0; j < n; j++) {
            if (cold && empty_cache(root) != 0) {
                fprintf(stderr,
                        "bench_image: this machine does not let its page cache be emptied\n");
                return 0;
            }
            if (start(a, &subjects[j], &s) != 0)
                return -1;
            if (i >= first)
                keep(&all[j], &s);
        }
    for (size_t j = 0; j < n; j++)
        print(&all[j], &subjects[j], cold ? "empty" : "warm", json);
    return 0;
}

typedef struct options {
    const char *root, *bundle, *expected;
    size_t warm, cold;
    int port, json;
    char **peer;
} options;

/* 0, or -1 after a message. */
static int parse(options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--json") == 0) {
            o->json = 1;
            continue;
        }
        if (value == NULL)
            return -1;
        if (strcmp(argv[i], "--peer") == 0) {
            o->peer = argv + i + 1;
            return 0;
        }
        if (strcmp(argv[i], "-r") == 0)
            o->root = value;
        else if (strcmp(argv[i], "-e") == 0)
            o->expected = value;
        else if (strcmp(argv[i], "-n") == 0)
            o->warm = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "-c") == 0)
            o->cold = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "-p") == 0)
            o->port = atoi(value);
        else if (strcmp(argv[i], "--runc") == 0)
            o->bundle = value;
        else
            return -1;
        i++;
    }
    return o->warm < MAX_RUNS && o->cold < MAX_RUNS ? 0 : -1;
}

static int measure(runtime_api *a, const options *o)
{
    char *program[] = {"/app/bootstrap", NULL}, model[4096];
    char *runc[] = {"/usr/sbin/runc", "run", "--bundle", NULL, "bench-image", NULL};
    subject subjects[3] = {{"image", o->root, program, model, o->expected, 0}};
    size_t n = 1;

    snprintf(model, sizeof model, "%s%s", o->root, model_path);
    if (o->bundle != NULL) {
        runc[3] = (char *)(uintptr_t)o->bundle;
        subjects[n++] = (subject){"runc", NULL, runc, NULL, o->expected, 1};
    }
    if (o->peer != NULL)
        subjects[n++] = (subject){"peer", NULL, o->peer, NULL, o->expected, 0};
    if (!o->json)
        printf(
            "                         first next, ms        first answer, ms        MB:     model"
            "\n"
            "what     cache  runs     median       min      median       min      peak     cached"
            "    mapped\n");
    if (o->warm > 0 && run(a, subjects, n, o->root, o->warm, 0, o->json) != 0)
        return 1;
    if (o->cold > 0 && run(a, subjects, n, o->root, o->cold, 1, o->json) != 0)
        return 1;
    return 0;
}

int main(int argc, char **argv)
{
    options o = {
        .root = "build/bench-image/bundle/rootfs", .expected = "positive", .warm = 20, .cold = 5};
    static runtime_api a;

    if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
        return fputs(usage, stdout) < 0;
    if (parse(&o, argc, argv) != 0)
        return fputs(usage, stderr), 2;
    if (access(o.root, R_OK) != 0 || geteuid() != 0) {
        printf("bench_image: not measured: no image in %s, or not root; see bench/image.sh\n",
               o.root);
        return 0;
    }
    if (runtime_api_listen(&a, o.port, TIMEOUT_MS) != 0) {
        perror("bench_image: no socket for the Runtime API");
        return 1;
    }
    return measure(&a, &o);
}
