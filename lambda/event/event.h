/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: which source an event comes from, and which texts it asks to classify.
 *
 * `event_sources` is the one table. It has a row for each source, with functions that recognise its
 * events and read their records. A row knows nothing but the form of its own events. The handler
 * uses all rows alike.
 *
 * The message in a record is a JSON object, either in place or as text in a string:
 *     {"source_id": "...", "timestamp": "...", "text_for_analysis": "...", "model_version": "..."}
 */
#ifndef DISTIL_LAMBDA_EVENT_H
#define DISTIL_LAMBDA_EVENT_H

#include "runtime/base/buffer.h"
#include "runtime/base/json.h"

enum { EVENT_MAX_RECORD_ID_BYTES = 128, EVENT_DOCUMENT_ENTRIES = 16 };

/* Who waits for the answer, and therefore what a failure has to look like; docs/lambda.md has the
 * table. A new source chooses one of these four. */
typedef enum event_delivery {
    /* SNS and EventBridge: an error fails the invocation. Lambda then retries it, and after the
     * last retry moves the event to the dead-letter queue. */
    EVENT_ASYNC = 0,
    /* A queue, such as SQS: the answer lists failed records by record_id, and the queue delivers
     * them again. */
    EVENT_BATCH,
    EVENT_HTTP,  /* The answer is a status code and a body. */
    EVENT_DIRECT /* The caller of Invoke gets a body or a function error. */
} event_delivery;

/* The request of one record. Strings are decoded UTF-8 in the arena; all but `text` end with a
 * NUL. */
typedef struct event_item {
    /* The record's id, such as the messageId of SQS. It names the record in a batch answer and is
     * the writer's name in the store. NULL: the source has no ids, and the writer is the request id
     * and the record's position. */
    const char *record_id;
    /* The first half of the item's key. NULL: there is no key, and nothing is stored. */
    const char *source_id;
    const char *timestamp; /* The second half of the key. It is NULL exactly if source_id is. */
    /* The version that the producer asks for. NULL: the function's own. */
    const char *model_version;
    /* The text to classify. It may hold NUL characters, so it has a length. */
    const char *text;
    size_t text_bytes;
} event_item;

/* Memory for decoded strings and documents. They are laid out one after the other, and setting
 * `size` back drops the last ones. */
typedef struct event_arena {
    char *memory;
    size_t size, capacity;
} event_arena;

/* A document that is text in a string of an event, with an index of its outermost long values. Its
 * values point to the index, so the structure must not be copied while they are in use. */
typedef struct event_document {
    json_value root;
    json_index index;
    json_index_entry entries[EVENT_DOCUMENT_ENTRIES];
} event_document;

/* The records of an event. event_next returns them in the order of the event. */
typedef struct event_records {
    size_t count;      /* The number of records, at least 1. */
    json_iter iter;    /* Walks over the array of records. Used if iterate is 1. */
    json_value single; /* The only record. Used if iterate is 0. */
    int iterate;
    int fifo; /* 1: records of a FIFO queue. No record behind a failed one may be done. */
    int list; /* 1: the answer is a list even if there is only one record. */
    event_document body; /* HTTP only: the document that the records are in. */
} event_records;

/* Why an event or a record is refused: which member is missing or has the wrong type. It never
 * holds the user's text. */
typedef struct event_refusal {
    char why[160];
} event_refusal;

/* The members that the sources look for, in the outermost object of an event and in the first
 * element of its array Records, or of the array that is the event. One walk over each of the two
 * objects finds them all. */
typedef struct event_root {
    json_value value; /* The event itself, which may be of any type. */
    json_value warmup, warmer;
    json_value records;                               /* the member Records of SNS and SQS */
    json_value detail_type, source, detail;           /* three members of an EventBridge event */
    json_value version, http_method, request_context; /* For HTTP. */
    json_value body, is_base64;                       /* For HTTP. */
    json_value headers, multi_value_headers;          /* For HTTP. */
    json_value text, text_for_analysis, texts;        /* three members of a direct invocation */
    json_value items; /* the member Items, in which Step Functions passes a batch */
    struct {
        json_value sns;        /* The member Sns, which no other source has. */
        json_value sns_source; /* The member EventSource, as SNS spells it. */
        json_value source;     /* The member eventSource, as every other service spells it. */
        json_value source_arn; /* The member eventSourceARN. */
    } first;                   /* Members of the first record. */
} event_root;

typedef struct event_source {
    const char *name; /* The name in log lines: "sns", "sqs", ... */
    event_delivery delivery;
    /* Returns 1 if the event has this source's form. */
    int (*recognise)(const event_root *root);
    /* Find the records. Returns 0, or -1 with the refusal if there are none. */
    int (*open)(event_records *records, const event_root *root, event_arena *arena,
                event_refusal *no);
    /* Read one record. Returns 0, or -1 with the refusal; record_id is set even then if the record
     * has one. */
    int (*item)(event_item *item, json_value record, event_arena *arena, event_refusal *no);
} event_source;

/* The sources in the order in which they are tried. The last row has NULL for a name. */
extern const event_source event_sources[];

/* Look up the members of an event that the sources need. */
void event_read_root(event_root *root, json_value value);

/* Returns the first source that recognises the event, or NULL. */
const event_source *event_recognise(const event_root *root);

/* Returns 1 if the event classifies nothing and only starts the process: "warmup": true, the
 * payload of lambda-warmer ("warmer": true) or of serverless-plugin-warmup, or a scheduled
 * event. */
int event_is_warmup(const event_root *root);

/* Returns the next record. It may be called `count` times. */
json_value event_next(event_records *records);

/* What an HTTP request asks for. */
typedef enum event_http_call {
    EVENT_HTTP_CLASSIFY, /* Every request with a body, and every one that is none of the others. */
    EVENT_HTTP_HEALTH,   /* GET without a body: whether the function works. */
    EVENT_HTTP_HEAD,     /* HEAD without a body: the same, and the answer has no body either. */
    EVENT_HTTP_OPTIONS   /* OPTIONS: what may be asked for, as browsers do before a request. */
} event_http_call;

event_http_call event_http_find_call(const event_root *root);

/* Returns 1 if the answer must have multiValueHeaders in the place of headers, as a load balancer
 * expects that sends them. */
int event_http_is_multi_value(const event_root *root);

/* ---- for the sources ------------------------------------------------------------------------ */

/* Which members a message may have and must have. */
typedef enum event_message_kind {
    /* A message from a queue or topic: the key is required, and the text is the member
     * text_for_analysis. */
    EVENT_MESSAGE_STORED,
    /* A message from a direct or HTTP caller: the key may be absent, the text may be the member
     * text, and the message may be a mere string, which is then the text. */
    EVENT_MESSAGE_CALLER
} event_message_kind;

/* Fill *item from a message. Returns 0, or -1 with the refusal. */
int event_message(event_item *item, json_value message, event_message_kind kind, event_arena *arena,
                  event_refusal *no);

/* Decode and parse a message that is text in a string member, and fill *item from it. Returns 0, or
 * -1 with the refusal. */
int event_message_in(event_item *item, json_value string, event_message_kind kind,
                     event_arena *arena, event_refusal *no);

/* Let the records be the elements of an array, or one single value. `name` is what a refusal calls
 * the array. Returns 0, or -1 with the refusal if there is no element. */
int event_open_array(event_records *records, json_value array, const char *name, event_refusal *no);
int event_open_single(event_records *records, json_value value);

/* Decode a string into the arena and append a NUL. `bytes` may be NULL. Returns NULL with the
 * refusal if the arena is full. */
const char *event_string(json_value string, size_t *bytes, event_arena *arena, event_refusal *no);

/* Parse a decoded document, which a refusal calls `what`. Returns 0, or -1 with the refusal. */
int event_parse(event_document *document, const char *text, size_t bytes, const char *what,
                event_refusal *no);

/* Returns 1 if the member `name` has the type `type`, 0 if it is absent or null, and -1 with the
 * refusal if it has another type. */
int event_check_member(json_value member, const char *name, json_type type, event_refusal *no);

/* Returns 0 if the record is an object, and -1 with the refusal if it is not. */
int event_check_record(json_value record, event_refusal *no);

/* Format a refusal. Returns -1. */
int event_refuse(event_refusal *no, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The functions of the rows, in the order of their files. */
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
