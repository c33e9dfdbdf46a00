/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading structures of options that a program may have been compiled with in another version.
 */
#ifndef DISTIL_RUNTIME_OPTIONS_H
#define DISTIL_RUNTIME_OPTIONS_H

#include "runtime/distil.h"

/*
 * Copies the caller's options into *known, whose members are all zero before. A structure that is
 * shorter than this version's leaves the members that it lacks at zero. A longer one is accepted if
 * all bytes that this version does not know are zero.
 *
 * known        (sizeof *known) this version's structure; unchanged on an error
 * known_bytes  sizeof *known
 * first_bytes  the size of the structure in version 0.2, for which a size of 0 stands
 * given        the caller's structure, which begins with its size; NULL leaves *known as it is
 *
 * Returns NULL, or what is wrong as a static string.
 */
const char *distil_options_copy(void *known, size_t known_bytes, size_t first_bytes,
                                const void *given);

/* Copies the options of a model. */
const char *distil_options_copy_model(distil_options *known, const distil_options *given);

/* Copies the options of a context. */
const char *distil_options_copy_context(distil_context_options *known,
                                        const distil_context_options *given);

#endif
