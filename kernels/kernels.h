/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of every numeric kernel: levels, operand layouts, and one function type per operation.
 *
 * The rule that all of this serves: for the same arguments every variant of an operation returns
 * the same bits as its scalar variant. Integer sums are exact. A float reduction is defined either
 *   - as a chain: one accumulator, fused multiply-adds in the order of the index (vector code
 *     computes many chains side by side, so its width cannot change a result), or
 *   - over 16 virtual lanes: lane i takes elements i, i + 16, i + 32, ... in order; the lanes are
 *     then joined pairwise, i with i + 8, then i + 4, i + 2, i + 1 ("the tree").
 * Where a definition below writes fma(a, b, c) it is one rounding; where it writes a * b + c it is
 * two. Rounding is to nearest even everywhere.
 *
 * A kernel reads and writes only what its contract names, keeps no pointer, has no state and cannot
 * fail. Preconditions are asserted in development builds. All functions are safe to call from any
 * number of threads on disjoint outputs.
 */
#ifndef DISTIL_KERNELS_KERNELS_H
#define DISTIL_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* ---- levels ------------------------------------------------------------------------------- */

/*
 * Instruction-set levels, worst to best, and what their files are compiled with. A level is a whole
 * set of features, never a loose bit:
 *   scalar      x86-64 baseline
 *   avx2        AVX2, FMA, BMI2 with ymm state enabled by the OS     -mavx2 -mfma -mbmi2
 *   avxvnni     avx2 + AVX-VNNI                                      ... -mavxvnni
 *   avx512      avx2 + AVX-512 F, BW, DQ, VL with zmm state enabled  ... -mavx512{f,bw,dq,vl}
 *   avx512vnni  avx512 + AVX-512 VNNI                                ... -mavx512vnni
 */
typedef enum distil_level {
    DISTIL_LEVEL_SCALAR = 0,
    DISTIL_LEVEL_AVX2 = 1,
    DISTIL_LEVEL_AVXVNNI = 2,
    DISTIL_LEVEL_AVX512 = 3,
    DISTIL_LEVEL_AVX512VNNI = 4
} distil_level;
enum { DISTIL_LEVEL_COUNT = 5 };

/* ---- panel geometry ------------------------------------------------------------------------- */

enum {
    DISTIL_QUAD = 4,          /* consecutive k in one 32-bit lane of a panel */
    DISTIL_PANEL_COLS = 16,   /* output columns of one panel; one quad of a panel is 64 bytes */
    DISTIL_PAIR_COLS = 32,    /* output columns of a panel pair, which share one quad order */
    DISTIL_MAX_TILE_ROWS = 16 /* upper bound of distil_kernels.tile_rows at any level */
};

/*
 * Weights that are read later in a pass, for so few rows that reading them is all that counts. A
 * product that waits for arithmetic may fetch them meanwhile, the same part with each column pair.
 * An address alone: nothing is read from it and no result depends on it. bytes is at most depth *
 * cols / 2 of the product's matrix; beyond that lines are left out, as is what pairs do not divide.
 */
typedef struct distil_prefetch_hint {
    const int8_t *begin;
    size_t bytes;
} distil_prefetch_hint;

/*
 * A (depth, cols) int8 matrix in panels, as it lies in the blob.
 *
 * panels  cols / 16 panels of depth * 16 bytes, 64-byte aligned. Position i of a panel holds the
 *         quad k = 4 * order[i] .. 4 * order[i] + 3: 16 columns x 4 consecutive k,
 *         byte (i * 16 + column) * 4 + (k % 4).
 * order   cols / 32 tables of depth / 4 entries; a permutation of 0 .. depth / 4 - 1, shared by
 *         both panels of a pair.
 * scale   (cols) float, finite, > 0: weight = int8 * scale[col].
 * bias    (cols) float, finite.
 * col_sum (cols) int32: sum over k of the column's int8 weights.
 * group   (cols / 32) 4, 2 or 1: the number of consecutive positions whose products of u8
 *         activations may be added in one wrapping int16 lane. Proven when packed: in each such
 *         group, aligned to its size, and in each pair of k (0-1, 2-3 of a quad) of each column,
 *         positive weights sum to at most 128 and negative ones to at least -128,
 *         and 255 * 128 = 32640 <= 32767.
 * depth   multiple of 32, 32 <= depth <= 16384, so |sum| <= 255 * 127 * 16384 < 2^30.
 * cols    multiple of 32.
 * later   what may be fetched while this matrix is multiplied.
 */
typedef struct distil_qmatrix {
    const int8_t *panels;
    const uint16_t *order;
    const float *scale;
    const float *bias;
    const int32_t *col_sum;
    const uint8_t *group;
    size_t depth;
    size_t cols;
    distil_prefetch_hint prefetch_hint;
} distil_qmatrix;

/*
 * Quantised activations: (rows, depth) u8 with a scale and a zero point for each row,
 * x = (q - zero_point) * scale. Rows are cut into tiles as evenly as possible (see distil_tile_*),
 * and each tile is interleaved by quad: byte ((k / 4) * rows_of_tile + row_in_tile) * 4 + k % 4
 * from the tile's start, which is first_row_of_tile * depth bytes from q.
 * q is 64-byte aligned.
 */
typedef struct distil_qrows {
    const uint8_t *q;
    const float *scale;        /* (rows), > 0 */
    const int32_t *zero_point; /* (rows), 0 .. 255 */
    size_t rows;
    size_t tile_rows; /* most rows a tile may have; the value of the table that made and reads it */
} distil_qrows;

/* Number of tiles that rows are cut into when a tile may have up to tile_rows rows. */
static inline size_t distil_tile_count(size_t rows, size_t tile_rows)
{
    return (rows + tile_rows - 1) / tile_rows;
}

/* First row of a tile, 0 <= tile <= count; at count it is rows. Sizes differ by at most 1. */
static inline size_t distil_tile_first(size_t rows, size_t tile_rows, size_t tile)
{
    size_t count = distil_tile_count(rows, tile_rows);
    size_t base = rows / count;
    size_t longer = rows % count;

    return tile * base + (tile < longer ? tile : longer);
}

/* What qgemm applies to a finished output element. */
typedef enum distil_epilogue {
    DISTIL_EPILOGUE_BIAS = 0, /* y = fma((float)sum, scale_a * scale_w, bias) */
    DISTIL_EPILOGUE_GELU = 1  /* gelu(y), see poly.h */
} distil_epilogue;

/* ---- operations: name, then the function type distil_<op>_fn ------------------------------- */

/*
 * One embedding row: out[i] = fma((float)word[i], word_scale, position[i]).
 * out, position (dim) float; word (dim) int8; dim multiple of 32. No overlap.
 */
typedef void distil_embed_fn(float *restrict out, const int8_t *restrict word, float word_scale,
                             const float *restrict position, size_t dim);

/*
 * Residual addition and layer normalisation of one row (Ba et al. 2016), two passes:
 *   t[i] = x[i] + residual[i]                        (t = x where residual is NULL)
 *   mean = tree(lanes: s += t[i]) / dim
 *   var  = tree(lanes: s = fma(d, d, s), d = t[i] - mean) / dim
 *   out[i] = fma((t[i] - mean) * (1 / sqrt(var + eps)), gamma[i], beta[i])
 * out may be x or residual, else no overlap. dim multiple of 32.
 */
typedef void distil_layer_norm_fn(float *out, const float *x, const float *residual,
                                  const float *restrict gamma, const float *restrict beta,
                                  size_t dim, float eps);

/*
 * Quantise one tile of rows to u8, interleaved by quad (see distil_qrows).
 *   lo = min(0, min x), hi = max(0, max x), range = hi - lo
 *   range < 1e-30: scale = 1, zero_point = 0, all q = 0
 *   else scale = range / 255, inv = 255 / range, zero_point = rint(-lo * inv),
 *        q = clamp(rint(x * inv) + zero_point, 0, 255)
 * q          rows * depth bytes, written whole
 * scale, zero_point  (rows)
 * x          rows of depth finite floats, x_stride elements apart
 * rows       1 .. DISTIL_MAX_TILE_ROWS; depth multiple of 32
 */
typedef void distil_quantize_fn(uint8_t *restrict q, float *restrict scale,
                                int32_t *restrict zero_point, const float *restrict x,
                                size_t x_stride, size_t rows, size_t depth);

/*
 * int8 matrix product over the column pairs pair_begin <= p < pair_end, all rows of a:
 *   sum  = sum_k (q[m][k] - zero_point[m]) * w[k][n]                       exact, int32
 *   c[m * c_stride + n] = epilogue(fma((float)sum, a.scale[m] * w.scale[n], w.bias[n]))
 * for n in [32 * pair_begin, 32 * pair_end). c must not overlap an input.
 */
typedef void distil_qgemm_fn(float *restrict c, size_t c_stride, const distil_qrows *a,
                             const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                             distil_epilogue epilogue);

/*
 * Scaled dot-product attention of one head of one text (Vaswani et al. 2017). Both products are
 * sums of integer products, exact. Integers stand for floats by column of K (rows, head_dim), by
 * row of Q times K's steps, and by column of V:
 *   K   low, high = min x, max x, both within -1e15 .. 1e15; range = high - low; most 254
 *       integer = clamp(rint(fma(x, inverse, -low * inverse)), 0, most)
 *   Q   t[d] = x[d] * step_k[d]; range = max |t|, at most 1e15; most 127
 *       integer = clamp(rint(t * inverse), -most, most)
 *   V   range = max |x|, at most 1e15; most 131071 / rows rounded down, at most 32767
 *       integer = clamp(rint(x * inverse), -most, most)
 *   inverse = most / range, step = range / most, but 0 and 0 where range < 1e-30
 * (-low adds the same to all scores of a query, and only their differences are used), and then
 *   s[j] = sum_d Q[i][d] * K[j][d]                    at most 64 * 127 * 254 < 2^21
 *   y[j] = (float)(s[j] - max_j s[j]) * (step_q * (scale * log2 e))
 *   p[j] = exp2_(y[j])                                integers of poly.h, 0 .. 16383 for 2^y
 *   out[i][d] = (float)(sum_j p[j] * V[j][d]) * (1 / (float)sum_j p[j]) * step_v[d]
 * where the sum is at most rows * 16383 * (131071 / rows) <= 16383 * 131071 < 2^31.
 * Every float is allowed: a NaN is left out of its range, and where the argument of rint is a NaN
 * or not below 2^31 in magnitude, the integer is the least one.
 * q        (query_rows, head_dim), k and v (rows, head_dim), each `stride` elements between rows
 * out      (query_rows, head_dim), out_stride elements between rows; overlaps nothing
 * rows     1 .. 512; query_rows 1 .. rows; head_dim 32 or 64; scale > 0, at most 1
 * scratch  distil_attention_scratch(rows, head_dim) bytes, 64-byte aligned, contents undefined
 */
typedef void distil_attention_fn(float *restrict out, size_t out_stride, const float *restrict q,
                                 const float *restrict k, const float *restrict v, size_t stride,
                                 size_t query_rows, size_t rows, size_t head_dim, float scale,
                                 void *restrict scratch);

enum {
    DISTIL_ATTENTION_MAX_ROWS = 512,
    DISTIL_ATTENTION_MAX_HEAD = 64,
    DISTIL_ATTENTION_MOST_Q = 127,
    DISTIL_ATTENTION_MOST_K = 254,      /* even, so that the middle of a range is an integer */
    DISTIL_ATTENTION_MOST_PV = 131071,  /* of V, times rows */
    DISTIL_ATTENTION_TILE_ROWS = 12,    /* most query rows that a variant takes at a time */
    DISTIL_ATTENTION_TILE_COLS = 544,   /* int32 from one to the next: 512 scores, 64 int16 of Q */
    DISTIL_ATTENTION_FLOAT = 0x4b400000 /* 1.5 * 2^23 as a float; FLOAT + s is that plus s */
};
_Static_assert((1 << 22) / DISTIL_ATTENTION_MAX_HEAD >
                   DISTIL_ATTENTION_MOST_Q * DISTIL_ATTENTION_MOST_K,
               "1.5 * 2^23 plus a score is between 2^23 and 2^24, where floats are the integers");
_Static_assert(DISTIL_ATTENTION_MOST_Q <= INT8_MAX && DISTIL_ATTENTION_MOST_K <= UINT8_MAX,
               "Q fits the signed operand of a byte product, K the unsigned one");

/* Greatest integer that stands for an element of V. */
static inline int16_t distil_attention_most_v(size_t rows)
{
    size_t most = DISTIL_ATTENTION_MOST_PV / rows;

    return (int16_t)(most < INT16_MAX ? most : INT16_MAX);
}

/* Bounds of a range: beyond the upper one elements are clamped, below the lower one they are 0. */
#define DISTIL_ATTENTION_RANGE_MAX 1e15f
#define DISTIL_ATTENTION_RANGE_MIN 1e-30f

static inline float distil_attention_inverse(float range, float most)
{
    return range >= DISTIL_ATTENTION_RANGE_MIN ? most / range : 0.0f;
}

static inline float distil_attention_step(float range, float most)
{
    return range >= DISTIL_ATTENTION_RANGE_MIN ? range / most : 0.0f;
}

/* Bytes of scratch that attention may use: K and V as int16, and a tile of rows of scores and Q. */
static inline size_t distil_attention_scratch(size_t rows, size_t head_dim)
{
    size_t padded = (rows + 15) / 16 * 16;

    return 2 * padded * head_dim * sizeof(int16_t) +
           DISTIL_ATTENTION_TILE_ROWS * DISTIL_ATTENTION_TILE_COLS * sizeof(int32_t);
}

/*
 * fp32 product of one row, for the classification head:
 *   out[n] = chain over k of fma(x[k], w[k * cols + n], o) starting from bias[n];
 *   with relu, negative results become +0: out = o > 0 ? o : 0.
 * w (depth, cols) row-major, 64-byte aligned; cols multiple of 16. No overlap.
 */
typedef void distil_dense_fn(float *restrict out, const float *restrict x, const float *restrict w,
                             const float *restrict bias, size_t depth, size_t cols, int relu);

/*
 * Softmax in place: x[i] = exp_(x[i] - max x) * (1 / tree(lanes: z += exp_(...))). n >= 1.
 */
typedef void distil_softmax_fn(float *x, size_t n);

/* Every operation, once. The table, the declarations, tests and benchmarks expand this list. */
#define DISTIL_OPS(OP)                                                                             \
    OP(embed)                                                                                      \
    OP(layer_norm)                                                                                 \
    OP(quantize)                                                                                   \
    OP(qgemm)                                                                                      \
    OP(attention)                                                                                  \
    OP(dense)                                                                                      \
    OP(softmax)

/* Declarations of all variants, from the one list. */
#define KERNEL(op, isa) distil_##op##_fn distil_##op##_##isa;
#include "kernels/kernels.inc"
#undef KERNEL

/* ---- table ---------------------------------------------------------------------------------- */

/* One function per operation for one level, and the tile height that quantize and qgemm share. */
typedef struct distil_kernels {
#define OP(op) distil_##op##_fn *op;
    DISTIL_OPS(OP)
#undef OP
    size_t tile_rows;
    distil_level level;
} distil_kernels;

/* Fill a table for a level: scalar first, each level up to it overwriting. Any level can be asked
 * for; running a table of a level the CPU lacks is undefined. */
void distil_kernels_fill(distil_kernels *table, distil_level level);

/* ---- CPU ------------------------------------------------------------------------------------ */

/* The CPUID leaves and the XCR0 value that decide the level. */
typedef struct distil_cpuid {
    uint32_t max_leaf;
    uint32_t leaf1_ecx;
    uint32_t leaf7_ebx;
    uint32_t leaf7_ecx;
    uint32_t leaf7_1_eax;
    uint64_t xcr0; /* 0 where OSXSAVE is clear */
    char brand[49];
} distil_cpuid;

/* Read this CPU. */
void distil_cpuid_read(distil_cpuid *out);

/* 1 if the CPU described can run the level, else 0 with *missing naming the first feature that
 * lacks, a static string; missing may be NULL. */
int distil_cpuid_has(const distil_cpuid *cpu, distil_level level, const char **missing);

/* The highest level the CPU described can run, at most cap. */
distil_level distil_cpuid_best(const distil_cpuid *cpu, distil_level cap);

/* "scalar", "avx2", "avxvnni", "avx512", "avx512vnni". */
const char *distil_level_name(distil_level level);

#endif
