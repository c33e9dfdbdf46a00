/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGTERM and SIGINT, each case in a process of its own. The process ends at once if no event is
 * being handled, otherwise when the last loop has answered, and immediately at a second signal.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/stop.h"
#include "tests/support/harness.h"

enum { SOON_MS = 30, NEVER_MS = 5000, NOT_ENDED = 77, LOOPS = 3 };

static stop s;

static void sleep_ms(int64_t ms)
{
    clock_sleep_until(clock_after_ms(ms));
}

/* Run `body` in a process of its own. Returns its exit status, or 256 plus the number of the signal
 * that ended it. */
static int status_of(void (*body)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(2 * NEVER_MS / 1000); /* SIGALRM ends the child process if it hangs. */
        if (stop_start(&s) != 0)
            _exit(99);
        body();
        _exit(NOT_ENDED);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void idle(void)
{
    kill(getpid(), SIGTERM);
    sleep_ms(NEVER_MS);
}

static void idle_again(void)
{
    stop_busy(&s);
    stop_idle(&s);
    kill(getpid(), SIGINT);
    sleep_ms(NEVER_MS);
}

static void no_signal(void)
{
    for (int i = 0; i < 1000; i++) {
        stop_busy(&s);
        stop_idle(&s);
    }
}

/* The event that is being handled is answered first: the process lives until it says so. */
static void busy(void)
{
    stop_busy(&s);
    kill(getpid(), SIGTERM);
    sleep_ms(SOON_MS);
    stop_idle(&s);
}

static void busy_for_long(void)
{
    stop_busy(&s);
    kill(getpid(), SIGTERM);
    sleep_ms(SOON_MS);
}

static void impatient(void)
{
    stop_busy(&s);
    kill(getpid(), SIGTERM);
    sleep_ms(SOON_MS);
    kill(getpid(), SIGINT);
    sleep_ms(NEVER_MS);
}

static void *answer_later(void *argument)
{
    sleep_ms((int64_t)(size_t)argument);
    stop_idle(&s);
    _exit(99); /* stop_idle must not return. */
}

/* Several loops handle an event each, and some of them answer. The process ends only when all
 * have. */
static void several(size_t that_answer)
{
    pthread_t threads[LOOPS];

    for (int i = 0; i < LOOPS; i++)
        stop_busy(&s);
    kill(getpid(), SIGTERM);
    for (size_t i = 0; i < that_answer; i++)
        if (pthread_create(&threads[i], NULL, answer_later, (void *)(10 * (i + 1))) != 0)
            _exit(99);
    sleep_ms(that_answer < LOOPS ? 10 * LOOPS + SOON_MS : NEVER_MS);
}

static void all_answer(void)
{
    several(LOOPS);
}

static void one_does_not(void)
{
    several(LOOPS - 1);
}

static const struct {
    const char *name;
    void (*body)(void);
    int expected;
} cases[] = {
    {"nothing in hand", idle, 0},
    {"nothing in hand any more, SIGINT", idle_again, 0},
    {"no signal", no_signal, NOT_ENDED},
    {"an event in hand", busy, 0},
    {"an event in hand is waited for", busy_for_long, NOT_ENDED},
    {"a second signal", impatient, 128 + SIGINT},
    {"several loops: the last one ends it", all_answer, 0},
    {"several loops: one has not answered", one_does_not, NOT_ENDED},
};

int main(int argc, char **argv)
{
    harness_init("test_stop", argc, argv);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (harness_case("%s", cases[i].name)) {
            int status = status_of(cases[i].body);

            CHECKF(status == cases[i].expected, "status %d, expected %d", status,
                   cases[i].expected);
        }
    return harness_finish();
}
