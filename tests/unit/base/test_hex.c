/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal digits, in both directions. */
#include <string.h>

#include "runtime/base/hex.h"
#include "tests/support/harness.h"

int main(int argc, char **argv)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    static const uint8_t bytes[] = {0x00, 0x09, 0x9f, 0xa0, 0xff};
    char text[2 * sizeof bytes + 1];

    harness_init("test_hex", argc, argv);
    if (harness_case("the value of every byte"))
        for (int c = -1; c < 256; c++) {
            const char *at = c > 0 ? strchr(digits, c) : NULL;
            int value = at ? (int)(at - digits) : -1;

            CHECKF(hex_digit_value(c) == (value < 16 ? value : value - 6), "byte %d", c);
        }
    if (harness_case("bytes as text")) {
        hex_string(text, bytes, sizeof bytes);
        CHECK(strcmp(text, "00099fa0ff") == 0);
        hex_encode(text, bytes + 4, 1);
        CHECK(memcmp(text, "ff099fa0ff", 10) == 0);
        hex_string(text, NULL, 0);
        CHECK(text[0] == '\0');
    }
    return harness_finish();
}
