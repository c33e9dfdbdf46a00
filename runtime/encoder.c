/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forward pass. Read this file from the bottom up: distil_enc_run is a pass, run_layer is one
 * layer, and the functions above them are the steps of a layer.
 *
 * Threads share a pass in one of two ways, which runtime/sharing.c chooses:
 *
 * - By columns: all threads work on the same rows. Each computes some column pairs of a product, or
 *   some row tiles of a step that computes rows one by one. Each weight is read once, but every
 *   step ends with a barrier. This serves passes of few rows, and the calling thread alone.
 *
 * - By blocks: each thread carries a block of rows through several steps, and the activations stay
 *   in its own cache. A layer has two barriers, but every thread reads all weights. This serves
 *   passes with enough rows for each thread.
 *
 * A row_range stands for either: the whole pass, which all threads share, or one thread's block.
 */
#include "runtime/encoder.h"

#include <assert.h>
#include <string.h>

#include "runtime/head.h"
#include "runtime/sharing.h"

struct row_range;

/* Some steps of a layer, one after the other, on one range of rows. */
typedef void stage_fn(const struct row_range *range, const distil_layer *layer);

/* What all steps of one forward pass read. */
typedef struct pass {
    const distil_weights *w;
    const distil_kernels *k;
    distil_scratch *s;
    const int32_t *ids;    /* (rows) */
    const size_t *lengths; /* (texts) */
    size_t texts;
    size_t rows;   /* the sum of lengths */
    size_t blocks; /* the number of blocks; 0 means that threads share by columns */

    /* Stages that every block has yet to go through, in this order; see run_stage. */
    struct {
        stage_fn *stage;
        const distil_layer *layer;
    } pending[2];
    size_t n_pending;
} pass;

/* Rows of a pass that go through some steps together, and where these steps keep their results. */
typedef struct row_range {
    const pass *p;
    size_t begin; /* the first row; even, so that q is 64-byte aligned */
    size_t rows;
    uint8_t *q; /* (rows, depth) quantised, with a scale and a zero point for each row */
    float *scale;
    int32_t *zero;
    float *wide; /* (rows, hidden_dim) between the two products of the feed-forward network */
    int shared;  /* 1 if all threads share each step, 0 if the calling thread does all of it */
} row_range;

/* The first `rows` rows, shared by all threads. */
static row_range all_rows(const pass *p, size_t rows)
{
    distil_scratch *s = p->s;

    return (row_range){p, 0, rows, s->quantized, s->row_scale, s->row_zero, s->wide, 1};
}

/* The first row of a block, rounded up to an even one. Rounding up keeps the last block within
 * DISTIL_ENC_MAX_BLOCK_ROWS. */
static size_t first_of_block(const pass *p, size_t block)
{
    return block < p->blocks ? (p->rows * block / p->blocks + 1) & ~(size_t)1 : p->rows;
}

/* Returns the rows of one block, which `thread` computes alone. */
static row_range block_rows(const pass *p, size_t thread, size_t block)
{
    distil_scratch *s = p->s;
    size_t begin = first_of_block(p, block), rows = first_of_block(p, block + 1) - begin;
    uint8_t *q = s->quantized + begin * s->quantized_stride;
    float *wide = s->block_wide + thread * DISTIL_ENC_MAX_BLOCK_ROWS * p->w->hidden_dim;

    assert(rows >= 1 && rows <= DISTIL_ENC_MAX_BLOCK_ROWS);
    return (row_range){p, begin, rows, q, s->row_scale + begin, s->row_zero + begin, wide, 0};
}

/* ---- sharing a step ------------------------------------------------------------------------- */

/* Runs one step over n items. A shared range gives each thread one part at most, since every part
 * interrupts the sequential reading of weights. */
static void run_step(const row_range *r, distil_pool_fn *step, void *job, size_t n, size_t work_ns)
{
    distil_pool *pool = r->shared ? r->p->s->pool : NULL;

    distil_pool_run(pool, step, job, n,
                    pool ? distil_sharing_parts(r->p->s->threads, n, work_ns) : 1);
}

/* ---- steps that compute rows one by one ------------------------------------------------------ */

/*
 * A step over the row tiles of a range. It leaves its rows quantised: each tile is quantised right
 * after its rows are computed, while they are in the first-level cache.
 */
typedef struct tiles_job {
    const row_range *r;
    const float *x; /* (rows of the range, depth) the floats to quantise */
    size_t depth;
    const distil_norm *norm; /* used by normalize_step only */
} tiles_job;

/* The first row of a tile, counted from the first row of the range. */
static size_t first_of_tile(const row_range *r, size_t tile)
{
    return distil_tile_first(r->rows, r->p->k->tile_rows, tile);
}

static void quantize_tile(const tiles_job *j, size_t tile)
{
    const row_range *r = j->r;
    size_t first = first_of_tile(r, tile), rows = first_of_tile(r, tile + 1) - first;

    r->p->k->quantize(r->q + first * j->depth, r->scale + first, r->zero + first,
                      j->x + first * j->depth, j->depth, rows, j->depth);
}

static void quantize_step(void *job, size_t thread, size_t begin, size_t end)
{
    const tiles_job *j = job;

    (void)thread;
    for (size_t t = begin; t < end; t++)
        quantize_tile(j, t);
}

/* Adds the output of a sublayer to the residual and normalises the sum, tile by tile, and quantises
 * it. */
static void normalize_step(void *job, size_t thread, size_t begin, size_t end)
{
    const tiles_job *j = job;
    const row_range *r = j->r;
    const distil_weights *w = r->p->w;

    (void)thread;
    for (size_t t = begin; t < end; t++) {
        size_t end_row = r->begin + first_of_tile(r, t + 1);

        for (size_t row = r->begin + first_of_tile(r, t); row < end_row; row++) {
            float *residual = r->p->s->residual + row * w->dim;

            r->p->k->layer_norm(residual, r->p->s->sublayer + row * w->dim, residual,
                                j->norm->gamma, j->norm->beta, w->dim, w->layer_norm_eps);
        }
        quantize_tile(j, t);
    }
}

/* Adds the embedding of each row's word to that of its position, normalises the sum, and quantises
 * it. */
static void embed_step(void *job, size_t thread, size_t begin, size_t end)
{
    const tiles_job *j = job;
    const row_range *r = j->r;
    const distil_weights *w = r->p->w;

    (void)thread;
    for (size_t t = begin; t < end; t++) {
        size_t end_row = r->begin + first_of_tile(r, t + 1);

        for (size_t row = r->begin + first_of_tile(r, t); row < end_row; row++) {
            float *residual = r->p->s->residual + row * w->dim;
            size_t word = distil_blob_read_u32(&w->embed_row[r->p->ids[row]]);

            /* Opening has checked the table, but the file of the blob may have changed since. */
            word = word < w->vocab_size ? word : 0;
            r->p->k->embed(residual, w->embed_word + word * w->dim, w->embed_scale[word],
                           w->embed_position + r->p->s->position[row] * w->dim, w->dim);
            r->p->k->layer_norm(residual, residual, NULL, w->embed_norm.gamma, w->embed_norm.beta,
                                w->dim, w->layer_norm_eps);
        }
        quantize_tile(j, t);
    }
}

/* Runs quantize_step, normalize_step or embed_step on all tiles of the range. `scans` is how often
 * the step goes over an element, by which its duration is estimated. */
static void run_tiles(const row_range *r, distil_pool_fn *step, const float *x, size_t depth,
                      const distil_norm *norm, size_t scans)
{
    tiles_job j = {r, x, depth, norm};

    run_step(r, step, &j, distil_tile_count(r->rows, r->p->k->tile_rows),
             scans * r->rows * depth / DISTIL_QUANTIZED_PER_NS);
}

static void quantize(const row_range *r, const float *x, size_t depth)
{
    run_tiles(r, quantize_step, x, depth, NULL, 1);
}

static void add_and_normalize(const row_range *r, const distil_norm *norm)
{
    size_t dim = r->p->w->dim;

    run_tiles(r, normalize_step, r->p->s->residual + r->begin * dim, dim, norm, 2);
}

/* ---- products ------------------------------------------------------------------------------- */

typedef struct multiply_job {
    const distil_kernels *k;
    float *c;
    distil_qrows a;
    const distil_qmatrix *w;
    size_t c_stride;
    size_t first_pair; /* the column pair that is item 0 of the step */
    distil_epilogue epilogue;
} multiply_job;

static void multiply_step(void *job, size_t thread, size_t begin, size_t end)
{
    const multiply_job *j = job;

    (void)thread;
    j->k->qgemm(j->c, j->c_stride, &j->a, j->w, j->first_pair + begin, j->first_pair + end,
                j->epilogue);
}

/* Computes c = epilogue(q . w + bias) for the column pairs begin .. end - 1 of w, where q is the
 * quantised rows of the range (rows, w->depth). c has `rows` rows that are c_stride elements
 * apart. */
static void multiply_pairs(const row_range *r, float *c, size_t c_stride, const distil_qmatrix *w,
                           size_t begin, size_t end, distil_epilogue epilogue)
{
    const distil_kernels *k = r->p->k;
    distil_qrows a = {r->q, r->scale, r->zero, r->rows, k->tile_rows};
    multiply_job j = {k, c, a, w, c_stride, begin, epilogue};
    /* Up to about 8 rows take as long as one, because reading the weights is the limit. */
    size_t macs = (r->rows > 8 ? r->rows : 8) * w->depth * (end - begin) * DISTIL_PAIR_COLS;

    run_step(r, multiply_step, &j, end - begin, macs / DISTIL_MACS_PER_NS);
}

/* Computes c (rows, w->cols) = epilogue(q . w + bias), where q is the quantised rows of the
 * range. */
static void multiply(const row_range *r, float *c, const distil_qmatrix *w,
                     distil_epilogue epilogue)
{
    multiply_pairs(r, c, w->cols, w, 0, w->cols / DISTIL_PAIR_COLS, epilogue);
}

/* ---- attention ------------------------------------------------------------------------------ */

/* With several texts, each thread gets up to four parts, which evens out their different lengths.
 * A range of fewer than 32 queries is not worth quantising keys and values again for it. */
enum { ATTENTION_PARTS = 4, MIN_QUERIES = 32 };

typedef struct attention_job {
    const pass *p;
    size_t query_ranges; /* the number of ranges that the queries of a head are cut into */
    int first_rows;      /* 1: one query for each text, in first_query; 0: a query for each row */
} attention_job;

/* An item of this step is one query range of one head of one text. */
static void attention_step(void *job, size_t thread, size_t begin, size_t end)
{
    const attention_job *j = job;
    const pass *p = j->p;
    const distil_weights *w = p->w;
    const distil_scratch *s = p->s;
    size_t stride = 3 * w->dim;

    for (size_t i = begin; i < end; i++) {
        size_t text = i / (j->query_ranges * w->n_heads), row = s->first_row[text];
        size_t column = i / j->query_ranges % w->n_heads * w->head_dim;
        size_t queries = j->first_rows ? 1 : p->lengths[text], range = i % j->query_ranges;
        size_t first = queries * range / j->query_ranges;
        size_t last = queries * (range + 1) / j->query_ranges;
        const float *head = s->qkv + row * stride + column;
        const float *query =
            j->first_rows ? s->first_query + text * w->dim + column : head + first * stride;
        float *out = s->attention_output + (j->first_rows ? text : row + first) * w->dim + column;

        if (first < last)
            p->k->attention(out, w->dim, query, head + w->dim, head + 2 * w->dim, stride,
                            last - first, p->lengths[text], w->head_dim, w->attention_scale,
                            s->attention + thread * s->attention_bytes);
    }
}

/* Computes attention_output (rows, dim) from qkv (rows, 3 * dim). With first_rows, it computes one
 * row for each text, (texts, dim), from the queries in first_query and the keys and values in
 * qkv. */
static void attend(const pass *p, int first_rows)
{
    distil_pool *pool = p->s->pool;
    size_t threads = p->s->threads, heads = p->texts * p->w->n_heads;
    size_t macs = 0, longest = 0, parts = 1;
    attention_job j = {p, 1, first_rows};

    for (size_t t = 0; t < p->texts; t++) {
        size_t length = p->lengths[t];

        macs += 2 * (first_rows ? 1 : length) * length * p->w->dim;
        longest = length > longest ? length : longest;
    }
    /* With so few heads some threads would have nothing to do, so the queries of each head are cut
     * into ranges. */
    if (pool && !first_rows && heads < 2 * threads) {
        size_t most = longest / MIN_QUERIES > 1 ? longest / MIN_QUERIES : 1;

        j.query_ranges = (2 * threads + heads - 1) / heads;
        j.query_ranges = j.query_ranges < most ? j.query_ranges : most;
    }
    if (pool)
        parts = distil_sharing_parts(threads * (p->texts > 1 ? ATTENTION_PARTS : 1),
                                     heads * j.query_ranges, macs / DISTIL_WORD_MACS_PER_NS);
    distil_pool_run(pool, attention_step, &j, heads * j.query_ranges, parts);
}

/* ---- stages of a layer, each on one range of rows ------------------------------------------- */

/* Computes the embeddings of the range. This stage comes before the first layer, so `layer` is not
 * used. */
static void embed(const row_range *r, const distil_layer *layer)
{
    size_t dim = r->p->w->dim;

    (void)layer;
    run_tiles(r, embed_step, r->p->s->residual + r->begin * dim, dim, NULL, 3);
}

/* Computes qkv (rows, 3 * dim) from the quantised residual. */
static void project(const row_range *r, const distil_layer *layer)
{
    multiply(r, r->p->s->qkv + r->begin * layer->qkv.cols, &layer->qkv, DISTIL_EPILOGUE_BIAS);
}

/* Computes keys and values alone, which is all that the last layer needs of every row: the columns
 * of q in qkv (rows, 3 * dim) are skipped. */
static void project_keys_and_values(const row_range *r, const distil_layer *layer)
{
    const distil_qmatrix *qkv = &layer->qkv;

    multiply_pairs(r, r->p->s->qkv + r->begin * qkv->cols, qkv->cols, qkv,
                   r->p->w->dim / DISTIL_PAIR_COLS, qkv->cols / DISTIL_PAIR_COLS,
                   DISTIL_EPILOGUE_BIAS);
}

/* Computes the rest of a layer after attention: output projection, feed-forward network, and a
 * layer normalisation after each. Leaves the residual quantised for the next layer. */
static void finish(const row_range *r, const distil_layer *layer)
{
    const distil_weights *w = r->p->w;
    float *sublayer = r->p->s->sublayer + r->begin * w->dim;

    quantize(r, r->p->s->attention_output + r->begin * w->dim, w->dim);
    multiply(r, sublayer, &layer->attention_out, DISTIL_EPILOGUE_BIAS); /* (rows, dim) */
    add_and_normalize(r, &layer->attention_norm);
    multiply(r, r->wide, &layer->ffn_in, DISTIL_EPILOGUE_GELU); /* (rows, hidden_dim) */
    quantize(r, r->wide, w->hidden_dim);
    multiply(r, sublayer, &layer->ffn_out, DISTIL_EPILOGUE_BIAS); /* (rows, dim) */
    add_and_normalize(r, &layer->ffn_norm);
}

static void blocks_step(void *job, size_t thread, size_t begin, size_t end)
{
    const pass *p = job;

    for (size_t b = begin; b < end; b++) {
        row_range r = block_rows(p, thread, b);

        for (size_t i = 0; i < p->n_pending; i++)
            p->pending[i].stage(&r, p->pending[i].layer);
    }
}

/*
 * Runs a stage on all rows of the pass. By columns it runs at once. By blocks it is put off until a
 * step needs the rows of other blocks and calls run_pending: so a thread carries its block through
 * the end of one layer and the beginning of the next without a barrier between them.
 */
static void run_stage(pass *p, stage_fn *stage, const distil_layer *layer)
{
    if (p->blocks == 0) {
        row_range r = all_rows(p, p->rows);

        stage(&r, layer);
        return;
    }
    assert(p->n_pending < sizeof p->pending / sizeof p->pending[0]);
    p->pending[p->n_pending].stage = stage;
    p->pending[p->n_pending].layer = layer;
    p->n_pending++;
}

static void run_pending(pass *p)
{
    if (p->n_pending > 0)
        distil_pool_run(p->s->pool, blocks_step, p, p->blocks, p->blocks);
    p->n_pending = 0;
}

/* ---- layers --------------------------------------------------------------------------------- */

/* One transformer layer: residual (rows, dim), quantised too, in and out. */
static void run_layer(pass *p, const distil_layer *layer)
{
    run_stage(p, project, layer);
    run_pending(p);
    attend(p, 0);
    run_stage(p, finish, layer);
}

/*
 * The last layer, for the first row of each text alone, where the head reads no
 * other. Only keys and values are needed of all rows. The result has the bits that run_layer gives
 * for these rows. Leaves residual (texts, dim).
 */
static void run_last_layer(pass *p, const distil_layer *layer)
{
    distil_scratch *s = p->s;
    size_t dim = p->w->dim;
    row_range first_rows = all_rows(p, p->texts);

    run_stage(p, project_keys_and_values, layer);
    run_pending(p);
    for (size_t t = 0; t < p->texts; t++)
        memmove(s->residual + t * dim, s->residual + s->first_row[t] * dim, dim * sizeof(float));
    quantize(&first_rows, s->residual, dim);
    multiply_pairs(&first_rows, s->first_query, dim, &layer->qkv, 0, dim / DISTIL_PAIR_COLS,
                   DISTIL_EPILOGUE_BIAS);
    attend(p, 1);
    finish(&first_rows, layer);
}

/* ---- the pass ------------------------------------------------------------------------------- */

typedef struct head_job {
    const pass *p;
    float *logits;     /* (items, n_labels) */
    const size_t *row; /* (items) where the item's residual is; NULL if item i is row i */
} head_job;

static void head_step(void *job, size_t thread, size_t begin, size_t end)
{
    const head_job *j = job;
    const distil_weights *w = j->p->w;
    const distil_scratch *s = j->p->s;

    for (size_t t = begin; t < end; t++) {
        size_t row = j->row != NULL ? j->row[t] : t;

        distil_head_run(w, j->p->k, j->logits + t * w->n_labels, s->residual + row * w->dim,
                        s->head_dense + thread * w->dim, s->head_columns + thread * w->label_cols);
    }
}

/* Shows the residual to a test that has asked for it. */
static void trace(const distil_encoder *e, pass *p, size_t layer)
{
    if (!e->trace)
        return;
    run_pending(p);
    e->trace(e->trace_user, layer, p->s->residual, p->rows);
}

/* Fills first_row and position, and returns the number of rows. */
static size_t locate_rows(distil_scratch *s, const size_t *lengths, size_t texts)
{
    size_t rows = 0;

    for (size_t t = 0; t < texts; t++) {
        assert(lengths[t] >= 1 && lengths[t] <= s->rows - rows);
        s->first_row[t] = rows;
        for (size_t i = 0; i < lengths[t]; i++)
            s->position[rows++] = (uint32_t)i;
    }
    return rows;
}

void distil_enc_run(const distil_encoder *e, distil_scratch *s, float *logits, const int32_t *ids,
                    const size_t *lengths, size_t texts)
{
    const distil_weights *w = e->weights;
    pass p = {.w = w, .k = e->kernels, .s = s, .ids = ids, .lengths = lengths, .texts = texts};
    row_range first_rows = all_rows(&p, texts);
    int reads_all = w->head->rows == DISTIL_HEAD_ROWS_ALL;
    int first_only = !(logits ? reads_all : e->all_rows) && e->trace == NULL;
    head_job head = {&p, logits, reads_all || first_only ? NULL : s->first_row};
    size_t full_layers = first_only ? w->n_layers - 1 : w->n_layers;

    p.rows = locate_rows(s, lengths, texts);
    p.blocks = s->pool ? distil_sharing_blocks(w, s->threads, p.rows) : 0;
    distil_pool_wake(s->pool);
    run_stage(&p, embed, NULL);
    trace(e, &p, 0);
    for (size_t l = 0; l < full_layers; l++) {
        run_layer(&p, &w->layers[l]);
        trace(e, &p, l + 1);
    }
    if (full_layers < w->n_layers)
        run_last_layer(&p, &w->layers[full_layers]);
    run_pending(&p);
    if (logits)
        run_step(&first_rows, head_step, &head, reads_all ? p.rows : texts,
                 texts * w->dim * w->dim / DISTIL_FLOAT_MACS_PER_NS);
    distil_pool_rest(s->pool);
}
