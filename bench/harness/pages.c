/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of pages.h, by mincore and posix_fadvise. */
#define _GNU_SOURCE /* glibc declares mincore only with this macro. */
#include "bench/harness/pages.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Eviction is tried for 20 * 10 ms = 0.2 s, because a page that is being written back stays until
 * that is done. */
enum { EVICT_TRIES = 20, EVICT_PAUSE_US = 10000 };

/* Returns how many of the pages mapped at `at` are in the page cache, or -1 with errno. */
static long count_resident(void *at, size_t bytes, size_t pages)
{
    unsigned char *present = malloc(pages);
    long found = -1;

    if (present && mincore(at, bytes, present) == 0) {
        found = 0;
        for (size_t i = 0; i < pages; i++)
            found += present[i] & 1;
    }
    free(present);
    return found;
}

int pages_resident(const char *path, size_t *bytes, size_t *resident)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long found = -1;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);

        *bytes = (size_t)st.st_size;
        if (at != MAP_FAILED) {
            found = count_resident(at, *bytes, (*bytes + page - 1) / page);
            munmap(at, *bytes);
        }
    }
    if (fd >= 0)
        close(fd);
    if (found < 0)
        return -1;
    *resident = (size_t)found * page < *bytes ? (size_t)found * page : *bytes;
    return 0;
}

/* Reads one byte of each page. */
static void touch(const volatile unsigned char *at, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    for (size_t i = 0; i < bytes; i += page)
        (void)at[i];
}

int pages_sizes(const char *path, bench_pages *sizes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), status = -1;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (at != MAP_FAILED) {
            touch(at, (size_t)st.st_size);
            status = bench_file_pages(sizes, path);
            munmap(at, (size_t)st.st_size);
        }
    }
    if (fd >= 0)
        close(fd);
    return status;
}

int pages_evict(const char *path)
{
    size_t bytes = 0, resident = 0;

    for (int i = 0; i < EVICT_TRIES; i++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC), evicted;

        if (fd < 0)
            break;
        evicted = fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
        close(fd);
        if (evicted && pages_resident(path, &bytes, &resident) == 0 && resident == 0)
            return 0;
        usleep(EVICT_PAUSE_US);
    }
    fprintf(stderr,
            "distil bench: %s: %zu of %zu bytes stay in the page cache; is another process using "
            "it, or is it on tmpfs or overlayfs? Copy it to a disk\n",
            path, resident, bytes);
    return -1;
}

void pages_reload(const char *path)
{
    static char buffer[1 << 16];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)fdatasync(fd);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    while (read(fd, buffer, sizeof buffer) > 0)
        ;
    close(fd);
}
