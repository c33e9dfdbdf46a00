/* SPDX-License-Identifier: Apache-2.0 */
/* Well-formedness of UTF-8; see cmd_utf8.h. */
#include "tools/command/cmd_utf8.h"

#include <stdint.h>

#include "runtime/base/utf8.h"

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
