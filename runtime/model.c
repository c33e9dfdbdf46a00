/* SPDX-License-Identifier: Apache-2.0 */
/* Opens, describes and closes a model. */
#include "kernels/cpu.h"
#include "runtime/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/carve.h"
#include "runtime/failure.h"
#include "runtime/options.h"
#include "runtime/public_enums.h"

/* ---- memory --------------------------------------------------------------------------------- */

static void *default_allocate(void *user, size_t bytes)
{
    (void)user;
    return aligned_alloc(DISTIL_CARVE_ALIGN,
                         (bytes + DISTIL_CARVE_ALIGN - 1) & ~(size_t)(DISTIL_CARVE_ALIGN - 1));
}

static void default_release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static const distil_allocator default_allocator = {default_allocate, default_release, NULL};

/* ---- errors --------------------------------------------------------------------------------- */

/* Fills *error (may be NULL) for a blob that the reader refused, and returns the status. */
static distil_status fail_blob(distil_error *error, const distil_blob_error *why)
{
    distil_status status = distil_fail(error, (distil_status)why->code, why->what);

    if (error) {
        error->system_errno = why->sys_errno;
        error->offset = why->offset;
    }
    return status;
}

static distil_status fail_cpu(distil_error *error, distil_isa isa, const char *missing)
{
    char message[sizeof error->message];

    snprintf(message, sizeof message, "%s needs %s, which this CPU lacks", distil_isa_name(isa),
             missing);
    return distil_fail(error, DISTIL_BAD_CPU, message);
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Sets *level to the best level of this CPU that is not above options->max_isa. */
static distil_status choose_level(distil_level *level, const distil_options *options,
                                  distil_error *error)
{
    distil_level most = DISTIL_LEVEL_BEST;
    distil_cpuid cpu;
    const char *missing;

    if (!distil_isa_name(options->max_isa) || (unsigned)options->verify > DISTIL_VERIFY_PROOF)
        return distil_fail(error, DISTIL_BAD_ARGUMENT, "options: max_isa or verify out of range");
    if (options->max_isa != DISTIL_ISA_BEST)
        most = distil_level_of_isa(options->max_isa);
    distil_cpuid_read(&cpu);
    if (options->exact_isa && options->max_isa != DISTIL_ISA_BEST &&
        !distil_cpuid_has(&cpu, most, &missing))
        return fail_cpu(error, options->max_isa, missing);
    *level = distil_cpuid_best(&cpu, most);
    return DISTIL_OK;
}

/* The bytes of all labels of a blob, each with a NUL after it. */
static size_t count_label_bytes(const distil_blob *blob)
{
    size_t section_bytes, n_labels = blob->header->n_labels;

    distil_blob_section_data(blob, DISTIL_SECTION_LABELS, 0, &section_bytes);
    return section_bytes - n_labels * sizeof(uint32_t) + n_labels;
}

/* Copies the labels of model->blob to `text`, each with a NUL after it, and sets model->labels. The
 * copies keep within count_label_bytes even if the file has changed since it was checked. */
static void copy_labels(distil_model *model, char *text)
{
    size_t left = count_label_bytes(&model->blob) - model->weights.n_labels;

    for (uint32_t i = 0; i < model->weights.n_labels; i++) {
        size_t bytes;
        const char *label = distil_blob_label(&model->blob, i, &bytes);

        bytes = bytes < left ? bytes : left;
        left -= bytes;
        memcpy(text, label, bytes);
        text[bytes] = '\0';
        model->labels[i] = text;
        text += bytes + 1;
    }
}

/* Allocates the model for an opened blob. On success the model owns the blob; on failure the blob
 * stays the caller's. */
static distil_status make_model(distil_model **out, const distil_blob *blob,
                                const distil_allocator *allocator, distil_level level,
                                distil_error *error)
{
    size_t table_bytes = blob->header->n_labels * sizeof(char *), text_at, count_at;
    size_t used = 0;
    distil_model *model;

    distil_carve(NULL, &used, sizeof *model);
    count_at = used;
    distil_carve(NULL, &used, sizeof *model->contexts);
    text_at = used + table_bytes;
    model = allocator->allocate(allocator->user, text_at + count_label_bytes(blob));
    if (!model)
        return distil_fail(error, DISTIL_NO_MEMORY, NULL);
    if (!distil_carve_is_aligned(model)) {
        allocator->release(allocator->user, model);
        return distil_fail(error, DISTIL_BAD_ARGUMENT, "allocator: expected memory aligned to 64");
    }
    model->allocator = *allocator;
    model->blob = *blob;
    distil_weights_init(&model->weights, &model->blob);
    distil_tok_init(&model->tokenizer, &model->blob);
    distil_kernels_fill(&model->kernels, level);
    model->contexts = (_Atomic size_t *)(void *)((char *)model + count_at);
    atomic_init(model->contexts, 0);
    model->labels = (const char **)(void *)((char *)model + used);
    copy_labels(model, (char *)model + text_at);
    *out = model;
    return DISTIL_OK;
}

/* Where a blob comes from: the path if it is not NULL, else the memory if it is not NULL, else the
 * descriptor. */
typedef struct source {
    const char *path;
    int fd;
    const void *bytes;
    size_t size;
} source;

static distil_blob_code open_blob(distil_blob *blob, const source *from, distil_blob_verify verify,
                                  distil_blob_error *why)
{
    if (from->path)
        return distil_blob_open(blob, from->path, verify, why);
    if (from->bytes)
        return distil_blob_open_memory(blob, from->bytes, from->size, verify, why);
    return distil_blob_open_fd(blob, from->fd, verify, why);
}

static distil_status open_model(distil_model **model, const source *from,
                                const distil_options *options, distil_error *error)
{
    distil_options o;
    const char *wrong = distil_options_copy_model(&o, options);
    distil_blob_error why;
    distil_blob blob;
    distil_level level = DISTIL_LEVEL_SCALAR;
    distil_status status;

    if (wrong)
        return distil_fail(error, DISTIL_BAD_ARGUMENT, wrong);
    status = choose_level(&level, &o, error);
    if (status != DISTIL_OK)
        return status;
    if (open_blob(&blob, from, (distil_blob_verify)o.verify, &why) != DISTIL_BLOB_OK)
        return fail_blob(error, &why);
    status = make_model(model, &blob, o.allocator ? o.allocator : &default_allocator, level, error);
    if (status != DISTIL_OK)
        distil_blob_close(&blob);
    return status;
}

distil_status distil_model_open(distil_model **model, const char *path,
                                const distil_options *options, distil_error *error)
{
    if (!model || !path)
        return distil_fail(error, DISTIL_BAD_ARGUMENT, "model or path is NULL");
    return open_model(model, &(source){.path = path}, options, error);
}

distil_status distil_model_open_fd(distil_model **model, int fd, const distil_options *options,
                                   distil_error *error)
{
    if (!model || fd < 0)
        return distil_fail(error, DISTIL_BAD_ARGUMENT, "model is NULL or fd is negative");
    return open_model(model, &(source){.fd = fd}, options, error);
}

distil_status distil_model_open_memory(distil_model **model, const void *bytes, size_t size,
                                       const distil_options *options, distil_error *error)
{
    if (!model || !bytes)
        return distil_fail(error, DISTIL_BAD_ARGUMENT, "model or bytes is NULL");
    return open_model(model, &(source){.bytes = bytes, .size = size}, options, error);
}

distil_status distil_model_verify(const distil_model *model, distil_verify verify,
                                  distil_error *error)
{
    distil_blob_error why;

    if (!model || (unsigned)verify > DISTIL_VERIFY_PROOF)
        return distil_fail(error, DISTIL_BAD_ARGUMENT, "model is NULL or verify is out of range");
    if (distil_blob_check_content(&model->blob, (distil_blob_verify)verify, &why) != DISTIL_BLOB_OK)
        return fail_blob(error, &why);
    return DISTIL_OK;
}

distil_status distil_model_close(distil_model *model)
{
    distil_allocator allocator;

    if (!model)
        return DISTIL_OK;
    if (atomic_load(model->contexts) > 0)
        return DISTIL_IN_USE;
    distil_blob_close(&model->blob);
    allocator = model->allocator;
    allocator.release(allocator.user, model);
    return DISTIL_OK;
}

/* ---- description ---------------------------------------------------------------------------- */

distil_status distil_model_get_info(const distil_model *model, distil_model_info *info)
{
    const distil_weights *w;
    uint32_t bits;
    int embeds;

    if (!model || !info)
        return DISTIL_BAD_ARGUMENT;
    w = &model->weights;
    embeds = w->head->output == DISTIL_HEAD_OUTPUT_VECTOR;
    bits = embeds ? model->blob.header->embedding : DISTIL_BLOB_POOLING_MEAN;
    *info = (distil_model_info){
        .dim = w->dim,
        .hidden_dim = w->hidden_dim,
        .n_layers = w->n_layers,
        .n_heads = w->n_heads,
        .vocab_size = w->vocab_size,
        .max_positions = w->max_positions,
        .n_labels = embeds ? 0 : w->n_labels,
        .blob_bytes = model->blob.size,
        .isa = distil_isa_of_level(model->kernels.level),
        .function = (distil_function)model->blob.header->function,
        .task = (distil_task)model->blob.header->head_kind,
        .rank_function = (distil_function)(model->blob.header->rank_function > 0
                                               ? model->blob.header->rank_function
                                               : model->blob.header->function),
        .vector_size = embeds ? w->n_labels : w->dim,
        .pooling = (distil_pooling)(bits & DISTIL_BLOB_EMBEDDING_POOLING),
        .normalized = (bits & DISTIL_BLOB_EMBEDDING_NORMALIZE) != 0,
    };
    memcpy(info->sha256, model->blob.header->sha256, sizeof info->sha256);
    return DISTIL_OK;
}

const char *distil_model_label(const distil_model *model, size_t label)
{
    return model && label < model->weights.n_labels &&
                   model->weights.head->output == DISTIL_HEAD_OUTPUT_LOGITS
               ? model->labels[label]
               : NULL;
}
