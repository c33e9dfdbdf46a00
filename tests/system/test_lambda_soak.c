/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function for a long time and under fire: ./bootstrap behind distil serve.
 *
 *   long      events of all sources in one process, the store's replies going wrong in 1 % of them:
 *             resident memory stays, every count is exact
 *   faults    the Runtime API's replies going wrong too, so that processes end and start: no update
 *             is lost or made twice, what failed is reported as failed
 *   kills     SIGKILL at random moments within invocations, redelivery: each item changed once
 *
 * DISTIL_TEST_FULL: 100,000 events, 100,000 and 200 kills, in place of thousands and 20.
 */

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_events.h"
#include "tests/support/support_serve.h"

enum {
    TEXTS = 24,
    TEXT_BYTES = 1200,
    MAX_CHARS = 512,
    EVENT_BYTES = 1 << 20,
    MOST_TRIES = 20,
    GROWTH_KB = 16 /* a stack page or two: nothing that comes with events */
};

#define TIME "2026-01-15T12:34:56Z"

/* ---- texts and what the library says of them ------------------------------------------------- */

typedef struct known_text {
    char text[TEXT_BYTES];
    const char *sentiment;
    double score;
} known_text;

static known_text texts[TEXTS];

static int make_texts(void)
{
    static const char *const words[] = {"a",     "gorgeous", "witty", "movie", "dull",
                                        "sour",  "never",    "mess",  "the",   "of",
                                        "charm", "and",      "heart", "so",    "sloppy"};
    distil_model *model = NULL;
    distil_context *context = NULL;

    if (distil_model_open(&model, serve_build_path("sst2.distil"), NULL, NULL) != DISTIL_OK ||
        distil_context_new(&context, model, NULL) != DISTIL_OK)
        return -1;
    for (size_t i = 1; i < TEXTS; i++) { /* the first one is empty */
        size_t wanted = i == 1 ? 1000 : 10 + harness_random() % 120, n = 0;
        distil_result result;

        while (n < wanted)
            n += (size_t)snprintf(texts[i].text + n, TEXT_BYTES - n, "%s ",
                                  words[harness_random() % (sizeof words / sizeof *words)]);
        if (distil_classify(context, &result, NULL, texts[i].text, n < MAX_CHARS ? n : MAX_CHARS,
                            0) != DISTIL_OK)
            return -1;
        texts[i].score = (double)result.score;
        texts[i].sentiment = result.score < 0.6f ? "neutral"
                             : result.label == 1 ? "positive"
                                                 : "negative";
    }
    texts[0].sentiment = "neutral";
    texts[0].score = 0.5;
    distil_context_free(context);
    distil_model_close(model);
    return 0;
}

/* ---- a function, its store, and the sums of what they do ----------------------------------- */

typedef struct totals {
    size_t lines, errors, warnings;
    double items_analyzed, analyses, analysis_errors, duplicates;
} totals;

typedef struct world {
    serve_run *store_run, *run; /* store_run: another serve is the store; NULL: run is */
    serve_caller *caller, *store, *admin;
    totals lines;
    size_t items, messages, bad_messages, events;
    size_t failures, failed_messages; /* of good events: tries that failed, messages in them */
    char *event;
} world;

static double number(json_value root, const char *name)
{
    json_value value;
    double x = 0;

    if (json_get(root, name, &value))
        (void)json_double(value, &x);
    return x;
}

/* Add up what the function has written since the last look. */
static void take_lines(world *w)
{
    const char *line;
    size_t size;

    while ((line = serve_line_next(w->run, &size)) != NULL) {
        json_value root;

        w->lines.lines++;
        if (json_parse(&root, line, size, NULL) != 0) {
            harness_fail(__FILE__, __LINE__, "not JSON: %s", line);
            continue;
        }
        w->lines.errors += (size_t)serve_json_is(root, "level", "ERROR");
        w->lines.warnings += (size_t)serve_json_is(root, "level", "WARN");
        w->lines.items_analyzed += number(root, "ItemsAnalyzed");
        w->lines.analyses += number(root, "SentimentAnalysisCount");
        w->lines.analysis_errors += number(root, "AnalysisErrors");
        w->lines.duplicates += number(root, "DuplicateAnalysisSkipped");
    }
}

static int open_world(world *w, const char *const *options, int other_store)
{
    static const char *const environment[] = {"AWS_LAMBDA_LOG_LEVEL=WARN", NULL};
    static const char *const idle[] = {"sleep", "1000000", NULL};
    static const char *const path[] = {"PATH=/usr/bin:/bin", NULL};
    const serve_setup store = {options, idle, path};
    char address[64];
    const char *const elsewhere[] = {"--store", address, NULL};
    serve_setup setup = {options, NULL, environment};

    memset(w, 0, sizeof *w);
    w->event = malloc(EVENT_BYTES);
    if (other_store) {
        w->store_run = serve_start(&store);
        if (w->store_run == NULL)
            return -1;
        (void)snprintf(address, sizeof address, "http://127.0.0.1:%u", serve_port(w->store_run));
        setup.options = elsewhere;
    }
    w->run = serve_start(&setup);
    if (w->run == NULL || w->event == NULL)
        return -1;
    w->caller = serve_caller_new(w->run);
    w->admin = serve_caller_new(w->run);
    w->store = serve_caller_new(other_store ? w->store_run : w->run);
    return 0;
}

static void close_world(world *w)
{
    serve_caller_free(w->caller);
    serve_caller_free(w->admin);
    serve_caller_free(w->store);
    serve_free(w->run);
    serve_free(w->store_run);
    free(w->event);
}

static void put_pending(world *w, size_t item)
{
    serve_answer answer = serve_dynamodb(
        w->store, "PutItem",
        "{\"TableName\":\"sentiment-items\",\"Item\":{\"source_id\":{\"S\":\"item-%zu\"},"
        "\"timestamp\":{\"S\":\"" TIME "\"},\"status\":{\"S\":\"pending\"}}}",
        item);

    CHECK(answer.status == 200);
}

/* The item is as its text wants it. */
static int is_analyzed(world *w, size_t item, const known_text *text)
{
    serve_answer answer = serve_dynamodb(
        w->store, "GetItem",
        "{\"TableName\":\"sentiment-items\",\"Key\":{\"source_id\":{\"S\":\"item-%zu\"},"
        "\"timestamp\":{\"S\":\"" TIME "\"}}}",
        item);
    char score[32] = "";
    json_value value;

    if (serve_json(answer.json, "Item.score.N", &value))
        score[json_string(value, score, sizeof score - 1)] = '\0';
    return serve_json_is(answer.json, "Item.status.S", "analyzed") &&
           serve_json_is(answer.json, "Item.sentiment.S", text->sentiment) &&
           fabs(strtod(score, NULL) - text->score) <= 0.000051;
}

/* Memory of the function's process in KB, exactly as its pages are counted: all, and its own. */
static void read_memory(world *w, size_t *resident, size_t *anonymous)
{
    char path[64], line[256];
    FILE *in;

    (void)snprintf(path, sizeof path, "/proc/%lld/smaps_rollup",
                   (long long)serve_count(w->admin, "pid"));
    in = fopen(path, "r");
    *resident = *anonymous = 0;
    while (in != NULL && fgets(line, sizeof line, in) != NULL) {
        (void)sscanf(line, "Rss: %zu kB", resident);
        (void)sscanf(line, "Anonymous: %zu kB", anonymous);
    }
    if (in != NULL)
        (void)fclose(in);
}

/* ---- one event, until it is done ------------------------------------------------------------- */

/* An event of a random source with messages for new items; bad: one of them without its text, and
 * nothing put for it. */
typedef struct soak_event {
    events_source source;
    size_t count, first_item;
    const known_text *of[EVENTS_MOST];
    int bad;
} soak_event;

static soak_event next_event(world *w)
{
    soak_event e = {.source = (events_source)(harness_random() % EVENTS_SOURCES),
                    .count = 1,
                    .first_item = w->items,
                    .bad = harness_random() % 20 == 0};

    if (!e.bad && e.source != EVENTS_BRIDGE && harness_random() % 4 == 0)
        e.count = 1 + harness_random() % 10;
    for (size_t i = 0; i < e.count; i++)
        e.of[i] = &texts[harness_random() % TEXTS];
    if (!e.bad) {
        for (size_t i = 0; i < e.count; i++)
            put_pending(w, w->items + i);
        w->items += e.count;
    }
    w->events++;
    return e;
}

static serve_answer send_event(world *w, const soak_event *e, int asynchronous)
{
    events_message messages[EVENTS_MOST];
    char ids[EVENTS_MOST][32];
    buffer event;

    for (size_t i = 0; i < e->count; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "item-%zu", e->first_item + i);
        messages[i] = (events_message){ids[i], TIME, e->bad ? NULL : e->of[i]->text, "v1"};
    }
    buffer_init(&event, w->event, EVENT_BYTES);
    events_build(&event, e->source, messages, e->count);
    if (event.overflow)
        abort();
    return serve_invoke(w->caller, event.data, event.size, asynchronous);
}

/* 1: the answer reports success for all messages; 0: failure of some or all. */
static int reports_success(const soak_event *e, const serve_answer *answer)
{
    events_result result;

    if (answer->failed)
        return 0;
    for (size_t i = 0; i < e->count; i++) {
        if (events_read(&result, e->source, answer->json, i, e->count) != 0) {
            harness_fail(__FILE__, __LINE__, "answer %.*s", (int)answer->body.size,
                         answer->body.at);
            return 0;
        }
        if (result.failed)
            return 0;
        if (result.score >= 0 && fabs(result.score - e->of[i]->score) > 0.000051)
            harness_fail(__FILE__, __LINE__, "score %f, not %f", result.score, e->of[i]->score);
    }
    return 1;
}

/* Send a good event until it succeeds, as whoever has it would; when success is reported the items
 * are there. */
static void deliver(world *w, const soak_event *e)
{
    int tries = 0;

    for (;; tries++) {
        serve_answer answer = send_event(w, e, 0);
        int success = reports_success(e, &answer);

        if (success || tries == MOST_TRIES)
            break;
        w->failures++;
        w->failed_messages += e->count;
    }
    CHECKF(tries < MOST_TRIES, "event %zu is never done", w->events);
    w->messages += e->count;
    for (size_t i = 0; i < e->count; i++)
        CHECKF(is_analyzed(w, e->first_item + i, e->of[i]), "item %zu, event %zu, %s",
               e->first_item + i, w->events, events_name(e->source));
}

/* A bad event is reported as failed, each time. */
static void deliver_bad(world *w, const soak_event *e)
{
    serve_answer answer = send_event(w, e, 0);

    CHECK(answer.status == 200 && !reports_success(e, &answer));
    w->bad_messages++;
}

static void soak(world *w, size_t events)
{
    for (size_t i = 0; i < events; i++) {
        soak_event e = next_event(w);

        if (e.bad)
            deliver_bad(w, &e);
        else
            deliver(w, &e);
        if (i % 64 == 0)
            take_lines(w);
    }
    take_lines(w);
}

static void check_store(world *w)
{
    int64_t items = (int64_t)w->items;

    CHECK(serve_count(w->store, "store.items") == items);
    CHECK(serve_count(w->store, "store.changed") == items);
    CHECK(serve_count(w->store, "store.changed_again") == 0);
    CHECK(serve_count(w->store, "store.refused") == 0);
}

/* Faults are drawn for each reply, one of a hundred: six standard deviations beside that, and a
 * twentieth for replies that are not counted here, such as those of tries that follow. */
static void check_faults(int64_t faults, size_t replies)
{
    double expected = 0.01 * (double)replies;

    CHECKF(fabs((double)faults - expected) <= 6 * sqrt(expected) + 0.05 * expected,
           "%lld faults in %zu replies", (long long)faults, replies);
}

/* What the log says against what was sent. A try that failed may have written some of its items,
 * or all when its last reply was lost; the next one finds them. Without such tries every count is
 * exact. */
static void check_lines(const world *w)
{
    double again = (double)w->failed_messages, bad = (double)w->bad_messages;

    CHECK(w->lines.items_analyzed >= (double)w->items);
    CHECK(w->lines.items_analyzed <= (double)w->items + again);
    CHECK(w->lines.analyses >= (double)w->messages);
    CHECK(w->lines.analyses <= (double)w->messages + again);
    CHECK(w->lines.duplicates <= again);
    CHECK(w->lines.analysis_errors >= bad + (double)w->failures);
    CHECK(w->lines.analysis_errors <= bad + again);
    CHECK((double)w->lines.errors >= bad + (double)w->failures);
    CHECK((double)w->lines.errors <= bad + again);
}

/* ---- the three ------------------------------------------------------------------------------- */

static int is_full(void)
{
    return getenv("DISTIL_TEST_FULL") != NULL;
}

static size_t amount(size_t full, size_t few)
{
    if (is_full())
        return full;
    return SANITIZED ? few / 4 : few;
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)printf("    ");
    (void)vprintf(format, arguments);
    (void)printf("\n");
    va_end(arguments);
}

static void test_long(void)
{
    static const char *const options[] = {"--store", "memory", "--faults", "0.01",
                                          "--seed",  "5",      NULL};
    size_t events = amount(100000, 3000), resident[2], anonymous[2];
    world w;

    if (!harness_case("long: %zu events in one process, 1 %% of the store's replies wrong", events))
        return;
    if (open_world(&w, options, 1) == 0) {
        soak(&w, events / 5);
        read_memory(&w, &resident[0], &anonymous[0]);
        soak(&w, events - events / 5);
        read_memory(&w, &resident[1], &anonymous[1]);
        tell("%zu events, %zu messages, %lld faults, %zu tries failed, %zu lines", w.events,
             w.messages, (long long)serve_count(w.store, "faults"), w.failures, w.lines.lines);
        tell("resident %zu KB, of it own %zu KB; after a fifth of the events %zu KB, %zu KB",
             resident[1], anonymous[1], resident[0], anonymous[0]);
        CHECK(serve_count(w.admin, "starts") == 1);
        check_faults(serve_count(w.store, "faults"), w.messages);
        if (!SANITIZED) {
            CHECK(resident[0] > 0 && resident[1] <= resident[0] + GROWTH_KB);
            CHECK(anonymous[1] <= anonymous[0] + GROWTH_KB);
        }
        check_store(&w);
        check_lines(&w);
    } else {
        harness_fail(__FILE__, __LINE__, "the function does not start");
    }
    close_world(&w);
}

static void test_faults(void)
{
    static const char *const options[] = {"--store", "memory",     "--faults", "0.01", "--seed",
                                          "6",       "--retry-ms", "1",        NULL};
    size_t events = amount(100000, 1200), asynchronous = events / 20, bad = 0;
    world w;

    if (!harness_case("faults: %zu events, 1 %% of all replies wrong", events))
        return;
    if (open_world(&w, options, 0) == 0) {
        soak(&w, events - asynchronous);
        for (size_t i = 0; i < asynchronous; i++) {
            soak_event e = next_event(&w);

            /* Of the sources that say so by failing: the others' failures are in their answers. */
            e.source = i % 2 == 0 ? EVENTS_SNS : EVENTS_BRIDGE;
            if (e.source == EVENTS_BRIDGE) {
                for (size_t j = 1; j < e.count; j++)
                    e.of[j] = e.of[0]; /* one message: the other items get one of their own */
                for (size_t j = 0; j < e.count; j++) {
                    soak_event one = {e.source, 1, e.first_item + j, {e.of[j]}, e.bad};

                    CHECK(send_event(&w, &one, 1).status == 202);
                }
            } else {
                CHECK(send_event(&w, &e, 1).status == 202);
            }
            bad += (size_t)e.bad;
            /* The queue is kept short. */
            CHECK(serve_await(w.admin, "queued", 0));
        }
        CHECK(serve_await(w.admin, "queued", 0));
        CHECK(serve_await(w.admin, "dead", (int64_t)bad));
        CHECK(serve_await(w.admin, "store.changed", (int64_t)w.items));
        take_lines(&w);
        tell("%zu events, %zu items, %lld faults, %zu tries failed, %lld processes, %lld tried "
             "again, %lld dead letters",
             w.events, w.items, (long long)serve_count(w.admin, "faults"), w.failures,
             (long long)serve_count(w.admin, "starts"), (long long)serve_count(w.admin, "retried"),
             (long long)serve_count(w.admin, "dead"));
        check_faults(serve_count(w.admin, "faults"), 2 * w.events + w.items);
        /* Few events may meet no fault that ends a process. */
        CHECK(!is_full() || serve_count(w.admin, "starts") > 1);
        check_store(&w);
    } else {
        harness_fail(__FILE__, __LINE__, "the function does not start");
    }
    close_world(&w);
}

static void spin_us(double us)
{
    int64_t until = clock_now_ns() + (int64_t)(us * 1000);

    while (clock_now_ns() < until)
        ;
}

/* How long an invocation takes, in microseconds: the median of some. */
static double usual_us(world *w)
{
    double us[9];

    for (size_t i = 0; i < 9; i++) {
        soak_event e = {EVENTS_SNS, 1, w->items, {&texts[2]}, 0};
        int64_t begin;
        size_t at = i;

        put_pending(w, w->items++);
        begin = clock_now_ns();
        CHECK(!send_event(w, &e, 0).failed);
        for (double x = (double)(clock_now_ns() - begin) / 1000; at > 0 && us[at - 1] > x; at--)
            us[at] = us[at - 1];
        us[at] = (double)(clock_now_ns() - begin) / 1000;
    }
    return us[4];
}

/* A process that waits for an event; its id. */
static pid_t ready(world *w)
{
    serve_answer answer = serve_invoke_text(w->caller, "{\"warmup\":true}");

    CHECK(answer.status == 200 && !answer.failed);
    return (pid_t)serve_count(w->admin, "pid");
}

/* Serve knows of the end of this process. */
static int await_end(world *w, pid_t pid)
{
    int64_t until = clock_after_ms(10000);

    while (serve_count(w->admin, "pid") == (int64_t)pid && clock_now_ns() < until)
        usleep(200);
    return serve_count(w->admin, "pid") != (int64_t)pid;
}

/* One event, and a kill that many microseconds after it was taken. */
static void kill_one(world *w, double us, int even)
{
    size_t item = w->items++;
    soak_event e = {even ? EVENTS_SNS : EVENTS_BRIDGE, 1, item, {&texts[2]}, 0};
    pid_t pid = ready(w);

    put_pending(w, item);
    CHECK(pid > 0 && send_event(w, &e, 1).status == 202);
    spin_us(us);
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(await_end(w, pid));
    CHECK(serve_await(w->admin, "succeeded", (int64_t)(w->items * 2)));
    CHECKF(is_analyzed(w, item, &texts[2]), "item %zu", item);
}

static void test_kills(void)
{
    static const char *const options[] = {"--store", "memory", "--retry-ms", "0", NULL};
    size_t kills = amount(200, 20), hits;
    double usual;
    world w;

    if (!harness_case("kills: SIGKILL at %zu random moments", kills))
        return;
    if (open_world(&w, options, 0) == 0) {
        for (size_t i = 0; i < 9; i++) /* as many as items, so that successes are counted in twos */
            (void)ready(&w);
        usual = usual_us(&w);
        for (size_t i = 0; i < kills; i++)
            kill_one(&w, usual * (double)harness_uniform(0, 1), i % 2 == 0);
        (void)ready(&w);
        take_lines(&w);
        hits = (size_t)serve_count(w.admin, "retried");
        tell("%zu kills in %.0f us, %zu within an invocation, %lld processes, %lld updates made "
             "again by their writer",
             kills, usual, hits, (long long)serve_count(w.admin, "starts"),
             (long long)serve_count(w.admin, "store.repeats"));
        CHECK(serve_count(w.admin, "failed") == 0 && w.lines.duplicates == 0);
        CHECKF(hits >= kills / 4, "%zu of %zu kills hit an invocation", hits, kills);
        check_store(&w);
    } else {
        harness_fail(__FILE__, __LINE__, "the function does not start");
    }
    close_world(&w);
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)harness_init("test_lambda_soak", argc, argv);
    harness_reseed(1);
    if (make_texts() != 0)
        abort();
    test_long();
    test_faults();
    test_kills();
    return harness_finish();
}
