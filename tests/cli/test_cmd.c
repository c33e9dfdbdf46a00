/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of small parts of the command: numbers, tab-separated fields, escapes, floats. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/random.h"
#include "tests/support/harness.h"
#include "tools/command/cmd_number.h"
#include "tools/command/cmd_output.h"
#include "tools/command/cmd_tsv.h"

static void test_counts(void)
{
    static const struct {
        const char *text;
        size_t min, max;
        int status;
        size_t value;
    } cases[] = {
        {"0", 0, 9, 0, 0},
        {"7", 1, 7, 0, 7},
        {"007", 0, 9, 0, 7},
        {"8", 1, 7, -1, 0},
        {"0", 1, 7, -1, 0},
        {"18446744073709551615", 0, SIZE_MAX, 0, SIZE_MAX},
        {"18446744073709551616", 0, SIZE_MAX, -1, 0},
        {"99999999999999999999999", 0, SIZE_MAX, -1, 0},
        {"", 0, 9, -1, 0},
        {"-1", 0, 9, -1, 0},
        {"+1", 0, 9, -1, 0},
        {" 1", 0, 9, -1, 0},
        {"1 ", 0, 9, -1, 0},
        {"1e3", 0, 9999, -1, 0},
        {"0x1", 0, 9, -1, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t value = 4711;

        if (!harness_case("count '%s' in %zu .. %zu", cases[i].text, cases[i].min, cases[i].max))
            continue;
        CHECK(cmd_parse_count(&value, cases[i].text, cases[i].min, cases[i].max) ==
              cases[i].status);
        CHECK(value == (cases[i].status == 0 ? cases[i].value : 4711));
    }
}

/* Split a copy of the line that ends where an unmapped page begins, so that reading behind the line
 * is a fault. */
static size_t split(harness_guard *guard, cmd_field *fields, size_t capacity, const char *line,
                    size_t size)
{
    *guard = harness_guard_new(size, 1, 1);
    memcpy(guard->data, line, size);
    return cmd_tsv_split(fields, capacity, (const char *)guard->data, size);
}

static void test_fields(void)
{
    static const struct {
        const char *line;
        size_t count;
        const char *last; /* the last field, or the third of more than three */
    } cases[] = {{"a\tbc\tdef", 3, "def"},
                 {"a", 1, "a"},
                 {"a\tb\r", 2, "b"},
                 {"", 1, ""},
                 {"\r", 1, ""},
                 {"\t", 2, ""},
                 {"a\r\tb", 2, "b"},
                 {"\t\t\t\t", 5, ""},
                 {"a\tb\tc\td\te", 5, "c"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness_guard guard;
        cmd_field fields[3];
        size_t n, last;

        if (!harness_case("fields of line %zu", i))
            continue;
        n = split(&guard, fields, 3, cases[i].line, strlen(cases[i].line));
        last = n < 3 ? n - 1 : 2;
        CHECK(n == cases[i].count);
        CHECK(cmd_tsv_is(fields[last], cases[i].last));
        harness_guard_free(&guard);
    }
}

static void test_field_numbers(void)
{
    static const struct {
        const char *text;
        int status;
        float value;
    } cases[] = {{"1.5", 0, 1.5f},   {"-3e-2", 0, -3e-2f}, {"0", 0, 0.0f},    {"", -1, 0.0f},
                 {"1.5x", -1, 0.0f}, {"nan", -1, 0.0f},    {"inf", -1, 0.0f}, {"1e999", -1, 0.0f}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmd_field field = {cases[i].text, strlen(cases[i].text)};
        float value = 42.0f;

        if (!harness_case("float '%s'", cases[i].text))
            continue;
        CHECK(cmd_tsv_float(&value, field) == cases[i].status);
        CHECK(value == (cases[i].status == 0 ? cases[i].value : 42.0f));
    }
    if (harness_case("a number too long to be one")) {
        char digits[200];
        size_t count;
        float value;

        memset(digits, '1', sizeof digits);
        CHECK(cmd_tsv_float(&value, (cmd_field){digits, sizeof digits}) == -1);
        CHECK(cmd_tsv_count(&count, (cmd_field){digits, sizeof digits}, SIZE_MAX) == -1);
    }
}

/* Returns what a writer wrote, as a string for the caller to free. */
static char *written_by(void (*write)(FILE *, const char *, size_t), const char *bytes, size_t size)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        abort();
    write(out, bytes, size);
    (void)fclose(out);
    return text;
}

static void test_writers(void)
{
    static const char bytes[] = "a\tb\\c\nd\re\x1b\x7f\0\xc3\xa9";
    char *text;

    if (harness_case("escapes")) {
        text = written_by(cmd_write_escaped, bytes, sizeof bytes - 1);
        CHECKF(strcmp(text, "a\\tb\\\\c\\nd\\re\\x1b\\x7f\\x00\xc3\xa9") == 0, "%s", text);
        free(text);
    }
    if (harness_case("JSON string")) {
        text = written_by(cmd_json_string, "a\"\\\n\xff", 5);
        CHECKF(strcmp(text, "\"a\\\"\\\\\\n\xef\xbf\xbd\"") == 0, "%s", text);
        free(text);
    }
    if (harness_case("long JSON string")) {
        char letters[1000];

        memset(letters, 'x', sizeof letters);
        text = written_by(cmd_json_string, letters, sizeof letters);
        CHECK(strlen(text) == sizeof letters + 2 && text[0] == '"' && text[1001] == '"');
        free(text);
    }
}

/* The writer quotes in chunks. The result must be that of one call of json_quote, also where
 * characters and ill-formed sequences lie across the border of two chunks. */
static void test_json_chunks(void)
{
    static const char *const pieces[] = {"x",        "\"",           "\n",
                                         "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                         "\x80",     "\xe2\x82",     "\xf0\x9f"};
    uint64_t state = 5;
    int failed = 0;

    if (!harness_case("JSON string in chunks"))
        return;
    for (int round = 0; round < 2000; round++) {
        char bytes[256], whole[6 * sizeof bytes + 2];
        size_t n = 0, limit = 60 + (size_t)(splitmix64(&state) % 190), length;
        char *text;

        while (n < limit) {
            const char *piece = pieces[splitmix64(&state) % (sizeof pieces / sizeof pieces[0])];

            memcpy(bytes + n, piece, strlen(piece));
            n += strlen(piece);
        }
        length = json_quote(whole, sizeof whole, bytes, n);
        text = written_by(cmd_json_string, bytes, n);
        failed += strlen(text) != length || memcmp(text, whole, length) != 0;
        free(text);
    }
    CHECKF(failed == 0, "%d of 2000", failed);
}

static int round_trips(float value)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    float back;

    if (out == NULL)
        abort();
    cmd_json_float(out, value);
    (void)fclose(out);
    back = strtof(text, NULL);
    free(text);
    return memcmp(&back, &value, sizeof value) == 0;
}

static void test_floats(void)
{
    static const float odd[] = {0.0f,    -0.0f,  1.0f,        0.1f,         -1.0f / 3.0f, FLT_MAX,
                                FLT_MIN, 1e-45f, 16777217.0f, 0.999999940f, -FLT_MAX};

    if (harness_case("floats read back to the same bits: odd ones"))
        for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
            CHECKF(round_trips(odd[i]), "%a", (double)odd[i]);
    if (harness_case("floats read back to the same bits: 20,000 at random")) {
        for (int i = 0; i < 20000; i++) {
            uint32_t bits = (uint32_t)harness_random();
            float value;

            memcpy(&value, &bits, sizeof value);
            if (isfinite(value))
                CHECKF(round_trips(value), "%a", (double)value);
        }
    }
}

int main(int argc, char **argv)
{
    (void)harness_init("test_cmd", argc, argv);
    test_counts();
    test_fields();
    test_field_numbers();
    test_writers();
    test_json_chunks();
    test_floats();
    return harness_finish();
}
