/* SPDX-License-Identifier: Apache-2.0 */
/* The texts go through the original first and through the library afterwards. */
#include "tools/convert/held_out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/strict_float.h"
#include "runtime/distil.h"
#include "tools/convert/calibration.h"
#include "tools/convert/original.h"

/* Both models, and the place of the text that the blob classifies next. */
typedef struct comparison {
    conv_cost *cost;
    conv_original *original;
    distil_model *model;
    distil_context *context;
    float *logits; /* (labels) of the blob */
} comparison;

static int add_original(void *user, const char *text, size_t bytes, conv_error *error)
{
    const comparison *c = user;

    return conv_original_add(c->original, text, bytes, error);
}

/* Returns the index of the greatest of n floats, but for the index `except`. */
static size_t greatest(const float *x, size_t n, size_t except)
{
    size_t best = except == 0 && n > 1 ? 1 : 0;

    for (size_t i = best + 1; i < n; i++)
        if (i != except && x[i] > x[best])
            best = i;
    return best;
}

static int compare(void *user, const char *text, size_t bytes, conv_error *error)
{
    comparison *c = user;
    conv_cost *cost = c->cost;
    size_t n = conv_original_labels(c->original, NULL);
    const float *want = conv_original_logits(c->original) + cost->texts * n;
    const distil_scores scores = {.logits = c->logits};
    distil_result result;
    distil_status status = distil_classify(c->context, &result, &scores, text, bytes, 0);
    size_t first = greatest(want, n, n);
    double off = (double)c->logits[first] - (double)want[first];

    if (status != DISTIL_OK)
        return conv_fail(error, "a text that is held out: %s", distil_status_str(status));
    if (n > 1) {
        size_t second = greatest(want, n, first);

        off -= (double)c->logits[second] - (double)want[second];
    }
    cost->texts++;
    cost->agreeing += greatest(c->logits, n, n) == first;
    cost->error_sum += fabs(off);
    cost->error_max = fmax(cost->error_max, fabs(off));
    return 0;
}

static int open_blob(comparison *c, const char *blob, conv_error *error)
{
    const distil_options options = DISTIL_OPTIONS_INIT;
    const distil_context_options context_options = DISTIL_CONTEXT_OPTIONS_INIT;
    distil_error why = {.message = ""};

    if (distil_model_open(&c->model, blob, &options, &why) != DISTIL_OK ||
        distil_context_new(&c->context, c->model, &context_options, &why) != DISTIL_OK)
        return conv_fail(error, "%s: %s", blob, why.message);
    c->logits = calloc(conv_original_labels(c->original, NULL), sizeof c->logits[0]);
    return c->logits ? 0 : conv_fail(error, "out of memory");
}

int conv_cost_measure(conv_cost *cost, const char *directory, const char *blob,
                      const char *calibrate, size_t threads, conv_error *error)
{
    comparison c = {.cost = cost};
    int failed;

    memset(cost, 0, sizeof *cost);
    c.original = conv_original_open(directory, threads, error);
    failed = !c.original || conv_texts_held_out(calibrate, add_original, &c, error) ||
             conv_original_finish(c.original, error) || open_blob(&c, blob, error) ||
             conv_texts_held_out(calibrate, compare, &c, error);
    distil_context_free(c.context);
    (void)distil_model_close(c.model);
    free(c.logits);
    conv_original_close(c.original);
    return failed ? -1 : 0;
}
