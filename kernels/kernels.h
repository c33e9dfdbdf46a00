/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of every numeric kernel: the layouts of operands, and one function type for each
 * operation. levels.h has the instruction-set levels.
 *
 * All of this serves one rule: for the same arguments, every variant of an operation returns the
 * same bits as its scalar variant. Sums of integers are exact, so their order does not matter. A
 * sum of floats is defined in one of two ways:
 *   - As a chain: one accumulator receives fused multiply-adds in the order of the index. Vector
 *     code computes many chains side by side, so the width of its registers cannot change a result.
 *   - Over 16 virtual lanes: lane i receives the elements i, i + 16, i + 32, ... in this order.
 *     Then the lanes are added pairwise, lane i and lane i + 8 first, then i + 4, i + 2 and i + 1.
 *     The definitions below call this addition "the tree".
 * In the definitions, fma(a, b, c) rounds once and a * b + c rounds twice. All rounding is to the
 * nearest number, ties to even.
 *
 * A kernel reads and writes only what its contract names, keeps no pointer, has no state and cannot
 * fail. Development builds assert its preconditions. Any number of threads may call any kernel at
 * the same time as long as their outputs do not overlap.
 */
#ifndef DISTIL_KERNELS_KERNELS_H
#define DISTIL_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/levels.h"

/* ---- panel geometry ------------------------------------------------------------------------- */

enum {
    DISTIL_QUAD = 4,          /* consecutive positions of the depth in one 32-bit lane */
    DISTIL_PANEL_COLS = 16,   /* output columns of one panel */
    DISTIL_PAIR_COLS = 32,    /* output columns of a pair of panels, which share one order table */
    DISTIL_QUAD_BYTES = 64,   /* bytes of one quad of a panel, which is one cache line */
    DISTIL_MAX_TILE_ROWS = 16 /* upper bound of distil_kernels.tile_rows at any level */
};

/* The greatest sum of a column's weights in magnitude: 127 in each of 16384 rows. It is below 2^21,
 * so its product with a zero point is below 2^29. */
enum { DISTIL_COL_SUM_MAX = 127 * 16384 };

/*
 * Prefetch hint. The last layer runs on few rows and is limited by memory bandwidth; a product that
 * is limited by arithmetic can prefetch those weights while it computes. Only addresses are used;
 * results never depend on it. `bytes` is at most depth * cols / 2 of the matrix that carries the
 * hint. The product prefetches an equal share with each of its column pairs; it may leave out what
 * exceeds one cache line per quad and the remainder of the division.
 */
typedef struct distil_prefetch_hint {
    const int8_t *begin;
    size_t bytes;
} distil_prefetch_hint;

/*
 * A (depth, cols) int8 matrix in panels, in the layout that a blob has.
 *
 * panels  cols / 16 panels of depth * 16 bytes, 64-byte aligned. Position i of a panel holds the
 *         quad of the depths k = 4 * order[i] .. 4 * order[i] + 3: 16 columns with 4 consecutive k
 *         each; the weight of a column and a k is the byte (i * 16 + column) * 4 + k % 4.
 * order   cols / 32 order tables of depth / 4 entries. Each is a permutation of 0 .. depth / 4 - 1
 *         and belongs to both panels of a pair. The product does not check them: an entry that is
 *         too large makes it read up to DISTIL_ORDER_REACH bytes behind the activations, which the
 *         caller therefore keeps readable where the tables can change after their check.
 * scale   (cols) float, finite, > 0: the weight is int8 * scale[col].
 * bias    (cols) float, finite.
 * col_sum (cols) int32: the sum of the column's int8 weights over all k. The product limits each
 *         to +-DISTIL_COL_SUM_MAX first, so that a hostile blob has defined results as well.
 * group   (cols / 32) lane group of each pair, 4, 2 or 1: how many consecutive positions may be
 *         added in one wrapping int16 lane after multiplication with u8 activations. The converter
 *         proved that this cannot overflow: in each group that is aligned to its size, and in each
 *         pair of k (0-1 and 2-3 of a quad) of each column, the positive weights add up to at most
 *         128 and the negative ones to at least -128, and 255 * 128 = 32640 <= 32767.
 * depth   multiple of 32, 32 <= depth <= 16384, so that |sum| <= 255 * 127 * 16384 < 2^30.
 * cols    multiple of 32.
 * prefetch_hint  weights that a later step reads; bytes is 0 where there is no hint.
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

/* How far behind the end of the quantised activations a product reads at most if an order table has
 * the entry 65535. */
enum { DISTIL_ORDER_REACH = (UINT16_MAX + 1) * DISTIL_MAX_TILE_ROWS * DISTIL_QUAD };

/* Returns the lane group of a pair. A byte that is no lane group, which a blob can contain only if
 * its file was overwritten after it was opened, counts as 1. */
static inline size_t distil_lane_group(const distil_qmatrix *w, size_t pair)
{
    uint8_t group = __atomic_load_n(&w->group[pair], __ATOMIC_RELAXED);

    return group == 4 || group == 2 ? group : 1;
}

/*
 * Quantised activations: (rows, depth) u8 with a scale and a zero point for each row, where the
 * value is (q - zero_point) * scale. The rows are divided into tiles of nearly equal height (see
 * distil_tile_count and distil_tile_first). A tile is interleaved by quad: the byte of a row and a
 * k is ((k / 4) * rows_of_tile + row_in_tile) * 4 + k % 4 from the tile's start, and the tile
 * starts at q + first_row_of_tile * depth. q is 64-byte aligned.
 */
typedef struct distil_qrows {
    const uint8_t *q;
    const float *scale;        /* (rows), > 0 */
    const int32_t *zero_point; /* (rows), 0 .. 255 */
    size_t rows;
    size_t tile_rows; /* distil_kernels.tile_rows of the table that quantised and that multiplies */
} distil_qrows;

/* The number of tiles that `rows` rows are divided into when a tile has at most tile_rows rows. */
static inline size_t distil_tile_count(size_t rows, size_t tile_rows)
{
    return (rows + tile_rows - 1) / tile_rows;
}

/* The first row of a tile, 0 <= tile <= count; for tile == count this is `rows`. The heights of two
 * tiles differ by at most 1, and the higher tiles come first. */
static inline size_t distil_tile_first(size_t rows, size_t tile_rows, size_t tile)
{
    size_t count = distil_tile_count(rows, tile_rows);
    size_t base = rows / count;
    size_t higher = rows % count;

    return tile * base + (tile < higher ? tile : higher);
}

/* The epilogue: what qgemm does to a complete sum before it stores the result. */
typedef enum distil_epilogue {
    DISTIL_EPILOGUE_BIAS = 0, /* y = fma((float)sum, scale_a * scale_w, bias) */
    DISTIL_EPILOGUE_GELU = 1  /* gelu(y), see poly.h */
} distil_epilogue;

/* ---- operations: the function type of operation OP is distil_OP_fn ------------------------- */

/*
 * One embedding row: out[i] = fma((float)word[i], word_scale, position[i]).
 * out and position are (dim) float, word is (dim) int8; dim is a multiple of 32. Nothing overlaps.
 */
typedef void distil_embed_fn(float *restrict out, const int8_t *restrict word, float word_scale,
                             const float *restrict position, size_t dim);

/*
 * Residual addition and layer normalisation of one row (Ba et al. 2016):
 *   t[i] = x[i] + residual[i]                        (t = x where residual is NULL)
 *   mean = tree(lanes: s += t[i]) / dim
 *   var  = tree(lanes: s = fma(d, d, s), d = t[i] - mean) / dim
 *   out[i] = fma((t[i] - mean) * (1 / sqrt(var + eps)), gamma[i], beta[i])
 * All arrays are (dim) float; dim is a multiple of 32. out may be x or residual; nothing else
 * overlaps.
 */
typedef void distil_layer_norm_fn(float *out, const float *x, const float *residual,
                                  const float *restrict gamma, const float *restrict beta,
                                  size_t dim, float eps);

/*
 * Quantise one tile of rows to u8, interleaved by quad (see distil_qrows). For each row:
 *   lo = min(0, min x), hi = max(0, max x), range = hi - lo
 *   range < 1e-30: scale = 1, zero_point = 0, all q = 0
 *   range infinite: scale infinite, zero_point = 0, all q = 0
 *   else scale = range / 255, inverse = 255 / range, zero_point = rint(-lo * inverse),
 *        q = clamp(rint(x * inverse) + zero_point, 0, 255)
 * q          rows * depth bytes; the kernel writes all of them
 * scale, zero_point  (rows)
 * x          (rows, depth) floats, x_stride elements from one row to the next; a NaN does not count
 *            for the range and becomes q = 0
 * rows       1 .. DISTIL_MAX_TILE_ROWS; depth is a multiple of 32
 */
typedef void distil_quantize_fn(uint8_t *restrict q, float *restrict scale,
                                int32_t *restrict zero_point, const float *restrict x,
                                size_t x_stride, size_t rows, size_t depth);

/*
 * int8 matrix product of all rows of a with the column pairs pair_begin <= p < pair_end of w:
 *   sum  = sum_k q[m][k] * w[k][n] - zero_point[m] * col_sum[n]            exact, int32
 *   c[m * c_stride + n] = epilogue(fma((float)sum, a.scale[m] * w.scale[n], w.bias[n]))
 * for n in [32 * pair_begin, 32 * pair_end). c must not overlap an input. Where col_sum is right,
 * the sum is that of (q[m][k] - zero_point[m]) * w[k][n].
 */
typedef void distil_qgemm_fn(float *restrict c, size_t c_stride, const distil_qrows *a,
                             const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                             distil_epilogue epilogue);

/*
 * Scaled dot-product attention of one head of one text (Vaswani et al. 2017). Both products are
 * sums of products of integers and hence exact. K (rows, head_dim) and V are quantised by column; Q
 * is multiplied with the scales of K's columns and quantised by row:
 *   K   low, high = min x, max x, both clamped to -1e15 .. 1e15; range = high - low; max = 254
 *       integer = clamp(rint(fma(x, inverse, -low * inverse)), 0, max)
 *   Q   t[d] = x[d] * scale_k[d]; range = max |t|, at most 1e15; max = 127
 *       integer = clamp(rint(t * inverse), -max, max)
 *   V   range = max |x|, at most 1e15; max = 131071 / rows rounded down, at most 32767
 *       integer = clamp(rint(x * inverse), -max, max)
 *   inverse = max / range and scale = range / max, but both are 0 where range < 1e-30
 * The shift of K by -low adds the same number to all scores of a query, and the softmax uses only
 * differences of scores. Then:
 *   s[j] = sum_d Q[i][d] * K[j][d]                    |s[j]| <= 64 * 127 * 254 < 2^21
 *   y[j] = (float)(s[j] - max_j s[j]) * (scale_q * (score_scale * log2 e))
 *   p[j] = exp2_(y[j])                                poly.h: the integer nearest to 16383 * 2^y
 *   out[i][d] = (float)(sum_j p[j] * V[j][d]) * (1 / (float)sum_j p[j]) * scale_v[d]
 * where |sum_j p[j] * V[j][d]| <= rows * 16383 * (131071 / rows) <= 16383 * 131071 < 2^31.
 * The inputs may be any floats: a NaN does not count for a range, and where the argument of rint is
 * NaN or has a magnitude of 2^31 or more, the integer is the lower bound of its clamp.
 * q        (query_rows, head_dim), k and v (rows, head_dim), each `stride` elements between rows
 * out      (query_rows, head_dim), out_stride elements between rows; overlaps nothing
 * rows     1 .. 512; query_rows 1 .. rows; head_dim 32 or 64; score_scale > 0, at most 1
 * scratch  distil_attention_scratch(rows, head_dim) bytes, 64-byte aligned; its content does not
 *          matter before the call and means nothing after it
 */
typedef void distil_attention_fn(float *restrict out, size_t out_stride, const float *restrict q,
                                 const float *restrict k, const float *restrict v, size_t stride,
                                 size_t query_rows, size_t rows, size_t head_dim, float score_scale,
                                 void *restrict scratch);

enum {
    DISTIL_ATTENTION_MAX_ROWS = 512,
    DISTIL_ATTENTION_MAX_HEAD = 64,
    DISTIL_ATTENTION_MAX_Q = 127,       /* greatest integer of Q */
    DISTIL_ATTENTION_MAX_K = 254,       /* even, so that the middle of a range is an integer */
    DISTIL_ATTENTION_MAX_PV = 131071,   /* greatest integer of V times the number of rows */
    DISTIL_ATTENTION_TILE_ROWS = 12,    /* the most query rows that a variant has in one tile */
    DISTIL_ATTENTION_TILE_COLS = 544,   /* int32 per row of a tile: 512 scores and 64 int16 of Q */
    DISTIL_ATTENTION_FLOAT = 0x4b400000 /* the bits of the float 1.5 * 2^23 */
};
_Static_assert((1 << 22) / DISTIL_ATTENTION_MAX_HEAD >
                   DISTIL_ATTENTION_MAX_Q * DISTIL_ATTENTION_MAX_K,
               "1.5 * 2^23 plus a score is between 2^23 and 2^24, where floats are the integers");
_Static_assert(DISTIL_ATTENTION_MAX_Q <= INT8_MAX && DISTIL_ATTENTION_MAX_K <= UINT8_MAX,
               "Q fits the signed operand of a byte product, K the unsigned one");

/* The greatest integer that V is quantised to in a text of `rows` rows. */
static inline int16_t distil_attention_max_v(size_t rows)
{
    size_t max = DISTIL_ATTENTION_MAX_PV / rows;

    return (int16_t)(max < INT16_MAX ? max : INT16_MAX);
}

/* Attention clamps elements to RANGE_MAX in magnitude, and quantises all elements of a range below
 * RANGE_MIN to 0. */
#define DISTIL_ATTENTION_RANGE_MAX 1e15f
#define DISTIL_ATTENTION_RANGE_MIN 1e-30f

/* Bytes of scratch that any variant of attention needs: K and V as int16, with the rows padded to a
 * multiple of 16, and the scores and the integers of Q of one tile. */
static inline size_t distil_attention_scratch(size_t rows, size_t head_dim)
{
    size_t padded = (rows + 15) / 16 * 16;

    return 2 * padded * head_dim * sizeof(int16_t) +
           DISTIL_ATTENTION_TILE_ROWS * DISTIL_ATTENTION_TILE_COLS * sizeof(int32_t);
}

/*
 * fp32 product of one row with a matrix, for the classification head:
 *   out[n] = chain over k of fma(x[k], w[k * cols + n], o), which starts from bias[n];
 *   with relu, negative results become +0: out = o > 0 ? o : +0.
 * x is (depth), bias and out are (cols), w is (depth, cols) row-major and 64-byte aligned. cols is
 * a multiple of 16. Nothing overlaps.
 */
typedef void distil_dense_fn(float *restrict out, const float *restrict x, const float *restrict w,
                             const float *restrict bias, size_t depth, size_t cols, int relu);

/* Softmax of n >= 1 floats in place: x[i] = exp_(x[i] - max x) * (1 / tree(lanes: z += exp_())). */
typedef void distil_softmax_fn(float *x, size_t n);

/* The list of operations. The table, the declarations, the tests and the benchmarks expand it. */
#define DISTIL_OPS(OP)                                                                             \
    OP(embed)                                                                                      \
    OP(layer_norm)                                                                                 \
    OP(quantize)                                                                                   \
    OP(qgemm)                                                                                      \
    OP(attention)                                                                                  \
    OP(dense)                                                                                      \
    OP(softmax)

/* The declaration of every variant, for example distil_qgemm_avx2. */
#define KERNEL(op, level) distil_##op##_fn distil_##op##_##level;
#include "kernels/kernels.inc"
#include "runtime/base/strict_float.h"
#undef KERNEL

/* ---- table ---------------------------------------------------------------------------------- */

/* The functions of one level, one for each operation. */
typedef struct distil_kernels {
#define OP(op) distil_##op##_fn *op;
    DISTIL_OPS(OP)
#undef OP
    size_t tile_rows; /* the tile height that the caller must use for both quantize and qgemm */
    distil_level level;
} distil_kernels;

/* Fill the table of a level: each operation gets its variant of the highest level that every CPU of
 * `level` can run. Any level can be asked for, but calling a function of a level that the CPU lacks
 * is undefined. */
void distil_kernels_fill(distil_kernels *table, distil_level level);

/* ---- checksums ------------------------------------------------------------------------------ */

/* CRC-32C (Castagnoli) for the verification of blobs, with the results of distil_crc32c of
 * runtime/base/checksum.h: crc is 0 for the first piece of an input and the result of the piece
 * before for every other. `bytes` may be NULL if size is 0. It is no operation of the table: no
 * model computes it, and no level promises its instructions. */
typedef uint32_t distil_crc32c_fn(uint32_t crc, const void *bytes, size_t size);

/* Return the variant that this CPU can run, or NULL if there is none and the portable function is
 * to be called. */
distil_crc32c_fn *distil_crc32c_variant(void);

/* The variant for CPUs with the level avx2 and PCLMULQDQ. */
distil_crc32c_fn distil_crc32c_avx2;

#endif
