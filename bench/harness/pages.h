/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page cache holds of a file, and how to bring a file into a known state there. Start
 * times depend on it more than on anything else.
 */
#ifndef DISTIL_BENCH_HARNESS_PAGES_H
#define DISTIL_BENCH_HARNESS_PAGES_H

#include <stddef.h>

#include "bench/machine.h"

/* Stores the size of a file, and how many of its bytes are in the page cache. Returns 0, or -1 with
 * errno; an empty file counts as an error. */
int pages_resident(const char *path, size_t *bytes, size_t *resident);

/* Maps a file as the library does, touches all of it, and stores in which pages it is mapped then.
 * Returns 0, or -1 if that cannot be found out. */
int pages_sizes(const char *path, bench_pages *sizes);

/* Writes a file back and drops it from the page cache. The kernel keeps pages that a process has
 * mapped, and file systems such as tmpfs and overlayfs keep all. Returns 0 once mincore reports
 * that no page is left, or -1 with a message on stderr. */
int pages_evict(const char *path);

/* Evicts a file and reads it again from front to back. The page cache then holds it in folios of
 * the same sizes, whoever wrote it, so that mapping it costs the same number of page faults in
 * every run. Pages that cannot be evicted stay as they are. A file that cannot be opened is
 * ignored. */
void pages_reload(const char *path);

#endif
