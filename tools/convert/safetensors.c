/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a safetensors file, checked before any tensor is read. */
#include "tools/convert/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"

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

char *st_copy_string(json_value value)
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

    tensor->name = st_copy_string(name);
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

/* Sort the tensors by name and check that no two have the same one. */
static int check_names(st_header *header, const header_facts *facts)
{
    qsort(header->tensors, header->count, sizeof header->tensors[0], by_name);
    for (size_t i = 1; i < header->count; i++)
        if (strcmp(header->tensors[i - 1].name, header->tensors[i].name) == 0)
            return conv_fail(facts->error,
                             "%s: tensor %s: listed twice: write the file again, in Python: "
                             "safetensors.torch.save_file(safetensors.torch.load_file(path), path)",
                             facts->path, header->tensors[i].name);
    return 0;
}

/* Check that the tensors cover the data exactly and that no two have the same name. Leaves them
 * sorted by name. */
static int check_cover(st_header *header, const header_facts *facts)
{
    uint64_t at = 0;

    if (check_names(header, facts))
        return -1;
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

int st_header_read(st_header *header, uint64_t *data, const conv_source *source, conv_error *error)
{
    unsigned char length_bytes[8];
    uint64_t length = 0;
    char *text;
    int failed;

    if (source->bytes < 8)
        return conv_fail(
            error, "%s: expected a safetensors file, found %" PRIu64 " bytes: a copy cut short",
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
    *data = 8 + length;
    if (!failed)
        failed = st_header_parse(header, source->path, text, (size_t)length, source->bytes - *data,
                                 error);
    free(text);
    return failed;
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
