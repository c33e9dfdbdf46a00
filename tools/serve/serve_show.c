/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting of log lines, metrics and responses; see serve_show.h. */
#include "tools/serve/serve_show.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/json.h"
#include "tools/command/cmd_output.h"

enum {
    INDENT = 2,
    HEADING_COLUMNS = 9, /* the width of a heading such as "RESPONSE " */
    VALUE_BYTES = 1024   /* a longer string is cut */
};

void serve_show_notice(const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    (void)fflush(stdout); /* keeps the order of the two streams where they go to one terminal */
    (void)fprintf(stderr, "serve: %s\n", message);
}

/* Write a string without its quotes, and any other value as it stands in the document. Control
 * characters are escaped, so that the function cannot control the terminal. */
static void put_value(json_value value)
{
    char text[VALUE_BYTES];
    size_t size;

    if (value.type != JSON_STRING) {
        cmd_write_escaped(stdout, value.text, value.bytes);
        return;
    }
    size = json_string(value, text, sizeof text);
    cmd_write_escaped(stdout, text, size < sizeof text ? size : sizeof text);
    if (size > sizeof text)
        (void)fputs("...", stdout);
}

static void put_member(json_value object, const char *name)
{
    json_value value;

    if (json_get(object, name, &value))
        put_value(value);
}

/* ---- log lines ------------------------------------------------------------------------------- */

/* Write a log line in the form "12:34:56.789 LOG LEVEL message  field=value ...". */
static void show_log(json_value line, json_value timestamp)
{
    char text[32] = "";
    size_t size = json_string(timestamp, text, sizeof text - 1);
    json_iter members;

    /* Of a timestamp such as 2026-01-15T12:34:56.789Z only the time is shown. */
    if (size == 24 && text[10] == 'T')
        (void)printf("%.12s ", text + 11);
    (void)fputs("LOG      ", stdout);
    put_member(line, "level");
    (void)putchar(' ');
    put_member(line, "message");
    json_iter_init(&members, line);
    while (json_iter_next(&members)) {
        if (json_string_is(members.key, "timestamp") || json_string_is(members.key, "level") ||
            json_string_is(members.key, "message"))
            continue;
        (void)fputs("  ", stdout);
        put_value(members.key);
        (void)putchar('=');
        put_value(members.value);
    }
    (void)putchar('\n');
}

/* ---- metrics --------------------------------------------------------------------------------- */

/* Find the member of the document that the name of a metric or a dimension refers to. Returns 0 if
 * there is none. */
static int find_named(json_value root, json_value name, json_value *value)
{
    char text[256];
    size_t size = json_string(name, text, sizeof text - 1);

    if (size >= sizeof text)
        return 0;
    text[size] = '\0';
    return json_get(root, text, value);
}

static void put_dimensions(json_value root, json_value directive)
{
    json_value sets, value;
    json_iter set, name;

    if (!json_get(directive, "Dimensions", &sets))
        return;
    json_iter_init(&set, sets);
    while (json_iter_next(&set)) {
        json_iter_init(&name, set.value);
        while (json_iter_next(&name)) {
            (void)fputs("  ", stdout);
            put_value(name.value);
            (void)putchar('=');
            if (find_named(root, name.value, &value))
                put_value(value);
        }
    }
}

/* Write a line "METRIC   name value unit  dimension=value" for each metric of a directive. */
static void show_directive(json_value root, json_value directive)
{
    json_value list, name, unit, value;
    json_iter metric;

    if (!json_get(directive, "Metrics", &list))
        return;
    json_iter_init(&metric, list);
    while (json_iter_next(&metric)) {
        if (!json_get(metric.value, "Name", &name))
            continue;
        (void)fputs("METRIC   ", stdout);
        put_value(name);
        (void)putchar(' ');
        if (find_named(root, name, &value))
            put_value(value);
        else
            (void)fputs("(its member is missing)", stdout);
        if (json_get(metric.value, "Unit", &unit)) {
            (void)putchar(' ');
            put_value(unit);
        }
        put_dimensions(root, directive);
        (void)putchar('\n');
    }
}

static void show_metrics(json_value root, json_value aws)
{
    json_value directives;
    json_iter directive;

    if (!json_get(aws, "CloudWatchMetrics", &directives))
        return;
    json_iter_init(&directive, directives);
    while (json_iter_next(&directive))
        show_directive(root, directive.value);
}

void serve_show_line(int raw, const char *line, size_t size, int from_stderr)
{
    json_value root, member;

    if (raw) {
        FILE *out = from_stderr ? stderr : stdout;

        (void)fwrite(line, 1, size, out);
        (void)putc('\n', out);
        return;
    }
    if (!from_stderr && json_parse(&root, line, size, NULL) == 0) {
        if (json_get(root, "_aws", &member)) {
            show_metrics(root, member);
            return;
        }
        if (json_get(root, "level", &member)) {
            if (!json_get(root, "timestamp", &member))
                member.type = JSON_NULL;
            show_log(root, member);
            return;
        }
    }
    (void)fputs(from_stderr ? "STDERR   " : "STDOUT   ", stdout);
    cmd_write_escaped(stdout, line, size);
    (void)putchar('\n');
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Begin a line that is indented by `depth` levels. */
static void put_break(int depth)
{
    (void)printf("\n%*s", HEADING_COLUMNS + INDENT * depth, "");
}

/* Write JSON that has been checked, with each member on a line of its own. */
static void put_indented(const char *text, size_t size)
{
    int depth = 0, in_string = 0;

    for (size_t i = 0; i < size; i++) {
        char c = text[i];

        if (in_string) {
            in_string = c != '"';
            (void)putchar(c);
            if (c == '\\' && i + 1 < size)
                (void)putchar(text[++i]);
        } else if (c == '{' || c == '[') {
            size_t next = i + 1;

            (void)putchar(c);
            while (next < size && strchr(" \t\r\n", text[next]) != NULL)
                next++;
            if (next < size && (text[next] == '}' || text[next] == ']')) {
                (void)putchar(text[next]);
                i = next;
            } else {
                put_break(++depth);
            }
        } else if (c == '}' || c == ']') {
            put_break(--depth);
            (void)putchar(c);
        } else if (c == ',') {
            (void)putchar(c);
            put_break(depth);
        } else if (c == ':') {
            (void)fputs(": ", stdout);
        } else if (strchr(" \t\r\n", c) == NULL) {
            in_string = c == '"';
            (void)putchar(c);
        }
    }
}

void serve_show_answer(int raw, const char *what, const char *text, size_t size)
{
    json_value root;

    if (raw) {
        (void)fwrite(text, 1, size, stdout);
    } else {
        (void)printf("%-8s ", what);
        if (json_parse(&root, text, size, NULL) == 0)
            put_indented(root.text, root.bytes);
        else
            cmd_write_escaped(stdout, text, size);
    }
    (void)putchar('\n');
}
