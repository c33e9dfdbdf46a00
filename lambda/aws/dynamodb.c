/* SPDX-License-Identifier: Apache-2.0 */
/* The document of UpdateItem, and the table of the errors that it can meet. */
#include "lambda/aws/dynamodb.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/crc32.h"
#include "lambda/aws/dates.h"
#include "lambda/aws/retry.h"
#include "runtime/base/json.h"

/* ---- the document ---------------------------------------------------------------------------- */

/* Append "name":{"S":"value"}. */
static void add_bytes(buffer *out, const char *name, const char *value, size_t bytes)
{
    buffer_json_text(out, name);
    buffer_text(out, ":{\"S\":");
    buffer_json(out, value, bytes);
    buffer_char(out, '}');
}

static void add_string(buffer *out, const char *name, const char *value)
{
    add_bytes(out, name, value, strlen(value));
}

/* DynamoDB has many reserved words, so every attribute's name is given by a placeholder. DynamoDB
 * refuses placeholders that an expression does not use; these are all used. */
static const char updates[] =
    "\"UpdateExpression\":\"SET #sentiment = :sentiment, #score = :score, "
    "#model_version = :model_version, #model = :model, #status = :analyzed, "
    "#writer = :writer";
static const char names[] =
    "\",\"ConditionExpression\":\"#status = :pending OR #status = :analyzed AND "
    "#writer = :writer\","
    "\"ExpressionAttributeNames\":{\"#sentiment\":\"sentiment\",\"#score\":\"score\","
    "\"#model_version\":\"model_version\",\"#model\":\"analyzed_model\",\"#status\":\"status\","
    "\"#writer\":\"analyzed_by\"";
static const char values[] = "},\"ExpressionAttributeValues\":{\":pending\":{\"S\":\"pending\"},"
                             "\":analyzed\":{\"S\":\"analyzed\"},";

void dynamodb_update_item(buffer *out, const char *table, const store_item *item, int want_old_item)
{
    buffer_text(out, "{\"TableName\":");
    buffer_json_text(out, table);
    buffer_text(out, ",\"Key\":{");
    add_string(out, "source_id", item->source_id);
    buffer_char(out, ',');
    add_string(out, "timestamp", item->timestamp);
    buffer_text(out, "},");
    buffer_text(out, updates);
    if (item->labels)
        buffer_text(out, ", #labels = :labels");
    buffer_text(out, names);
    if (item->labels)
        buffer_text(out, ",\"#labels\":\"labels\"");
    buffer_text(out, values);
    if (item->labels) {
        buffer_text(out, "\":labels\":{\"M\":");
        buffer_add(out, item->labels, item->labels_bytes);
        buffer_text(out, "},");
    }
    add_bytes(out, ":sentiment", item->sentiment, item->sentiment_bytes);
    buffer_format(out, ",\":score\":{\"N\":\"%.4f\"},", item->score);
    add_string(out, ":model_version", item->model_version);
    buffer_char(out, ',');
    add_string(out, ":model", item->model);
    buffer_char(out, ',');
    add_string(out, ":writer", item->writer);
    buffer_format(out, "},\"ReturnValuesOnConditionCheckFailure\":\"%s\"}",
                  want_old_item ? "ALL_OLD" : "NONE");
}

/* ---- what errors mean (docs/lambda.md) ------------------------------------------------------- */

typedef struct error_row {
    const char *code; /* The error code, or NULL for a row that looks at the status of HTTP only. */
    const char *phrase; /* A part of the error's message, or NULL if any message will do. */
    int least, most;    /* The range of the status in a row without a code. */
    dynamodb_verdict verdict;
    const char *meaning;
} error_row;

/* The first row that matches decides. Rows with a code come first and match any status, since
 * errors of authorisation come with status 400 or 403. Codes and classes are those of the AWS SDKs'
 * standard retry mode for DynamoDB. TransactionConflictException is added, because a single write
 * can meet somebody else's open transaction. */
static const error_row rows[] = {
    {"ConditionalCheckFailedException", NULL, 0, 0, DYNAMODB_CONDITION, ""},
    {"InternalServerError", NULL, 0, 0, DYNAMODB_TRANSIENT, ""},
    {"ProvisionedThroughputExceededException", NULL, 0, 0, DYNAMODB_THROTTLED, ""},
    {"ThrottlingException", NULL, 0, 0, DYNAMODB_THROTTLED, ""},
    {"RequestLimitExceeded", NULL, 0, 0, DYNAMODB_THROTTLED, ""},
    {"LimitExceededException", NULL, 0, 0, DYNAMODB_THROTTLED, ""},
    {"TransactionInProgressException", NULL, 0, 0, DYNAMODB_THROTTLED, ""},
    {"ReplicatedWriteConflictException", NULL, 0, 0, DYNAMODB_TRANSIENT, ""},
    {"TransactionConflictException", NULL, 0, 0, DYNAMODB_TRANSIENT, ""},
    {"ItemCollectionSizeLimitExceededException", NULL, 0, 0, DYNAMODB_REFUSED,
     "the item's collection is full"},
    {"ValidationException", NULL, 0, 0, DYNAMODB_REFUSED,
     "check that the table's key is source_id and timestamp, both strings"},
    {"ResourceNotFoundException", NULL, 0, 0, DYNAMODB_REFUSED,
     "check DATABASE_TABLE, the region and the endpoint"},
    {"SerializationException", NULL, 0, 0, DYNAMODB_REFUSED, "the service cannot read the request"},
    {"InvalidSignatureException", "Signature expired", 0, 0, DYNAMODB_CLOCK, ""},
    {"InvalidSignatureException", "not yet current", 0, 0, DYNAMODB_CLOCK, ""},
    {"InvalidSignatureException", NULL, 0, 0, DYNAMODB_REFUSED,
     "check the secret key, the region and the endpoint"},
    {"ExpiredTokenException", NULL, 0, 0, DYNAMODB_CREDENTIALS, "the credentials have expired"},
    {"UnrecognizedClientException", NULL, 0, 0, DYNAMODB_CREDENTIALS,
     "the credentials are not known to the service"},
    {"AccessDeniedException", NULL, 0, 0, DYNAMODB_REFUSED,
     "allow dynamodb:UpdateItem on the table to the function's role"},
    {"MissingAuthenticationTokenException", NULL, 0, 0, DYNAMODB_REFUSED,
     "the request arrived without its signature"},
    {"IncompleteSignatureException", NULL, 0, 0, DYNAMODB_REFUSED,
     "the request arrived with half a signature"},
    {NULL, NULL, 300, 399, DYNAMODB_REFUSED,
     "redirects are not followed: check AWS_ENDPOINT_URL_DYNAMODB"},
    {NULL, NULL, 429, 429, DYNAMODB_THROTTLED, ""},
    {NULL, NULL, 500, 500, DYNAMODB_TRANSIENT, ""},
    {NULL, NULL, 502, 504, DYNAMODB_TRANSIENT, ""},
    {NULL, NULL, 0, 599, DYNAMODB_REFUSED,
     "not an answer of DynamoDB: check AWS_ENDPOINT_URL_DYNAMODB"},
};

static const error_row *find_row(const char *code, const char *message, int status)
{
    const error_row *row = rows;

    /* The last row matches every status there is, so the loop ends. */
    for (;; row++) {
        if (row->code == NULL && status >= row->least && status <= row->most)
            return row;
        if (row->code != NULL && strcmp(row->code, code) == 0 &&
            (row->phrase == NULL || strstr(message, row->phrase) != NULL))
            return row;
    }
}

/* ---- parts of an answer ---------------------------------------------------------------------- */

/* Parse a decimal number of at most 18 digits. Returns -1 for anything else. */
static int64_t parse_decimal(http_slice text)
{
    int64_t value = 0;

    if (text.size == 0 || text.size > 18)
        return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        value = value * 10 + (text.at[i] - '0');
    }
    return value;
}

/* Copy the characters of a name or identifier up to the first other one, so that the result can be
 * logged whatever the service sends. */
static void copy_name(char *out, size_t capacity, const char *text, size_t size)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._-";
    size_t kept = 0;

    while (kept < size && kept + 1 < capacity && text[kept] != '\0' &&
           strchr(allowed, text[kept]) != NULL) {
        out[kept] = text[kept];
        kept++;
    }
    out[kept] = '\0';
}

/* Copy the code from "prefix#code:rest", of which the prefix and the rest may be absent. */
static void copy_code(char *out, size_t capacity, const char *text)
{
    size_t size = strcspn(text, ":"), at = size;

    while (at > 0 && text[at - 1] != '#')
        at--;
    copy_name(out, capacity, text + at, size - at);
}

/* Copy a string member, cut at the capacity. The result is "" if there is no such member. */
static void member_text(char *out, size_t capacity, json_value object, const char *name)
{
    json_value value;
    size_t size = json_get(object, name, &value) ? json_string(value, out, capacity - 1) : 0;

    out[size < capacity ? size : capacity - 1] = '\0';
}

static int is_json(http_slice type)
{
    const char *end = type.size > 0 ? memchr(type.at, ';', type.size) : NULL;

    if (end != NULL)
        type.size = (size_t)(end - type.at);
    while (type.size > 0 && (type.at[type.size - 1] == ' ' || type.at[type.size - 1] == '\t'))
        type.size--;
    return http_is_nocase(type, DYNAMODB_CONTENT_TYPE) ||
           http_is_nocase(type, "application/x-amz-json-1.1") ||
           http_is_nocase(type, "application/json");
}

/* Returns 1 if the answer has a checksum and its body has another one. */
static int is_damaged(const http_head *head, http_slice body)
{
    http_slice sum = http_get(head, "X-Amz-Crc32");

    return sum.at != NULL && parse_decimal(sum) != (int64_t)crc32_ieee(body.at, body.size);
}

static dynamodb_item old_item(json_value root, int want_old_item)
{
    json_value item, status, text;

    if (!want_old_item)
        return DYNAMODB_ITEM_UNKNOWN;
    if (!json_get(root, "Item", &item))
        return DYNAMODB_ITEM_MISSING;
    if (json_get(item, "status", &status) && json_get(status, "S", &text) &&
        json_string_is(text, "analyzed"))
        return DYNAMODB_ITEM_ANALYZED;
    return DYNAMODB_ITEM_OTHER;
}

/* ---- judging --------------------------------------------------------------------------------- */

static void set_verdict(dynamodb_reply *reply, dynamodb_verdict verdict, const char *code,
                        const char *meaning)
{
    reply->verdict = verdict;
    reply->meaning = meaning;
    if (code != NULL) {
        size_t size = strnlen(code, sizeof reply->code - 1);

        memcpy(reply->code, code, size);
        reply->code[size] = '\0';
    }
}

/* `root` is the parsed body. If the body is not JSON, `root` is a value that is not an object. */
static void judge_success(dynamodb_reply *reply, const http_head *head, json_value root)
{
    if (!is_json(http_get(head, "Content-Type")))
        set_verdict(reply, DYNAMODB_REFUSED, "HTTP 200 without JSON",
                    "not an answer of DynamoDB: check AWS_ENDPOINT_URL_DYNAMODB");
    else if (root.type != JSON_OBJECT)
        set_verdict(reply, DYNAMODB_TRANSIENT, "HTTP 200 with damaged JSON", "");
    else
        set_verdict(reply, DYNAMODB_UPDATED, "", "");
}

static void judge_error(dynamodb_reply *reply, const http_head *head, json_value root,
                        int want_old_item)
{
    http_slice named = http_get(head, "x-amzn-ErrorType");
    char type[256], *message = reply->message;
    const error_row *row;

    member_text(type, sizeof type, root, "__type");
    if (type[0] == '\0' && named.size > 0)
        snprintf(type, sizeof type, "%.*s", (int)(named.size < 255 ? named.size : 255), named.at);
    member_text(message, sizeof reply->message, root, "message");
    if (message[0] == '\0')
        member_text(message, sizeof reply->message, root, "Message");
    copy_code(reply->code, sizeof reply->code, type);
    row = find_row(reply->code, message, head->status);
    set_verdict(reply, row->verdict, NULL, row->meaning);
    if (reply->code[0] == '\0')
        snprintf(reply->code, sizeof reply->code, "HTTP %d", head->status);
    if (row->verdict == DYNAMODB_CONDITION)
        reply->item = old_item(root, want_old_item);
}

void dynamodb_judge(dynamodb_reply *reply, const http_head *head, http_slice body,
                    int want_old_item)
{
    http_slice id = http_get(head, "x-amzn-RequestId");
    json_value root = {.type = JSON_NULL, .text = ""};

    memset(reply, 0, sizeof *reply);
    copy_name(reply->service_id, sizeof reply->service_id, id.at, id.size);
    reply->retry_after_ms = parse_decimal(http_get(head, "x-amz-retry-after"));
    reply->date_ms = -1;
    dates_parse_http(&reply->date_ms, http_get(head, "Date"));
    if (is_damaged(head, body)) {
        set_verdict(reply, DYNAMODB_TRANSIENT, "wrong checksum", "");
        return;
    }
    if (json_parse(&root, body.at, body.size, NULL) != 0)
        root.type = JSON_NULL;
    if (head->status == 200)
        judge_success(reply, head, root);
    else
        judge_error(reply, head, root, want_old_item);
}
