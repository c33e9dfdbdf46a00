/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for DynamoDB in memory: one table with the key source_id and timestamp, both strings,
 * and three of its calls: UpdateItem with the expressions of serve_expression.h, which are really
 * evaluated on the item, PutItem and GetItem, so that a test can set up and look.
 *
 * What it does not know it refuses with ValidationException, as the service would something wrong.
 * Attributes are S, N, BOOL and NULL; numbers are kept as the service keeps them (0.9990 is read
 * back as 0.999) within 38 digits. Signatures are not looked at. One thread at a time.
 *
 * Bounded: SERVE_STORE_ITEMS items, each of SERVE_STORE_ITEM_BYTES and SERVE_STORE_ATTRIBUTES.
 */
#ifndef DISTIL_TOOLS_SERVE_STORE_H
#define DISTIL_TOOLS_SERVE_STORE_H

#include <stdint.h>

#include "runtime/base/buffer.h"
#include "lambda/net/http.h"

enum {
    SERVE_STORE_ITEMS = 1 << 20,
    SERVE_STORE_ITEM_BYTES = 65536,
    SERVE_STORE_ATTRIBUTES = 32,
    SERVE_STORE_ANSWER_BYTES = 6 * SERVE_STORE_ITEM_BYTES + 4096 /* every byte escaped */
};

typedef struct serve_store serve_store;

/* What happened so far, for tests that count. */
typedef struct serve_store_counts {
    uint64_t items;
    uint64_t changed;       /* items that an UpdateItem changed */
    uint64_t changed_again; /* of them, those that a later UpdateItem changed again */
    uint64_t repeats;       /* UpdateItems that succeeded and left the item as it was */
    uint64_t conflicts;     /* conditions that did not hold */
    uint64_t refused;       /* other errors */
} serve_store_counts;

/* table outlives the store. pending: an UpdateItem of an item that is not there finds it with
 * status "pending", as its producer would have put it. NULL: no memory. */
serve_store *serve_store_new(const char *table, int pending);
void serve_store_free(serve_store *store);

/* Do what the header X-Amz-Target and the body ask: returns the status, answer filled (its capacity
 * is SERVE_STORE_ANSWER_BYTES at least). */
int serve_store_call(serve_store *store, http_slice target, http_slice body, buffer *answer);

/* An error as the service words it: the body of a status 400 or 500. */
void serve_store_error(buffer *answer, const char *type, const char *message);

serve_store_counts serve_store_count(const serve_store *store);

/* CRC-32 of IEEE 802.3, for the header X-Amz-Crc32. */
uint32_t serve_store_crc32(const char *bytes, size_t size);

#endif
