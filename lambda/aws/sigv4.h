/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4 of HTTP requests, one function a stage:
 *
 *     canonical request    method, path, query, headers and body's hash in their one right spelling
 *     string to sign       its hash under the time and the scope
 *     signing key          of a day, a region and a service: worth keeping
 *     signature            of the string to sign under the key
 *     authorization        the header's value
 *
 * Pure functions, no allocation. Texts go to a buffer, whose `overflow` says that something did not
 * fit: the memory, or a request beyond the limits below. Whatever overflowed must not be used.
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
    const http_header *headers; /* those that are signed, in the order in which they are sent */
    size_t header_count;
    http_slice body;
} sigv4_request;

/* When, where and for whom. Strings are the caller's. */
typedef struct sigv4_scope {
    const char *date_time; /* YYYYMMDDTHHMMSSZ, as in the header X-Amz-Date */
    const char *region;
    const char *service;
} sigv4_scope;

/* HMAC (RFC 2104) with SHA-256. A key of any size. */
void sigv4_hmac(uint8_t mac[SIGV4_SHA256_BYTES], const void *key, size_t key_bytes,
                const void *message, size_t message_bytes);

/*
 * The path is normalised (empty and "." segments dropped, ".." taken back) and escaped as it
 * stands, so that an escape in it is escaped once more; a query's escapes are undone and made anew,
 * its parameters sorted by name and value; headers are sorted by lower-case name, equal ones joined
 * by commas in their order, white space in values, line folds included, is one space.
 */
void sigv4_canonical_request(buffer *out, const sigv4_request *request);

/* The sorted lower-case names, joined by semicolons: the second last line of the above. */
void sigv4_signed_headers(buffer *out, const sigv4_request *request);

void sigv4_string_to_sign(buffer *out, const sigv4_scope *scope, const char *canonical,
                          size_t canonical_bytes);

/* Depends on the day, region and service of the scope only. */
void sigv4_signing_key(uint8_t key[SIGV4_SHA256_BYTES], const char *secret,
                       const sigv4_scope *scope);

void sigv4_signature(uint8_t signature[SIGV4_SHA256_BYTES], const uint8_t key[SIGV4_SHA256_BYTES],
                     const char *string_to_sign, size_t bytes);

void sigv4_authorization(buffer *out, const char *key_id, const sigv4_scope *scope,
                         const sigv4_request *request, const uint8_t signature[SIGV4_SHA256_BYTES]);

#endif
