/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of the ZIP archives that torch.save has written since PyTorch 1.6: entries are stored
 * without compression, all below one folder, and begin at multiples of 64 bytes, so that tensors
 * can be read in place.
 *
 * Only the central directory at the end of the file is believed. Every entry is checked to lie
 * within the file before it is listed; a compressed or encrypted entry is refused. ZIP64 fields
 * (archives of 4 GiB and more) are read.
 */
#ifndef DISTIL_TOOLS_CONVERT_TORCH_ZIP_H
#define DISTIL_TOOLS_CONVERT_TORCH_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"
#include "tools/convert/source_file.h"

enum {
    TORCH_ZIP_MAX_ENTRIES = 1 << 20,
    TORCH_ZIP_MAX_DIRECTORY_BYTES = 64 << 20 /* the central directory as a whole */
};

typedef struct torch_zip_entry {
    char *name;      /* below the archive's folder, NUL-terminated, such as "data/0" */
    uint64_t offset; /* offset in the archive of the first byte of the entry's content */
    uint64_t bytes;
    uint32_t crc; /* CRC-32 of the entry's content, as the archive states it */
} torch_zip_entry;

typedef struct torch_zip {
    torch_zip_entry *entries; /* sorted by name */
    size_t count;
} torch_zip;

/* Returns 1 if the file begins as a ZIP archive does, 0 if not, -1 with *error filled if it cannot
 * be read. */
int torch_zip_probe(const conv_source *source, conv_error *error);

/* Lists the archive's entries. Returns 0, or -1 with *error filled and nothing kept. */
int torch_zip_open(torch_zip *zip, const conv_source *source, conv_error *error);
void torch_zip_close(torch_zip *zip);

/* Returns the entry of this name, or NULL. */
const torch_zip_entry *torch_zip_find(const torch_zip *zip, const char *name);

/* Reads an entry whole into malloc'd memory and checks its CRC-32. Refuses more than limit bytes.
 * Returns NULL with *error filled. */
unsigned char *torch_zip_read(const conv_source *source, const torch_zip_entry *entry, size_t limit,
                              conv_error *error);

#endif
