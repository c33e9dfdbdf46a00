/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What inspect and verify share: opening a blob by itself, without a model, and saying where in it
 * something is.
 */
#ifndef DISTIL_TOOLS_CMD_BLOB_H
#define DISTIL_TOOLS_CMD_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "model/blob.h"

/* A refusal on stderr: file, what was expected, byte, remedy. */
void cmd_blob_report(const char *path, const distil_blob_error *error);

/* Structure checked, content not. 0, or -1 with the refusal reported. */
int cmd_blob_open(distil_blob *blob, const char *path);

/* "layer 2 ffn_in", "embed_word", "header" ...: the part that holds a byte. Room for 64. */
void cmd_blob_place(char place[64], const distil_blob *blob, uint64_t offset);

/* The four matrix kinds of a layer, in order. */
enum { CMD_BLOB_MATRICES = 4 };
extern const distil_section_kind cmd_blob_matrices[CMD_BLOB_MATRICES];

#endif
