/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: opening a blob. The reader refuses the bytes, or else every section that it hands
 * out lies within them and the library classifies a text with it, whatever the weights are.
 *
 * The target tries each input twice: unchanged, and with the right file size and checksum in the
 * header. Without the second try the checksum would reject every mutation of header and tables.
 */
#include <stdlib.h>
#include <string.h>

#include "model/blob.h"
#include "runtime/distil.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support_blob.h"
#include "tests/support/support_exercise.h"

/* Abort if the condition is false, so that the fuzzer stops at wrong answers as it does at
 * crashes. */
static void expect(int condition)
{
    if (!condition)
        abort();
}

/* This text contains whole words, word pieces, unknown characters, special tokens and invalid
 * UTF-8. */
static const char text[] = "The movie was [MASK] beautiful, \xe4\xb8\xad\xe6\x96\x87 caf\xc3\xa9 "
                           "[SEP] unseductive! \xff\xfe";

/* Classify the text with a blob that the reader has accepted. */
static void classify(const uint8_t *bytes, size_t size)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_model *model;
    distil_context *context;
    distil_result result;
    distil_status status;

    if (distil_model_open_memory(&model, bytes, size, &options, NULL) != DISTIL_OK)
        return;
    expect(distil_context_new(&context, model, NULL, NULL) == DISTIL_OK);
    status = distil_classify(context, &result, NULL, text, sizeof text - 1, 0);
    expect(status == DISTIL_OK || status == DISTIL_NOT_FINITE);
    distil_context_free(context);
    distil_model_close(model);
}

static void try_bytes(const uint8_t *bytes, size_t size)
{
    distil_blob blob;
    distil_blob_error error = {DISTIL_BLOB_OK, 0, 0, NULL};

    if (distil_blob_open_memory(&blob, bytes, size, DISTIL_BLOB_VERIFY_NONE, &error) !=
        DISTIL_BLOB_OK) {
        expect(error.code != DISTIL_BLOB_OK && error.what != NULL);
        return;
    }
    expect(support_blob_exercise(&blob));
    (void)distil_blob_check_proof(&blob, &error);
    /* Only small models are run: a large one would make the fuzzer slow without testing more
     * code. */
    if (blob.header->dim <= 128 && blob.header->hidden_dim <= 256 && blob.header->n_labels <= 256)
        classify(bytes, size);
    distil_blob_close(&blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t padded = (size + DISTIL_BLOB_ALIGN - 1) / DISTIL_BLOB_ALIGN * DISTIL_BLOB_ALIGN;
    uint8_t *bytes = aligned_alloc(DISTIL_BLOB_ALIGN, padded + DISTIL_BLOB_ALIGN);

    if (bytes == NULL)
        return 0;
    memset(bytes, 0, padded + DISTIL_BLOB_ALIGN);
    if (size > 0)
        memcpy(bytes, data, size);
    try_bytes(bytes, size);
    if (padded >= DISTIL_BLOB_HEADER_BYTES) {
        uint64_t file_bytes = padded;

        memcpy(bytes + offsetof(distil_blob_header, file_bytes), &file_bytes, sizeof file_bytes);
        support_blob_reseal(bytes, padded);
        try_bytes(bytes, padded);
    }
    free(bytes);
    return 0;
}
