/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in, vectors out: distil_embed. The encoder leaves the vectors of the tokens, which are
 * pooled into one vector for each text; a dense layer and a normalisation may follow. Each sum goes
 * over its terms in one fixed order, so a vector has the same bits at every level and with any
 * number of threads.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/strict_float.h"
#include "runtime/context.h"
#include "runtime/failure.h"
#include "runtime/options.h"
#include "runtime/results.h"
#include "runtime/rounding.h"
#include "runtime/texts.h"

/* The size that distil_embed_options has in version 0.2. */
enum { FIRST_EMBED_OPTIONS = 16 };

/* The least length that a vector is divided by, as in torch.nn.functional.normalize. */
#define LEAST_LENGTH 1e-12f

/* What one call computes, and where it writes. */
typedef struct request {
    distil_context *c;
    float *vectors;               /* (count, size) */
    distil_embedding *embeddings; /* (count), or NULL */
    size_t size;                  /* the numbers of a vector */
    distil_pooling pooling;       /* never DISTIL_POOLING_MODEL */
    int normalize;
    int has_dense;
    uint32_t dense; /* the distil_blob_dense that follows the dense layer */
} request;

/* ---- one vector ----------------------------------------------------------------------------- */

/* Pools the vectors of a text's tokens, rows (count, dim), into out (dim). A mean is the sum in the
 * order of the tokens, divided by their number. */
static void pool_rows(float *restrict out, const float *restrict rows, size_t count, size_t dim,
                      distil_pooling pooling)
{
    memcpy(out, rows, dim * sizeof *out);
    if (pooling == DISTIL_POOLING_CLS)
        return;
    for (size_t r = 1; r < count; r++) {
        const float *row = rows + r * dim;

        if (pooling == DISTIL_POOLING_MEAN)
            for (size_t i = 0; i < dim; i++)
                out[i] += row[i];
        else
            for (size_t i = 0; i < dim; i++)
                out[i] = row[i] > out[i] ? row[i] : out[i];
    }
    if (pooling == DISTIL_POOLING_MEAN)
        for (size_t i = 0; i < dim; i++)
            out[i] /= (float)count;
}

/* Applies what follows the dense layer to n numbers in place. The sigmoid of x is the first element
 * of the softmax of x and 0, and tanh(x) = 2 sigmoid(2x) - 1. The softmax has the same bits at
 * every level. */
static void activate(const distil_kernels *kernels, float *x, size_t n, uint32_t dense)
{
    float scale = dense == DISTIL_BLOB_DENSE_TANH ? 2.0f : 1.0f;

    if (dense != DISTIL_BLOB_DENSE_TANH && dense != DISTIL_BLOB_DENSE_SIGMOID)
        return;
    for (size_t i = 0; i < n; i++) {
        float pair[2] = {scale * x[i], 0};

        kernels->softmax(pair, 2);
        x[i] = dense == DISTIL_BLOB_DENSE_TANH ? 2 * pair[0] - 1 : pair[0];
    }
}

/* Divides a vector by its length. The squares are added in the order of the vector, in double. */
static void normalize(float *x, size_t n)
{
    double sum = 0;
    float length;

    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    length = (float)sqrt(sum);
    if (length < LEAST_LENGTH)
        length = LEAST_LENGTH;
    for (size_t i = 0; i < n; i++)
        x[i] /= length;
}

/* Computes the vector of one text into scratch memory of the context, where rows (count, dim) are
 * the vectors of its tokens. Returns the vector, which is valid until the next call. */
static const float *compute_vector(const request *q, const float *rows, size_t count)
{
    const distil_weights *w = &q->c->model->weights;
    const distil_kernels *k = &q->c->model->kernels;
    float *vector = q->c->scratch.head_dense;

    pool_rows(vector, rows, count, w->dim, q->pooling);
    if (q->has_dense) {
        k->dense(q->c->scratch.head_columns, vector, w->out_weight, w->out_bias, w->dim,
                 w->label_cols, q->dense == DISTIL_BLOB_DENSE_RELU);
        vector = q->c->scratch.head_columns;
        activate(k, vector, q->size, q->dense);
    }
    if (q->normalize)
        normalize(vector, q->size);
    return vector;
}

/* ---- a call --------------------------------------------------------------------------------- */

/* Writes the vectors of the pass that has run, of texts first .. first + texts - 1 of the call, up
 * to the first one that is not finite. */
static distil_status write_vectors(const request *q, size_t first, size_t texts)
{
    const distil_context *c = q->c;
    size_t dim = c->model->weights.dim;

    for (size_t t = 0; t < texts; t++) {
        size_t row = c->encoder.all_rows ? c->scratch.first_row[t] : t;
        const float *vector = compute_vector(q, c->scratch.residual + row * dim, c->lengths[t]);

        if (!distil_results_are_finite(vector, q->size))
            return distil_results_fail(q->c, DISTIL_NOT_FINITE, first + t);
        memcpy(q->vectors + (first + t) * q->size, vector, q->size * sizeof *vector);
        if (q->embeddings)
            q->embeddings[first + t] = (distil_embedding){c->lengths[t], c->truncated[t]};
    }
    return DISTIL_OK;
}

/* Runs a pass over the first `texts` texts in c->ids, which are texts first .. first + texts - 1 of
 * the call, and writes their vectors, unless the caller has cancelled the call. */
static distil_status run_pass(const request *q, size_t first, size_t texts)
{
    distil_context *c = q->c;
    unsigned callers;
    distil_status status;

    if (distil_results_cancelled(c))
        return distil_results_fail(c, DISTIL_CANCELLED, first);
    callers = distil_rounding_begin();
    c->encoder.all_rows = q->pooling != DISTIL_POOLING_CLS;
    distil_enc_run(&c->encoder, &c->scratch, NULL, c->ids, c->lengths, texts);
    status = write_vectors(q, first, texts);
    distil_rounding_end(callers);
    return status;
}

static distil_status embed_texts(const request *q, const distil_text *texts, size_t count,
                                 uint32_t flags)
{
    distil_context *c = q->c;
    int split = distil_splits_specials(&c->model->tokenizer, flags);
    size_t pending = 0, used = 0, done = 0; /* texts and tokens that wait for a pass */

    for (; done + pending < count; pending++) {
        int32_t *ids = c->ids + used;
        uint8_t truncated;
        size_t n = distil_encode_single(c, ids, &truncated, &texts[done + pending], split);

        if (used + n > c->scratch.rows) {
            /* This text does not fit: run a pass of those before it, and begin the next with it. */
            distil_status status = run_pass(q, done, pending);

            if (status != DISTIL_OK)
                return status;
            memmove(c->ids, ids, n * sizeof *ids);
            done += pending;
            pending = used = 0;
        }
        c->lengths[pending] = n;
        c->truncated[pending] = truncated;
        used += n;
    }
    return pending > 0 ? run_pass(q, done, pending) : DISTIL_OK;
}

/* Returns what is wrong with the arguments that are no texts, or NULL. */
static const char *check_call(const distil_context *c, const distil_embed_options *options,
                              uint32_t flags)
{
    if (c->windows.size > 0)
        return "a context with windows gives no embeddings";
    if ((flags & ~(uint32_t)DISTIL_SPECIALS_FLAGS) != 0 || flags == DISTIL_SPECIALS_FLAGS)
        return "flags: expected 0 or one of the flags of distil_tokenize";
    if ((unsigned)options->pooling > DISTIL_POOLING_MAX)
        return "options: pooling is none of distil_pooling";
    if ((unsigned)options->normalization > DISTIL_NORMALIZATION_OFF)
        return "options: normalization is none of distil_normalization";
    return NULL;
}

/* Fills *q from the model and the options. Returns what is wrong, or NULL. */
static const char *make_request(request *q, const distil_embed_options *options)
{
    const distil_model *model = q->c->model;
    distil_model_info info;
    uint32_t bits = model->blob.header->embedding;

    (void)(distil_model_get_info(model, &info) == DISTIL_OK);
    q->size = info.vector_size;
    q->has_dense = (bits & DISTIL_BLOB_EMBEDDING_DENSE) != 0;
    q->dense = bits >> DISTIL_BLOB_EMBEDDING_DENSE_SHIFT;
    q->pooling = options->pooling != DISTIL_POOLING_MODEL ? options->pooling : info.pooling;
    q->normalize = options->normalization != DISTIL_NORMALIZATION_MODEL
                       ? options->normalization == DISTIL_NORMALIZATION_ON
                       : info.normalized;
    if (q->has_dense && q->pooling != info.pooling)
        return "options: the model's dense layer needs the model's own pooling: leave pooling out";
    return NULL;
}

static distil_status check_texts(distil_context *c, const distil_text *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!texts[i].bytes && texts[i].size > 0)
            return distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                    "text %zu: bytes is NULL, and size is %zu", i, texts[i].size);
        if (texts[i].pair || texts[i].pair_size > 0)
            return distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                    "text %zu is a pair, and only single texts have embeddings", i);
    }
    return DISTIL_OK;
}

distil_status distil_embed(distil_context *c, float *vectors, distil_embedding *embeddings,
                           const distil_text *texts, size_t count, uint32_t flags,
                           const distil_embed_options *options)
{
    request q = {.c = c, .vectors = vectors, .embeddings = embeddings};
    distil_embed_options known = {0};
    const char *wrong;
    distil_status status;

    _Static_assert(sizeof known >= FIRST_EMBED_OPTIONS, "members may be appended only");
    if (!c)
        return DISTIL_BAD_ARGUMENT;
    if (count > 0 && (!vectors || !texts))
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT, "vectors or texts is NULL");
    wrong = distil_options_copy(&known, sizeof known, FIRST_EMBED_OPTIONS, options);
    if (!wrong)
        wrong = check_call(c, &known, flags);
    if (!wrong)
        wrong = make_request(&q, &known);
    if (wrong)
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT, wrong);
    status = check_texts(c, texts, count);
    return status == DISTIL_OK ? embed_texts(&q, texts, count, flags) : status;
}
