/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of Signature Version 4, with HMAC built on the SHA-256 of runtime/base. */
#include "lambda/aws/sigv4.h"

#include <string.h>

#include "runtime/base/checksum.h"
#include "runtime/base/old_libc.h"

/* SHA-256 works on blocks of 64 bytes. A date takes up the first 8 bytes of a date and time. */
enum { BLOCK_BYTES = 64, DATE_BYTES = 8 };

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

/* ---- HMAC ------------------------------------------------------------------------------------ */

/* HMAC with a key that has been brought to the size of one block. */
static void hmac_of_block(uint8_t mac[SIGV4_SHA256_BYTES], const uint8_t block[BLOCK_BYTES],
                          const void *message, size_t message_bytes)
{
    uint8_t pad[BLOCK_BYTES];
    distil_sha256 sha;

    for (size_t i = 0; i < BLOCK_BYTES; i++)
        pad[i] = block[i] ^ 0x36;
    distil_sha256_init(&sha);
    distil_sha256_update(&sha, pad, sizeof pad);
    distil_sha256_update(&sha, message, message_bytes);
    distil_sha256_final(&sha, mac);
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        pad[i] = block[i] ^ 0x5c;
    distil_sha256_init(&sha);
    distil_sha256_update(&sha, pad, sizeof pad);
    distil_sha256_update(&sha, mac, SIGV4_SHA256_BYTES);
    distil_sha256_final(&sha, mac);
    wipe_bytes(pad, sizeof pad);
    wipe_bytes(&sha, sizeof sha);
}

/* Bring a key, which is given in two parts, to the size of one block: append zeros, or take its
 * hash if it is longer than a block. */
static void key_block(uint8_t block[BLOCK_BYTES], const void *first, size_t first_bytes,
                      const void *second, size_t second_bytes)
{
    memset(block, 0, BLOCK_BYTES);
    if (first_bytes <= BLOCK_BYTES && second_bytes <= BLOCK_BYTES - first_bytes) {
        if (first_bytes > 0)
            memcpy(block, first, first_bytes);
        if (second_bytes > 0)
            memcpy(block + first_bytes, second, second_bytes);
    } else {
        distil_sha256 sha;

        distil_sha256_init(&sha);
        distil_sha256_update(&sha, first, first_bytes);
        distil_sha256_update(&sha, second, second_bytes);
        distil_sha256_final(&sha, block);
        wipe_bytes(&sha, sizeof sha);
    }
}

void sigv4_hmac(uint8_t mac[SIGV4_SHA256_BYTES], const void *key, size_t key_bytes,
                const void *message, size_t message_bytes)
{
    uint8_t block[BLOCK_BYTES];

    key_block(block, key, key_bytes, "", 0);
    hmac_of_block(mac, block, message, message_bytes);
    wipe_bytes(block, sizeof block);
}

static void add_sha256(buffer *out, const void *bytes, size_t size)
{
    uint8_t digest[SIGV4_SHA256_BYTES];
    distil_sha256 sha;

    distil_sha256_init(&sha);
    distil_sha256_update(&sha, bytes, size);
    distil_sha256_final(&sha, digest);
    buffer_hex(out, digest, sizeof digest);
}

/* ---- headers --------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int compare_names(http_slice a, http_slice b)
{
    for (size_t i = 0; i < a.size && i < b.size; i++) {
        unsigned char x = (unsigned char)lower(a.at[i]), y = (unsigned char)lower(b.at[i]);

        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a.size > b.size) - (a.size < b.size);
}

/* Sort pointers to the headers by lower-case name; headers of the same name keep their order.
 * Returns their number. If there are too many, it returns 0 and sets the buffer's overflow flag. */
static size_t sort_headers(const http_header *sorted[SIGV4_MAX_HEADERS], buffer *out,
                           const sigv4_request *request)
{
    if (request->header_count > SIGV4_MAX_HEADERS) {
        out->overflow = 1;
        return 0;
    }
    for (size_t i = 0; i < request->header_count; i++) {
        const http_header *header = &request->headers[i];
        size_t to = i;

        for (; to > 0 && compare_names(sorted[to - 1]->name, header->name) > 0; to--)
            sorted[to] = sorted[to - 1];
        sorted[to] = header;
    }
    return request->header_count;
}

static void add_lower(buffer *out, http_slice name)
{
    for (size_t i = 0; i < name.size; i++)
        buffer_char(out, lower(name.at[i]));
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Append a value without the white space around it, and with one space for each run of white space
 * within it. */
static void add_value(buffer *out, http_slice value)
{
    int pending = 0, any = 0;

    for (size_t i = 0; i < value.size; i++) {
        if (is_space(value.at[i])) {
            pending = any;
            continue;
        }
        if (pending)
            buffer_char(out, ' ');
        buffer_char(out, value.at[i]);
        pending = 0;
        any = 1;
    }
}

static void add_headers(buffer *out, const sigv4_request *request)
{
    const http_header *sorted[SIGV4_MAX_HEADERS];
    size_t count = sort_headers(sorted, out, request);

    for (size_t i = 0; i < count; i++) {
        if (i > 0 && compare_names(sorted[i - 1]->name, sorted[i]->name) == 0) {
            /* Remove the line feed of the header before, which has the same name. */
            out->size -= !out->overflow;
            buffer_char(out, ',');
        } else {
            add_lower(out, sorted[i]->name);
            buffer_char(out, ':');
        }
        add_value(out, sorted[i]->value);
        buffer_char(out, '\n');
    }
}

void sigv4_signed_headers(buffer *out, const sigv4_request *request)
{
    const http_header *sorted[SIGV4_MAX_HEADERS];
    size_t count = sort_headers(sorted, out, request);

    for (size_t i = 0; i < count; i++) {
        if (i > 0 && compare_names(sorted[i - 1]->name, sorted[i]->name) == 0)
            continue;
        if (i > 0)
            buffer_char(out, ';');
        add_lower(out, sorted[i]->name);
    }
}

/* ---- the stages ------------------------------------------------------------------------------ */

void sigv4_canonical_request(buffer *out, const sigv4_request *request)
{
    buffer_add(out, request->method.at, request->method.size);
    buffer_char(out, '\n');
    buffer_add(out, request->canonical_path.at, request->canonical_path.size);
    buffer_char(out, '\n');
    buffer_add(out, request->canonical_query.at, request->canonical_query.size);
    buffer_char(out, '\n');
    add_headers(out, request);
    buffer_char(out, '\n');
    sigv4_signed_headers(out, request);
    buffer_char(out, '\n');
    add_sha256(out, request->body.at, request->body.size);
}

static size_t date_size(const sigv4_scope *scope)
{
    size_t size = strlen(scope->date_time);

    return size < DATE_BYTES ? size : DATE_BYTES;
}

/* Append the scope, for example 20150830/us-east-1/service/aws4_request. */
static void add_scope(buffer *out, const sigv4_scope *scope)
{
    buffer_add(out, scope->date_time, date_size(scope));
    buffer_char(out, '/');
    buffer_text(out, scope->region);
    buffer_char(out, '/');
    buffer_text(out, scope->service);
    buffer_text(out, "/" TERMINATOR);
}

void sigv4_string_to_sign(buffer *out, const sigv4_scope *scope, const char *canonical,
                          size_t canonical_bytes)
{
    buffer_text(out, ALGORITHM "\n");
    buffer_text(out, scope->date_time);
    buffer_char(out, '\n');
    add_scope(out, scope);
    buffer_char(out, '\n');
    add_sha256(out, canonical, canonical_bytes);
}

void sigv4_signing_key(uint8_t key[SIGV4_SHA256_BYTES], const char *secret,
                       const sigv4_scope *scope)
{
    static const char prefix[] = "AWS4";
    uint8_t block[BLOCK_BYTES];

    key_block(block, prefix, sizeof prefix - 1, secret, strlen(secret));
    hmac_of_block(key, block, scope->date_time, date_size(scope));
    sigv4_hmac(key, key, SIGV4_SHA256_BYTES, scope->region, strlen(scope->region));
    sigv4_hmac(key, key, SIGV4_SHA256_BYTES, scope->service, strlen(scope->service));
    sigv4_hmac(key, key, SIGV4_SHA256_BYTES, TERMINATOR, sizeof TERMINATOR - 1);
    wipe_bytes(block, sizeof block);
}

void sigv4_signature(uint8_t signature[SIGV4_SHA256_BYTES], const uint8_t key[SIGV4_SHA256_BYTES],
                     const char *string_to_sign, size_t bytes)
{
    sigv4_hmac(signature, key, SIGV4_SHA256_BYTES, string_to_sign, bytes);
}

void sigv4_authorization(buffer *out, const char *key_id, const sigv4_scope *scope,
                         const sigv4_request *request, const uint8_t signature[SIGV4_SHA256_BYTES])
{
    buffer_text(out, ALGORITHM " Credential=");
    buffer_text(out, key_id);
    buffer_char(out, '/');
    add_scope(out, scope);
    buffer_text(out, ", SignedHeaders=");
    sigv4_signed_headers(out, request);
    buffer_text(out, ", Signature=");
    buffer_hex(out, signature, SIGV4_SHA256_BYTES);
}
