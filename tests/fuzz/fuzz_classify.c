/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: classification with a damaged blob at every level of this CPU. The input is a script
 * of edits (tests/support/support_levels.h) of a tiny blob, whose checksums are right again
 * afterwards. If the library accepts the blob, all levels must give the same status, and the same
 * bits if the weights keep the bound of a lane group.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/support_blob.h"
#include "tests/support/support_levels.h"

/* More edits than these make a blob that opening refuses early. */
enum { MAX_EDITS = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *pristine;
    static size_t blob_bytes;
    size_t script_bytes =
        size < MAX_EDITS * SUPPORT_EDIT_BYTES ? size : MAX_EDITS * SUPPORT_EDIT_BYTES;
    uint8_t *bytes;

    if (pristine == NULL) {
        support_blob made = support_blob_make(3, &support_blob_tiny);

        pristine = support_blob_image(&blob_bytes, &made.model);
        support_blob_free(&made);
    }
    bytes = aligned_alloc(64, (blob_bytes + 63) / 64 * 64);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, pristine, blob_bytes);
    support_levels_edit(bytes, blob_bytes, data, script_bytes);
    if (support_levels_classify(bytes, blob_bytes).differ != NULL)
        abort();
    free(bytes);
    return 0;
}
