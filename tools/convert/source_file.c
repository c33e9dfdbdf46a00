/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files with pread, which may return less than asked for. */
#include "tools/convert/source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/checksum.h"
#include "runtime/base/hex.h"

enum { HASH_CHUNK = 1 << 16 };

char *conv_join_path(const char *directory, const char *name)
{
    size_t bytes = (directory ? strlen(directory) : 0) + strlen(name) + 2;
    char *path = malloc(bytes);

    if (path)
        snprintf(path, bytes, "%s%s%s", directory ? directory : "", directory ? "/" : "", name);
    return path;
}

int conv_source_exists(const char *directory, const char *name)
{
    char *path = conv_join_path(directory, name);
    struct stat status;
    int exists = path && stat(path, &status) == 0;

    free(path);
    return exists;
}

int conv_source_open(conv_source *source, const char *directory, const char *name,
                     conv_error *error)
{
    struct stat status;

    source->bytes = 0;
    source->fd = -1;
    source->path = conv_join_path(directory, name);
    if (!source->path)
        return conv_fail(error, "%s: out of memory", name);
    /* With O_NONBLOCK, opening a FIFO does not wait for a writer. */
    source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (source->fd < 0 || fstat(source->fd, &status)) {
        conv_fail(error, "%s: cannot open: %s", source->path, strerror(errno));
        conv_source_close(source);
        return -1;
    }
    if (!S_ISREG(status.st_mode)) {
        conv_fail(error, "%s: expected a regular file, found %s", source->path,
                  S_ISDIR(status.st_mode) ? "a directory" : "a special file");
        conv_source_close(source);
        return -1;
    }
    source->bytes = (uint64_t)status.st_size;
    return 0;
}

void conv_source_close(conv_source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    free(source->path);
    source->fd = -1;
    source->path = NULL;
}

int conv_source_read(const conv_source *source, uint64_t offset, void *out, size_t bytes,
                     conv_error *error)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t got = pread(source->fd, (char *)out + done, bytes - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return conv_fail(error, "%s: cannot read at byte %llu: %s", source->path,
                             (unsigned long long)(offset + done), strerror(errno));
        if (got == 0)
            return conv_fail(error,
                             "%s: expected %llu bytes, found the end at byte %llu: the file was "
                             "cut while it was read",
                             source->path, (unsigned long long)(offset + bytes),
                             (unsigned long long)(offset + done));
        done += (size_t)got;
    }
    return 0;
}

char *conv_source_read_all(const conv_source *source, size_t limit, conv_error *error)
{
    size_t bytes = (size_t)source->bytes;
    char *text;

    if (source->bytes > limit) {
        conv_fail(error, "%s: expected at most %zu bytes, found %llu", source->path, limit,
                  (unsigned long long)source->bytes);
        return NULL;
    }
    text = malloc(bytes + 1);
    if (!text) {
        conv_fail(error, "%s: out of memory for %zu bytes", source->path, bytes);
        return NULL;
    }
    if (conv_source_read(source, 0, text, bytes, error)) {
        free(text);
        return NULL;
    }
    text[bytes] = '\0';
    return text;
}

int conv_source_sha256(const conv_source *source, char hex[65], conv_error *error)
{
    unsigned char *chunk = malloc(HASH_CHUNK);
    unsigned char digest[32];
    distil_sha256 sha;
    uint64_t done = 0;
    int failed = 0;

    if (!chunk)
        return conv_fail(error, "%s: out of memory", source->path);
    distil_sha256_init(&sha);
    while (done < source->bytes && !failed) {
        uint64_t left = source->bytes - done;
        size_t bytes = left < HASH_CHUNK ? (size_t)left : HASH_CHUNK;

        failed = conv_source_read(source, done, chunk, bytes, error);
        if (!failed)
            distil_sha256_update(&sha, chunk, bytes);
        done += bytes;
    }
    distil_sha256_final(&sha, digest);
    hex_string(hex, digest, sizeof digest);
    free(chunk);
    return failed;
}
