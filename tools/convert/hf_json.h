/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON files of a Hugging Face folder: opened, checked, their fields taken with messages that
 * name the file, the field, what was expected and what was found.
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_JSON_H
#define DISTIL_TOOLS_CONVERT_HF_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/json.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/source_record.h"

typedef struct hf_json {
    const char *path;
    json_value root; /* an object */
} hf_json;

/* 1 and opened, 0 where there is no such file, -1 with *error filled. Text and path belong to
 * memory; the file goes into the record. */
int hf_json_open(hf_json *json, const char *directory, const char *name, conv_memory *memory,
                 conv_record *record, conv_error *error);

/* A member that is there and not null: 1 and *value set, else 0. */
int hf_json_member(json_value object, const char *name, json_value *value);

/* A count within min .. max. 0, or -1 with *error filled, also where it is missing. */
int hf_json_count(uint32_t *out, const hf_json *json, json_value object, const char *name,
                  uint32_t min, uint32_t max, conv_error *error);

/* true or false, left as it is where missing or null. 0, or -1 with *error filled. */
int hf_json_flag(int *out, const hf_json *json, json_value object, const char *name,
                 conv_error *error);

/* A string without NUL, copied to memory; NULL with *error filled. */
char *hf_json_text(json_value value, const hf_json *json, const char *name, conv_memory *memory,
                   conv_error *error);

/* For messages: the start of a value's text, on one line. */
const char *hf_json_excerpt(char out[64], json_value value);

#endif
