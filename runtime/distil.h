/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distil: DistilBERT text classification, int8, the same bits on every x86-64 CPU.
 *
 *     distil_model *model;
 *     distil_context *context;
 *     distil_result result;
 *
 *     if (distil_model_open(&model, "sst2.distil", NULL, NULL) == DISTIL_OK &&
 *         distil_context_new(&context, model, NULL) == DISTIL_OK &&
 *         distil_classify(context, &result, NULL, "A gorgeous film.", 16, 0) == DISTIL_OK)
 *         printf("%s %.4f\n", distil_model_label(model, result.label), result.score);
 *
 * A blob is made once from a Hugging Face folder by `distil convert`. It is mapped read-only and
 * used in place: opening reads no weights, and processes share its pages.
 *
 * Promises. The logits of a text depend on the text and the blob alone: not on CPU, compiler,
 * batch mates, order, context, number of threads or the caller's rounding mode. After
 * distil_model_open and distil_context_new the library allocates nothing, opens nothing, reads no
 * environment or locale and never prints or exits. A malformed blob or text gives a status, never
 * a crash. (One thing cannot be promised of a mapped file: if another process truncates it while
 * it is open, reading it raises SIGBUS. Replace a blob by renaming a new file over it.)
 *
 * Threads. A model is immutable: any number of threads may use it at once, until it is closed. A
 * context is scratch memory for one call at a time: one context for each thread. On request a
 * context has threads of its own that help with a call (distil_context_options); then a call makes
 * futex system calls, and none otherwise. Only the open functions are cancellation points.
 *
 * Functions return a status that must not be ignored; on error outputs are untouched except
 * distil_error. Argument order: object, outputs, inputs; a length follows its pointer.
 */
#ifndef DISTIL_H
#define DISTIL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DISTIL_VERSION_MAJOR 0
#define DISTIL_VERSION_MINOR 1
#define DISTIL_VERSION_PATCH 0

#if defined(__GNUC__)
#define DISTIL_API __attribute__((visibility("default")))
#define DISTIL_CHECKED __attribute__((visibility("default"), warn_unused_result))
#else
#define DISTIL_API
#define DISTIL_CHECKED
#endif

/* ---- status --------------------------------------------------------------------------------- */

/* Values are fixed for ever and spaced by area: 10 file, 20 blob, 30 input, 40 system. */
typedef enum distil_status {
    DISTIL_OK = 0,
    DISTIL_FILE_OPEN = 10,       /* the file cannot be opened; distil_error.system_errno says why */
    DISTIL_FILE_READ = 11,       /* it cannot be read or mapped */
    DISTIL_BAD_MAGIC = 20,       /* not a blob */
    DISTIL_BAD_VERSION = 21,     /* a blob of another format version: convert the model again */
    DISTIL_TRUNCATED = 22,       /* shorter or longer than its header says */
    DISTIL_BAD_STRUCTURE = 23,   /* a field, size, offset or table that cannot be */
    DISTIL_BAD_CHECKSUM = 24,    /* content differs from its CRC-32C or SHA-256 */
    DISTIL_BAD_PROOF = 25,       /* weights break the overflow bound (reported by verification) */
    DISTIL_BAD_ARGUMENT = 30,    /* NULL where not allowed, an unknown flag, a value out of range */
    DISTIL_BAD_TOKEN = 31,       /* a token id is not below the vocabulary size */
    DISTIL_TOO_MANY_TOKENS = 32, /* more token ids than the model has positions, or none */
    DISTIL_NOT_FINITE = 33,      /* a logit is not finite: the blob's weights are damaged */
    DISTIL_NO_MEMORY = 40,       /* the allocator returned NULL */
    DISTIL_BAD_CPU = 41,  /* max_isa names a level that this CPU cannot run, with exact_isa */
    DISTIL_NO_THREAD = 42 /* the system refused a thread: ask for fewer or raise its limits */
} distil_status;

/* One line for a person, never NULL; "unknown status" for other values. */
DISTIL_API const char *distil_status_str(distil_status status);

/* Details of a refusal, filled on error where the caller gives one. */
typedef struct distil_error {
    distil_status status;
    int system_errno;  /* errno of the failed call, 0 if none */
    uint64_t offset;   /* byte of the blob found wrong, 0 if it is not about one */
    char message[160]; /* NUL-terminated: what was found and what was expected */
} distil_error;

/* "0.1.0" */
DISTIL_API const char *distil_version(void);

/* ---- instruction sets ----------------------------------------------------------------------- */

typedef enum distil_isa {
    DISTIL_ISA_SCALAR = 0,
    DISTIL_ISA_AVX2 = 1,
    DISTIL_ISA_AVXVNNI = 2,
    DISTIL_ISA_AVX512 = 3,
    DISTIL_ISA_AVX512VNNI = 4,
    DISTIL_ISA_BEST = 255 /* no cap: the best that CPU and operating system support */
} distil_isa;

/* "scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "best"; NULL for other values. */
DISTIL_API const char *distil_isa_name(distil_isa isa);

/* The inverse. DISTIL_BAD_ARGUMENT for an unknown name. */
DISTIL_CHECKED distil_status distil_isa_parse(distil_isa *isa, const char *name);

/* ---- model ---------------------------------------------------------------------------------- */

typedef struct distil_model distil_model;

/* Memory for models and contexts. allocate returns at least `bytes` bytes aligned to 64, or NULL;
 * release gets what allocate gave, never NULL. Both are called only by the open, new, close and
 * free functions. */
typedef struct distil_allocator {
    void *(*allocate)(void *user, size_t bytes);
    void (*release)(void *user, void *memory);
    void *user;
} distil_allocator;

/* How much of a blob's content is checked at open, on top of its structure, which always is. */
typedef enum distil_verify {
    DISTIL_VERIFY_NONE = 0,  /* reads no weights: milliseconds */
    DISTIL_VERIFY_CRC = 1,   /* each section's CRC-32C: reads the file once */
    DISTIL_VERIFY_SHA256 = 2 /* and the SHA-256 over the whole */
} distil_verify;

/* Zero-initialise, then set: {0} is not the default for max_isa, DISTIL_OPTIONS_INIT is. */
typedef struct distil_options {
    distil_isa max_isa; /* use no level above this one */
    distil_verify verify;
    int exact_isa; /* nonzero: fail with DISTIL_BAD_CPU where max_isa itself cannot be used */
    const distil_allocator *allocator; /* NULL: malloc; copied, user must outlive the model */
} distil_options;

#define DISTIL_OPTIONS_INIT                                                                        \
    {                                                                                              \
        DISTIL_ISA_BEST, DISTIL_VERIFY_NONE, 0, NULL                                               \
    }

/* Open a blob by path. options and error may be NULL. *model is to be closed by the caller. */
DISTIL_CHECKED distil_status distil_model_open(distil_model **model, const char *path,
                                               const distil_options *options, distil_error *error);

/* The same from a descriptor of a regular file, read from its beginning. The descriptor stays the
 * caller's and may be closed as soon as this returns. */
DISTIL_CHECKED distil_status distil_model_open_fd(distil_model **model, int fd,
                                                  const distil_options *options,
                                                  distil_error *error);

/* The same from memory, e.g. embedded in the executable: bytes aligned to 64, unchanged and alive
 * until the model is closed. */
DISTIL_CHECKED distil_status distil_model_open_memory(distil_model **model, const void *bytes,
                                                      size_t size, const distil_options *options,
                                                      distil_error *error);

/* Release a model. No context of it may be used afterwards. NULL is allowed. */
DISTIL_API void distil_model_close(distil_model *model);

typedef struct distil_model_info {
    size_t dim;        /* width of the residual stream */
    size_t hidden_dim; /* width of the feed-forward layer */
    size_t n_layers;
    size_t n_heads;
    size_t vocab_size;
    size_t max_positions; /* most tokens of a text, [CLS] and [SEP] included */
    size_t n_labels;
    size_t blob_bytes;
    distil_isa isa;     /* the level in use */
    uint8_t sha256[32]; /* the blob's SHA-256 as it says itself; checked by DISTIL_VERIFY_SHA256 */
} distil_model_info;

DISTIL_CHECKED distil_status distil_model_get_info(const distil_model *model,
                                                   distil_model_info *info);

/* Name of a label, UTF-8, NUL-terminated, alive as long as the model; NULL if label is not below
 * n_labels. */
DISTIL_API const char *distil_model_label(const distil_model *model, size_t label);

/* ---- tokens --------------------------------------------------------------------------------- */

/* Treat special tokens written in the text ("[SEP]", "[MASK]", ...) as plain text. Without it they
 * become their ids, as in Hugging Face tokenizers. Set it for text that strangers send. */
#define DISTIL_SPLIT_SPECIAL_TOKENS 1u

/*
 * Token ids of a text, [CLS] first and [SEP] last, not truncated: exactly those of Hugging Face
 * tokenizers' BertWordPieceTokenizer for this vocabulary.
 *
 * ids       written: the first min(*count, capacity) ids; may be NULL where capacity is 0
 * count     set to the number of tokens of the whole text, at least 2
 * text      UTF-8, text_bytes bytes, NUL allowed; invalid sequences count as U+FFFD the way
 *           Python's decode(errors="replace") makes them; NULL where text_bytes is 0
 * flags     0 or DISTIL_SPLIT_SPECIAL_TOKENS
 *
 * Needs no context and no memory; time linear in text_bytes.
 */
DISTIL_CHECKED distil_status distil_tokenize(const distil_model *model, int32_t *ids,
                                             size_t capacity, size_t *count, const char *text,
                                             size_t text_bytes, uint32_t flags);

/* ---- classification ------------------------------------------------------------------------- */

typedef struct distil_context distil_context;

/* As many threads as CPUs that the calling thread may use: its affinity mask, and of a control
 * group's CPU quota the whole CPUs; never the host's number. Found out by distil_context_new,
 * which then reads /proc and the control groups' files. */
#define DISTIL_THREADS_AUTO ((size_t)-1)

/* Zero is the default of each. */
typedef struct distil_context_options {
    /* Most tokens that one pass over the weights takes; texts of a batch are packed into passes of
     * at most so many. At least the model's max_positions, at most 65536; 0: max_positions. More is
     * faster for batches of short texts and costs scratch memory in proportion. */
    size_t max_batch_tokens;
    /* Threads that compute a call together, the caller among them: at most 256, or
     * DISTIL_THREADS_AUTO. 0 or 1: the caller alone; nothing is created, locked or shared. More
     * makes one call faster; for many texts at once contexts in threads of your own do better. The
     * others sleep between calls, block signals, and live until distil_context_free. Ask for no
     * more than there are free CPUs: docs/threads.md. */
    size_t threads;
    const distil_allocator *allocator; /* NULL: the model's */
} distil_context_options;

/* All scratch memory for classifying, in one allocation, and the threads asked for. options may be
 * NULL. The model must outlive the context. */
DISTIL_CHECKED distil_status distil_context_new(distil_context **context, const distil_model *model,
                                                const distil_context_options *options);

/* Bytes that distil_context_new allocates for these options. */
DISTIL_CHECKED distil_status distil_context_bytes(const distil_model *model, size_t *bytes,
                                                  const distil_context_options *options);

/* Ends the context's threads. NULL is allowed. In a forked child an inherited context may be used,
 * by the calling thread alone whatever its threads were, and freed. */
DISTIL_API void distil_context_free(distil_context *context);

typedef struct distil_text {
    const char *bytes; /* UTF-8, as for distil_tokenize */
    size_t size;
} distil_text;

typedef struct distil_result {
    size_t label;       /* the label with the greatest logit; the lowest such where equal */
    float score;        /* its probability, 0 .. 1 */
    size_t token_count; /* tokens classified, [CLS] and [SEP] included, at most max_positions */
    int truncated;      /* 1 if the text had more; the first ones and [SEP] were classified */
} distil_result;

/* Where to put all logits and probabilities of a text: (n_labels) floats each, or NULL. */
typedef struct distil_scores {
    float *logits;
    float *probabilities; /* softmax of the logits */
} distil_scores;

/* Classify one text. scores may be NULL. flags as for distil_tokenize. */
DISTIL_CHECKED distil_status distil_classify(distil_context *context, distil_result *result,
                                             const distil_scores *scores, const char *text,
                                             size_t text_bytes, uint32_t flags);

/* Classify count texts: results (count), scores (count) or NULL. The same bits as one by one.
 * count may be 0. DISTIL_BAD_ARGUMENT leaves all outputs untouched; DISTIL_NOT_FINITE those of the
 * text that caused it and of all after it. */
DISTIL_CHECKED distil_status distil_classify_batch(distil_context *context, distil_result *results,
                                                   const distil_scores *scores,
                                                   const distil_text *texts, size_t count,
                                                   uint32_t flags);

/* Classify token ids as they are: nothing is added or cut. 1 <= count <= max_positions. */
DISTIL_CHECKED distil_status distil_classify_ids(distil_context *context, distil_result *result,
                                                 const distil_scores *scores, const int32_t *ids,
                                                 size_t count);

#ifdef __cplusplus
}
#endif

#endif
