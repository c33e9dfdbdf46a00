/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for DynamoDB in memory. It has one table with the key source_id and timestamp, both
 * strings, and three calls. UpdateItem evaluates the expressions of serve_expression.h on the item;
 * PutItem and GetItem let a test prepare and inspect items.
 *
 * A request with anything else gets a ValidationException, which the service sends for mistakes.
 * Attributes have the types S, N, BOOL and NULL. Numbers have up to 38 digits and come back in the
 * form in which the service returns them, 0.9990 as 0.999. Signatures are not checked. Only one
 * thread may use a store at a time.
 *
 * Memory is bounded: there are at most SERVE_STORE_ITEMS items, each with at most
 * SERVE_STORE_ITEM_BYTES and SERVE_STORE_ATTRIBUTES.
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
    SERVE_STORE_ANSWER_BYTES = 6 * SERVE_STORE_ITEM_BYTES + 4096 /* an escaped byte takes 6 */
};

typedef struct serve_store serve_store;

/* Counts of what has happened so far, which tests compare with what they expect. */
typedef struct serve_store_counts {
    uint64_t items;
    uint64_t changed;       /* items that an UpdateItem has changed */
    uint64_t changed_again; /* items that two or more UpdateItems have changed */
    uint64_t repeats;       /* calls of UpdateItem that succeeded without changing the item */
    uint64_t conflicts;     /* calls whose condition did not hold */
    uint64_t refused;       /* calls with any other error */
} serve_store_counts;

/* Make a store whose table has this name, a string that outlives the store. With pending = 1, an
 * UpdateItem of an absent item finds an item with the status "pending", as if its producer had put
 * it. Returns NULL if there is no memory. */
serve_store *serve_store_new(const char *table, int pending);
void serve_store_free(serve_store *store);

/* Carry out the call that the header X-Amz-Target and the body describe. The answer goes into a
 * buffer of at least SERVE_STORE_ANSWER_BYTES. Returns the HTTP status. */
int serve_store_call(serve_store *store, http_slice target, http_slice body, buffer *answer);

/* Write an error in the form of the service, the body of a reply with status 400 or 500. */
void serve_store_error(buffer *answer, const char *type, const char *message);

serve_store_counts serve_store_count(const serve_store *store);

#endif
