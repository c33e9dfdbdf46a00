/* SPDX-License-Identifier: Apache-2.0 */
/* Cold starts, from outside: see cold.h. */
#define _GNU_SOURCE /* mincore, pipe2 */
#include "bench/harness/cold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench/clock.h"
#include "bench/harness/stats.h"

enum { PAGE = 4096, EVICT_TRIES = 20 };

/* One run's times. */
typedef struct cold_sample {
    cold_report report;
    double fork_ns, total_ns;
    double cached_before, read_bytes;
} cold_sample;

/* The blob, mapped here only to ask which of its pages are cached. */
typedef struct watched {
    const char *path;
    int fd;
    void *map;
    size_t bytes, pages;
    unsigned char *resident; /* (pages) */
} watched;

static size_t cached_pages(const watched *w)
{
    size_t cached = 0;

    if (mincore(w->map, w->bytes, w->resident) != 0)
        return 0;
    for (size_t i = 0; i < w->pages; i++)
        cached += w->resident[i] & 1;
    return cached;
}

static int watch(watched *w, const char *path)
{
    struct stat file;

    memset(w, 0, sizeof *w);
    w->path = path;
    w->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (w->fd < 0 || fstat(w->fd, &file) != 0) {
        fprintf(stderr, "distil bench: %s: %s\n", path, strerror(errno));
        return -1;
    }
    if (!S_ISREG(file.st_mode) || file.st_size == 0) {
        fprintf(stderr, "distil bench: %s: not a file with bytes in it\n", path);
        return -1;
    }
    w->bytes = (size_t)file.st_size;
    w->pages = (w->bytes + PAGE - 1) / PAGE;
    w->map = mmap(NULL, w->bytes, PROT_READ, MAP_SHARED, w->fd, 0);
    w->resident = malloc(w->pages);
    return w->map != MAP_FAILED && w->resident ? 0 : -1;
}

static void unwatch(watched *w)
{
    if (w->map && w->map != MAP_FAILED)
        munmap(w->map, w->bytes);
    free(w->resident);
    if (w->fd >= 0)
        close(w->fd);
}

/* Read all of it, so that it is cached. */
static int warm(const watched *w)
{
    static char buffer[1 << 16];

    for (size_t at = 0; at < w->bytes; at += sizeof buffer)
        if (pread(w->fd, buffer, sizeof buffer, (off_t)at) < 0)
            return -1;
    return 0;
}

/* Drop it from the page cache. Dirty or shared pages stay, so look. */
static int evict(const watched *w)
{
    for (int i = 0; i < EVICT_TRIES; i++) {
        if (fdatasync(w->fd) == 0 && posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED) == 0 &&
            cached_pages(w) == 0)
            return 0;
        usleep(10000);
    }
    fprintf(stderr,
            "distil bench: %s: %zu of %zu pages stay in the page cache; is another process using "
            "it, or is it on tmpfs or overlayfs? Copy it to a disk\n",
            w->path, cached_pages(w), w->pages);
    return -1;
}

/* Read to the end; the bytes there were, at most size. */
static size_t drain(int fd, void *to, size_t size)
{
    size_t got = 0;
    ssize_t n;

    while (got < size && (n = read(fd, (char *)to + got, size - got)) > 0)
        got += (size_t)n;
    close(fd);
    return got;
}

/* The child's own message, without what its loader said. */
static void relay(const char *said)
{
    const char *message = strstr(said, "distil bench: ");

    if (message)
        fprintf(stderr, "%.*s\n", (int)strcspn(message, "\n"), message);
}

/* Ticks that glibc's loader says it spent on relocations, 0 if this is another loader. */
static double relocation_ticks(const char *statistics)
{
    const char *at = strstr(statistics, "time needed for relocation: ");

    return at ? strtod(at + strlen("time needed for relocation: "), NULL) : 0;
}

/* The loader relocates last: part the first phase there. The kernel's count of faults has no such
 * place, so all until main stand beside the relocations. */
static void part_relocations(cold_report *report, double ns)
{
    cold_mark *m = report->marks;

    if (ns <= 0 || report->count == COLD_MAX_PHASES)
        return;
    memmove(m + 1, m, report->count++ * sizeof *m);
    m[0].ns -= ns;
    m[0].minor = m[0].major = 0;
    snprintf(m[1].name, sizeof m[1].name, "relocations");
}

static int run_once(cold_sample *s, const watched *w)
{
    char *argv[] = {"/proc/self/exe", "--cold-child", (char *)(size_t)w->path, NULL};
    size_t before = cached_pages(w), got;
    char said[4096] = "";
    int out[2], err[2], status = -1;
    uint64_t ticks;
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
    got = drain(out[0], &s->report, sizeof s->report);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        status = -1;
    s->total_ns = bench_now_ns() - s->fork_ns;
    ticks = __rdtsc() - ticks;
    said[drain(err[0], said, sizeof said - 1)] = '\0';
    if (status != 0 || got != sizeof s->report) {
        relay(said);
        return -1;
    }
    part_relocations(&s->report, relocation_ticks(said) * s->total_ns / (double)ticks);
    s->cached_before = (double)before / (double)w->pages;
    s->read_bytes = ((double)cached_pages(w) - (double)before) * PAGE;
    return 0;
}

/* Median of a field over the runs. */
static double median_of(const cold_sample *samples, size_t runs, size_t offset)
{
    double values[COLD_MAX_RUNS];

    for (size_t i = 0; i < runs; i++)
        memcpy(&values[i], (const char *)&samples[i] + offset, sizeof values[i]);
    return stats_quantile(values, runs, 0.5);
}

#define MARK(phase, field)                                                                         \
    (offsetof(cold_sample, report.marks) + (phase) * sizeof(cold_mark) + offsetof(cold_mark, field))

static void summarize(cold_result *r, cold_sample *samples, size_t runs)
{
    double begin = 0, minor = 0, major = 0;

    r->runs = runs;
    r->count = samples[0].report.count;
    for (size_t i = 0; i < runs; i++)
        for (size_t p = 0; p < r->count; p++)
            samples[i].report.marks[p].ns -= samples[i].fork_ns;
    for (size_t p = 0; p < r->count; p++) {
        cold_phase *phase = &r->phases[p];
        double all_minor = median_of(samples, runs, MARK(p, minor));
        double all_major = median_of(samples, runs, MARK(p, major));

        memcpy(phase->name, samples[0].report.marks[p].name, sizeof phase->name);
        phase->begin_ms = begin;
        begin = phase->end_ms = median_of(samples, runs, MARK(p, ns)) * 1e-6;
        phase->minor = all_minor - minor;
        phase->major = all_major - major;
        minor = all_minor;
        major = all_major;
    }
    r->total_ms = median_of(samples, runs, offsetof(cold_sample, total_ns)) * 1e-6;
    r->phases[r->count++] = (cold_phase){"exit", begin, r->total_ms, 0, 0};
    r->total_min_ms = r->total_ms;
    for (size_t i = 0; i < runs; i++)
        if (samples[i].total_ns * 1e-6 < r->total_min_ms)
            r->total_min_ms = samples[i].total_ns * 1e-6;
    r->cached_before = median_of(samples, runs, offsetof(cold_sample, cached_before));
    r->read_bytes = median_of(samples, runs, offsetof(cold_sample, read_bytes));
}

int cold_run(cold_result *result, const char *model, size_t runs, int evicted)
{
    cold_sample *samples = calloc(runs + 1, sizeof *samples);
    watched blob = {.fd = -1};
    int status = -1;

    memset(result, 0, sizeof *result);
    if (samples && watch(&blob, model) == 0 && warm(&blob) == 0) {
        status = 0;
        for (size_t i = 0; i <= runs && status == 0; i++) { /* the first is to warm up */
            if ((evicted && evict(&blob) != 0) || run_once(&samples[i], &blob) != 0)
                status = -1;
        }
        if (status == 0)
            summarize(result, samples + 1, runs);
        result->blob_bytes = (double)blob.bytes;
    }
    unwatch(&blob);
    free(samples);
    return status;
}

void cold_print(FILE *out, const cold_result *r)
{
    fprintf(out, "%-12s %9s %9s %9s %8s %8s\n", "phase", "begin ms", "end ms", "takes ms", "minor",
            "major");
    for (size_t p = 0; p < r->count; p++)
        fprintf(out, "%-12s %9.3f %9.3f %9.3f %8.0f %8.0f\n", r->phases[p].name,
                r->phases[p].begin_ms, r->phases[p].end_ms,
                r->phases[p].end_ms - r->phases[p].begin_ms, r->phases[p].minor,
                r->phases[p].major);
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
