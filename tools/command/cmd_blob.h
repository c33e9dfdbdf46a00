/* SPDX-License-Identifier: Apache-2.0 */
/* What inspect and verify share: they open a blob without building a model from it, and they tell
 * the user where in the blob something is. */
#ifndef DISTIL_TOOLS_CMD_BLOB_H
#define DISTIL_TOOLS_CMD_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "model/blob.h"

/* Open a blob and check its structure, but not its content. Returns 0 with a blob for the caller to
 * close, or -1 after reporting the file, what is wrong at which byte, and a remedy. */
int cmd_blob_open(distil_blob *blob, const char *path);

/* Report on standard error why a file was refused, with a remedy. */
void cmd_blob_report(const char *path, const distil_blob_error *error);

/* Name the part of a blob that holds the byte at `offset`, such as "layer 2 ffn_in", "embed_word"
 * or "header". */
void cmd_blob_name_place(char place[64], const distil_blob *blob, uint64_t offset);

/* The kinds of the four weight matrices of a layer, in the order of the computation. */
enum { CMD_BLOB_MATRICES = 4 };
extern const distil_section_kind cmd_blob_matrices[CMD_BLOB_MATRICES];

#endif
