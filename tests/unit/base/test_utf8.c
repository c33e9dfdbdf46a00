/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UTF-8 decoder must agree with Python's bytes.decode("utf-8", errors="replace"). The tests
 * decode every string of one, two and three bytes, and every string of four bytes that consists of
 * the byte values in `kinds`: for each class of bytes that a decoder can tell apart, its bounds.
 * tests/golden/utf8.tsv, which tools/generate/make_token_golden.py wrote, has a hash of what Python
 * decodes for each such family of strings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/checksum.h"
#include "runtime/base/hex.h"
#include "runtime/base/utf8.h"
#include "tests/support/harness.h"

static const uint8_t kinds[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};

/* Decode all strings of `length` letters in the alphabet's order and hash the code points. Every
 * string ends right before an unmapped page, so a decoder that reads past its end crashes. */
static void hash_family(char hex[17], const uint8_t *alphabet, uint32_t letters, unsigned length)
{
    harness_guard guard = harness_guard_new(length, 1, 1);
    uint32_t strings = 1;
    uint8_t digest[32];
    distil_sha256 sha;

    for (unsigned i = 0; i < length; i++)
        strings *= letters;
    distil_sha256_init(&sha);
    for (uint32_t s = 0; s < strings; s++) {
        const uint8_t *at = guard.data, *end = at + length;
        uint32_t points[5];
        size_t n = 0;

        for (uint32_t i = length, rest = s; i-- > 0; rest /= letters)
            guard.data[i] = alphabet[rest % letters];
        while (at < end)
            points[n++] = distil_utf8_decode(&at, end);
        points[n++] = 0xffffffff;
        distil_sha256_update(&sha, points, n * sizeof points[0]);
    }
    distil_sha256_final(&sha, digest);
    hex_string(hex, digest, 8);
    harness_guard_free(&guard);
}

static void test_family(const char *name, const char *expected)
{
    unsigned length = (unsigned)strtoul(strrchr(name, '-') + 1, NULL, 10);
    uint8_t all[256];
    char hex[17];

    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    if (strncmp(name, "all", 3) == 0)
        hash_family(hex, all, 256, length);
    else
        hash_family(hex, kinds, sizeof kinds, length);
    CHECKF(strcmp(hex, expected) == 0, "%s: hash %s, Python's %s", name, hex, expected);
}

static void test_golden(void)
{
    size_t size;
    char *text = harness_read_file(harness_path("tests/golden/utf8.tsv"), &size);
    char *rest = text, *line;
    int families = 0;

    if (text)
        strsep(&rest, "\n");
    while (text && (line = strsep(&rest, "\n")) && *line) {
        const char *name = strsep(&line, "\t");

        families++;
        if (line && harness_case("decode/%s", name))
            test_family(name, line);
    }
    if (harness_case("the golden file is whole"))
        CHECK(families == 5);
    free(text);
}

/* The decoder must return every code point but the surrogates from its encoding. */
static void test_encode(void)
{
    for (uint32_t c = 0; c < 0x110000; c++) {
        uint8_t bytes[DISTIL_UTF8_MAX_BYTES];
        const uint8_t *at = bytes;
        size_t n;

        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        n = distil_utf8_encode(bytes, c);
        if (distil_utf8_decode(&at, bytes + n) != c || at != bytes + n)
            harness_fail(__FILE__, __LINE__, "U+%04X does not come back", c);
    }
}

static void test_valid_bytes(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        size_t valid; /* bytes before the first ill-formed sequence */
    } cases[] = {
        {"", 0, 0},
        {"a\0b", 3, 3},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, 9},
        {"\xef\xbf\xbd", 3, 3}, /* the encoding of U+FFFD is well-formed */
        {"\xef\xbf\xbf\xf4\x8f\xbf\xbf", 7, 7},
        {"\x80", 1, 0},
        {"a\xff", 2, 1},
        {"\xc0\x80", 2, 0},         /* an overlong form */
        {"\xe0\x9f\xbf", 3, 0},     /* an overlong form */
        {"\xf0\x8f\xbf\xbf", 4, 0}, /* an overlong form */
        {"\xed\xa0\x80", 3, 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 4, 0}, /* above U+10FFFF */
        {"\xe2\x82", 2, 0},         /* the last byte is missing */
        /* these three bad bytes give one U+FFFD, which has three bytes as well */
        {"\xf0\x9f\x98", 3, 0},
        {"\xef\xbf", 2, 0},
        {"\xef\xbf\xbd\xef", 4, 3},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness_guard guard;

        if (!harness_case("valid bytes, case %zu", i))
            continue;
        guard = harness_guard_new(cases[i].size, 1, 1);
        memcpy(guard.data, cases[i].bytes, cases[i].size);
        CHECK(distil_utf8_valid_bytes(guard.data, cases[i].size) == cases[i].valid);
        harness_guard_free(&guard);
    }
}

int main(int argc, char **argv)
{
    harness_init("test_utf8", argc, argv);
    test_golden();
    if (harness_case("encode and decode every code point"))
        test_encode();
    test_valid_bytes();
    return harness_finish();
}
