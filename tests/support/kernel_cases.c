/* SPDX-License-Identifier: Apache-2.0 */
/* Makes operands for kernels and runs kernels on them: see kernel_cases.h. */
#include "tests/support/kernel_cases.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the list of variants ------------------------------------------------------------------ */

#define KERNEL(op, isa)                                                                            \
    static void select_##op##_##isa(distil_kernels *table)                                         \
    {                                                                                              \
        table->op = distil_##op##_##isa;                                                           \
    }
#include "kernels/kernels.inc"
#undef KERNEL

const kernel_variant kernel_variants[] = {
#define KERNEL(op, isa)                                                                            \
    {KERNEL_OP_##op, (distil_level)DISTIL_LEVEL_OF_##isa, #isa, select_##op##_##isa},
#include "kernels/kernels.inc"
#undef KERNEL
};
const size_t kernel_variant_count = sizeof kernel_variants / sizeof kernel_variants[0];

const char *kernel_op_name(kernel_op op)
{
    static const char *const names[KERNEL_OP_COUNT] = {
#define OP(op) #op,
        DISTIL_OPS(OP)
#undef OP
    };

    return names[op];
}

const char *kernel_fill_name(kernel_fill fill)
{
    static const char *const names[KERNEL_FILL_COUNT] = {
        "random", "zero",  "signed_zero", "spike", "denormal",   "large",
        "limit",  "equal", "opposed",     "huge",  "not_finite", "bounds"};

    return names[fill];
}

const char *kernel_shape_text(kernel_op op, const kernel_shape *s)
{
    static char text[128];

    switch (op) {
    case KERNEL_OP_embed:
        snprintf(text, sizeof text, "%zu", s->cols);
        break;
    case KERNEL_OP_layer_norm:
        snprintf(text, sizeof text, "%zu%s", s->cols,
                 s->flag == 0   ? ""
                 : s->flag == 1 ? " residual"
                                : " in place");
        break;
    case KERNEL_OP_quantize:
        snprintf(text, sizeof text, "%zux%zu", s->rows, s->depth);
        break;
    case KERNEL_OP_qgemm:
        snprintf(text, sizeof text, "%zux%zux%zu g%zu%s", s->rows, s->depth, s->cols, s->group,
                 s->flag == DISTIL_EPILOGUE_GELU ? " gelu" : "");
        break;
    case KERNEL_OP_attention:
        snprintf(text, sizeof text, "%zu of %zux%zu", s->queries, s->rows, s->depth);
        break;
    case KERNEL_OP_dense:
        snprintf(text, sizeof text, "%zux%zu%s", s->depth, s->cols, s->flag ? " relu" : "");
        break;
    default:
        snprintf(text, sizeof text, "%zu", s->rows);
        break;
    }
    return text;
}

/* ---- arrays -------------------------------------------------------------------------------- */

size_t kernel_type_bytes(kernel_type type)
{
    return type == KERNEL_BYTE ? 1 : type == KERNEL_U16 ? 2 : 4;
}

const float *kernel_in_float(const kernel_case *c, size_t index)
{
    return (const float *)(const void *)c->in[index].guard.data;
}

static kernel_array new_array(kernel_type type, size_t rows, size_t cols, size_t stride,
                              size_t align, int at_end)
{
    size_t elements = rows == 0 || cols == 0 ? 0 : (rows - 1) * stride + cols;
    kernel_array array = {.type = type, .rows = rows, .cols = cols, .stride = stride};

    array.guard = harness_guard_new(elements * kernel_type_bytes(type), align, at_end);
    return array;
}

static void protect(const kernel_array *array)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    mprotect((char *)array->guard.map + page, array->guard.map_bytes - 2 * page, PROT_READ);
}

static void *add_input(kernel_case *c, kernel_type type, size_t rows, size_t cols, size_t stride,
                       size_t align, int at_end)
{
    c->in[c->inputs] = new_array(type, rows, cols, stride, align, at_end);
    return c->in[c->inputs++].guard.data;
}

static void *add_output(kernel_case *c, kernel_type type, size_t rows, size_t cols, size_t stride,
                        size_t align, int at_end)
{
    c->out[c->outputs] = new_array(type, rows, cols, stride, align, at_end);
    return c->out[c->outputs++].guard.data;
}

/* ---- fills --------------------------------------------------------------------------------- */

static float float_value(kernel_fill fill, float magnitude)
{
    uint64_t bits = harness_random();
    float sign = bits & 1 ? -1.0f : 1.0f;

    switch (fill) {
    case KERNEL_FILL_SIGNED_ZERO:
        return sign * 0.0f;
    case KERNEL_FILL_DENORMAL:
        return sign * (float)(bits >> 8 & 0xffff) * 0x1p-149f;
    case KERNEL_FILL_LARGE:
        return harness_uniform(-1e6f, 1e6f) * magnitude;
    case KERNEL_FILL_LIMIT:
        return (float)(bits % 511) * 0.5f;
    case KERNEL_FILL_RANDOM:
        return harness_uniform(-magnitude, magnitude);
    default:
        return 0.0f;
    }
}

/* Give a row of multiples of 0.5 a range of exactly 255. quantize then multiplies it with 1, so
 * that both its elements and its zero point are ties of rounding. */
static void span_255(float *row, size_t cols)
{
    float least = (float)(harness_random() % 16) * -0.5f;
    size_t at = harness_random() % cols;

    row[at] = 0.0f;
    row[(at + 1) % cols] = 255.0f;
    for (size_t i = 0; i < cols; i++)
        row[i] += least;
}

static float any_float(void)
{
    uint32_t bits = (uint32_t)harness_random();
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static void fill_any_finite(float *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        do {
            data[i] = any_float();
        } while (!isfinite(data[i]));
    }
}

/* Mix finite floats with infinities and with NaNs of many bit patterns. */
static void fill_not_finite(float *data, size_t count)
{
    uint64_t mode =
        harness_random() % 3; /* 0: a few are not finite; 1: most are; 2: runs of 32 are */

    fill_any_finite(data, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = UINT32_C(0x7f800000) | (uint32_t)harness_random();

        if (mode == 0 ? harness_random() % 16 != 0 : mode == 1 ? i % 7 == 0 : i / 32 % 3 != 0)
            continue;
        if (harness_random() % 2 == 0)
            bits &= UINT32_C(0xff800000);
        memcpy(data + i, &bits, sizeof bits);
    }
}

static float *add_floats(kernel_case *c, kernel_fill fill, size_t rows, size_t cols, size_t stride,
                         float magnitude, size_t align, int at_end)
{
    float *data = add_input(c, KERNEL_FLOAT, rows, cols, stride, align, at_end);
    size_t elements = c->in[c->inputs - 1].guard.bytes / sizeof *data;

    for (size_t i = 0; i < elements; i++)
        data[i] = float_value(fill, magnitude);
    if (fill == KERNEL_FILL_DENORMAL && harness_random() % 2 == 0)
        for (size_t i = 0; i < elements; i++)
            data[i] *= 0x1p50f;
    if (fill == KERNEL_FILL_SPIKE && elements > 0)
        data[harness_random() % elements] = harness_uniform(-100.0f, 100.0f);
    for (size_t r = 0; r < rows && fill == KERNEL_FILL_LIMIT; r++)
        span_255(data + r * stride, cols);
    for (size_t i = 0; i < elements && fill >= KERNEL_FILL_EQUAL && fill <= KERNEL_FILL_OPPOSED;
         i++)
        data[i] = fill == KERNEL_FILL_OPPOSED && i / stride % 3 == 1 ? -magnitude : magnitude;
    if (fill == KERNEL_FILL_HUGE)
        fill_any_finite(data, elements);
    if (fill == KERNEL_FILL_NOT_FINITE)
        fill_not_finite(data, elements);
    return data;
}

/* Add an input such as scales or biases, whose values are always like those of a trained model. */
static float *add_uniform(kernel_case *c, size_t count, float lo, float hi, int at_end)
{
    float *data = add_input(c, KERNEL_FLOAT, 1, count, count, sizeof *data, at_end);

    for (size_t i = 0; i < count; i++)
        data[i] = harness_uniform(lo, hi);
    return data;
}

/* ---- int8 operands ------------------------------------------------------------------------- */

static void shuffle_order(uint16_t *order, size_t quads)
{
    for (size_t i = 0; i < quads; i++)
        order[i] = (uint16_t)i;
    for (size_t i = quads - 1; i > 0; i--) {
        size_t j = harness_random() % (i + 1);
        uint16_t swap = order[i];

        order[i] = order[j];
        order[j] = swap;
    }
}

/*
 * Fill the weights of one lane of a lane group: two weights in each quad. The positive weights add
 * up to at most 128, and the negative ones to at least -128, as the proof demands (kernels.h). The
 * fill LIMIT reaches one or both bounds: with a single weight (-128), with few (127 + 1), or with
 * equal ones.
 */
static void fill_lane(int8_t *lane, size_t group, kernel_fill fill)
{
    /* the distance in bytes from one quad of the lane to the next */
    size_t stride = DISTIL_QUAD_BYTES;
    size_t count = 2 * group;
    int budget[2] = {128, 128};
    size_t start = harness_random() % count;
    uint64_t mode = harness_random() % 4;

    for (size_t n = 0; n < count; n++) {
        size_t i = (start + n) % count;
        int8_t *w = lane + i / 2 * stride + i % 2;
        int negative = mode == 0   ? 0
                       : mode == 1 ? 1
                       : mode == 3 ? (int)(start & 1)
                                   : (int)(harness_random() & 1);
        int most = negative ? 128 : 127;
        int size;

        if (fill == KERNEL_FILL_LIMIT)
            size = mode == 3 ? 128 / (int)count : most;
        else if (fill == KERNEL_FILL_ZERO || fill == KERNEL_FILL_SIGNED_ZERO)
            size = 0;
        else
            size = (int)(harness_random() % 128) / (int)(group > 1 ? 2 : 1);
        size = size < budget[negative] ? size : budget[negative];
        budget[negative] -= size;
        *w = (int8_t)(negative ? -size : size);
    }
}

static void fill_panel(int8_t *panel, size_t depth, size_t group, kernel_fill fill)
{
    size_t quad_bytes = DISTIL_QUAD_BYTES;

    for (size_t quad = 0; quad < depth / DISTIL_QUAD; quad += group)
        for (size_t lane = 0; lane < quad_bytes; lane += 2)
            fill_lane(panel + quad * quad_bytes + lane, group, fill);
    if (fill == KERNEL_FILL_SPIKE) {
        memset(panel, 0, depth * DISTIL_PANEL_COLS);
        panel[harness_random() % (depth * DISTIL_PANEL_COLS)] = 127;
    }
}

static void sum_columns(int32_t *col_sum, const int8_t *panels, size_t depth, size_t cols)
{
    for (size_t n = 0; n < cols; n++) {
        const int8_t *column =
            panels + n / DISTIL_PANEL_COLS * DISTIL_PANEL_COLS * depth + n % DISTIL_PANEL_COLS * 4;

        col_sum[n] = 0;
        for (size_t k = 0; k < depth; k++)
            col_sum[n] += column[k / 4 * DISTIL_PANEL_COLS * 4 + k % 4];
    }
}

static void make_weights(kernel_case *c, kernel_fill fill, int at_end)
{
    const kernel_shape *s = &c->shape;
    size_t pairs = s->cols / DISTIL_PAIR_COLS;
    size_t quads = s->depth / DISTIL_QUAD;
    int8_t *panels = add_input(c, KERNEL_BYTE, s->cols, s->depth, s->depth, 64, at_end);
    uint16_t *order = add_input(c, KERNEL_U16, pairs, quads, quads, 2, at_end);
    uint8_t *group = add_input(c, KERNEL_BYTE, 1, pairs, pairs, 1, at_end);
    int32_t *col_sum = add_input(c, KERNEL_INT32, 1, s->cols, s->cols, 4, at_end);
    float *bias;

    for (size_t p = 0; p < pairs; p++) {
        int8_t *pair = panels + p * DISTIL_PAIR_COLS * s->depth;

        group[p] = (uint8_t)(s->group != 0 ? s->group : (size_t)4 >> p % 3);
        shuffle_order(order + p * quads, quads);
        fill_panel(pair, s->depth, group[p], fill);
        fill_panel(pair + DISTIL_PANEL_COLS * s->depth, s->depth, group[p], fill);
    }
    sum_columns(col_sum, panels, s->depth, s->cols);
    bias = add_uniform(c, s->cols, -1.0f, 1.0f, at_end);
    if (fill == KERNEL_FILL_ZERO) /* the result is gelu(bias), so this tries GELU everywhere */
        fill_any_finite(bias, s->cols);
    c->w =
        (distil_qmatrix){.panels = panels,
                         .order = order,
                         .col_sum = col_sum,
                         .group = group,
                         .scale = add_uniform(c, s->cols, 1e-4f, 2e-3f, at_end),
                         .bias = bias,
                         .depth = s->depth,
                         .cols = s->cols,
                         /* an unmapped address: a kernel may prefetch but not read it */
                         .prefetch_hint = {(const int8_t *)(uintptr_t)64, s->depth * s->cols / 2}};
}

static void make_activations(kernel_case *c, kernel_fill fill, int at_end)
{
    const kernel_shape *s = &c->shape;
    uint8_t *q = add_input(c, KERNEL_BYTE, s->rows, s->depth, s->depth, 64, at_end);
    int32_t *zero_point = add_input(c, KERNEL_INT32, 1, s->rows, s->rows, 4, at_end);

    for (size_t i = 0; i < s->rows * s->depth; i++) {
        uint64_t bits = harness_random();

        q[i] = fill == KERNEL_FILL_LIMIT  ? (bits & 15 ? 255 : 0)
               : fill == KERNEL_FILL_ZERO ? 0
                                          : (uint8_t)bits;
    }
    for (size_t i = 0; i < s->rows; i++)
        zero_point[i] = (int32_t)(i % 3 == 0 ? harness_random() % 256 : i % 3 == 1 ? 255u : 0u);
    c->a = (distil_qrows){.q = q,
                          .scale = add_uniform(c, s->rows, 1e-3f, 0.1f, at_end),
                          .zero_point = zero_point,
                          .rows = s->rows,
                          .tile_rows = s->tile_rows};
}

/* ---- one operation each -------------------------------------------------------------------- */

static void make_embed(kernel_case *c, kernel_fill fill, int at_end)
{
    size_t dim = c->shape.cols;
    int8_t *word = add_input(c, KERNEL_BYTE, 1, dim, dim, 1, at_end);

    for (size_t i = 0; i < dim; i++)
        word[i] = (int8_t)(fill == KERNEL_FILL_ZERO ? 0 : (int)(harness_random() % 255) - 127);
    add_floats(c, fill, 1, dim, dim, 1.0f, 4, at_end);
    add_output(c, KERNEL_FLOAT, 1, dim, dim, 4, at_end);
}

static void make_layer_norm(kernel_case *c, kernel_fill fill, int at_end)
{
    size_t dim = c->shape.cols;

    add_floats(c, fill, 1, dim, dim, 2.0f, 4, at_end);
    add_floats(c, fill, 1, dim, dim, 2.0f, 4, at_end);
    add_uniform(c, dim, 0.1f, 2.0f, at_end);
    add_uniform(c, dim, -1.0f, 1.0f, at_end);
    add_output(c, KERNEL_FLOAT, 1, dim, dim, 4, at_end);
}

static void make_quantize(kernel_case *c, kernel_fill fill, int at_end)
{
    const kernel_shape *s = &c->shape;

    add_floats(c, fill, s->rows, s->depth, s->depth + s->gap,
               fill == KERNEL_FILL_LARGE ? 1e31f : 3.0f, 4, at_end);
    add_output(c, KERNEL_BYTE, 1, s->rows * s->depth, s->rows * s->depth, 4, at_end);
    add_output(c, KERNEL_FLOAT, 1, s->rows, s->rows, 4, at_end);
    add_output(c, KERNEL_INT32, 1, s->rows, s->rows, 4, at_end);
}

static void make_qgemm(kernel_case *c, kernel_fill fill, int at_end)
{
    const kernel_shape *s = &c->shape;

    make_weights(c, fill, at_end);
    make_activations(c, fill, at_end);
    add_output(c, KERNEL_FLOAT, s->rows, s->cols, s->cols + s->gap, 4, at_end);
}

/* Fill n elements, `stride` apart, with multiples of 0.5 from `least` to `most`. If n > 1, both
 * bounds occur. */
static void fill_halves(float *x, size_t stride, size_t n, float least, float most)
{
    size_t at = harness_random() % n;
    uint64_t halves = (uint64_t)(2.0f * (most - least));

    for (size_t i = 0; i < n; i++)
        x[i * stride] = least + 0.5f * (float)(harness_random() % (halves + 1));
    x[(at + 1) % n * stride] = least;
    x[at * stride] = most;
}

/* Make ties of rounding in all three quantisations of attention. Every other column of K and V
 * has the scale 1, so that its multiples of 0.5 are ties. The other columns are multiplied with
 * a random factor, and Q is divided by it. There the values are ties but for their own rounding
 * errors, so a variant that rounds once more, once less or in another place gets other integers. */
static void fill_ties(float *q, float *k, float *v, size_t stride, const kernel_shape *s)
{
    float most = (float)distil_attention_max_v(s->rows);

    for (size_t i = 0; i < s->queries; i++)
        fill_halves(q + i * stride, 1, s->depth, -DISTIL_ATTENTION_MAX_Q, DISTIL_ATTENTION_MAX_Q);
    for (size_t d = 0; d < s->depth; d++) {
        float least = 0.5f * (float)(harness_random() % 600) - 200.0f;
        float stretch = d % 2 == 1 ? harness_uniform(0.1f, 10.0f) : 1.0f;

        fill_halves(k + d, stride, s->rows, least, least + (float)DISTIL_ATTENTION_MAX_K);
        fill_halves(v + d, stride, s->rows, -most, most);
        for (size_t j = 0; j < s->rows; j++) {
            k[j * stride + d] *= stretch;
            v[j * stride + d] *= stretch;
        }
        for (size_t i = 0; i < s->queries; i++)
            q[i * stride + d] /= stretch;
    }
}

/* Make ranges on both sides of RANGE_MIN and RANGE_MAX: by column of K and V, and by row of Q.
 * The last kind of column of K has the scale 1, so that the range of Q is that of its own
 * elements there. */
static void fill_bounds(float *q, float *k, float *v, size_t stride, const kernel_shape *s)
{
    const float bounds[] = {DISTIL_ATTENTION_RANGE_MIN, nextafterf(DISTIL_ATTENTION_RANGE_MIN, 0),
                            DISTIL_ATTENTION_RANGE_MAX, 2 * DISTIL_ATTENTION_RANGE_MAX,
                            DISTIL_ATTENTION_MAX_K};
    const size_t kinds = sizeof bounds / sizeof bounds[0];

    for (size_t d = 0; d < s->depth; d++) {
        float end = bounds[d % kinds] * (harness_random() & 1 ? 1.0f : -1.0f);

        for (size_t j = 0; j < s->rows; j++) {
            k[j * stride + d] = j == 0 || (j > 1 && harness_random() & 1) ? 0.0f : end;
            v[j * stride + d] = j == 0 ? end : end * (float)((int)(harness_random() % 3) - 1);
        }
    }
    for (size_t i = 0; i < s->queries; i++)
        for (size_t d = 0; d < s->depth; d++)
            q[i * stride + d] = d % kinds == kinds - 1 ? bounds[i % kinds] : (float)(i & 1);
}

static void make_attention(kernel_case *c, kernel_fill fill, int at_end)
{
    const kernel_shape *s = &c->shape;
    size_t stride = s->depth + s->gap;
    size_t scratch = distil_attention_scratch(s->rows, s->depth);
    float *q = add_floats(c, fill, s->queries, s->depth, stride, 3.0f, 4, at_end);
    float *k = add_floats(c, fill, s->rows, s->depth, stride, 3.0f, 4, at_end);
    float *v = add_floats(c, fill, s->rows, s->depth, stride, 3.0f, 4, at_end);

    if (fill == KERNEL_FILL_LIMIT)
        fill_ties(q, k, v, stride, s);
    if (fill == KERNEL_FILL_BOUNDS)
        fill_bounds(q, k, v, stride, s);
    add_output(c, KERNEL_FLOAT, s->queries, s->depth, stride, 4, at_end);
    c->scratch = new_array(KERNEL_BYTE, 1, scratch, scratch, 64, at_end);
}

static void make_dense(kernel_case *c, kernel_fill fill, int at_end)
{
    const kernel_shape *s = &c->shape;

    add_floats(c, fill, 1, s->depth, s->depth, 1.0f, 4, at_end);
    add_floats(c, fill, s->depth, s->cols, s->cols, 0.1f, 64, at_end);
    add_floats(c, fill, 1, s->cols, s->cols, 1.0f, 4, at_end);
    add_output(c, KERNEL_FLOAT, 1, s->cols, s->cols, 4, at_end);
}

static void make_softmax(kernel_case *c, kernel_fill fill, int at_end)
{
    size_t n = c->shape.rows;

    add_floats(c, fill, 1, n, n, 10.0f, 4, at_end);
    add_output(c, KERNEL_FLOAT, 1, n, n, 4, at_end);
}

void kernel_case_make(kernel_case *c, kernel_op op, const kernel_shape *shape, kernel_fill fill,
                      int at_end)
{
    memset(c, 0, sizeof *c);
    c->op = op;
    c->shape = *shape;
    switch (op) {
#define OP(name)                                                                                   \
    case KERNEL_OP_##name:                                                                         \
        make_##name(c, fill, at_end);                                                              \
        break;
        DISTIL_OPS(OP)
#undef OP
    default:
        break;
    }
    for (size_t i = 0; i < c->inputs; i++)
        protect(&c->in[i]);
}

void kernel_case_free(kernel_case *c)
{
    for (size_t i = 0; i < c->inputs; i++)
        harness_guard_free(&c->in[i].guard);
    for (size_t i = 0; i < c->outputs; i++)
        harness_guard_free(&c->out[i].guard);
    if (c->scratch.guard.map != NULL)
        harness_guard_free(&c->scratch.guard);
}

static void run_embed(kernel_case *c, const distil_kernels *table)
{
    table->embed((float *)(void *)c->out[0].guard.data, (const int8_t *)c->in[0].guard.data, 0.013f,
                 kernel_in_float(c, 1), c->shape.cols);
}

static void run_layer_norm(kernel_case *c, const distil_kernels *table)
{
    float *out = (float *)(void *)c->out[0].guard.data;
    const float *x = kernel_in_float(c, 0);

    if (c->shape.flag == 2) {
        memcpy(out, x, c->shape.cols * sizeof *out);
        x = out;
    }
    table->layer_norm(out, x, c->shape.flag == 0 ? NULL : kernel_in_float(c, 1),
                      kernel_in_float(c, 2), kernel_in_float(c, 3), c->shape.cols, 1e-12f);
}

static void run_quantize(kernel_case *c, const distil_kernels *table)
{
    table->quantize(c->out[0].guard.data, (float *)(void *)c->out[1].guard.data,
                    (int32_t *)(void *)c->out[2].guard.data, kernel_in_float(c, 0), c->in[0].stride,
                    c->shape.rows, c->shape.depth);
}

/* Run the product in two calls with half of the pairs each, as two threads would. */
static void run_qgemm(kernel_case *c, const distil_kernels *table)
{
    float *out = (float *)(void *)c->out[0].guard.data;
    size_t pairs = c->shape.cols / DISTIL_PAIR_COLS;
    distil_epilogue epilogue = (distil_epilogue)c->shape.flag;

    table->qgemm(out, c->out[0].stride, &c->a, &c->w, 0, pairs / 2, epilogue);
    table->qgemm(out, c->out[0].stride, &c->a, &c->w, pairs / 2, pairs, epilogue);
}

static void run_attention(kernel_case *c, const distil_kernels *table)
{
    table->attention((float *)(void *)c->out[0].guard.data, c->out[0].stride, kernel_in_float(c, 0),
                     kernel_in_float(c, 1), kernel_in_float(c, 2), c->in[0].stride,
                     c->shape.queries, c->shape.rows, c->shape.depth,
                     1.0f / sqrtf((float)c->shape.depth), c->scratch.guard.data);
}

static void run_dense(kernel_case *c, const distil_kernels *table)
{
    table->dense((float *)(void *)c->out[0].guard.data, kernel_in_float(c, 0),
                 kernel_in_float(c, 1), kernel_in_float(c, 2), c->shape.depth, c->shape.cols,
                 c->shape.flag);
}

static void run_softmax(kernel_case *c, const distil_kernels *table)
{
    float *out = (float *)(void *)c->out[0].guard.data;

    memcpy(out, kernel_in_float(c, 0), c->shape.rows * sizeof *out);
    table->softmax(out, c->shape.rows);
}

void kernel_case_prepare(kernel_case *c, unsigned char junk)
{
    for (size_t i = 0; i < c->outputs; i++)
        memset(c->out[i].guard.data, junk, c->out[i].guard.bytes);
    if (c->scratch.guard.map != NULL)
        memset(c->scratch.guard.data, junk, c->scratch.guard.bytes);
}

void kernel_case_run(kernel_case *c, const distil_kernels *table)
{
    switch (c->op) {
#define OP(name)                                                                                   \
    case KERNEL_OP_##name:                                                                         \
        run_##name(c, table);                                                                      \
        break;
        DISTIL_OPS(OP)
#undef OP
    default:
        break;
    }
}

static int gaps_intact(const kernel_array *array, unsigned char junk)
{
    size_t bytes = kernel_type_bytes(array->type);
    size_t gap_bytes = (array->stride - array->cols) * bytes;

    for (size_t r = 0; r + 1 < array->rows; r++) {
        const unsigned char *gap = array->guard.data + (r * array->stride + array->cols) * bytes;

        for (size_t i = 0; i < gap_bytes; i++)
            if (gap[i] != junk)
                return 0;
    }
    return 1;
}

int kernel_case_intact(const kernel_case *c, unsigned char junk)
{
    for (size_t i = 0; i < c->outputs; i++)
        if (!harness_guard_check(&c->out[i].guard) || !gaps_intact(&c->out[i], junk))
            return 0;
    return c->scratch.guard.map == NULL || harness_guard_check(&c->scratch.guard);
}
