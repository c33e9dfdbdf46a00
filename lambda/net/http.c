/* SPDX-License-Identifier: Apache-2.0 */
/* Heads are parsed line by line. Bodies are decoded byte by byte where they have structure, and in
 * runs where they have content. */
#include "lambda/net/http.h"

#include <string.h>

#include "runtime/base/ascii.h"
#include "runtime/base/hex.h"

/* ---- bytes ---------------------------------------------------------------------------------- */

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Returns 1 for a byte that may be part of a header's value, a reason phrase or a chunk
 * extension. */
static int is_text(char c)
{
    unsigned char u = (unsigned char)c;

    return c == '\t' || (u >= 0x20 && u != 0x7f);
}

/* Returns 1 for a tchar of RFC 9110, which names of headers and methods are made of. */
static int is_token(char c)
{
    if (is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return 1;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static http_slice trim(http_slice s)
{
    while (s.size > 0 && is_blank(s.at[0])) {
        s.at++;
        s.size--;
    }
    while (s.size > 0 && is_blank(s.at[s.size - 1]))
        s.size--;
    return s;
}

int http_is(http_slice slice, const char *text)
{
    return slice.size == strlen(text) &&
           (slice.size == 0 || memcmp(slice.at, text, slice.size) == 0);
}

int http_is_nocase(http_slice slice, const char *text)
{
    return slice.size == strlen(text) && ascii_same(slice.at, text, slice.size);
}

/* ---- lines of a head ------------------------------------------------------------------------ */

static http_progress reject_head(http_head *head, const char *what)
{
    head->what = what;
    return HTTP_BAD;
}

/* Find the line that begins at offset `at`. *line is set to it without its CRLF, and *next to the
 * offset of the line after it. */
static http_progress find_line(http_head *head, const char *bytes, size_t size, size_t at,
                               http_slice *line, size_t *next)
{
    size_t limit = size < HTTP_MAX_HEAD_BYTES ? size : HTTP_MAX_HEAD_BYTES;
    const char *begin = bytes + at, *feed = memchr(begin, '\n', limit - at);
    const char *end = feed != NULL ? feed : bytes + limit;
    const char *carriage = memchr(begin, '\r', (size_t)(end - begin));

    /* A CR at the very end of the bytes is fine: its LF may still arrive. */
    if (carriage != NULL && carriage + 1 != end)
        return reject_head(head, "a carriage return without a line feed");
    if (feed == NULL && size >= HTTP_MAX_HEAD_BYTES)
        return reject_head(head, "a head of more than 64 KiB");
    if (feed == NULL)
        return HTTP_MORE;
    if (carriage == NULL)
        return reject_head(head, "a line feed without a carriage return");
    line->at = begin;
    line->size = (size_t)(carriage - begin);
    *next = (size_t)(feed - bytes) + 1;
    return HTTP_DONE;
}

static http_progress parse_field(http_head *head, http_slice line)
{
    http_header *header = &head->headers[head->header_count];
    size_t name = 0;

    if (is_blank(line.at[0]))
        return reject_head(head, "a folded header line");
    while (name < line.size && is_token(line.at[name]))
        name++;
    if (name == 0 || name == line.size || line.at[name] != ':')
        return reject_head(head, "a header line that is no name and colon");
    for (size_t i = name + 1; i < line.size; i++)
        if (!is_text(line.at[i]))
            return reject_head(head, "a control character in a header");
    if (head->header_count == HTTP_MAX_HEADERS)
        return reject_head(head, "more than 64 headers");
    header->name.at = line.at;
    header->name.size = name;
    header->value.at = line.at + name + 1;
    header->value.size = line.size - name - 1;
    header->value = trim(header->value);
    head->header_count++;
    return HTTP_DONE;
}

/* Parse the header lines from offset `at` up to the empty line. */
static http_progress parse_fields(http_head *head, const char *bytes, size_t size, size_t at)
{
    for (;;) {
        http_slice line;
        http_progress progress = find_line(head, bytes, size, at, &line, &at);

        if (progress != HTTP_DONE)
            return progress;
        if (line.size == 0) {
            head->bytes = at;
            return HTTP_DONE;
        }
        progress = parse_field(head, line);
        if (progress != HTTP_DONE)
            return progress;
    }
}

http_slice http_get(const http_head *head, const char *name)
{
    http_slice none = {NULL, 0};

    for (size_t i = 0; i < head->header_count; i++)
        if (http_is_nocase(head->headers[i].name, name))
            return head->headers[i].value;
    return none;
}

/* ---- what the headers mean ------------------------------------------------------------------ */

/* Returns 1 if the token is in the comma-separated list of a header with this name. */
static int list_has(const http_head *head, const char *name, const char *token)
{
    for (size_t i = 0; i < head->header_count; i++) {
        http_slice rest = head->headers[i].value;

        if (!http_is_nocase(head->headers[i].name, name))
            continue;
        while (rest.size > 0) {
            const char *comma = memchr(rest.at, ',', rest.size);
            size_t size = comma != NULL ? (size_t)(comma - rest.at) : rest.size;
            http_slice element = {rest.at, size};

            if (http_is_nocase(trim(element), token))
                return 1;
            rest.at += size < rest.size ? size + 1 : size;
            rest.size -= size < rest.size ? size + 1 : size;
        }
    }
    return 0;
}

static int parse_length(uint64_t *length, http_slice value)
{
    *length = 0;
    for (size_t i = 0; i < value.size; i++) {
        uint64_t digit = (uint64_t)(value.at[i] - '0');

        if (!is_digit(value.at[i]) || *length > (UINT64_MAX - digit) / 10)
            return -1;
        *length = *length * 10 + digit;
    }
    return value.size > 0 ? 0 : -1;
}

/* Find out from Transfer-Encoding and Content-Length how the body is delimited. `otherwise` is the
 * framing of a message that has neither. */
static http_progress find_framing(http_head *head, int minor, http_framing otherwise)
{
    int chunked = 0, length = 0;

    for (size_t i = 0; i < head->header_count; i++) {
        http_header header = head->headers[i];
        uint64_t value;

        if (http_is_nocase(header.name, "Transfer-Encoding")) {
            if (chunked || !http_is_nocase(header.value, "chunked"))
                return reject_head(head, "a transfer coding other than chunked");
            chunked = 1;
        } else if (http_is_nocase(header.name, "Content-Length")) {
            if (parse_length(&value, header.value) != 0)
                return reject_head(head, "a length that is no decimal number");
            if (length && value != head->content_length)
                return reject_head(head, "two different lengths");
            head->content_length = value;
            length = 1;
        }
    }
    if (chunked && length)
        return reject_head(head, "a length beside chunks");
    if (chunked && minor == 0)
        return reject_head(head, "chunks in HTTP/1.0");
    head->framing = chunked ? HTTP_CHUNKED : length ? HTTP_LENGTH : otherwise;
    return HTTP_DONE;
}

static void find_keep_alive(http_head *head, int minor)
{
    if (list_has(head, "Connection", "close") || head->framing == HTTP_TO_END)
        head->keep_alive = 0;
    else
        head->keep_alive = minor > 0 || list_has(head, "Connection", "keep-alive");
}

/* Returns the minor version of HTTP/1.0 or HTTP/1.1, or -1 for anything else. */
static int parse_version(http_slice version)
{
    if (http_is(version, "HTTP/1.1"))
        return 1;
    return http_is(version, "HTTP/1.0") ? 0 : -1;
}

/* ---- heads ---------------------------------------------------------------------------------- */

/* STATUS_BYTES is the size of "HTTP/1.1 200". */
enum { VERSION_BYTES = 8, STATUS_BYTES = 12 };

static http_progress parse_status_line(http_head *head, http_slice line, int *minor)
{
    http_slice version = {line.at, VERSION_BYTES};
    const char *code = line.at + VERSION_BYTES + 1;

    if (line.size < STATUS_BYTES || (*minor = parse_version(version)) < 0)
        return reject_head(head, "not an answer of HTTP/1.1");
    if (line.at[VERSION_BYTES] != ' ' || !is_digit(code[0]) || !is_digit(code[1]) ||
        !is_digit(code[2]) || code[0] < '1' || code[0] > '5')
        return reject_head(head, "a status that is no number from 100 to 599");
    if (line.size > STATUS_BYTES && line.at[STATUS_BYTES] != ' ')
        return reject_head(head, "a status that is no number from 100 to 599");
    for (size_t i = STATUS_BYTES; i < line.size; i++)
        if (!is_text(line.at[i]))
            return reject_head(head, "a control character in the status line");
    head->status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
    return HTTP_DONE;
}

/* Returns 1 if the bytes can be the beginning of a status line. A server that speaks another
 * protocol is thus refused at its first bytes, instead of being waited for until a line is
 * complete. */
static int may_be_response(const char *bytes, size_t size)
{
    size_t known = sizeof "HTTP/1." - 1;

    return memcmp(bytes, "HTTP/1.", size < known ? size : known) == 0;
}

http_progress http_parse_response(http_head *head, const char *bytes, size_t size)
{
    http_progress progress;
    http_slice line;
    size_t next;
    int minor = 0;

    memset(head, 0, offsetof(http_head, headers));
    memset(&head->header_count, 0, sizeof *head - offsetof(http_head, header_count));
    if (size == 0)
        return HTTP_MORE;
    if (!may_be_response(bytes, size))
        return reject_head(head, "not an answer of HTTP/1.1");
    progress = find_line(head, bytes, size, 0, &line, &next);
    if (progress == HTTP_DONE)
        progress = parse_status_line(head, line, &minor);
    if (progress == HTTP_DONE)
        progress = parse_fields(head, bytes, size, next);
    if (progress == HTTP_DONE)
        progress = find_framing(head, minor, HTTP_TO_END);
    if (progress != HTTP_DONE)
        return progress;
    if (head->status < 200 || head->status == 204 || head->status == 304)
        head->framing = HTTP_NO_BODY;
    find_keep_alive(head, minor);
    return HTTP_DONE;
}

static http_progress parse_request_line(http_head *head, http_slice line, int *minor)
{
    http_slice version;
    size_t at = 0, begin;

    while (at < line.size && is_token(line.at[at]))
        at++;
    head->method.at = line.at;
    head->method.size = at;
    if (at == 0 || at == line.size || line.at[at] != ' ')
        return reject_head(head, "a request line without a method");
    begin = ++at;
    while (at < line.size && line.at[at] > ' ' && line.at[at] < 0x7f)
        at++;
    head->path.at = line.at + begin;
    head->path.size = at - begin;
    if (at == begin || at == line.size || line.at[at] != ' ')
        return reject_head(head, "a request line without a target");
    version.at = line.at + at + 1;
    version.size = line.size - at - 1;
    *minor = parse_version(version);
    return *minor < 0 ? reject_head(head, "not a request of HTTP/1.1") : HTTP_DONE;
}

static http_progress check_host(http_head *head, int minor)
{
    size_t hosts = 0;

    for (size_t i = 0; i < head->header_count; i++)
        hosts += (size_t)http_is_nocase(head->headers[i].name, "Host");
    return hosts > 1 || (hosts == 0 && minor > 0) ? reject_head(head, "no Host, or more than one")
                                                  : HTTP_DONE;
}

http_progress http_parse_request(http_head *head, const char *bytes, size_t size)
{
    http_progress progress;
    http_slice line;
    size_t next;
    int minor = 0;

    memset(head, 0, offsetof(http_head, headers));
    memset(&head->header_count, 0, sizeof *head - offsetof(http_head, header_count));
    if (size == 0)
        return HTTP_MORE;
    progress = find_line(head, bytes, size, 0, &line, &next);
    if (progress == HTTP_DONE)
        progress = parse_request_line(head, line, &minor);
    if (progress == HTTP_DONE)
        progress = parse_fields(head, bytes, size, next);
    if (progress == HTTP_DONE)
        progress = check_host(head, minor);
    if (progress == HTTP_DONE)
        progress = find_framing(head, minor, HTTP_NO_BODY);
    if (progress == HTTP_DONE)
        find_keep_alive(head, minor);
    return progress;
}

/* ---- bodies --------------------------------------------------------------------------------- */

/* The state of a body's decoder. All states but BODY_DATA, BODY_COMPLETE and BODY_BROKEN belong to
 * chunks, and each says which byte is expected next. */
typedef enum body_state {
    BODY_DATA = 0, /* Content: of a length, of a chunk, or up to the end of the connection. */
    BODY_SIZE_BEGIN,
    BODY_SIZE,
    BODY_SIZE_BLANK, /* White space after a chunk's size, which only a ';' may follow. */
    BODY_EXTENSION,
    BODY_SIZE_LF,
    BODY_DATA_CR,
    BODY_DATA_LF,
    BODY_TRAILER_BEGIN, /* The first byte of a trailer's line. */
    BODY_TRAILER,
    BODY_TRAILER_LF,
    BODY_LAST_LF,
    BODY_COMPLETE,
    BODY_BROKEN
} body_state;

void http_body_init(http_body *body, const http_head *head)
{
    memset(body, 0, sizeof *body);
    body->framing = head->framing;
    body->state = BODY_DATA;
    if (head->framing == HTTP_LENGTH)
        body->left = head->content_length;
    if (head->framing == HTTP_CHUNKED)
        body->state = BODY_SIZE_BEGIN;
    else if (head->framing == HTTP_NO_BODY ||
             (head->framing == HTTP_LENGTH && head->content_length == 0))
        body->state = BODY_COMPLETE;
}

static int reject_body(http_body *body, const char *what)
{
    body->what = what;
    return BODY_BROKEN;
}

/* Process one byte of the line that begins a chunk: a digit of the chunk's size, or a byte of the
 * extension after it. Returns the next state. */
static int parse_size_byte(http_body *body, char c)
{
    int digit = hex_digit_value(c);

    if (body->state <= BODY_SIZE && digit >= 0) {
        if (body->left > UINT64_MAX >> 4)
            return reject_body(body, "a chunk of more than 2^64 bytes");
        /* Leading zeros do not change the size, so they are limited like everything that is
         * dropped. */
        if (body->state == BODY_SIZE && body->left == 0 &&
            ++body->trailer_bytes > HTTP_MAX_HEAD_BYTES)
            return reject_body(body, "more than 64 KiB beside the chunks");
        body->left = body->left << 4 | (unsigned)digit;
        return BODY_SIZE;
    }
    if (body->state == BODY_SIZE_BEGIN)
        return reject_body(body, "a chunk without a size");
    if (c == ';')
        return BODY_EXTENSION;
    if (is_blank(c))
        return BODY_SIZE_BLANK;
    if (c == '\r' && body->state == BODY_SIZE)
        return BODY_SIZE_LF;
    return reject_body(body, "a chunk's size that is no hexadecimal number");
}

/* Skip one byte of a chunk extension or of a trailer's line. Returns `state`, or `after` at the end
 * of the line. */
static int skip_byte(http_body *body, char c, int state, int after)
{
    if (c == '\r')
        return after;
    if (!is_text(c))
        return reject_body(body, "a control character beside the chunks");
    if (++body->trailer_bytes > HTTP_MAX_HEAD_BYTES)
        return reject_body(body, "more than 64 KiB beside the chunks");
    return state;
}

static int expect_byte(http_body *body, char c, char expected, int after)
{
    return c == expected ? after : reject_body(body, "a chunk that does not end with CR and LF");
}

/* Returns the state after one byte that is not content. */
static int next_state(http_body *body, char c)
{
    switch ((body_state)body->state) {
    case BODY_SIZE_BEGIN:
    case BODY_SIZE:
        return parse_size_byte(body, c);
    case BODY_SIZE_BLANK:
        if (++body->trailer_bytes > HTTP_MAX_HEAD_BYTES)
            return reject_body(body, "more than 64 KiB beside the chunks");
        return parse_size_byte(body, c);
    case BODY_EXTENSION:
        return skip_byte(body, c, BODY_EXTENSION, BODY_SIZE_LF);
    case BODY_SIZE_LF:
        return expect_byte(body, c, '\n', body->left > 0 ? BODY_DATA : BODY_TRAILER_BEGIN);
    case BODY_DATA_CR:
        return expect_byte(body, c, '\r', BODY_DATA_LF);
    case BODY_DATA_LF:
        return expect_byte(body, c, '\n', BODY_SIZE_BEGIN);
    case BODY_TRAILER_BEGIN:
        return skip_byte(body, c, BODY_TRAILER, BODY_LAST_LF);
    case BODY_TRAILER:
        return skip_byte(body, c, BODY_TRAILER, BODY_TRAILER_LF);
    case BODY_TRAILER_LF:
        return expect_byte(body, c, '\n', BODY_TRAILER_BEGIN);
    case BODY_LAST_LF:
        return expect_byte(body, c, '\n', BODY_COMPLETE);
    case BODY_DATA:
    case BODY_COMPLETE:
    case BODY_BROKEN:
        break;
    }
    return body->state;
}

/* How many of the next `size` bytes are content of the current length or chunk. The state changes
 * when all of the content has arrived. */
static size_t consume_content(http_body *body, size_t size)
{
    if (body->framing == HTTP_TO_END)
        return size;
    if (body->left > size) {
        body->left -= size;
        return size;
    }
    size = (size_t)body->left;
    body->left = 0;
    body->state = body->framing == HTTP_CHUNKED ? BODY_DATA_CR : BODY_COMPLETE;
    return size;
}

http_progress http_body_decode(http_body *body, char *bytes, size_t size, size_t *used,
                               size_t *decoded)
{
    size_t at = 0, out = 0;

    while (at < size && body->state != BODY_COMPLETE && body->state != BODY_BROKEN) {
        if (body->state == BODY_DATA) {
            size_t run = consume_content(body, size - at);

            if (out != at)
                memmove(bytes + out, bytes + at, run);
            out += run;
            at += run;
        } else {
            body->state = next_state(body, bytes[at++]);
        }
    }
    *used = at;
    *decoded = out;
    if (body->state == BODY_BROKEN)
        return HTTP_BAD;
    return body->state == BODY_COMPLETE ? HTTP_DONE : HTTP_MORE;
}

http_progress http_body_at_end(const http_body *body)
{
    return body->state == BODY_COMPLETE || body->framing == HTTP_TO_END ? HTTP_DONE : HTTP_BAD;
}
