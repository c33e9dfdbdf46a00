/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks, also while signals interrupt every system call, as a profiler's do: no pause may end
 * early, and no log line may be lost or torn on a pipe that is full.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/log.h"
#include "tests/support/harness.h"

enum { SIGNAL_US = 300, PAUSE_MS = 40, LINES = 400, LINE_BYTES = 3000 };

static volatile sig_atomic_t hits;

static void hit(int number)
{
    (void)number;
    hits++;
}

/* Have the system send SIGALRM every `us` microseconds, or stop it with 0. The signal interrupts
 * system calls. */
static void send_signals(int us)
{
    const struct itimerval timer = {{0, us}, {0, us}};
    struct sigaction action;

    memset(&action, 0, sizeof action); /* without SA_RESTART */
    action.sa_handler = hit;
    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &timer, NULL) != 0)
        abort();
}

static void test_pause(void)
{
    int64_t begun = clock_now_ns();

    if (!harness_case("a pause is not cut short by signals"))
        return;
    hits = 0;
    send_signals(SIGNAL_US);
    clock_sleep_until(clock_after_ms(PAUSE_MS));
    send_signals(0);
    CHECKF(clock_now_ns() - begun >= PAUSE_MS * INT64_C(1000000), "%lld ns, %d signals",
           (long long)(clock_now_ns() - begun), (int)hits);
    CHECK(hits > 0);
}

static void test_limits(void)
{
    if (!harness_case("times beyond the range")) {
        return;
    }
    CHECK(clock_after_ms(INT64_MAX) == CLOCK_NEVER);
    CHECK(clock_after_ms(CLOCK_NEVER / 1000000) == CLOCK_NEVER);
    CHECK(clock_after_ms(-5) <= clock_now_ns());
    clock_sleep_until(0); /* times in the past */
    clock_sleep_until(-1);
    clock_sleep_until(clock_now_ns() - 1);
}

static void test_deadlines(void)
{
    int64_t begun = clock_now_ns(), deadline;

    if (!harness_case("deadlines"))
        return;
    deadline = clock_after_ms(20);
    CHECK(deadline >= begun + 20000000 && deadline < begun + 2000000000);
    clock_sleep_until(deadline);
    CHECK(clock_now_ns() >= deadline);
    begun = clock_now_ns();
    clock_sleep_until(begun - 1);
    clock_sleep_until(0);
    clock_sleep_until(INT64_MIN);
    CHECK(clock_now_ns() - begun < 15000000);
    CHECK(clock_after_ms(0) <= clock_now_ns() && clock_after_ms(-5) <= clock_now_ns());
    CHECK(clock_after_ms(INT64_MAX) == CLOCK_NEVER);
    CHECK(clock_after_ms(INT64_MAX / 1000000) == CLOCK_NEVER);
    CHECK(clock_unix_ms() > 1700000000000 && clock_unix_ms() < 10000000000000);
}

typedef struct reading {
    int fd;
    size_t bytes, lines, torn;
} reading;

/* Read the pipe with pauses, so that it is full most of the time, and count lines. */
static void *read_slowly(void *argument)
{
    reading *r = argument;
    size_t in_line = 0;
    char text[5000];
    ssize_t n;

    while ((n = read(r->fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            in_line++;
            if (text[i] != '\n')
                continue;
            r->lines++;
            r->torn += in_line != LINE_BYTES;
            in_line = 0;
        }
        r->bytes += (size_t)n;
        clock_sleep_until(clock_now_ns() + 50000);
    }
    return NULL;
}

static void test_write(void)
{
    char line[LINE_BYTES];
    reading r = {0, 0, 0, 0};
    sigset_t alarms;
    pthread_t thread;
    int ends[2];

    if (!harness_case("a line is written whole whatever interrupts it"))
        return;
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    if (pipe(ends) != 0)
        abort();
    r.fd = ends[0];
    /* The reading thread inherits a mask that blocks the signal. */
    if (pthread_sigmask(SIG_BLOCK, &alarms, NULL) != 0 ||
        pthread_create(&thread, NULL, read_slowly, &r) != 0 ||
        pthread_sigmask(SIG_UNBLOCK, &alarms, NULL) != 0)
        abort();
    hits = 0;
    send_signals(SIGNAL_US);
    for (int i = 0; i < LINES; i++)
        log_write(ends[1], line, sizeof line);
    send_signals(0);
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
    CHECK(hits > 0);
    CHECKF(r.lines == LINES && r.torn == 0 && r.bytes == (size_t)LINES * LINE_BYTES,
           "%zu lines, %zu torn, %zu bytes, %d signals", r.lines, r.torn, r.bytes, (int)hits);
}

int main(int argc, char **argv)
{
    harness_init("test_clock", argc, argv);
    test_deadlines();
    test_pause();
    test_limits();
    test_write();
    return harness_finish();
}
