/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of texts.h. */
#include "bench/harness/texts.h"

#include <stdio.h>

#include "bench/stats.h"

static const char *const words[] = {
    "the",  "film", "is",   "a",     "story", "of",   "two",  "people", "who",  "never", "find",
    "what", "they", "want", "and",   "yet",   "its",  "slow", "light",  "made", "this",  "long",
    "hour", "feel", "like", "music", "from",  "home", "with", "great",  "bad",  "actors"};

size_t texts_line(char out[TEXTS_MAX_BYTES], size_t tokens)
{
    uint64_t state = tokens;
    size_t size = 0;

    for (size_t i = 2; i < tokens; i++)
        size += (size_t)snprintf(out + size, TEXTS_MAX_BYTES - size, "%s%s", i > 2 ? " " : "",
                                 words[stats_random(&state, sizeof words / sizeof words[0])]);
    out[size++] = '\n';
    return size;
}

void texts_ids(int32_t *ids, size_t tokens, size_t vocab_size)
{
    uint64_t state = tokens;

    for (size_t i = 0; i < tokens; i++)
        ids[i] = (int32_t)stats_random(&state, vocab_size);
}
