/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges taken from a counter by as many threads as there are cold ranges, at most. */
#define _GNU_SOURCE /* preadv2: the only probe of the cache that works on other people's files */
#include "lambda/prefault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/base/clock.h"

enum {
    PROBE_BYTES = 64 << 10,  /* no read-ahead brings in less */
    PIECE_BYTES = 128 << 10, /* of one read: a thread's stack has room for it */
    SLOW_NS = 100000         /* no page of the cache takes so long */
};

typedef struct work {
    int fd;
    size_t bytes, ranges;
    atomic_size_t next; /* range that nobody has taken yet */
    atomic_size_t read;
} work;

/* 1 if the page at an offset is in the cache. Where the file system cannot say, the time that
 * reading a byte takes does; a thread that lost its CPU meanwhile makes it 0, which costs time and
 * nothing else. */
static int is_page_cached(int fd, off_t at)
{
    char byte;
    struct iovec to = {&byte, 1};
    ssize_t n = preadv2(fd, &to, 1, at, RWF_NOWAIT);
    int64_t begin;

    if (n == 1 || errno == EAGAIN)
        return n == 1;
    begin = clock_now_ns();
    n = pread(fd, &byte, 1, at);
    return n == 1 && clock_now_ns() - begin < SLOW_NS;
}

/* 1 if a page from each part of the range is in the cache. */
static int is_cached(const work *w, size_t range)
{
    size_t begin = range * PREFAULT_RANGE_BYTES, end = begin + PREFAULT_RANGE_BYTES;

    for (size_t at = begin; at < end && at < w->bytes; at += PROBE_BYTES)
        if (!is_page_cached(w->fd, (off_t)at))
            return 0;
    return 1;
}

static void read_range(const work *w, size_t range)
{
    size_t begin = range * PREFAULT_RANGE_BYTES, end = begin + PREFAULT_RANGE_BYTES;
    char piece[PIECE_BYTES];

    for (size_t at = begin; at < end && at < w->bytes; at += PIECE_BYTES)
        if (pread(w->fd, piece, sizeof piece, (off_t)at) <= 0)
            return;
}

static void *take_ranges(void *argument)
{
    work *w = argument;
    size_t range;

    while ((range = atomic_fetch_add(&w->next, 1)) < w->ranges) {
        if (is_cached(w, range))
            continue;
        atomic_fetch_add(&w->read, 1);
        read_range(w, range);
    }
    return NULL;
}

/* The calling thread takes ranges too; where the system refuses a thread, fewer do. */
static void read_in_parallel(work *w, size_t ranges)
{
    pthread_t threads[PREFAULT_THREADS - 1];
    size_t started = 0;

    while (started < PREFAULT_THREADS - 1 && started + 1 < ranges &&
           pthread_create(&threads[started], NULL, take_ranges, w) == 0)
        started++;
    take_ranges(w);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}

prefault_result prefault_file(const char *path)
{
    prefault_result result = {0, 0};
    struct stat status;
    size_t first = 0;
    work w;

    w.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (w.fd < 0 || fstat(w.fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
        if (w.fd >= 0)
            close(w.fd);
        return result;
    }
    w.bytes = (size_t)status.st_size;
    w.ranges = (w.bytes - 1) / PREFAULT_RANGE_BYTES + 1;
    while (first < w.ranges && is_cached(&w, first))
        first++;
    atomic_init(&w.next, first);
    atomic_init(&w.read, 0);
    if (first < w.ranges)
        read_in_parallel(&w, w.ranges - first);
    close(w.fd);
    result.ranges = w.ranges;
    result.read = atomic_load(&w.read);
    return result;
}
