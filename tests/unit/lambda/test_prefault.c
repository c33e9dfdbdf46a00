/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a file into the page cache: a cold file is read, a warm one is not, and something that is
 * not a file does no harm.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lambda/prefault.h"
#include "tests/support/harness.h"

enum { RANGES = 9, BYTES = RANGES * PREFAULT_RANGE_BYTES - 12345 };

static char path[] = "/tmp/distil_prefault_XXXXXX";

static void write_file(int fd)
{
    char *bytes = malloc(BYTES);

    memset(bytes, 'p', BYTES);
    CHECK(write(fd, bytes, BYTES) == BYTES && fsync(fd) == 0);
    free(bytes);
}

/* The file is in the cache already. A busy machine may drop pages or be slow, so the best of
 * several results counts. */
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

/* How many ranges of the file have no page in the cache, and how many lack at least one page. */
typedef struct coldness {
    size_t wholly, partly;
} coldness;

static coldness ask_kernel(int fd)
{
    enum { PAGE = 4096, PAGES = (BYTES - 1) / PAGE + 1, IN_RANGE = PREFAULT_RANGE_BYTES / PAGE };
    static unsigned char present[PAGES];
    void *map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
    coldness cold = {0, 0};

    CHECK(map != MAP_FAILED);
    CHECK(mincore(map, BYTES, present) == 0);
    for (size_t begin = 0; begin < PAGES; begin += IN_RANGE) {
        size_t pages = 0, in_core = 0;

        for (; pages < IN_RANGE && begin + pages < PAGES; pages++)
            in_core += present[begin + pages] & 1;
        cold.wholly += in_core == 0;
        cold.partly += in_core < pages;
    }
    munmap(map, BYTES);
    return cold;
}

/* The advice to drop the file's pages drops no page that is in use, so the test asks the kernel
 * which ones are gone. A device with a long read-ahead can bring in ranges that then need no read.
 * A file system in memory, such as tmpfs, cannot be made cold. */
static void test_cold(int fd)
{
    prefault_result first, second;
    coldness before, after;

    if (!harness_case("a file that is not in the cache is read once"))
        return;
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
    before = ask_kernel(fd);
    first = prefault_file(path);
    after = ask_kernel(fd);
    second = warm();
    CHECK(first.ranges == RANGES);
    if (before.wholly == 0) {
        harness_skip("this file system keeps files in memory");
        return;
    }
    CHECKF(first.read >= 1 && first.read <= before.partly, "%zu ranges read, %zu were cold",
           first.read, before.partly);
    CHECKF(after.wholly == 0, "%zu ranges are still cold", after.wholly);
    CHECKF(second.read == 0, "%zu ranges read again", second.read);
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
