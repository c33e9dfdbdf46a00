/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines: each is one JSON object whatever is put into it, at every length and level, and with
 * several threads at once.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lambda/log.h"
#include "runtime/base/json.h"
#include "tests/support/harness.h"

enum { TEXT_BYTES = 1 << 20 };

static FILE *file;
static char text[TEXT_BYTES];

static log_sink sink_at(log_level level)
{
    log_sink sink = {fileno(file), level};

    return sink;
}

/* Read what was written since the last call. Returns its length. */
static size_t written(void)
{
    ssize_t n = pread(fileno(file), text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    if (ftruncate(fileno(file), 0) != 0 || lseek(fileno(file), 0, SEEK_SET) != 0)
        abort();
    return n > 0 ? (size_t)n : 0;
}

/* Parse the only line that was written. */
static json_value only_line(void)
{
    json_value root = {.type = JSON_NULL, .text = ""};
    size_t size = written();

    CHECK(size > 0 && size <= LOG_LINE_BYTES && text[size - 1] == '\n');
    CHECK(memchr(text, '\n', size) == text + size - 1);
    CHECKF(size > 0 && json_parse(&root, text, size - 1, NULL) == 0 && root.type == JSON_OBJECT,
           "%s", text);
    return root;
}

static int is_text(json_value root, const char *name, const char *expected)
{
    json_value value;

    return json_get(root, name, &value) && json_string_is(value, expected);
}

static void test_form(void)
{
    log_sink sink = sink_at(LOG_INFO);
    json_value root, value;
    log_line line;
    double number;
    int64_t integer;

    if (!harness_case("fields of each kind"))
        return;
    log_begin(&line, &sink, LOG_ERROR, "id-1", "it \"failed\"\n{");
    log_text(&line, "text", "a\r\nb\x01\x7f\xff");
    log_bytes(&line, "bytes", "cut here", 3);
    log_number(&line, "number", 0.25);
    log_number(&line, "nan", NAN);
    log_integer(&line, "integer", INT64_MIN);
    log_end(&line);
    root = only_line();
    CHECK(strncmp(text, "{\"timestamp\":\"20", 16) == 0 && text[38] == '"');
    CHECK(is_text(root, "level", "ERROR") && is_text(root, "message", "it \"failed\"\n{"));
    CHECK(is_text(root, "requestId", "id-1") && is_text(root, "bytes", "cut"));
    CHECK(is_text(root, "text", "a\r\nb\x01\x7f\xef\xbf\xbd"));
    CHECK(json_get(root, "number", &value) && json_double(value, &number) == 0 && number == 0.25);
    CHECK(json_get(root, "nan", &value) && value.type == JSON_NULL);
    CHECK(json_get(root, "integer", &value) && json_int64(value, &integer) == 0 &&
          integer == INT64_MIN);
    CHECK(!json_get(root, "truncated", &value));
}

static void test_levels(void)
{
    static const char *const names[] = {"TRACE", "debug", "Info", "WARN", "error", "FATAL"};

    for (int least = LOG_TRACE; least <= LOG_FATAL; least++)
        for (int level = LOG_TRACE; level <= LOG_FATAL; level++) {
            log_sink sink = sink_at((log_level)least);

            if (!harness_case("%s where %s is the least", names[level], names[least]))
                continue;
            log_message(&sink, (log_level)level, NULL, "m");
            CHECK((written() > 0) == (level >= least));
        }
    for (int level = LOG_TRACE; level <= LOG_FATAL; level++) {
        log_level parsed = LOG_FATAL;

        if (harness_case("level %s", names[level]))
            CHECK(log_level_parse(&parsed, names[level]) == 0 && (int)parsed == level);
    }
    if (harness_case("what is no level")) {
        log_level parsed = LOG_WARN;

        CHECK(log_level_parse(&parsed, "") == -1 && log_level_parse(&parsed, "WARNING") == -1);
        CHECK(log_level_parse(&parsed, "WAR") == -1 && parsed == LOG_WARN);
    }
}

/* A field of every length around the end of the line's memory, with another field behind it. */
static void test_lengths(void)
{
    static char value[LOG_LINE_BYTES + 64];
    log_sink sink = sink_at(LOG_INFO);
    int cut = 0, whole = 0;

    if (!harness_case("every length"))
        return;
    for (size_t size = 0; size < sizeof value; size++) {
        json_value root, mark;
        log_line line;

        memset(value, size % 2 ? 'x' : '\n', size);
        value[size] = '\0';
        log_begin(&line, &sink, LOG_INFO, "id", "m");
        log_text(&line, "long", value);
        log_text(&line, "last", "z");
        log_end(&line);
        root = only_line();
        if (json_get(root, "truncated", &mark)) {
            CHECK(mark.type == JSON_TRUE && !is_text(root, "last", "z"));
            cut++;
        } else {
            CHECK(is_text(root, "long", value) && is_text(root, "last", "z"));
            whole++;
        }
        CHECK(is_text(root, "message", "m") && is_text(root, "requestId", "id"));
    }
    CHECK(cut > 100 && whole > 2000);
}

static void *chatter(void *argument)
{
    const log_sink *sink = argument;

    for (int i = 0; i < 500; i++) {
        log_line line;

        log_begin(&line, sink, LOG_INFO, "id", "a message of some length, to be torn if it can be");
        log_integer(&line, "i", i);
        log_end(&line);
    }
    return NULL;
}

static void test_threads(void)
{
    log_sink sink = sink_at(LOG_INFO);
    pthread_t threads[4];
    size_t lines = 0;

    if (!harness_case("lines of four threads"))
        return;
    for (size_t i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, chatter, &sink) != 0)
            abort();
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    written();
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
        json_value root;

        CHECK(json_parse(&root, at, (size_t)(end - at), NULL) == 0);
    }
    CHECK(lines == 2000);
}

static void test_nobody_reads(void)
{
    int ends[2];
    log_sink sink = {-1, LOG_INFO};

    if (!harness_case("a sink that cannot be written"))
        return;
    log_message(&sink, LOG_ERROR, NULL, "m");
    if (pipe(ends) != 0)
        abort();
    close(ends[1]);
    sink.fd = ends[0];
    log_message(&sink, LOG_ERROR, NULL, "m");
    close(ends[0]);
}

int main(int argc, char **argv)
{
    harness_init("test_log", argc, argv);
    file = tmpfile();
    if (file == NULL)
        abort();
    test_form();
    test_levels();
    test_lengths();
    test_threads();
    test_nobody_reads();
    fclose(file);
    return harness_finish();
}
