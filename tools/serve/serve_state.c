/* SPDX-License-Identifier: Apache-2.0 */
/* The documents /serve/state and /serve/dead-letters, for tests; see serve_server.h. */
#include <stdlib.h>

#include "runtime/base/buffer.h"
#include "tools/serve/serve_server.h"

enum {
    STATE_BYTES = 2048, /* more than the counts take */
    NS_PER_US = 1000
};

static void add_count(buffer *out, const char *name, uint64_t value)
{
    buffer_format(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

/* Write the counts of /serve/state as JSON. */
static void write_state(const serve *s, buffer *out)
{
    const serve_runtime *r = &s->runtime;

    buffer_format(out, "{\"pid\":%ld", (long)r->child.pid);
    add_count(out, "starts", r->starts);
    if (r->first_next_ns != 0)
        add_count(out, "start_to_next_us",
                  (uint64_t)(r->first_next_ns - r->started_ns) / NS_PER_US);
    buffer_format(out, ",\"idle\":%s,\"busy\":%s", r->state == SERVE_IDLE ? "true" : "false",
                  r->current != NULL ? "true" : "false");
    add_count(out, "queued", s->queue.count);
    add_count(out, "succeeded", s->succeeded);
    add_count(out, "failed", s->failed);
    add_count(out, "retried", s->retried);
    add_count(out, "dead", s->queue.dead);
    add_count(out, "faults", s->faults.count);
    if (s->store != NULL) {
        serve_store_counts c = serve_store_count(s->store);

        buffer_format(out, ",\"store\":{\"items\":%llu", (unsigned long long)c.items);
        add_count(out, "changed", c.changed);
        add_count(out, "changed_again", c.changed_again);
        add_count(out, "repeats", c.repeats);
        add_count(out, "conflicts", c.conflicts);
        add_count(out, "refused", c.refused);
        buffer_char(out, '}');
    }
    buffer_text(out, "}\n");
}

/* Reply with a JSON document of at most `most` bytes. */
static void reply_document(const serve *s, serve_conn *conn, size_t most,
                           void (*write)(const serve *s, buffer *out))
{
    serve_reply reply = {.status = 200, .type = "application/json"};
    char *text = malloc(most);
    buffer out;

    if (text == NULL) {
        serve_http_drop(conn);
        return;
    }
    buffer_init(&out, text, most);
    write(s, &out);
    reply.body = (http_slice){text, out.size};
    serve_http_reply(conn, &reply);
    free(text);
}

static void write_dead(const serve *s, buffer *out)
{
    serve_queue_write_dead(&s->queue, out);
}

void serve_reply_state(serve *s, serve_conn *conn)
{
    reply_document(s, conn, STATE_BYTES, write_state);
}

void serve_reply_dead_letters(serve *s, serve_conn *conn)
{
    reply_document(s, conn, SERVE_DEAD_BYTES, write_dead);
}
