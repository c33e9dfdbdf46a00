/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, listening to and reaping the function's process. */
#define _GNU_SOURCE /* pipe2, execvpe */
#include "tools/serve/serve_child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void serve_child_init(serve_child *child, serve_line *line, void *context)
{
    child->pid = 0;
    child->out.fd = child->err.fd = -1;
    child->out.size = child->err.size = 0;
    child->line = line;
    child->context = context;
}

/* Within the new process. Does not return; writes errno to report_fd where it fails. */
static void become(char *const *command, char *const *environment, const sigset_t *mask, int out,
                   int err, int report_fd)
{
    int error;

    (void)setpgid(0, 0);
    if (dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 &&
        prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && sigprocmask(SIG_SETMASK, mask, NULL) == 0)
        (void)execvpe(command[0], command, environment);
    error = errno;
    while (write(report_fd, &error, sizeof error) < 0 && errno == EINTR) {
    }
    _exit(127);
}

static void close_pair(const int *pair)
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            (void)close(pair[i]);
}

/* The errno that the new process reports, or 0 once it has become another program. */
static int wait_for_exec(int fd)
{
    int error = 0;
    ssize_t got;

    do
        got = read(fd, &error, sizeof error);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof error ? error : 0;
}

/* The ends that are read do not block. */
static int make_pipes(int out[2], int err[2], int report[2])
{
    return pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0 &&
                   pipe2(report, O_CLOEXEC) == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0 &&
                   fcntl(err[0], F_SETFL, O_NONBLOCK) == 0
               ? 0
               : -1;
}

int serve_child_start(serve_child *child, char *const *command, char *const *environment,
                      const sigset_t *mask)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1}, report[2] = {-1, -1};
    int error;
    pid_t pid = -1;

    if (make_pipes(out, err, report) == 0)
        pid = fork();
    if (pid == 0)
        become(command, environment, mask, out[1], err[1], report[1]);
    if (pid < 0) {
        error = errno;
        close_pair(out);
        close_pair(err);
        close_pair(report);
        return error;
    }
    (void)close(out[1]);
    (void)close(err[1]);
    (void)close(report[1]);
    error = wait_for_exec(report[0]);
    (void)close(report[0]);
    if (error != 0) {
        (void)waitpid(pid, NULL, 0);
        (void)close(out[0]);
        (void)close(err[0]);
        return error;
    }
    child->pid = pid;
    child->out.fd = out[0];
    child->err.fd = err[0];
    child->out.size = child->err.size = 0;
    return 0;
}

void serve_child_poll(const serve_child *child, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = child->out.fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = child->err.fd, .events = POLLIN};
}

/* Give whole lines away, and a part where the line fills its memory or `all` is asked for. */
static void give_lines(serve_child *child, serve_pipe *p, int all)
{
    size_t at = 0;

    while (at < p->size) {
        const char *end = memchr(p->line + at, '\n', p->size - at);
        size_t size = end != NULL ? (size_t)(end - (p->line + at)) : p->size - at;

        if (end == NULL && !all && !(at == 0 && p->size == sizeof p->line))
            break;
        child->line(child->context, p->line + at, size, p == &child->err);
        at += size + (end != NULL);
    }
    memmove(p->line, p->line + at, p->size - at);
    p->size -= at;
}

static void read_pipe(serve_child *child, serve_pipe *p)
{
    while (p->fd >= 0) {
        ssize_t got = read(p->fd, p->line + p->size, sizeof p->line - p->size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            (void)close(p->fd);
            p->fd = -1;
        } else {
            p->size += (size_t)got;
        }
        give_lines(child, p, got <= 0);
    }
}

void serve_child_read(serve_child *child)
{
    read_pipe(child, &child->out);
    read_pipe(child, &child->err);
}

int serve_child_ended(serve_child *child, int *status)
{
    if (child->pid == 0 || waitpid(child->pid, status, WNOHANG) != child->pid)
        return 0;
    serve_child_read(child);
    /* Descendants of the function may hold its pipes open: they are not waited for. */
    give_lines(child, &child->out, 1);
    give_lines(child, &child->err, 1);
    if (child->out.fd >= 0)
        (void)close(child->out.fd);
    if (child->err.fd >= 0)
        (void)close(child->err.fd);
    child->out.fd = child->err.fd = -1;
    child->pid = 0;
    return 1;
}

void serve_child_signal(const serve_child *child, int number)
{
    if (child->pid > 0)
        (void)kill(child->pid, number);
}
