/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a file into the page cache: a cold one is read, a warm one is not, and what is no file
 * does no harm.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lambda/prefault.h"
#include "tests/harness.h"

enum { RANGES = 9, BYTES = RANGES * PREFAULT_RANGE_BYTES - 12345 };

static char path[] = "/tmp/distil_prefault_XXXXXX";

static void write_file(int fd)
{
    char *bytes = malloc(BYTES);

    memset(bytes, 'p', BYTES);
    CHECK(write(fd, bytes, BYTES) == BYTES && fsync(fd) == 0);
    free(bytes);
}

/* Once the file is in the cache; a busy machine may drop pages, or be slow: the best of some. */
static prefault_result warm(void)
{
    prefault_result result = prefault_file(path);

    for (int i = 0; i < 5 && result.read > 0; i++)
        result = prefault_file(path);
    return result;
}

static void test_warm(void)
{
    prefault_result result;

    if (!harness_case("a file in the cache is left alone"))
        return;
    result = warm();
    CHECKF(result.ranges == RANGES, "%zu ranges", result.ranges);
    CHECKF(result.read == 0, "%zu ranges read", result.read);
}

/* A file system in memory, such as tmpfs, cannot be made cold. */
static void test_cold(int fd)
{
    prefault_result first, second;

    if (!harness_case("a file that is not in the cache is read once"))
        return;
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
    first = prefault_file(path);
    second = warm();
    CHECK(first.ranges == RANGES);
    if (first.read == 0)
        harness_skip("this file system keeps files in memory");
    else
        CHECKF(first.read == RANGES && second.read == 0, "%zu ranges read, then %zu", first.read,
               second.read);
}

static void test_nothing(void)
{
    static const char *const paths[] = {"/nonexistent/file", "/tmp", "/dev/null", ""};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (harness_case("no file: '%s'", paths[i]))
            CHECK(prefault_file(paths[i]).ranges == 0);
}

int main(int argc, char **argv)
{
    int fd = mkstemp(path);

    harness_init("test_prefault", argc, argv);
    write_file(fd);
    test_warm();
    test_cold(fd);
    test_nothing();
    close(fd);
    unlink(path);
    return harness_finish();
}
