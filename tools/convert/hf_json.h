/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the JSON files of a checkpoint. Error messages name the file, the field, what was
 * expected and what was found.
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_JSON_H
#define DISTIL_TOOLS_CONVERT_HF_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/json.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/source_record.h"

enum { HF_JSON_ENTRIES = 256 };

/* A JSON file. Its values refer to the index, so the structure must not be copied while they are
 * used. */
typedef struct hf_json {
    const char *path;
    json_value root; /* an object, or an array after hf_json_open_array */
    json_index index;
    json_index_entry entries[HF_JSON_ENTRIES]; /* enough for the long outer values */
} hf_json;

/* Read and parse a file of the folder and add it to the record. The text and the path belong to
 * memory. Returns 1, or 0 if there is no such file, or -1 with *error filled. */
int hf_json_open(hf_json *json, const char *directory, const char *name, conv_memory *memory,
                 conv_record *record, conv_error *error);

/* Like hf_json_open, but for a file whose root is an array. */
int hf_json_open_array(hf_json *json, const char *directory, const char *name, conv_memory *memory,
                       conv_record *record, conv_error *error);

/* Look up a member. Returns 1 with *value set; or 0 with *value unchanged if the member is absent
 * or null. */
int hf_json_member(json_value object, const char *name, json_value *value);

/* Read a count from min to max. Returns 0; or -1 with *error filled, also if the member is
 * absent. */
int hf_json_count(uint32_t *out, const hf_json *json, json_value object, const char *name,
                  uint32_t min, uint32_t max, conv_error *error);

/* Read a boolean; *out is unchanged if the member is absent or null. Returns 0, or -1 with *error
 * filled. */
int hf_json_flag(int *out, const hf_json *json, json_value object, const char *name,
                 conv_error *error);

/* Decode a string, which must not have a NUL inside, into memory. Returns NULL with *error filled
 * if it cannot. `name` is what messages call the value. */
char *hf_json_text(json_value value, const hf_json *json, const char *name, conv_memory *memory,
                   conv_error *error);

/* Write the first 56 bytes or fewer of a value's text on one line, for messages. Returns out. */
const char *hf_json_excerpt(char out[64], json_value value);

#endif
