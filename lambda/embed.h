/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model within the program itself, by `make bootstrap EMBED=model.distil`. There is one file to
 * deploy, but each model needs a program of its own. The kernel maps the pages of the model from
 * the executable as it would map them from a blob.
 */
#ifndef DISTIL_LAMBDA_EMBED_H
#define DISTIL_LAMBDA_EMBED_H

#include <stddef.h>

/* Returns the blob, which is aligned to a page, and its size; or NULL and 0 if there is none. */
const void *embed_model(size_t *bytes);

#endif
