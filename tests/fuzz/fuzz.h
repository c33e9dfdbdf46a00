/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target defines: libFuzzer's entry point, called with each input in turn.
 *
 * Returns 0. Must not keep state between inputs, print, or leave memory behind; data may lie at any
 * alignment and size may be 0.
 */
#ifndef DISTIL_TESTS_FUZZ_FUZZ_H
#define DISTIL_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
