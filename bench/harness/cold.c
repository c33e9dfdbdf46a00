/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of cold.h, on the side of the harness. */
#define _GNU_SOURCE /* glibc declares pipe2 only with this macro. */
#include "bench/harness/cold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench/machine.h"
#include "bench/harness/child.h"
#include "bench/harness/pages.h"
#include "bench/stats.h"

/* The times of one start, on the monotonic clock. */
typedef struct cold_sample {
    cold_timeline timeline;
    /* fork_ns is when the child was forked; total_ns is the time from then to the child's end, or
     * to the image's answer. */
    double fork_ns, total_ns;
    double cached_before, read_bytes;
} cold_sample;

/* ---- one start of distil-bench itself -------------------------------------------------------- */

/* Reads to the end of the file, at most size bytes, and closes it. Returns how many there were. */
static size_t read_to_end(int fd, void *to, size_t size)
{
    size_t got = 0;
    ssize_t n;

    while (got < size && (n = read(fd, (char *)to + got, size - got)) > 0)
        got += (size_t)n;
    close(fd);
    return got;
}

/* Prints the child's own message and leaves out the statistics of the loader around it. */
static void print_own_message(const char *stderr_text)
{
    const char *message = strstr(stderr_text, "distil bench: ");

    if (message)
        fprintf(stderr, "%.*s\n", (int)strcspn(message, "\n"), message);
}

/* The ticks of the time-stamp counter that glibc's loader says it spent on relocations, or 0 where
 * another loader prints no such line. */
static double relocation_ticks(const char *statistics)
{
    const char *at = strstr(statistics, "time needed for relocation: ");

    return at ? strtod(at + strlen("time needed for relocation: "), NULL) : 0;
}

/* Splits the first phase at the place where relocations begin, since the loader relocates last. The
 * kernel counts faults for the whole phase, so all of them are listed with the relocations. */
static void split_off_relocations(cold_timeline *timeline, double ns)
{
    cold_mark *m = timeline->marks;

    if (ns <= 0 || timeline->count == COLD_MAX_PHASES)
        return;
    memmove(m + 1, m, timeline->count++ * sizeof *m);
    m[0].ns -= ns;
    m[0].minor = m[0].major = 0;
    snprintf(m[1].name, sizeof m[1].name, "relocations");
}

/* Runs the child until its end. Returns 0, or -1 with the child's message printed. */
static int start_child(cold_sample *s, const char *model)
{
    char *argv[] = {"/proc/self/exe", "--cold-child", child_argument(model), NULL};
    char stderr_text[4096] = "";
    int out[2], err[2], status = -1;
    uint64_t ticks;
    size_t got;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        return -1;
    s->fork_ns = bench_now_ns();
    ticks = __rdtsc();
    pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        setenv("LD_DEBUG", "statistics", 1);
        execv(argv[0], argv);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    got = read_to_end(out[0], &s->timeline, sizeof s->timeline);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        status = -1;
    s->total_ns = bench_now_ns() - s->fork_ns;
    ticks = __rdtsc() - ticks;
    stderr_text[read_to_end(err[0], stderr_text, sizeof stderr_text - 1)] = '\0';
    if (status != 0 || got != sizeof s->timeline) {
        print_own_message(stderr_text);
        return -1;
    }
    split_off_relocations(&s->timeline,
                          relocation_ticks(stderr_text) * s->total_ns / (double)ticks);
    return 0;
}

/* ---- one start of the image ------------------------------------------------------------------ */

static void add_mark(cold_timeline *timeline, const char *name, double ns)
{
    cold_mark *m = &timeline->marks[timeline->count++];

    snprintf(m->name, sizeof m->name, "%s", name);
    m->ns = ns;
}

static int start_image(cold_sample *s, image *i)
{
    double request_ns, answer_ns;

    s->fork_ns = bench_now_ns();
    if (image_answer_event(i, NULL, &request_ns, &answer_ns) != 0)
        return -1;
    s->timeline.count = 0;
    add_mark(&s->timeline, "request", request_ns);
    add_mark(&s->timeline, "answer", answer_ns);
    s->total_ns = answer_ns - s->fork_ns;
    return 0;
}

/* ---- many starts ----------------------------------------------------------------------------- */

static int start_once(cold_sample *s, const cold_plan *plan, int evict)
{
    size_t bytes, before, after;

    if (evict &&
        (pages_evict(plan->model) != 0 || (plan->image && pages_evict(plan->image->program) != 0)))
        return -1;
    if (pages_resident(plan->model, &bytes, &before) != 0 ||
        (plan->image ? start_image(s, plan->image) : start_child(s, plan->model)) != 0 ||
        pages_resident(plan->model, &bytes, &after) != 0)
        return -1;
    s->cached_before = (double)before / (double)bytes;
    s->read_bytes = (double)after - (double)before;
    return 0;
}

/* The median over all samples of the double that lies at `offset` in a cold_sample. */
static double median_of(const cold_sample *samples, size_t runs, size_t offset)
{
    double values[COLD_MAX_RUNS];

    for (size_t i = 0; i < runs; i++)
        memcpy(&values[i], (const char *)&samples[i] + offset, sizeof values[i]);
    return stats_quantile(values, runs, 0.5);
}

/* The offset of a member of the mark that ends phase number `phase`, for median_of. */
#define MARK(phase, member)                                                                        \
    (offsetof(cold_sample, timeline.marks) + (phase) * sizeof(cold_mark) +                         \
     offsetof(cold_mark, member))

static void summarize_phases(cold_result *r, cold_sample *samples, size_t runs)
{
    double begin = 0, minor = 0, major = 0;

    r->count = samples[0].timeline.count;
    for (size_t i = 0; i < runs; i++)
        for (size_t p = 0; p < r->count; p++)
            samples[i].timeline.marks[p].ns -= samples[i].fork_ns;
    for (size_t p = 0; p < r->count; p++) {
        cold_phase *phase = &r->phases[p];
        double all_minor = median_of(samples, runs, MARK(p, minor));
        double all_major = median_of(samples, runs, MARK(p, major));

        memcpy(phase->name, samples[0].timeline.marks[p].name, sizeof phase->name);
        phase->begin_ms = begin;
        begin = phase->end_ms = median_of(samples, runs, MARK(p, ns)) * 1e-6;
        phase->minor = all_minor - minor;
        phase->major = all_major - major;
        minor = all_minor;
        major = all_major;
    }
}

static void summarize(cold_result *r, const cold_plan *plan, cold_sample *samples)
{
    size_t runs = plan->runs;

    r->runs = runs;
    summarize_phases(r, samples, runs);
    r->total_ms = median_of(samples, runs, offsetof(cold_sample, total_ns)) * 1e-6;
    if (!plan->image) {
        double begin_ms = r->phases[r->count - 1].end_ms;

        r->phases[r->count++] = (cold_phase){"exit", begin_ms, r->total_ms, 0, 0};
    }
    r->total_min_ms = r->total_ms;
    for (size_t i = 0; i < runs; i++)
        if (samples[i].total_ns * 1e-6 < r->total_min_ms)
            r->total_min_ms = samples[i].total_ns * 1e-6;
    r->cached_before = median_of(samples, runs, offsetof(cold_sample, cached_before));
    r->read_bytes = median_of(samples, runs, offsetof(cold_sample, read_bytes));
}

/* Returns 1 if the path is a regular file that is not empty, as a blob is. Otherwise prints why
 * not, and returns 0. */
static int is_file_with_bytes(const char *path)
{
    struct stat file;

    if (stat(path, &file) != 0)
        fprintf(stderr, "distil bench: %s: %s\n", path, strerror(errno));
    else if (!S_ISREG(file.st_mode) || file.st_size == 0)
        fprintf(stderr, "distil bench: %s: not a file with bytes in it\n", path);
    else
        return 1;
    return 0;
}

int cold_run(cold_result *result, const cold_plan *plan, int evict)
{
    cold_sample *samples = calloc(plan->runs + 1, sizeof *samples);
    size_t bytes, resident;
    int status = -1;

    memset(result, 0, sizeof *result);
    if (samples && is_file_with_bytes(plan->model)) {
        pages_reload(plan->model);
        status = 0;
        /* The first start warms the caches up and does not count. */
        for (size_t i = 0; i <= plan->runs && status == 0; i++)
            status = start_once(&samples[i], plan, evict);
        if (status == 0)
            summarize(result, plan, samples + 1);
        if (pages_resident(plan->model, &bytes, &resident) == 0)
            result->blob_bytes = (double)bytes;
    }
    free(samples);
    return status;
}

/* ---- output ---------------------------------------------------------------------------------- */

static const cold_phase *find_phase(const cold_result *r, const char *name)
{
    for (size_t p = 0; p < r->count; p++)
        if (strcmp(r->phases[p].name, name) == 0)
            return &r->phases[p];
    return NULL;
}

void cold_print(FILE *out, const cold_result *r)
{
    const cold_phase *open = find_phase(r, "open"), *head = find_phase(r, "head");

    fprintf(out, "%-12s %9s %9s %9s %8s %8s\n", "phase", "begin ms", "end ms", "takes ms", "minor",
            "major");
    for (size_t p = 0; p < r->count; p++)
        fprintf(out, "%-12s %9.3f %9.3f %9.3f %8.0f %8.0f\n", r->phases[p].name,
                r->phases[p].begin_ms, r->phases[p].end_ms,
                r->phases[p].end_ms - r->phases[p].begin_ms, r->phases[p].minor,
                r->phases[p].major);
    if (open && head)
        fprintf(out, "opening the blob to its first label %.3f ms\n",
                head->end_ms - open->begin_ms);
    fprintf(out,
            "fork to end %.3f ms (least %.3f), %zu runs; blob %.1f MB, %.0f %% of it cached "
            "before, %.1f MB read\n",
            r->total_ms, r->total_min_ms, r->runs, r->blob_bytes * 1e-6, 100 * r->cached_before,
            r->read_bytes * 1e-6);
}

void cold_write_json(FILE *out, const cold_result *r, const char *cache)
{
    fprintf(out,
            "{\"cache\":\"%s\",\"runs\":%zu,\"total_ms\":%.4f,\"total_min_ms\":%.4f,"
            "\"cached_before\":%.4f,\"read_bytes\":%.0f,\"blob_bytes\":%.0f,\"phases\":[",
            cache, r->runs, r->total_ms, r->total_min_ms, r->cached_before, r->read_bytes,
            r->blob_bytes);
    for (size_t p = 0; p < r->count; p++)
        fprintf(out,
                "%s{\"name\":\"%s\",\"begin_ms\":%.4f,\"end_ms\":%.4f,\"minor_faults\":%.0f,"
                "\"major_faults\":%.0f}",
                p ? "," : "", r->phases[p].name, r->phases[p].begin_ms, r->phases[p].end_ms,
                r->phases[p].minor, r->phases[p].major);
    fputs("]}", out);
}
