/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function under load for a long time, with faults: ./bootstrap behind distil serve.
 *
 *     long      events of all sources in one process, while 1 % of the store's answers go wrong:
 *               the resident memory does not grow, and every count is exact
 *     faults    answers of the Runtime API go wrong, too, so that processes end and start: no
 *               update is lost or made twice, and what failed is reported as failed
 *     kills     SIGKILL at random moments of invocations, and redelivery: each item is changed
 *               exactly once
 *
 * With DISTIL_TEST_FULL there are 100,000 events, 100,000 events and 200 kills; otherwise there are
 * thousands and 20.
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
    /* The most that memory may grow: a page or two of stack are allowed, but nothing that grows
     * with the number of events. */
    GROWTH_KB = 16,
    LARGEST_EVENT = 10 /* messages */
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
        distil_context_new(&context, model, NULL, NULL) != DISTIL_OK)
        return -1;
    for (size_t i = 1; i < TEXTS; i++) { /* The first text is empty. */
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
    /* store_run is another serve that is the store; if it is NULL, run is the store. */
    serve_run *store_run, *run;
    serve_caller *caller, *store, *admin;
    totals lines;
    size_t items, messages, bad_messages, events;
    /* the failed tries of good events, and the number of messages in those events */
    size_t failures, failed_messages;
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

/* Read what the function has written since the last call, and add it up. */
static void read_lines(world *w)
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
        /* A mistake of an HTTP caller is a failed record, too, but no error of the function. */
        w->lines.errors += (size_t)(serve_json_is(root, "level", "ERROR") ||
                                    serve_json_is(root, "code", "VALIDATION_ERROR"));
        w->lines.warnings += (size_t)serve_json_is(root, "level", "WARN");
        w->lines.items_analyzed += number(root, "ItemsAnalyzed");
        w->lines.analyses += number(root, "SentimentAnalysisCount");
        w->lines.analysis_errors += number(root, "AnalysisErrors") + number(root, "ClientErrors");
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

/* Returns 1 if the item holds what its text demands. */
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

/* The memory of the function's process in KB, counted exactly by pages: all of it, and what it does
 * not share. */
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

/* An event of a random source, with messages for new items. If it is bad, one message has no text,
 * and no item was put for it. */
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
        e.count = 1 + harness_random() % LARGEST_EVENT;
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

/* Returns 1 if the answer reports success for all messages, 0 if it reports a failure of any. */
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

/* Send a good event until it succeeds, as a queue would. When success is reported, the items are
 * there. */
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

/* A bad event is reported as failed each time. */
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
            read_lines(w);
    }
    read_lines(w);
}

/* Deliver the largest event of each source, so that the process has then used as much of its
 * buffers as it ever will. */
static void deliver_largest(world *w)
{
    const known_text *longest = &texts[0];

    for (size_t i = 1; i < TEXTS; i++)
        if (strlen(texts[i].text) > strlen(longest->text))
            longest = &texts[i];
    for (size_t source = 0; source < EVENTS_SOURCES; source++) {
        soak_event e = {.source = (events_source)source,
                        .count = source == EVENTS_BRIDGE ? 1 : LARGEST_EVENT,
                        .first_item = w->items};

        for (size_t i = 0; i < e.count; i++) {
            e.of[i] = longest;
            put_pending(w, w->items + i);
        }
        w->items += e.count;
        w->events++;
        deliver(w, &e);
    }
}

static void check_store(world *w)
{
    int64_t items = (int64_t)w->items;

    CHECK(serve_count(w->store, "store.items") == items);
    CHECK(serve_count(w->store, "store.changed") == items);
    CHECK(serve_count(w->store, "store.changed_again") == 0);
    CHECK(serve_count(w->store, "store.refused") == 0);
}

/* Each answer is faulty with a probability of 1 %. The check allows six standard deviations, and a
 * twentieth more for answers that are not counted here, such as those of repeated tries. */
static void check_faults(int64_t faults, size_t replies)
{
    double expected = 0.01 * (double)replies;

    CHECKF(fabs((double)faults - expected) <= 6 * sqrt(expected) + 0.05 * expected,
           "%lld faults in %zu replies", (long long)faults, replies);
}

/* Compare the log with what was sent. A failed try may have written some of its items, or all of
 * them if only its last answer was lost; the next try then finds them. Without failed tries every
 * count is exact. */
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
        deliver_largest(&w);
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

            /* SNS and EventBridge report a failure by failing; the other sources report it in their
             * answers. */
            e.source = i % 2 == 0 ? EVENTS_SNS : EVENTS_BRIDGE;
            if (e.source == EVENTS_BRIDGE) {
                /* The event has one message, so the other items get an event of their own. */
                for (size_t j = 1; j < e.count; j++)
                    e.of[j] = e.of[0];
                for (size_t j = 0; j < e.count; j++) {
                    soak_event one = {e.source, 1, e.first_item + j, {e.of[j]}, e.bad};

                    CHECK(send_event(&w, &one, 1).status == 202);
                }
            } else {
                CHECK(send_event(&w, &e, 1).status == 202);
            }
            bad += (size_t)e.bad;
            /* The queue of asynchronous events is kept short. */
            CHECK(serve_await(w.admin, "queued", 0));
        }
        CHECK(serve_await(w.admin, "queued", 0));
        CHECK(serve_await(w.admin, "dead", (int64_t)bad));
        CHECK(serve_await(w.admin, "store.changed", (int64_t)w.items));
        read_lines(&w);
        tell("%zu events, %zu items, %lld faults, %zu tries failed, %lld processes, %lld tried "
             "again, %lld dead letters",
             w.events, w.items, (long long)serve_count(w.admin, "faults"), w.failures,
             (long long)serve_count(w.admin, "starts"), (long long)serve_count(w.admin, "retried"),
             (long long)serve_count(w.admin, "dead"));
        check_faults(serve_count(w.admin, "faults"), 2 * w.events + w.items);
        /* Few events may not meet any fault that ends a process. */
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

/* The usual duration of an invocation in microseconds: the median of some. */
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

/* Wait until a process waits for an event. Returns its id. */
static pid_t wait_until_idle(world *w)
{
    serve_answer answer = serve_invoke_text(w->caller, "{\"warmup\":true}");

    CHECK(answer.status == 200 && !answer.failed);
    return (pid_t)serve_count(w->admin, "pid");
}

/* Wait until serve has noticed the end of this process. */
static int await_end(world *w, pid_t pid)
{
    int64_t until = clock_after_ms(10000);

    while (serve_count(w->admin, "pid") == (int64_t)pid && clock_now_ns() < until)
        usleep(200);
    return serve_count(w->admin, "pid") != (int64_t)pid;
}

/* Send one event, and kill the process `us` microseconds after it has received the event. */
static void kill_one(world *w, double us, int even)
{
    size_t item = w->items++;
    soak_event e = {even ? EVENTS_SNS : EVENTS_BRIDGE, 1, item, {&texts[2]}, 0};
    pid_t pid = wait_until_idle(w);

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
        /* usual_us sends nine events. With a warm-up event for each of them, serve's count of
         * successes is always twice the number of items, which kill_one relies on. */
        for (size_t i = 0; i < 9; i++)
            (void)wait_until_idle(&w);
        usual = usual_us(&w);
        for (size_t i = 0; i < kills; i++)
            kill_one(&w, usual * (double)harness_uniform(0, 1), i % 2 == 0);
        (void)wait_until_idle(&w);
        read_lines(&w);
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
