/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model within the program itself: `make bootstrap EMBED=model.distil`. One file to deploy, at
 * the price of a new binary for each model; the pages are mapped from the executable like those of
 * a blob.
 */
#ifndef DISTIL_LAMBDA_EMBED_H
#define DISTIL_LAMBDA_EMBED_H

#include <stddef.h>

/* The blob, aligned to a page, and its size; NULL and 0 where there is none. */
const void *embed_model(size_t *bytes);

#endif
