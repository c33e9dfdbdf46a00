/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one classified record into the store: which name it is written under, and what the outcome
 * counts as. */
#ifndef DISTIL_LAMBDA_UPDATE_H
#define DISTIL_LAMBDA_UPDATE_H

#include "lambda/event/answer.h"
#include "lambda/handler_state.h"
#include "lambda/net/http.h"

/* What all updates of one event have in common. */
typedef struct update_origin {
    const char *request_id; /* The id of the invocation. */
    http_slice trace_id;    /* Sent along to the store; it may be empty. */
    int64_t deadline_ns;    /* No attempt starts after this time of clock_now_ns. */
    int queued;             /* 1: whoever has sent the event delivers it again if it fails. */
} update_origin;

/*
 * Update the item of record number `index` of an event. On success the result's `updated` is set;
 * on a failure its status becomes ITEM_STORE. An item that another writer has updated before is
 * neither: it is counted and logged as a duplicate delivery. An item that does not exist is
 * counted; its record fails with ITEM_MISSING if the event is a queued one.
 */
store_status update_item(handler *h, const update_origin *from, const event_item *item,
                         item_result *result, size_t index);

#endif
