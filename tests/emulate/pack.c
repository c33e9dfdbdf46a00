/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the initramfs of the emulated machine. run.sh runs it on the host:
 *
 *     pack OUTPUT KERNEL_ARGUMENTS NAME=FILE...
 *
 * OUTPUT begins with one page for boot.S, which has the size of the archive as a little-endian
 * 32-bit number and, from byte 16 on, the kernel's arguments with a NUL at the end. A cpio archive
 * in the format "newc" follows (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
 * It has the directory data/ and each FILE under the name NAME, with mode 0755.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PAGE = 4096,
    COMMAND_LINE = 16, /* offset of the kernel's arguments in the first page */
    MODE_DIRECTORY = 0040755,
    MODE_FILE = 0100755
};

typedef struct archive {
    FILE *file;
    size_t bytes; /* the bytes written so far, without the first page */
    unsigned next_inode;
} archive;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "pack: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void put(archive *out, const void *bytes, size_t count)
{
    if (count > 0 && fwrite(bytes, 1, count, out->file) != count)
        fail("cannot write");
    out->bytes += count;
}

static void pad_to(archive *out, size_t alignment)
{
    static const char zeros[PAGE];

    put(out, zeros, (alignment - out->bytes % alignment) % alignment);
}

/* Write the header of an archive entry: 110 characters of hexadecimal fields, the name, and padding
 * to a multiple of 4 bytes. */
static void put_header(archive *out, const char *name, unsigned mode, size_t size)
{
    char header[128];
    int length = snprintf(header, sizeof header,
                          "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
                          out->next_inode++, mode, 0u, 0u, 1u, 0u, (unsigned)size, 0u, 0u, 0u, 0u,
                          (unsigned)strlen(name) + 1, 0u);

    put(out, header, (size_t)length);
    put(out, name, strlen(name) + 1);
    pad_to(out, 4);
}

static void put_file(archive *out, const char *name, const char *path)
{
    static char bytes[1 << 16];
    struct stat info;
    size_t count, left;
    FILE *in = fopen(path, "rb");

    if (in == NULL || fstat(fileno(in), &info) != 0)
        fail(path);
    if (!S_ISREG(info.st_mode) || info.st_size > UINT32_MAX) {
        errno = EINVAL;
        fail(path);
    }
    left = (size_t)info.st_size;
    put_header(out, name, MODE_FILE, left);
    while (left > 0 &&
           (count = fread(bytes, 1, left < sizeof bytes ? left : sizeof bytes, in)) > 0) {
        put(out, bytes, count);
        left -= count;
    }
    if (left > 0) {
        errno = EIO;
        fail(path);
    }
    fclose(in);
    pad_to(out, 4);
}

static void put_size(archive *out)
{
    unsigned char word[4];

    for (int i = 0; i < 4; i++)
        word[i] = (unsigned char)(out->bytes >> (8 * i) & 0xff);
    if (fseek(out->file, 0, SEEK_SET) != 0 || fwrite(word, 1, 4, out->file) != 4 ||
        fclose(out->file) != 0)
        fail("cannot write");
}

int main(int argc, char **argv)
{
    static char page[PAGE];
    archive out = {.next_inode = 1};

    if (argc < 4) {
        fprintf(stderr, "usage: pack OUTPUT KERNEL_ARGUMENTS NAME=FILE...\n");
        return 2;
    }
    if (strlen(argv[2]) >= PAGE - COMMAND_LINE) {
        errno = E2BIG;
        fail("kernel arguments");
    }
    strcpy(page + COMMAND_LINE, argv[2]);
    out.file = fopen(argv[1], "wb");
    if (out.file == NULL || fwrite(page, 1, PAGE, out.file) != PAGE)
        fail(argv[1]);
    put_header(&out, "data", MODE_DIRECTORY, 0);
    for (int i = 3; i < argc; i++) {
        char *path = strchr(argv[i], '=');

        if (path == NULL) {
            errno = EINVAL;
            fail(argv[i]);
        }
        *path++ = '\0';
        put_file(&out, argv[i], path);
    }
    put_header(&out, "TRAILER!!!", 0, 0);
    pad_to(&out, 512);
    put_size(&out);
    return 0;
}
