/* SPDX-License-Identifier: Apache-2.0 */
/* Zero-shot classification; see cmd_zero_shot.h. */
#include "tools/command/cmd_zero_shot.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/command/cmd_message.h"
#include "tools/command/commands.h"

static const char default_template[] = "This example is {}.";

/* ---- candidates ----------------------------------------------------------------------------- */

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Find the candidate that begins at *at, between commas and without the spaces around it. Moves *at
 * behind it, or to NULL after the last one. */
static const char *next_candidate(const char **at, size_t *size)
{
    const char *begin = *at, *end = begin + strcspn(begin, ",");

    *at = *end == ',' ? end + 1 : NULL;
    while (begin < end && is_space(*begin))
        begin++;
    while (end > begin && is_space(end[-1]))
        end--;
    *size = (size_t)(end - begin);
    return begin;
}

/* Count the candidates, and the bytes that their names and hypotheses need. An empty one is left
 * out. */
static size_t count_candidates(size_t *bytes, const char *list, size_t template_bytes)
{
    size_t count = 0, size;

    *bytes = 0;
    while (list != NULL) {
        (void)next_candidate(&list, &size);
        if (size == 0)
            continue;
        count++;
        *bytes += 2 * (size + 1) + template_bytes;
    }
    return count;
}

/* Append bytes and return what follows them. */
static char *append(char *to, const char *bytes, size_t size)
{
    memcpy(to, bytes, size);
    return to + size;
}

/* Fill names and hypotheses. `hole` is where the name goes in the template. */
static void fill_candidates(cmd_zero_shot *zero, const char *list, const char *template,
                            const char *hole)
{
    char *to = zero->bytes;
    size_t i = 0, size;

    while (list != NULL) {
        const char *name = next_candidate(&list, &size);

        if (size == 0)
            continue;
        zero->names[i] = to;
        to = append(to, name, size);
        *to++ = '\0';
        zero->hypotheses[i].bytes = to;
        to = append(to, template, (size_t)(hole - template));
        to = append(to, name, size);
        to = append(to, hole + 2, strlen(hole + 2));
        zero->hypotheses[i].size = (size_t)(to - zero->hypotheses[i].bytes);
        *to++ = '\0';
        i++;
    }
}

/* Returns a name that stands twice among the candidates, or NULL. */
static const char *find_repeated(const cmd_zero_shot *zero)
{
    for (size_t i = 1; i < zero->count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(zero->names[i], zero->names[k]) == 0)
                return zero->names[i];
    return NULL;
}

static int allocate(cmd_zero_shot *zero, size_t bytes)
{
    zero->bytes = malloc(bytes);
    zero->names = calloc(zero->count, sizeof *zero->names);
    zero->hypotheses = calloc(zero->count, sizeof *zero->hypotheses);
    zero->values = calloc(zero->count, 2 * sizeof *zero->values);
    if (zero->bytes != NULL && zero->names != NULL && zero->hypotheses != NULL &&
        zero->values != NULL)
        return CMD_OK;
    cmd_error("out of memory");
    return CMD_FAILED;
}

int cmd_zero_shot_open(cmd_zero_shot *zero, const cmd_options *o)
{
    const char *template = o->template != NULL ? o->template : default_template;
    const char *hole = strstr(template, "{}");
    size_t bytes;

    memset(zero, 0, sizeof *zero);
    if (o->candidates == NULL)
        return o->template == NULL && !o->multi
                   ? CMD_OK
                   : cmd_usage_error("classify", "--%s needs --candidates",
                                     o->multi ? "multi" : "template");
    if (hole == NULL || strpbrk(hole + 2, "{}") != NULL ||
        strcspn(template, "{}") != (size_t)(hole - template))
        return cmd_usage_error("classify",
                               "--template: '%s' must have {} once, where the candidate "
                               "goes, and no other brace",
                               template);
    zero->count = count_candidates(&bytes, o->candidates, strlen(template));
    if (zero->count == 0 || zero->count > CMD_MAX_CANDIDATES)
        return cmd_usage_error("classify",
                               "--candidates: expected 1 to %d labels with commas "
                               "between them, found %zu",
                               CMD_MAX_CANDIDATES, zero->count);
    /* With one candidate there is nothing to compare it with, so it is judged by itself. */
    zero->multi = o->multi || zero->count == 1;
    if (allocate(zero, bytes) != CMD_OK)
        return CMD_FAILED;
    fill_candidates(zero, o->candidates, template, hole);
    if (find_repeated(zero) != NULL)
        return cmd_usage_error("classify", "--candidates: '%s' stands there twice",
                               find_repeated(zero));
    return CMD_OK;
}

void cmd_zero_shot_close(cmd_zero_shot *zero)
{
    free(zero->bytes);
    free(zero->names);
    free(zero->hypotheses);
    free(zero->values);
}

/* ---- answers -------------------------------------------------------------------------------- */

int cmd_zero_shot_choose(cmd_zero_shot *zero, const cmd_model *model)
{
    size_t n = model->info.n_labels;

    for (size_t i = 0; i < n && n > 1; i++) {
        if (strncasecmp(distil_model_label(model->model, i), "entail", 6) != 0)
            continue;
        zero->entailment = i;
        zero->contradiction = i == 0 ? n - 1 : 0;
        return CMD_OK;
    }
    return cmd_usage_error("classify",
                           "--candidates: the model has no label that begins with 'entail' beside "
                           "another one; give a model for natural language inference (NLI) with "
                           "-m, or name such labels in the id2label of its config.json and convert "
                           "it again");
}

void cmd_zero_shot_answer(cmd_zero_shot *zero, const cmd_model *model, cmd_answer *answer)
{
    float *logits = zero->values, *scores = zero->values + zero->count;
    size_t n = model->info.n_labels, best = 0;
    distil_result result = {0};
    distil_status status = DISTIL_OK;

    for (size_t i = 0; i < zero->count; i++) {
        const float *pair = answer->logits + i * n;
        float both[2] = {pair[zero->contradiction], pair[zero->entailment]};

        logits[i] = scores[i] = both[1];
        if (zero->multi) {
            status = distil_apply_function(model->model, both, 2, DISTIL_FUNCTION_SOFTMAX);
            scores[i] = both[1];
        }
        result.token_count += answer->pairs[i].token_count;
        result.truncated |= answer->pairs[i].truncated;
    }
    if (!zero->multi)
        status = distil_apply_function(model->model, scores, zero->count, DISTIL_FUNCTION_SOFTMAX);
    for (size_t i = 1; i < zero->count; i++)
        if (scores[i] > scores[best])
            best = i;
    if (status != DISTIL_OK)
        answer->refusal = distil_status_str(status);
    result.label = best;
    result.score = scores[best];
    answer->result = result;
    answer->logits = logits;
    answer->probabilities = scores;
}
