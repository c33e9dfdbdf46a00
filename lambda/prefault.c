/* SPDX-License-Identifier: Apache-2.0 */
/* Threads take ranges of the file from a shared counter until none is left. */
#include "lambda/prefault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/base/clock.h"

/* These numbers belong to the kernel's interface on x86-64, so they hold with every C library. */
#ifndef SYS_preadv2
#define SYS_preadv2 327
#endif
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

enum {
    /* The distance of the probes: the kernel's read-ahead brings in at least this many bytes. */
    PROBE_BYTES = 64 << 10,
    PIECE_BYTES = 128 << 10, /* The size of one read. */
    SLOW_NS = 100000         /* Reading a page that is in the cache takes less time than this. */
};

typedef struct work {
    int fd;
    size_t bytes, ranges;
    atomic_size_t next; /* The next range that no thread has taken yet. */
    atomic_size_t read;
    char *pieces;          /* (PREFAULT_THREADS, PIECE_BYTES): the buffers of the threads. */
    atomic_size_t threads; /* The number of threads that have taken a buffer. */
} work;

/* Read one byte only if its page is in the page cache. No other call answers this for a file of
 * another user. Old C libraries, and musl before 1.2.5, have no function for this system call. */
static ssize_t read_cached_byte(int fd, char *byte, off_t at)
{
    struct iovec to = {byte, 1};

    return syscall(SYS_preadv2, (long)fd, &to, 1L, (long)at, 0L, (long)RWF_NOWAIT);
}

/* Returns 1 if the page at offset `at` is in the page cache. If the kernel or the file system
 * cannot tell, the time that reading a byte takes decides. A thread that loses its CPU meanwhile
 * gets 0 for a cached page; the range is then read once without need. */
static int is_page_cached(int fd, off_t at)
{
    char byte;
    ssize_t n = read_cached_byte(fd, &byte, at);
    int64_t begin;

    if (n == 1 || errno == EAGAIN)
        return n == 1;
    begin = clock_now_ns();
    n = pread(fd, &byte, 1, at);
    return n == 1 && clock_now_ns() - begin < SLOW_NS;
}

/* Returns 1 if a page in each PROBE_BYTES of the range is in the page cache. */
static int is_cached(const work *w, size_t range)
{
    size_t begin = range * PREFAULT_RANGE_BYTES, end = begin + PREFAULT_RANGE_BYTES;

    for (size_t at = begin; at < end && at < w->bytes; at += PROBE_BYTES)
        if (!is_page_cached(w->fd, (off_t)at))
            return 0;
    return 1;
}

static void read_range(const work *w, size_t range, char *piece)
{
    size_t begin = range * PREFAULT_RANGE_BYTES, end = begin + PREFAULT_RANGE_BYTES;

    for (size_t at = begin; at < end && at < w->bytes; at += PIECE_BYTES)
        if (pread(w->fd, piece, PIECE_BYTES, (off_t)at) <= 0)
            return;
}

static void *read_ranges(void *argument)
{
    work *w = argument;
    char *piece = w->pieces + atomic_fetch_add(&w->threads, 1) * PIECE_BYTES;
    size_t range;

    while ((range = atomic_fetch_add(&w->next, 1)) < w->ranges) {
        if (is_cached(w, range))
            continue;
        atomic_fetch_add(&w->read, 1);
        read_range(w, range, piece);
    }
    return NULL;
}

/* The calling thread takes ranges, too. If the system refuses a thread, there are fewer of them. If
 * it refuses memory for their buffers, the file stays cold and its pages are read when they are
 * used. The buffers are mapped, since the stack of a thread can be smaller than one of them. */
static void read_in_parallel(work *w, size_t ranges)
{
    pthread_t threads[PREFAULT_THREADS - 1];
    size_t started = 0, bytes = (size_t)PREFAULT_THREADS * PIECE_BYTES;
    void *pieces = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pieces == MAP_FAILED)
        return;
    w->pieces = pieces;
    while (started < PREFAULT_THREADS - 1 && started + 1 < ranges &&
           pthread_create(&threads[started], NULL, read_ranges, w) == 0)
        started++;
    read_ranges(w);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    munmap(pieces, bytes);
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
    atomic_init(&w.threads, 0);
    if (first < w.ranges)
        read_in_parallel(&w, w.ranges - first);
    close(w.fd);
    result.ranges = w.ranges;
    result.read = atomic_load(&w.read);
    return result;
}
