/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal numbers of any notation to plain notation; see serve_number.h. */
#include "tools/serve/serve_number.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/buffer.h"

enum {
    MOST_DIGITS = 38, /* significant digits of a number, as in DynamoDB */
    MOST_PLACES = 125 /* places by which the point may lie before or behind the digits */
};

/* A number 0.DIGITS * 10^point, whose digits neither begin nor end with a zero. */
typedef struct decimal {
    int negative;
    char digits[MOST_DIGITS];
    int count, point;
} decimal;

/* Parse sign, digits and point, and move *text behind them. Returns 0, or -1 if there is no number
 * or one with more digits than the service keeps. */
static int parse_mantissa(decimal *d, const char **text)
{
    int seen = 0, fraction = 0;
    const char *p = *text;

    d->negative = *p == '-';
    p += *p == '-' || *p == '+';
    for (; (*p >= '0' && *p <= '9') || (*p == '.' && !fraction); p++) {
        if (*p == '.') {
            fraction = 1;
            continue;
        }
        seen = 1;
        if (d->count > 0 || *p != '0') {
            if (d->count < MOST_DIGITS)
                d->digits[d->count] = *p;
            else if (*p != '0')
                return -1;
            d->count += d->count < MOST_DIGITS;
            d->point += !fraction;
        } else {
            d->point -= fraction;
        }
        if (d->point > MOST_PLACES || d->point < -MOST_PLACES)
            return -1;
    }
    while (d->count > 0 && d->digits[d->count - 1] == '0')
        d->count--;
    *text = p;
    return seen ? 0 : -1;
}

static int parse_decimal(decimal *d, const char *text)
{
    memset(d, 0, sizeof *d);
    if (parse_mantissa(d, &text) != 0)
        return -1;
    if (*text == 'e' || *text == 'E') {
        char *end;
        long exponent = strtol(text + 1, &end, 10);

        if (end == text + 1 || exponent > MOST_PLACES || exponent < -MOST_PLACES)
            return -1;
        d->point += (int)exponent;
        text = end;
    }
    return *text == '\0' && d->point <= MOST_PLACES && d->point >= -MOST_PLACES ? 0 : -1;
}

int serve_number_normalize(char out[SERVE_NUMBER_BYTES], const char *text)
{
    decimal d;
    buffer b;

    buffer_init(&b, out, SERVE_NUMBER_BYTES - 1);
    if (parse_decimal(&d, text) != 0)
        return -1;
    if (d.negative && d.count > 0)
        buffer_char(&b, '-');
    if (d.count == 0 || d.point <= 0)
        buffer_char(&b, '0');
    for (int i = 0; d.count > 0 && i < d.point; i++)
        buffer_char(&b, i < d.count ? d.digits[i] : '0');
    if (d.count > 0 && d.count > d.point) {
        buffer_char(&b, '.');
        for (int i = d.point; i < d.count; i++)
            buffer_char(&b, i >= 0 ? d.digits[i] : '0');
    }
    out[b.size] = '\0';
    return b.overflow ? -1 : 0;
}
