/* SPDX-License-Identifier: Apache-2.0 */
/* Names of labels, the text of DISTIL_LABEL_MAP, and the list of the labels that a text has. */
#include "lambda/event/labels.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/json.h"

/* A probability of a label from which on a text has it, where each label has one of its own. */
#define HAS_LABEL 0.5f

/* ---- the map --------------------------------------------------------------------------------- */

/* One entry of a map: the label's own name and the name that it gets. */
typedef struct entry {
    const char *from, *to;
    size_t from_bytes, to_bytes;
} entry;

/* Read the entry at *at and go on behind it. Returns 0, or -1 if it is none. */
static int next_entry(entry *e, const char **at)
{
    size_t size = strcspn(*at, ","), before;
    const char *equals = memchr(*at, '=', size);

    if (equals == NULL)
        return -1;
    before = (size_t)(equals - *at);
    *e = (entry){*at, equals + 1, before, size - before - 1};
    *at += size + ((*at)[size] == ',');
    if (e->from_bytes == 0 || e->to_bytes == 0 || e->to_bytes > LABELS_MAX_NAME_BYTES)
        return -1;
    return memchr(e->to, '=', e->to_bytes) == NULL ? 0 : -1;
}

int labels_check_map(const char *map, char *why, size_t why_bytes)
{
    entry e;

    while (*map != '\0')
        if (next_entry(&e, &map) != 0) {
            snprintf(why, why_bytes,
                     "DISTIL_LABEL_MAP has \"%.60s\": give LABEL=NAME,LABEL=NAME, each name with 1 "
                     "to %d bytes",
                     map, LABELS_MAX_NAME_BYTES);
            return -1;
        }
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static int is_named(const entry *e, const char *name)
{
    return strlen(name) == e->from_bytes && memcmp(name, e->from, e->from_bytes) == 0;
}

/* The name of a label: the one that the map gives it, or its own. */
static event_label name_label(const char *own, const char *map)
{
    event_label l = {own, strlen(own), SENTIMENT_NONE};
    entry e;

    while (*map != '\0' && next_entry(&e, &map) == 0)
        if (is_named(&e, own))
            l = (event_label){e.to, e.to_bytes, SENTIMENT_NONE};
    return l;
}

/* Every label of the map must be one of the model's, since a misspelt one would be passed through
 * unseen. */
static int check_names(const event_labels *of, const char *(*own)(const void *model, size_t index),
                       const void *model, const char *map, char *why, size_t why_bytes)
{
    entry e;

    while (*map != '\0' && next_entry(&e, &map) == 0) {
        size_t i = 0;

        while (i < of->count && !is_named(&e, own(model, i)))
            i++;
        if (i == of->count) {
            snprintf(
                why, why_bytes,
                "DISTIL_LABEL_MAP names \"%.*s\", which is none of the model's %zu labels: the "
                "first is \"%.60s\"",
                (int)(e.from_bytes < 60 ? e.from_bytes : 60), e.from, of->count, own(model, 0));
            return -1;
        }
    }
    return 0;
}

/* Scores that are listed are members of one object, so no two labels may have the same name. */
static int check_distinct(const event_labels *of, char *why, size_t why_bytes)
{
    for (size_t i = 0; i < of->count; i++)
        for (size_t k = 0; k < i; k++)
            if (of->list[i].bytes == of->list[k].bytes &&
                memcmp(of->list[i].name, of->list[k].name, of->list[i].bytes) == 0) {
                snprintf(why, why_bytes,
                         "two labels whose scores are listed have the name \"%.*s\": name them "
                         "apart in DISTIL_LABEL_MAP or config.json",
                         (int)of->list[i].bytes, of->list[i].name);
                return -1;
            }
    return 0;
}

/* Returns 1 if every name means a sentiment, and gives each label its sentiment. Labels of other
 * models mean a sentiment only if they have its very name: "LABEL_0" of ten topics is not
 * negative. */
static int find_sentiments(event_labels *of)
{
    int all = of->kind == LABELS_ONE && of->count > 1;

    for (size_t i = 0; i < of->count; i++) {
        event_label *l = &of->list[i];

        if (sentiment_from_label(&l->means, l->name, l->bytes) != 0)
            all = 0;
    }
    for (size_t i = 0; i < of->count && !all; i++) {
        event_label *l = &of->list[i];
        const char *name = l->means == SENTIMENT_NONE ? "" : sentiment_name(l->means);

        if (strlen(name) != l->bytes || memcmp(name, l->name, l->bytes) != 0)
            l->means = SENTIMENT_NONE;
    }
    return all;
}

int labels_init(event_labels *to, labels_kind kind, event_label *list, size_t count,
                const char *(*own)(const void *model, size_t index), const void *model,
                const char *map, char *why, size_t why_bytes)
{
    *to = (event_labels){kind, count, list};
    if (map == NULL)
        map = "";
    if (labels_check_map(map, why, why_bytes) != 0 ||
        check_names(to, own, model, map, why, why_bytes) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        list[i] = name_label(own(model, i), map);
    if (labels_are_listed(to) && check_distinct(to, why, why_bytes) != 0)
        return -1;
    if (find_sentiments(to))
        to->kind = LABELS_SENTIMENTS;
    for (size_t i = 0; i < count && to->kind == LABELS_SENTIMENTS; i++) {
        list[i].name = sentiment_name(list[i].means);
        list[i].bytes = strlen(list[i].name);
    }
    return 0;
}

/* ---- scores ---------------------------------------------------------------------------------- */

int labels_are_listed(const event_labels *of)
{
    return of->kind == LABELS_SEVERAL || of->kind == LABELS_SCORES;
}

void labels_add_scores(buffer *to, const event_labels *of, const float *scores, int for_dynamodb)
{
    const char *before = for_dynamodb ? "{\"N\":\"" : "", *after = for_dynamodb ? "\"}" : "";
    const char *separator = "";

    buffer_char(to, '{');
    for (size_t i = 0; i < of->count; i++) {
        if (of->kind == LABELS_SEVERAL && scores[i] < HAS_LABEL)
            continue;
        buffer_text(to, separator);
        buffer_json(to, of->list[i].name, of->list[i].bytes);
        buffer_format(to, ":%s%.4f%s", before, (double)scores[i], after);
        separator = ",";
    }
    buffer_char(to, '}');
}

size_t labels_max_bytes(const event_labels *of)
{
    /* "%.4f" of the largest float has 44 characters with its sign. */
    size_t bytes = 2, score = sizeof ",:{\"N\":\"\"}" - 1 + 44;

    for (size_t i = 0; i < of->count; i++)
        bytes += json_quote(NULL, 0, of->list[i].name, of->list[i].bytes) + score;
    return bytes;
}
