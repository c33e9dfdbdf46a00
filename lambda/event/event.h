/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: what arrives, recognised by its shape, and the texts to classify in it.
 *
 * `event_sources` is the one table: a row for each kind of event with functions that recognise it
 * and take its records apart. A row knows its own shape and nothing else; handler.c drives them all
 * alike, and answer.c answers by who waits.
 *
 * What producers send in each record, a JSON object as text or in place:
 *     {"source_id": "...", "timestamp": "...", "text_for_analysis": "...", "model_version": "..."}
 */
#ifndef DISTIL_LAMBDA_EVENT_H
#define DISTIL_LAMBDA_EVENT_H

#include "runtime/base/buffer.h"
#include "runtime/base/json.h"

enum { EVENT_MAX_RECORD_ID_BYTES = 128, EVENT_DOCUMENT_ENTRIES = 16 };

/* Who waits, and so what failing means (docs/lambda.md has the table). */
typedef enum event_delivery {
    EVENT_ASYNC = 0, /* SNS, EventBridge: an error fails the invocation, so that Lambda retries and
                        at last its dead-letter queue has the event */
    EVENT_BATCH,     /* SQS: failed records are listed and come again */
    EVENT_HTTP,      /* a status code and a body */
    EVENT_DIRECT     /* the caller of Invoke: a body, or a function error */
} event_delivery;

/* What to do with one record. Strings are decoded UTF-8 in the arena. */
typedef struct event_item {
    const char *record_id;     /* SQS messageId; NULL elsewhere; NUL-terminated, as all but text */
    const char *source_id;     /* key of the item; NULL where there is none: nothing is stored */
    const char *timestamp;     /* the other half of the key; NULL with source_id */
    const char *model_version; /* as the producer asked; NULL: the function's */
    const char *text;          /* to classify */
    size_t text_bytes;
} event_item;

/* Memory for decoded strings and documents: taken in order, given back to a mark. */
typedef struct event_arena {
    char *memory;
    size_t size, capacity;
} event_arena;

/* A document that an event has as text in a string, with an index of its outermost long values. Its
 * values refer to the index, so the structure must not be copied while they are used. */
typedef struct event_document {
    json_value root;
    json_index index;
    json_index_entry entries[EVENT_DOCUMENT_ENTRIES];
} event_document;

/* An event's records on their way out: in the order of the event. */
typedef struct event_records {
    size_t count;      /* at least 1 */
    json_iter iter;    /* over the array of records, */
    json_value single; /* or the only one, where iterate is 0 */
    int iterate;
    int fifo;            /* SQS: records behind a failed one must not be done */
    event_document body; /* HTTP: the document that the records are in */
} event_records;

/* A refusal: which member is missing or of which type; never the user's text. */
typedef struct event_refusal {
    char why[160];
} event_refusal;

/* The members that the sources look for in an event's outermost object and, if Records is an array,
 * in its first element. One walk over each object finds them all. */
typedef struct event_root {
    json_value value; /* the event itself, of any type */
    json_value warmup;
    json_value records;                        /* SNS, SQS */
    json_value detail_type, source, detail;    /* EventBridge */
    json_value version, http_method, context;  /* HTTP */
    json_value body, is_base64;                /* HTTP */
    json_value text, text_for_analysis, texts; /* direct */
    struct {
        json_value sns_source; /* EventSource, as SNS spells it */
        json_value sqs_source; /* eventSource, as SQS spells it */
        json_value sqs_queue;  /* eventSourceARN */
    } first;                   /* of the first record */
} event_root;

typedef struct event_source {
    const char *name; /* "sns", "sqs", ... for logs */
    event_delivery delivery;
    /* 1 if root has this source's shape. */
    int (*recognise)(const event_root *root);
    /* Find the records. 0, or -1 with the refusal: there are none. */
    int (*open)(event_records *records, const event_root *root, event_arena *arena,
                event_refusal *no);
    /* Take one record apart. 0, or -1 with the refusal; record_id is set even then if it is
     * there. */
    int (*item)(event_item *item, json_value record, event_arena *arena, event_refusal *no);
} event_source;

/* The table, in the order of recognition; ends with a row whose name is NULL. */
extern const event_source event_sources[];

/* Look up the members of an event. */
void event_read_root(event_root *root, json_value value);

/* The row that recognises root; NULL: nobody does. */
const event_source *event_recognise(const event_root *root);

/* 1 for {"warmup": true}. */
int event_is_warmup(const event_root *root);

/* The next record; call at most `count` times. */
json_value event_next(event_records *records);

/* ---- for the sources ------------------------------------------------------------------------ */

/* Which members a message may and must have. */
typedef enum event_message_kind {
    EVENT_MESSAGE_STORED, /* from a queue: the key is required, the text is text_for_analysis */
    EVENT_MESSAGE_CALLER  /* from a caller: the key may be absent, the text may be called text, the
                             message may be a string: the text itself */
} event_message_kind;

/* Fill item from a message. 0, or -1 with the refusal. */
int event_message(event_item *item, json_value message, event_message_kind kind, event_arena *arena,
                  event_refusal *no);

/* The message in a string member: decoded and parsed. The same results. */
int event_message_in(event_item *item, json_value string, event_message_kind kind,
                     event_arena *arena, event_refusal *no);

/* Records are the elements of an array, which must have one; or value alone. */
int event_open_array(event_records *records, json_value array, const char *name, event_refusal *no);
int event_open_single(event_records *records, json_value value);

/* Decode a string into the arena, with a NUL behind it; *bytes may be NULL. NULL where the arena is
 * full, with the refusal. */
const char *event_string(json_value string, size_t *bytes, event_arena *arena, event_refusal *no);

/* Parse a decoded document. 0, or -1 with the refusal, which calls the text `what`. */
int event_parse(event_document *document, const char *text, size_t bytes, const char *what,
                event_refusal *no);

/* 1 if the member `name` has the type `type`, 0 if it is absent or null; -1 with the refusal if it
 * has another type. */
int event_check_member(json_value member, const char *name, json_type type, event_refusal *no);

/* 0 if the record is an object, -1 with the refusal if it is not. */
int event_check_record(json_value record, event_refusal *no);

/* -1, with the refusal formatted. */
int event_refuse(event_refusal *no, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The rows' functions, by file. */
int event_sns_recognise(const event_root *root);
int event_sns_open(event_records *records, const event_root *root, event_arena *arena,
                   event_refusal *no);
int event_sns_item(event_item *item, json_value record, event_arena *arena, event_refusal *no);
int event_sqs_recognise(const event_root *root);
int event_sqs_open(event_records *records, const event_root *root, event_arena *arena,
                   event_refusal *no);
int event_sqs_item(event_item *item, json_value record, event_arena *arena, event_refusal *no);
int event_bridge_recognise(const event_root *root);
int event_bridge_open(event_records *records, const event_root *root, event_arena *arena,
                      event_refusal *no);
int event_bridge_item(event_item *item, json_value record, event_arena *arena, event_refusal *no);
int event_http_v1_recognise(const event_root *root);
int event_http_v2_recognise(const event_root *root);
int event_http_open(event_records *records, const event_root *root, event_arena *arena,
                    event_refusal *no);
int event_direct_recognise(const event_root *root);
int event_direct_open(event_records *records, const event_root *root, event_arena *arena,
                      event_refusal *no);
int event_direct_item(event_item *item, json_value record, event_arena *arena, event_refusal *no);

#endif
