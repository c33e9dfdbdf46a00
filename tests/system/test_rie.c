/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function under Amazon's own Runtime Interface Emulator: framing, sizes, errors and restarts
 * with a Runtime API that is not part of this project. Skipped if $AWS_LAMBDA_RIE does not name the
 * emulator and PATH has no aws-lambda-rie.
 *
 * The emulator answers nearly everything with status 200, so the tests look at the body.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/net/http_client.h"
#include "lambda/rapi.h"
#include "tests/support/harness.h"

enum { START_MS = 10000, INVOKE_MS = 30000, MAX_PATH = 4096, CAPACITY = 8 << 20 };

static char emulator[MAX_PATH], program[MAX_PATH], blob[MAX_PATH + 16];
static char memory[CAPACITY], request[CAPACITY];

/* ---- the emulator ---------------------------------------------------------------------------- */

typedef struct rie {
    pid_t pid;
    net_endpoint front;
    char log[64];
} rie;

static int find_emulator(void)
{
    const char *chosen = getenv("AWS_LAMBDA_RIE"), *path = getenv("PATH");

    if (chosen != NULL && *chosen != '\0') {
        snprintf(emulator, sizeof emulator, "%s", chosen);
        return access(emulator, X_OK) == 0;
    }
    while (path != NULL && *path != '\0') {
        size_t size = strcspn(path, ":");

        snprintf(emulator, sizeof emulator, "%.*s/aws-lambda-rie", (int)size, path);
        if (access(emulator, X_OK) == 0)
            return 1;
        path += size + (path[size] == ':');
    }
    return 0;
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        abort();
    close(fd);
    return ntohs(at.sin_port);
}

static int answers(const net_endpoint *to)
{
    net_stream s;
    net_status status;

    net_init(&s);
    status = net_connect(&s, to, clock_after_ms(1000));
    net_close(&s);
    return status == NET_OK;
}

/* The emulator gets a process group of its own, so that whatever it has started ends with it. */
static void exec_emulator(const rie *e, uint16_t api, const char *model)
{
    char front_address[32], api_address[32];
    int log = open(e->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    snprintf(front_address, sizeof front_address, "127.0.0.1:%u", e->front.port);
    snprintf(api_address, sizeof api_address, "127.0.0.1:%u", api);
    setpgid(0, 0);
    setenv("DISTIL_MODEL", model, 1);
    setenv("DISTIL_STORE", "none", 1);
    setenv("AWS_LAMBDA_FUNCTION_TIMEOUT", "20", 1);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execl(emulator, "aws-lambda-rie", "--runtime-interface-emulator-address", front_address,
          "--runtime-api-address", api_address, program, "app.handler", (char *)NULL);
    _exit(127);
}

static int start(rie *e, const char *model)
{
    int64_t until = clock_after_ms(START_MS);
    uint16_t api = free_port();

    memset(e, 0, sizeof *e);
    strcpy(e->front.host, "127.0.0.1");
    e->front.port = free_port();
    snprintf(e->log, sizeof e->log, "/tmp/distil_rie_%d", (int)getpid());
    e->pid = fork();
    if (e->pid == 0)
        exec_emulator(e, api, model);
    while (e->pid > 0 && clock_now_ns() < until) {
        if (answers(&e->front))
            return 0;
        clock_sleep_until(clock_after_ms(10));
    }
    harness_fail(__FILE__, __LINE__, "%s does not start; see %s", emulator, e->log);
    return -1;
}

static void stop(rie *e)
{
    kill(-e->pid, SIGKILL);
    waitpid(e->pid, NULL, 0);
    unlink(e->log);
}

/* Invoke the function with an event. Returns the body of the answer, which ends with a NUL and is
 * valid until the next call. */
static const char *invoke(const rie *e, const char *event, size_t size)
{
    http_client_status status;
    http_response response;
    http_client client;
    size_t head = (size_t)sprintf(request,
                                  "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\n"
                                  "Host: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n",
                                  size);

    memcpy(request + head, event, size);
    http_client_init(&client, &e->front, memory, sizeof memory - 1, 1000);
    status = http_client_exchange(&client, &response, request, head + size, HTTP_RESEND_NEVER,
                                  clock_after_ms(INVOKE_MS));
    http_client_close(&client);
    CHECKF(status == HTTP_CLIENT_OK, "the emulator: %d %s", status, response.why);
    if (status != HTTP_CLIENT_OK)
        return "";
    memory[response.body.at - memory + (ptrdiff_t)response.body.size] = '\0';
    return response.body.at;
}

static const char *invoke_text(const rie *e, const char *event)
{
    return invoke(e, event, strlen(event));
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void test_event(const rie *e, const char *event, const char *expected)
{
    const char *answer;

    if (!harness_case("event '%.40s'", event))
        return;
    answer = invoke_text(e, event);
    CHECKF(strstr(answer, expected) != NULL, "%.300s", answer);
}

/* Sends a direct event of exactly `size` bytes. The emulator sends events of more than 2048 bytes
 * in chunks. */
static void test_size(const rie *e, size_t size)
{
    static const char begin[] = "{\"text\":\"A gorgeous, witty, seductive movie.", end[] = "\"}";
    const char *answer;
    char *event;

    if (!harness_case("an event of %zu bytes", size))
        return;
    event = malloc(size);
    memset(event, ' ', size);
    memcpy(event, begin, sizeof begin - 1);
    memcpy(event + size - 2, end, 2);
    answer = invoke(e, event, size);
    CHECKF(strstr(answer, "positive") != NULL, "%.300s", answer);
    free(event);
}

static void test_serving(void)
{
    static const size_t sizes[] = {64, 2048, 2049, 65536, RAPI_MAX_EVENT_BYTES};
    rie e;

    if (start(&e, blob) != 0)
        return;
    test_event(&e, "{\"text\":\"A gorgeous, witty, seductive movie.\"}", "positive");
    test_event(&e, "", "\"errorType\":\"Function.BadEvent\"");
    test_event(&e, "{\"text\":\"A dull, lifeless, boring film.\"}", "negative");
    test_event(&e, "{}", "\"errorType\":\"Function.BadEvent\"");
    test_event(&e, "no JSON", "\"errorType\":\"Function.BadEvent\"");
    test_event(&e, "{\"warmup\":true}", "warmed");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        test_size(&e, sizes[i]);
    stop(&e);
}

/* The function starts anew with each invocation and reports an error each time. */
static void test_init_error(void)
{
    rie e;

    if (!harness_case("an init error is reported, and again"))
        return;
    if (start(&e, "/nonexistent/model.distil") != 0)
        return;
    for (int i = 0; i < 2; i++) {
        const char *answer = invoke_text(&e, "{\"text\":\"x\"}");

        CHECKF(strstr(answer, "\"errorType\":\"Runtime.ModelLoad\"") != NULL &&
                   strstr(answer, "/nonexistent/model.distil") != NULL,
               "%.300s", answer);
    }
    stop(&e);
}

int main(int argc, char **argv)
{
    const char *build = getenv("DISTIL_BUILD") != NULL ? getenv("DISTIL_BUILD") : "build";

    harness_init("test_rie", argc, argv);
    snprintf(program, sizeof program, "%s/bootstrap", build);
    if (!find_emulator()) {
        if (harness_case("Amazon's emulator"))
            harness_skip("no emulator aws-lambda-rie");
        return harness_finish();
    }
    if (realpath(build, blob) == NULL || access(program, X_OK) != 0) {
        printf("%s: %s\n", program, strerror(errno));
        return 1;
    }
    strcat(blob, "/sst2.distil");
    test_serving();
    test_init_error();
    return harness_finish();
}
