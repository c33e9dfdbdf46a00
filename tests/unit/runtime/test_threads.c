/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests the threads of a context: every number of threads gives the same bits, no thread is left
 * over, idle threads use no CPU time, and contexts survive cancellation, fork, signals and a system
 * that refuses threads.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cpus.h"
#include "runtime/distil.h"
#include "runtime/pool.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_model.h"

enum { LABELS = 2, MAX_TEXTS = 1500, MAX_BATCH = 64, CHILD_SECONDS = 60 };

/* ThreadSanitizer makes a pass twenty times slower. Under it every case runs, with fewer texts and
 * repetitions; a data race shows in the first of them. */
enum {
    POOL_LOOPS = THREAD_SANITIZER ? 1000 : 20000,
    SENTENCE_STEP = THREAD_SANITIZER ? 80 : 8,
    LENGTH_STEP = THREAD_SANITIZER ? 5 : 1,
    IDS_STEP = THREAD_SANITIZER ? 164 : 41,
    CANCELLED_CALLS = THREAD_SANITIZER ? 8 : 30,
    CONTEXTS = THREAD_SANITIZER ? 30 : 200
};

typedef float logits_row[LABELS];

/* Sentences, followed by texts with chosen numbers of tokens. */
typedef struct corpus {
    distil_text texts[MAX_TEXTS];
    /* the logits that a context without threads gives, one text at a time */
    logits_row expected[MAX_TEXTS];
    size_t count;
    char *made; /* the memory of the texts that are not sentences */
} corpus;

static const char gorgeous[] = "A gorgeous, witty, seductive movie.";

/* ---- helpers -------------------------------------------------------------------------------- */

/* The number of threads that the process has without any context. A sanitizer may have one of its
 * own. */
static size_t tasks_at_start;

static size_t count_tasks(void)
{
    DIR *d = opendir("/proc/self/task");
    size_t n = 0;

    for (struct dirent *entry; d && (entry = readdir(d));)
        n += entry->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* Waits until the process has `expected` threads more than at the start, since a joined thread may
 * be listed for a moment. Returns 0 if that does not happen within two seconds. */
static int tasks_become(size_t expected)
{
    const struct timespec pause = {0, 1000000};

    for (int i = 0; i < 2000; i++) {
        if (count_tasks() == tasks_at_start + expected)
            return 1;
        nanosleep(&pause, NULL);
    }
    return 0;
}

static void *do_nothing(void *argument)
{
    return argument;
}

/* Counts the threads at the start. It makes and joins a thread before, because sanitizers start a
 * thread of their own together with the first one. */
static void count_at_start(void)
{
    const struct timespec pause = {0, 50000000};
    pthread_t thread;

    if (pthread_create(&thread, NULL, do_nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        exit(1);
    nanosleep(&pause, NULL);
    tasks_at_start = count_tasks();
}

static distil_context *make_context(const distil_model *model, size_t threads, size_t tokens)
{
    distil_context_options options = {.threads = threads, .max_batch_tokens = tokens};
    distil_context *context = NULL;
    distil_status status = distil_context_new(&context, model, &options, NULL);

    if (status != DISTIL_OK) {
        fprintf(stderr, "context of %zu threads: %s\n", threads, distil_status_str(status));
        exit(1);
    }
    return context;
}

/* Returns 1 if the context gives the expected bits for the first three texts. */
static int works(distil_context *context, const corpus *c)
{
    for (size_t i = 0; i < 3; i++) {
        distil_result result;
        logits_row logits = {0};
        distil_scores scores = {logits, NULL};
        distil_text text = c->texts[i];

        if (distil_classify(context, &result, &scores, text.bytes, text.size, 0) != DISTIL_OK ||
            memcmp(logits, c->expected[i], sizeof logits) != 0)
            return 0;
    }
    return 1;
}

/* Runs fn in a child process and returns its exit status, or -1 if it was killed or hung. */
static int in_child(int (*fn)(void *), void *user)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        alarm(CHILD_SECONDS);
        _exit(fn(user));
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the pool alone ------------------------------------------------------------------------- */

enum { LOOP_MAX = 300 };

typedef struct loop_job {
    _Atomic unsigned char times[LOOP_MAX];
    _Atomic unsigned char busy[8]; /* (threads) 1 while a part runs with that thread number */
    _Atomic int wrong;
    size_t n;
} loop_job;

static void loop_step(void *job, size_t thread, size_t begin, size_t end)
{
    loop_job *j = job;

    if (begin >= end || end > j->n || thread >= 8 || atomic_fetch_add(&j->busy[thread], 1) != 0)
        atomic_store(&j->wrong, 1);
    for (size_t i = begin; i < end && i < LOOP_MAX; i++)
        atomic_fetch_add(&j->times[i], 1);
    atomic_fetch_sub(&j->busy[thread], 1);
}

static void test_pool(void)
{
    for (size_t threads = 2; threads <= 8; threads += 3) {
        void *memory = aligned_alloc(64, (distil_pool_bytes(threads) + 63) / 64 * 64);
        distil_pool *pool;

        if (!harness_case("pool of %zu: every index once", threads)) {
            free(memory);
            continue;
        }
        pool = distil_pool_start(memory, threads);
        CHECK(pool != NULL);
        for (int loop = 0; pool && loop < POOL_LOOPS; loop++) {
            loop_job j = {.n = (size_t)(harness_random() % LOOP_MAX)};
            size_t parts = j.n > 0 ? 1 + (size_t)(harness_random() % j.n) : 0;
            size_t missed = 0;

            if (loop % 50 == 0)
                distil_pool_wake(pool);
            distil_pool_run(pool, loop_step, &j, j.n, parts);
            for (size_t i = 0; i < LOOP_MAX; i++)
                missed += atomic_load(&j.times[i]) != (i < j.n);
            CHECKF(missed == 0 && !atomic_load(&j.wrong), "loop %d of %zu in %zu parts: %zu wrong",
                   loop, j.n, parts, missed);
            if (loop % 50 == 20)
                distil_pool_rest(pool);
            if (missed > 0)
                break;
        }
        distil_pool_stop(pool);
        free(memory);
    }
}

/* ---- same bits ------------------------------------------------------------------------------ */

static void add_length(corpus *c, char **at, size_t tokens)
{
    static const char *const words[] = {"good ", "bad ", "film ", "never ", "the ", "great "};
    char *begin = *at;

    for (size_t i = 0; i < tokens - 2; i++) {
        const char *word = words[harness_random() % (sizeof words / sizeof words[0])];

        memcpy(*at, word, strlen(word));
        *at += strlen(word);
    }
    c->texts[c->count++] = (distil_text){.bytes = begin, .size = (size_t)(*at - begin)};
}

static void corpus_make(corpus *c, const support_sentences *sentences)
{
    static const size_t usual[] = {31,  32,  33,  36,  47,  48,  49,  63,  64,  65,  96,
                                   127, 128, 129, 192, 193, 256, 257, 300, 384, 511, 512};
    char *at = c->made = malloc(512 * 512 * 6);

    if (!at)
        exit(1);
    for (size_t s = 0; s < sentences->count; s += support_full() ? 1 : SENTENCE_STEP)
        c->texts[c->count++] = sentences->texts[s];
    for (size_t n = 2; n <= (support_full() ? 512u : 26u); n += LENGTH_STEP)
        add_length(c, &at, n);
    for (size_t i = 0; !support_full() && i < sizeof usual / sizeof usual[0]; i += LENGTH_STEP)
        add_length(c, &at, usual[i]);
}

/* Classifies every `step`-th text in batches. Returns 1 if every logit has the expected bits. */
static int compare(distil_context *context, const corpus *c, size_t step, size_t batch)
{
    distil_text texts[MAX_BATCH];
    distil_result results[MAX_BATCH];
    distil_scores scores[MAX_BATCH];
    logits_row logits[MAX_BATCH];
    size_t index[MAX_BATCH];

    for (size_t i = 0; i < c->count;) {
        size_t n = 0;

        for (; n < batch && i < c->count; n++, i += step) {
            index[n] = i;
            texts[n] = c->texts[i];
            scores[n] = (distil_scores){logits[n], NULL};
        }
        if (distil_classify_batch(context, results, scores, texts, n, 0) != DISTIL_OK)
            return 0;
        for (size_t k = 0; k < n; k++)
            if (memcmp(logits[k], c->expected[index[k]], sizeof logits[k]) != 0) {
                CHECKF(0, "text %zu of %zu tokens: %a %a, expected %a %a", index[k],
                       results[k].token_count, (double)logits[k][0], (double)logits[k][1],
                       (double)c->expected[index[k]][0], (double)c->expected[index[k]][1]);
                return 0;
            }
    }
    return 1;
}

static void test_bits(const distil_model *model, corpus *c, const char *level, size_t step,
                      size_t only_threads)
{
    static const size_t counts[] = {1, 2, 3, 4, 7}, batches[] = {1, 7, MAX_BATCH};

    for (size_t t = 0; t < sizeof counts / sizeof counts[0]; t++)
        for (size_t b = 0; b < 3; b++) {
            distil_context *context;

            if ((only_threads && counts[t] != only_threads) ||
                !harness_case("%s: %zu threads, batches of %zu, same bits", level, counts[t],
                              batches[b]))
                continue;
            context = make_context(model, counts[t], batches[b] > 7 ? 4096 : 0);
            CHECK(tasks_become(counts[t] - 1));
            CHECK(compare(context, c, step, batches[b]));
            distil_context_free(context);
        }
}

/* Classifies ids instead of text, from one token on. */
static void test_ids(const distil_model *model)
{
    int32_t ids[512];

    if (!harness_case("token ids, 1 .. 512 of them: same bits"))
        return;
    for (size_t i = 0; i < 512; i++)
        ids[i] = (int32_t)(1000 + harness_random() % 20000);
    distil_context *alone = make_context(model, 1, 0), *many = make_context(model, 4, 0);

    for (size_t n = 1; n <= 512; n += n < 20 || support_full() ? 1 : IDS_STEP) {
        logits_row expected, logits;
        distil_scores alone_scores = {expected, NULL}, many_scores = {logits, NULL};
        distil_result result;

        CHECK(distil_classify_ids(alone, &result, &alone_scores, ids, n) == DISTIL_OK);
        CHECK(distil_classify_ids(many, &result, &many_scores, ids, n) == DISTIL_OK);
        CHECKF(memcmp(expected, logits, sizeof logits) == 0, "%zu tokens differ", n);
    }
    distil_context_free(alone);
    distil_context_free(many);
}

/* The calling program may have changed the control register of SSE arithmetic. Here it flushes
 * denormals to zero and rounds up. */
static void test_rounding(const distil_model *model, const corpus *c)
{
    const unsigned odd = 0x1f80 | 0x8000 | 0x0040 | 0x4000;
    unsigned before = __builtin_ia32_stmxcsr();

    for (size_t threads = 1; threads <= 3; threads += 2) {
        distil_context *context;
        unsigned after;
        int right;

        if (!harness_case("the caller's rounding mode, %zu threads", threads))
            continue;
        __builtin_ia32_ldmxcsr(odd);
        context = make_context(model, threads, 0);
        right = 1;
        /* On a busy machine, the workers may not compute any part of a single call. */
        for (int i = 0; i < 20; i++)
            right &= works(context, c);
        distil_context_free(context);
        after = __builtin_ia32_stmxcsr();
        __builtin_ia32_ldmxcsr(before);
        CHECKF(right, "logits follow the caller's rounding mode");
        CHECKF((after & ~0x3fu) == odd, "the caller's mode is changed: %#x", after);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static void test_options(const distil_model *model, const corpus *c)
{
    distil_context_options options = {0};
    distil_context *const untouched = (distil_context *)(uintptr_t)0x5a5a;
    distil_context *context = untouched;
    size_t none, one, two;

    if (harness_case("number of threads: refused, sized")) {
        options.threads = 257;
        CHECK(distil_context_new(&context, model, &options, NULL) == DISTIL_BAD_ARGUMENT);
        options.threads = SIZE_MAX - 1;
        CHECK(distil_context_new(&context, model, &options, NULL) == DISTIL_BAD_ARGUMENT);
        CHECK(distil_context_bytes(model, &one, &options) == DISTIL_BAD_ARGUMENT);
        CHECK(context == untouched);
        CHECK(distil_context_bytes(model, &none, NULL) == DISTIL_OK);
        options.threads = 1;
        CHECK(distil_context_bytes(model, &one, &options) == DISTIL_OK && one == none);
        options.threads = 2;
        CHECK(distil_context_bytes(model, &two, &options) == DISTIL_OK && two > one);
    }
    if (harness_case("DISTIL_THREADS_AUTO: as many as usable CPUs")) {
        context = make_context(model, DISTIL_THREADS_AUTO, 0);
        CHECK(tasks_become(distil_cpus_usable() - 1));
        CHECK(works(context, c));
        distil_context_free(context);
    }
    if (harness_case("DISTIL_THREADS_AUTO: one CPU in the affinity mask, no thread")) {
        cpu_set_t before, one_cpu;

        CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
        CPU_ZERO(&one_cpu);
        for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one_cpu) == 0; cpu++)
            if (CPU_ISSET(cpu, &before))
                CPU_SET(cpu, &one_cpu);
        CHECK(sched_setaffinity(0, sizeof one_cpu, &one_cpu) == 0);
        context = make_context(model, DISTIL_THREADS_AUTO, 0);
        CHECK(count_tasks() == tasks_at_start);
        CHECK(works(context, c));
        distil_context_free(context);
        CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
    }
}

static void test_life(const distil_model *model, const corpus *c)
{
    enum { MANY = 12 };
    distil_context *many[MANY];

    if (harness_case("made and freed again and again, used or not")) {
        for (size_t i = 0; i < CONTEXTS; i++) {
            distil_context *context = make_context(model, i % 6, 0);

            if (i % 3 == 0)
                CHECK(works(context, c));
            distil_context_free(context);
        }
        CHECK(tasks_become(0));
    }
    if (harness_case("many contexts at once")) {
        size_t tasks = 0;

        for (size_t i = 0; i < MANY; i++) {
            many[i] = make_context(model, i % 5, 0);
            tasks += i % 5 > 1 ? i % 5 - 1 : 0;
        }
        CHECKF(tasks_become(tasks), "%zu threads, expected %zu", count_tasks(),
               tasks_at_start + tasks);
        for (size_t i = 0; i < MANY; i++)
            CHECK(works(many[i], c));
        for (size_t i = 0; i < MANY; i++)
            distil_context_free(many[(i * 5 + 2) % MANY]);
        CHECK(tasks_become(0));
    }
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void test_idle(const distil_model *model, const corpus *c)
{
    const struct timespec half = {0, 500000000};
    distil_context *context;
    double before;

    if (!harness_case("idle threads use no CPU"))
        return;
    context = make_context(model, 4, 0);
    for (int round = 0; round < 2; round++) { /* before the first call, and right after a call */
        before = cpu_seconds();
        nanosleep(&half, NULL);
        CHECKF(cpu_seconds() - before < 0.1, "%.3f s of CPU in 0.5 s", cpu_seconds() - before);
        CHECK(works(context, c));
    }
    distil_context_free(context);
}

/* The arguments and results of a calling thread. They are not on that thread's stack, because
 * AddressSanitizer keeps marks for the stack of a cancelled thread. */
typedef struct caller {
    const distil_model *model;
    distil_context *context;
    distil_context_options options;
    distil_result result;
    const corpus *corpus;
    _Atomic int started;
    int right, after;
} caller;

static void *call(void *argument)
{
    caller *self = argument;

    self->right = 1;
    for (int i = 0; i < 20; i++)
        self->right &= works(self->context, self->corpus);
    return NULL;
}

static void test_concurrent(const distil_model *model, const corpus *c)
{
    enum { CALLERS = 4 };
    pthread_t threads[CALLERS];
    caller callers[CALLERS];

    if (!harness_case("contexts with threads, used from several threads at once"))
        return;
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.context = make_context(model, 3, 0), .corpus = c};
        CHECK(pthread_create(&threads[i], NULL, call, &callers[i]) == 0);
    }
    for (size_t i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(callers[i].right);
        distil_context_free(callers[i].context); /* Another thread has used it. */
    }
    CHECK(tasks_become(0));
}

/* ---- signals -------------------------------------------------------------------------------- */

/* Returns the signals that a thread blocks as a mask, in which bit 0 is signal 1. */
static unsigned long long blocked_signals(const char *task)
{
    char path[300], line[256];
    unsigned long long mask = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "SigBlk: %llx", &mask) == 1)
            break;
    if (f)
        fclose(f);
    return mask;
}

/* Returns the same mask once the thread has set it: a new thread blocks all signals for a
 * moment. */
static unsigned long long settled_mask(const char *task)
{
    const struct timespec pause = {0, 1000000};
    unsigned long long mask = blocked_signals(task);

    for (int i = 0; i < 2000 && (mask >> (SIGSEGV - 1) & 1); i++) {
        nanosleep(&pause, NULL);
        mask = blocked_signals(task);
    }
    return mask;
}

static void test_signals(const distil_model *model)
{
    static const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGCHLD, SIGUSR1, SIGPROF};
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    distil_context *context;
    sigset_t before, after;
    size_t workers = 0, known = 0;
    int ids[16];
    DIR *d;

    if (!harness_case("workers block signals, the caller's mask stays"))
        return;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    d = opendir("/proc/self/task");
    for (struct dirent *entry; d && known < 16 && (entry = readdir(d));)
        ids[known++] = atoi(entry->d_name);
    if (d)
        closedir(d);
    context = make_context(model, 3, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int s = 1; s < 32; s++)
        CHECK(sigismember(&before, s) == sigismember(&after, s));
    d = opendir("/proc/self/task");
    for (struct dirent *entry; d && (entry = readdir(d));) {
        unsigned long long mask;
        int old = 0;

        for (size_t i = 0; i < known && !old; i++)
            old = ids[i] == atoi(entry->d_name);
        if (old)
            continue;
        workers++;
        mask = settled_mask(entry->d_name);
        for (size_t i = 0; i < sizeof blocked / sizeof blocked[0]; i++)
            CHECKF(mask >> (blocked[i] - 1) & 1, "signal %d is not blocked", blocked[i]);
        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
            CHECKF(!(mask >> (faults[i] - 1) & 1), "fault %d is blocked", faults[i]);
    }
    if (d)
        closedir(d);
    CHECK(workers == 2);
    distil_context_free(context);
}

/* ---- cancellation --------------------------------------------------------------------------- */

static void *call_until_cancelled(void *argument)
{
    caller *self = argument;

    for (;;) {
        atomic_store(&self->started, 1);
        if (distil_classify(self->context, &self->result, NULL, gorgeous, strlen(gorgeous), 0) !=
            DISTIL_OK)
            return NULL;
        pthread_testcancel();
    }
}

/* The cancellation is pending before the first call, and must not take effect before the last one
 * ends. */
static void *make_and_free(void *argument)
{
    caller *self = argument;

    self->options.threads = DISTIL_THREADS_AUTO;
    pthread_cancel(pthread_self());
    for (size_t threads = 3; threads > 0; threads--) {
        self->context = NULL;
        if (distil_context_new(&self->context, self->model, &self->options, NULL) == DISTIL_OK &&
            distil_classify(self->context, &self->result, NULL, gorgeous, strlen(gorgeous), 0) ==
                DISTIL_OK)
            self->right++;
        distil_context_free(self->context);
        self->options.threads = threads;
    }
    self->after = 1;
    pthread_testcancel();
    self->after = 2;
    return NULL;
}

static void test_cancel(const distil_model *model, const corpus *c)
{
    caller self = {.corpus = c};
    pthread_t thread;
    void *end;

    if (harness_case("a cancelled caller leaves the context whole")) {
        self.context = make_context(model, 3, 0);
        for (long i = 0; i < CANCELLED_CALLS; i++) {
            const struct timespec moment = {0, i * 37000};

            atomic_store(&self.started, 0);
            CHECK(pthread_create(&thread, NULL, call_until_cancelled, &self) == 0);
            while (!atomic_load(&self.started))
                sched_yield();
            nanosleep(&moment, NULL);
            CHECK(pthread_cancel(thread) == 0);
            CHECK(pthread_join(thread, &end) == 0 && end == PTHREAD_CANCELED);
            CHECK(works(self.context, c));
        }
        distil_context_free(self.context);
        CHECK(tasks_become(0));
    }
    if (harness_case("no call of a context is a cancellation point")) {
        self = (caller){.model = model};
        CHECK(pthread_create(&thread, NULL, make_and_free, &self) == 0);
        CHECK(pthread_join(thread, &end) == 0 && end == PTHREAD_CANCELED);
        CHECKF(self.right == 3 && self.after == 1, "%d of 3 calls, step %d", self.right,
               self.after);
        CHECK(tasks_become(0));
    }
}

/* ---- fork ----------------------------------------------------------------------------------- */

typedef struct family {
    const distil_model *model;
    const corpus *corpus;
    distil_context *inherited;
} family;

static int child_inherits(void *user)
{
    family *f = user;

    if (count_tasks() > tasks_at_start || !works(f->inherited, f->corpus))
        return 1;
    distil_context_free(f->inherited);
    return 0;
}

static int child_makes_its_own(void *user)
{
    family *f = user;
    distil_context *own = make_context(f->model, 3, 0);

    if (!tasks_become(2) || !works(own, f->corpus))
        return 1;
    distil_context_free(own);
    distil_context_free(f->inherited);
    return 0;
}

static int child_of_busy_parent(void *user)
{
    family *f = user;
    distil_context *own = make_context(f->model, 1, 0);

    if (!works(own, f->corpus) || !works(f->inherited, f->corpus))
        return 1;
    distil_context_free(own);
    distil_context_free(f->inherited);
    return 0;
}

static void test_fork(const distil_model *model, const corpus *c)
{
    family f = {model, c, make_context(model, 4, 0)};
    caller self = {.corpus = c};
    pthread_t thread;

    if (harness_case("fork: an inherited context is used without threads, and freed")) {
        CHECK(works(f.inherited, c));
        CHECK(in_child(child_inherits, &f) == 0);
    }
    if (harness_case("fork: the child makes a context of its own")) {
        if (THREAD_SANITIZER)
            harness_skip("sanitizers of threads do not allow any in a forked child");
        else
            CHECK(in_child(child_makes_its_own, &f) == 0);
    }
    if (harness_case("fork: during a call of another thread")) {
        if (THREAD_SANITIZER)
            harness_skip("sanitizers hold locks of their own across a fork");
        else {
            self.context = f.inherited;
            CHECK(pthread_create(&thread, NULL, call_until_cancelled, &self) == 0);
            while (!atomic_load(&self.started))
                sched_yield();
            for (int i = 0; i < 20; i++)
                CHECK(in_child(child_of_busy_parent, &f) == 0);
            pthread_cancel(thread);
            pthread_join(thread, NULL);
        }
    }
    if (harness_case("fork: the parent goes on"))
        CHECK(works(f.inherited, c));
    distil_context_free(f.inherited);
    CHECK(tasks_become(0));
}

/* ---- a system without threads --------------------------------------------------------------- */

static size_t released;

static void *allocate(void *user, size_t bytes)
{
    (void)user;
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void release(void *user, void *memory)
{
    (void)user;
    released++;
    free(memory);
}

/* Limits the address space so that the context and a few stacks fit, but not 64 stacks. */
static int child_without_room(void *user)
{
    family *f = user;
    distil_allocator allocator = {allocate, release, NULL};
    distil_context_options options = {.threads = 64, .allocator = &allocator};
    distil_context *context = f->inherited;
    struct rlimit limit;
    unsigned long pages = 0;
    size_t bytes = 0;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (!statm || fscanf(statm, "%lu", &pages) != 1)
        return 2;
    fclose(statm);
    if (distil_context_bytes(f->model, &bytes, &options) != DISTIL_OK ||
        getrlimit(RLIMIT_AS, &limit) != 0)
        return 3;
    limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + 2 * bytes + ((rlim_t)40 << 20);
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return 4;
    if (distil_context_new(&context, f->model, &options, NULL) != DISTIL_OK ||
        !works(context, f->corpus))
        return 5;
    if (count_tasks() >= tasks_at_start + 63)
        return 9; /* Nothing was refused, so this tests nothing. */
    distil_context_free(context);
    if (released != 1 || !tasks_become(0))
        return 6;
    options.threads = 2;
    if (distil_context_new(&context, f->model, &options, NULL) != DISTIL_OK ||
        !works(context, f->corpus))
        return 7;
    distil_context_free(context);
    return released == 2 ? 0 : 8;
}

static void test_refused(const distil_model *model, const corpus *c)
{
    family f = {model, c, NULL};
    int code;

    if (!harness_case("threads that the system refuses: the others help, nothing is left"))
        return;
    if (SANITIZED) {
        harness_skip("sanitizers need more address space than this test allows");
        return;
    }
    code = in_child(child_without_room, &f);
    CHECKF(code == 0, "the child ended at step %d", code);
}

int main(int argc, char **argv)
{
    static corpus c;
    support_sentences sentences;
    distil_model *model, *scalar, *avx2;
    distil_context *alone;

    harness_init("test_threads", argc, argv);
    count_at_start();
    test_pool();
    model = support_model_open(DISTIL_ISA_BEST);
    sentences = support_sentences_read();
    corpus_make(&c, &sentences);
    alone = make_context(model, 0, 0);
    for (size_t i = 0; i < c.count; i++) {
        distil_result result;
        distil_scores scores = {c.expected[i], NULL};

        if (distil_classify(alone, &result, &scores, c.texts[i].bytes, c.texts[i].size, 0) !=
            DISTIL_OK)
            return 1;
    }
    distil_context_free(alone);

    test_options(model, &c);
    test_bits(model, &c, "best level", 1, 0);
    avx2 = support_model_open(DISTIL_ISA_AVX2);
    test_bits(avx2, &c, "avx2", support_full() ? 1 : 3, 4);
    distil_model_close(avx2);
    scalar = support_model_open(DISTIL_ISA_SCALAR);
    test_bits(scalar, &c, "scalar", support_full() ? 7 : 23, 3);
    distil_model_close(scalar);
    test_ids(model);
    test_rounding(model, &c);
    test_life(model, &c);
    test_concurrent(model, &c);
    test_idle(model, &c);
    test_signals(model);
    test_cancel(model, &c);
    test_fork(model, &c);
    test_refused(model, &c);
    distil_model_close(model);
    support_sentences_free(&sentences);
    free(c.made);
    return harness_finish();
}
