/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of sandbox.h, by clone(2) with name-space flags, bind mounts and chroot. */
#define _GNU_SOURCE /* glibc declares the clone flags and setresuid only with this macro. */
#include "bench/harness/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Makes `root` the read-only root of this process and gives up user 0. Returns 0, or -1 with
 * errno. */
static int enter_root(const char *root)
{
    char tmp_options[64];

    snprintf(tmp_options, sizeof tmp_options, "mode=0700,uid=%d,gid=%d", SANDBOX_USER,
             SANDBOX_GROUP);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(root, root, NULL, MS_BIND, NULL) != 0 ||
        mount(NULL, root, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) != 0)
        return -1;
    if (chdir(root) != 0 || mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV, NULL) != 0 ||
        mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, tmp_options) != 0 || chroot(".") != 0)
        return -1;
    /* The kernel drops all capabilities of a process that changes from user 0 to another user. */
    if (setgroups(0, NULL) != 0 || setresgid(SANDBOX_GROUP, SANDBOX_GROUP, SANDBOX_GROUP) != 0 ||
        setresuid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) != 0)
        return -1;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

pid_t sandbox_start(const char *root, char *const command[], char *const environment[])
{
    unsigned long spaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
    pid_t process = (pid_t)syscall(SYS_clone, SIGCHLD | spaces, 0, 0, 0, 0);

    if (process != 0)
        return process;
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    if (enter_root(root) != 0)
        fprintf(stderr, "distil bench: %s: no sandbox: %s\n", root, strerror(errno));
    else {
        execve(command[0], command, environment);
        fprintf(stderr, "distil bench: %s in %s: %s\n", command[0], root, strerror(errno));
    }
    _exit(127);
}

void sandbox_kill(pid_t process)
{
    kill(process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR)
        ;
}
