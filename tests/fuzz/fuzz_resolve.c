/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: messages of a name server, and the hosts file. The first byte chooses the type of
 * the query. The others are the message behind its id, which is always the right one, or the text
 * of the file.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lambda/net/resolve.h"
#include "tests/fuzz/fuzz.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_reply(const uint8_t *data, size_t size, uint16_t type)
{
    resolve_address found[RESOLVE_ADDRESSES];
    uint8_t query[RESOLVE_QUERY_BYTES];
    size_t count = 0, query_bytes = resolve_query(query, 0x6469, "store.example.test", type);
    uint8_t *reply = malloc(
        size + 2); /* The message gets memory of its own, so that a sanitizer sees its end. */
    resolve_verdict verdict;

    require(reply != NULL && query_bytes > 0);
    memcpy(reply, query, 2);
    memcpy(reply + 2, data, size);
    verdict = resolve_reply(found, &count, query, query_bytes, reply, size + 2);
    require(count <= RESOLVE_ADDRESSES && (verdict == RESOLVE_ANSWER || count == 0));
    for (size_t i = 0; i < count; i++)
        require(found[i].family == (type == RESOLVE_A ? AF_INET : AF_INET6));
    free(reply);
}

static void check_hosts(const uint8_t *data, size_t size)
{
    resolve_address found[RESOLVE_ADDRESSES];
    char *text = malloc(size + 1);
    size_t count = 0;

    require(text != NULL);
    memcpy(text, data, size);
    resolve_hosts(found, &count, "store", text, size);
    require(count <= RESOLVE_ADDRESSES);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    check_reply(data + 1, size - 1, data[0] % 2 == 0 ? RESOLVE_A : RESOLVE_AAAA);
    check_hosts(data + 1, size - 1);
    return 0;
}
