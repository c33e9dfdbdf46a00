/* SPDX-License-Identifier: Apache-2.0 */
/* Converts bytes to hexadecimal digits, and digits to values. */
#ifndef DISTIL_BASE_HEX_H
#define DISTIL_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* The value of a hexadecimal digit of either case, or -1 for any other byte. */
int hex_digit_value(int c);

/* Write two lower-case digits for each byte, without a terminator: out has room for 2 * size. */
void hex_encode(char *out, const uint8_t *bytes, size_t size);

/* Write two lower-case digits for each byte, and a NUL: out has room for 2 * size + 1. */
void hex_string(char *out, const uint8_t *bytes, size_t size);

#endif
