/* SPDX-License-Identifier: Apache-2.0 */
/* Replaces a file atomically: writes a temporary file, syncs it, renames it, and syncs the
 * directory. */
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

/* The new file before the rename. */
typedef struct temporary_file {
    char *path;
    int fd;
} temporary_file;

/* Create a file "TARGET.tmp.PID.N" that does not exist yet. It gets the permissions of the file
 * that it will replace, so that a private file stays private, or else those of any new file. */
static int create_temporary(temporary_file *file, const char *target, conv_error *error)
{
    size_t room = strlen(target) + 64;
    int found_errno = EEXIST;
    struct stat old;
    int replaces = stat(target, &old) == 0;

    file->fd = -1;
    file->path = malloc(room);
    if (file->path == NULL)
        return conv_fail(error, "%s: no memory to write it", target);
    for (int n = 0; n < NAME_TRIES && file->fd < 0 && found_errno == EEXIST; n++) {
        snprintf(file->path, room, "%s.tmp.%ld.%d", target, (long)getpid(), n);
        file->fd =
            open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, replaces ? 0600 : 0666);
        found_errno = file->fd < 0 ? errno : 0;
    }
    /* A file system without permissions refuses to set them, which is no error. */
    if (file->fd >= 0 && replaces)
        (void)fchmod(file->fd, old.st_mode & 0777);
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

/* Write, sync and close the file. The result of close counts, because network file systems may
 * report a full disk only there. Messages name the target, which the caller asked for. */
static int write_temporary(temporary_file *file, const char *target, const void *bytes, size_t size,
                           conv_error *error)
{
    int failed = write_all(file->fd, bytes, size) != 0 || fsync(file->fd) != 0;
    int found_errno = errno;

    if (close(file->fd) != 0 && !failed) {
        failed = 1;
        found_errno = errno;
    }
    if (!failed)
        return 0;
    return conv_fail(error, "%s: cannot write %zu bytes: %s", target, size, strerror(found_errno));
}

/* Sync the directory, so that the rename survives a crash. File systems that cannot sync a
 * directory fail with EINVAL or ENOTSUP, which is no error here. */
static int sync_directory(const char *target, conv_error *error)
{
    const char *slash = strrchr(target, '/');
    size_t bytes = slash == NULL ? 0 : slash == target ? 1 : (size_t)(slash - target);
    char *directory = bytes > 0 ? strndup(target, bytes) : strdup(".");
    int fd = directory != NULL ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int status = 0;

    /* A directory without read permission cannot be opened, which is no error either. */
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
    temporary_file file;
    int status;

    if (create_temporary(&file, target, error) != 0)
        return -1;
    status = write_temporary(&file, target, bytes, size, error);
    if (status == 0 && rename(file.path, target) != 0)
        status = conv_fail(error, "%s: cannot be replaced: %s", target, strerror(errno));
    if (status != 0)
        unlink(file.path);
    free(file.path);
    return status == 0 ? sync_directory(target, error) : -1;
}

/* The signal state to restore after the replacement. */
typedef struct signal_state {
    sigset_t mask;
    struct sigaction on_file_limit; /* the action for SIGXFSZ */
} signal_state;

/* Block the signals that end a program, and ignore SIGXFSZ, so that a write beyond the limit on
 * file sizes fails with EFBIG instead of ending the program. */
static void block_signals(signal_state *saved)
{
    struct sigaction ignore;
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &blocked, &saved->mask);
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &ignore, &saved->on_file_limit);
}

static void restore_signals(const signal_state *saved)
{
    sigaction(SIGXFSZ, &saved->on_file_limit, NULL);
    pthread_sigmask(SIG_SETMASK, &saved->mask, NULL);
}

int conv_file_replace(const char *path, const void *bytes, size_t size, conv_error *error)
{
    signal_state saved;
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
    block_signals(&saved);
    status = replace(target, bytes, size, error);
    restore_signals(&saved);
    free(target);
    return status;
}
