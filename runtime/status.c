/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of statuses, the names of levels, and the version.
 */
#include <string.h>

#include "kernels/cpu.h"
#include "runtime/distil.h"
#include "runtime/public_enums.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)

const char *distil_status_str(distil_status status)
{
    switch (status) {
    case DISTIL_OK:
        return "success";
    case DISTIL_FILE_OPEN:
        return "the blob cannot be opened";
    case DISTIL_FILE_READ:
        return "the blob cannot be read or mapped";
    case DISTIL_BAD_MAGIC:
        return "not a distil blob";
    case DISTIL_BAD_VERSION:
        return "a blob of another format version; convert again";
    case DISTIL_TRUNCATED:
        return "the blob is shorter or longer than it says";
    case DISTIL_BAD_STRUCTURE:
        return "the blob has a field, size, offset or table that cannot be";
    case DISTIL_BAD_CHECKSUM:
        return "the blob's content differs from its checksum";
    case DISTIL_BAD_PROOF:
        return "the blob's weights break the overflow bound";
    case DISTIL_UNSUPPORTED:
        return "the blob needs something that this version cannot do";
    case DISTIL_BAD_ARGUMENT:
        return "invalid argument";
    case DISTIL_BAD_TOKEN:
        return "a token id is not below the vocabulary size";
    case DISTIL_TOO_MANY_TOKENS:
        return "no tokens, or more than the model takes; or one text of a pair leaves no room";
    case DISTIL_NOT_FINITE:
        return "the result is not finite: the blob's weights are damaged";
    case DISTIL_IN_USE:
        return "the model has contexts; free them before";
    case DISTIL_CANCELLED:
        return "the caller cancelled the call";
    case DISTIL_NO_MEMORY:
        return "out of memory";
    case DISTIL_BAD_CPU:
        return "this CPU lacks the instruction set asked for";
    case DISTIL_NO_THREAD:
        return "the system refused to create a thread; ask for fewer";
    }
    return "unknown status";
}

const char *distil_version(void)
{
    return STRING(DISTIL_VERSION_MAJOR) "." STRING(DISTIL_VERSION_MINOR) "." STRING(
        DISTIL_VERSION_PATCH);
}

int distil_version_number(void)
{
    return DISTIL_VERSION_NUMBER;
}

const char *distil_isa_name(distil_isa isa)
{
    if (isa == DISTIL_ISA_BEST)
        return "best";
    if ((unsigned)isa <= DISTIL_LEVEL_COUNT)
        return distil_level_name(distil_level_of_isa(isa));
    return NULL;
}

distil_status distil_isa_parse(distil_isa *isa, const char *name)
{
    if (!isa || !name)
        return DISTIL_BAD_ARGUMENT;
    for (int value = 0; value <= DISTIL_LEVEL_COUNT; value++) {
        const char *known = distil_isa_name((distil_isa)value);

        if (known && strcmp(name, known) == 0) {
            *isa = (distil_isa)value;
            return DISTIL_OK;
        }
    }
    return DISTIL_BAD_ARGUMENT;
}
