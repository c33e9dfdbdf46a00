/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C, CRC-32 and SHA-256 must give the published test vectors. CRC-32C must agree with a
 * bit-by-bit definition. CRC-32C and SHA-256 must give the same result when the input comes in
 * pieces.
 */
#include <string.h>

#include "runtime/base/checksum.h"
#include "runtime/base/crc32.h"
#include "runtime/base/hex.h"
#include "tests/support/harness.h"

/* The definition of CRC-32C: the polynomial 0x1EDC6F41 with its bits reflected, a register that
 * starts with all bits set, and an inverted result. */
static uint32_t crc32c_by_bits(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

static void crc_vectors(void)
{
    /* The iSCSI SCSI Read (10) command PDU of RFC 3720, B.4. */
    static const uint8_t read_command[48] = {
        0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0,    0,
    };
    uint8_t bytes[32];

    if (!harness_case("crc32c: published vectors"))
        return;
    CHECK(distil_crc32c(0, NULL, 0) == 0);
    CHECK(distil_crc32c(0, "123456789", 9) == 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    CHECK(distil_crc32c(0, bytes, sizeof bytes) == 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    CHECK(distil_crc32c(0, bytes, sizeof bytes) == 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    CHECK(distil_crc32c(0, bytes, sizeof bytes) == 0x46dd794e);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(31 - i);
    CHECK(distil_crc32c(0, bytes, sizeof bytes) == 0x113fdb5c);
    CHECK(distil_crc32c(0, read_command, sizeof read_command) == 0xd9963a56);
}

static void crc_definition(void)
{
    if (!harness_case("crc32c: definition, every length and alignment"))
        return;
    for (size_t size = 0; size < 200; size++) {
        harness_guard guard = harness_guard_new(size, 1, 1);
        uint32_t expected;

        for (size_t i = 0; i < size; i++)
            guard.data[i] = (uint8_t)harness_random();
        expected = crc32c_by_bits(guard.data, size);
        CHECKF(distil_crc32c(0, guard.data, size) == expected, "length %zu", size);
        for (size_t cut = 0; cut <= size; cut++) {
            uint32_t first = distil_crc32c(0, guard.data, cut);

            CHECKF(distil_crc32c(first, guard.data + cut, size - cut) == expected,
                   "length %zu cut at %zu", size, cut);
        }
        harness_guard_free(&guard);
    }
}

static void crc32_vectors(void)
{
    static const char fox[] = "The quick brown fox jumps over the lazy dog";

    if (!harness_case("crc32: published vectors"))
        return;
    CHECK(crc32_ieee("", 0) == 0);
    CHECK(crc32_ieee("123456789", 9) == 0xcbf43926);
    CHECK(crc32_ieee(fox, sizeof fox - 1) == 0x414fa339);
    CHECK(crc32_ieee("{}", 2) == 2745614147); /* DynamoDB sends this sum with an empty object */
}

static void sha_of(uint8_t digest[32], const void *bytes, size_t size)
{
    distil_sha256 sha;

    distil_sha256_init(&sha);
    distil_sha256_update(&sha, bytes, size);
    distil_sha256_final(&sha, digest);
}

static int equals_hex(const uint8_t digest[32], const char *expected)
{
    char digits[65];

    hex_string(digits, digest, 32);
    return strcmp(digits, expected) == 0;
}

static void sha_vectors(void)
{
    /* The examples of FIPS 180-2, appendix B, and of NIST's example values. */
    static const struct {
        const char *text, *digest;
    } vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
         "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char many[1000];
    distil_sha256 sha;
    uint8_t digest[32];

    if (!harness_case("sha256: published vectors"))
        return;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        sha_of(digest, vectors[i].text, strlen(vectors[i].text));
        CHECKF(equals_hex(digest, vectors[i].digest), "'%s'", vectors[i].text);
    }
    memset(many, 'a', sizeof many);
    distil_sha256_init(&sha);
    for (int i = 0; i < 1000; i++)
        distil_sha256_update(&sha, many, sizeof many);
    distil_sha256_final(&sha, digest);
    CHECK(equals_hex(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

/* Hash the first n bytes of a pattern for every n from 0 to 299, and then all those digests. The
 * expected value is from Python's hashlib. */
static void sha_lengths(void)
{
    uint8_t pattern[300], digest[32];
    distil_sha256 all;

    if (!harness_case("sha256: every length to 300"))
        return;
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(7 * i + 3);
    distil_sha256_init(&all);
    for (size_t size = 0; size < sizeof pattern; size++) {
        sha_of(digest, pattern, size);
        distil_sha256_update(&all, digest, sizeof digest);
    }
    distil_sha256_final(&all, digest);
    CHECK(equals_hex(digest, "7b074096cabb18dd0d1b468a173cb2f97f80e952525bca29542e606fd6d0753a"));
}

static void sha_pieces(void)
{
    uint8_t text[400], whole[32], pieces[32];

    if (!harness_case("sha256: in pieces"))
        return;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)harness_random();
    sha_of(whole, text, sizeof text);
    for (int round = 0; round < 2000; round++) {
        distil_sha256 sha;
        size_t at = 0;

        distil_sha256_init(&sha);
        while (at < sizeof text) {
            size_t piece = harness_random() % (round % 2 ? 9 : 150);

            piece = piece < sizeof text - at ? piece : sizeof text - at;
            distil_sha256_update(&sha, text + at, piece);
            at += piece;
        }
        distil_sha256_final(&sha, pieces);
        CHECKF(memcmp(whole, pieces, sizeof whole) == 0, "round %d", round);
    }
}

int main(int argc, char **argv)
{
    harness_init("test_checksum", argc, argv);
    crc_vectors();
    crc_definition();
    crc32_vectors();
    sha_vectors();
    sha_lengths();
    sha_pieces();
    return harness_finish();
}
