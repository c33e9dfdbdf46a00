/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a blob that is overwritten while it is open. The input is a script of edits
 * (tests/support/support_levels.h) of a tiny blob, applied after the library has opened it. The
 * library may answer anything, but must stay within its memory at every level of this CPU.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support_blob.h"
#include "tests/support/support_levels.h"

enum { LEVELS = 5, MAX_EDITS = 32 };

static const distil_text texts[] = {
    {.bytes = "the movie was [MASK] [SEP] x", .size = 28},
    {.bytes = "o\xcc\xa8\xcc\x81[MASK] \xe0\xbe\xb2\xe0\xbe\x80\xe0\xbd\xb1 themovie\xff!",
     .size = 31},
};
enum { TEXTS = sizeof texts / sizeof *texts };

/* One model and one context for each level of this CPU. */
typedef struct opened {
    distil_model *models[LEVELS];
    distil_context *contexts[LEVELS];
    size_t count;
} opened;

static void open_level(opened *o, const uint8_t *bytes, size_t size, distil_isa isa)
{
    distil_options options = DISTIL_OPTIONS_INIT;

    options.max_isa = isa;
    options.exact_isa = 1;
    if (distil_model_open_memory(&o->models[o->count], bytes, size, &options, NULL) != DISTIL_OK)
        return;
    if (distil_context_new(&o->contexts[o->count], o->models[o->count], NULL, NULL) != DISTIL_OK)
        abort();
    o->count++;
}

static void use(const opened *o, size_t level)
{
    distil_result result;
    int32_t ids[16];
    size_t count;

    for (size_t t = 0; t < TEXTS; t++) {
        distil_status status =
            distil_classify(o->contexts[level], &result, NULL, texts[t].bytes, texts[t].size, 0);

        if (status != DISTIL_OK && status != DISTIL_NOT_FINITE)
            abort();
        if (distil_tokenize(o->models[level], ids, 16, &count, texts[t].bytes, texts[t].size,
                            DISTIL_MATCH_SPECIAL_TOKENS) != DISTIL_OK)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *pristine, *bytes;
    static size_t blob_bytes;
    static opened o;
    size_t script_bytes =
        size < MAX_EDITS * SUPPORT_EDIT_BYTES ? size : MAX_EDITS * SUPPORT_EDIT_BYTES;

    if (pristine == NULL) {
        support_blob made = support_blob_make(3, &support_blob_tiny);

        pristine = support_blob_image(&blob_bytes, &made.model);
        bytes = support_blob_image(&blob_bytes, &made.model);
        support_blob_free(&made);
        for (int isa = 0; isa < LEVELS; isa++)
            open_level(&o, bytes, blob_bytes, (distil_isa)(DISTIL_ISA_SCALAR + isa));
    }
    support_levels_edit(bytes, blob_bytes, data, script_bytes);
    for (size_t level = 0; level < o.count; level++)
        use(&o, level);
    memcpy(bytes, pristine, blob_bytes);
    return 0;
}
