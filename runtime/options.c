/* SPDX-License-Identifier: Apache-2.0 */
/* Reads structures of options by their size; see options.h. */
#include "runtime/options.h"

#include <string.h>

/* The sizes that the structures have in version 0.2. They never change, since programs of that
 * version may leave the size at 0. */
enum { FIRST_MODEL_OPTIONS = 32, FIRST_CONTEXT_OPTIONS = 80 };

const char *distil_options_copy(void *known, size_t known_bytes, size_t first_bytes,
                                const void *given)
{
    const unsigned char *bytes = given;
    size_t size;

    if (!given)
        return NULL;
    memcpy(&size, given, sizeof size);
    if (size == 0)
        size = first_bytes;
    if (size < first_bytes)
        return "options: size is less than that of any version; set it to the structure's sizeof";
    for (size_t i = known_bytes; i < size; i++)
        if (bytes[i] != 0)
            return "options: a member that this version of the library does not know is not 0";
    memcpy(known, given, size < known_bytes ? size : known_bytes);
    return NULL;
}

const char *distil_options_copy_model(distil_options *known, const distil_options *given)
{
    _Static_assert(sizeof *known >= FIRST_MODEL_OPTIONS, "members may be appended only");
    *known = (distil_options){0};
    return distil_options_copy(known, sizeof *known, FIRST_MODEL_OPTIONS, given);
}

const char *distil_options_copy_context(distil_context_options *known,
                                        const distil_context_options *given)
{
    _Static_assert(sizeof *known >= FIRST_CONTEXT_OPTIONS, "members may be appended only");
    *known = (distil_context_options){0};
    return distil_options_copy(known, sizeof *known, FIRST_CONTEXT_OPTIONS, given);
}
