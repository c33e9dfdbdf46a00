/* SPDX-License-Identifier: Apache-2.0 */
/* The distance of Levenshtein between a word and each name. */
#include "tools/command/cmd_nearest.h"

#include <string.h>

/* Names are shorter. A longer word is a mistake of another kind and gets no guess. */
enum { MOST_BYTES = 32 };

cmd_nearest cmd_nearest_begin(const char *word, size_t bytes)
{
    size_t allowed = bytes / 3 > 1 ? bytes / 3 : 1;

    return (cmd_nearest){word, bytes, allowed + 1, NULL};
}

/* The least number of letters to insert, delete or replace. costs[j] is that between the letters of
 * `a` that have been read and the first j letters of `b`. */
static size_t letters_between(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    size_t costs[MOST_BYTES + 1];

    for (size_t j = 0; j <= b_bytes; j++)
        costs[j] = j;
    for (size_t i = 0; i < a_bytes; i++) {
        size_t diagonal = costs[0];

        costs[0] = i + 1;
        for (size_t j = 0; j < b_bytes; j++) {
            size_t replaced = diagonal + (a[i] != b[j]);
            size_t least = costs[j] < costs[j + 1] ? costs[j] : costs[j + 1];

            diagonal = costs[j + 1];
            costs[j + 1] = least + 1 < replaced ? least + 1 : replaced;
        }
    }
    return costs[b_bytes];
}

void cmd_nearest_try(cmd_nearest *nearest, const char *name)
{
    size_t bytes = strlen(name), distance;

    /* Names of one or two letters are near to every short word. */
    if (bytes < 3 || bytes > MOST_BYTES || nearest->bytes > MOST_BYTES)
        return;
    distance = letters_between(nearest->word, nearest->bytes, name, bytes);
    if (distance >= nearest->distance)
        return;
    nearest->distance = distance;
    nearest->name = name;
}
