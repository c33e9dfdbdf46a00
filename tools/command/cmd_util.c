/* SPDX-License-Identifier: Apache-2.0 */
/* Shared parts of the subcommands; see cmd_util.h. */
#include "tools/command/cmd_util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/base/utf8.h"
#include "tools/command/commands.h"

/* One write for the whole line, so that lines of programs sharing a terminal do not mix. */
static void say(const char *prefix, const char *format, va_list arguments)
{
    char line[4096];
    int head = snprintf(line, sizeof line, "%s", prefix);
    size_t at = (size_t)head;
    int body = vsnprintf(line + at, sizeof line - at - 1, format, arguments);

    if (body > 0)
        at += (size_t)body;
    if (at > sizeof line - 2)
        at = sizeof line - 2;
    line[at++] = '\n';
    (void)fwrite(line, 1, at, stderr);
}

void cmd_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say("distil: ", format, arguments);
    va_end(arguments);
}

void cmd_hint(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say("        ", format, arguments);
    va_end(arguments);
}

int cmd_parse_count(size_t *value, const char *text, size_t min, size_t max)
{
    size_t n = 0;

    if (text[0] == '\0')
        return -1;
    for (const char *p = text; *p != '\0'; p++) {
        size_t digit = (size_t)(unsigned char)*p - '0';

        if (digit > 9 || n > (max - digit) / 10)
            return -1;
        n = n * 10 + digit;
    }
    if (n < min || n > max)
        return -1;
    *value = n;
    return 0;
}

int cmd_choose_isa(distil_isa *isa, const char **source, const char *from_option)
{
    const char *from_environment = getenv("DISTIL_ISA");
    const char *name = from_option;
    const char *origin = "--isa";

    if (name == NULL && from_environment != NULL && from_environment[0] != '\0') {
        name = from_environment;
        origin = "DISTIL_ISA";
    }
    if (name == NULL) {
        name = "best";
        origin = NULL;
    }
    if (distil_isa_parse(isa, name) != DISTIL_OK) {
        cmd_error("%s: unknown instruction set '%s'", origin, name);
        cmd_hint("known: " CMD_ISA_NAMES "; `distil isa` shows what this CPU can run");
        return -1;
    }
    if (source != NULL)
        *source = origin;
    return 0;
}

/* ---- model ---------------------------------------------------------------------------------- */

/* directory/name in fresh memory, NULL without memory. */
static char *join(const char *directory, const char *name)
{
    size_t bytes = strlen(directory) + strlen(name) + 2;
    char *path = malloc(bytes);

    if (path != NULL)
        (void)snprintf(path, bytes, "%s/%s", directory, name);
    return path;
}

int cmd_program_directory(char *out, size_t capacity)
{
    ssize_t n = readlink("/proc/self/exe", out, capacity);
    char *slash;

    if (n <= 0 || (size_t)n >= capacity)
        return -1;
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (slash == NULL)
        return -1;
    slash[slash == out ? 1 : 0] = '\0';
    return 0;
}

static char *shipped_model(void)
{
    static const char *const places[] = {"build/sst2.distil", "sst2.distil",
                                         "../share/distil/sst2.distil"};
    char directory[4096];

    if (cmd_program_directory(directory, sizeof directory) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *path = join(directory, places[i]);

        if (path == NULL)
            return NULL;
        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

int cmd_choose_model(char **path, const char *from_option)
{
    const char *name = from_option;

    if (name == NULL) {
        name = getenv("DISTIL_MODEL");
        if (name != NULL && name[0] == '\0')
            name = NULL;
    }
    *path = name != NULL ? strdup(name) : shipped_model();
    if (*path != NULL)
        return 0;
    if (name != NULL) {
        cmd_error("out of memory");
        return -1;
    }
    cmd_error("no model: from the program's directory, none of build/sst2.distil, sst2.distil and "
              "../share/distil/sst2.distil is there");
    cmd_hint("run `make` in the source tree to build the shipped one, or name a blob with -m FILE");
    cmd_hint("or DISTIL_MODEL; `distil convert DIR -o FILE` makes one from a Hugging Face folder");
    return -1;
}

/* What to do about a blob that does not open. */
static void hint_for(distil_status status)
{
    switch (status) {
    case DISTIL_FILE_OPEN:
    case DISTIL_FILE_READ:
        cmd_hint("the model is chosen by -m FILE, else DISTIL_MODEL, else the shipped one");
        break;
    case DISTIL_BAD_MAGIC:
        cmd_hint("make a blob from a Hugging Face folder with `distil convert DIR -o FILE`");
        break;
    case DISTIL_BAD_VERSION:
        cmd_hint("convert the model again with this version: `distil convert DIR -o FILE`");
        break;
    case DISTIL_TRUNCATED:
    case DISTIL_BAD_STRUCTURE:
    case DISTIL_BAD_CHECKSUM:
    case DISTIL_BAD_PROOF:
        cmd_hint("the file is damaged: copy it or convert the model again; `distil verify FILE` "
                 "tells more");
        break;
    default:
        break;
    }
}

static void report_open(const char *path, const distil_error *error)
{
    const char *why = error->message[0] != '\0' ? error->message : distil_status_str(error->status);

    if (error->system_errno != 0)
        cmd_error("%s: %s: %s", path, why, strerror(error->system_errno));
    else if (error->offset != 0)
        cmd_error("%s: byte %llu: %s", path, (unsigned long long)error->offset, why);
    else
        cmd_error("%s: %s", path, why);
    hint_for(error->status);
}

int cmd_model_open(cmd_model *model, const char *path_option, const char *isa_option,
                   distil_verify verify)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_error error = {0};
    distil_status status;

    model->model = NULL;
    model->path = NULL;
    if (cmd_choose_isa(&options.max_isa, NULL, isa_option) != 0)
        return CMD_USAGE;
    options.verify = verify;
    if (cmd_choose_model(&model->path, path_option) != 0)
        return CMD_FAILED;
    status = distil_model_open(&model->model, model->path, &options, &error);
    if (status == DISTIL_OK)
        status = distil_model_get_info(model->model, &model->info);
    if (status != DISTIL_OK) {
        error.status = status;
        report_open(model->path, &error);
        cmd_model_close(model);
        return CMD_FAILED;
    }
    return CMD_OK;
}

void cmd_model_close(cmd_model *model)
{
    distil_model_close(model->model);
    free(model->path);
    model->model = NULL;
    model->path = NULL;
}

/* ---- output --------------------------------------------------------------------------------- */

void cmd_json_string(FILE *out, const char *bytes, size_t size)
{
    char quoted[6 * 64 + 2];

    /* Most strings here are label names and paths: one piece. Longer ones take memory. */
    if (size <= 64) {
        (void)fwrite(quoted, 1, json_quote(quoted, sizeof quoted, bytes, size), out);
    } else {
        size_t length = json_quote(NULL, 0, bytes, size);
        char *copy = malloc(length);

        if (copy == NULL) {
            (void)fputs("\"\"", out);
            return;
        }
        (void)json_quote(copy, length, bytes, size);
        (void)fwrite(copy, 1, length, out);
        free(copy);
    }
}

void cmd_json_float(FILE *out, float value)
{
    (void)fprintf(out, "%.9g", (double)value);
}

void cmd_write_escaped(FILE *out, const char *bytes, size_t size)
{
    size_t plain = 0; /* bytes before here are written */

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c >= 0x20 && c != 0x7f && c != '\\')
            continue;
        (void)fwrite(bytes + plain, 1, i - plain, out);
        plain = i + 1;
        if (c == '\\')
            (void)fputs("\\\\", out);
        else if (c == '\t')
            (void)fputs("\\t", out);
        else if (c == '\n')
            (void)fputs("\\n", out);
        else if (c == '\r')
            (void)fputs("\\r", out);
        else
            (void)fprintf(out, "\\x%02x", (unsigned)c);
    }
    if (plain < size)
        (void)fwrite(bytes + plain, 1, size - plain, out);
}

int cmd_flush(FILE *out)
{
    int failed = ferror(out); /* an earlier write did not reach the file; errno says why */

    if (!failed)
        errno = 0;
    if (fflush(out) == 0 && !failed)
        return 0;
    if (errno == EPIPE)
        return -1;
    if (errno != 0)
        cmd_error("cannot write standard output: %s", strerror(errno));
    else
        cmd_error("cannot write standard output");
    return -1;
}

double cmd_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- UTF-8 ---------------------------------------------------------------------------------- */

int cmd_utf8_valid(const char *bytes, size_t size)
{
    const uint8_t *at = (const uint8_t *)bytes;
    const uint8_t *end = at + size;

    while (at < end) {
        const uint8_t *start = at;

        /* U+FFFD may also be written out, EF BF BD; nothing ill-formed has that form. */
        if (distil_utf8_decode(&at, end) == DISTIL_UTF8_REPLACEMENT &&
            !(at - start == 3 && start[0] == 0xef))
            return 0;
    }
    return 1;
}
