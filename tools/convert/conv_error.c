/* SPDX-License-Identifier: Apache-2.0 */
/* Formats an error message. */
#include "tools/convert/conv_error.h"

#include <stdarg.h>
#include <stdio.h>

int conv_fail(conv_error *error, const char *format, ...)
{
    va_list args;

    if (error) {
        va_start(args, format);
        vsnprintf(error->message, sizeof error->message, format, args);
        va_end(args);
    }
    return -1;
}
