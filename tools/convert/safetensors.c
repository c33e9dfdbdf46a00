/* SPDX-License-Identifier: Apache-2.0 */
/* Checking headers, opening the files of an index, and decoding elements. */
#include "tools/convert/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"

enum { READ_CHUNK = 1 << 16, MAX_INDEX_BYTES = 64 << 20 };

/* The element types of the format. */
static const struct {
    const char *name;
    unsigned bits;
} dtypes[] = {
    {"F32", 32},    {"F16", 16},    {"BF16", 16},   {"F64", 64},    {"I64", 64},
    {"I32", 32},    {"I16", 16},    {"I8", 8},      {"U64", 64},    {"U32", 32},
    {"U16", 16},    {"U8", 8},      {"BOOL", 8},    {"F8_E5M2", 8}, {"F8_E4M3", 8},
    {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},      {"C64", 64},
};

static unsigned dtype_bits(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return dtypes[i].bits;
    return 0;
}

/* Decode a JSON string into malloc'd, NUL-terminated text. Returns NULL without memory or if the
 * string has a NUL. */
static char *copy_string(json_value value)
{
    char *text = malloc(value.bytes);
    size_t length;

    if (!text)
        return NULL;
    length = json_string(value, text, value.bytes);
    text[length] = '\0';
    if (strlen(text) != length) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- header --------------------------------------------------------------------------------- */

/* What checking a header needs besides its text. */
typedef struct header_facts {
    const char *path;
    uint64_t data_bytes;
    conv_error *error;
} header_facts;

static int parse_shape(st_tensor *tensor, json_value shape, const header_facts *facts)
{
    json_iter iter;

    if (shape.type != JSON_ARRAY)
        return conv_fail(facts->error, "%s: tensor %s: expected an array as shape, found %s",
                         facts->path, tensor->name, json_type_name(shape.type));
    json_iter_init(&iter, shape);
    while (json_iter_next(&iter)) {
        if (tensor->rank == ST_MAX_RANK)
            return conv_fail(facts->error, "%s: tensor %s: expected at most %d dimensions",
                             facts->path, tensor->name, ST_MAX_RANK);
        if (json_uint64(iter.value, &tensor->shape[tensor->rank]))
            return conv_fail(facts->error,
                             "%s: tensor %s: expected a count as dimension %zu of its shape, found "
                             "%.*s",
                             facts->path, tensor->name, tensor->rank,
                             iter.value.bytes < 40 ? (int)iter.value.bytes : 40, iter.value.text);
        tensor->rank++;
    }
    return 0;
}

static int parse_offsets(st_tensor *tensor, json_value offsets, const header_facts *facts)
{
    uint64_t value[2] = {0, 0};
    size_t count = 0;
    json_iter iter;
    int bad = offsets.type != JSON_ARRAY;

    json_iter_init(&iter, offsets);
    while (!bad && json_iter_next(&iter)) {
        bad = count == 2 || json_uint64(iter.value, &value[count]);
        count++;
    }
    if (bad || count != 2)
        return conv_fail(facts->error, "%s: tensor %s: expected [begin, end] as data_offsets",
                         facts->path, tensor->name);
    if (value[0] > value[1] || value[1] > facts->data_bytes)
        return conv_fail(facts->error,
                         "%s: tensor %s: data_offsets [%" PRIu64 ", %" PRIu64
                         "] do not lie within the %" PRIu64 " bytes of data: the file is damaged "
                         "or cut short; copy or download it again",
                         facts->path, tensor->name, value[0], value[1], facts->data_bytes);
    tensor->begin = value[0];
    tensor->end = value[1];
    return 0;
}

/* Check that a tensor has as many bytes as its shape and type need. */
static int check_size(const st_tensor *tensor, const header_facts *facts)
{
    unsigned bits = dtype_bits(tensor->dtype);
    uint64_t total = bits;
    char shape[128];

    if (bits == 0)
        return conv_fail(facts->error, "%s: tensor %s: unknown dtype %s", facts->path, tensor->name,
                         tensor->dtype);
    for (size_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] != 0 && total > UINT64_MAX / tensor->shape[i])
            return conv_fail(facts->error, "%s: tensor %s: shape %s is beyond any file",
                             facts->path, tensor->name,
                             st_shape_text(shape, sizeof shape, tensor->shape, tensor->rank));
        total *= tensor->shape[i];
    }
    if (total % 8 != 0 || total / 8 != tensor->end - tensor->begin)
        return conv_fail(facts->error,
                         "%s: tensor %s: expected %" PRIu64 " bytes for shape %s of %s, found "
                         "%" PRIu64,
                         facts->path, tensor->name, total / 8,
                         st_shape_text(shape, sizeof shape, tensor->shape, tensor->rank),
                         tensor->dtype, tensor->end - tensor->begin);
    return 0;
}

static int parse_tensor(st_tensor *tensor, json_value name, json_value fields,
                        const header_facts *facts)
{
    json_value dtype, shape, offsets;
    const json_field members[] = {{"dtype", &dtype}, {"shape", &shape}, {"data_offsets", &offsets}};
    size_t length;

    tensor->name = copy_string(name);
    if (!tensor->name)
        return conv_fail(facts->error, "%s: a tensor name that cannot be, or out of memory",
                         facts->path);
    if (fields.type != JSON_OBJECT)
        return conv_fail(facts->error, "%s: tensor %s: expected an object, found %s", facts->path,
                         tensor->name, json_type_name(fields.type));
    json_members(fields, members, sizeof members / sizeof members[0]);
    if (dtype.type != JSON_STRING)
        return conv_fail(facts->error, "%s: tensor %s: no dtype", facts->path, tensor->name);
    length = json_string(dtype, tensor->dtype, sizeof tensor->dtype - 1);
    if (length >= sizeof tensor->dtype)
        return conv_fail(facts->error, "%s: tensor %s: unknown dtype %s...", facts->path,
                         tensor->name, tensor->dtype);
    if (shape.type == JSON_ABSENT)
        return conv_fail(facts->error, "%s: tensor %s: no shape", facts->path, tensor->name);
    if (parse_shape(tensor, shape, facts))
        return -1;
    if (offsets.type == JSON_ABSENT)
        return conv_fail(facts->error, "%s: tensor %s: no data_offsets", facts->path, tensor->name);
    if (parse_offsets(tensor, offsets, facts))
        return -1;
    return check_size(tensor, facts);
}

static int by_begin(const void *a, const void *b)
{
    const st_tensor *x = a;
    const st_tensor *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const st_tensor *)a)->name, ((const st_tensor *)b)->name);
}

/* Check that the tensors cover the data exactly and that no two have the same name. Leaves them
 * sorted by name. */
static int check_cover(st_header *header, const header_facts *facts)
{
    uint64_t at = 0;

    qsort(header->tensors, header->count, sizeof header->tensors[0], by_begin);
    for (size_t i = 0; i < header->count; i++) {
        const st_tensor *tensor = &header->tensors[i];

        if (tensor->begin != at)
            return conv_fail(facts->error,
                             "%s: tensor %s: expected its data at offset %" PRIu64
                             ", where the tensor before it ends, found %" PRIu64 " (%s)",
                             facts->path, tensor->name, at, tensor->begin,
                             tensor->begin < at ? "tensors overlap" : "a gap");
        at = tensor->end;
    }
    if (at != facts->data_bytes)
        return conv_fail(facts->error,
                         "%s: expected %" PRIu64 " bytes of data for its tensors, found %" PRIu64,
                         facts->path, at, facts->data_bytes);
    qsort(header->tensors, header->count, sizeof header->tensors[0], by_name);
    for (size_t i = 1; i < header->count; i++)
        if (strcmp(header->tensors[i - 1].name, header->tensors[i].name) == 0)
            return conv_fail(facts->error, "%s: tensor %s: listed twice", facts->path,
                             header->tensors[i].name);
    return 0;
}

static size_t count_members(json_value object)
{
    json_iter iter;
    size_t count = 0;

    json_iter_init(&iter, object);
    while (json_iter_next(&iter))
        count++;
    return count;
}

int st_header_parse(st_header *header, const char *path, const char *text, size_t bytes,
                    uint64_t data_bytes, conv_error *error)
{
    header_facts facts = {path, data_bytes, error};
    json_error why;
    json_value root;
    json_iter iter;
    int failed = 0;

    header->tensors = NULL;
    header->count = 0;
    if (json_parse(&root, text, bytes, &why))
        return conv_fail(error, "%s: header is not JSON: byte %zu: %s", path, 8 + why.offset,
                         why.what);
    if (root.type != JSON_OBJECT)
        return conv_fail(error, "%s: expected an object as header, found %s", path,
                         json_type_name(root.type));
    header->tensors = calloc(count_members(root) + 1, sizeof header->tensors[0]);
    if (!header->tensors)
        return conv_fail(error, "%s: out of memory", path);
    json_iter_init(&iter, root);
    while (!failed && json_iter_next(&iter)) {
        if (json_string_is(iter.key, "__metadata__"))
            continue;
        failed = parse_tensor(&header->tensors[header->count++], iter.key, iter.value, &facts);
    }
    if (!failed)
        failed = check_cover(header, &facts);
    if (failed)
        st_header_free(header);
    return failed;
}

void st_header_free(st_header *header)
{
    for (size_t i = 0; i < header->count; i++)
        free(header->tensors[i].name);
    free(header->tensors);
    header->tensors = NULL;
    header->count = 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Read and check the header of an open file. */
static int read_header(st_file *file, conv_error *error)
{
    const conv_source *source = &file->source;
    unsigned char length_bytes[8];
    uint64_t length = 0;
    char *text;
    int failed;

    if (source->bytes < 8)
        return conv_fail(error,
                         "%s: expected a safetensors file, found %" PRIu64
                         " bytes: a copy cut short, or a pointer left by git-lfs",
                         source->path, source->bytes);
    if (conv_source_read(source, 0, length_bytes, sizeof length_bytes, error))
        return -1;
    for (size_t i = 8; i-- > 0;)
        length = length << 8 | length_bytes[i];
    if (length > ST_MAX_HEADER_BYTES || length > source->bytes - 8)
        return conv_fail(error,
                         "%s: expected a safetensors header of at most %" PRIu64
                         " bytes, found a length of %" PRIu64 ": not a safetensors file, or one "
                         "cut short",
                         source->path,
                         source->bytes - 8 < ST_MAX_HEADER_BYTES ? source->bytes - 8
                                                                 : (uint64_t)ST_MAX_HEADER_BYTES,
                         length);
    text = malloc((size_t)length + 1);
    if (!text)
        return conv_fail(error, "%s: out of memory", source->path);
    failed = conv_source_read(source, 8, text, (size_t)length, error);
    file->data = 8 + length;
    if (!failed)
        failed = st_header_parse(&file->header, source->path, text, (size_t)length,
                                 source->bytes - file->data, error);
    free(text);
    return failed;
}

/* Open a file and append it to the checkpoint, which then owns the name. */
static int add_file(st_checkpoint *checkpoint, const char *directory, char *name, conv_error *error)
{
    st_file *files = realloc(checkpoint->files, (checkpoint->file_count + 1) * sizeof *files);
    st_file *file;

    if (!files) {
        free(name);
        return conv_fail(error, "%s: out of memory", directory);
    }
    checkpoint->files = files;
    file = &files[checkpoint->file_count];
    memset(file, 0, sizeof *file);
    file->name = name;
    if (conv_source_open(&file->source, directory, name, error)) {
        free(name);
        return -1;
    }
    checkpoint->file_count++; /* from here on, st_close closes the file and frees the name */
    if (read_header(file, error))
        return -1;
    for (size_t i = 0; i < file->header.count; i++)
        file->header.tensors[i].file = checkpoint->file_count - 1;
    return 0;
}

static st_file *find_file(const st_checkpoint *checkpoint, const char *name)
{
    for (size_t i = 0; i < checkpoint->file_count; i++)
        if (strcmp(checkpoint->files[i].name, name) == 0)
            return &checkpoint->files[i];
    return NULL;
}

static const st_tensor *find_in_file(const st_file *file, const char *name)
{
    st_tensor key;

    memset(&key, 0, sizeof key);
    key.name = (char *)(uintptr_t)name; /* bsearch only reads it */
    return bsearch(&key, file->header.tensors, file->header.count, sizeof key, by_name);
}

/* Process an entry of the index: check that the file name has no directory, open the file if it is
 * not open yet, and check that it has the tensor. */
static int open_index_entry(st_checkpoint *checkpoint, const char *directory, json_value name,
                            json_value value, conv_error *error)
{
    char *tensor = copy_string(name);
    char *file_name = value.type == JSON_STRING ? copy_string(value) : NULL;
    int failed = 0;

    if (!tensor || !file_name) {
        failed = conv_fail(error, "%s: expected a file name for tensor %s in weight_map",
                           checkpoint->index_path, tensor ? tensor : "?");
    } else if (file_name[0] == '\0' || strchr(file_name, '/') || strcmp(file_name, ".") == 0 ||
               strcmp(file_name, "..") == 0) {
        failed = conv_fail(error, "%s: tensor %s: expected a file of the same folder, found %.200s",
                           checkpoint->index_path, tensor, file_name);
    } else if (!find_file(checkpoint, file_name)) {
        if (checkpoint->file_count == ST_MAX_FILES)
            failed = conv_fail(error, "%s: expected at most %d files", checkpoint->index_path,
                               ST_MAX_FILES);
        else
            failed = add_file(checkpoint, directory, file_name, error);
        file_name = NULL;
    }
    free(file_name);
    if (!failed) {
        file_name = copy_string(value);
        if (!file_name || !find_in_file(find_file(checkpoint, file_name), tensor))
            failed = conv_fail(error, "%s: tensor %s: expected in %s, not found there",
                               checkpoint->index_path, tensor, file_name ? file_name : "?");
        free(file_name);
    }
    free(tensor);
    return failed;
}

/* Open all files that model.safetensors.index.json names. */
static int open_index(st_checkpoint *checkpoint, const char *directory, conv_error *error)
{
    conv_source source;
    json_error why;
    json_value root, map;
    json_iter iter;
    char *text;
    int failed = 0;

    if (conv_source_open(&source, directory, "model.safetensors.index.json", error))
        return -1;
    text = conv_source_read_all(&source, MAX_INDEX_BYTES, error);
    checkpoint->index_path = conv_join_path(directory, "model.safetensors.index.json");
    if (!text || !checkpoint->index_path)
        failed = text ? conv_fail(error, "%s: out of memory", directory) : -1;
    else if (json_parse(&root, text, (size_t)source.bytes, &why))
        failed = conv_fail(error, "%s: not JSON: byte %zu: %s", source.path, why.offset, why.what);
    else if (!json_get(root, "weight_map", &map) || map.type != JSON_OBJECT)
        failed = conv_fail(error, "%s: expected an object weight_map", source.path);
    if (!failed) {
        json_iter_init(&iter, map);
        while (!failed && json_iter_next(&iter))
            failed = open_index_entry(checkpoint, directory, iter.key, iter.value, error);
    }
    if (!failed && checkpoint->file_count == 0)
        failed = conv_fail(error, "%s: weight_map names no file", source.path);
    free(text);
    conv_source_close(&source);
    return failed;
}

/* Set the error for a folder without safetensors: what it has instead, and how to convert it. */
static int refuse_folder(const char *directory, conv_error *error)
{
    static const char *const others[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                         "tf_model.h5", "flax_model.msgpack", "model.onnx"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (conv_source_exists(directory, others[i]))
            return conv_fail(
                error,
                "%s: expected model.safetensors, found only %s. Save it as safetensors first, in "
                "Python: AutoModelForSequenceClassification.from_pretrained(dir)"
                ".save_pretrained(dir, safe_serialization=True)",
                directory, others[i]);
    return conv_fail(error,
                     "%s: expected model.safetensors or model.safetensors.index.json, found "
                     "neither",
                     directory);
}

int st_open(st_checkpoint *checkpoint, const char *directory, conv_error *error)
{
    int failed;

    memset(checkpoint, 0, sizeof *checkpoint);
    if (conv_source_exists(directory, "model.safetensors")) {
        char *name = strdup("model.safetensors");

        failed = name ? add_file(checkpoint, directory, name, error)
                      : conv_fail(error, "%s: out of memory", directory);
    } else if (conv_source_exists(directory, "model.safetensors.index.json")) {
        failed = open_index(checkpoint, directory, error);
    } else {
        failed = refuse_folder(directory, error);
    }
    if (failed)
        st_close(checkpoint);
    return failed;
}

void st_close(st_checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->file_count; i++) {
        conv_source_close(&checkpoint->files[i].source);
        st_header_free(&checkpoint->files[i].header);
        free(checkpoint->files[i].name);
    }
    free(checkpoint->files);
    free(checkpoint->index_path);
    memset(checkpoint, 0, sizeof *checkpoint);
}

const st_tensor *st_find(const st_checkpoint *checkpoint, const char *name)
{
    const st_tensor *found = NULL;

    for (size_t i = 0; i < checkpoint->file_count && !found; i++)
        found = find_in_file(&checkpoint->files[i], name);
    return found;
}

const char *st_path(const st_checkpoint *checkpoint, const st_tensor *tensor)
{
    return checkpoint->files[tensor->file].source.path;
}

const char *st_shape_text(char *out, size_t capacity, const uint64_t *shape, size_t rank)
{
    size_t used = (size_t)snprintf(out, capacity, "[");

    for (size_t i = 0; i < rank && used < capacity; i++)
        used +=
            (size_t)snprintf(out + used, capacity - used, i ? ", %" PRIu64 : "%" PRIu64, shape[i]);
    if (used < capacity)
        snprintf(out + used, capacity - used, "]");
    return out;
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

/* Decode little-endian elements: F32 if bits is 32, otherwise BF16 if brain is 1, otherwise F16. */
static void decode_floats(float *out, const unsigned char *raw, size_t count, unsigned bits,
                          int brain)
{
    for (size_t i = 0; i < count; i++) {
        if (bits == 32) {
            const unsigned char *p = raw + 4 * i;

            out[i] = float_of_bits((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                                   (uint32_t)p[3] << 24);
        } else {
            uint32_t half = (uint32_t)raw[2 * i] | (uint32_t)raw[2 * i + 1] << 8;

            out[i] = brain ? float_of_bits(half << 16) : float_of_half(half);
        }
    }
}

int st_read(const st_checkpoint *checkpoint, const st_tensor *tensor, float *out, conv_error *error)
{
    const st_file *file = &checkpoint->files[tensor->file];
    unsigned bits = dtype_bits(tensor->dtype);
    int brain = strcmp(tensor->dtype, "BF16") == 0;
    uint64_t left = tensor->end - tensor->begin;
    uint64_t at = file->data + tensor->begin;
    unsigned char *raw;
    size_t index = 0;
    int failed = 0;

    if (!brain && strcmp(tensor->dtype, "F32") != 0 && strcmp(tensor->dtype, "F16") != 0)
        return conv_fail(error, "%s: tensor %s: expected dtype F32, F16 or BF16, found %s",
                         file->source.path, tensor->name, tensor->dtype);
    raw = malloc(READ_CHUNK);
    if (!raw)
        return conv_fail(error, "%s: out of memory", file->source.path);
    while (left > 0 && !failed) {
        size_t bytes = left < READ_CHUNK ? (size_t)left : READ_CHUNK;
        size_t count = bytes / (bits / 8);

        failed = conv_source_read(&file->source, at, raw, bytes, error);
        if (!failed)
            decode_floats(out + index, raw, count, bits, brain);
        for (size_t i = 0; i < count && !failed; i++)
            if (!isfinite(out[index + i]))
                failed = conv_fail(error,
                                   "%s: tensor %s: expected finite numbers, found %s at index %zu",
                                   file->source.path, tensor->name,
                                   isnan(out[index + i]) ? "NaN" : "infinity", index + i);
        index += count;
        at += bytes;
        left -= bytes;
    }
    free(raw);
    return failed;
}
