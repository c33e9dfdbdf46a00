/* SPDX-License-Identifier: Apache-2.0 */
/* Opening JSON files and converting their values, with error messages. */
#include "tools/convert/hf_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/convert/source_file.h"

enum { MAX_JSON_BYTES = 256 << 20 };

/* Open a file whose root is of that type; the rest is as for hf_json_open. */
static int open_file(hf_json *json, const char *directory, const char *name, json_type type,
                     conv_memory *memory, conv_record *record, conv_error *error)
{
    conv_source source;
    json_error why;
    char *text, *path;
    int result = -1;

    if (!conv_source_exists(directory, name))
        return 0;
    if (conv_source_open(&source, directory, name, error))
        return -1;
    text = conv_source_read_all(&source, MAX_JSON_BYTES, error);
    path = text ? conv_copy_text(memory, source.path, strlen(source.path), error) : NULL;
    if (text && path) {
        size_t bytes = (size_t)source.bytes;
        char *copy = conv_copy_text(memory, text, bytes, error);

        json->path = path;
        json_index_init(&json->index, json->entries, HF_JSON_ENTRIES);
        if (!copy)
            result = -1;
        else if (json_parse_indexed(&json->root, &json->index, copy, bytes, &why))
            conv_fail(error, "%s: not JSON: byte %zu: %s", path, why.offset, why.what);
        else if (json->root.type != type)
            conv_fail(error, "%s: expected an %s, found %s", path, json_type_name(type),
                      json_type_name(json->root.type));
        else if (conv_record_source(record, text, bytes, name, error) == 0)
            result = 1;
    }
    free(text);
    conv_source_close(&source);
    return result;
}

int hf_json_open(hf_json *json, const char *directory, const char *name, conv_memory *memory,
                 conv_record *record, conv_error *error)
{
    return open_file(json, directory, name, JSON_OBJECT, memory, record, error);
}

int hf_json_open_array(hf_json *json, const char *directory, const char *name, conv_memory *memory,
                       conv_record *record, conv_error *error)
{
    return open_file(json, directory, name, JSON_ARRAY, memory, record, error);
}

int hf_json_member(json_value object, const char *name, json_value *value)
{
    json_value found;

    if (!json_get(object, name, &found) || found.type == JSON_NULL)
        return 0;
    *value = found;
    return 1;
}

int hf_json_count(uint32_t *out, const hf_json *json, json_value object, const char *name,
                  uint32_t min, uint32_t max, conv_error *error)
{
    json_value value;
    uint64_t count;
    char found[64];

    if (!hf_json_member(object, name, &value))
        return conv_fail(error, "%s: expected a count as %s, found none", json->path, name);
    if (json_uint64(value, &count) || count < min || count > max)
        return conv_fail(error, "%s: expected %u to %u as %s, found %s", json->path, (unsigned)min,
                         (unsigned)max, name, hf_json_excerpt(found, value));
    *out = (uint32_t)count;
    return 0;
}

int hf_json_flag(int *out, const hf_json *json, json_value object, const char *name,
                 conv_error *error)
{
    json_value value;
    char found[64];

    if (!hf_json_member(object, name, &value))
        return 0;
    if (value.type != JSON_TRUE && value.type != JSON_FALSE)
        return conv_fail(error, "%s: expected true or false as %s, found %s", json->path, name,
                         hf_json_excerpt(found, value));
    *out = value.type == JSON_TRUE;
    return 0;
}

char *hf_json_text(json_value value, const hf_json *json, const char *name, conv_memory *memory,
                   conv_error *error)
{
    char found[64];
    char *text;
    size_t bytes;

    if (value.type != JSON_STRING) {
        conv_fail(error, "%s: expected a string as %s, found %s", json->path, name,
                  hf_json_excerpt(found, value));
        return NULL;
    }
    text = conv_new(memory, value.bytes, 1, error);
    if (!text)
        return NULL;
    bytes = json_string(value, text, value.bytes);
    if (memchr(text, '\0', bytes)) {
        conv_fail(error, "%s: %s: a NUL character within a string", json->path, name);
        return NULL;
    }
    return text;
}

const char *hf_json_excerpt(char out[64], json_value value)
{
    size_t shown = value.bytes < 56 ? value.bytes : 56;
    size_t used = 0;

    /* The excerpt ends at the end of a character. */
    while (shown < value.bytes && shown > 0 && ((unsigned char)value.text[shown] & 0xc0) == 0x80)
        shown--;
    for (size_t i = 0; i < shown; i++)
        out[used++] = (char)((unsigned char)value.text[i] < ' ' ? ' ' : value.text[i]);
    snprintf(out + used, 64 - used, "%s", shown < value.bytes ? " ..." : "");
    return out;
}
