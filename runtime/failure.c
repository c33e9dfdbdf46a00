/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a distil_error; see failure.h. */
#include "runtime/failure.h"

#include <stdarg.h>
#include <stdio.h>

distil_status distil_fail(distil_error *error, distil_status status, const char *what)
{
    if (error)
        (void)distil_fail_text(error, status, DISTIL_NO_TEXT, "%s",
                               what ? what : distil_status_str(status));
    return status;
}

distil_status distil_fail_text(distil_error *error, distil_status status, size_t text,
                               const char *format, ...)
{
    va_list arguments;

    *error = (distil_error){.status = status, .text = text};
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}
