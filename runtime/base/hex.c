/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal digits of either case are read; lower-case ones are written. */
#include "runtime/base/hex.h"

int hex_digit_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void hex_encode(char *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

void hex_string(char *out, const uint8_t *bytes, size_t size)
{
    hex_encode(out, bytes, size);
    out[2 * size] = '\0';
}
