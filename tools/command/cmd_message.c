/* SPDX-License-Identifier: Apache-2.0 */
/* Writes messages to standard error; see cmd_message.h. */
#include "tools/command/cmd_message.h"

#include <stdarg.h>
#include <stdio.h>

#include "tools/command/commands.h"

static void write_line(const char *prefix, const char *format, va_list arguments)
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
    write_line("distil: ", format, arguments);
    va_end(arguments);
}

void cmd_hint(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    write_line("        ", format, arguments);
    va_end(arguments);
}

int cmd_usage_error(const char *command, const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    cmd_error("%s: %s", command, message);
    cmd_hint("`distil %s --help` lists options and examples", command);
    return CMD_USAGE;
}
