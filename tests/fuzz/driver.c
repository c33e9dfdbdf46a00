/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays a fuzz target's corpus without a fuzzing engine: every seed as it is, then seeded
 * mutations of it. Linked with one target in place of libFuzzer, so that `make check` runs it with
 * any compiler.
 *
 *     fuzz_NAME [-v] [--seed N] [--filter WILDCARD] FILE|DIRECTORY...
 *
 * Each input ends right before an unmapped page, so that reading past it is caught without a
 * sanitizer. Whatever kills the process, the case and mutation are named and the input is written
 * to $DISTIL_BUILD/crash-NAME for `fuzz_NAME FILE` to replay.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/harness.h"

enum {
    MUTATIONS = 400,           /* of one seed; 20 times as many with DISTIL_TEST_FULL */
    MUTATED_BYTES = 32 << 20,  /* of one seed, all mutations together: bounds large seeds */
    MAX_SEED_BYTES = 16 << 20, /* a larger file is a mistake in the corpus */
    GROWTH = 4096,             /* most bytes that one mutation adds */
    MAX_CHANGES = 8,           /* edits that make one mutation */
    MAX_SEEDS = 4096,
    SECONDS_PER_INPUT = 60
};

/* What is running now, for the handlers that report a death. */
static struct {
    const char *name;
    char what[512];
    char save_path[1024];
    const uint8_t *data;
    size_t size;
    struct sigaction old[32];
} now;

/* ---- reporting a death -------------------------------------------------------------------- */

static void write_all(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;

    while (size > 0) {
        ssize_t n = write(fd, p, size);

        if (n <= 0)
            return;
        p += n;
        size -= (size_t)n;
    }
}

/* Calls async-signal-safe functions only. */
static void report_death(void)
{
    int fd = open(now.save_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    write_all(STDOUT_FILENO, "\nnot ok ", 8);
    write_all(STDOUT_FILENO, now.what, strlen(now.what));
    if (fd >= 0) {
        write_all(fd, now.data, now.size);
        close(fd);
        write_all(STDOUT_FILENO, "; input in ", 11);
        write_all(STDOUT_FILENO, now.save_path, strlen(now.save_path));
    }
    write_all(STDOUT_FILENO, "\n", 1);
}

/* Puts the former handler back and returns: a faulting instruction faults again, into a sanitizer's
 * handler or the default action. A signal that was sent is raised again for the same effect. */
static void on_signal(int number)
{
    report_death();
    sigaction(number, &now.old[number], NULL);
    if (number == SIGABRT || number == SIGALRM)
        raise(number);
}

/* Offered by the sanitizers' run-time library where the program is linked with one. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void catch_deaths(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, &now.old[numbers[i]]);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(report_death);
}

/* ---- one input ---------------------------------------------------------------------------- */

static void run_input(const harness_guard *guard, const uint8_t *bytes, size_t size)
{
    uint8_t *data = guard->data + guard->bytes - size;

    memcpy(data, bytes, size);
    now.data = data;
    now.size = size;
    alarm(SECONDS_PER_INPUT);
    CHECK(LLVMFuzzerTestOneInput(data, size) == 0);
    alarm(0);
    CHECKF(memcmp(data, bytes, size) == 0, "%s: the target wrote to its input", now.what);
}

/* ---- mutations ---------------------------------------------------------------------------- */

static size_t below(size_t bound)
{
    return bound == 0 ? 0 : (size_t)(harness_random() % bound);
}

/* Values that sit at the edges of sizes, counts and offsets. */
static void put_edge_value(uint8_t *bytes, size_t size, size_t at)
{
    static const uint64_t values[] = {0,
                                      1,
                                      0x7f,
                                      0x80,
                                      0xff,
                                      0x100,
                                      0x7fff,
                                      0x8000,
                                      0xffff,
                                      0x10000,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      0x100000000,
                                      0x7fffffffffffffff,
                                      0x8000000000000000,
                                      0xffffffffffffffff};
    uint64_t value = values[below(sizeof values / sizeof *values)];
    size_t width = (size_t)1 << below(4);

    for (size_t i = 0; i < width && at + i < size; i++)
        bytes[at + i] = (uint8_t)(value >> (8 * i));
}

/* Repeat or overwrite: copies a run of bytes within the input. Returns the new size. */
static size_t copy_run(uint8_t *bytes, size_t size, size_t capacity, int insert)
{
    uint8_t run[GROWTH / MAX_CHANGES];
    size_t from = below(size);
    size_t to = below(size + 1);
    size_t length = 1 + below(size - from < sizeof run ? size - from : sizeof run);

    if (length > size - from)
        length = size - from;
    memcpy(run, bytes + from, length);
    if (insert) {
        if (length > capacity - size)
            return size;
        memmove(bytes + to + length, bytes + to, size - to);
        size += length;
    } else if (length > size - to) {
        length = size - to;
    }
    memcpy(bytes + to, run, length);
    return size;
}

/* One edit of a non-empty input. Returns the new size, at most capacity. */
static size_t edit(uint8_t *bytes, size_t size, size_t capacity)
{
    size_t at = below(size);
    size_t length;

    switch (below(8)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << below(8));
        return size;
    case 1:
        bytes[at] = (uint8_t)harness_random();
        return size;
    case 2:
        put_edge_value(bytes, size, at);
        return size;
    case 3:
        return copy_run(bytes, size, capacity, 0);
    case 4:
        return copy_run(bytes, size, capacity, 1);
    case 5: /* delete a run */
        length = 1 + below(size - at < 16 ? size - at : 16);
        if (length > size - at)
            length = size - at;
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length;
    case 6: /* cut off the rest, rarely: most of an input should survive */
        return below(4) == 0 ? at : size;
    default:
        bytes[at] = (uint8_t)(bytes[at] + (below(2) == 0 ? 1 : 255));
        return size;
    }
}

static void run_mutations(const harness_guard *guard, const uint8_t *seed, size_t size,
                          const char *path)
{
    size_t capacity = size + GROWTH;
    size_t count = getenv("DISTIL_TEST_FULL") != NULL ? 20 * MUTATIONS : MUTATIONS;
    uint8_t *bytes = malloc(capacity);

    if (bytes == NULL) {
        CHECKF(0, "no memory for %zu bytes", capacity);
        return;
    }
    if (count > MUTATED_BYTES / (size + 1) + 16)
        count = MUTATED_BYTES / (size + 1) + 16;
    for (size_t i = 0; i < count; i++) {
        size_t mutated = size;

        memcpy(bytes, seed, size);
        for (size_t n = 1 + below(MAX_CHANGES); n > 0 && mutated > 0; n--)
            mutated = edit(bytes, mutated, capacity);
        snprintf(now.what, sizeof now.what, "%s, mutation %zu", path, i);
        run_input(guard, bytes, mutated);
    }
    free(bytes);
}

/* ---- seeds -------------------------------------------------------------------------------- */

static void run_seed(const char *path)
{
    const char *base = strrchr(path, '/');
    harness_guard guard;
    size_t size = 0;
    uint8_t *seed;

    if (!harness_case("%s", base != NULL ? base + 1 : path))
        return;
    seed = (uint8_t *)harness_read_file(path, &size);
    if (seed == NULL || size > MAX_SEED_BYTES) {
        CHECKF(0, "%s: %s", path, seed == NULL ? strerror(errno) : "too large for a seed");
        free(seed);
        return;
    }
    guard = harness_guard_new(size + GROWTH, 1, 1);
    snprintf(now.what, sizeof now.what, "%s, unchanged", path);
    run_input(&guard, seed, size);
    run_mutations(&guard, seed, size, path);
    harness_guard_free(&guard);
    free(seed);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of names, so that a run is the same on every file system. */
static void run_directory(const char *directory)
{
    static char *paths[MAX_SEEDS];
    size_t count = 0;
    DIR *dir = opendir(directory);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL && count < MAX_SEEDS) {
        size_t room = strlen(directory) + strlen(entry->d_name) + 2;

        if (entry->d_name[0] == '.')
            continue;
        paths[count] = malloc(room);
        if (paths[count] == NULL)
            break;
        snprintf(paths[count++], room, "%s/%s", directory, entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    if (count == 0) {
        harness_case("%s", directory);
        harness_fail(__FILE__, __LINE__, "%s: no seeds", directory);
    }
    qsort(paths, count, sizeof *paths, by_name);
    for (size_t i = 0; i < count; i++) {
        run_seed(paths[i]);
        free(paths[i]);
    }
}

int main(int argc, char **argv)
{
    const char *base = strrchr(argv[0], '/');
    const char *build = getenv("DISTIL_BUILD");

    now.name = base != NULL ? base + 1 : argv[0];
    argc = harness_init(now.name, argc, argv);
    snprintf(now.save_path, sizeof now.save_path, "%s/crash-%s", build != NULL ? build : ".",
             now.name);
    catch_deaths();
    for (int i = 1; i < argc; i++) {
        struct stat status;

        if (stat(argv[i], &status) == 0 && S_ISREG(status.st_mode))
            run_seed(argv[i]);
        else
            run_directory(argv[i]);
    }
    return harness_finish();
}
