/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target on its seeds without a fuzzing engine: on each seed unchanged, and then on
 * random mutations of it that --seed repeats. `make check` links each target with this driver in
 * place of libFuzzer, so that it works with any compiler.
 *
 *     fuzz_NAME [-v] [--seed N] [--filter WILDCARD] FILE|DIRECTORY...
 *
 * Each input ends right before an unmapped page, so that reading beyond it ends the program even
 * without a sanitizer. When a target crashes, aborts or takes too long, the driver prints the seed
 * and the number of the mutation and writes the input to $DISTIL_BUILD/crash-fuzz_NAME; `fuzz_NAME
 * FILE` replays it.
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
    MUTATIONS = 400, /* mutations of each seed; DISTIL_TEST_FULL runs 20 times as many */
    /* the most bytes that all mutations of one seed have together, so that large seeds get fewer
     * mutations */
    MUTATED_BYTES = 32 << 20,
    MAX_SEED_BYTES = 16 << 20, /* a larger file is a mistake in the corpus */
    GROWTH = 4096,             /* the most bytes that a mutation is longer than its seed */
    MAX_CHANGES = 8,           /* the most edits that make one mutation */
    MAX_SEEDS = 4096,          /* the most files that the driver reads from one directory */
    SECONDS_PER_INPUT = 60     /* a target that takes longer has failed */
};

/* The input that the target is running on. The signal handler reads it when the target crashes. */
static struct {
    const char *name;         /* the program's name */
    char what[512];           /* the seed's path and the number of the mutation */
    char save_path[1024];     /* the path of the file that the handler writes the input to */
    const uint8_t *data;      /* the input */
    size_t size;              /* the size of the input in bytes */
    struct sigaction old[32]; /* the actions before the driver set its own, by signal number */
} now;

/* ---- crashes ------------------------------------------------------------------------------ */

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

/* Print what was running and write its input to a file. A signal handler runs this, so it calls
 * only async-signal-safe functions. */
static void save_crash(void)
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

/* Save the input, restore the action before ours, and let the signal happen again. A faulting
 * instruction faults again when the handler returns; abort and the alarm have to be raised. */
static void on_signal(int number)
{
    save_crash();
    sigaction(number, &now.old[number], NULL);
    if (number == SIGABRT || number == SIGALRM)
        raise(number);
}

/* A program that is linked with a sanitizer has this function; in others its address is NULL. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void install_crash_handlers(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, &now.old[numbers[i]]);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(save_crash);
}

/* ---- one input ---------------------------------------------------------------------------- */

/* Run the target on a copy of the bytes that ends where the guarded buffer ends. */
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

/* Write a random value, 1, 2, 4 or 8 bytes wide, from a list of those at which sizes, counts and
 * offsets overflow. */
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

/* Copy a random run of bytes to another place of the input: with `insert` between the bytes there,
 * else over them. Returns the new size. */
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

/* Make one random edit of an input of at least one byte. Returns the new size, at most capacity. */
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
    case 5: /* Delete a run of up to 16 bytes. */
        length = 1 + below(size - at < 16 ? size - at : 16);
        if (length > size - at)
            length = size - at;
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length;
    case 6: /* Cut off the rest, but rarely, so that most mutations stay long. */
        return below(4) == 0 ? at : size;
    default:
        bytes[at] = (uint8_t)(bytes[at] + (below(2) == 0 ? 1 : 255));
        return size;
    }
}

/* Run the target on mutations of one seed. */
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

/* Run the target on one seed and its mutations, as one test case. */
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

/* Run all seeds of a directory in the order of their names, so that runs on different file systems
 * are the same. A directory without seeds is a failure. */
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
    install_crash_handlers();
    for (int i = 1; i < argc; i++) {
        struct stat status;

        if (stat(argv[i], &status) == 0 && S_ISREG(status.st_mode))
            run_seed(argv[i]);
        else
            run_directory(argv[i]);
    }
    return harness_finish();
}
