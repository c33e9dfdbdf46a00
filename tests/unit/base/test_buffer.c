/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded texts. Every function that appends is tested with every capacity around the length of its
 * piece, in memory that ends right before an unmapped page.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buffer.h"
#include "tests/support/harness.h"

static void write_add(buffer *b)
{
    buffer_add(b, "ab\0c", 4);
}

static void write_nothing(buffer *b)
{
    buffer_add(b, NULL, 0);
}

static void write_text(buffer *b)
{
    buffer_text(b, "text");
}

static void write_char(buffer *b)
{
    buffer_char(b, '\n');
}

static void write_format(buffer *b)
{
    buffer_format(b, "%s=%d %.2f", "n", -5, 1.5);
}

static void write_long_format(buffer *b)
{
    buffer_format(b, "%300d|", 7);
}

static void write_json(buffer *b)
{
    buffer_json(b, "a\"\n\xff", 4);
}

static void write_json_text(buffer *b)
{
    buffer_json_text(b, "\xe2\x82\xac");
}

static void write_hex(buffer *b)
{
    static const uint8_t bytes[] = {0x00, 0x9f, 0xff};

    buffer_hex(b, bytes, sizeof bytes);
}

typedef struct writer {
    const char *name;
    void (*write)(buffer *b);
    const char *expected;
    size_t size; /* length of `expected`; 0 means up to its NUL */
} writer;

static const writer writers[] = {
    {"add", write_add, "ab\0c", 4},
    {"add nothing", write_nothing, "", 0},
    {"text", write_text, "text", 0},
    {"char", write_char, "\n", 0},
    {"format", write_format, "n=-5 1.50", 0},
    {"json", write_json, "\"a\\\"\\n\xef\xbf\xbd\"", 0},
    {"json_text", write_json_text, "\"\xe2\x82\xac\"", 0},
    {"hex", write_hex, "009fff", 0},
};

/* A piece that fits after what is there is appended whole. Of a piece that does not fit nothing is
 * appended, and nothing after it either. */
static void check_writer(const writer *w, const char *expected, size_t size, size_t capacity)
{
    harness_guard guard = harness_guard_new(capacity > 0 ? capacity : 1, 1, 1);
    char *memory = (char *)guard.data + (capacity > 0 ? 0 : 1);
    int fits = size + 1 <= capacity;
    buffer b;

    buffer_init(&b, memory, capacity);
    buffer_char(&b, '.');
    w->write(&b);
    CHECKF(b.overflow == !fits, "capacity %zu", capacity);
    CHECKF(b.size == (fits ? size + 1 : capacity > 0), "capacity %zu: %zu bytes", capacity, b.size);
    CHECK(!fits || memcmp(memory + 1, expected, size) == 0);
    if (!fits) { /* a piece that would fit is ignored too */
        size_t before = b.size;

        buffer_char(&b, 'x');
        buffer_add(&b, "", 0);
        buffer_hex(&b, NULL, 0);
        CHECK(b.size == before && b.overflow);
        buffer_clear(&b);
        CHECK(b.size == 0 && !b.overflow);
    }
    CHECK(harness_guard_check(&guard));
    harness_guard_free(&guard);
}

static void test_writer(const writer *w)
{
    size_t size = w->size > 0 ? w->size : strlen(w->expected);

    if (!harness_case("%s", w->name))
        return;
    for (size_t capacity = 0; capacity < size + 4; capacity++)
        check_writer(w, w->expected, size, capacity);
}

static void test_long_format(void)
{
    static const writer w = {"", write_long_format, "", 0};
    char expected[302], memory[302];
    buffer b;

    if (!harness_case("format, longer than its first try"))
        return;
    memset(expected, ' ', sizeof expected);
    memcpy(expected + 299, "7|", 2);
    for (size_t capacity = 295; capacity < 310; capacity++) {
        /* With 302 bytes the piece fits exactly, but the terminator of vsnprintf does not. */
        if (capacity != 302)
            check_writer(&w, expected, 301, capacity);
    }
    buffer_init(&b, memory, sizeof memory);
    buffer_char(&b, '.');
    write_long_format(&b);
    CHECK(b.overflow && b.size == 1);
}

/* Restoring an earlier size removes the pieces since. Log lines drop a field that does not fit this
 * way. */
static void test_undo(void)
{
    char memory[8];
    size_t before;
    buffer b;

    if (!harness_case("an overflow undone"))
        return;
    buffer_init(&b, memory, sizeof memory);
    buffer_text(&b, "12345");
    before = b.size;
    buffer_text(&b, "6");
    buffer_text(&b, "too long");
    CHECK(b.overflow);
    b.size = before;
    b.overflow = 0;
    buffer_text(&b, "abc");
    CHECK(!b.overflow && b.size == 8 && memcmp(memory, "12345abc", 8) == 0);
}

int main(int argc, char **argv)
{
    harness_init("test_buffer", argc, argv);
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++)
        test_writer(&writers[i]);
    test_long_format();
    test_undo();
    return harness_finish();
}
