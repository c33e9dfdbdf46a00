/* SPDX-License-Identifier: Apache-2.0 */
/* Logits to probabilities, label and score. */
#include "runtime/results.h"

#include <string.h>

#include "runtime/failure.h"
#include "runtime/rounding.h"

int distil_results_cancelled(const distil_context *c)
{
    return c->cancel && __atomic_load_n(c->cancel, __ATOMIC_RELAXED) != 0;
}

distil_status distil_results_fail(distil_context *c, distil_status status, size_t text)
{
    if (status == DISTIL_CANCELLED)
        return distil_fail_text(&c->error, status, text,
                                "the caller cancelled the call before text %zu", text);
    return distil_fail_text(&c->error, status, text, "text %zu: %s", text,
                            distil_status_str(status));
}

/* The difference of an infinity or a NaN with itself is a NaN, which equals nothing. */
int distil_results_are_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(x[i] - x[i] == 0.0f))
            return 0;
    return 1;
}

/* The sigmoid of each of n numbers, in place. It is the first element of the softmax of x and 0, so
 * it has the same bits at every level. */
static void apply_sigmoid(const distil_kernels *kernels, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float pair[2] = {x[i], 0};

        kernels->softmax(pair, 2);
        x[i] = pair[0];
    }
}

/* Applies a function to n logits, in place. */
static void apply_function(const distil_kernels *kernels, float *x, size_t n,
                           distil_function function)
{
    if (function == DISTIL_FUNCTION_SOFTMAX)
        kernels->softmax(x, n);
    else if (function == DISTIL_FUNCTION_SIGMOID)
        apply_sigmoid(kernels, x, n);
}

distil_status distil_apply_function(const distil_model *model, float *values, size_t n,
                                    distil_function function)
{
    unsigned callers;

    if (!model || !values || n == 0 || function <= DISTIL_FUNCTION_MODEL ||
        function > DISTIL_FUNCTION_NONE)
        return DISTIL_BAD_ARGUMENT;
    callers = distil_rounding_begin();
    apply_function(&model->kernels, values, n, function);
    distil_rounding_end(callers);
    return DISTIL_OK;
}

void distil_results_write(distil_context *c, distil_result *result, const distil_scores *scores,
                          const float *logits)
{
    size_t n = c->model->weights.n_labels, best = 0;
    /* The softmax can round two different logits to the same probability, so logits decide. */
    const float *order = c->function == DISTIL_FUNCTION_SOFTMAX ? logits : c->probabilities;

    memcpy(c->probabilities, logits, n * sizeof(float));
    apply_function(&c->model->kernels, c->probabilities, n, c->function);
    for (size_t i = 1; i < n; i++)
        if (order[i] > order[best])
            best = i;
    result->label = best;
    result->score = c->probabilities[best];
    if (scores && scores->logits)
        memcpy(scores->logits, logits, n * sizeof(float));
    if (scores && scores->probabilities)
        memcpy(scores->probabilities, c->probabilities, n * sizeof(float));
}
