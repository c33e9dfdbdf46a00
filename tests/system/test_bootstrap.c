/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function's program as Lambda starts it, against a scripted Runtime API: what it prints and
 * posts when it cannot start, how it serves, how it ends, and what kind of file it is.
 *
 * The program is $DISTIL_BOOTSTRAP, or bootstrap in the build directory.
 */
#define _GNU_SOURCE /* This declares pipe2. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/net/http.h"
#include "runtime/base/hex.h"
#include "runtime/base/json.h"
#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_blob.h"
#include "tests/support/support_fault_server.h"

/* Limits for the program without a model in it. */
enum { MAX_BYTES = 1000000, MAX_BYTES_TLS = 8000000 };

enum { MAX_ENVIRONMENT = 16, OUTPUT_BYTES = 65536, END_MS = 20000, MAX_PATH = 4096 };

#define ID "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
#define ACCEPTED "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"
#define TEXT "{\"text\":\"A gorgeous, witty, seductive movie.\"}"
#define EVENT_OF(id)                                                                               \
    "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: " id "\r\n"                                 \
    "Lambda-Runtime-Deadline-Ms: 4102444800000\r\nContent-Length: 46\r\n\r\n" TEXT
#define EVENT EVENT_OF(ID)
_Static_assert(sizeof TEXT - 1 == 46, "the events' Content-Length");

static char program[MAX_PATH], blob[MAX_PATH + 16];

/* ---- one run --------------------------------------------------------------------------------- */

/* The program, while it runs or after its end, with what it has written. */
typedef struct run {
    char environment[MAX_ENVIRONMENT][MAX_PATH + 64];
    size_t variables;
    pid_t pid;
    int out, err; /* The ends of pipes that the test reads from. */
    char output[OUTPUT_BYTES], errors[OUTPUT_BYTES];
    int status; /* The exit status, or 256 plus the number of the signal. */
} run;

static void set(run *r, const char *name, const char *value)
{
    snprintf(r->environment[r->variables++], sizeof r->environment[0], "%s=%s", name, value);
}

static void set_api(run *r, uint16_t port)
{
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    set(r, "AWS_LAMBDA_RUNTIME_API", address);
}

static void begin(run *r)
{
    memset(r, 0, sizeof *r);
    r->out = r->err = -1;
    if (getenv("ASAN_OPTIONS") != NULL)
        set(r, "ASAN_OPTIONS", getenv("ASAN_OPTIONS"));
    if (getenv("UBSAN_OPTIONS") != NULL)
        set(r, "UBSAN_OPTIONS", getenv("UBSAN_OPTIONS"));
}

/* Returns 1 if the test says itself whether there is a store. */
static int names_store(const run *r)
{
    for (size_t i = 0; i < r->variables; i++)
        if (strstr(r->environment[i], "_TABLE=") != NULL ||
            strncmp(r->environment[i], "DISTIL_STORE=", 13) == 0)
            return 1;
    return 0;
}

/* Start the program with only the variables that the test has set, with one argument or none
 * (NULL), and with a limit of open files unless that is NULL. A test without a table asks for
 * none. */
static void start_with(run *r, const char *argument, const struct rlimit *files)
{
    char *arguments[] = {program, (char *)(uintptr_t)argument, NULL};
    char *environment[MAX_ENVIRONMENT + 1] = {NULL};
    int out[2], err[2];

    if (!names_store(r))
        set(r, "DISTIL_STORE", "none");
    for (size_t i = 0; i < r->variables; i++)
        environment[i] = r->environment[i];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        abort();
    r->pid = fork();
    if (r->pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        if (files != NULL && setrlimit(RLIMIT_NOFILE, files) != 0)
            _exit(126);
        execve(program, arguments, environment);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    r->out = out[0];
    r->err = err[0];
}

static void start(run *r, const char *argument)
{
    start_with(r, argument, NULL);
}

static void read_some(int *fd, char *to)
{
    size_t size = strlen(to);
    ssize_t n = read(*fd, to + size, OUTPUT_BYTES - 1 - size);

    if (n > 0) {
        to[size + (size_t)n] = '\0';
        return;
    }
    close(*fd);
    *fd = -1;
}

/* Read what the program writes until it ends. If it does not end, it is killed. */
static void end(run *r)
{
    int64_t until = clock_after_ms(END_MS);
    int status;

    while ((r->out >= 0 || r->err >= 0) && clock_now_ns() < until) {
        struct pollfd p[2] = {{r->out, POLLIN, 0}, {r->err, POLLIN, 0}};

        if (poll(p, 2, 100) <= 0)
            continue;
        if (p[0].revents != 0)
            read_some(&r->out, r->output);
        if (p[1].revents != 0)
            read_some(&r->err, r->errors);
    }
    if (clock_now_ns() >= until) {
        harness_fail(__FILE__, __LINE__, "the program does not end");
        kill(r->pid, SIGKILL);
    }
    waitpid(r->pid, &status, 0);
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
    if (r->out >= 0)
        close(r->out);
    if (r->err >= 0)
        close(r->err);
}

/* Returns 1 if the object has the member, and its value is a string or number with this text. NULL
 * stands for any value. */
static int has_member(json_value object, const char *name, const char *value)
{
    json_value member;

    if (!json_get(object, name, &member))
        return 0;
    return value == NULL || json_string_is(member, value) ||
           (member.bytes == strlen(value) && memcmp(member.text, value, member.bytes) == 0);
}

/* The number of lines of the output that have such a member. Every line must be a JSON object. */
static size_t lines_with(const run *r, const char *name, const char *value)
{
    size_t found = 0;

    for (const char *line = r->output; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        json_value root;

        if (json_parse(&root, line, size, NULL) == 0 && root.type == JSON_OBJECT &&
            line[size] == '\n')
            found += (size_t)has_member(root, name, value);
        else
            harness_fail(__FILE__, __LINE__, "no JSON line: %.*s", (int)size, line);
        line += size + (line[size] == '\n');
    }
    return found;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void test_arguments(void)
{
    static const struct {
        const char *argument, *output, *errors;
        int status;
    } cases[] = {
        {"--version", "bootstrap 0.", "", 0},
        {"--help", "usage: bootstrap", "", 0},
        {"-h", "usage: bootstrap", "", 0},
        {"--nonsense", "", "unknown option --nonsense", 2},
        {NULL, "", "AWS_LAMBDA_RUNTIME_API is not set", 2},
        {"app.handler", "", "AWS_LAMBDA_RUNTIME_API is not set", 2},
    };
    run r;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!harness_case("argument %s", cases[i].argument != NULL ? cases[i].argument : "none"))
            continue;
        begin(&r);
        set(&r, "AWS_LAMBDA_RUNTIME_API", ""); /* An empty variable counts as absent. */
        start(&r, cases[i].argument);
        end(&r);
        CHECKF(r.status == cases[i].status, "exit status %d", r.status);
        CHECKF(strstr(r.output, cases[i].output) != NULL &&
                   (*cases[i].output != '\0' || r.output[0] == '\0'),
               "output: %s", r.output);
        CHECKF(strstr(r.errors, cases[i].errors) != NULL &&
                   (*cases[i].errors != '\0' || r.errors[0] == '\0'),
               "errors: %s", r.errors);
    }
}

static int version_says(const char *text)
{
    run r;

    begin(&r);
    start(&r, "--version");
    end(&r);
    return strstr(r.output, text) != NULL;
}

static int has_embedded_model(void)
{
    return !version_says("embedded model: none");
}

/* Whether the build found a static C library. The file boot_options beside the blob says so. */
static int has_static_library(void)
{
    char path[sizeof blob];
    char *options;
    int found;

    snprintf(path, sizeof path, "%.*s/boot_options", (int)(strrchr(blob, '/') - blob), blob);
    options = harness_read_file(path, NULL);
    found = options == NULL || strstr(options, "-static") != NULL;
    free(options);
    return found;
}

/* The program needs no loader, no page of it is both writable and executable, and it is small. */
static void test_file(void)
{
    Elf64_Phdr segments[32];
    Elf64_Ehdr head;
    struct stat status;
    int fd;

    if (!harness_case("a static program"))
        return;
    if (SANITIZED) {
        harness_skip("sanitizers need a dynamic program");
        return;
    }
    if (!has_static_library()) {
        harness_skip("the compiler of this build has no static C library");
        return;
    }
    fd = open(program, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &status) == 0);
    CHECK(pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head);
    CHECK(memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_machine == EM_X86_64);
    CHECK(head.e_phnum > 0 && head.e_phnum <= 32);
    CHECK(pread(fd, segments, head.e_phnum * sizeof *segments, (off_t)head.e_phoff) ==
          (ssize_t)(head.e_phnum * sizeof *segments));
    for (size_t i = 0; i < head.e_phnum; i++) {
        CHECK(segments[i].p_type != PT_INTERP && segments[i].p_type != PT_DYNAMIC);
        CHECK((segments[i].p_flags & (PF_W | PF_X)) != (PF_W | PF_X));
    }
    close(fd);
    if (!has_embedded_model())
        CHECKF(status.st_size <= (version_says("TLS: yes") ? MAX_BYTES_TLS : MAX_BYTES),
               "%ld bytes", (long)status.st_size);
}

/* ---- a start that fails ---------------------------------------------------------------------- */

typedef struct failure {
    const char *name;
    /* Names and values in turn; "@" is a path in the temporary directory. */
    const char *variables[6];
    const char *type, *message;
    int of_model;
} failure;

static char directory[] = "/tmp/distil_bootstrap_XXXXXX";

static const failure failures[] = {
    {"no model", {NULL}, "Runtime.ModelLoad", "DISTIL_MODEL is not set", 1},
    {"no such file",
     {"DISTIL_MODEL", "/nonexistent/a.distil"},
     "Runtime.ModelLoad",
     "DISTIL_MODEL is \"/nonexistent/a.distil\": the blob cannot be opened: No such file or "
     "directory: give",
     1},
    {"a file that is no blob", {"DISTIL_MODEL", "@text"}, "Runtime.ModelLoad", "@text", 1},
    {"a blob cut short", {"DISTIL_MODEL", "@cut"}, "Runtime.ModelLoad", "@cut", 1},
    {"a token classifier",
     {"DISTIL_MODEL", "@tagger"},
     "Runtime.ModelLoad",
     ": no sequence classifier",
     1},
    {"a damaged blob, verified",
     {"DISTIL_MODEL", "@damaged", "DISTIL_VERIFY", "crc"},
     "Runtime.ModelLoad",
     "@damaged",
     1},
    {"a damaged blob that claims the right hash",
     {"DISTIL_MODEL", "@damaged", "DISTIL_MODEL_SHA256", "@hash"},
     "Runtime.ModelLoad",
     "@damaged",
     1},
    {"another model than meant",
     {"DISTIL_MODEL", "@good", "DISTIL_MODEL_SHA256",
      "0000000000000000000000000000000000000000000000000000000000000000"},
     "Runtime.ModelLoad",
     "DISTIL_MODEL_SHA256",
     1},
    {"a relative path",
     {"DISTIL_MODEL", "model.distil"},
     "Runtime.ConfigInvalid",
     "DISTIL_MODEL",
     0},
    {"a bad number",
     {"DISTIL_MODEL", "@good", "DISTIL_MAX_CHARS", "many"},
     "Runtime.ConfigInvalid",
     "DISTIL_MAX_CHARS",
     0},
    {"a table without a region",
     {"DISTIL_MODEL", "@good", "DATABASE_TABLE", "t", "ENVIRONMENT", "x"},
     "Runtime.ConfigInvalid",
     "REGION",
     0},
    {"neither a table nor a word that there is none",
     {"DISTIL_MODEL", "@good", "DISTIL_STORE", ""},
     "Runtime.ConfigInvalid",
     "DYNAMODB_TABLE",
     0},
};

/* The hash that the good blob states, in hexadecimal digits. */
static char hash_of_blob[65];

static void read_hash_of_blob(void)
{
    distil_model_info info;
    distil_model *model;

    if (distil_model_open(&model, blob, NULL, NULL) != DISTIL_OK ||
        distil_model_get_info(model, &info) != DISTIL_OK)
        abort();
    hex_string(hash_of_blob, info.sha256, 32);
    distil_model_close(model);
}

static const char *expand(const char *value)
{
    static char text[MAX_PATH];

    if (value[0] != '@')
        return value;
    if (strcmp(value, "@good") == 0)
        return blob;
    if (strcmp(value, "@hash") == 0)
        return hash_of_blob;
    snprintf(text, sizeof text, "%s/%s", directory, value + 1);
    return text;
}

static void write_file(const char *name, const char *bytes, size_t size)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "w");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        abort();
}

/* Writes the blob of a model that labels tokens. */
static void write_token_classifier(void)
{
    support_blob source = support_blob_make(7, &support_blob_tiny);
    size_t size;
    uint8_t *image;

    support_blob_label_tokens(&source);
    image = support_blob_image(&size, &source.model);
    write_file("tagger", (const char *)image, size);
    free(image);
    support_blob_free(&source);
}

static void write_files(void)
{
    size_t size;
    char *bytes = harness_read_file(blob, &size);

    if (bytes == NULL || mkdtemp(directory) == NULL) {
        perror(blob);
        exit(1);
    }
    write_file("text", "no blob\n", 8);
    write_file("cut", bytes, size / 2);
    write_token_classifier();
    read_hash_of_blob();
    bytes[size / 2] ^= 1;
    write_file("damaged", bytes, size);
    free(bytes);
}

static void remove_files(void)
{
    static const char *const names[] = {"text", "cut", "tagger", "damaged"};
    char path[64];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
}

/* The post, with its header and its document, says the same as the log line. The exit status is
 * 1. */
static void check_failure(const failure *f, const run *r, const fault_server *server)
{
    char expected[160];
    const char *request = fault_request(server, 0, NULL), *body;
    json_value root, member = {.type = JSON_NULL};
    char message[512] = "";

    CHECKF(r->status == 1, "exit status %d", r->status);
    CHECK(strncmp(request, "POST /2018-06-01/runtime/init/error HTTP/1.1\r\n", 46) == 0);
    snprintf(expected, sizeof expected, "\r\nLambda-Runtime-Function-Error-Type: %s\r\n", f->type);
    CHECKF(strstr(request, expected) != NULL, "%s", request);
    body = strstr(request, "\r\n\r\n") + 4;
    CHECK(json_parse(&root, body, strlen(body), NULL) == 0);
    CHECK(json_get(root, "errorType", &member) && json_string_is(member, f->type));
    CHECK(json_get(root, "errorMessage", &member));
    message[json_string(member, message, sizeof message - 1)] = '\0';
    CHECKF(strstr(message, expand(f->message)) != NULL, "%s", message);
    CHECKF(lines_with(r, "level", "ERROR") == 1, "%s", r->output);
    CHECKF(lines_with(r, "why", message) == 1, "%s", r->output);
    CHECK(lines_with(r, "AnalysisErrors", "1") == 1);
    CHECK(lines_with(r, "ModelLoadErrors", NULL) == (f->of_model ? 1 : 0));
}

static void test_failure(const failure *f)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)}};
    fault_server *server;
    run r;

    if (!harness_case("cannot start: %s", f->name))
        return;
    server = fault_start(script, 3);
    begin(&r);
    set_api(&r, fault_port(server));
    for (size_t i = 0; i < 6 && f->variables[i] != NULL; i += 2)
        set(&r, f->variables[i], expand(f->variables[i + 1]));
    start(&r, NULL);
    end(&r);
    if (fault_finish(server) == 1 && fault_request_count(server) == 1)
        check_failure(f, &r, server);
    else
        harness_fail(__FILE__, __LINE__, "no init error was posted; output: %s", r.output);
    fault_free(server);
}

/* Without DISTIL_VERIFY the content is verified while the first event is handled: the event fails,
 * whoever sent it, and is not answered. */
static void test_damaged_late(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(EVENT)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n")}};
    fault_server *server;
    const char *post;
    run r;

    if (!harness_case("a damaged blob, verified by default"))
        return;
    server = fault_start(script, sizeof script / sizeof *script);
    begin(&r);
    set_api(&r, fault_port(server));
    set(&r, "DISTIL_MODEL", expand("@damaged"));
    start(&r, NULL);
    end(&r);
    CHECKF(r.status == 1, "exit status %d", r.status);
    CHECK(fault_finish(server) == 1 && fault_request_count(server) == 3);
    post = fault_request(server, 1, NULL);
    CHECKF(strstr(post, "/invocation/" ID "/error ") != NULL &&
               strstr(post, "\r\nLambda-Runtime-Function-Error-Type: Runtime.ModelLoad\r\n") !=
                   NULL &&
               strstr(post, "positive") == NULL,
           "%s", post);
    CHECK(lines_with(&r, "ModelLoadErrors", "1") == 1);
    fault_free(server);
}

/* Nobody answers at the Runtime API. The program ends all the same, and soon. */
static void test_failure_unheard(void)
{
    static const fault_step script[] = {{.op = FAULT_PAUSE, .pause_us = 1}};
    int64_t begun = clock_now_ns();
    fault_server *server;
    run r;

    if (!harness_case("cannot start, and nobody listens"))
        return;
    server = fault_start(script, 1);
    CHECK(fault_finish(server) == 1);
    begin(&r);
    set_api(&r, fault_port(server));
    start(&r, NULL);
    end(&r);
    CHECKF(r.status == 1, "exit status %d", r.status);
    CHECK(lines_with(&r, "level", "ERROR") == 1);
    CHECK(clock_now_ns() - begun < 5000000000);
    fault_free(server);
}

/* ---- serving --------------------------------------------------------------------------------- */

static void begin_serving(run *r, uint16_t port)
{
    begin(r);
    set_api(r, port);
    set(r, "DISTIL_MODEL", blob);
}

/* The Runtime API gives two events and then a status that means that the process is in an
 * impossible state. */
static void test_serves(const char *argument)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(EVENT), .piece = 50},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(EVENT_OF("second"))},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")},
    };
    fault_server *server;
    run r;

    if (!harness_case("serves, argument %s", argument != NULL ? argument : "none"))
        return;
    server = fault_start(script, sizeof script / sizeof *script);
    begin_serving(&r, fault_port(server));
    start(&r, argument);
    end(&r);
    CHECKF(r.status == 1, "exit status %d: %s%s", r.status, r.output, r.errors);
    CHECK(fault_finish(server) == 1);
    CHECK(strstr(fault_request(server, 1, NULL), "/invocation/" ID "/response HTTP/1.1\r\n"));
    CHECK(strstr(fault_request(server, 1, NULL), "positive") != NULL);
    CHECK(strstr(fault_request(server, 3, NULL), "/invocation/second/response HTTP/1.1\r\n"));
    CHECK(lines_with(&r, "message", "ready") == 1);
    CHECK(lines_with(&r, "ModelLoadTimeMs", NULL) == 1);
    CHECKF(lines_with(&r, "level", "FATAL") == 1, "%s", r.output);
    CHECKF(r.errors[0] == '\0', "%s", r.errors);
    /* No line of the log contains a user's text. */
    CHECK(strstr(r.output, "gorgeous") == NULL);
    fault_free(server);
}

static void test_repeated(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(EVENT)},
        /* The answer to this event is lost, twice. */
        {.op = FAULT_REQUEST},
        {.op = FAULT_RESET},
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(EVENT_OF("second"))},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")},
        {.op = FAULT_RESET},
    };
    fault_server *server;
    run r;

    if (!harness_case("an answer that arrived although its acknowledgement was lost"))
        return;
    server = fault_start(script, sizeof script / sizeof *script);
    begin_serving(&r, fault_port(server));
    start(&r, NULL);
    end(&r);
    CHECK(fault_finish(server) == 1 && fault_request_count(server) == 6);
    CHECK(strcmp(fault_request(server, 1, NULL), fault_request(server, 2, NULL)) == 0);
    CHECK(strstr(fault_request(server, 4, NULL), "/invocation/second/response HTTP/1.1\r\n"));
    CHECK(r.status == 1 && lines_with(&r, "level", "FATAL") == 1);
    fault_free(server);
}

/* The process does not end because nobody reads its standard output. */
static void test_closed_output(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(EVENT)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n")},
    };
    fault_server *server;
    run r;

    if (!harness_case("standard output is a closed pipe"))
        return;
    server = fault_start(script, sizeof script / sizeof *script);
    begin_serving(&r, fault_port(server));
    start(&r, NULL);
    close(r.out);
    r.out = -1;
    end(&r);
    CHECKF(r.status == 1, "exit status %d", r.status);
    CHECK(fault_finish(server) == 1);
    CHECK(strstr(fault_request(server, 1, NULL), "/response HTTP") != NULL);
    fault_free(server);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* A number of kB from /proc/PID/status. */
static long status_kb(pid_t pid, const char *name)
{
    char path[64], line[256];
    long kb = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtol(line + strlen(name) + 1, NULL, 10);
    if (file != NULL)
        fclose(file);
    return kb;
}

/* Buffers for events of 6 MiB are mapped, and they are not resident until there are such events. */
static void test_memory(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_HANG}};
    int64_t until = clock_after_ms(END_MS);
    fault_server *server;
    long anonymous = -1;
    run r;

    if (!harness_case("memory at the first request for an event"))
        return;
    if (SANITIZED) {
        harness_skip("sanitizers use memory of their own");
        return;
    }
    server = fault_start(script, 3);
    begin_serving(&r, fault_port(server));
    start(&r, NULL);
    while (strstr(r.output, "ready") == NULL && r.out >= 0 && clock_now_ns() < until)
        read_some(&r.out, r.output);
    clock_sleep_until(clock_after_ms(50));
    anonymous = status_kb(r.pid, "RssAnon:");
    CHECKF(anonymous > 0 && anonymous < 4096, "%ld kB of anonymous memory", anonymous);
    kill(r.pid, SIGTERM);
    end(&r);
    CHECK(r.status == 0);
    fault_finish(server);
    fault_free(server);
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* SIGTERM arrives while the program waits for an event: it ends at once with exit status 0. */
static void test_term_idle(int number)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_HANG}};
    fault_server *server;
    int64_t begun;
    run r;

    if (!harness_case("signal %d while idle", number))
        return;
    server = fault_start(script, 3);
    begin_serving(&r, fault_port(server));
    start(&r, NULL);
    while (strstr(r.output, "ready") == NULL && r.out >= 0)
        read_some(&r.out, r.output);
    /* Give the program time to ask for an event. */
    clock_sleep_until(clock_after_ms(100));
    begun = clock_now_ns();
    kill(r.pid, number);
    end(&r);
    CHECKF(r.status == 0, "exit status %d", r.status);
    CHECK(clock_now_ns() - begun < 1000000000);
    fault_finish(server);
    fault_free(server);
}

/* SIGTERM arrives while the acknowledgement of an answer is still missing. The program waits for it
 * and asks for no other event. After a second signal it does not wait. */
static void test_term_busy(int signals)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(EVENT)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_PAUSE, .pause_us = 400000},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
    };
    fault_server *server;
    run r;

    if (!harness_case("%d signals while an answer is posted", signals))
        return;
    server = fault_start(script, sizeof script / sizeof *script);
    begin_serving(&r, fault_port(server));
    start(&r, NULL);
    while (strstr(r.output, "InferenceLatencyMs") == NULL && r.out >= 0)
        read_some(&r.out, r.output);
    clock_sleep_until(clock_after_ms(50));
    for (int i = 0; i < signals; i++) {
        kill(r.pid, SIGTERM);
        clock_sleep_until(clock_after_ms(30));
    }
    end(&r);
    CHECKF(r.status == (signals == 1 ? 0 : 128 + SIGTERM), "exit status %d", r.status);
    CHECK(fault_finish(server) == 1 && fault_request_count(server) == 2);
    fault_free(server);
}

/* ---- several loops --------------------------------------------------------------------------- */

enum { LOOPS = 3 };

static int listen_any(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        abort();
    *port = ntohs(at.sin_port);
    return fd;
}

/* Read a whole request from a connection, and put a NUL behind it. */
static int receive_request(int fd, char *out, size_t capacity)
{
    size_t size = 0;
    http_head head;

    while (size < capacity - 1) {
        struct pollfd p = {fd, POLLIN, 0};
        ssize_t n = poll(&p, 1, END_MS) == 1 ? recv(fd, out + size, capacity - 1 - size, 0) : -1;

        if (n <= 0)
            return -1;
        size += (size_t)n;
        out[size] = '\0';
        if (http_parse_request(&head, out, size) == HTTP_DONE &&
            size >= head.bytes + head.content_length)
            return 0;
    }
    return -1;
}

/* Accept a connection, or return -1 if none comes. */
static int accept_soon(int listener)
{
    struct pollfd p = {listener, POLLIN, 0};

    return poll(&p, 1, END_MS) == 1 ? accept(listener, NULL, NULL) : -1;
}

/* Accept the connections of `count` loops, each of which asks for an event. Returns how many there
 * were. */
static int accept_loops(int listener, int *connections, int count)
{
    char request[8192];
    int i = 0;

    for (; i < count; i++) {
        connections[i] = accept_soon(listener);
        if (connections[i] < 0 || receive_request(connections[i], request, sizeof request) != 0 ||
            strncmp(request, "GET /2018-06-01/runtime/invocation/next ", 40) != 0)
            break;
    }
    CHECKF(i == count, "%d of %d loops ask for an event", i, count);
    return i;
}

static void send_text(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        harness_fail(__FILE__, __LINE__, "send: %s", strerror(errno));
}

/* All loops handle an event at the same time, over connections of their own, and each answers the
 * event that it was given. */
static void test_loops(void)
{
    char request[8192], text[512], expected[64];
    uint16_t port;
    int listener = listen_any(&port), connections[LOOPS];
    run r;

    if (!harness_case("%d loops at once", LOOPS)) {
        close(listener);
        return;
    }
    begin_serving(&r, port);
    set(&r, "AWS_LAMBDA_MAX_CONCURRENCY", "3");
    start(&r, NULL);
    for (int i = 0; i < LOOPS; i++) {
        connections[i] = accept_soon(listener);
        CHECK(receive_request(connections[i], request, sizeof request) == 0 &&
              strncmp(request, "GET /2018-06-01/runtime/invocation/next ", 40) == 0);
    }
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < LOOPS; i++) {
            snprintf(text, sizeof text,
                     "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r%d-%d\r\n"
                     "Content-Length: 46\r\n\r\n" TEXT,
                     round, i);
            send_text(connections[i], text);
        }
        for (int i = LOOPS - 1; i >= 0; i--) {
            snprintf(expected, sizeof expected, "/invocation/r%d-%d/response ", round, i);
            CHECK(receive_request(connections[i], request, sizeof request) == 0);
            CHECKF(strstr(request, expected) != NULL && strstr(request, "positive") != NULL, "%s",
                   request);
            send_text(connections[i], ACCEPTED);
            CHECK(receive_request(connections[i], request, sizeof request) == 0);
        }
    }
    kill(r.pid, SIGTERM);
    end(&r);
    CHECKF(r.status == 0, "exit status %d", r.status);
    for (int i = 0; i < LOOPS; i++)
        close(connections[i]);
    close(listener);
}

/* Lambda's managed instances ask for up to 1,600 loops. All of them ask for events, and every
 * fiftieth gets one. */
static void test_most_loops(void)
{
    enum { MOST = 1600, EACH = 50 };
    static int connections[MOST];
    char request[8192], text[512], expected[64];
    struct rlimit limit, raised;
    int listener, loops;
    uint16_t port;
    run r;

    if (!harness_case("%d loops", MOST))
        return;
    if (SANITIZED || getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < 2 * MOST + 100) {
        harness_skip(SANITIZED ? "sanitizers need more memory for each thread"
                               : "the limit of open files is too low");
        return;
    }
    raised = (struct rlimit){limit.rlim_max, limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &raised) == 0);
    listener = listen_any(&port);
    CHECK(listen(listener, MOST) == 0);
    begin_serving(&r, port);
    set(&r, "AWS_LAMBDA_MAX_CONCURRENCY", "1600");
    start(&r, NULL);
    loops = accept_loops(listener, connections, MOST);
    for (int i = 0; i < loops; i += EACH) {
        snprintf(text, sizeof text,
                 "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r%d\r\n"
                 "Content-Length: 46\r\n\r\n" TEXT,
                 i);
        send_text(connections[i], text);
    }
    for (int i = 0; i < loops; i += EACH) {
        snprintf(expected, sizeof expected, "/invocation/r%d/response ", i);
        CHECK(receive_request(connections[i], request, sizeof request) == 0 &&
              strstr(request, expected) != NULL);
        send_text(connections[i], ACCEPTED);
    }
    kill(r.pid, SIGTERM);
    end(&r);
    CHECKF(r.status == 0, "exit status %d", r.status);
    CHECK(lines_with(&r, "loops", "1600") == 1);
    for (int i = 0; i < loops; i++)
        close(connections[i]);
    close(listener);
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* With too few descriptors there are fewer loops, and the log says so. */
static void test_few_descriptors(void)
{
    enum { FILES = 100, LOOPS_THEN = (FILES - 32) / 2 };
    const struct rlimit low = {FILES, FILES};
    int connections[LOOPS_THEN], listener, loops;
    char text[16];
    uint16_t port;
    run r;

    if (!harness_case("fewer loops than asked for"))
        return;
    listener = listen_any(&port);
    CHECK(listen(listener, LOOPS_THEN) == 0);
    begin_serving(&r, port);
    set(&r, "AWS_LAMBDA_MAX_CONCURRENCY", "64");
    start_with(&r, NULL, &low);
    loops = accept_loops(listener, connections, LOOPS_THEN);
    kill(r.pid, SIGTERM);
    end(&r);
    CHECKF(r.status == 0, "exit status %d", r.status);
    snprintf(text, sizeof text, "%d", LOOPS_THEN);
    CHECKF(lines_with(&r, "level", "WARN") == 1 && lines_with(&r, "loops", text) == 2, "%s",
           r.output);
    for (int i = 0; i < loops; i++)
        close(connections[i]);
    close(listener);
}

/* ---- a model within the program -------------------------------------------------------------- */

static void test_embedded(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(EVENT)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n")},
    };
    fault_server *server;
    run r;

    if (!harness_case("the embedded model serves"))
        return;
    server = fault_start(script, sizeof script / sizeof *script);
    begin(&r);
    set_api(&r, fault_port(server));
    start(&r, NULL);
    end(&r);
    CHECK(fault_finish(server) == 1);
    CHECK(fault_request_count(server) == 3 &&
          strstr(fault_request(server, 1, NULL), "positive") != NULL);
    fault_free(server);
}

int main(int argc, char **argv)
{
    const char *build = getenv("DISTIL_BUILD"), *chosen = getenv("DISTIL_BOOTSTRAP");

    harness_init("test_bootstrap", argc, argv);
    if (build == NULL)
        build = "build";
    if (chosen != NULL)
        snprintf(program, sizeof program, "%s", chosen);
    else
        snprintf(program, sizeof program, "%s/bootstrap", build);
    if (realpath(build, blob) == NULL) {
        perror("build directory");
        return 1;
    }
    strcat(blob, "/sst2.distil");
    if (access(program, X_OK) != 0) {
        printf("%s: %s\n", program, strerror(errno));
        return 1;
    }
    write_files();
    test_arguments();
    test_file();
    for (size_t i = has_embedded_model() ? 1 : 0; i < sizeof failures / sizeof *failures; i++)
        test_failure(&failures[i]);
    if (has_embedded_model())
        test_embedded();
    else
        test_failure_unheard(), test_damaged_late();
    test_serves(NULL);
    test_serves("app.handler");
    test_repeated();
    test_closed_output();
    test_memory();
    test_term_idle(SIGTERM);
    test_term_idle(SIGINT);
    test_term_busy(1);
    test_term_busy(2);
    test_loops();
    test_most_loops();
    test_few_descriptors();
    remove_files();
    return harness_finish();
}
