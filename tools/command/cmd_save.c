/* SPDX-License-Identifier: Apache-2.0 */
/* Files of answers that appear whole, and runs that continue; see cmd_save.h. */
#include "tools/command/cmd_save.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/command/cmd_message.h"

/* The state always has the same length, so that one write replaces it. */
#define STATE_FORMAT                                                                               \
    "distil classify, interrupted: settings %08" PRIx32 " texts %020" PRIu64 " bad %020" PRIu64    \
    " bytes %020" PRIu64 "\n"
#define STATE_SCAN                                                                                 \
    "distil classify, interrupted: settings %8" SCNx32 " texts %20" SCNu64 " bad %20" SCNu64       \
    " bytes %20" SCNu64

static int fail(const char *path, const char *what)
{
    cmd_error("%s: %s: %s", path, what, strerror(errno));
    return -1;
}

static char *join(const char *path, const char *suffix)
{
    size_t size = strlen(path) + strlen(suffix) + 1;
    char *joined = malloc(size);

    if (joined != NULL)
        (void)snprintf(joined, size, "%s%s", path, suffix);
    return joined;
}

/* Choose the three names. A symbolic link stays, and the file that it points to is replaced. */
static int choose_names(cmd_save *save, const char *path)
{
    struct stat info;
    char *real = realpath(path, NULL);

    if (real != NULL && stat(real, &info) == 0 && !S_ISREG(info.st_mode)) {
        free(real);
        cmd_error("%s: is no regular file, so it cannot be replaced", path);
        return -1;
    }
    if (real == NULL && lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) {
        cmd_error("%s: is a symbolic link to nothing", path);
        return -1;
    }
    save->target = real != NULL ? real : join(path, "");
    if (save->target != NULL) {
        save->partial = join(save->target, ".partial");
        save->state = join(save->target, ".partial.state");
    }
    if (save->partial != NULL && save->state != NULL)
        return 0;
    cmd_error("out of memory");
    return -1;
}

/* Read the state of an interrupted run. Returns 0 also if there is none; -1 after reporting that
 * its settings differ. */
static int read_state(cmd_save *save)
{
    char text[256];
    ssize_t n = pread(save->state_fd, text, sizeof text - 1, 0);
    uint32_t settings = 0;
    uint64_t texts = 0, bad = 0, bytes = 0;
    struct stat info;

    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (sscanf(text, STATE_SCAN, &settings, &texts, &bad, &bytes) != 4)
        return 0;
    if (settings != save->settings) {
        cmd_error("%s: the interrupted run had another model or other options", save->partial);
        cmd_hint("repeat the command of that run, or leave out --resume to begin anew");
        return -1;
    }
    if (fstat(STDOUT_FILENO, &info) != 0 || (uint64_t)info.st_size < bytes)
        return 0; /* the file has lost answers, as after a loss of power: begin anew */
    save->texts = texts;
    save->bad = bad;
    save->bytes = bytes;
    return 0;
}

/* Lock standard output. A process that was killed keeps its lock for a moment, until the kernel has
 * taken it down, so a lock is tried for three seconds. Returns 0, or -1. */
static int lock_output(void)
{
    const struct timespec pause = {0, 50000000};

    for (int tries = 0; tries < 60; tries++) {
        if (flock(STDOUT_FILENO, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return 0; /* a file system without locks */
        (void)nanosleep(&pause, NULL);
    }
    return -1;
}

/* Returns 1 if FILE.partial is still the file that standard output was opened from. While this
 * process waited for the lock, its holder may have renamed the file to the target. */
static int is_partial_still(const cmd_save *save)
{
    struct stat opened, named;

    return fstat(STDOUT_FILENO, &opened) == 0 && stat(save->partial, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* Open FILE.partial as standard output, and lock it. It gets the permissions of the file that it
 * will replace, so that a private file stays private. */
static int open_partial(cmd_save *save)
{
    struct stat old;
    int replaces = stat(save->target, &old) == 0;
    int fd = open(save->partial, O_RDWR | O_CREAT | O_CLOEXEC, replaces ? 0600 : 0666);
    int code = 0;

    if (fd < 0)
        return fail(save->partial, "cannot open");
    /* A file system without permissions refuses to set them, which is no error. */
    if (replaces)
        (void)fchmod(fd, old.st_mode & 0777);
    if (fd != STDOUT_FILENO) {
        code = dup2(fd, STDOUT_FILENO);
        (void)close(fd);
    }
    if (code < 0)
        return fail(save->partial, "cannot open");
    if (lock_output() != 0) {
        cmd_error("%s: another process is writing this file", save->partial);
        return -1;
    }
    if (!is_partial_still(save)) {
        cmd_error("%s: another process has just finished this file", save->target);
        return -1;
    }
    return 0;
}

int cmd_save_open(cmd_save *save, const char *path, int resume, uint32_t settings)
{
    memset(save, 0, sizeof *save);
    save->state_fd = -1;
    save->settings = settings;
    if (choose_names(save, path) != 0 || open_partial(save) != 0)
        return -1;
    save->state_fd = open(save->state, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (save->state_fd < 0)
        return fail(save->state, "cannot open");
    if (resume && read_state(save) != 0)
        return -1;
    /* The state is cleared before the file is cut, so that it never promises bytes that are gone.
     */
    if (save->bytes == 0 && ftruncate(save->state_fd, 0) != 0)
        return fail(save->state, "cannot write");
    if (ftruncate(STDOUT_FILENO, (off_t)save->bytes) != 0 ||
        lseek(STDOUT_FILENO, (off_t)save->bytes, SEEK_SET) < 0)
        return fail(save->partial, "cannot write");
    return 0;
}

int cmd_save_update(cmd_save *save, uint64_t texts, uint64_t bad)
{
    char text[256];
    off_t bytes = lseek(STDOUT_FILENO, 0, SEEK_CUR);
    int n = snprintf(text, sizeof text, STATE_FORMAT, save->settings, texts, bad, (uint64_t)bytes);

    if (bytes < 0 || pwrite(save->state_fd, text, (size_t)n, 0) != n)
        return fail(save->state, "cannot write");
    return 0;
}

int cmd_save_finish(cmd_save *save)
{
    if (fsync(STDOUT_FILENO) != 0)
        return fail(save->partial, "cannot write");
    /* The state goes first: after the rename, it could be that of another run. */
    cmd_save_forget(save);
    if (rename(save->partial, save->target) != 0)
        return fail(save->target, "cannot rename the finished file to it");
    return 0;
}

void cmd_save_forget(cmd_save *save)
{
    (void)unlink(save->state);
}

void cmd_save_close(cmd_save *save)
{
    if (save->state_fd >= 0)
        (void)close(save->state_fd);
    free(save->target);
    free(save->partial);
    free(save->state);
}
