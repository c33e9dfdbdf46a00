/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of pytorch_model.bin, the weights as torch.save writes them: a ZIP archive (torch_zip.h)
 * whose entry data.pkl describes the tensors (torch_pickle.h) and whose entries data/0, data/1 and
 * so on hold their elements. Nothing of the file is executed. The form that PyTorch wrote before
 * 1.6, a bare pickle, is refused with the command that rewrites it.
 */
#ifndef DISTIL_TOOLS_CONVERT_TORCH_FILE_H
#define DISTIL_TOOLS_CONVERT_TORCH_FILE_H

#include "tools/convert/conv_error.h"
#include "tools/convert/safetensors.h"
#include "tools/convert/source_file.h"

/* Lists the tensors of an open file, sorted by name; their begin and end count from the first byte
 * of the file. Returns 0, or -1 with *error filled and nothing kept. */
int torch_file_header(st_header *header, const conv_source *source, conv_error *error);

#endif
