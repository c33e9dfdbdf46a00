/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Lines: a JSON object on each line. Members keep their order and their bytes, so numbers stay
 * as they were written. Lines of white space only are no rows.
 */
#include <string.h>

#include "runtime/base/json.h"
#include "tools/command/cmd_output.h"
#include "tools/command/table.h"

static size_t find_record_end(cmd_scan *scan, const char *bytes, size_t size)
{
    const char *lf = size > 0 ? memchr(bytes, '\n', size) : NULL;

    (void)scan;
    return lf != NULL ? (size_t)(lf - bytes) : size;
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int is_blank(const table *t, const char *row, size_t size)
{
    (void)t;
    while (size > 0 && is_space(row[size - 1]))
        size--;
    return size == 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Decode the name of a member to t->scratch, which has room for the whole record. */
static size_t decode_name(const table *t, json_value key)
{
    return json_string(key, t->scratch, t->scratch_capacity);
}

/* Returns 1 if the name of n bytes in t->scratch is the wanted one, which may be NULL. */
static int is_name(const table *t, size_t n, const char *wanted)
{
    return wanted != NULL && n == strlen(wanted) && memcmp(t->scratch, wanted, n) == 0;
}

/* Walk over the members of a record. Sets *value to the text and *pair to the second one, which
 * are JSON_ABSENT if there is none. Returns NULL, or the reason if the name of an added field is
 * already in use. */
static const char *find_text(const table *t, json_value root, json_value *value, json_value *pair)
{
    const char *clash = NULL;
    json_iter members;

    value->type = pair->type = JSON_ABSENT;
    json_iter_init(&members, root);
    while (json_iter_next(&members)) {
        size_t n = decode_name(t, members.key);

        if (is_name(t, n, t->options.text_field))
            *value = members.value;
        if (is_name(t, n, t->options.pair_field))
            *pair = members.value;
        if (clash == NULL && table_keeps(t, t->scratch, n))
            clash = table_clash(t, t->scratch, n);
    }
    return clash;
}

/* Decode a member that should be a text to t->scratch, from byte `at` on. Sets *bytes and *size,
 * or the tag and the refusal of *text. */
static void decode_text(table *t, cmd_text *text, const char **bytes, size_t *size,
                        json_value value, size_t at, const char *missing)
{
    if (value.type == JSON_STRING) {
        *bytes = t->scratch + at;
        *size = json_string(value, t->scratch + at, t->scratch_capacity - at);
        return;
    }
    text->tag = value.type == JSON_NULL ? TABLE_NULL : TABLE_BAD;
    if (value.type == JSON_NULL)
        text->refusal = "the text is null";
    else if (value.type == JSON_ABSENT)
        text->refusal = missing;
    else
        text->refusal = "the text is neither a string nor null";
}

static void read_row(table *t, cmd_text *text, const char *row, size_t size)
{
    json_error error;
    json_value root, value, pair;

    text->tag = TABLE_BROKEN;
    if (json_parse(&root, row, size, &error) != 0) {
        text->refusal = error.what;
        return;
    }
    if (root.type != JSON_OBJECT) {
        text->refusal = root.type == JSON_ARRAY
                            ? "the record is no JSON object: JSON Lines has one on each line, "
                              "without an array around them"
                            : "the record is no JSON object";
        return;
    }
    if (table_reserve(t, size) != 0) {
        text->refusal = "no memory for a text as long as this";
        return;
    }
    text->refusal = find_text(t, root, &value, &pair);
    if (text->refusal != NULL)
        return;
    text->tag = TABLE_TEXT;
    decode_text(t, text, &text->bytes, &text->size, value, 0, t->no_text);
    /* Both texts are different members of the record, so both fit in as many bytes as it has. */
    if (text->tag == TABLE_TEXT && t->options.pair_field != NULL)
        decode_text(t, text, &text->pair, &text->pair_size, pair, text->size, t->no_pair);
}

/* ---- writing -------------------------------------------------------------------------------- */

/* Write the record up to its last member. Returns 1 if there is any member. */
static int write_whole(FILE *out, const char *row, size_t size)
{
    while (size > 0 && row[size - 1] != '}')
        size--;
    size -= size > 0;
    while (size > 0 && is_space(row[size - 1]))
        size--;
    (void)fwrite(row, 1, size, out);
    return size > 0 && row[size - 1] != '{';
}

/* Write the members that come out. Returns 1 if there is any. A brace that is the last byte but
 * belongs to a value cannot be mistaken for an empty object: such a value ends with '}'. */
static int write_some(table *t, FILE *out, const char *row, size_t size)
{
    json_value root;
    json_iter members;
    int any = 0;

    (void)putc('{', out);
    if (json_parse(&root, row, size, NULL) != 0)
        return 0;
    json_iter_init(&members, root);
    while (json_iter_next(&members)) {
        if (table_reserve(t, members.key.bytes) != 0 ||
            !table_keeps(t, t->scratch, decode_name(t, members.key)))
            continue;
        if (any)
            (void)putc(',', out);
        (void)fwrite(members.key.text, 1, members.key.bytes, out);
        (void)putc(':', out);
        (void)fwrite(members.value.text, 1, members.value.bytes, out);
        any = 1;
    }
    return any;
}

/* Write the error member: the reason, and after it the bytes of a broken record. */
static void write_error(table *t, FILE *out, const char *row, size_t size,
                        const table_answer *answer)
{
    size_t n = strlen(answer->error);

    (void)putc(',', out);
    cmd_json_string(out, t->options.error_field, strlen(t->options.error_field));
    (void)putc(':', out);
    if (!answer->broken || size == 0 || table_reserve(t, n + 2 + size) != 0) {
        cmd_json_string(out, answer->error, n);
        return;
    }
    memcpy(t->scratch, answer->error, n);
    memcpy(t->scratch + n, ": ", 2);
    memcpy(t->scratch + n + 2, row, size);
    cmd_json_string(out, t->scratch, n + 2 + size);
}

static void write_row(table *t, FILE *out, const char *row, size_t size, const table_answer *answer)
{
    int any;

    if (answer->broken) {
        (void)putc('{', out);
        any = 0;
    } else if (strcmp(t->options.keep, "all") == 0) {
        any = write_whole(out, row, size);
    } else {
        any = write_some(t, out, row, size);
    }
    if (any)
        (void)putc(',', out);
    cmd_json_string(out, t->options.label_field, strlen(t->options.label_field));
    (void)putc(':', out);
    if (answer->label != NULL)
        cmd_json_string(out, answer->label, strlen(answer->label));
    else
        (void)fputs("null", out);
    (void)putc(',', out);
    cmd_json_string(out, t->options.score_field, strlen(t->options.score_field));
    (void)putc(':', out);
    if (answer->label != NULL)
        cmd_json_float(out, answer->score);
    else
        (void)fputs("null", out);
    if (answer->error != NULL && t->options.error_field != NULL)
        write_error(t, out, row, size, answer);
    (void)fputs("}\n", out);
}

const table_format table_jsonl = {
    .name = "jsonl",
    .record_end = find_record_end,
    .is_blank = is_blank,
    .read_row = read_row,
    .write_row = write_row,
};
