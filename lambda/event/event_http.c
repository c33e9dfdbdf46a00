/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests that arrive through API Gateway (payload versions 1.0 and 2.0), a function URL
 * (2.0) or an Application Load Balancer (1.0). The body is text, in base64 if the gateway says so,
 * and holds what a direct caller would send.
 */
#include <stdint.h>
#include <string.h>

#include "lambda/event/event.h"

/* Version 2.0 has "version": "2.0" and requestContext.http.method. */
int event_http_v2_recognise(const event_root *root)
{
    json_value http, method;

    return json_string_is(root->version, "2.0") && json_get(root->request_context, "http", &http) &&
           json_get(http, "method", &method) && method.type == JSON_STRING;
}

/* Version 1.0 has httpMethod and requestContext. */
int event_http_v1_recognise(const event_root *root)
{
    return root->http_method.type == JSON_STRING && root->request_context.type == JSON_OBJECT;
}

/* ---- methods --------------------------------------------------------------------------------- */

static json_value method_of(const event_root *root)
{
    json_value http, method;

    if (event_http_v2_recognise(root) && json_get(root->request_context, "http", &http) &&
        json_get(http, "method", &method))
        return method;
    return root->http_method;
}

event_http_call event_http_find_call(const event_root *root)
{
    json_value method = method_of(root);
    int empty = root->body.type != JSON_STRING || json_string_is(root->body, "");

    if (json_string_is(method, "OPTIONS"))
        return EVENT_HTTP_OPTIONS;
    if (empty && json_string_is(method, "GET"))
        return EVENT_HTTP_HEALTH;
    return empty && json_string_is(method, "HEAD") ? EVENT_HTTP_HEAD : EVENT_HTTP_CLASSIFY;
}

/* A load balancer sends either headers or multiValueHeaders, and reads what it sends. API Gateway
 * sends both and reads both. */
int event_http_is_multi_value(const event_root *root)
{
    return root->headers.type != JSON_OBJECT && root->multi_value_headers.type == JSON_OBJECT;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* Returns the value of a digit of base64 (RFC 4648), or -1 for another character. */
static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decode base64 in place. Returns 0, or -1 if the text is not base64 with its padding, or if bits
 * that carry no data are not 0. */
static int decode_base64(char *text, size_t *bytes)
{
    size_t n = *bytes, padding = 0, out = 0;
    uint32_t bits = 0;

    if (n % 4 != 0)
        return -1;
    while (padding < 2 && padding < n && text[n - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < n - padding; i++) {
        int value = base64_digit(text[i]);

        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 1)
            text[out++] = (char)(bits >> 4);
        else if (i % 4 == 2)
            text[out++] = (char)(bits >> 2);
        else if (i % 4 == 3)
            text[out++] = (char)bits;
    }
    *bytes = out;
    return (padding == 1 && (bits & 3)) || (padding == 2 && (bits & 15)) ? -1 : 0;
}

int event_http_open(event_records *records, const event_root *root, event_arena *arena,
                    event_refusal *no)
{
    size_t before = arena->size, bytes;
    event_root inner;
    char *text;

    if (event_check_member(root->body, "body", JSON_STRING, no) != 1)
        return event_refuse(no, "the request has no body");
    if (!event_string(root->body, &bytes, arena, no))
        return -1;
    text = arena->memory + before;
    if (root->is_base64.type == JSON_TRUE && decode_base64(text, &bytes) != 0)
        return event_refuse(no, "body is not base64");
    if (event_parse(&records->body, text, bytes, "body", no) != 0)
        return -1;
    event_read_root(&inner, records->body.root);
    if (!event_direct_recognise(&inner))
        return event_refuse(no, "body has neither text nor texts");
    return event_direct_open(records, &inner, arena, no);
}
