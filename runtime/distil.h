/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distil: DistilBERT text classification in int8, with the same bits on every x86-64 CPU.
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
 * Introduction
 *
 * A blob is a file that holds one classifier: vocabulary, weights and label names. The command
 * `distil convert` makes it once from a folder of Hugging Face transformers. The library maps the
 * blob read-only and uses it in place. Opening reads no weights, and processes that open the same
 * file share its pages in memory.
 *
 * A program opens a model from a blob, makes a context for the model, and classifies texts with the
 * context. It frees the context before it closes the model.
 *
 * Results
 *
 * The logits of a text depend on the text and the blob alone. They have the same bits whatever the
 * CPU, the compiler, the other texts of the batch and their order, the context, its number of
 * threads, and the rounding mode that the caller has set.
 *
 * Errors
 *
 * Functions that can fail return a distil_status, which the caller must check. After an error all
 * outputs are untouched, except that *error is filled where the caller passes one, and that
 * distil_classify_batch may have filled the results of its first texts. A malformed blob
 * or text gives a status and never a crash. One error cannot be turned into a status: if another
 * process truncates the file of an open blob, reading the mapping raises SIGBUS. If it overwrites
 * the file in place, tables change after their checks and the library may read outside of the
 * mapping. To replace a blob, write a new file and rename it over the old one.
 *
 * Resources
 *
 * distil_model_open and distil_context_new allocate all memory that the library ever uses. After
 * them it allocates nothing, opens no file, and makes no system call except those of a context with
 * threads. The library never reads the environment or the locale, never prints and never exits.
 *
 * Threads
 *
 * A model is immutable: any number of threads may use it at once, until one of them closes it. A
 * context serves one call at a time, so each thread needs its own. A context can own threads that
 * help with its calls (see distil_context_options); such a call makes futex system calls. Of all
 * functions only distil_model_open and its two variants are cancellation points.
 *
 * Order of arguments: the object, the outputs, the inputs. A length follows its pointer. Lengths
 * of text count bytes; lengths of other arrays count elements.
 */
#ifndef DISTIL_H
#define DISTIL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. distil_version returns the version of the library that is linked. */
#define DISTIL_VERSION_MAJOR 0
#define DISTIL_VERSION_MINOR 1
#define DISTIL_VERSION_PATCH 0

/* Functions are visible in the shared library. For a DISTIL_CHECKED one, compilers warn where a
 * caller ignores the status. */
#if defined(__GNUC__)
#define DISTIL_API __attribute__((visibility("default")))
#define DISTIL_CHECKED __attribute__((visibility("default"), warn_unused_result))
#else
#define DISTIL_API
#define DISTIL_CHECKED
#endif

/* ---- status --------------------------------------------------------------------------------- */

/*
 * The result of a call. Values never change from one version to the next. The tens tell the area:
 * 10 the file, 20 its content, 30 the caller's input, 40 the system.
 */
typedef enum distil_status {
    /* The call succeeded. */
    DISTIL_OK = 0,

    /* The file cannot be opened, and distil_error.system_errno says why. Check the path and the
     * permissions. */
    DISTIL_FILE_OPEN = 10,

    /* The file is open but is not a regular file, or the system cannot map it;
     * distil_error.system_errno says why. Pass a blob on a file system that supports mmap. */
    DISTIL_FILE_READ = 11,

    /* The file does not begin like a blob: it is something else, or a transfer in text mode has
     * damaged it. Pass the output of `distil convert`, or copy it again in binary mode. */
    DISTIL_BAD_MAGIC = 20,

    /* The blob has a format version that this library does not know. Convert the model again with
     * the `distil` command of the same version as the library. */
    DISTIL_BAD_VERSION = 21,

    /* The file is shorter or longer than its header says, usually after an interrupted copy. Copy
     * or convert it again. */
    DISTIL_TRUNCATED = 22,

    /* A field, size, offset or table of the blob has an impossible value, and distil_error.offset
     * is the byte in question. The file is damaged or was not written by `distil convert`: copy or
     * convert it again. */
    DISTIL_BAD_STRUCTURE = 23,

    /* Bytes of the blob differ from their CRC-32C or SHA-256. The file or the storage under it is
     * damaged: copy or convert it again. */
    DISTIL_BAD_CHECKSUM = 24,

    /* The weights could overflow a 16-bit sum of a kernel, or contradict their stored column sums.
     * No function of this header checks that; the command `distil verify` does and reports it under
     * this name. Convert the model again. */
    DISTIL_BAD_PROOF = 25,

    /* The blob is sound, but it asks for something that this version cannot do, which
     * distil_error.message names: another kind of head, texts of more than 512 tokens, or added
     * tokens that are single words or normalised. Use a version that can, or another model. */
    DISTIL_UNSUPPORTED = 26,

    /* A pointer is NULL where that is not allowed, a flag is unknown, or a number is out of range.
     * The comment of the function that returned it says what it accepts. */
    DISTIL_BAD_ARGUMENT = 30,

    /* A token id is negative or not below the vocabulary's size. The ids come from a tokenizer of
     * another model: use distil_tokenize. */
    DISTIL_BAD_TOKEN = 31,

    /* distil_classify_ids was given no token ids, or more than max_positions. Truncate the ids. */
    DISTIL_TOO_MANY_TOKENS = 32,

    /* A logit is infinite or not a number, which weights of a sound blob never give. Open the model
     * with DISTIL_VERIFY_CRC to find the damage. */
    DISTIL_NOT_FINITE = 33,

    /* The allocator returned NULL. Free memory, or ask for a smaller max_batch_tokens. */
    DISTIL_NO_MEMORY = 40,

    /* The options name a level with exact_isa, and this CPU or its operating system lacks a feature
     * of that level; distil_error.message names it. Name a lower level, or clear exact_isa. */
    DISTIL_BAD_CPU = 41,

    /* The system refused to create a thread of the context. Ask for fewer threads, or raise the
     * limits of the process (ulimit -u, pids.max). */
    DISTIL_NO_THREAD = 42
} distil_status;

/* Returns one line of English about a status. It is a static string and never NULL: other values
 * give "unknown status". */
DISTIL_API const char *distil_status_str(distil_status status);

/* Details of an error. A function that takes a distil_error fills it on an error, and does not
 * touch it on success; the argument may be NULL. */
typedef struct distil_error {
    distil_status status; /* the value that the function returned */
    int system_errno;     /* errno of the system call that failed, or 0 */
    uint64_t offset;      /* the byte of the blob that was found wrong, or 0 */
    char message[160];    /* NUL-terminated: what was found and what was expected */
} distil_error;

/* Returns the version of the linked library as a static string, such as "0.1.0". */
DISTIL_API const char *distil_version(void);

/* ---- instruction sets ----------------------------------------------------------------------- */

/*
 * Levels of instruction sets, from the slowest to the fastest. A CPU has a level if it has all
 * extensions of that level and the operating system saves their registers. All levels give the same
 * bits.
 */
typedef enum distil_isa {
    DISTIL_ISA_SCALAR = 0,     /* plain x86-64 */
    DISTIL_ISA_AVX2 = 1,       /* AVX2, FMA, BMI2 */
    DISTIL_ISA_AVXVNNI = 2,    /* AVX2, FMA, BMI2 and AVX-VNNI */
    DISTIL_ISA_AVX512 = 3,     /* AVX2, FMA, BMI2, and AVX-512 F, BW, DQ, VL */
    DISTIL_ISA_AVX512VNNI = 4, /* all of DISTIL_ISA_AVX512, and AVX-512 VNNI */
    DISTIL_ISA_BEST = 255      /* the best level that this machine has */
} distil_isa;

/* Returns the name of a level as a static string: "scalar", "avx2", "avxvnni", "avx512",
 * "avx512vnni" or "best". Other values give NULL. */
DISTIL_API const char *distil_isa_name(distil_isa isa);

/* Sets *isa to the level of that name, which must be one of the names above in lower case; other
 * names give DISTIL_BAD_ARGUMENT. */
DISTIL_CHECKED distil_status distil_isa_parse(distil_isa *isa, const char *name);

/* ---- model ---------------------------------------------------------------------------------- */

/* An opened blob. It is opaque and immutable. */
typedef struct distil_model distil_model;

/*
 * Where the memory of models and contexts comes from.
 *
 * allocate returns at least `bytes` bytes, aligned to 64, or NULL. The library checks the
 * alignment, releases memory without it and fails with DISTIL_BAD_ARGUMENT. release gets a pointer
 * that allocate has returned, never NULL. Both get `user` as their first argument. The library
 * calls them from the open, new, close and free functions only, in the thread that called these.
 */
typedef struct distil_allocator {
    void *(*allocate)(void *user, size_t bytes);
    void (*release)(void *user, void *memory);
    void *user;
} distil_allocator;

/* How much of a blob's content opening checks. The structure is always checked, so that a damaged
 * blob can at worst give wrong results; checksums tell that it is damaged. */
typedef enum distil_verify {
    DISTIL_VERIFY_NONE = 0,  /* structure only; reads no weights and takes milliseconds */
    DISTIL_VERIFY_CRC = 1,   /* also the CRC-32C of each section; reads the file once */
    DISTIL_VERIFY_SHA256 = 2 /* also the SHA-256 of the file; reads it twice */
} distil_verify;

/* Options of the open functions. Initialise them with DISTIL_OPTIONS_INIT: a structure of zeros
 * asks for the scalar level. */
typedef struct distil_options {
    distil_isa max_isa;   /* the library uses no level above this one */
    distil_verify verify; /* how much of the content is checked */
    int exact_isa;        /* nonzero: DISTIL_BAD_CPU if max_isa itself cannot be used */

    /* NULL means aligned_alloc and free. The structure is copied, but what its `user` points to
     * must live until the model is closed. */
    const distil_allocator *allocator;
} distil_options;

#define DISTIL_OPTIONS_INIT                                                                        \
    {                                                                                              \
        DISTIL_ISA_BEST, DISTIL_VERIFY_NONE, 0, NULL                                               \
    }

/*
 * Opens the blob at a path, which must name a regular file.
 *
 * model     set to the model, which the caller closes with distil_model_close
 * path      NUL-terminated
 * options   NULL for DISTIL_OPTIONS_INIT
 * error     filled on an error; may be NULL
 *
 * Returns any status from DISTIL_FILE_OPEN to DISTIL_BAD_CHECKSUM, DISTIL_UNSUPPORTED,
 * DISTIL_BAD_ARGUMENT, DISTIL_NO_MEMORY or DISTIL_BAD_CPU on an error.
 */
DISTIL_CHECKED distil_status distil_model_open(distil_model **model, const char *path,
                                               const distil_options *options, distil_error *error);

/* Opens a blob by a descriptor of a regular file. The blob begins at the first byte of the file,
 * whatever the descriptor's file offset is. The descriptor stays the caller's, who may close it as
 * soon as this returns. */
DISTIL_CHECKED distil_status distil_model_open_fd(distil_model **model, int fd,
                                                  const distil_options *options,
                                                  distil_error *error);

/* Opens a blob in memory, for example one that is embedded in the executable. The `size` bytes must
 * be aligned to 64 (else DISTIL_BAD_STRUCTURE). They stay the caller's, who must neither change nor
 * free them before the model is closed. */
DISTIL_CHECKED distil_status distil_model_open_memory(distil_model **model, const void *bytes,
                                                      size_t size, const distil_options *options,
                                                      distil_error *error);

/*
 * Compares the content of an opened model with its checksums. Opening with the same `verify` does
 * the same; this function does it at another time, for example in a second thread while contexts
 * are made and the first texts are classified. The caller then uses no result before this returns.
 *
 * Any number of threads may use the model meanwhile. Returns DISTIL_OK, DISTIL_BAD_CHECKSUM,
 * DISTIL_BAD_STRUCTURE (bytes between sections are not zero) or DISTIL_BAD_ARGUMENT.
 */
DISTIL_CHECKED distil_status distil_model_verify(const distil_model *model, distil_verify verify,
                                                 distil_error *error);

/* Closes a model and releases its memory. The caller frees all contexts of the model before. NULL
 * is allowed and does nothing. */
DISTIL_API void distil_model_close(distil_model *model);

/*
 * The function that turns the logits of a text into the probabilities of its labels. The rule of
 * the text-classification pipeline of Hugging Face transformers has given each model one: none for
 * regression, the sigmoid for several labels a text and for a single label, else the softmax.
 */
typedef enum distil_function {
    DISTIL_FUNCTION_MODEL = 0,   /* in options only: the model's own */
    DISTIL_FUNCTION_SOFTMAX = 1, /* the probabilities of all labels sum to 1 */
    DISTIL_FUNCTION_SIGMOID = 2, /* each label has a probability of its own, 1 / (1 + exp(-x)) */
    DISTIL_FUNCTION_NONE = 3     /* the logits as they are, which are no probabilities */
} distil_function;

/* What a model is. */
typedef struct distil_model_info {
    size_t dim;               /* the width of a token's vector */
    size_t hidden_dim;        /* the width of the feed-forward network */
    size_t n_layers;          /* the number of transformer layers */
    size_t n_heads;           /* the number of attention heads of a layer */
    size_t vocab_size;        /* the number of token ids */
    size_t max_positions;     /* the most tokens of a text, [CLS] and [SEP] included; it can be less
                             than the model has positions, where model_max_length says so */
    size_t n_labels;          /* the number of labels */
    size_t blob_bytes;        /* the size of the blob */
    distil_isa isa;           /* the level that this model uses, never DISTIL_ISA_BEST */
    distil_function function; /* the model's own, never DISTIL_FUNCTION_MODEL */
    uint8_t sha256[32];       /* the SHA-256 that the blob states; DISTIL_VERIFY_SHA256 checks it */
} distil_model_info;

/* Fills *info. Fails with DISTIL_BAD_ARGUMENT where a pointer is NULL, and not otherwise. */
DISTIL_CHECKED distil_status distil_model_get_info(const distil_model *model,
                                                   distil_model_info *info);

/* Returns the name of a label as a NUL-terminated string of UTF-8, which lives as long as the
 * model. Returns NULL if `label` is not below n_labels. */
DISTIL_API const char *distil_model_label(const distil_model *model, size_t label);

/* ---- tokens --------------------------------------------------------------------------------- */

/*
 * Flags for special tokens that are written in the text ("[SEP]", "[MASK]", ...). Without a flag
 * the model decides, by split_special_tokens of its tokenizer. Most models leave that out, and then
 * such a token becomes its id, so whoever writes the text can put control tokens into the model's
 * input. For text from strangers, set DISTIL_SPLIT_SPECIAL_TOKENS: then special tokens are plain
 * text. With DISTIL_MATCH_SPECIAL_TOKENS they become their ids whatever the model says. Setting
 * both flags is a DISTIL_BAD_ARGUMENT.
 */
#define DISTIL_SPLIT_SPECIAL_TOKENS 1u
#define DISTIL_MATCH_SPECIAL_TOKENS 2u

/*
 * Turns a text into token ids, [CLS] first and [SEP] last. The ids are exactly those of
 * BertWordPieceTokenizer of Hugging Face tokenizers 0.23 for the model's vocabulary and options.
 * The text is not truncated.
 *
 * ids       (capacity) receives the first ids, as many as fit; may be NULL where capacity is 0
 * count     set to the number of tokens of the whole text, at least 2, also above capacity
 * text      (text_bytes) UTF-8, in which NUL bytes are allowed; may be NULL where text_bytes is 0.
 *           Invalid bytes count as U+FFFD in the way of Python's decode(errors="replace").
 * flags     0, DISTIL_SPLIT_SPECIAL_TOKENS or DISTIL_MATCH_SPECIAL_TOKENS
 *
 * Fails with DISTIL_BAD_ARGUMENT only. Needs no context and allocates nothing. The time is linear
 * in text_bytes.
 */
DISTIL_CHECKED distil_status distil_tokenize(const distil_model *model, int32_t *ids,
                                             size_t capacity, size_t *count, const char *text,
                                             size_t text_bytes, uint32_t flags);

/* ---- context -------------------------------------------------------------------------------- */

/* The scratch memory, and the threads if any, of one call at a time. It is opaque. */
typedef struct distil_context distil_context;

/*
 * Asks for as many threads as the calling thread may use CPUs: the number of CPUs in its affinity
 * mask or, where that is less, the whole CPUs of its control group's quota. distil_context_new
 * finds this out from /proc and the control group's files.
 */
#define DISTIL_THREADS_AUTO ((size_t)-1)

/* Options of distil_context_new. Zero is the default of each. */
typedef struct distil_context_options {
    /* The most tokens of one forward pass; the texts of a batch are packed into passes of at most
     * that many. From the model's max_positions to 65536; 0 means max_positions. More tokens make
     * batches of short texts faster, and scratch memory grows in proportion. */
    size_t max_batch_tokens;

    /* The number of threads that compute a call together, the calling thread among them: at most
     * 256, or DISTIL_THREADS_AUTO. With 0 or 1 the calling thread computes alone, and nothing is
     * created or locked. More threads make a single call faster; many texts are classified faster
     * by threads of your own, each with its own context. The context's threads sleep between calls,
     * block all signals, and live until distil_context_free. Do not ask for more threads than there
     * are free CPUs (docs/threads.md says why). */
    size_t threads;

    /* NULL means the allocator of the model. The structure is copied. */
    const distil_allocator *allocator;

    /* What results of this context are: DISTIL_FUNCTION_MODEL, or a function that overrides the
     * model's. Many models with several labels a text do not say so; set the sigmoid for them. */
    distil_function function;
} distil_context_options;

/*
 * Makes a context: allocates all scratch memory for classifying, in one allocation, and starts the
 * threads that the options ask for. The model must outlive the context.
 *
 * context   set to the context, which the caller frees with distil_context_free
 * options   NULL for the defaults
 *
 * Fails with DISTIL_BAD_ARGUMENT, DISTIL_NO_MEMORY or DISTIL_NO_THREAD; then no thread and no
 * memory is left behind.
 */
DISTIL_CHECKED distil_status distil_context_new(distil_context **context, const distil_model *model,
                                                const distil_context_options *options);

/* Sets *bytes to the size of the allocation that distil_context_new makes for these options. Fails
 * with DISTIL_BAD_ARGUMENT only. */
DISTIL_CHECKED distil_status distil_context_bytes(const distil_model *model, size_t *bytes,
                                                  const distil_context_options *options);

/*
 * Ends the context's threads and releases its memory. NULL is allowed and does nothing.
 *
 * A child process after fork may use a context of its parent, as long as no call was running on it,
 * and free it. It computes on the calling thread alone there, since the other threads exist in the
 * parent only.
 */
DISTIL_API void distil_context_free(distil_context *context);

/* ---- classification ------------------------------------------------------------------------- */

/* One text of a batch. */
typedef struct distil_text {
    const char *bytes; /* (size) UTF-8, as for distil_tokenize; may be NULL where size is 0 */
    size_t size;
} distil_text;

typedef struct distil_result {
    size_t label;       /* the label with the greatest score; of equal ones the lowest */
    float score;        /* what the function gives for the label; 0 .. 1 for a probability */
    size_t token_count; /* the tokens that were classified, [CLS] and [SEP] included */
    int truncated;      /* 1 if the text has more than max_positions tokens; else 0 */
} distil_result;

/* Where the caller wants all logits and probabilities of a text. Either pointer may be NULL. */
typedef struct distil_scores {
    float *logits;        /* (n_labels) */
    float *probabilities; /* (n_labels) the context's function of the logits */
} distil_scores;

/*
 * Finds the best labels of a text: those with the greatest scores, the greatest first. Of equal
 * scores the lower label comes first.
 *
 * labels    (k) receives numbers of labels
 * k         0 .. n_labels
 * scores    (n_labels) distil_scores.probabilities of the text, or any other finite numbers
 *
 * Fails with DISTIL_BAD_ARGUMENT only. Needs no context and allocates nothing. The time is
 * proportional to n_labels * log(k).
 */
DISTIL_CHECKED distil_status distil_top_labels(size_t *labels, size_t k, const float *scores,
                                               size_t n_labels);

/*
 * Classifies one text. Of a text with more than max_positions tokens it classifies the first ones,
 * with [SEP] in the last position; or the last ones, after [CLS], where truncation_side of the
 * model's tokenizer is left.
 *
 * result    filled
 * scores    may be NULL
 * text      (text_bytes) and flags as for distil_tokenize
 *
 * Fails with DISTIL_BAD_ARGUMENT or DISTIL_NOT_FINITE.
 */
DISTIL_CHECKED distil_status distil_classify(distil_context *context, distil_result *result,
                                             const distil_scores *scores, const char *text,
                                             size_t text_bytes, uint32_t flags);

/*
 * Classifies several texts. The results have the same bits as those of single calls.
 *
 * results   (count) filled
 * scores    (count), or NULL
 * texts     (count); count may be 0
 * flags     as for distil_tokenize
 *
 * The library runs a large batch as several forward passes, each over the next texts. Fails with
 * DISTIL_BAD_ARGUMENT, and then no output is touched, or with DISTIL_NOT_FINITE. Then the outputs
 * of the texts of all passes before the one that failed are valid, and the others are untouched.
 */
DISTIL_CHECKED distil_status distil_classify_batch(distil_context *context, distil_result *results,
                                                   const distil_scores *scores,
                                                   const distil_text *texts, size_t count,
                                                   uint32_t flags);

/*
 * Classifies token ids as they are: it adds no [CLS] and no [SEP] and truncates nothing.
 *
 * ids       (count) each 0 .. vocab_size - 1
 * count     1 .. max_positions
 *
 * Fails with DISTIL_BAD_ARGUMENT, DISTIL_TOO_MANY_TOKENS, DISTIL_BAD_TOKEN or DISTIL_NOT_FINITE.
 */
DISTIL_CHECKED distil_status distil_classify_ids(distil_context *context, distil_result *result,
                                                 const distil_scores *scores, const int32_t *ids,
                                                 size_t count);

#ifdef __cplusplus
}
#endif

#endif
