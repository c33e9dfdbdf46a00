/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of budgets files; budget.h describes them. */
#include "bench/harness/budget.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bench/harness/measure.h"
#include "runtime/base/json.h"

/* The file that is being parsed, where budgets go, and where a message goes. */
typedef struct reader {
    const char *file, *text;
    size_t bytes;
    const char *cpu;
    budget_list *list;
    char *why;
    size_t why_bytes;
} reader;

static size_t line_of(const reader *r, const char *at)
{
    size_t line = 1;

    for (const char *p = r->text; p < at; p++)
        line += *p == '\n';
    return line;
}

__attribute__((format(printf, 3, 4))) static int refuse(const reader *r, const char *at,
                                                        const char *format, ...)
{
    int used = snprintf(r->why, r->why_bytes, "%s:%zu: ", r->file, line_of(r, at));
    va_list arguments;

    va_start(arguments, format);
    if (used > 0 && (size_t)used < r->why_bytes)
        vsnprintf(r->why + used, r->why_bytes - (size_t)used, format, arguments);
    va_end(arguments);
    return -1;
}

/* Checks that every key of the object is in `names`, which ends with NULL. Returns 0, or -1 with a
 * message. */
static int only(const reader *r, json_value object, const char *const names[])
{
    json_iter i;

    json_iter_init(&i, object);
    while (json_iter_next(&i)) {
        size_t n = 0;

        while (names[n] && !json_string_is(i.key, names[n]))
            n++;
        if (!names[n])
            return refuse(r, i.key.text, "unknown key %.*s", (int)i.key.bytes, i.key.text);
    }
    return 0;
}

/* Finds a member by its key and checks its type. Returns 0, or -1 with a message. */
static int member(const reader *r, json_value object, const char *key, json_type type,
                  json_value *value)
{
    if (!json_get(object, key, value))
        return refuse(r, object.text, "\"%s\" is missing", key);
    if (value->type != type)
        return refuse(r, value->text, "\"%s\" is %s, not %s", key, json_type_name(value->type),
                      json_type_name(type));
    return 0;
}

static int text_member(const reader *r, json_value object, const char *key, char *out,
                       size_t capacity)
{
    json_value value;
    size_t size;

    if (member(r, object, key, JSON_STRING, &value) != 0)
        return -1;
    size = json_string(value, out, capacity - 1);
    if (size == 0 || size >= capacity)
        return refuse(r, value.text, "\"%s\" has %zu bytes, not 1 to %zu", key, size, capacity - 1);
    out[size] = '\0';
    return 0;
}

static const budget *find(const budget_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

static int check_name(const reader *r, json_value object, const budget *b, int portable)
{
    const char *parameters;
    const measure_kind *kind = measure_find(b->name, &parameters);

    if (!kind)
        return refuse(r, object.text,
                      "\"name\": \"%s\" is nothing that can be measured; "
                      "`distil bench --list` says what can",
                      b->name);
    if (portable && !kind->portable)
        return refuse(r, object.text,
                      "\"name\": \"%s\" is an absolute time: allowed under "
                      "\"machines\" only",
                      b->name);
    if (find(r->list, b->name))
        return refuse(r, object.text, "\"name\": \"%s\" has a budget already", b->name);
    return 0;
}

static int read_budget(const reader *r, json_value object, int portable)
{
    static const char *const keys[] = {"name", "max", "why", NULL};
    budget *b = &r->list->items[r->list->count];
    json_value max;

    if (object.type != JSON_OBJECT)
        return refuse(r, object.text, "a budget is an object, not %s", json_type_name(object.type));
    if (r->list->count == BUDGET_MAX)
        return refuse(r, object.text, "more than %d budgets", BUDGET_MAX);
    if (only(r, object, keys) != 0 || text_member(r, object, "name", b->name, sizeof b->name) ||
        text_member(r, object, "why", b->why, sizeof b->why) ||
        member(r, object, "max", JSON_NUMBER, &max) != 0 || check_name(r, object, b, portable) != 0)
        return -1;
    if (json_double(max, &b->max) != 0 || !(b->max > 0))
        return refuse(r, max.text, "\"max\" of \"%s\" is %.*s, not a number above 0", b->name,
                      (int)max.bytes, max.text);
    r->list->count++;
    return 0;
}

static int read_budgets(const reader *r, json_value array, int portable)
{
    json_iter i;

    json_iter_init(&i, array);
    while (json_iter_next(&i))
        if (read_budget(r, i.value, portable) != 0)
            return -1;
    return 0;
}

/* Parses the budgets of one machine, so that mistakes are found on every machine, but keeps them
 * only if this CPU's name contains the machine's text. */
static int read_machine(const reader *r, json_value object)
{
    static const char *const keys[] = {"cpu", "budgets", NULL};
    char cpu[64];
    json_value budgets;
    size_t before = r->list->count;

    if (object.type != JSON_OBJECT)
        return refuse(r, object.text, "a machine is an object, not %s",
                      json_type_name(object.type));
    if (only(r, object, keys) != 0 || text_member(r, object, "cpu", cpu, sizeof cpu) != 0 ||
        member(r, object, "budgets", JSON_ARRAY, &budgets) != 0 || read_budgets(r, budgets, 0) != 0)
        return -1;
    if (!strstr(r->cpu, cpu))
        r->list->count = before;
    return 0;
}

static int read_file(const reader *r, json_value root)
{
    static const char *const keys[] = {"$schema", "version", "budgets", "machines", NULL};
    json_value version, budgets, machines;
    int64_t number;
    json_iter i;

    if (root.type != JSON_OBJECT)
        return refuse(r, root.text, "the file is %s, not an object", json_type_name(root.type));
    if (only(r, root, keys) != 0 || member(r, root, "version", JSON_NUMBER, &version) != 0)
        return -1;
    if (json_int64(version, &number) != 0 || number != 1)
        return refuse(r, version.text, "\"version\" is %.*s; this program reads 1",
                      (int)version.bytes, version.text);
    if (member(r, root, "budgets", JSON_ARRAY, &budgets) != 0 || read_budgets(r, budgets, 1) != 0)
        return -1;
    if (!json_get(root, "machines", &machines))
        return 0;
    if (machines.type != JSON_ARRAY)
        return refuse(r, machines.text, "\"machines\" is %s, not array",
                      json_type_name(machines.type));
    json_iter_init(&i, machines);
    while (json_iter_next(&i))
        if (read_machine(r, i.value) != 0)
            return -1;
    return 0;
}

int budget_parse(budget_list *list, const char *file, const char *text, size_t bytes,
                 const char *cpu, char *why, size_t why_bytes)
{
    reader r = {file, text, bytes, cpu, list, why, why_bytes};
    json_value root;
    json_error error;

    list->count = 0;
    if (json_parse(&root, text, bytes, &error) != 0)
        return refuse(&r, text + error.offset, "not JSON: %s", error.what);
    return read_file(&r, root);
}
