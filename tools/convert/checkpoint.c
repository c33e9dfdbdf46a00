/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the weights of a folder in either format, and decoding their elements. */
#include "tools/convert/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/strict_float.h"
#include "tools/convert/torch_file.h"

enum { READ_CHUNK = 1 << 16, MAX_INDEX_BYTES = 64 << 20 };

/* Read the header of pytorch_model.bin. Its tensors lie anywhere in the file, so their offsets
 * count from its start. */
static int read_torch_header(st_header *header, uint64_t *data, const conv_source *source,
                             conv_error *error)
{
    *data = 0;
    return torch_file_header(header, source, error);
}

/* The formats in the order in which transformers looks for them. */
static const conv_weight_format formats[] = {
    {"model.safetensors", "model.safetensors.index.json", st_header_read},
    {"pytorch_model.bin", "pytorch_model.bin.index.json", read_torch_header},
};

/* ---- files ---------------------------------------------------------------------------------- */

/* A clone without git-lfs has a short text in the place of each large file. */
static int refuse_lfs_pointer(const conv_source *source, conv_error *error)
{
    static const char pointer[] = "version https://git-lfs";
    char begin[sizeof pointer - 1];

    if (source->bytes < sizeof begin)
        return 0;
    if (conv_source_read(source, 0, begin, sizeof begin, error))
        return -1;
    if (memcmp(begin, pointer, sizeof begin) != 0)
        return 0;
    return conv_fail(error,
                     "%s: a pointer that git-lfs left in the place of the file: run `git lfs pull` "
                     "in that folder",
                     source->path);
}

/* Open a file and append it to the checkpoint, which then owns the name. */
static int add_file(conv_checkpoint *weights, const char *directory, char *name, conv_error *error)
{
    conv_weight_file *files = realloc(weights->files, (weights->file_count + 1) * sizeof *files);
    conv_weight_file *file;

    if (!files) {
        free(name);
        return conv_fail(error, "%s: out of memory", directory);
    }
    weights->files = files;
    file = &files[weights->file_count];
    memset(file, 0, sizeof *file);
    file->name = name;
    if (conv_source_open(&file->source, directory, name, error)) {
        free(name);
        return -1;
    }
    /* From here on conv_checkpoint_close closes the file and frees its name. */
    weights->file_count++;
    if (refuse_lfs_pointer(&file->source, error) ||
        weights->format->read_header(&file->header, &file->data, &file->source, error))
        return -1;
    for (size_t i = 0; i < file->header.count; i++)
        file->header.tensors[i].file = weights->file_count - 1;
    return 0;
}

static int add_named_file(conv_checkpoint *weights, const char *directory, const char *name,
                          conv_error *error)
{
    char *copy = strdup(name);

    return copy ? add_file(weights, directory, copy, error)
                : conv_fail(error, "%s: out of memory", directory);
}

static conv_weight_file *find_file(const conv_checkpoint *weights, const char *name)
{
    for (size_t i = 0; i < weights->file_count; i++)
        if (strcmp(weights->files[i].name, name) == 0)
            return &weights->files[i];
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const st_tensor *)a)->name, ((const st_tensor *)b)->name);
}

static const st_tensor *find_in_file(const conv_weight_file *file, const char *name)
{
    st_tensor key;

    memset(&key, 0, sizeof key);
    key.name = (char *)(uintptr_t)name; /* bsearch only reads it */
    return bsearch(&key, file->header.tensors, file->header.count, sizeof key, by_name);
}

/* Process an entry of the index: check that the file name has no directory, open the file if it is
 * not open yet, and check that it has the tensor. */
static int open_index_entry(conv_checkpoint *weights, const char *directory, json_value name,
                            json_value value, conv_error *error)
{
    char *tensor = st_copy_string(name);
    char *file_name = value.type == JSON_STRING ? st_copy_string(value) : NULL;
    int failed = 0;

    if (!tensor || !file_name) {
        failed = conv_fail(error, "%s: expected a file name for tensor %s in weight_map",
                           weights->index_path, tensor ? tensor : "?");
    } else if (file_name[0] == '\0' || strchr(file_name, '/') || strcmp(file_name, ".") == 0 ||
               strcmp(file_name, "..") == 0) {
        failed = conv_fail(error, "%s: tensor %s: expected a file of the same folder, found %.200s",
                           weights->index_path, tensor, file_name);
    } else if (!find_file(weights, file_name)) {
        if (weights->file_count == CONV_MAX_FILES)
            failed = conv_fail(error, "%s: expected at most %d files", weights->index_path,
                               CONV_MAX_FILES);
        else
            failed = add_file(weights, directory, file_name, error);
        file_name = NULL;
    }
    free(file_name);
    if (!failed) {
        file_name = st_copy_string(value);
        if (!file_name || !find_in_file(find_file(weights, file_name), tensor))
            failed = conv_fail(error, "%s: tensor %s: expected in %s, not found there",
                               weights->index_path, tensor, file_name ? file_name : "?");
        free(file_name);
    }
    free(tensor);
    return failed;
}

/* Check that no tensor is in two files, since the index names one of them only. */
static int check_shards(const conv_checkpoint *weights, conv_error *error)
{
    for (size_t i = 1; i < weights->file_count; i++)
        for (size_t k = 0; k < weights->files[i].header.count; k++)
            for (size_t j = 0; j < i; j++) {
                const char *name = weights->files[i].header.tensors[k].name;

                if (find_in_file(&weights->files[j], name))
                    return conv_fail(error,
                                     "%s: tensor %s: listed twice, in %s and in %s: load the model "
                                     "and save it again with save_pretrained",
                                     weights->index_path, name, weights->files[j].source.path,
                                     weights->files[i].source.path);
            }
    return 0;
}

/* Open all files that the index names. */
static int open_index(conv_checkpoint *weights, const char *directory, conv_error *error)
{
    conv_source source;
    json_error why;
    json_value root, map;
    json_iter iter;
    char *text;
    int failed = 0;

    if (conv_source_open(&source, directory, weights->format->index, error))
        return -1;
    text = conv_source_read_all(&source, MAX_INDEX_BYTES, error);
    weights->index_path = conv_join_path(directory, weights->format->index);
    if (!text || !weights->index_path)
        failed = text ? conv_fail(error, "%s: out of memory", directory) : -1;
    else if (json_parse(&root, text, (size_t)source.bytes, &why))
        failed = conv_fail(error, "%s: not JSON: byte %zu: %s", source.path, why.offset, why.what);
    else if (!json_get(root, "weight_map", &map) || map.type != JSON_OBJECT)
        failed = conv_fail(error, "%s: expected an object weight_map", source.path);
    if (!failed) {
        json_iter_init(&iter, map);
        while (!failed && json_iter_next(&iter))
            failed = open_index_entry(weights, directory, iter.key, iter.value, error);
    }
    if (!failed)
        failed = check_shards(weights, error);
    if (!failed && weights->file_count == 0)
        failed = conv_fail(error, "%s: weight_map names no file", source.path);
    free(text);
    conv_source_close(&source);
    return failed;
}

/* Weights that other programs write, and what to do about each. */
static const struct {
    const char *file;
    const char *remedy;
} other_formats[] = {
    {"tf_model.h5", "TensorFlow's weights: convert the PyTorch checkpoint that they came from"},
    {"flax_model.msgpack", "Flax's weights: convert the PyTorch checkpoint that they came from"},
    {"model.fp16.safetensors", "the weights of a variant: rename the file to model.safetensors"},
    {"model.onnx", "an ONNX export: convert the checkpoint that it was exported from"},
    {"onnx", "a folder of ONNX exports: convert the checkpoint that they were made from"},
    {"adapter_config.json",
     "a PEFT adapter without its model. Merge it first, in Python: "
     "AutoPeftModelForSequenceClassification.from_pretrained(dir).merge_and_unload()"
     ".save_pretrained(out)"},
};

/* Set the error for a folder without weights that can be read: what it has instead, and what to do
 * about it. */
static int refuse_folder(const char *directory, conv_error *error)
{
    for (size_t i = 0; i < sizeof other_formats / sizeof other_formats[0]; i++)
        if (conv_source_exists(directory, other_formats[i].file))
            return conv_fail(error,
                             "%s: expected model.safetensors or pytorch_model.bin, found only %s, "
                             "%s",
                             directory, other_formats[i].file, other_formats[i].remedy);
    return conv_fail(error,
                     "%s: expected model.safetensors or pytorch_model.bin, or an index of such "
                     "files, found none: give the folder that save_pretrained wrote",
                     directory);
}

int conv_checkpoint_open(conv_checkpoint *weights, const char *directory, conv_error *error)
{
    int failed = 0;

    memset(weights, 0, sizeof *weights);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0] && !weights->format && !failed; i++) {
        int whole = conv_source_exists(directory, formats[i].file);

        if (!whole && !conv_source_exists(directory, formats[i].index))
            continue;
        weights->format = &formats[i];
        failed = whole ? add_named_file(weights, directory, formats[i].file, error)
                       : open_index(weights, directory, error);
    }
    if (!weights->format)
        failed = refuse_folder(directory, error);
    if (failed)
        conv_checkpoint_close(weights);
    return failed;
}

void conv_checkpoint_close(conv_checkpoint *weights)
{
    for (size_t i = 0; i < weights->file_count; i++) {
        conv_source_close(&weights->files[i].source);
        st_header_free(&weights->files[i].header);
        free(weights->files[i].name);
    }
    free(weights->files);
    free(weights->index_path);
    memset(weights, 0, sizeof *weights);
}

const st_tensor *conv_checkpoint_find(const conv_checkpoint *weights, const char *name)
{
    const st_tensor *found = NULL;

    for (size_t i = 0; i < weights->file_count && !found; i++)
        found = find_in_file(&weights->files[i], name);
    return found;
}

const char *conv_checkpoint_path(const conv_checkpoint *weights, const st_tensor *tensor)
{
    return weights->files[tensor->file].source.path;
}

/* ---- elements ------------------------------------------------------------------------------- */

static float float_of_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Convert IEEE 754 binary16 to binary32, which represents every value of it. */
static float float_of_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3ff;

    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) { /* Zero and subnormal numbers are fraction * 2^-24. */
        float value = (float)fraction * 0x1p-24f;

        return sign ? -value : value;
    }
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static uint64_t little_endian(const unsigned char *p, size_t bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

static float decode_f32(const unsigned char *p)
{
    return float_of_bits((uint32_t)little_endian(p, 4));
}

static float decode_f16(const unsigned char *p)
{
    return float_of_half((uint32_t)little_endian(p, 2));
}

static float decode_bf16(const unsigned char *p)
{
    return float_of_bits((uint32_t)little_endian(p, 2) << 16);
}

/* Rounds to nearest even; a magnitude beyond float becomes an infinity, which is then refused. */
static float decode_f64(const unsigned char *p)
{
    uint64_t bits = little_endian(p, 8);
    double value;

    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

/* The element types of weights. */
static const struct {
    const char *name;
    size_t bytes;
    float (*decode)(const unsigned char *p);
} element_types[] = {
    {"F32", 4, decode_f32},
    {"F16", 2, decode_f16},
    {"BF16", 2, decode_bf16},
    {"F64", 8, decode_f64},
};

int conv_checkpoint_read(const conv_checkpoint *weights, const st_tensor *tensor, float *out,
                         conv_error *error)
{
    const conv_weight_file *file = &weights->files[tensor->file];
    uint64_t left = tensor->end - tensor->begin;
    uint64_t at = file->data + tensor->begin;
    unsigned char *raw;
    size_t type = 0, index = 0;
    int failed = 0;

    while (type < sizeof element_types / sizeof element_types[0] &&
           strcmp(element_types[type].name, tensor->dtype) != 0)
        type++;
    if (type == sizeof element_types / sizeof element_types[0])
        return conv_fail(error, "%s: tensor %s: expected dtype F32, F16, BF16 or F64, found %s",
                         file->source.path, tensor->name, tensor->dtype);
    raw = malloc(READ_CHUNK);
    if (!raw)
        return conv_fail(error, "%s: out of memory", file->source.path);
    while (left > 0 && !failed) {
        size_t bytes = left < READ_CHUNK ? (size_t)left : READ_CHUNK;
        size_t count = bytes / element_types[type].bytes;

        failed = conv_source_read(&file->source, at, raw, bytes, error);
        for (size_t i = 0; i < count && !failed; i++) {
            float value = element_types[type].decode(raw + i * element_types[type].bytes);

            out[index + i] = value;
            if (!isfinite(value))
                failed = conv_fail(
                    error, "%s: tensor %s: expected finite numbers, found %s at index %zu",
                    file->source.path, tensor->name, isnan(value) ? "NaN" : "infinity", index + i);
        }
        index += count;
        at += bytes;
        left -= bytes;
    }
    free(raw);
    return failed;
}
