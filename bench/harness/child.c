/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of child.h. */
#define _GNU_SOURCE /* glibc declares accept4 and pipe2 only with this macro. */
#include "bench/harness/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/machine.h"

enum { FIRST_BYTES_MS = 10000, END_MS = 2000 };

/* Turns the forked child into the program: sets standard input and output (a descriptor below 0
 * leaves a stream as it is), adds to the environment, and executes. */
static void execute(char *const argv[], char *const environment[], int in, int out)
{
    /* The kernel ends the program when the harness dies, so that none outlives it. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (size_t i = 0; environment && environment[i]; i++)
        putenv(environment[i]);
    if (in >= 0)
        dup2(in, 0);
    if (out >= 0)
        dup2(out, 1);
    execv(argv[0], argv);
    fprintf(stderr, "distil bench: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Milliseconds until `until_ns` on the clock of bench_now_ns, rounded up, for poll. */
static int ms_until(double until_ns)
{
    double ms = (until_ns - bench_now_ns()) * 1e-6;

    return ms > 0 ? (int)ms + 1 : 0;
}

/* Waits until fd has bytes or has reached its end. Returns 1, or 0 where the time has come
 * first. */
static int readable_before(int fd, double until)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms_until(until)) == 1;
}

/* Waits for the end of a child without collecting it. Returns 1, or 0 where the time has come
 * first. */
static int ends_before(pid_t pid, double until)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), ended;
    siginfo_t info = {0};

    if (fd >= 0) {
        ended = readable_before(fd, until);
        close(fd);
        return ended;
    }
    /* Linux before 5.3 has no pidfd_open, so this loop asks every 200 us. */
    while (info.si_pid == 0 && bench_now_ns() < until) {
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) != 0)
            return 1;
        usleep(200);
    }
    return info.si_pid != 0;
}

static void print_killed(const char *program, const char *lacks, int limit_ms)
{
    fprintf(stderr, "distil bench: %s: %s within %g s; killed\n", program, lacks, limit_ms * 1e-3);
}

/* Collects a child at its end, or kills it first if it has not ended after limit_ms. Returns 0, or
 * -1 where it had to be killed. */
static int collect(pid_t pid, int limit_ms, int *status)
{
    int ended = ends_before(pid, bench_now_ns() + limit_ms * 1e6);

    if (!ended)
        kill(pid, SIGKILL);
    return waitpid(pid, status, 0) == pid && ended ? 0 : -1;
}

char *child_argument(const char *text)
{
    return (char *)(size_t)text;
}

int child_run(double *wall_ns, char *const argv[], char *const environment[], int limit_ms)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), status = 0;
    double start = bench_now_ns();
    pid_t pid = fork();

    if (pid == 0)
        execute(argv, environment, null, null);
    close(null);
    if (pid < 0)
        return -1;
    if (collect(pid, limit_ms, &status) != 0) {
        print_killed(argv[0], "no end", limit_ms);
        return -1;
    }
    *wall_ns = bench_now_ns() - start;
    if (status != 0) {
        fprintf(stderr, "distil bench: %s: ended with status %d\n", argv[0],
                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        return -1;
    }
    return 0;
}

int child_capture(char *out, size_t capacity, char *const argv[], char *const environment[],
                  int limit_ms)
{
    double until = bench_now_ns() + limit_ms * 1e6;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd[2], status = -1;
    char rest[512];
    size_t got = 0;
    ssize_t n;
    pid_t pid;

    if (pipe2(fd, O_CLOEXEC) != 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        dup2(fd[1], 2);
        execute(argv, environment, null, null);
    }
    close(fd[1]);
    close(null);
    while (readable_before(fd[0], until) &&
           (n = read(fd[0], got + 1 < capacity ? out + got : rest,
                     got + 1 < capacity ? capacity - 1 - got : sizeof rest)) > 0)
        got += got + 1 < capacity ? (size_t)n : 0;
    out[got] = '\0';
    close(fd[0]);
    if (pid < 0)
        return -1;
    if (collect(pid, ms_until(until), &status) != 0) {
        print_killed(argv[0], "no end", limit_ms);
        return -1;
    }
    if (!WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

int child_start(child_worker *w, char *const argv[], char *const environment[], int quiet)
{
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC) != 0)
        return -1;
    if (pipe2(out, O_CLOEXEC) != 0) {
        close(in[0]);
        close(in[1]);
        return -1;
    }
    w->pid = fork();
    if (w->pid == 0) {
        if (quiet)
            dup2(open("/dev/null", O_WRONLY), 2);
        execute(argv, environment, in[0], out[1]);
    }
    close(in[0]);
    close(out[1]);
    w->to = in[1];
    w->from = out[0];
    w->program = argv[0];
    return w->pid > 0 ? 0 : -1;
}

static double print_no_answer(const child_worker *w, const char *why)
{
    fprintf(stderr, "distil bench: %s: %s\n", w->program, why);
    return -1;
}

double child_ask(child_worker *w, const char *line, size_t size, int limit_ms)
{
    double start = bench_now_ns(), until = start + limit_ms * 1e6;
    size_t got = 0;

    if (write(w->to, line, size) != (ssize_t)size)
        return print_no_answer(w, "takes no line on its standard input");
    do {
        ssize_t n;

        if (!readable_before(w->from, until)) {
            kill(w->pid, SIGKILL);
            print_killed(w->program, "no answer", limit_ms);
            return -1;
        }
        n = read(w->from, w->reply + got, sizeof w->reply - 1 - got);
        if (n <= 0)
            return print_no_answer(w, "ended without an answer");
        got += (size_t)n;
        if (got == sizeof w->reply - 1 && w->reply[got - 1] != '\n')
            return print_no_answer(w, "an answer that is longer than 4 KB");
    } while (w->reply[got - 1] != '\n');
    w->reply[got] = '\0';
    return bench_now_ns() - start;
}

void child_stop(child_worker *w)
{
    close(w->to);
    close(w->from);
    (void)collect(w->pid, END_MS, NULL);
}

/* The pipe must not fill up, because the program would then block, and must not be closed, because
 * the program would then fail. So another process reads it to its end. */
void child_drain(child_worker *w)
{
    pid_t reader = fork();

    if (reader == 0) {
        char rest[4096];

        close(w->to);
        while (read(w->from, rest, sizeof rest) > 0)
            ;
        _exit(0);
    }
    close(w->from);
    w->from = -1;
}

void child_end(child_worker *w)
{
    close(w->to);
    kill(w->pid, SIGTERM);
    (void)collect(w->pid, END_MS, NULL);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        /* child_end waits for the process that child_drain has started, so that no zombie is
         * left. */
        ;
}

double child_peak_bytes(pid_t pid)
{
    char name[64], line[256];
    unsigned long kilobytes;
    double bytes = -1;
    FILE *status;

    snprintf(name, sizeof name, "/proc/%ld/status", (long)pid);
    status = fopen(name, "r");
    if (!status)
        return -1;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %lu kB", &kilobytes) == 1)
            bytes = (double)kilobytes * 1024;
    fclose(status);
    return bytes;
}

double child_mapped_bytes(pid_t pid, const char *file)
{
    char name[64], line[4352];
    double bytes = -1;
    int inside = 0;
    FILE *smaps;

    snprintf(name, sizeof name, "/proc/%ld/smaps", (long)pid);
    smaps = fopen(name, "r");
    if (!smaps)
        return -1;
    while (fgets(line, sizeof line, smaps)) {
        unsigned long kilobytes;

        line[strcspn(line, "\n")] = '\0';
        if (strchr(line, '-') && strchr(line, ':') && strchr(line, '-') < strchr(line, ':')) {
            /* The line that begins a mapping has an address range, a device with a colon, and the
             * file. */
            const char *path = strchr(line, '/');

            inside = path && strcmp(path, file) == 0;
        } else if (inside && sscanf(line, "Rss: %lu kB", &kilobytes) == 1)
            bytes = (bytes < 0 ? 0 : bytes) + (double)kilobytes * 1024;
    }
    fclose(smaps);
    return bytes;
}

/* Opens a socket that listens on a free port of the loopback interface. Returns it, or -1. */
static int listen_on_free_port(unsigned *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 4) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &size) == 0) {
        *port = ntohs(at.sin_port);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

double child_first_byte_ns(char *const argv[], char *const environment[], const char *variable)
{
    unsigned port = 0;
    int listening = listen_on_free_port(&port), null = open("/dev/null", O_RDWR | O_CLOEXEC),
        fd = -1;
    char assignment[128], byte;
    double start = bench_now_ns(), ns = -1;
    pid_t pid = listening < 0 ? -1 : fork();

    if (pid == 0) {
        snprintf(assignment, sizeof assignment, "%s=127.0.0.1:%u", variable, port);
        putenv(assignment);
        execute(argv, environment, null, null);
    }
    if (pid > 0 && readable_before(listening, start + (double)FIRST_BYTES_MS * 1e6))
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0 && readable_before(fd, start + (double)FIRST_BYTES_MS * 1e6) &&
        recv(fd, &byte, 1, 0) == 1)
        ns = bench_now_ns() - start;
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (fd >= 0)
        close(fd);
    if (listening >= 0)
        close(listening);
    close(null);
    return ns;
}
