/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the readers and writers of tables. The first byte of an input chooses the format and
 * options, and the rest is a file.
 *
 * The search for ends of records must find the same ones however the bytes are split. Each record
 * must be read without leaving it. What is written for a record must be one record again, with the
 * same text, or with no text if the record is broken; so rows in and rows out correspond.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/command/table.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

/* A copy of exactly these bytes, so that a sanitizer sees reads past their end. */
static char *copy_of(const char *bytes, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);

    require(copy != NULL);
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

/* Read a record in the way of table_next. */
static void read_record(table *t, cmd_text *text, const char *row, size_t size)
{
    memset(text, 0, sizeof *text);
    text->bytes = "";
    text->row = row;
    text->row_size = size;
    t->format->read_row(t, text, row, size);
    require(text->row_size <= size);
    require((text->tag == TABLE_TEXT) == (text->refusal == NULL));
}

/* Write the row of a record with an answer, and return its bytes. */
static char *write_record(table *t, const cmd_text *text, size_t *size)
{
    table_answer answer = {.error = text->tag == TABLE_NULL ? NULL : text->refusal,
                           .broken = text->tag == TABLE_BROKEN};
    char *bytes = NULL;
    FILE *out = open_memstream(&bytes, size);

    require(out != NULL);
    if (text->refusal == NULL) {
        answer.label = "a \"label\",\twith\\all";
        answer.score = 0.25f;
    }
    table_write_row(t, out, text, &answer);
    require(fclose(out) == 0 && *size > 0 && bytes[*size - 1] == '\n');
    return bytes;
}

/* Check that the bytes are one record and its end. */
static void require_one_record(const table *t, const char *bytes, size_t size)
{
    cmd_scan scan = {CMD_SCAN_RECORD, t->options.delimiter, 0};

    require(t->format->record_end(&scan, bytes, size) == size - 1);
}

/* Check a record. `wider` reads tables that have the added fields too. */
static void check_record(table *t, table *wider, const char *row, size_t size)
{
    char *copy = copy_of(row, size);
    cmd_text text, again;
    char *bytes, *decoded, *pair;
    size_t decoded_size, pair_size, written;

    read_record(t, &text, copy, size);
    decoded_size = text.size;
    decoded = copy_of(text.bytes, text.size);
    pair_size = text.pair_size;
    pair = text.pair != NULL ? copy_of(text.pair, pair_size) : NULL;
    bytes = write_record(t, &text, &written);
    require_one_record(t, bytes, written);
    read_record(wider, &again, bytes, written - 1);
    if (text.tag == TABLE_TEXT) {
        require(again.tag == TABLE_TEXT && again.size == decoded_size);
        require(decoded_size == 0 || memcmp(again.bytes, decoded, decoded_size) == 0);
        require(again.pair_size == pair_size && (again.pair != NULL) == (pair != NULL));
        require(pair_size == 0 || memcmp(again.pair, pair, pair_size) == 0);
    } else {
        require(again.tag != TABLE_BROKEN);
    }
    free(bytes);
    free(decoded);
    free(pair);
    free(copy);
}

/* Returns the index of the end of the record that begins at `at`; finds it in pieces of one byte if
 * `slow`. */
static size_t find_end(const table *t, cmd_scan *scan, const char *file, size_t size, size_t at,
                       int slow)
{
    if (!slow)
        return at + t->format->record_end(scan, file + at, size - at);
    while (at < size && t->format->record_end(scan, file + at, 1) == 1)
        at++;
    return at;
}

/* Read the header, and prepare `wider` for the header that the output has. Returns 0, or -1 if the
 * header is wrong. */
static int check_header(table *t, table *wider, const char *row, size_t size)
{
    char *bytes = NULL;
    size_t written = 0, bom;
    FILE *out;
    int code = -1;

    if (t->format->read_header == NULL)
        return 0;
    if (t->format->read_header(t, row, size) != NULL)
        return -1;
    out = open_memstream(&bytes, &written);
    require(out != NULL);
    table_write_header(t, out);
    require(fclose(out) == 0);
    bom = t->bom ? 3 : 0;
    require_one_record(t, bytes + bom, written - bom);
    code = wider->format->read_header(wider, bytes + bom, written - bom - 1) == NULL ? 0 : -1;
    require(code == 0);
    free(bytes);
    return code;
}

static void check_file(table *t, table *wider, const char *file, size_t size)
{
    cmd_scan scan = {CMD_SCAN_FILE, t->options.delimiter, 0};
    cmd_scan slow = scan;
    size_t at = 0;
    int first = 1;

    while (at < size) {
        size_t end = find_end(t, &scan, file, size, at, 0);
        size_t bom = first && end - at >= 3 && memcmp(file + at, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

        require(find_end(t, &slow, file, size, at, 1) == end);
        require(slow.inner_lines == scan.inner_lines);
        if (first) {
            t->bom = bom > 0;
            if (check_header(t, wider, file + at + bom, end - at - bom) != 0)
                return;
        }
        if (!first || t->format->read_header == NULL)
            check_record(t, wider, file + at + bom, end - at - bom);
        t->begun = wider->begun = 1;
        first = 0;
        scan.state = slow.state = CMD_SCAN_RECORD;
        scan.inner_lines = slow.inner_lines = 0;
        at = end + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[] = {"csv", "tsv", "jsonl", "csv"};
    table_options options = {"t", NULL, "l", "s", "e", "all", NULL, ',', 0, 0};
    table_options wider_options;
    table t, wider;
    unsigned choice;

    if (size == 0)
        return 0;
    choice = data[0];
    options.delimiter = choice % 4 == 3 ? ';' : ',';
    options.escapes = choice % 4 == 1 && (choice & 4) != 0;
    options.null_word = (choice & 8) != 0 && choice % 4 != 2 ? "N" : NULL;
    options.pair_field = (choice & 16) != 0 ? "p" : NULL;
    wider_options = options;
    /* no input column is kept, so none can have the name of an output column */
    wider_options.keep = "none";
    table_open(&t, table_format_find(formats[choice % 4]), &options);
    table_open(&wider, table_format_find(formats[choice % 4]), &wider_options);
    check_file(&t, &wider, (const char *)data + 1, size - 1);
    table_close(&t);
    table_close(&wider);
    return 0;
}
