/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of kernels.h in double precision, and the tolerance of each; see support_naive.h.
 */
#include "tests/support/support_naive.h"

#include <math.h>
#include <stdlib.h>

/* The largest ratio of an error to its tolerance so far, and the index of its output. */
typedef struct worst_error {
    double ratio;
    size_t at;
} worst_error;

static void note_error(worst_error *worst, size_t at, double got, double want, double tolerance)
{
    double error = fabs(got - want);
    double ratio = error == 0.0 ? 0.0 : error / tolerance;

    if (!(ratio <= worst->ratio)) { /* A NaN also counts as the worst error. */
        worst->ratio = isnan(ratio) ? INFINITY : ratio;
        worst->at = at;
    }
}

static const float *output(const kernel_case *c, size_t index)
{
    return (const float *)(const void *)c->out[index].guard.data;
}

double naive_gelu(double x)
{
    return 0.5 * x * erfc(-x / sqrt(2.0));
}

/* Check an embedding row against double precision. Its fma rounds once, so the tolerance is half an
 * ulp, 6e-8 of the value. */
static void check_embed(const kernel_case *c, worst_error *worst)
{
    const int8_t *word = (const int8_t *)c->in[0].guard.data;

    for (size_t i = 0; i < c->shape.cols; i++) {
        double want = (double)word[i] * (double)0.013f + (double)kernel_in_float(c, 1)[i];

        note_error(worst, i, (double)output(c, 0)[i], want, 6e-8 * fabs(want) + 1e-44);
    }
}

/* Each of the 16 lanes makes at most 1024 / 16 rounded additions, and the result is of order 1. */
static void check_layer_norm(const kernel_case *c, worst_error *worst)
{
    const float *x = kernel_in_float(c, 0);
    const float *residual = kernel_in_float(c, 1);
    size_t dim = c->shape.cols;
    double mean = 0.0;
    double variance = 0.0;

    for (size_t i = 0; i < dim; i++)
        mean += (double)(c->shape.flag ? x[i] + residual[i] : x[i]) / (double)dim;
    for (size_t i = 0; i < dim; i++) {
        double d = (double)(c->shape.flag ? x[i] + residual[i] : x[i]) - mean;

        variance += d * d / (double)dim;
    }
    for (size_t i = 0; i < dim; i++) {
        double d = (double)(c->shape.flag ? x[i] + residual[i] : x[i]) - mean;
        double y = d / sqrt(variance + (double)1e-12f);
        double want = y * (double)kernel_in_float(c, 2)[i] + (double)kernel_in_float(c, 3)[i];

        note_error(worst, i, (double)output(c, 0)[i], want, 4e-6 * (2.0 + fabs(y)));
    }
}

/* q and the zero point are each rounded by at most half a scale, which makes one scale together;
 * 0.01 % is for the float roundings. */
static void check_quantize(const kernel_case *c, worst_error *worst)
{
    const int32_t *zero_point = (const int32_t *)(const void *)c->out[2].guard.data;

    for (size_t r = 0; r < c->shape.rows; r++) {
        const float *x = kernel_in_float(c, 0) + r * c->in[0].stride;
        double scale = (double)output(c, 1)[r];
        double lo = 0.0;
        double hi = 0.0;

        for (size_t k = 0; k < c->shape.depth; k++) {
            lo = fmin(lo, (double)x[k]);
            hi = fmax(hi, (double)x[k]);
        }
        if (hi - lo >= 1e-30)
            note_error(worst, r, scale, (hi - lo) / 255.0, 2e-7 * scale);
        else
            note_error(worst, r, scale, 1.0, 1e-9);
        for (size_t k = 0; k < c->shape.depth; k++) {
            size_t at = (k / 4 * c->shape.rows + r) * 4 + k % 4;
            double got = ((double)c->out[0].guard.data[at] - zero_point[r]) * scale;

            note_error(worst, at, got, (double)x[k], 1.0001 * scale);
        }
    }
}

/* Returns the exact integer sum of one element of a product. It goes through k in order; `position`
 * is the inverse of the order table. */
static int64_t exact_sum(const kernel_case *c, const size_t *position, size_t tile, size_t row,
                         size_t n)
{
    size_t first = distil_tile_first(c->a.rows, c->a.tile_rows, tile);
    size_t rows = distil_tile_first(c->a.rows, c->a.tile_rows, tile + 1) - first;
    const int8_t *panel = c->w.panels + n / 16 * 16 * c->w.depth;
    int64_t sum = 0;

    for (size_t k = 0; k < c->w.depth; k++) {
        int q = c->a.q[first * c->w.depth + (k / 4 * rows + row - first) * 4 + k % 4];
        int w = panel[(position[k / 4] * 16 + n % 16) * 4 + k % 4];

        sum += (q - c->a.zero_point[row]) * w;
    }
    return sum;
}

/* The integer sum is exact. Rounding happens when it is converted to float, in the product of the
 * scales and in the fma, and GELU adds the error of its polynomial. */
static void check_qgemm(const kernel_case *c, worst_error *worst)
{
    size_t quads = c->w.depth / 4;
    size_t *position = malloc(quads * sizeof *position);
    size_t tiles = distil_tile_count(c->a.rows, c->a.tile_rows);

    if (position == NULL)
        abort();
    for (size_t n = 0; n < c->w.cols; n++) {
        for (size_t i = 0; i < quads; i++)
            position[c->w.order[n / 32 * quads + i]] = i;
        for (size_t tile = 0; tile < tiles; tile++) {
            size_t end = distil_tile_first(c->a.rows, c->a.tile_rows, tile + 1);

            for (size_t r = distil_tile_first(c->a.rows, c->a.tile_rows, tile); r < end; r++) {
                double product = (double)exact_sum(c, position, tile, r, n) *
                                 (double)c->a.scale[r] * (double)c->w.scale[n];
                double want = product + (double)c->w.bias[n];
                double tolerance = 2e-7 * (fabs(product) + fabs(want));
                size_t at = r * c->out[0].stride + n;

                if (c->shape.flag == DISTIL_EPILOGUE_GELU) {
                    want = naive_gelu(want);
                    tolerance += NAIVE_GELU_ERROR;
                }
                note_error(worst, at, (double)output(c, 0)[at], want, tolerance);
            }
        }
    }
    free(position);
}

/* ---- attention ------------------------------------------------------------------------------ */

/* Quantised floats: the integers and the float that one unit stands for. */
typedef struct integers {
    double *value; /* (n) owned; the user frees it */
    double scale;
} integers;

/* Returns the greatest |x|, at most 1e15; fmax ignores NaNs. */
static double range_of(const float *x, size_t stride, size_t n)
{
    double range = 0.0;

    for (size_t i = 0; i < n; i++)
        range = fmax(range, fabs((double)x[i * stride]));
    return fmin(range, (double)1e15f);
}

/* Quantises n floats that are `stride` apart. Here x * inverse is rounded to float like in the
 * definition, since that decides on which side of a tie the integer lies. */
static integers to_integers(const float *x, size_t stride, size_t n, double range, double low,
                            double least, double most)
{
    int zero = !(range >= (double)1e-30f);
    float inverse = zero ? 0.0f : (float)most / (float)range;
    integers to = {calloc(n, sizeof(double)), zero ? 0.0 : range / most};

    if (to.value == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        double t = (double)fmaf(x[i * stride], inverse, -(float)low * inverse);

        to.value[i] = fabs(t) < 0x1p31 ? fmax(least, fmin(most, nearbyint(t))) : least;
    }
    return to;
}

static integers symmetric(const float *x, size_t stride, size_t n, double most)
{
    return to_integers(x, stride, n, range_of(x, stride, n), 0.0, -most, most);
}

/* Quantises a column of K to 0 .. 254, from its least element to its greatest. */
static integers column_of_k(const float *k, size_t stride, size_t rows)
{
    double limit = (double)1e15f, low = limit, high = -limit;

    for (size_t i = 0; i < rows; i++) {
        low = fmin(low, (double)k[i * stride]);
        high = fmax(high, (double)k[i * stride]);
    }
    low = fmax(low, -limit);
    high = fmin(high, limit);
    return to_integers(k, stride, rows, (double)((float)high - (float)low), low, 0.0, 254.0);
}

/* Quantises a row of Q after multiplying each element with the scale of K's column. */
static integers row_of_q(const float *q, const integers *k, size_t depth)
{
    float t[64];

    for (size_t d = 0; d < depth; d++)
        t[d] = q[d] * (float)k[d].scale;
    return symmetric(t, 1, depth, 127.0);
}

/* Computes the attention weights p of one query, 16383 * 2^(score - greatest score), and returns
 * their sum. error is what the kernel's integer weights may differ by: 0.5 for rounding to an
 * integer, and relatively the error of exp2_ and of two roundings of the exponent, which is at most
 * about 15 in magnitude. */
static double attention_weights(double *p, double *error, const double *q, const integers *k,
                                double factor, size_t rows, size_t depth)
{
    double max = -INFINITY, sum = 0.0;

    for (size_t j = 0; j < rows; j++) {
        p[j] = 0.0;
        for (size_t d = 0; d < depth; d++)
            p[j] += q[d] * k[d].value[j];
        max = fmax(max, p[j]);
    }
    for (size_t j = 0; j < rows; j++) {
        p[j] = 16383.0 * exp2((p[j] - max) * factor);
        error[j] = 0.5 + (1.1e-4 + 16 * 6e-7) * p[j];
        sum += p[j];
    }
    return sum;
}

static void check_query(const kernel_case *c, worst_error *worst, size_t i, const integers *k,
                        const integers *v)
{
    size_t rows = c->shape.rows, depth = c->shape.depth;
    integers q = row_of_q(kernel_in_float(c, 0) + i * c->in[0].stride, k, depth);
    double score_scale = (double)(1.0f / sqrtf((float)depth)) / log(2.0);
    double p[512], error[512];
    double sum = attention_weights(p, error, q.value, k, q.scale * score_scale, rows, depth);

    for (size_t d = 0; d < depth; d++) {
        size_t at = i * c->out[0].stride + d;
        double want = 0.0, tolerance = 0.0, size = 0.0;

        for (size_t j = 0; j < rows; j++)
            want += p[j] / sum * v[d].value[j];
        for (size_t j = 0; j < rows; j++) {
            tolerance += error[j] / (sum - 0.5 * (double)rows) * fabs(v[d].value[j] - want);
            size = fmax(size, fabs(v[d].value[j]));
        }
        note_error(worst, at, (double)output(c, 0)[at], want * v[d].scale,
                   (tolerance + 4e-7 * size) * v[d].scale + 1e-44);
    }
    free(q.value);
}

/* Uses the integers of the definition for Q, K and V, so that only the attention weights differ. */
static void check_attention(const kernel_case *c, worst_error *worst)
{
    size_t rows = c->shape.rows, depth = c->shape.depth, stride = c->in[0].stride;
    integers k[64], v[64];

    for (size_t d = 0; d < depth; d++) {
        k[d] = column_of_k(kernel_in_float(c, 1) + d, stride, rows);
        v[d] = symmetric(kernel_in_float(c, 2) + d, stride, rows,
                         fmin(32767.0, floor(131071.0 / (double)rows)));
    }
    for (size_t i = 0; i < c->shape.queries; i++)
        check_query(c, worst, i, k, v);
    for (size_t d = 0; d < depth; d++) {
        free(k[d].value);
        free(v[d].value);
    }
}

/* There are `depth` roundings of partial sums. Each is at most half an ulp of the sum of
 * magnitudes, and they add up like noise, with the square root of their number. */
static void check_dense(const kernel_case *c, worst_error *worst)
{
    const float *x = kernel_in_float(c, 0);
    const float *w = kernel_in_float(c, 1);
    size_t depth = c->shape.depth;

    for (size_t n = 0; n < c->shape.cols; n++) {
        double want = (double)kernel_in_float(c, 2)[n];
        double size = fabs(want);

        for (size_t k = 0; k < depth; k++) {
            double product = (double)x[k] * (double)w[k * c->shape.cols + n];

            want += product;
            size += fabs(product);
        }
        if (c->shape.flag)
            want = fmax(want, 0.0);
        note_error(worst, n, (double)output(c, 0)[n], want,
                   1.2e-7 * sqrt((double)depth + 1) * size + 1e-38);
    }
}

/* The relative error of exp_ is 3e-7. Results around e^-87 and below are covered by the absolute
 * tolerance. */
static void check_softmax(const kernel_case *c, worst_error *worst)
{
    const float *x = kernel_in_float(c, 0);
    size_t n = c->shape.rows;
    double max = -INFINITY;
    double sum = 0.0;

    for (size_t i = 0; i < n; i++)
        max = fmax(max, (double)x[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - max);
    for (size_t i = 0; i < n; i++) {
        double want = exp((double)x[i] - max) / sum;

        note_error(worst, i, (double)output(c, 0)[i], want, 4e-6 * want + 2e-38);
    }
}

double naive_error(const kernel_case *c, size_t *at)
{
    worst_error worst = {0.0, 0};

    switch (c->op) {
#define OP(name)                                                                                   \
    case KERNEL_OP_##name:                                                                         \
        check_##name(c, &worst);                                                                   \
        break;
        DISTIL_OPS(OP)
#undef OP
    default:
        break;
    }
    *at = worst.at;
    return worst.ratio;
}
