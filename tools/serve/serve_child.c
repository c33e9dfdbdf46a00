/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the process of the function, reads its outputs and waits for its end; see
 * serve_child.h. */
#define _GNU_SOURCE /* This declares pipe2 and execvpe. */
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

/* Become the program of the function. This runs in the new process and does not return; if it
 * fails, it writes errno to error_fd. */
static void execute(char *const *command, char *const *environment, const sigset_t *mask, int out,
                    int err, int error_fd)
{
    int error;

    (void)setpgid(0, 0);
    if (dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 &&
        prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && sigprocmask(SIG_SETMASK, mask, NULL) == 0)
        (void)execvpe(command[0], command, environment);
    error = errno;
    while (write(error_fd, &error, sizeof error) < 0 && errno == EINTR) {
    }
    _exit(127);
}

static void close_pair(const int *pair)
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            (void)close(pair[i]);
}

/* Wait until the new process has become the program. Returns 0, or the errno that it wrote. The
 * pipe closes by itself when the program starts, because it is marked close-on-exec. */
static int wait_for_exec(int fd)
{
    int error = 0;
    ssize_t got;

    do
        got = read(fd, &error, sizeof error);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof error ? error : 0;
}

/* Make pipes for the two outputs and for the errno of a failed start. Reading from the outputs does
 * not block. */
static int make_pipes(int out[2], int err[2], int error[2])
{
    return pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0 &&
                   pipe2(error, O_CLOEXEC) == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0 &&
                   fcntl(err[0], F_SETFL, O_NONBLOCK) == 0
               ? 0
               : -1;
}

int serve_child_start(serve_child *child, char *const *command, char *const *environment,
                      const sigset_t *mask)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1}, start[2] = {-1, -1};
    int error;
    pid_t pid = -1;

    if (make_pipes(out, err, start) == 0)
        pid = fork();
    if (pid == 0)
        execute(command, environment, mask, out[1], err[1], start[1]);
    if (pid < 0) {
        error = errno;
        close_pair(out);
        close_pair(err);
        close_pair(start);
        return error;
    }
    (void)close(out[1]);
    (void)close(err[1]);
    (void)close(start[1]);
    error = wait_for_exec(start[0]);
    (void)close(start[0]);
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

/* Pass on whole lines. An incomplete line is passed on if it fills the memory, or if `all` is 1. */
static void pass_lines(serve_child *child, serve_pipe *p, int all)
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
        pass_lines(child, p, got <= 0);
    }
}

void serve_child_read(serve_child *child)
{
    read_pipe(child, &child->out);
    read_pipe(child, &child->err);
}

int serve_child_has_ended(serve_child *child, int *status)
{
    if (child->pid == 0 || waitpid(child->pid, status, WNOHANG) != child->pid)
        return 0;
    serve_child_read(child);
    /* The pipes are closed without waiting for their end, because other processes that the function
     * started may still hold them open. */
    pass_lines(child, &child->out, 1);
    pass_lines(child, &child->err, 1);
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
