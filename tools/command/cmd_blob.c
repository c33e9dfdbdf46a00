/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a blob for inspect and verify, and names places in it; see cmd_blob.h. */
#include "tools/command/cmd_blob.h"

#include <stdio.h>
#include <string.h>

#include "tools/command/cmd_message.h"

const distil_section_kind cmd_blob_matrices[CMD_BLOB_MATRICES] = {
    DISTIL_SECTION_QKV,
    DISTIL_SECTION_ATTENTION_OUT,
    DISTIL_SECTION_FFN_IN,
    DISTIL_SECTION_FFN_OUT,
};

void cmd_blob_report(const char *path, const distil_blob_error *error)
{
    switch (error->code) {
    case DISTIL_BLOB_FILE_OPEN:
    case DISTIL_BLOB_FILE_READ:
        cmd_error("%s: %s: %s", path, error->what, strerror(error->sys_errno));
        return;
    case DISTIL_BLOB_BAD_MAGIC:
        cmd_error("%s: not a blob: its first 8 bytes are another format's", path);
        cmd_hint("make one from a Hugging Face folder with `distil convert DIR -o FILE`");
        return;
    default:
        cmd_error("%s: byte %llu: %s", path, (unsigned long long)error->offset, error->what);
        cmd_hint("copy the file again, or convert the model again with `distil convert`");
        return;
    }
}

int cmd_blob_open(distil_blob *blob, const char *path)
{
    distil_blob_error error;

    if (distil_blob_open(blob, path, DISTIL_BLOB_VERIFY_NONE, &error) == DISTIL_BLOB_OK)
        return 0;
    cmd_blob_report(path, &error);
    return -1;
}

void cmd_blob_name_place(char place[64], const distil_blob *blob, uint64_t offset)
{
    const distil_blob_section *found = NULL;

    for (size_t i = 0; i < blob->header->section_count; i++)
        if (blob->sections[i].offset <= offset)
            found = &blob->sections[i];
    if (found == NULL)
        (void)snprintf(place, 64, "%s", offset < DISTIL_BLOB_HEADER_BYTES ? "header" : "table");
    else if (found->kind >= DISTIL_SECTION_QKV && found->kind < DISTIL_SECTION_HEAD_DENSE)
        (void)snprintf(place, 64, "layer %u %s", (unsigned)found->layer,
                       distil_section_name(found->kind));
    else
        (void)snprintf(place, 64, "%s", distil_section_name(found->kind));
}
