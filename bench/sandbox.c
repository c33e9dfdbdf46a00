/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* clone flags, setresuid, mincore */
#include "bench/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- starting -------------------------------------------------------------------------------- */

static int enter(const char *root)
{
    char own_tmp[64];

    snprintf(own_tmp, sizeof own_tmp, "mode=0700,uid=%d,gid=%d", SANDBOX_USER, SANDBOX_GROUP);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(root, root, NULL, MS_BIND, NULL) != 0 ||
        mount(NULL, root, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) != 0)
        return -1;
    if (chdir(root) != 0 || mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV, NULL) != 0 ||
        mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, own_tmp) != 0 || chroot(".") != 0)
        return -1;
    /* Giving up user 0 gives up its capabilities. */
    if (setgroups(0, NULL) != 0 || setresgid(SANDBOX_GROUP, SANDBOX_GROUP, SANDBOX_GROUP) != 0 ||
        setresuid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) != 0)
        return -1;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

pid_t sandbox_start(const char *root, char *const command[], char *const environment[], int output)
{
    unsigned long spaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
    pid_t process = (pid_t)syscall(SYS_clone, SIGCHLD | (root != NULL ? spaces : 0), 0, 0, 0, 0);

    if (process != 0)
        return process;
    dup2(output, STDOUT_FILENO);
    if (root != NULL && enter(root) != 0) {
        fprintf(stderr, "sandbox: %s: %s\n", root, strerror(errno));
        _exit(127);
    }
    execve(command[0], command, environment);
    fprintf(stderr, "sandbox: %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

void sandbox_wait(pid_t process)
{
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR)
        ;
}

void sandbox_end(pid_t process)
{
    kill(process, SIGKILL);
    sandbox_wait(process);
}

/* ---- page cache ------------------------------------------------------------------------------ */

/* Of a mapped file: how many of its pages are in the cache; -1 with errno. */
static long count_pages(void *at, size_t bytes, size_t pages)
{
    unsigned char *present = malloc(pages);
    long found = -1;

    if (present != NULL && mincore(at, bytes, present) == 0) {
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
            found = count_pages(at, *bytes, (*bytes + page - 1) / page);
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

int pages_drop(const char *path)
{
    int fd, status = -1;

    sync();
    if (path == NULL) {
        fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, "3", 1) == 1)
            status = 0;
    } else {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0)
            status = 0;
    }
    if (fd >= 0)
        close(fd);
    return status;
}

void pages_settle(const char *path)
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

/* ---- what /proc says ------------------------------------------------------------------------- */

static int ends_in(const char *line, const char *end)
{
    size_t length = strcspn(line, "\n"), wanted = strlen(end);

    return length >= wanted && strncmp(line + length - wanted, end, wanted) == 0;
}

size_t process_bytes(pid_t process, const char *file, const char *mapping, const char *field)
{
    size_t length = strlen(field), found = 0;
    int here = mapping == NULL;
    char path[64], line[512];
    FILE *in;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)process, file);
    in = fopen(path, "r");
    if (in == NULL)
        return 0;
    while (found == 0 && fgets(line, sizeof line, in) != NULL) {
        if (mapping != NULL && !here)
            here = ends_in(line, mapping);
        else if (strncmp(line, field, length) == 0 && line[length] == ':')
            found = (size_t)strtoull(line + length + 1, NULL, 10) * 1024;
    }
    fclose(in);
    return found;
}
