/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for the function in images that test check_image. It answers one event of the Runtime
 * API as the function would, or misbehaves in the way that the environment variable DISTIL_BREAK
 * names. Its HTTP is only sufficient for the server in runtime_api.py, which always sends
 * Content-Length and small messages.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static char message[65536];

/* check_image finds this name in a program that is linked with OpenSSL. A program that is compiled
 * with -DNO_TLS does not have it. */
#ifndef NO_TLS
__attribute__((used)) static const char tls_mark[] = "OPENSSL_init_ssl";
#endif

static int breaks(const char *how)
{
    const char *named = getenv("DISTIL_BREAK");
    return named != NULL && strcmp(named, how) == 0;
}

static void die(const char *why)
{
    fprintf(stderr, "stand_in: %s\n", why);
    exit(3);
}

/* Connect to AWS_LAMBDA_RUNTIME_API, an IPv4 address and a port; exit if that fails. */
static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API"), *colon = api ? strchr(api, ':') : NULL;
    char host[64] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (colon == NULL || (size_t)(colon - api) >= sizeof host)
        die("no AWS_LAMBDA_RUNTIME_API");
    memcpy(host, api, (size_t)(colon - api));
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("no Runtime API there");
    return fd;
}

/* Send a request and read the whole response into message; exit if the connection closes. */
static void exchange(int fd, const char *method, const char *path, const char *body)
{
    size_t have = 0;
    const char *head_end, *length;

    dprintf(fd, "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: api\r\nContent-Length: %zu\r\n\r\n%s",
            method, path, strlen(body), body);
    for (;;) {
        ssize_t got = read(fd, message + have, sizeof message - 1 - have);
        if (got <= 0)
            die("the Runtime API closed the connection");
        have += (size_t)got;
        message[have] = '\0';
        head_end = strstr(message, "\r\n\r\n");
        length = strstr(message, "Content-Length: ");
        if (head_end != NULL && length != NULL &&
            have >= (size_t)(head_end + 4 - message) + strtoul(length + 16, NULL, 10))
            return;
    }
}

/* Allocate this many bytes and touch them all, so that they are resident. */
static void eat(size_t bytes)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("no memory");
    memset(memory, 1, bytes);
}

int main(void)
{
    const char *answer = "{\"statusCode\":200,\"body\":{\"source_id\":\"gate-1\","
                         "\"sentiment\":\"positive\",\"score\":0.9,\"updated\":false}}";
    char path[256], *id;
    int fd;

    if (breaks("exits"))
        die("as told");
    if (breaks("needs-root") && getuid() != 0)
        die("not root");
    if (breaks("needs-known-user") && getuid() == 65534)
        die("unknown user");
    if (breaks("writes") && open("/app/cache", O_CREAT | O_WRONLY, 0600) < 0)
        die("cannot write /app/cache");
    if (breaks("eats-128-mb"))
        eat((size_t)160 << 20);
    if (breaks("eats-32-mb"))
        eat((size_t)32 << 20);
    fd = dial();
    if (breaks("fails-to-start")) {
        exchange(fd, "POST", "init/error", "{\"errorMessage\":\"as told\"}");
        return 1;
    }
    exchange(fd, "GET", "invocation/next", "");
    id = strstr(message, "Lambda-Runtime-Aws-Request-Id: ");
    if (id == NULL)
        die("an event without id");
    id += strlen("Lambda-Runtime-Aws-Request-Id: ");
    id[strcspn(id, "\r\n")] = '\0';
    if (breaks("hangs"))
        pause();
    if (breaks("answers-500"))
        answer = "{\"statusCode\":500,\"body\":{}}";
    if (breaks("answers-another"))
        answer =
            "{\"statusCode\":200,\"body\":{\"source_id\":\"other\",\"sentiment\":\"positive\"}}";
    if (breaks("answers-text"))
        answer = "positive";
    snprintf(path, sizeof path, "invocation/%s/response", id);
    exchange(fd, "POST", path, answer);
    if (breaks("leaves"))
        return 0;
    exchange(fd, "GET", "invocation/next", "");
    return 0;
}
