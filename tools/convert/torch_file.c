/* SPDX-License-Identifier: Apache-2.0 */
/* pytorch_model.bin as a list of tensors with their places in the file. */
#include "tools/convert/torch_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/convert/torch_pickle.h"
#include "tools/convert/torch_zip.h"

enum { MAX_BYTEORDER_BYTES = 16 };

_Static_assert((int)TORCH_MAX_RANK <= (int)ST_MAX_RANK, "a tensor's shape fits");

static int refuse_legacy(const conv_source *source, conv_error *error)
{
    return conv_fail(error,
                     "%s: not a ZIP archive: PyTorch before 1.6 wrote this form, or it is no "
                     "checkpoint. Rewrite it, in Python: torch.save(torch.load(path, "
                     "map_location='cpu', weights_only=True), path)",
                     source->path);
}

/* Archives of PyTorch 2.1 and later say in which byte order their elements are. */
static int check_byte_order(const torch_zip *zip, const conv_source *source, conv_error *error)
{
    const torch_zip_entry *entry = torch_zip_find(zip, "byteorder");
    unsigned char *order;
    int little;

    if (!entry)
        return 0;
    order = torch_zip_read(source, entry, MAX_BYTEORDER_BYTES, error);
    if (!order)
        return -1;
    little = entry->bytes == 6 && memcmp(order, "little", 6) == 0;
    free(order);
    return little ? 0
                  : conv_fail(error,
                              "%s: its elements are not in little-endian order: save it again on "
                              "an x86-64 or ARM machine",
                              source->path);
}

/* Finds where a tensor's elements lie in the file, and checks that its storage holds them all. The
 * name moves from the state to the header. */
static int place_tensor(st_tensor *out, torch_tensor *tensor, const torch_zip *zip,
                        const conv_source *source, conv_error *error)
{
    char name[600];
    const torch_zip_entry *entry;
    uint64_t begin = tensor->offset * tensor->element_bytes;

    snprintf(name, sizeof name, "data/%s", tensor->storage);
    entry = torch_zip_find(zip, name);
    if (!entry)
        return conv_fail(error, "%s: tensor %s: its storage %s is not in the archive", source->path,
                         tensor->name, name);
    if (begin > entry->bytes || tensor->bytes > entry->bytes - begin)
        return conv_fail(error,
                         "%s: tensor %s: expected %" PRIu64 " bytes at byte %" PRIu64
                         " of its storage %s, which has %" PRIu64,
                         source->path, tensor->name, tensor->bytes, begin, name, entry->bytes);
    snprintf(out->dtype, sizeof out->dtype, "%s", tensor->dtype);
    out->rank = tensor->rank;
    memcpy(out->shape, tensor->shape, sizeof tensor->shape);
    out->begin = entry->offset + begin;
    out->end = out->begin + tensor->bytes;
    out->name = tensor->name;
    tensor->name = NULL;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const st_tensor *)a)->name, ((const st_tensor *)b)->name);
}

static int place_tensors(st_header *header, torch_state *state, const torch_zip *zip,
                         const conv_source *source, conv_error *error)
{
    header->tensors = calloc(state->count + 1, sizeof header->tensors[0]);
    if (!header->tensors)
        return conv_fail(error, "%s: out of memory", source->path);
    for (size_t i = 0; i < state->count; i++) {
        if (place_tensor(&header->tensors[i], &state->tensors[i], zip, source, error))
            return -1;
        header->count++;
    }
    qsort(header->tensors, header->count, sizeof header->tensors[0], by_name);
    for (size_t i = 1; i < header->count; i++)
        if (strcmp(header->tensors[i - 1].name, header->tensors[i].name) == 0)
            return conv_fail(error, "%s: tensor %s: listed twice", source->path,
                             header->tensors[i].name);
    return 0;
}

static int read_state(torch_state *state, const torch_zip *zip, const conv_source *source,
                      conv_error *error)
{
    const torch_zip_entry *entry = torch_zip_find(zip, "data.pkl");
    unsigned char *pickle;
    int failed;

    memset(state, 0, sizeof *state);
    if (!entry)
        return conv_fail(error,
                         "%s: a ZIP archive without data.pkl: expected what torch.save writes, "
                         "such as pytorch_model.bin",
                         source->path);
    pickle = torch_zip_read(source, entry, TORCH_MAX_PICKLE_BYTES, error);
    if (!pickle)
        return -1;
    failed = torch_pickle_parse(state, source->path, pickle, (size_t)entry->bytes, error);
    free(pickle);
    return failed;
}

int torch_file_header(st_header *header, const conv_source *source, conv_error *error)
{
    torch_zip zip;
    torch_state state;
    int is_zip = torch_zip_probe(source, error), failed;

    header->tensors = NULL;
    header->count = 0;
    if (is_zip <= 0)
        return is_zip < 0 ? -1 : refuse_legacy(source, error);
    if (torch_zip_open(&zip, source, error))
        return -1;
    failed = check_byte_order(&zip, source, error) || read_state(&state, &zip, source, error);
    if (!failed) {
        failed = place_tensors(header, &state, &zip, source, error);
        torch_state_free(&state);
    }
    torch_zip_close(&zip);
    if (failed)
        st_header_free(header);
    return failed ? -1 : 0;
}
