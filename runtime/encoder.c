/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token ids to logits. Each step names the shape it leaves behind; n is the number of rows of the
 * pass, that is, of all its texts' tokens.
 *
 * A step is a loop that threads may share: a function over a part of its range, and a job that
 * says on what. Two ways to share a layer:
 *   columns  few rows or one thread: products by pairs of columns, the rest by heads and row tiles.
 *            Every weight is read once; nine steps a layer, and each thread reads what the others
 *            wrote. Steps that work on rows one by one and feed a product go over its row tiles and
 *            quantise each on the spot, which saves a step and a walk through memory.
 *   blocks   rows enough for each thread: a thread takes a block of rows from the attention of one
 *            layer to the keys and values of the next, in memory of its own. Two steps a layer;
 *            every thread reads all weights, at a rate that caches and memory have to spare.
 */
#include "runtime/encoder.h"

#include <assert.h>
#include <string.h>

/*
 * Rows of a block. With fewer than the least a product is bound by the weights it reads, which
 * every thread reads for itself: more rows are needed where a layer has many weights (two threads,
 * 24 rows, base size: sharing columns takes 0.95 of the time; a quarter of that size: 1.08). With
 * more than the most a block's activations (64 x 3072 floats) and a panel leave the second cache.
 */
enum { MIN_BLOCK_ROWS = 16, MIN_BLOCK_ROWS_LARGE = 32, MAX_BLOCK_ROWS = 64 };
enum { LARGE_LAYER = 4 << 20 }; /* weights */

/* One carve of the context's single allocation; counts only while base is NULL. */
static void *carve(void *base, size_t *used, size_t bytes)
{
    void *p = base ? (unsigned char *)base + *used : NULL;

    *used += (bytes + 63) & ~(size_t)63;
    return p;
}

size_t distil_enc_layout(distil_scratch *scratch, void *base, const distil_weights *w, size_t rows,
                         size_t threads)
{
    size_t widest = 3 * w->dim > w->hidden_dim ? 3 * w->dim : w->hidden_dim;
    size_t deepest = w->dim > w->hidden_dim ? w->dim : w->hidden_dim;
    size_t used = 0;
    distil_scratch s;

    s.hidden = carve(base, &used, rows * w->dim * sizeof(float));
    s.projected = carve(base, &used, rows * widest * sizeof(float));
    s.context = carve(base, &used, rows * w->dim * sizeof(float));
    s.quantized = carve(base, &used, rows * deepest);
    s.row_scale = carve(base, &used, rows * sizeof(float));
    s.row_zero = carve(base, &used, rows * sizeof(int32_t));
    s.attention_bytes = distil_attention_scratch(w->max_positions, w->head_dim);
    s.attention = carve(base, &used, threads * s.attention_bytes);
    s.pooled_dense = carve(base, &used, threads * w->dim * sizeof(float));
    s.logits = carve(base, &used, threads * w->label_cols * sizeof(float));
    s.block_rows = threads > 1 ? MAX_BLOCK_ROWS : 0;
    s.block_hidden = carve(base, &used, threads * s.block_rows * w->hidden_dim * sizeof(float));
    s.block_quantized = carve(base, &used, threads * s.block_rows * deepest);
    s.block_scale = carve(base, &used, threads * s.block_rows * sizeof(float));
    s.block_zero = carve(base, &used, threads * s.block_rows * sizeof(int32_t));
    s.rows = rows;
    s.threads = threads;
    s.pool = NULL;
    if (base)
        *scratch = s;
    return used;
}

/* One pass: what every step of it needs. */
typedef struct pass {
    const distil_encoder *e;
    distil_scratch *s;
    const int32_t *ids;    /* (n) */
    const size_t *lengths; /* (texts) */
    size_t texts;
} pass;

/* ---- sharing -------------------------------------------------------------------------------- */

/*
 * Into how many parts a loop of n is worth cutting that takes about `work` nanoseconds on one
 * thread: one for each thread, none as short as the hand-over, about half a microsecond. More parts
 * cost more: each breaks the stream of weights.
 */
enum { PART_NS = 2000 };

/* What a nanosecond brings, roughly, on CPUs of the last ten years. */
enum { QUANTIZED_PER_NS = 2, MACS_PER_NS = 128, WORD_MACS_PER_NS = 64, FLOAT_MACS_PER_NS = 16 };

static size_t count_parts(size_t most, size_t n, size_t work)
{
    size_t parts = work / PART_NS;

    parts = parts < most ? parts : most;
    parts = parts < n ? parts : n;
    return parts > 1 ? parts : 1;
}

static void share(const distil_scratch *s, distil_pool_fn *step, void *job, size_t n, size_t work)
{
    distil_pool_run(s->pool, step, job, n, s->pool ? count_parts(s->threads, n, work) : 1);
}

/* ---- products ------------------------------------------------------------------------------- */

/* Quantise tiles begin .. end of (rows, depth) floats that lie densely into s->quantized. */
static void quantize_tiles(const pass *p, const float *x, size_t rows, size_t depth, size_t begin,
                           size_t end)
{
    const distil_kernels *k = p->e->kernels;
    distil_scratch *s = p->s;

    for (size_t t = begin; t < end; t++) {
        size_t first = distil_tile_first(rows, k->tile_rows, t);
        size_t last = distil_tile_first(rows, k->tile_rows, t + 1);

        k->quantize(s->quantized + first * depth, s->row_scale + first, s->row_zero + first,
                    x + first * depth, depth, last - first, depth);
    }
}

typedef struct quantize_job {
    const pass *p;
    const float *x; /* (rows, depth) */
    size_t rows, depth;
} quantize_job;

static void quantize_step(void *job, size_t thread, size_t begin, size_t end)
{
    const quantize_job *j = job;

    (void)thread;
    quantize_tiles(j->p, j->x, j->rows, j->depth, begin, end);
}

static void quantize(const pass *p, const float *x, size_t rows, size_t depth)
{
    quantize_job j = {p, x, rows, depth};

    share(p->s, quantize_step, &j, distil_tile_count(rows, p->e->kernels->tile_rows),
          rows * depth / QUANTIZED_PER_NS);
}

typedef struct multiply_job {
    const distil_kernels *k;
    float *c;
    size_t c_stride;
    distil_qrows a;
    const distil_qmatrix *w;
    size_t first_pair; /* where the loop's 0 is */
    distil_epilogue epilogue;
} multiply_job;

static void multiply_step(void *job, size_t thread, size_t begin, size_t end)
{
    const multiply_job *j = job;

    (void)thread;
    j->k->qgemm(j->c, j->c_stride, &j->a, j->w, j->first_pair + begin, j->first_pair + end,
                j->epilogue);
}

/* c = epilogue(s->quantized (rows, w->depth) . w + bias) in column pairs begin .. end of w. */
static void multiply(const pass *p, float *c, size_t c_stride, size_t rows, const distil_qmatrix *w,
                     size_t begin, size_t end, distil_epilogue epilogue)
{
    const distil_kernels *k = p->e->kernels;
    distil_scratch *s = p->s;
    multiply_job j = {.k = k,
                      .c = c,
                      .c_stride = c_stride,
                      .a = {s->quantized, s->row_scale, s->row_zero, rows, k->tile_rows},
                      .w = w,
                      .first_pair = begin,
                      .epilogue = epilogue};
    /* up to about 8 rows take as long as one: the weights have to come from memory */
    size_t macs = (rows > 8 ? rows : 8) * w->depth * (end - begin) * DISTIL_PAIR_COLS;

    share(s, multiply_step, &j, end - begin, macs / MACS_PER_NS);
}

/* c (rows, w->cols) = epilogue(s->quantized (rows, w->depth) . w + bias) */
static void multiply_all(const pass *p, float *c, size_t rows, const distil_qmatrix *w,
                         distil_epilogue epilogue)
{
    multiply(p, c, w->cols, rows, w, 0, w->cols / DISTIL_PAIR_COLS, epilogue);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* hidden = layer_norm(hidden + s->context) in rows begin .. end */
static void norm_rows(const pass *p, distil_norm norm, size_t begin, size_t end)
{
    const distil_weights *w = p->e->weights;

    for (size_t r = begin; r < end; r++) {
        float *row = p->s->hidden + r * w->dim;

        p->e->kernels->layer_norm(row, p->s->context + r * w->dim, row, norm.gamma, norm.beta,
                                  w->dim, w->layer_norm_eps);
    }
}

/* Word and position embedding of tokens begin .. end, normalised. */
static void embed_rows(const pass *p, size_t begin, size_t end)
{
    const distil_weights *w = p->e->weights;
    const distil_kernels *k = p->e->kernels;
    size_t text = 0, text_row = 0; /* the text of row r and its first row */

    for (size_t r = begin; r < end; r++) {
        float *out = p->s->hidden + r * w->dim;
        size_t row = w->embed_row[p->ids[r]];

        while (r - text_row >= p->lengths[text])
            text_row += p->lengths[text++];
        k->embed(out, w->embed_word + row * w->dim, w->embed_scale[row],
                 w->embed_position + (r - text_row) * w->dim, w->dim);
        k->layer_norm(out, out, NULL, w->embed_norm.gamma, w->embed_norm.beta, w->dim,
                      w->layer_norm_eps);
    }
}

typedef struct rows_job {
    const pass *p;
    size_t rows;
    const distil_norm *norm; /* NULL: embed */
} rows_job;

static void rows_step(void *job, size_t thread, size_t begin, size_t end)
{
    const rows_job *j = job;
    size_t tile_rows = j->p->e->kernels->tile_rows;

    (void)thread;
    for (size_t t = begin; t < end; t++) {
        size_t first = distil_tile_first(j->rows, tile_rows, t);
        size_t last = distil_tile_first(j->rows, tile_rows, t + 1);

        if (j->norm)
            norm_rows(j->p, *j->norm, first, last);
        else
            embed_rows(j->p, first, last);
        quantize_tiles(j->p, j->p->s->hidden, j->rows, j->p->e->weights->dim, t, t + 1);
    }
}

/* hidden (rows, dim) = layer_norm(hidden + s->context), and quantised */
static void add_and_norm(const pass *p, size_t rows, distil_norm norm)
{
    rows_job j = {p, rows, &norm};

    share(p->s, rows_step, &j, distil_tile_count(rows, p->e->kernels->tile_rows),
          2 * rows * p->e->weights->dim / QUANTIZED_PER_NS);
}

/* hidden (n, dim): embeddings, normalised, and quantised. */
static void embed(const pass *p, size_t n)
{
    rows_job j = {p, n, NULL};

    share(p->s, rows_step, &j, distil_tile_count(n, p->e->kernels->tile_rows),
          3 * n * p->e->weights->dim / QUANTIZED_PER_NS);
}

/* ---- attention ------------------------------------------------------------------------------ */

/* Texts differ in length: parts for each thread that even that out. And fewer queries at a time are
 * not worth the packing of keys and values. */
enum { ATTEND_PARTS = 4, MIN_QUERIES = 32 };

typedef struct attend_job {
    const pass *p;
    size_t blocks;  /* the queries of a head are cut into so many */
    int first_rows; /* queries of each text's first row alone; they lie in s->context */
} attend_job;

/* Queries of one head of one text, from its row of q, k, v (length, 3 * dim). */
static void attend_block(const attend_job *j, void *scratch, float *out, const float *q,
                         size_t length, size_t block)
{
    const distil_weights *w = j->p->e->weights;
    size_t queries = j->first_rows ? 1 : length, stride = 3 * w->dim;
    size_t begin = queries * block / j->blocks, end = queries * (block + 1) / j->blocks;

    if (begin < end)
        j->p->e->kernels->attention(out + begin * w->dim, w->dim, q + begin * stride, q + w->dim,
                                    q + 2 * w->dim, stride, end - begin, length, w->head_dim,
                                    w->attention_scale, scratch);
}

/* Over texts x heads x blocks. */
static void attend_step(void *job, size_t thread, size_t begin, size_t end)
{
    const attend_job *j = job;
    const distil_weights *w = j->p->e->weights;
    distil_scratch *s = j->p->s;
    size_t text = 0, row = 0; /* its first */

    for (size_t i = begin; i < end; i++) {
        size_t head = i / j->blocks % w->n_heads;
        float *q, *out;

        for (; text < i / (j->blocks * w->n_heads); text++)
            row += j->p->lengths[text];
        q = s->projected + row * 3 * w->dim + head * w->head_dim;
        out = s->context + (j->first_rows ? text : row) * w->dim + head * w->head_dim;
        if (j->first_rows)
            memcpy(q, out, w->head_dim * sizeof(float));
        attend_block(j, s->attention + thread * s->attention_bytes, out, q, j->p->lengths[text],
                     i % j->blocks);
    }
}

/* s->context (n, dim) from q, k, v in s->projected (n, 3 * dim); with first_rows (texts, dim), its
 * q from s->context. */
static void attend(const pass *p, int first_rows)
{
    const distil_weights *w = p->e->weights;
    size_t heads = p->texts * w->n_heads, work = 0, longest = 0, parts = 1;
    attend_job j = {p, 1, first_rows};

    for (size_t t = 0; t < p->texts; t++) {
        size_t length = p->lengths[t];

        work += 2 * (first_rows ? 1 : length) * length * w->dim;
        longest = length > longest ? length : longest;
    }
    /* fewer heads than threads can share evenly: cut them */
    if (!first_rows && heads < 2 * p->s->threads && p->s->pool) {
        j.blocks = (2 * p->s->threads + heads - 1) / heads;
        if (j.blocks > longest / MIN_QUERIES)
            j.blocks = longest / MIN_QUERIES > 1 ? longest / MIN_QUERIES : 1;
    }
    if (p->s->pool)
        parts = count_parts(p->s->threads * (p->texts > 1 ? ATTEND_PARTS : 1), heads * j.blocks,
                            work / WORD_MACS_PER_NS);
    distil_pool_run(p->s->pool, attend_step, &j, heads * j.blocks, parts);
}

/* ---- layers --------------------------------------------------------------------------------- */

/*
 * The last layer is computed for the first token of each text, which is all that the head reads:
 * keys and values of every row, everything else of `texts` rows. A row's bits depend on no other
 * row but through attention, so they are those of the whole layer.
 */
static int first_rows_only(const pass *p, size_t layer)
{
    return layer + 1 == p->e->weights->n_layers && !p->e->trace;
}

/* The first pair of columns of a layer's q, k, v that all rows need. */
static size_t first_pair(const pass *p, size_t layer)
{
    return first_rows_only(p, layer) ? p->e->weights->dim / DISTIL_PAIR_COLS : 0;
}

/* q, k and v (n, 3 * dim) of the quantised residual stream, what of them all rows need. */
static void project(const pass *p, size_t layer, size_t n)
{
    const distil_qmatrix *qkv = &p->e->weights->layers[layer].qkv;

    multiply(p, p->s->projected, qkv->cols, n, qkv, first_pair(p, layer),
             qkv->cols / DISTIL_PAIR_COLS, DISTIL_EPILOGUE_BIAS);
}

/* Output projection and feed-forward part, on `rows` rows: attention output in s->context,
 * residual stream in s->hidden. Leaves hidden (rows, dim), quantised too. */
static void finish_layer(const pass *p, const distil_layer *layer, size_t rows)
{
    const distil_weights *w = p->e->weights;
    distil_scratch *s = p->s;

    quantize(p, s->context, rows, w->dim);
    multiply_all(p, s->context, rows, &layer->attention_out, DISTIL_EPILOGUE_BIAS);
    add_and_norm(p, rows, layer->attention_norm); /* (rows, dim) */
    multiply_all(p, s->projected, rows, &layer->ffn_in, DISTIL_EPILOGUE_GELU);
    quantize(p, s->projected, rows, w->hidden_dim); /* (rows, hidden_dim) */
    multiply_all(p, s->context, rows, &layer->ffn_out, DISTIL_EPILOGUE_BIAS);
    add_and_norm(p, rows, layer->ffn_norm); /* (rows, dim) */
}

/* The last layer after its keys and values. Leaves hidden (texts, dim). */
static void finish_first_rows(const pass *p, const distil_layer *layer)
{
    distil_scratch *s = p->s;
    size_t dim = p->e->weights->dim, row = 0;

    for (size_t t = 0; t < p->texts; row += p->lengths[t++])
        memmove(s->hidden + t * dim, s->hidden + row * dim, dim * sizeof(float));
    quantize(p, s->hidden, p->texts, dim);
    multiply(p, s->context, dim, p->texts, &layer->qkv, 0, dim / DISTIL_PAIR_COLS,
             DISTIL_EPILOGUE_BIAS); /* q (texts, dim) */
    attend(p, 1);                   /* (texts, dim) */
    finish_layer(p, layer, p->texts);
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* Blocks that n rows are cut into, about equal and as many for each thread; 0: share by columns. */
static size_t count_blocks(const pass *p, size_t n)
{
    const distil_weights *w = p->e->weights;
    size_t threads = p->s->threads;
    size_t rounds = (n + threads * MAX_BLOCK_ROWS - 1) / (threads * MAX_BLOCK_ROWS);
    size_t blocks = rounds * threads;
    size_t weights = 4 * w->dim * w->dim + 2 * w->dim * w->hidden_dim;
    size_t least = weights < LARGE_LAYER ? MIN_BLOCK_ROWS : MIN_BLOCK_ROWS_LARGE;

    return p->s->pool && n / blocks >= least ? blocks : 0;
}

typedef struct block_job {
    const pass *p;
    size_t n, blocks;
    size_t layer; /* to go on to; 0: from the tokens on, n_layers: to the end */
} block_job;

/* x (rows, depth) quantised into the thread's own memory. */
static distil_qrows quantize_block(const pass *p, size_t thread, const float *x, size_t rows,
                                   size_t depth)
{
    const distil_kernels *k = p->e->kernels;
    const distil_weights *w = p->e->weights;
    const distil_scratch *s = p->s;
    size_t deepest = w->dim > w->hidden_dim ? w->dim : w->hidden_dim;
    uint8_t *q = s->block_quantized + thread * s->block_rows * deepest;
    float *scale = s->block_scale + thread * s->block_rows;
    int32_t *zero = s->block_zero + thread * s->block_rows;

    for (size_t t = 0; t < distil_tile_count(rows, k->tile_rows); t++) {
        size_t first = distil_tile_first(rows, k->tile_rows, t);
        size_t last = distil_tile_first(rows, k->tile_rows, t + 1);

        k->quantize(q + first * depth, scale + first, zero + first, x + first * depth, depth,
                    last - first, depth);
    }
    return (distil_qrows){q, scale, zero, rows, k->tile_rows};
}

/* c (rows, w->cols) = epilogue(x (rows, w->depth) . w + bias), from column pair `pair` on */
static void multiply_block(const pass *p, size_t thread, float *c, const float *x, size_t rows,
                           const distil_qmatrix *w, size_t pair, distil_epilogue epilogue)
{
    distil_qrows a = quantize_block(p, thread, x, rows, w->depth);

    p->e->kernels->qgemm(c, w->cols, &a, w, pair, w->cols / DISTIL_PAIR_COLS, epilogue);
}

/* As finish_layer, for rows begin .. end. */
static void finish_block(const pass *p, size_t thread, const distil_layer *layer, size_t begin,
                         size_t end)
{
    const distil_weights *w = p->e->weights;
    const distil_scratch *s = p->s;
    float *context = s->context + begin * w->dim;
    float *wide = s->block_hidden + thread * s->block_rows * w->hidden_dim;
    size_t rows = end - begin;

    multiply_block(p, thread, context, context, rows, &layer->attention_out, 0,
                   DISTIL_EPILOGUE_BIAS);
    norm_rows(p, layer->attention_norm, begin, end);
    multiply_block(p, thread, wide, s->hidden + begin * w->dim, rows, &layer->ffn_in, 0,
                   DISTIL_EPILOGUE_GELU);
    multiply_block(p, thread, context, wide, rows, &layer->ffn_out, 0, DISTIL_EPILOGUE_BIAS);
    norm_rows(p, layer->ffn_norm, begin, end);
}

/* From attention output, or the tokens, to the q, k and v of j->layer. */
static void block_step(void *job, size_t thread, size_t begin, size_t end)
{
    const block_job *j = job;
    const pass *p = j->p;
    const distil_weights *w = p->e->weights;

    for (size_t b = begin; b < end; b++) {
        size_t first = j->n * b / j->blocks, last = j->n * (b + 1) / j->blocks;

        if (j->layer == 0)
            embed_rows(p, first, last);
        else
            finish_block(p, thread, &w->layers[j->layer - 1], first, last);
        if (j->layer < w->n_layers)
            multiply_block(p, thread, p->s->projected + first * 3 * w->dim,
                           p->s->hidden + first * w->dim, last - first, &w->layers[j->layer].qkv,
                           first_pair(p, j->layer), DISTIL_EPILOGUE_BIAS);
    }
}

/* ---- the pass ------------------------------------------------------------------------------- */

/* Up to q, k and v of a layer: from attention output of the one before or, for 0, from tokens. */
static void advance(const pass *p, size_t layer, size_t n)
{
    size_t blocks = count_blocks(p, n);

    if (blocks > 0) {
        block_job j = {p, n, blocks, layer};

        distil_pool_run(p->s->pool, block_step, &j, blocks, blocks);
        return;
    }
    if (layer == 0)
        embed(p, n);
    else
        finish_layer(p, &p->e->weights->layers[layer - 1], n);
    if (layer < p->e->weights->n_layers)
        project(p, layer, n);
}

/* ---- head ----------------------------------------------------------------------------------- */

typedef struct classify_job {
    const pass *p;
    float *logits; /* (texts, n_labels) */
    int all_rows;  /* hidden is (n, dim), else (texts, dim) */
} classify_job;

/* logits of texts begin .. end: dense, ReLU, output layer. */
static void classify_step(void *job, size_t thread, size_t begin, size_t end)
{
    const classify_job *j = job;
    const distil_weights *w = j->p->e->weights;
    const distil_kernels *k = j->p->e->kernels;
    distil_scratch *s = j->p->s;
    float *dense = s->pooled_dense + thread * w->dim, *logits = s->logits + thread * w->label_cols;
    size_t row = 0;

    for (size_t t = 0; t < end; t++) {
        if (t >= begin) {
            k->dense(dense, s->hidden + row * w->dim, w->dense_weight, w->dense_bias, w->dim,
                     w->dim, 1);
            k->dense(logits, dense, w->out_weight, w->out_bias, w->dim, w->label_cols, 0);
            memcpy(j->logits + t * w->n_labels, logits, w->n_labels * sizeof(float));
        }
        row += j->all_rows ? j->p->lengths[t] : 1;
    }
}

void distil_enc_run(const distil_encoder *e, distil_scratch *s, float *logits, const int32_t *ids,
                    const size_t *lengths, size_t texts)
{
    const distil_weights *w = e->weights;
    pass p = {e, s, ids, lengths, texts};
    classify_job head = {&p, logits, e->trace != NULL};
    size_t n = 0;

    for (size_t t = 0; t < texts; t++)
        n += lengths[t];
    assert(n <= s->rows);

    distil_pool_wake(s->pool);
    advance(&p, 0, n);
    if (e->trace)
        e->trace(e->trace_user, 0, s->hidden, n);
    for (size_t l = 0; l < w->n_layers; l++) {
        if (first_rows_only(&p, l)) {
            finish_first_rows(&p, &w->layers[l]);
            break;
        }
        attend(&p, 0); /* (n, dim) */
        advance(&p, l + 1, n);
        if (e->trace)
            e->trace(e->trace_user, l + 1, s->hidden, n);
    }
    share(s, classify_step, &head, texts, texts * w->dim * w->dim / FLOAT_MACS_PER_NS);
    distil_pool_rest(s->pool);
}
