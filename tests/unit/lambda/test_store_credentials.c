/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the store gets its credentials from, and what keeps it from starting.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lambda/aws/credentials.h"
#include "lambda/logged_store.h"
#include "lambda/net/tls.h"
#include "tests/support/harness.h"
#include "tests/support/support_store.h"

static scene f; /* The scene is too large for the stack, so it is static; each case clears it. */

/* ---- credentials ----------------------------------------------------------------------------- */

#define CREDENTIALS(id, end)                                                                       \
    "{\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"secret-of-" id                              \
    "\",\"Token\":\"token-of-" id "\",\"Expiration\":\"" end "\"}"

/* A second server, in the place of the container's endpoint. */
typedef struct endpoint {
    play play;
    fault_server *server;
} endpoint;

static void begin_endpoint(endpoint *e)
{
    char uri[128];

    scene_unset_keys();
    e->server = fault_start(e->play.steps, e->play.count);
    snprintf(uri, sizeof uri, "http://127.0.0.1:%u/v1/credentials?x=y",
             (unsigned)fault_port(e->server));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, 1);
}

static void finish_endpoint(endpoint *e, size_t requests)
{
    CHECK(fault_finish(e->server) == 1);
    CHECKF(fault_request_count(e->server) == requests, "%zu requests of the endpoint",
           fault_request_count(e->server));
    fault_free(e->server);
    play_free(&e->play);
}

static void add_credentials(endpoint *e, const char *document)
{
    play_step(&e->play, FAULT_ACCEPT);
    play_answer(&e->play, 200, "Content-Type: application/json\r\n", document);
}

static void test_endpoint(void)
{
    static endpoint e;
    const char *request;

    if (!scene_start(&f, "credentials of an endpoint, renewed before they end"))
        return;
    memset(&e, 0, sizeof e);
    add_credentials(&e, CREDENTIALS("A", "2026-01-15T13:34:56Z"));
    add_credentials(&e, CREDENTIALS("B", "2026-01-15T18:34:56Z"));
    begin_endpoint(&e);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer xyz", 1);
    for (int i = 0; i < 4; i++)
        play_success(&f.play);
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    f.unix_ms = NOON + 3600000 - 301000;
    scene_check_update(&f, STORE_UPDATED);
    f.unix_ms = NOON + 3600000 - 300000;
    scene_check_update(&f, STORE_UPDATED);
    scene_check_update(&f, STORE_UPDATED);
    scene_end(&f, 4);
    scene_check_signature(&f, 0, "A", "secret-of-A");
    scene_check_signature(&f, 1, "A", "secret-of-A");
    scene_check_signature(&f, 2, "B", "secret-of-B");
    scene_check_signature(&f, 3, "B", "secret-of-B");
    scene_check_header(&f, 3, "X-Amz-Security-Token", "token-of-B");
    scene_free(&f);
    CHECK(fault_finish(e.server) == 1);
    request = fault_request(e.server, 0, NULL);
    CHECK(strncmp(request, "GET /v1/credentials?x=y HTTP/1.1\r\n", 34) == 0);
    CHECK(strstr(request, "\r\nAuthorization: Bearer xyz\r\n") != NULL);
    CHECK(strstr(request, "\r\nHost: 127.0.0.1:") != NULL);
    CHECK(fault_request_count(e.server) == 2);
    fault_free(e.server);
    play_free(&e.play);
}

/* The file is read again each time, and it has precedence over the variable. */
/* The longest possible token is sent and signed, and a longer one is refused at the start. */
static void test_long_token(void)
{
    static char token[CREDENTIALS_TOKEN_BYTES + 1];
    char why[256] = "";

    if (!scene_start(&f, "a session token of 16 KiB"))
        return;
    memset(token, 't', CREDENTIALS_TOKEN_BYTES - 1);
    setenv("AWS_SESSION_TOKEN", token, 1);
    play_success(&f.play);
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    scene_end(&f, 1);
    scene_check_header(&f, 0, "X-Amz-Security-Token", token);
    scene_check_signature(&f, 0, "AKIDEXAMPLE", SECRET);
    memset(token, 't', CREDENTIALS_TOKEN_BYTES);
    setenv("AWS_SESSION_TOKEN", token, 1);
    config_read_credentials(&f.config.credentials);
    CHECK(logged_store_init(f.memory, &f.config, why, sizeof why) == NULL);
    CHECKF(strstr(why, "AWS_SESSION_TOKEN: too long") != NULL, "%s", why);
    scene_free(&f);
}

/* The content of the file becomes a header, so a byte that would end the header or cut the text is
 * refused. */
static void test_bad_token_file(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } tokens[] = {{"a\0b", 3}, {"a\r\nX-Forged: 1", 14}, {"a\tb", 3}, {"\x7f", 1}};
    char path[] = "/tmp/distil-test-XXXXXX";
    int fd = mkstemp(path);
    static endpoint e;

    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        char name[64];

        snprintf(name, sizeof name, "an authorization token that is no header value: %zu", i);
        if (!scene_start(&f, name))
            continue;
        memset(&e, 0, sizeof e);
        /* Nobody connects. */
        play_step(&e.play, FAULT_PAUSE);
        begin_endpoint(&e);
        setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
        CHECK(ftruncate(fd, 0) == 0);
        CHECK(pwrite(fd, tokens[i].bytes, tokens[i].size, 0) == (ssize_t)tokens[i].size);
        f.play.count = 0;
        play_step(&f.play, FAULT_PAUSE);
        scene_begin(&f);
        scene_check_update(&f, STORE_UNAVAILABLE);
        scene_check_why(&f, "no credentials");
        scene_check_why(&f, i == 0 ? "TOKEN_FILE" : "no header value");
        scene_end(&f, 0);
        scene_free(&f);
        (void)fault_finish(e.server);
        CHECK(fault_request_count(e.server) == 0);
        fault_free(e.server);
        play_free(&e.play);
    }
    close(fd);
    unlink(path);
}

static void test_token_file(void)
{
    static const char *const tokens[] = {"first\n", "second"};
    char path[] = "/tmp/distil-test-XXXXXX";
    int fd = mkstemp(path);
    static endpoint e;

    if (!scene_start(&f, "the authorization token of a file")) {
        close(fd);
        unlink(path);
        return;
    }
    memset(&e, 0, sizeof e);
    /* The first credentials have expired already. */
    add_credentials(&e, CREDENTIALS("A", "2026-01-15T12:34:56Z"));
    add_credentials(&e, CREDENTIALS("B", "2026-01-16T12:34:56Z"));
    begin_endpoint(&e);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "other", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    play_success(&f.play);
    play_success(&f.play);
    scene_begin(&f);
    for (size_t i = 0; i < 2; i++) {
        CHECK(ftruncate(fd, 0) == 0);
        CHECK(pwrite(fd, tokens[i], strlen(tokens[i]), 0) == (ssize_t)strlen(tokens[i]));
        scene_check_update(&f, STORE_UPDATED);
    }
    scene_end(&f, 2);
    scene_free(&f);
    CHECK(fault_finish(e.server) == 1 && fault_request_count(e.server) == 2);
    CHECK(strstr(fault_request(e.server, 0, NULL), "\r\nAuthorization: first\r\n") != NULL);
    CHECK(strstr(fault_request(e.server, 1, NULL), "\r\nAuthorization: second\r\n") != NULL);
    fault_free(e.server);
    play_free(&e.play);
    close(fd);
    unlink(path);
}

/* While the old credentials are valid, the endpoint is not asked at each update, and it may
 * fail. */
static void test_endpoint_fails(void)
{
    static endpoint e;

    if (!scene_start(&f, "an endpoint that fails while its credentials serve"))
        return;
    memset(&e, 0, sizeof e);
    add_credentials(&e, CREDENTIALS("A", "2026-01-15T12:36:56Z"));
    play_step(&e.play, FAULT_ACCEPT);
    play_answer(&e.play, 500, "", "no");
    add_credentials(&e, CREDENTIALS("B", "2026-01-15T18:36:56Z"));
    begin_endpoint(&e);
    for (int i = 0; i < 6; i++)
        play_success(&f.play);
    scene_begin(&f);
    for (int i = 0; i < 6; i++) {
        scene_check_update(&f, STORE_UPDATED);
        /* The endpoint is asked at most every 10 s. */
        f.unix_ms += 6000;
    }
    scene_check_no_pause(&f);
    scene_end(&f, 6);
    for (size_t i = 0; i < 4; i++)
        scene_check_signature(&f, i, "A", "secret-of-A");
    scene_check_signature(&f, 4, "B", "secret-of-B");
    scene_check_signature(&f, 5, "B", "secret-of-B");
    scene_free(&f);
    finish_endpoint(&e, 3);
}

static void test_endpoint_down(void)
{
    double pauses[] = {12.5, 25, 50};
    static endpoint e;

    if (!scene_start(&f, "an endpoint that gives nothing"))
        return;
    memset(&e, 0, sizeof e);
    for (int i = 0; i < 3; i++) {
        play_step(&e.play, FAULT_ACCEPT);
        play_answer(&e.play, 403, "", "{\"message\":\"PRIVATE\"}");
    }
    add_credentials(&e, "{\"AccessKeyId\":\"A\"}");
    begin_endpoint(&e);
    f.play.count = 0;
    play_step(&f.play, FAULT_PAUSE);
    scene_begin(&f);
    scene_check_update(&f, STORE_UNAVAILABLE);
    scene_check_why(&f, "no SecretAccessKey");
    CHECK(strstr(scene_log(&f), "credentials endpoint: status 403") != NULL);
    CHECK(strstr(scene_log(&f), "PRIVATE") == NULL);
    scene_check_pauses(&f, 3, pauses);
    scene_end(&f, 0);
    scene_free(&f);
    finish_endpoint(&e, 4);
}

/* The service says that the credentials have expired, so the store asks for new ones, once. */
static void test_endpoint_rejected(void)
{
    static endpoint e;

    if (!scene_start(&f, "credentials that the service rejects are renewed once"))
        return;
    memset(&e, 0, sizeof e);
    add_credentials(&e, CREDENTIALS("A", "2026-01-15T18:34:56Z"));
    add_credentials(&e, CREDENTIALS("B", "2026-01-15T18:34:56Z"));
    add_credentials(&e, CREDENTIALS("C", "2026-01-15T18:34:56Z"));
    begin_endpoint(&e);
    play_answer(&f.play, 400, JSON_TYPE, ERROR_OF("ExpiredTokenException", "m"));
    play_success(&f.play);
    play_answer(&f.play, 403, JSON_TYPE, ERROR_OF("ExpiredTokenException", "m"));
    play_answer(&f.play, 400, JSON_TYPE, ERROR_OF("UnrecognizedClientException", "m"));
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    scene_check_update(&f, STORE_CREDENTIALS);
    scene_check_no_pause(&f);
    scene_end(&f, 4);
    scene_check_signature(&f, 0, "A", "secret-of-A");
    scene_check_signature(&f, 1, "B", "secret-of-B");
    scene_check_signature(&f, 2, "B", "secret-of-B");
    scene_check_signature(&f, 3, "C", "secret-of-C");
    scene_free(&f);
    finish_endpoint(&e, 3);
}

/* ---- setting up ------------------------------------------------------------------------------ */

typedef struct init_case {
    const char *name;
    const char *variables[4][2];
    const char *host;
    int port, tls, allow_http;
    const char *region;
    const char *why; /* A part of the message, or NULL if the store starts. */
} init_case;

#define KEYS                                                                                       \
    {"AWS_ACCESS_KEY_ID", "A"},                                                                    \
    {                                                                                              \
        "AWS_SECRET_ACCESS_KEY", "s"                                                               \
    }
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"

static const init_case inits[] = {
    {"loopback", {KEYS}, "127.0.0.1", 8000, 0, 0, "r", NULL},
    {"localhost", {KEYS}, "localhost", 80, 0, 0, "r", NULL},
    {"IPv6 loopback", {KEYS}, "::1", 80, 0, 0, "r", NULL},
    {"plain elsewhere", {KEYS}, "10.0.0.1", 80, 0, 0, "r", "DISTIL_ALLOW_HTTP"},
    {"plain elsewhere by name", {KEYS}, "dynamodb.x", 80, 0, 0, "r", "in clear"},
    {"plain elsewhere, allowed", {KEYS}, "10.0.0.1", 80, 0, 1, "r", NULL},
    {"no region", {KEYS}, "127.0.0.1", 80, 0, 0, NULL, "AWS_REGION"},
    {"an empty region", {KEYS}, "127.0.0.1", 80, 0, 0, "", "AWS_REGION"},
    {"no credentials", {{NULL}}, "127.0.0.1", 80, 0, 0, "r", "no credentials"},
    {"empty credentials",
     {{"AWS_ACCESS_KEY_ID", ""}, {"AWS_SECRET_ACCESS_KEY", ""}, {FULL, ""}, {RELATIVE, ""}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "no credentials"},
    {"no secret",
     {{"AWS_ACCESS_KEY_ID", "A"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "AWS_SECRET_ACCESS_KEY is not"},
    {"no key id",
     {{"AWS_SECRET_ACCESS_KEY", "s"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "AWS_ACCESS_KEY_ID is not"},
    {"a forged token",
     {KEYS, {"AWS_SESSION_TOKEN", "a\r\nX: y"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "AWS_SESSION_TOKEN"},
    {"a forged key id",
     {{"AWS_ACCESS_KEY_ID", "A B"}, {"AWS_SECRET_ACCESS_KEY", "s"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "AWS_ACCESS_KEY_ID"},
    {"relative endpoint", {{RELATIVE, "/v2/x"}}, "127.0.0.1", 80, 0, 0, "r", NULL},
    {"relative endpoint without a slash",
     {{RELATIVE, "v2/x"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "RELATIVE_URI"},
    {"relative endpoint with a line",
     {{RELATIVE, "/v2\r\nX:y"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "RELATIVE_URI"},
    {"endpoint of ECS", {{FULL, "http://169.254.170.2/x"}}, "127.0.0.1", 80, 0, 0, "r", NULL},
    {"endpoint of EKS", {{FULL, "http://169.254.170.23/x"}}, "127.0.0.1", 80, 0, 0, "r", NULL},
    {"endpoint of EKS, IPv6",
     {{FULL, "http://[fd00:ec2::23]/x"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     NULL},
    {"endpoint on this machine",
     {{FULL, "http://localhost:9001"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     NULL},
    {"endpoint elsewhere", {{FULL, "http://10.0.0.1/x"}}, "127.0.0.1", 80, 0, 1, "r", "plain HTTP"},
    {"endpoint of metadata",
     {{FULL, "http://169.254.169.254/x"}},
     "127.0.0.1",
     80,
     0,
     1,
     "r",
     "plain HTTP"},
    {"endpoint of nothing", {{FULL, "localhost"}}, "127.0.0.1", 80, 0, 0, "r", "FULL_URI"},
};

static void test_init(void)
{
    void *memory = aligned_alloc(64, (store_bytes() + 63) / 64 * 64);

    if (memory == NULL)
        abort();
    for (size_t i = 0; i < sizeof inits / sizeof *inits; i++) {
        const init_case *c = &inits[i];
        config configuration = {.table = "t", .region = c->region, .allow_http = c->allow_http};
        char why[256] = "";
        store *s;

        if (!harness_case("start: %s", c->name))
            continue;
        scene_unset_keys();
        for (size_t v = 0; v < 4 && c->variables[v][0] != NULL; v++)
            setenv(c->variables[v][0], c->variables[v][1], 1);
        snprintf(configuration.store.host, sizeof configuration.store.host, "%s", c->host);
        configuration.store.port = (uint16_t)c->port;
        configuration.store.tls = c->tls;
        config_read_credentials(&configuration.credentials);
        s = logged_store_init(memory, &configuration, why, sizeof why);
        CHECKF((s != NULL) == (c->why == NULL), "%s", why);
        CHECKF(c->why == NULL || strstr(why, c->why) != NULL, "%s", why);
        if (s != NULL)
            store_close(s);
    }
    free(memory);
}

static void test_init_tls(void)
{
    config configuration = {.table = "t", .region = "r", .store = {.host = "h", .port = 443}};
    void *memory = aligned_alloc(64, (store_bytes() + 63) / 64 * 64);
    char why[256] = "";

    if (memory == NULL)
        abort();
    scene_set_keys();
    configuration.store.tls = 1;
    if (harness_case("start: https")) {
        store *s;

        config_read_credentials(&configuration.credentials);
        s = logged_store_init(memory, &configuration, why, sizeof why);

        CHECKF((s != NULL) == tls_available(), "%s", why);
        CHECK(s != NULL || strstr(why, "TLS=openssl") != NULL);
        if (s != NULL)
            store_close(s);
    }
    scene_unset_keys();
    setenv(FULL, "https://h/x", 1);
    configuration.store = (net_endpoint){.host = "127.0.0.1", .port = 80};
    if (harness_case("start: https endpoint for credentials")) {
        store *s;

        config_read_credentials(&configuration.credentials);
        s = logged_store_init(memory, &configuration, why, sizeof why);

        CHECKF((s != NULL) == tls_available(), "%s", why);
        if (s != NULL)
            store_close(s);
        CHECK(credentials_want_tls(&configuration.credentials) == 1);
        setenv(FULL, "http://localhost/x", 1);
        config_read_credentials(&configuration.credentials);
        CHECK(credentials_want_tls(&configuration.credentials) == 0);
        scene_set_keys();
        setenv(FULL, "https://h/x", 1);
        /* Keys in the environment come first. The credentials endpoint is then not asked, so its
         * https URL needs no TLS. */
        config_read_credentials(&configuration.credentials);
        CHECK(credentials_want_tls(&configuration.credentials) == 0);
    }
    free(memory);
}

int main(int argc, char **argv)
{
    harness_init("test_store_credentials", argc, argv);
    test_endpoint();
    test_long_token();
    test_token_file();
    test_bad_token_file();
    test_endpoint_fails();
    test_endpoint_down();
    test_endpoint_rejected();
    test_init();
    test_init_tls();
    return harness_finish();
}
