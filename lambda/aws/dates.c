/* SPDX-License-Identifier: Apache-2.0 */
/* The conversion between days and dates counts years from March on, so that the leap day is the
 * last day of a year. */
#include "lambda/aws/dates.h"

#include <stdio.h>
#include <string.h>

enum { MS_PER_S = 1000, S_PER_DAY = 86400, FIRST_YEAR = 1970, LAST_YEAR = 9999 };

#define LAST_SECOND 253402300799 /* The last second of the year 9999. */

typedef struct moment {
    int year, month, day, hour, minute, second;
} moment;

/* The number of days from the first of March of the year 0 to the first of January 1970. */
#define EPOCH_DAYS 719468

static int64_t to_days(int year, int month, int day)
{
    int y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

    return (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - EPOCH_DAYS;
}

static moment to_moment(int64_t seconds)
{
    int64_t days = seconds / S_PER_DAY + EPOCH_DAYS;
    int rest = (int)(seconds % S_PER_DAY);
    int era = (int)(days / 146097), in_era = (int)(days % 146097);
    int year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int in_year = in_era - (year * 365 + year / 4 - year / 100);
    int m = (5 * in_year + 2) / 153;
    moment at = {era * 400 + year, m < 10 ? m + 3 : m - 9, in_year - (153 * m + 2) / 5 + 1,
                 rest / 3600,      rest / 60 % 60,         rest % 60};

    at.year += at.month <= 2;
    return at;
}

/* The date and time of a number of milliseconds since 1970, and the milliseconds of its last
 * second. A time that is out of range becomes the nearest one in range. */
static moment clamp_to_moment(int64_t unix_ms, unsigned *ms)
{
    const int64_t last = LAST_SECOND * MS_PER_S + MS_PER_S - 1;
    int64_t within = unix_ms < 0 ? 0 : unix_ms > last ? last : unix_ms;

    *ms = (unsigned)(within % MS_PER_S);
    return to_moment(within / MS_PER_S);
}

/* The remainders in this function and in the next one change no value. They tell the compiler how
 * many digits each number has at most. */
void dates_basic(char out[DATES_BASIC_BYTES], int64_t unix_ms)
{
    unsigned ms;
    moment at = clamp_to_moment(unix_ms, &ms);

    snprintf(out, DATES_BASIC_BYTES, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)at.year % 10000,
             (unsigned)at.month % 100, (unsigned)at.day % 100, (unsigned)at.hour % 100,
             (unsigned)at.minute % 100, (unsigned)at.second % 100);
}

void dates_iso(char out[DATES_ISO_BYTES], int64_t unix_ms)
{
    unsigned ms;
    moment at = clamp_to_moment(unix_ms, &ms);

    snprintf(out, DATES_ISO_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)at.year % 10000,
             (unsigned)at.month % 100, (unsigned)at.day % 100, (unsigned)at.hour % 100,
             (unsigned)at.minute % 100, (unsigned)at.second % 100, ms % 1000);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Parse `digits` decimal digits at offset `at`. The caller has checked that the text is long
 * enough. Returns -1 if one of the bytes is not a digit. */
static int parse_digits(http_slice text, size_t at, size_t digits)
{
    int value = 0;

    for (size_t i = at; i < at + digits; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        value = value * 10 + (text.at[i] - '0');
    }
    return value;
}

/* Returns 1 if the text has the punctuation of the pattern, in which '*' stands for any byte. */
static int has_form(http_slice text, const char *pattern)
{
    if (text.size < strlen(pattern))
        return 0;
    for (size_t i = 0; pattern[i] != '\0'; i++)
        if (pattern[i] != '*' && pattern[i] != text.at[i])
            return 0;
    return 1;
}

static int days_of(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

/* Check the date and time, and convert it to milliseconds since 1970. A leap second counts as the
 * second before it. */
static int to_unix_ms(int64_t *unix_ms, const moment *at)
{
    int second = at->second == 60 ? 59 : at->second;

    if (at->year < FIRST_YEAR || at->year > LAST_YEAR || at->month < 1 || at->month > 12 ||
        at->day < 1 || at->day > days_of(at->year, at->month) || at->hour < 0 || at->hour > 23 ||
        at->minute < 0 || at->minute > 59 || second < 0 || second > 59)
        return -1;
    *unix_ms = (to_days(at->year, at->month, at->day) * S_PER_DAY + at->hour * 3600 +
                at->minute * 60 + second) *
               MS_PER_S;
    return 0;
}

static int month_of(const char name[3])
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++)
        if (memcmp(names + 3 * i, name, 3) == 0)
            return i + 1;
    return 0;
}

int dates_parse_http(int64_t *unix_ms, http_slice text)
{
    static const char form[] = "***, ** *** **** **:**:** GMT";
    moment at;

    if (text.size != sizeof form - 1 || !has_form(text, form))
        return -1;
    at.day = parse_digits(text, 5, 2);
    at.month = month_of(text.at + 8);
    at.year = parse_digits(text, 12, 4);
    at.hour = parse_digits(text, 17, 2);
    at.minute = parse_digits(text, 20, 2);
    at.second = parse_digits(text, 23, 2);
    return to_unix_ms(unix_ms, &at);
}

int dates_parse_iso(int64_t *unix_ms, http_slice text)
{
    static const char form[] = "****-**-**T**:**:**";
    size_t end = sizeof form - 1;
    moment at;

    if (!has_form(text, form))
        return -1;
    if (end < text.size && text.at[end] == '.') {
        end++;
        while (end < text.size && text.at[end] >= '0' && text.at[end] <= '9')
            end++;
    }
    if (end + 1 != text.size || text.at[end] != 'Z')
        return -1;
    at.year = parse_digits(text, 0, 4);
    at.month = parse_digits(text, 5, 2);
    at.day = parse_digits(text, 8, 2);
    at.hour = parse_digits(text, 11, 2);
    at.minute = parse_digits(text, 14, 2);
    at.second = parse_digits(text, 17, 2);
    return to_unix_ms(unix_ms, &at);
}
