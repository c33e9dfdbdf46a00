/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: answers of the store and of the endpoint for credentials, and configured addresses.
 * The first byte says whether the old item was asked for. The others are a response, which is
 * judged as it is and once more as the body of an error. Only status 200 with a JSON object is ever
 * a success, and everything that is logged of an answer is printable.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lambda/aws/credentials.h"
#include "lambda/aws/dynamodb.h"
#include "lambda/aws/retry.h"
#include "lambda/net/url.h"
#include "runtime/base/json.h"
#include "tests/fuzz/fuzz.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_printable(const char *text, size_t capacity)
{
    size_t size = strnlen(text, capacity);

    require(size < capacity);
    for (size_t i = 0; i < size; i++)
        require(text[i] >= ' ' && text[i] <= '~' && text[i] != '"' && text[i] != '\\');
}

static void check_reply(const http_head *head, http_slice body, int want_old_item)
{
    dynamodb_reply reply;
    json_value root;

    dynamodb_judge(&reply, head, body, want_old_item);
    check_printable(reply.code, sizeof reply.code);
    check_printable(reply.service_id, sizeof reply.service_id);
    require(reply.meaning != NULL && reply.retry_after_ms >= RETRY_AFTER_ABSENT &&
            reply.date_ms >= -1);
    require((reply.code[0] == '\0') == (reply.verdict == DYNAMODB_UPDATED));
    if (reply.verdict == DYNAMODB_UPDATED)
        require(head->status == 200 && json_parse(&root, body.at, body.size, NULL) == 0 &&
                root.type == JSON_OBJECT);
    if (reply.verdict == DYNAMODB_CONDITION)
        require(head->status != 200 && (reply.item != DYNAMODB_ITEM_UNKNOWN) == want_old_item);
    else
        require(reply.item == DYNAMODB_ITEM_UNKNOWN);
}

/* Judge the response as http_client reads it, in memory of its own. */
static void judge_response(char *text, size_t size, int want_old_item)
{
    size_t used = 0, decoded = 0;
    http_progress progress;
    http_body state;
    http_head head;

    if (http_parse_response(&head, text, size) != HTTP_DONE)
        return;
    http_body_init(&state, &head);
    progress = http_body_decode(&state, text + head.bytes, size - head.bytes, &used, &decoded);
    if (progress == HTTP_MORE)
        progress = http_body_at_end(&state);
    if (progress == HTTP_DONE)
        check_reply(&head, (http_slice){text + head.bytes, decoded}, want_old_item);
}

static void judge_as_error(const char *text, size_t size, int want_old_item)
{
    static const char plain[] = "HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n";
    http_head head;

    require(http_parse_response(&head, plain, sizeof plain - 1) == HTTP_DONE);
    check_reply(&head, (http_slice){text, size}, want_old_item);
}

static void check_visible(const char *text, size_t capacity)
{
    size_t size = strnlen(text, capacity);

    require(size < capacity);
    for (size_t i = 0; i < size; i++)
        require(text[i] > ' ' && text[i] <= '~');
}

static void read_credentials(const char *text, size_t size)
{
    credentials_set *set = malloc(sizeof *set);
    char why[192] = "";

    require(set != NULL);
    if (credentials_parse(set, text, size, why, sizeof why) == 0) {
        check_visible(set->key_id, sizeof set->key_id);
        check_visible(set->secret, sizeof set->secret);
        check_visible(set->token, sizeof set->token);
        require(set->key_id[0] != '\0' && set->secret[0] != '\0' && set->expires_ms >= 0);
    } else {
        require(why[0] != '\0');
    }
    free(set);
}

static void read_address(const char *text)
{
    http_slice target;
    net_endpoint to;

    if (url_parse(&to, &target, text) != 0)
        return;
    check_visible(to.host, sizeof to.host);
    require(to.host[0] != '\0' && to.port > 0 && (to.tls == 0 || to.tls == 1));
    require(target.at + target.size == text + strlen(text));
    require(target.size == 0 || target.at[0] == '/' || target.at[0] == '?');
    url_is_local(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int want_old_item = size > 0 && data[0] % 2 == 1;
    size_t bytes = size > 0 ? size - 1 : 0;
    char *text = malloc(
        bytes + 1); /* The bytes get memory of their own, so that a sanitizer sees its end. */

    require(text != NULL);
    if (bytes > 0)
        memcpy(text, data + 1, bytes);
    text[bytes] = '\0';
    read_address(text);
    text = realloc(text, bytes > 0 ? bytes : 1);
    require(text != NULL);
    judge_as_error(text, bytes, want_old_item);
    read_credentials(text, bytes);
    /* judge_response decodes the text in place, so no other check may follow. */
    judge_response(text, bytes, want_old_item);
    free(text);
    return 0;
}
