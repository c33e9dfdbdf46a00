/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP archives of torch.save: the central directory, checked entry by entry. */
#include "tools/convert/torch_zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/crc32.h"

/* Sizes of the fixed parts of ZIP records (APPNOTE 4.3.7, 4.3.12, 4.3.14 to 4.3.16). */
enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR64_BYTES = 20,
    MAX_COMMENT_BYTES = 65535
};

static const unsigned char local_magic[4] = {'P', 'K', 3, 4};
static const unsigned char central_magic[4] = {'P', 'K', 1, 2};
static const unsigned char end_magic[4] = {'P', 'K', 5, 6};
static const unsigned char end64_magic[4] = {'P', 'K', 6, 6};
static const unsigned char locator64_magic[4] = {'P', 'K', 6, 7};

static const char damaged[] = "the file is damaged or cut short; copy or download it again";

static uint64_t little_endian(const unsigned char *p, size_t bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

int torch_zip_probe(const conv_source *source, conv_error *error)
{
    unsigned char magic[sizeof local_magic];

    if (source->bytes < sizeof magic)
        return 0;
    if (conv_source_read(source, 0, magic, sizeof magic, error))
        return -1;
    return memcmp(magic, local_magic, sizeof magic) == 0;
}

/* ---- the end of the archive ----------------------------------------------------------------- */

typedef struct directory {
    uint64_t offset, bytes, count;
} directory;

/* Replaces what the 32-bit end record cannot hold by the ZIP64 end record, if there is one; end is
 * the offset of the 32-bit record. */
static int read_end64(directory *found, const conv_source *source, uint64_t end, conv_error *error)
{
    unsigned char locator[LOCATOR64_BYTES], record[END64_BYTES];
    uint64_t at;

    if (end < sizeof locator)
        return 0;
    if (conv_source_read(source, end - sizeof locator, locator, sizeof locator, error))
        return -1;
    if (memcmp(locator, locator64_magic, sizeof locator64_magic) != 0)
        return 0;
    at = little_endian(locator + 8, 8);
    if (end - sizeof locator < sizeof record || at > end - sizeof locator - sizeof record)
        return conv_fail(error, "%s: byte %" PRIu64 ": a ZIP64 record outside the file: %s",
                         source->path, end - sizeof locator, damaged);
    if (conv_source_read(source, at, record, sizeof record, error))
        return -1;
    if (memcmp(record, end64_magic, sizeof end64_magic) != 0)
        return conv_fail(error, "%s: byte %" PRIu64 ": expected a ZIP64 end record: %s",
                         source->path, at, damaged);
    found->count = little_endian(record + 32, 8);
    found->bytes = little_endian(record + 40, 8);
    found->offset = little_endian(record + 48, 8);
    return 0;
}

/* Finds the end record: the last 22 bytes of the file, or earlier if a comment follows it. */
static int find_directory(directory *found, const conv_source *source, conv_error *error)
{
    size_t window = source->bytes < END_BYTES + MAX_COMMENT_BYTES ? (size_t)source->bytes
                                                                  : END_BYTES + MAX_COMMENT_BYTES;
    uint64_t start = source->bytes - window;
    unsigned char *tail;
    size_t at;
    int failed;

    if (window < END_BYTES)
        return conv_fail(error, "%s: expected a ZIP archive, found %" PRIu64 " bytes: %s",
                         source->path, source->bytes, damaged);
    tail = malloc(window);
    if (!tail)
        return conv_fail(error, "%s: out of memory", source->path);
    failed = conv_source_read(source, start, tail, window, error);
    for (at = window - END_BYTES + 1; !failed && at-- > 0;)
        if (memcmp(tail + at, end_magic, sizeof end_magic) == 0 &&
            little_endian(tail + at + 20, 2) == window - END_BYTES - at)
            break;
    if (!failed && at > window) /* the loop ran below 0 */
        failed = conv_fail(error, "%s: no end record of a ZIP archive: %s", source->path, damaged);
    if (!failed) {
        found->count = little_endian(tail + at + 10, 2);
        found->bytes = little_endian(tail + at + 12, 4);
        found->offset = little_endian(tail + at + 16, 4);
        failed = read_end64(found, source, start + at, error);
    }
    free(tail);
    if (failed)
        return -1;
    if (found->offset > source->bytes || found->bytes > source->bytes - found->offset ||
        found->bytes > TORCH_ZIP_MAX_DIRECTORY_BYTES || found->count > TORCH_ZIP_MAX_ENTRIES)
        return conv_fail(error,
                         "%s: a ZIP directory of %" PRIu64 " entries, %" PRIu64
                         " bytes at byte %" PRIu64 " cannot be in this file: %s",
                         source->path, found->count, found->bytes, found->offset, damaged);
    return 0;
}

/* ---- entries -------------------------------------------------------------------------------- */

/* Replaces fields of an entry that are all ones by their 64-bit values in the extra field. */
static void apply_zip64(uint64_t *bytes, uint64_t *packed, uint64_t *offset,
                        const unsigned char *extra, size_t left)
{
    uint64_t *fields[3] = {bytes, packed, offset};

    while (left >= 4) {
        size_t id = (size_t)little_endian(extra, 2), size = (size_t)little_endian(extra + 2, 2);

        extra += 4;
        left -= 4;
        if (size > left)
            return;
        if (id == 1) {
            const unsigned char *p = extra;
            size_t room = size;

            for (size_t i = 0; i < 3; i++)
                if (*fields[i] == UINT32_MAX && room >= 8) {
                    *fields[i] = little_endian(p, 8);
                    p += 8;
                    room -= 8;
                }
            return;
        }
        extra += size;
        left -= size;
    }
}

/* The entry's content begins after its local header, whose name and extra field may be of other
 * lengths than in the central directory. */
static int locate_content(torch_zip_entry *entry, uint64_t header, const conv_source *source,
                          conv_error *error)
{
    unsigned char local[LOCAL_BYTES];

    if (source->bytes < sizeof local || header > source->bytes - sizeof local)
        return conv_fail(error, "%s: entry %s lies outside the file: %s", source->path, entry->name,
                         damaged);
    if (conv_source_read(source, header, local, sizeof local, error))
        return -1;
    if (memcmp(local, local_magic, sizeof local_magic) != 0)
        return conv_fail(error, "%s: byte %" PRIu64 ": expected the header of entry %s: %s",
                         source->path, header, entry->name, damaged);
    entry->offset =
        header + sizeof local + little_endian(local + 26, 2) + little_endian(local + 28, 2);
    if (entry->offset > source->bytes || entry->bytes > source->bytes - entry->offset)
        return conv_fail(error,
                         "%s: entry %s: its %" PRIu64 " bytes at byte %" PRIu64
                         " do not lie within the file: %s",
                         source->path, entry->name, entry->bytes, entry->offset, damaged);
    return 0;
}

/* The name without the archive's folder, which torch.save names after the file. */
static char *copy_name(const unsigned char *name, size_t bytes)
{
    const unsigned char *slash = memchr(name, '/', bytes);
    char *copy;

    if (slash) {
        bytes -= (size_t)(slash + 1 - name);
        name = slash + 1;
    }
    copy = malloc(bytes + 1);
    if (copy) {
        memcpy(copy, name, bytes);
        copy[bytes] = '\0';
    }
    return copy;
}

/* Reads the central header at p, of at most left bytes; its length goes to *used. */
static int read_entry(torch_zip_entry *entry, const unsigned char *p, size_t left, size_t *used,
                      const conv_source *source, conv_error *error)
{
    size_t name_bytes, extra_bytes;
    uint64_t packed, header;

    if (left < CENTRAL_BYTES || memcmp(p, central_magic, sizeof central_magic) != 0)
        return conv_fail(error, "%s: the ZIP directory ends early: %s", source->path, damaged);
    name_bytes = (size_t)little_endian(p + 28, 2);
    extra_bytes = (size_t)little_endian(p + 30, 2);
    *used = CENTRAL_BYTES + name_bytes + extra_bytes + (size_t)little_endian(p + 32, 2);
    if (*used > left)
        return conv_fail(error, "%s: the ZIP directory ends early: %s", source->path, damaged);
    entry->name = copy_name(p + CENTRAL_BYTES, name_bytes);
    if (!entry->name)
        return conv_fail(error, "%s: out of memory", source->path);
    entry->crc = (uint32_t)little_endian(p + 16, 4);
    packed = little_endian(p + 20, 4);
    entry->bytes = little_endian(p + 24, 4);
    header = little_endian(p + 42, 4);
    apply_zip64(&entry->bytes, &packed, &header, p + CENTRAL_BYTES + name_bytes, extra_bytes);
    if ((p[8] & 1) != 0 || little_endian(p + 10, 2) != 0 || packed != entry->bytes)
        return conv_fail(error,
                         "%s: entry %s is compressed or encrypted, which torch.save never does: "
                         "save the checkpoint again with torch.save or save_pretrained",
                         source->path, entry->name);
    return locate_content(entry, header, source, error);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const torch_zip_entry *)a)->name, ((const torch_zip_entry *)b)->name);
}

static int read_entries(torch_zip *zip, const unsigned char *bytes, const directory *found,
                        const conv_source *source, conv_error *error)
{
    size_t at = 0;

    for (uint64_t i = 0; i < found->count; i++) {
        size_t used = 0;

        zip->count++; /* From here on torch_zip_close frees the entry's name. */
        if (read_entry(&zip->entries[i], bytes + at, (size_t)found->bytes - at, &used, source,
                       error))
            return -1;
        at += used;
    }
    qsort(zip->entries, zip->count, sizeof zip->entries[0], by_name);
    for (size_t i = 1; i < zip->count; i++)
        if (strcmp(zip->entries[i - 1].name, zip->entries[i].name) == 0)
            return conv_fail(error, "%s: entry %s is listed twice: %s", source->path,
                             zip->entries[i].name, damaged);
    return 0;
}

int torch_zip_open(torch_zip *zip, const conv_source *source, conv_error *error)
{
    directory found = {0, 0, 0};
    unsigned char *bytes = NULL;
    int failed;

    memset(zip, 0, sizeof *zip);
    if (find_directory(&found, source, error))
        return -1;
    zip->entries = calloc((size_t)found.count + 1, sizeof zip->entries[0]);
    bytes = malloc((size_t)found.bytes + 1);
    if (!zip->entries || !bytes)
        failed = conv_fail(error, "%s: out of memory", source->path);
    else
        failed = conv_source_read(source, found.offset, bytes, (size_t)found.bytes, error);
    if (!failed)
        failed = read_entries(zip, bytes, &found, source, error);
    free(bytes);
    if (failed)
        torch_zip_close(zip);
    return failed;
}

void torch_zip_close(torch_zip *zip)
{
    for (size_t i = 0; i < zip->count; i++)
        free(zip->entries[i].name);
    free(zip->entries);
    memset(zip, 0, sizeof *zip);
}

const torch_zip_entry *torch_zip_find(const torch_zip *zip, const char *name)
{
    torch_zip_entry key;

    memset(&key, 0, sizeof key);
    key.name = (char *)(uintptr_t)name; /* bsearch compares the key and never writes to it */
    return bsearch(&key, zip->entries, zip->count, sizeof key, by_name);
}

unsigned char *torch_zip_read(const conv_source *source, const torch_zip_entry *entry, size_t limit,
                              conv_error *error)
{
    unsigned char *bytes;

    if (entry->bytes > limit) {
        conv_fail(error, "%s: entry %s: expected at most %zu bytes, found %" PRIu64, source->path,
                  entry->name, limit, entry->bytes);
        return NULL;
    }
    bytes = malloc((size_t)entry->bytes + 1);
    if (!bytes) {
        conv_fail(error, "%s: out of memory", source->path);
        return NULL;
    }
    if (conv_source_read(source, entry->offset, bytes, (size_t)entry->bytes, error)) {
        free(bytes);
        return NULL;
    }
    if (crc32_ieee(bytes, (size_t)entry->bytes) != entry->crc) {
        conv_fail(error, "%s: entry %s differs from its CRC-32: %s", source->path, entry->name,
                  damaged);
        free(bytes);
        return NULL;
    }
    return bytes;
}
