/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4 of HTTP requests, with one function for each stage:
 *
 *     canonical request    method, path, query and headers in a defined spelling; the body's hash
 *     string to sign       the hash of the canonical request, with the time and the scope
 *     signing key          derived from the secret; valid for one day, region and service
 *     signature            HMAC of the string to sign under the signing key
 *     authorization        the value of the header Authorization
 *
 * These are pure functions that allocate nothing. Texts go to a buffer. Its `overflow` flag says
 * that its memory, or one of the limits below, was too small; its content is then useless.
 */
#ifndef DISTIL_LAMBDA_SIGV4_H
#define DISTIL_LAMBDA_SIGV4_H

#include "runtime/base/buffer.h"
#include "lambda/net/http.h"

enum { SIGV4_MAX_HEADERS = 32, SIGV4_SHA256_BYTES = 32 };

typedef struct sigv4_request {
    http_slice method;
    http_slice canonical_path;  /* Normalised and escaped by the caller; "/" for DynamoDB. */
    http_slice canonical_query; /* Sorted and escaped by the caller; empty for DynamoDB. */
    const http_header *headers; /* The headers to be signed, in the order in which they are sent. */
    size_t header_count;
    http_slice body;
} sigv4_request;

/* The time, region and service that a signature is valid for. The caller owns the strings. */
typedef struct sigv4_scope {
    const char *date_time; /* YYYYMMDDTHHMMSSZ, as in the header X-Amz-Date. */
    const char *region;
    const char *service;
} sigv4_scope;

/* HMAC (RFC 2104) with SHA-256. The key may have any size. */
void sigv4_hmac(uint8_t mac[SIGV4_SHA256_BYTES], const void *key, size_t key_bytes,
                const void *message, size_t message_bytes);

/*
 * Append the canonical request. Headers are sorted by lower-case name; the values of headers with
 * the same name are joined by commas in their order; each run of white space in a value, line folds
 * included, becomes one space.
 */
void sigv4_canonical_request(buffer *out, const sigv4_request *request);

/* Append the names of the headers in lower case, sorted and joined by semicolons. This is the
 * second to last line of the canonical request. */
void sigv4_signed_headers(buffer *out, const sigv4_request *request);

void sigv4_string_to_sign(buffer *out, const sigv4_scope *scope, const char *canonical,
                          size_t canonical_bytes);

/* Derive the signing key. Of the scope's time only the day matters, so the key can be kept for a
 * day. */
void sigv4_signing_key(uint8_t key[SIGV4_SHA256_BYTES], const char *secret,
                       const sigv4_scope *scope);

void sigv4_signature(uint8_t signature[SIGV4_SHA256_BYTES], const uint8_t key[SIGV4_SHA256_BYTES],
                     const char *string_to_sign, size_t bytes);

void sigv4_authorization(buffer *out, const char *key_id, const sigv4_scope *scope,
                         const sigv4_request *request, const uint8_t signature[SIGV4_SHA256_BYTES]);

#endif
