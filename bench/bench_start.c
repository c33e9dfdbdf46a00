/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From nothing to the first label, in fresh processes with a warm page cache: time from fork to
 * exit, time from opening the blob to the label, peak resident memory, page faults.
 *
 * Each sample is this program executed anew with --child. The empty child (--child-empty) does
 * nothing: what it costs is the floor of any program on this host, measured in turn.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "runtime/distil.h"

static const char usage[] =
    "usage: bench_start [-m BLOB] [-n RUNS] [--json]\n"
    "Fresh processes that open a model, classify one sentence and end; page cache warm.\n"
    "  -m BLOB   the model (default build/sst2.distil)\n"
    "  -n RUNS   processes of each kind (default 40)\n"
    "  --json    one JSON object\n";

enum { MAX_RUNS = 1000 };
static const char sentence[] = "A gorgeous, witty, seductive movie.";

/* In the fresh process: open, classify, tell the parent the nanoseconds of it on stdout. */
static int child(const char *blob)
{
    double start = bench_now_ns(), spent;
    distil_model *model;
    distil_context *context;
    distil_result result;

    if (distil_model_open(&model, blob, NULL, NULL) != DISTIL_OK ||
        distil_context_new(&context, model, NULL) != DISTIL_OK ||
        distil_classify(context, &result, NULL, sentence, sizeof sentence - 1, 0) != DISTIL_OK)
        return 1;
    spent = bench_now_ns() - start;
    return write(1, &spent, sizeof spent) == (ssize_t)sizeof spent ? 0 : 1;
}

typedef struct sample {
    double process_ns, inner_ns, resident_bytes, faults;
} sample;

/* Execute ourselves with `mode`; 0 on success. */
static int spawn(sample *s, const char *mode, const char *blob)
{
    int pipe_fd[2], status = 0;
    struct rusage usage_of;
    double start;
    pid_t pid;

    if (pipe(pipe_fd) != 0)
        return -1;
    start = bench_now_ns();
    pid = fork();
    if (pid == 0) {
        dup2(pipe_fd[1], 1);
        close(pipe_fd[0]);
        close(pipe_fd[1]);
        execl("/proc/self/exe", "bench_start", mode, blob, (char *)NULL);
        _exit(127);
    }
    close(pipe_fd[1]);
    s->inner_ns = 0;
    if (read(pipe_fd[0], &s->inner_ns, sizeof s->inner_ns) < 0)
        s->inner_ns = 0;
    close(pipe_fd[0]);
    if (pid < 0 || wait4(pid, &status, 0, &usage_of) != pid || status != 0)
        return -1;
    s->process_ns = bench_now_ns() - start;
    s->resident_bytes = (double)usage_of.ru_maxrss * 1024;
    s->faults = (double)(usage_of.ru_minflt + usage_of.ru_majflt);
    return 0;
}

static int run(const char *blob, size_t runs, int json)
{
    double process[MAX_RUNS], inner[MAX_RUNS], resident[MAX_RUNS], faults[MAX_RUNS];
    double floor_ns[MAX_RUNS];
    bench_stats p, i, r, f, e;
    struct stat st;

    if (stat(blob, &st) != 0) {
        perror(blob);
        return 1;
    }
    for (size_t n = 0; n < runs + 3; n++) { /* three to warm the cache */
        size_t at = n < 3 ? 0 : n - 3;
        sample s, empty;

        if (spawn(&s, "--child", blob) != 0 || spawn(&empty, "--child-empty", blob) != 0) {
            fprintf(stderr, "bench_start: a child failed; is %s a blob?\n", blob);
            return 1;
        }
        process[at] = s.process_ns;
        inner[at] = s.inner_ns;
        resident[at] = s.resident_bytes;
        faults[at] = s.faults;
        floor_ns[at] = empty.process_ns;
    }
    p = bench_summarize(process, runs);
    i = bench_summarize(inner, runs);
    r = bench_summarize(resident, runs);
    f = bench_summarize(faults, runs);
    e = bench_summarize(floor_ns, runs);
    if (json)
        printf("{\"bench\":\"start\",\"runs\":%zu,\"open_to_label_ms\":%.3f,"
               "\"open_to_label_min_ms\":%.3f,\"process_ms\":%.3f,\"process_min_ms\":%.3f,"
               "\"empty_process_ms\":%.3f,\"resident_bytes\":%.0f,\"blob_bytes\":%" PRId64
               ",\"page_faults\":%.0f}\n",
               runs, i.median * 1e-6, i.min * 1e-6, p.median * 1e-6, p.min * 1e-6, e.median * 1e-6,
               r.median, (int64_t)st.st_size, f.median);
    else
        printf("fresh processes, page cache warm, %zu runs           median        min\n"
               "open blob to first label                          %8.3f   %8.3f ms\n"
               "process start to exit                             %8.3f   %8.3f ms\n"
               "an empty process, start to exit                   %8.3f   %8.3f ms\n"
               "peak resident memory                              %8.2f   %8.2f MB\n"
               "  with the pages that it used of the blob (%.2f MB), which processes share\n"
               "page faults                                       %8.0f   %8.0f\n",
               runs, i.median * 1e-6, i.min * 1e-6, p.median * 1e-6, p.min * 1e-6, e.median * 1e-6,
               e.min * 1e-6, r.median * 1e-6, r.min * 1e-6, (double)st.st_size * 1e-6, f.median,
               f.min);
    return 0;
}

int main(int argc, char **argv)
{
    const char *blob = "build/sst2.distil";
    size_t runs = 40;
    int json = 0;

    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--child-empty") == 0)
        return 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "-m") == 0 && i + 1 < argc)
            blob = argv[++i];
        else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0 &&
                 atoi(argv[i + 1]) <= MAX_RUNS)
            runs = (size_t)atoi(argv[++i]);
        else {
            fputs(usage, strcmp(argv[i], "--help") == 0 ? stdout : stderr);
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }
    return run(blob, runs, json);
}
