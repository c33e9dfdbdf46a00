/* SPDX-License-Identifier: Apache-2.0 */
/* The names of sentiments, and the table of labels that mean them. */
#include "lambda/event/sentiment.h"
#include "runtime/base/ascii.h"

#include <string.h>

const char *sentiment_name(sentiment s)
{
    static const char *const names[SENTIMENT_COUNT] = {"negative", "positive", "neutral"};

    return names[s];
}

int sentiment_from_label(sentiment *out, const char *label, size_t bytes)
{
    static const struct {
        const char *name;
        sentiment means;
    } known[] = {{"POSITIVE", SENTIMENT_POSITIVE}, {"POS", SENTIMENT_POSITIVE},
                 {"LABEL_1", SENTIMENT_POSITIVE},  {"NEGATIVE", SENTIMENT_NEGATIVE},
                 {"NEG", SENTIMENT_NEGATIVE},      {"LABEL_0", SENTIMENT_NEGATIVE},
                 {"NEUTRAL", SENTIMENT_NEUTRAL}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i].name) == bytes && ascii_same(label, known[i].name, bytes)) {
            *out = known[i].means;
            return 0;
        }
    return -1;
}
