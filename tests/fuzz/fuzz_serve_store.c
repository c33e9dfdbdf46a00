/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target for the store of `distil serve`. Each line of the input is a call on the same store:
 * 'U' for UpdateItem, 'P' for PutItem or any other byte for GetItem, then the body. The target
 * aborts unless every answer is one JSON object, every error has a type, every item that GetItem
 * returns can be put again, and the counts add up.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "tools/serve/serve_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char memory[SERVE_STORE_ANSWER_BYTES], again[SERVE_STORE_ANSWER_BYTES];
static char body[SERVE_STORE_ANSWER_BYTES];

static http_slice target_of(char call)
{
    const char *name = call == 'U'   ? "DynamoDB_20120810.UpdateItem"
                       : call == 'P' ? "DynamoDB_20120810.PutItem"
                                     : "DynamoDB_20120810.GetItem";

    return (http_slice){name, strlen(name)};
}

/* Put an item that GetItem has returned. The store must accept it. */
static void put_back(serve_store *store, json_value item)
{
    buffer request, answer;

    buffer_init(&request, body, sizeof body);
    buffer_init(&answer, again, sizeof again);
    buffer_text(&request, "{\"TableName\":\"t\",\"Item\":");
    buffer_add(&request, item.text, item.bytes);
    buffer_char(&request, '}');
    if (!request.overflow &&
        serve_store_call(store, target_of('P'), (http_slice){body, request.size}, &answer) != 200)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    serve_store *store = serve_store_new("t", size % 2 == 0);
    const char *at = (const char *)data, *end = at + size;
    serve_store_counts counts;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        http_slice call = {at + 1, (size_t)((stop != NULL ? stop : end) - at)};
        buffer answer;
        json_value root, member;
        int status;

        call.size -= call.size > 0;
        buffer_init(&answer, memory, sizeof memory);
        status = serve_store_call(store, target_of(*at), call, &answer);
        if (answer.overflow || json_parse(&root, answer.data, answer.size, NULL) != 0 ||
            root.type != JSON_OBJECT || (status != 200) != json_get(root, "__type", &member))
            abort();
        if (status == 200 && json_get(root, "Item", &member))
            put_back(store, member);
        if (stop == NULL)
            break;
        at = stop + 1;
    }
    counts = serve_store_count(store);
    /* An item that was put again counts as a new one, so only this relation holds. */
    if (counts.changed_again > counts.changed)
        abort();
    serve_store_free(store);
    return 0;
}
