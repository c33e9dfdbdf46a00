/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fp32 product of one row with a matrix, AVX-512: contract in kernels.h.
 *
 * The weights (2.25 MiB at 768 x 768) are read once and in order, four rows at a time; the sums
 * wait in out, which stays in the first cache. The four rows after the next are fetched meanwhile,
 * to the second cache: to the first, whose line buffers are few, it takes 1.6 times as long from
 * memory (Zen 4).
 */
#include "kernels/kernels.h"
#include "kernels/simd_avx512.h"

#include <assert.h>

enum {
    STEP = 4,        /* rows of weights at a time */
    AHEAD = 2 * STEP /* rows that the fetch is ahead */
};

/* The line `ahead` elements after w, which may lie beyond the end. */
static inline void prefetch(const float *w, size_t ahead)
{
    _mm_prefetch((const char *)((uintptr_t)w + ahead * sizeof *w), _MM_HINT_T1);
}

/* out += x[0 .. steps) times as many rows of w, each element one chain in order of k. */
static inline void add_rows(float *restrict out, const float *restrict x, const float *restrict w,
                            size_t steps, size_t cols)
{
    for (size_t n = 0; n < cols; n += 16) {
        __m512 sum = _mm512_loadu_ps(out + n);

        for (size_t k = 0; k < steps; k++) {
            prefetch(w + k * cols + n, AHEAD * cols);
            sum = _mm512_fmadd_ps(_mm512_set1_ps(x[k]), _mm512_load_ps(w + k * cols + n), sum);
        }
        _mm512_storeu_ps(out + n, sum);
    }
}

void distil_dense_avx512(float *restrict out, const float *restrict x, const float *restrict w,
                         const float *restrict bias, size_t depth, size_t cols, int relu)
{
    size_t k = 0;

    assert(cols % 16 == 0);
    for (size_t n = 0; n < cols; n += 16)
        _mm512_storeu_ps(out + n, _mm512_loadu_ps(bias + n));
    for (; k + STEP <= depth; k += STEP)
        add_rows(out, x + k, w + k * cols, STEP, cols);
    add_rows(out, x + k, w + k * cols, depth - k, cols);
    if (relu) {
        /* vmaxps gives its second operand unless the first is greater: o > 0 ? o : +0 */
        for (size_t n = 0; n < cols; n += 16)
            _mm512_storeu_ps(out + n, _mm512_max_ps(_mm512_loadu_ps(out + n), _mm512_setzero_ps()));
    }
}
