/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGTERM at many moments around the arrival of an event. A stand-in for the Runtime API counts the
 * events that it hands out and the answers that come back: whenever the signal arrives, the
 * function answers each event that was sent to it, and ends with status 0.
 *
 * The stand-in hands out no event to a client that has closed its side of the connection, as no
 * server would that looks. The program is $DISTIL_BOOTSTRAP, or bootstrap in the build directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lambda/net/http.h"
#include "runtime/base/clock.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"

enum { ROUNDS = SANITIZED ? 40 : 400, MAX_SPIN_US = 150, END_MS = 20000, MAX_PATH = 4096 };

#define TEXT "{\"text\":\"A gorgeous, witty, seductive movie.\"}"
#define ACCEPTED "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"

/* When the signal is sent. */
typedef enum moment { BEFORE_EVENT, AFTER_EVENT, BEFORE_ACKNOWLEDGEMENT, MOMENTS } moment;

static char program[MAX_PATH], blob[MAX_PATH + 16];

/* One round: the function, the stand-in's connection to it, and what was handed out. */
typedef struct round_state {
    pid_t pid;
    int connection; /* -1: there is none. */
    moment when;
    int events_before; /* Events that are answered before the one that meets the signal. */
    int64_t spin_us;
    int signalled, handed_out, answered;
} round_state;

static int listen_any(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        abort();
    *port = ntohs(at.sin_port);
    return fd;
}

static pid_t start(uint16_t port)
{
    char api[64], model[MAX_PATH + 64];
    char *arguments[] = {program, NULL};
    char *environment[] = {api, model, "DISTIL_STORE=none", "DISTIL_VERIFY=none", NULL};
    pid_t pid;

    snprintf(api, sizeof api, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%u", port);
    snprintf(model, sizeof model, "DISTIL_MODEL=%s", blob);
    pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        execve(program, arguments, environment);
        _exit(127);
    }
    return pid;
}

/* Let a short time pass without giving up the CPU. */
static void spin(int64_t us)
{
    int64_t until = clock_now_ns() + us * 1000;

    while (clock_now_ns() < until)
        ;
}

static void send_signal(round_state *r)
{
    r->signalled = 1;
    kill(r->pid, SIGTERM);
}

static void drop_connection(round_state *r)
{
    if (r->connection >= 0)
        close(r->connection);
    r->connection = -1;
}

/* Hand out an event unless the function has closed its side. */
static void hand_out(round_state *r)
{
    char text[512], byte;

    if (recv(r->connection, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        drop_connection(r);
        return;
    }
    snprintf(text, sizeof text,
             "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: event-%d\r\n"
             "Lambda-Runtime-Deadline-Ms: 4102444800000\r\nContent-Length: %zu\r\n\r\n" TEXT,
             r->handed_out, sizeof TEXT - 1);
    if (send(r->connection, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text))
        r->handed_out++;
}

static void answer_next(round_state *r)
{
    int meets_signal = !r->signalled && r->handed_out == r->events_before;

    if (meets_signal && r->when == BEFORE_EVENT) {
        send_signal(r);
        spin(r->spin_us);
    }
    hand_out(r);
    if (meets_signal && r->when == AFTER_EVENT) {
        spin(r->spin_us);
        send_signal(r);
    }
}

static void answer_post(round_state *r, const char *request)
{
    char expected[64];

    snprintf(expected, sizeof expected, "/invocation/event-%d/response ", r->answered);
    CHECKF(strstr(request, expected) != NULL && strstr(request, "positive") != NULL, "%s", request);
    r->answered++;
    if (!r->signalled && r->when == BEFORE_ACKNOWLEDGEMENT && r->answered > r->events_before) {
        send_signal(r);
        spin(r->spin_us);
    }
    (void)!send(r->connection, ACCEPTED, sizeof ACCEPTED - 1, MSG_NOSIGNAL);
}

/* Read a whole request, and put a NUL behind it. Returns 0, or -1 at the connection's end. */
static int receive_request(int fd, char *out, size_t capacity)
{
    size_t size = 0;
    http_head head;

    while (size < capacity - 1) {
        ssize_t n = recv(fd, out + size, capacity - 1 - size, 0);

        if (n <= 0)
            return -1;
        size += (size_t)n;
        out[size] = '\0';
        if (http_parse_request(&head, out, size) == HTTP_DONE &&
            size >= head.bytes + head.content_length)
            return 0;
    }
    return -1;
}

static void serve_request(round_state *r)
{
    char request[8192];

    if (receive_request(r->connection, request, sizeof request) != 0)
        drop_connection(r);
    else if (strncmp(request, "GET ", 4) == 0)
        answer_next(r);
    else
        answer_post(r, request);
}

/* Serve the function until it ends. Returns its exit status, or 256 plus the number of the signal
 * that ended it. */
static int serve_until_end(round_state *r, int listener)
{
    int64_t until = clock_after_ms(END_MS);
    int status = 0;

    /* What a process has sent before its end can still be read afterwards. */
    for (int ended = 0; !ended || r->connection >= 0;) {
        struct pollfd p[2] = {{r->connection, POLLIN, 0}, {listener, POLLIN, 0}};

        if (!ended)
            ended = waitpid(r->pid, &status, WNOHANG) == r->pid;
        if (clock_now_ns() > until) {
            harness_fail(__FILE__, __LINE__, "the function does not end");
            kill(r->pid, SIGKILL);
            until = CLOCK_NEVER;
        }
        if (poll(p, 2, ended ? 0 : 2) <= 0) {
            if (ended)
                break;
            continue;
        }
        if (p[0].revents != 0)
            serve_request(r);
        else if (p[1].revents != 0 && r->connection < 0)
            r->connection = accept(listener, NULL, NULL);
        else if (p[1].revents != 0 && r->connection >= 0)
            drop_connection(r);
    }
    drop_connection(r);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void run_round(int listener, uint16_t port, int number)
{
    round_state r = {.connection = -1,
                     .when = (moment)(harness_random() % MOMENTS),
                     .events_before = (int)(harness_random() % 3),
                     .spin_us = (int64_t)(harness_random() % MAX_SPIN_US)};
    int status;

    r.pid = start(port);
    if (r.pid < 0)
        abort();
    status = serve_until_end(&r, listener);
    CHECKF(status == 0, "round %d: status %d", number, status);
    CHECKF(r.handed_out == r.answered,
           "round %d: %d events were handed out and %d answered; moment %d, %lld us", number,
           r.handed_out, r.answered, (int)r.when, (long long)r.spin_us);
}

int main(int argc, char **argv)
{
    const char *build = getenv("DISTIL_BUILD"), *chosen = getenv("DISTIL_BOOTSTRAP");

    harness_init("test_term", argc, argv);
    if (build == NULL)
        build = "build";
    if (chosen != NULL)
        snprintf(program, sizeof program, "%s", chosen);
    else
        snprintf(program, sizeof program, "%s/bootstrap", build);
    if (realpath(build, blob) == NULL || access(program, X_OK) != 0) {
        printf("%s: %s\n", program, strerror(errno));
        return 1;
    }
    strcat(blob, "/sst2.distil");
    if (harness_case("no event is lost in %d rounds", ROUNDS)) {
        uint16_t port;
        int listener = listen_any(&port);

        for (int i = 0; i < ROUNDS; i++)
            run_round(listener, port, i);
        close(listener);
    }
    return harness_finish();
}
