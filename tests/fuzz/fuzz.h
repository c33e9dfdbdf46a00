/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entry point of a fuzz target, which libFuzzer or tests/fuzz/driver.c calls with one input
 * after the other.
 *
 * A target returns 0, and aborts the program if it finds a mistake. It keeps no state between
 * inputs, prints nothing, frees all memory and does not write to data. data may have any alignment,
 * and size may be 0.
 */
#ifndef DISTIL_TESTS_FUZZ_FUZZ_H
#define DISTIL_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
