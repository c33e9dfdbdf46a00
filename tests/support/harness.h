/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test programs' common part: checks, counts, a seeded generator, guarded buffers.
 *
 * A test program calls harness_init, runs cases, and returns harness_finish(): it prints
 * "ok"/"not ok" lines only for failures and skips (all with -v), and ends with
 * "NAME: N passed, N failed, N skipped". Exit status 0 only if nothing failed and something ran.
 */
#ifndef DISTIL_TESTS_HARNESS_H
#define DISTIL_TESTS_HARNESS_H

#include <stddef.h>
#include <stdint.h>

/* Parses -v, --seed N, --filter WILDCARD, --list; leaves the rest in argv. Returns new argc. */
int harness_init(const char *name, int argc, char **argv);

/* Name the case that follows; 0 if the filter excludes it (or --list printed it). */
int harness_case(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Report the current case. One that had no failing CHECK passes at the next case or at the end. */
void harness_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void harness_skip(const char *reason);

/* Finish the last case, print the closing line, give the exit status. */
int harness_finish(void);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            harness_fail(__FILE__, __LINE__, "%s", #condition);                                    \
    } while (0)
#define CHECKF(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            harness_fail(__FILE__, __LINE__, __VA_ARGS__);                                         \
    } while (0)

/* xoshiro-class generator, seeded by --seed (printed on failure). */
uint64_t harness_random(void);
void harness_reseed(uint64_t salt); /* same sequence for same seed and salt */
float harness_uniform(float lo, float hi);

/*
 * A buffer of `bytes` bytes that ends (at_end = 1) right before an unmapped page, or begins
 * (at_end = 0) right after one. Aligned to `align` (power of two, at most 4096): at the end the
 * bytes between are a red zone whose pattern harness_guard_check verifies. Aborts on no memory.
 */
typedef struct harness_guard {
    void *map;
    size_t map_bytes;
    unsigned char *data;
    size_t bytes;
} harness_guard;
harness_guard harness_guard_new(size_t bytes, size_t align, int at_end);
int harness_guard_check(const harness_guard *guard); /* 1 if the red zones are intact */
void harness_guard_free(harness_guard *guard);

/* Path of the repository root's file, from DISTIL_TEST_ROOT or "."; static buffer, one use. */
const char *harness_path(const char *relative);

/* Whole file into malloc'd memory with a NUL after it; NULL and errno on error. */
char *harness_read_file(const char *path, size_t *bytes);

#endif
