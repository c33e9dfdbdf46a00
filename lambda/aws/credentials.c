/* SPDX-License-Identifier: Apache-2.0 */
/* Reads credentials from the environment, or fetches them from a container's endpoint over HTTP. */
#include "lambda/aws/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "lambda/aws/dates.h"
#include "lambda/net/tls.h"
#include "runtime/base/json.h"
#include "runtime/base/old_libc.h"

enum {
    CONNECT_MS = 1000,
    ANSWER_MS = 2000,
    /* While the current credentials are still valid, a failed request for new ones is repeated
     * after this time. */
    ASK_AGAIN_MS = 10000
};

#define ECS_HOST "169.254.170.2"

static int fail(char *why, size_t why_bytes, const char *what)
{
    snprintf(why, why_bytes, "%s", what);
    return -1;
}

/* Returns 1 if the text is visible ASCII, which every credential is made of and which a header may
 * hold. */
static int is_visible(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return 0;
    return 1;
}

/* ---- the environment ------------------------------------------------------------------------- */

static int copy_visible(char *out, size_t capacity, const char *name, const char *value, char *why,
                        size_t why_bytes)
{
    if (strlen(value) < capacity && is_visible(value)) {
        memcpy(out, value, strlen(value) + 1);
        return 0;
    }
    snprintf(why, why_bytes, "%s: too long, or with blanks or control characters in it", name);
    return -1;
}

static int use_keys(credentials *c, const credentials_source *from, char *why, size_t why_bytes)
{
    const char *key_id = from->key_id, *secret = from->secret, *token = from->token;
    credentials_set *set = &c->set;

    if (key_id == NULL || secret == NULL)
        return fail(why, why_bytes,
                    key_id == NULL ? "AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not"
                                   : "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
    if (copy_visible(set->key_id, sizeof set->key_id, "AWS_ACCESS_KEY_ID", key_id, why,
                     why_bytes) != 0 ||
        copy_visible(set->secret, sizeof set->secret, "AWS_SECRET_ACCESS_KEY", secret, why,
                     why_bytes) != 0 ||
        copy_visible(set->token, sizeof set->token, "AWS_SESSION_TOKEN", token != NULL ? token : "",
                     why, why_bytes) != 0)
        return -1;
    set->expires_ms = INT64_MAX;
    c->generation = 1;
    return 0;
}

/* Plain HTTP is allowed only to where AWS itself serves credentials by it: this machine, ECS and
 * EKS. */
static int may_be_plain(const net_endpoint *to)
{
    return url_is_local(to) || strcmp(to->host, ECS_HOST) == 0 ||
           strcmp(to->host, "169.254.170.23") == 0 || strcmp(to->host, "fd00:ec2::23") == 0;
}

static int set_endpoint(credentials *c, const net_endpoint *to, const char *target)
{
    c->from_endpoint = 1;
    c->target = target;
    url_host(c->host, to);
    http_client_init(&c->client, to, c->reply, sizeof c->reply, CONNECT_MS);
    c->client.answer_ms = ANSWER_MS;
    return 0;
}

static int use_full_uri(credentials *c, const char *text, char *why, size_t why_bytes)
{
    static const char name[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    http_slice target;
    net_endpoint to;

    if (url_parse(&to, &target, text) != 0)
        snprintf(why, why_bytes, "%s: no address of the form http://host:port/path", name);
    else if (to.tls && !tls_available())
        snprintf(why, why_bytes, "%s: https, and this program was built without TLS", name);
    else if (!to.tls && !may_be_plain(&to))
        snprintf(why, why_bytes, "%s: plain HTTP to a host that is not this machine", name);
    else
        return set_endpoint(c, &to, target.size > 0 && target.at[0] == '/' ? target.at : "/");
    return -1;
}

static int use_relative_uri(credentials *c, const char *path, char *why, size_t why_bytes)
{
    net_endpoint to = {.host = ECS_HOST, .port = 80};

    if (path[0] != '/' || !is_visible(path))
        return fail(why, why_bytes,
                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: no path that begins with /");
    return set_endpoint(c, &to, path);
}

int credentials_init(credentials *c, const credentials_source *from, char *why, size_t why_bytes)
{
    memset(c, 0, sizeof *c);
    net_init(&c->client.stream);
    c->authorization = from->authorization;
    c->authorization_file = from->authorization_file;
    if (from->key_id != NULL || from->secret != NULL)
        return use_keys(c, from, why, why_bytes);
    if (from->relative_uri != NULL)
        return use_relative_uri(c, from->relative_uri, why, why_bytes);
    if (from->full_uri != NULL)
        return use_full_uri(c, from->full_uri, why, why_bytes);
    return fail(why, why_bytes,
                "no credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor "
                "AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI are set");
}

int credentials_want_tls(const credentials_source *from)
{
    http_slice target;
    net_endpoint to;

    return from->key_id == NULL && from->relative_uri == NULL && from->full_uri != NULL &&
           url_parse(&to, &target, from->full_uri) == 0 && to.tls;
}

/* ---- the endpoint's answer ------------------------------------------------------------------- */

/* Copy a member that is a string of visible ASCII. Returns 1 if it was copied, 0 if it is absent,
 * null or empty, and -1 if it is anything else. */
static int copy_member(char *out, size_t capacity, json_value root, const char *name)
{
    json_value value;
    size_t size;

    out[0] = '\0';
    if (!json_get(root, name, &value) || value.type == JSON_NULL)
        return 0;
    if (value.type != JSON_STRING)
        return -1;
    size = json_string(value, out, capacity);
    if (size >= capacity)
        return -1;
    out[size] = '\0';
    if (strlen(out) != size || !is_visible(out))
        return -1;
    return size > 0;
}

int credentials_parse(credentials_set *out, const char *text, size_t bytes, char *why,
                      size_t why_bytes)
{
    char expiration[64];
    json_value root;
    int dated;

    if (json_parse(&root, text, bytes, NULL) != 0 || root.type != JSON_OBJECT)
        return fail(why, why_bytes, "credentials endpoint: the answer is no JSON object");
    if (copy_member(out->key_id, sizeof out->key_id, root, "AccessKeyId") != 1)
        return fail(why, why_bytes, "credentials endpoint: no AccessKeyId in the answer");
    if (copy_member(out->secret, sizeof out->secret, root, "SecretAccessKey") != 1)
        return fail(why, why_bytes, "credentials endpoint: no SecretAccessKey in the answer");
    if (copy_member(out->token, sizeof out->token, root, "Token") < 0)
        return fail(why, why_bytes, "credentials endpoint: the Token is too long or no token");
    out->expires_ms = INT64_MAX;
    dated = copy_member(expiration, sizeof expiration, root, "Expiration");
    if (dated < 0 || (dated > 0 && dates_parse_iso(&out->expires_ms,
                                                   (http_slice){expiration, strlen(expiration)})))
        return fail(why, why_bytes, "credentials endpoint: the Expiration is no date");
    return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Read the file again for each request, because its content changes. White space at its end is
 * dropped. */
static int read_authorization(const char *path, char *out, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t n = 1;

    if (fd < 0)
        return -1;
    while (n > 0 && size < capacity) {
        n = read(fd, out + size, capacity - size);
        if (n > 0)
            size += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    close(fd);
    if (n < 0 || size == capacity || memchr(out, '\0', size) != NULL)
        return -1;
    while (size > 0 && (out[size - 1] == '\n' || out[size - 1] == '\r' || out[size - 1] == ' '))
        size--;
    out[size] = '\0';
    return 0;
}

/* Returns 1 if the text can be the value of a header: printable ASCII, with blanks as in "Bearer
 * ...". */
static int is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return 0;
    return 1;
}

static int add_authorization(const credentials *c, buffer *out, char *why, size_t why_bytes)
{
    char memory[CREDENTIALS_AUTHORIZATION_BYTES];
    const char *value = c->authorization;

    if (c->authorization_file != NULL) {
        if (read_authorization(c->authorization_file, memory, sizeof memory) != 0)
            return fail(why, why_bytes,
                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: cannot be read, or too large");
        value = memory;
    }
    if (value == NULL)
        return 0;
    if (!is_printable(value))
        return fail(why, why_bytes, "the container authorization token is no header value");
    buffer_text(out, "Authorization: ");
    buffer_text(out, value);
    buffer_text(out, "\r\n");
    wipe_bytes(memory, sizeof memory);
    return 0;
}

static int build_request(credentials *c, buffer *out, char *why, size_t why_bytes)
{
    buffer_init(out, c->request, sizeof c->request);
    buffer_text(out, "GET ");
    buffer_text(out, c->target);
    buffer_text(out, " HTTP/1.1\r\nHost: ");
    buffer_text(out, c->host);
    buffer_text(out, "\r\nAccept: application/json\r\n");
    if (add_authorization(c, out, why, why_bytes) != 0)
        return -1;
    buffer_text(out, "\r\n");
    return out->overflow ? fail(why, why_bytes, "the request for credentials is too large") : 0;
}

static int request_credentials(credentials *c, int64_t deadline_ns, char *why, size_t why_bytes)
{
    http_response response;
    http_client_status status;
    buffer request;
    int rc = -1;

    if (build_request(c, &request, why, why_bytes) != 0)
        return -1;
    status = http_client_exchange(&c->client, &response, request.data, request.size,
                                  HTTP_RESEND_REUSED, deadline_ns);
    /* The next request is hours away. */
    http_client_close(&c->client);
    if (status != HTTP_CLIENT_OK)
        snprintf(why, why_bytes, "credentials endpoint: %s", response.why);
    else if (response.head.status != 200)
        snprintf(why, why_bytes, "credentials endpoint: status %d", response.head.status);
    else
        rc = credentials_parse(&c->next, response.body.at, response.body.size, why, why_bytes);
    if (rc == 0) {
        c->set = c->next;
        c->generation++;
    }
    wipe_bytes(&c->next, sizeof c->next);
    wipe_bytes(c->request, sizeof c->request);
    wipe_bytes(c->reply, sizeof c->reply);
    return rc;
}

int credentials_ready(credentials *c, int64_t now_ms, int64_t deadline_ns, char *why,
                      size_t why_bytes)
{
    int usable = c->generation > 0 && now_ms < c->set.expires_ms;

    if (!c->from_endpoint)
        return 0;
    if (usable && (c->set.expires_ms - now_ms > CREDENTIALS_REFRESH_MS || now_ms < c->ask_ms))
        return 0;
    c->ask_ms = now_ms + ASK_AGAIN_MS;
    return request_credentials(c, deadline_ns, why, why_bytes) == 0 || usable ? 0 : -1;
}

int credentials_reject(credentials *c)
{
    c->set.expires_ms = c->from_endpoint ? 0 : c->set.expires_ms;
    return c->from_endpoint;
}

void credentials_close(credentials *c)
{
    http_client_close(&c->client);
    wipe_bytes(c, sizeof *c);
    net_init(&c->client.stream);
}
