/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical paths and queries, as AWS's description of Signature Version 4 spells them. */
#include "tests/support/support_sigv4.h"

#include <string.h>

static int is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void add_escaped(buffer *out, char c)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char u = (unsigned char)c;

    if (is_unreserved(c)) {
        buffer_char(out, c);
        return;
    }
    buffer_char(out, '%');
    buffer_char(out, digits[u >> 4]);
    buffer_char(out, digits[u & 15]);
}

/* Remove the last segment of the path, which begins at `begin` of the buffer, and its slash. */
static void remove_segment(buffer *out, size_t begin)
{
    while (out->size > begin && out->data[out->size - 1] != '/')
        out->size--;
    if (out->size > begin)
        out->size--;
}

void canonical_add_path(buffer *out, http_slice path)
{
    size_t begin = out->size, at = 0;
    int folder = path.size == 0 || path.at[path.size - 1] == '/';

    while (at < path.size) {
        const char *segment = path.at + at, *slash = memchr(segment, '/', path.size - at);
        size_t size = slash != NULL ? (size_t)(slash - segment) : path.size - at;

        at += size + 1;
        if (size == 0 || (size == 1 && segment[0] == '.'))
            continue;
        if (size == 2 && segment[0] == '.' && segment[1] == '.') {
            remove_segment(out, begin);
            continue;
        }
        buffer_char(out, '/');
        for (size_t i = 0; i < size; i++)
            add_escaped(out, segment[i]);
    }
    if (folder || out->size == begin)
        buffer_char(out, '/');
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode each percent escape and encode it again, so that a byte has one spelling. A '%' that does
 * not begin an escape is encoded as %25. */
static void add_reescaped(buffer *out, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = bytes[i] == '%' && size - i > 2 ? hex_value(bytes[i + 1]) : -1;
        int low = high >= 0 ? hex_value(bytes[i + 2]) : -1;

        if (low >= 0) {
            add_escaped(out, (char)(high << 4 | low));
            i += 2;
        } else {
            add_escaped(out, bytes[i]);
        }
    }
}

static int compare(http_slice a, http_slice b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least > 0 ? memcmp(a.at, b.at, least) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The order of parameters: by name, and by value where the names are equal. */
static int compare_parameters(const http_header *a, const http_header *b)
{
    int order = compare(a->name, b->name);

    return order != 0 ? order : compare(a->value, b->value);
}

static http_slice reescape(buffer *scratch, const char *bytes, size_t size)
{
    size_t begin = scratch->size;

    add_reescaped(scratch, bytes, size);
    return (http_slice){scratch->data + begin, scratch->size - begin};
}

/* Split a query into its parameters, escape them in scratch memory, sort them, and return their
 * number. Too many parameters or too little memory sets the overflow flag of `scratch`. */
static size_t sort_query(http_header sorted[CANONICAL_MAX_PARAMETERS], buffer *scratch,
                         http_slice query)
{
    size_t count = 0, at = 0;

    while (at < query.size) {
        const char *text = query.at + at, *end = memchr(text, '&', query.size - at);
        size_t size = end != NULL ? (size_t)(end - text) : query.size - at;
        const char *equals = memchr(text, '=', size);
        size_t name = equals != NULL ? (size_t)(equals - text) : size;
        http_header parameter;
        size_t to = count;

        at += size + 1;
        if (size == 0)
            continue;
        if (count == CANONICAL_MAX_PARAMETERS) {
            scratch->overflow = 1;
            break;
        }
        parameter.name = reescape(scratch, text, name);
        parameter.value =
            reescape(scratch, text + name + (equals != NULL), size - name - (equals != NULL));
        for (; to > 0 && compare_parameters(&sorted[to - 1], &parameter) > 0; to--)
            sorted[to] = sorted[to - 1];
        sorted[to] = parameter;
        count++;
    }
    return count;
}

void canonical_add_query(buffer *out, http_slice query)
{
    http_header sorted[CANONICAL_MAX_PARAMETERS];
    char memory[CANONICAL_MAX_QUERY_BYTES];
    buffer scratch;
    size_t count;

    buffer_init(&scratch, memory, sizeof memory);
    count = sort_query(sorted, &scratch, query);
    if (scratch.overflow)
        out->overflow = 1;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_char(out, '&');
        buffer_add(out, sorted[i].name.at, sorted[i].name.size);
        buffer_char(out, '=');
        buffer_add(out, sorted[i].value.at, sorted[i].value.size);
    }
}
