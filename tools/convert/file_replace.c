/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replace a file's content whole or not at all: write aside, sync, rename, sync the directory.
 */
#include "tools/convert/file_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_TRIES = 100, WRITE_CHUNK = 1 << 26 };

/* The new file while it is not yet the old one's successor. */
typedef struct aside {
    char *path;
    int fd;
} aside;

/* Create "<target>.tmp.<pid>.<n>", which did not exist, with the permissions a new file gets. */
static int create_aside(aside *file, const char *target, conv_error *error)
{
    size_t room = strlen(target) + 64;
    int found_errno = EEXIST;

    file->fd = -1;
    file->path = malloc(room);
    if (file->path == NULL)
        return conv_fail(error, "%s: no memory to write it", target);
    for (int n = 0; n < NAME_TRIES && file->fd < 0 && found_errno == EEXIST; n++) {
        snprintf(file->path, room, "%s.tmp.%ld.%d", target, (long)getpid(), n);
        file->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        found_errno = file->fd < 0 ? errno : 0;
    }
    if (file->fd >= 0)
        return 0;
    conv_fail(error, "%s: cannot be created: %s (is its folder there and writable?)", target,
              strerror(found_errno));
    free(file->path);
    return -1;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size < WRITE_CHUNK ? size : WRITE_CHUNK);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done == 0 ? ENOSPC : errno;
            return -1;
        }
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

/* Fill, sync and close. Network file systems report a full disk as late as at close. */
static int finish_aside(aside *file, const void *bytes, size_t size, conv_error *error)
{
    int failed = write_all(file->fd, bytes, size) != 0 || fsync(file->fd) != 0;
    int found_errno = errno;

    if (close(file->fd) != 0 && !failed) {
        failed = 1;
        found_errno = errno;
    }
    if (!failed)
        return 0;
    return conv_fail(error, "%s: cannot write %zu bytes: %s", file->path, size,
                     strerror(found_errno));
}

/* Make the rename last. A file system that cannot sync a directory (EINVAL) has no more to give. */
static int sync_directory(const char *target, conv_error *error)
{
    const char *slash = strrchr(target, '/');
    size_t bytes = slash == NULL ? 0 : slash == target ? 1 : (size_t)(slash - target);
    char *directory = bytes > 0 ? strndup(target, bytes) : strdup(".");
    int fd = directory != NULL ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int status = 0;

    /* A directory that may be written but not read (-wx) cannot be opened, which is no failure. */
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        status = conv_fail(error, "%s: written, but its directory cannot be synced: %s", target,
                           strerror(errno));
    if (fd >= 0)
        close(fd);
    free(directory);
    return status;
}

static int replace(const char *target, const void *bytes, size_t size, conv_error *error)
{
    aside file;
    int status;

    if (create_aside(&file, target, error) != 0)
        return -1;
    status = finish_aside(&file, bytes, size, error);
    if (status == 0 && rename(file.path, target) != 0)
        status = conv_fail(error, "%s: cannot be replaced: %s", target, strerror(errno));
    if (status != 0)
        unlink(file.path);
    free(file.path);
    return status == 0 ? sync_directory(target, error) : -1;
}

/* Signals held back, and those that would kill instead of giving an error code. */
typedef struct signal_guard {
    sigset_t mask;
    struct sigaction on_file_limit;
} signal_guard;

static void guard_signals(signal_guard *guard)
{
    struct sigaction ignore;
    sigset_t held;

    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &held, &guard->mask);
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &ignore, &guard->on_file_limit); /* write gives EFBIG instead */
}

static void release_signals(const signal_guard *guard)
{
    sigaction(SIGXFSZ, &guard->on_file_limit, NULL);
    pthread_sigmask(SIG_SETMASK, &guard->mask, NULL);
}

int conv_file_replace(const char *path, const void *bytes, size_t size, conv_error *error)
{
    signal_guard guard;
    struct stat info;
    char *target;
    int status;

    if (path[0] == '\0')
        return conv_fail(error, "the output file's name is empty");
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return conv_fail(error, "%s: is a %s; expected a regular file or a new name", path,
                         S_ISDIR(info.st_mode) ? "directory" : "special file");
    target = realpath(path, NULL);
    if (target == NULL)
        target = strdup(path);
    if (target == NULL)
        return conv_fail(error, "%s: no memory to write it", path);
    guard_signals(&guard);
    status = replace(target, bytes, size, error);
    release_signals(&guard);
    free(target);
    return status;
}
