/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test harness: checks, counts, a seeded random generator and guarded buffers.
 *
 * A test program calls harness_init, runs its cases, and returns harness_finish(). The harness
 * prints a line for each failure and each skip, with -v for each passed case too, and last the
 * closing line "NAME: N passed, N failed, N skipped". A failed case is followed by the command that
 * runs it alone. The exit status is 0 only if no case failed and at
 * least one passed or was skipped. One process has one test harness, which one thread uses.
 */
#ifndef DISTIL_TESTS_HARNESS_H
#define DISTIL_TESTS_HARNESS_H

#include <stddef.h>
#include <stdint.h>

/* Parse and remove -v, --seed N, --filter WILDCARD and --list from argv. Returns the new argc. A
 * wrong option ends the program with status 2. `name` must outlive the program. */
int harness_init(const char *name, int argc, char **argv);

/* Begin a case of this name; the case before it ends. Returns 1 if its code is to run, and 0 if
 * --filter excludes it or --list has printed it. */
int harness_case(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Mark the current case as failed, or as skipped, and print why. A case that neither fails nor is
 * skipped passes when the next case begins. A skip after a failure changes nothing. */
void harness_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void harness_skip(const char *reason);

/* End the last case, print the closing line and return the program's exit status. */
int harness_finish(void);

/* Fail the current case if the condition is false, and go on. CHECKF takes the message that it
 * prints. */
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

/* The next 64 random bits. Each case begins a sequence that depends on --seed and on the case's
 * name alone, so a case can be repeated by itself. A failure prints the seed. */
uint64_t harness_random(void);

/* Begin the sequence that belongs to --seed and this salt. */
void harness_reseed(uint64_t salt);

/* A random number, lo <= x < hi but for rounding, in steps of (hi - lo) / 2^24. */
float harness_uniform(float lo, float hi);

/* A buffer between two unmapped pages, so that an access beyond it on one side ends the program. */
typedef struct harness_guard {
    void *map;           /* the whole mapping, with both unmapped pages */
    size_t map_bytes;    /* size of the whole mapping */
    unsigned char *data; /* the buffer */
    size_t bytes;        /* size of the buffer */
} harness_guard;

/*
 * Make a buffer of `bytes` bytes, aligned to `align`, a power of two of at most 4096. With at_end
 * it ends at the unmapped page behind it, or up to align - 1 bytes before; without, it begins right
 * after the unmapped page in front of it. The other mapped bytes are red zones, which hold a fixed
 * pattern, and so does the buffer at first. The caller frees it with harness_guard_free. Aborts the
 * program if there is no memory.
 */
harness_guard harness_guard_new(size_t bytes, size_t align, int at_end);

/* Returns 1 if nobody has written to the red zones. */
int harness_guard_check(const harness_guard *guard);

/* Unmap the buffer and its guard pages. */
void harness_guard_free(harness_guard *guard);

/* The path of a file of the source tree, whose root is in DISTIL_TEST_ROOT or is the working
 * directory. The result is in a static buffer and is valid until the next call. */
const char *harness_path(const char *relative);

/* Read a whole file, or a pipe, and put a NUL after its bytes. The caller frees the result. *bytes,
 * which may be NULL, gets the size without the NUL. Returns NULL on an error, with errno set. */
char *harness_read_file(const char *path, size_t *bytes);

/* Returns the descriptor of an empty file in memory, which the caller closes, or -1. It calls the
 * kernel, since glibc has memfd_create only since 2.27. */
int harness_memory_file(void);

#endif
