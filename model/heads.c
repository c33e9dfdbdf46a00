/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of heads, and the look-up of a head by its number.
 */
#include "model/heads.h"

#include "model/format.h"

static const distil_head heads[] = {
#define HEAD(NAME, number, rows_, output_, text_)                                                  \
    {.kind = DISTIL_HEAD_##NAME,                                                                   \
     .rows = DISTIL_HEAD_ROWS_##rows_,                                                             \
     .output = DISTIL_HEAD_OUTPUT_##output_,                                                       \
     .text = text_},
#include "model/heads.inc"
};

static const distil_head_tensor tensors[] = {
#define HEAD_TENSOR(NAME, SECTION, tensor_, outputs_)                                              \
    {.head = DISTIL_HEAD_##NAME,                                                                   \
     .section = DISTIL_SECTION_##SECTION,                                                          \
     .tensor = tensor_,                                                                            \
     .outputs = DISTIL_HEAD_WIDTH_##outputs_},
#include "model/heads.inc"
};

const distil_head *distil_head_of_kind(uint32_t kind)
{
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if ((uint32_t)heads[i].kind == kind)
            return &heads[i];
    return NULL;
}

const distil_head_tensor *distil_head_tensor_at(uint32_t kind, size_t index)
{
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        if ((uint32_t)tensors[i].head == kind && index-- == 0)
            return &tensors[i];
    return NULL;
}
