/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distil: DistilBERT in int8, with the same bits on every x86-64 CPU: labels of texts and tokens,
 * embeddings, and answers to questions.
 *
 *     distil_model *model;
 *     distil_context *context;
 *     distil_result result;
 *
 *     if (distil_model_open(&model, "sst2.distil", NULL, NULL) == DISTIL_OK &&
 *         distil_context_new(&context, model, NULL, NULL) == DISTIL_OK &&
 *         distil_classify(context, &result, NULL, "A gorgeous film.", 16, 0) == DISTIL_OK)
 *         printf("%s %.4f\n", distil_model_label(model, result.label), result.score);
 *
 * Introduction
 *
 * A blob is a file that holds one model: vocabulary, weights and label names. The command
 * `distil convert` makes it once from a folder of Hugging Face transformers. The library maps the
 * blob read-only and uses it in place. Opening reads no weights, and processes that open the same
 * file share its pages in memory.
 *
 * A program opens a model from a blob, makes a context for the model, and classifies texts with the
 * context. It frees the context before it closes the model. docs/server.c is a complete program of
 * this kind: a server with several threads.
 *
 * Results
 *
 * The logits of a text depend on the text and the blob alone. They have the same bits whatever the
 * CPU, the compiler, the other texts of the batch and their order, the context, its number of
 * threads, the executor, and the rounding mode that the caller has set.
 *
 * Errors
 *
 * Functions that can fail return a distil_status, which the caller must check. After an error all
 * outputs are untouched, with two exceptions: *error is filled where the caller passes one, and
 * functions of several texts have filled the results of those before the one that failed. Details
 * of a failed call come by one of two ways. Functions that make a model or a context fill the
 * distil_error of the caller. Functions that use a context leave the details in the context, and
 * distil_context_error returns them.
 *
 * A malformed blob or text gives a status and never a crash. One error cannot be turned into a
 * status: if another process truncates the file of an open blob, reading the mapping raises SIGBUS.
 * If it overwrites the file in place, results are of neither model until the model is opened again;
 * the library still reads and writes only the blob and its own memory, token ids stay below
 * vocab_size, and labels and distil_model_info stay as they were. To replace a blob, write a new
 * file and rename it over the old one.
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
 * help with its calls, or borrow those of the caller (see distil_context_options). A context with
 * threads of its own makes futex system calls. Of all functions only distil_model_open and its two
 * variants are cancellation points.
 *
 * Versions
 *
 * A program compiled with one version of this header runs with each library whose file has the same
 * name, libdistil.so.N. N is DISTIL_ABI, and it changes whenever older programs would have to be
 * compiled again. docs/abi.md is the whole policy. Structures of options begin with their size, so
 * that a later library can tell which members a program knows:
 *
 *     distil_context_options options = {.size = sizeof options, .threads = 4};
 *
 * Zero is the default of every member. A size of zero stands for the members that version 0.2 has,
 * so the size may be left out where no later member is set. A library that is older than the header
 * refuses options with a member that it does not know, unless the member is zero.
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

/*
 * The version of this header as three numbers and as one that grows with each version. Compare the
 * last one with what distil_version_number returns, which is the version of the library that the
 * program runs with. The two differ where the shared library was replaced after the program had
 * been compiled.
 */
#define DISTIL_VERSION_MAJOR 0
#define DISTIL_VERSION_MINOR 2
#define DISTIL_VERSION_PATCH 0
#define DISTIL_VERSION_NUMBER                                                                      \
    (DISTIL_VERSION_MAJOR * 1000000 + DISTIL_VERSION_MINOR * 1000 + DISTIL_VERSION_PATCH)

/* The number at the end of the shared library's name, libdistil.so.1. It is independent of the
 * version: it changes when programs that were compiled with an older header would break. */
#define DISTIL_ABI 1

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
     * DISTIL_VERIFY_PROOF and the command `distil verify` check that. Convert the model again. */
    DISTIL_BAD_PROOF = 25,

    /* The blob is sound, but it asks for something that this version cannot do, which
     * distil_error.message names: texts of more than 512 tokens, or added tokens that are single
     * words or normalised. Use a version that can, or another model. */
    DISTIL_UNSUPPORTED = 26,

    /* A pointer is NULL where that is not allowed, a flag is unknown, or a number is out of range.
     * The comment of the function that returned it says what it accepts. */
    DISTIL_BAD_ARGUMENT = 30,

    /* A token id is negative or not below the vocabulary's size. The ids come from a tokenizer of
     * another model: use distil_tokenize. */
    DISTIL_BAD_TOKEN = 31,

    /* distil_classify_ids was given no token ids, or more than max_positions: truncate the ids. Or
     * only one text of a pair may be truncated, and the other one leaves no token of it: shorten
     * the other one, or leave DISTIL_TRUNCATE_FIRST and DISTIL_TRUNCATE_SECOND off. */
    DISTIL_TOO_MANY_TOKENS = 32,

    /* A logit is infinite or not a number, which weights of a sound blob never give. Open the model
     * with DISTIL_VERIFY_CRC to find the damage. */
    DISTIL_NOT_FINITE = 33,

    /* distil_model_close was called while contexts of the model exist. The model stays open: free
     * the contexts, and close it again. */
    DISTIL_IN_USE = 34,

    /* The caller has set the cancellation flag of the context. Results of the texts before the one
     * that distil_context_error names are valid. Clear the flag before the next call. */
    DISTIL_CANCELLED = 35,

    /* The allocator returned NULL. Free memory, or ask for a smaller max_batch_tokens. */
    DISTIL_NO_MEMORY = 40,

    /* The options name a level with exact_isa, and this CPU or its operating system lacks a feature
     * of that level; distil_error.message names it. Name a lower level, or clear exact_isa. */
    DISTIL_BAD_CPU = 41,

    /* No function returns this value any more: a context works with the threads that the system
     * grants. Up to version 0.1 it meant that the system refused to create one. */
    DISTIL_NO_THREAD = 42
} distil_status;

/* Returns one line of English about a status. It is a static string and never NULL: other values
 * give "unknown status". */
DISTIL_API const char *distil_status_str(distil_status status);

/* The value of distil_error.text where an error concerns no text of a batch. */
#define DISTIL_NO_TEXT ((size_t)-1)

/*
 * Details of an error, for a log or for a person. A function that takes a distil_error fills it on
 * an error, and does not touch it on success; the argument may be NULL. It needs no initialisation.
 */
typedef struct distil_error {
    /* The value that the function returned. */
    distil_status status;

    /* errno of the system call that failed, or 0. */
    int system_errno;

    /* The byte of the blob that was found wrong, or 0. */
    uint64_t offset;

    /* The index of the text that failed, in the order of the call: 0 for a call with one text.
     * DISTIL_NO_TEXT if the error concerns no text. After DISTIL_CANCELLED it is the first text
     * without a result. */
    size_t text;

    /* What was found and what was expected, in English, NUL-terminated. */
    char message[160];

    /* Room for members of later versions. The library sets it to 0. */
    uint64_t reserved[4];
} distil_error;

/* Returns the version of the linked library as a static string, such as "0.2.0". */
DISTIL_API const char *distil_version(void);

/* Returns the version of the linked library in the form of DISTIL_VERSION_NUMBER, such as 2000 for
 * version 0.2.0. */
DISTIL_API int distil_version_number(void);

/* ---- instruction sets ----------------------------------------------------------------------- */

/*
 * Levels of instruction sets, from the slowest to the fastest. A CPU has a level if it has all
 * extensions of that level and the operating system saves their registers. All levels give the same
 * bits, so a lower one than the best serves tests and comparisons only.
 */
typedef enum distil_isa {
    /* The best level that this machine has. It is the default of options, and models never report
     * it. */
    DISTIL_ISA_BEST = 0,

    /* Plain x86-64. */
    DISTIL_ISA_SCALAR = 1,

    /* AVX2, FMA and BMI2. */
    DISTIL_ISA_AVX2 = 2,

    /* AVX2, FMA, BMI2 and AVX-VNNI. */
    DISTIL_ISA_AVXVNNI = 3,

    /* AVX2, FMA, BMI2, and F, BW, DQ and VL of AVX-512. */
    DISTIL_ISA_AVX512 = 4,

    /* All of DISTIL_ISA_AVX512, and AVX-512 VNNI. */
    DISTIL_ISA_AVX512VNNI = 5
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
    DISTIL_VERIFY_NONE = 0,   /* structure only; reads no weights and takes milliseconds */
    DISTIL_VERIFY_CRC = 1,    /* also the CRC-32C of each section; reads the file once */
    DISTIL_VERIFY_SHA256 = 2, /* also the SHA-256 of the file; reads it twice */
    /* also the bound that keeps 16-bit sums of the kernels from overflowing, and the column sums;
     * reads the weights four times. A blob that passes has the same results on every CPU whoever
     * wrote it. */
    DISTIL_VERIFY_PROOF = 3
} distil_verify;

/*
 * Options of the open functions. Zero is the default of each member, so NULL, a structure of zeros
 * and DISTIL_OPTIONS_INIT ask for the same.
 */
typedef struct distil_options {
    /* sizeof(distil_options), or 0 for the members of version 0.2, which are those below. */
    size_t size;

    /* The library uses no level above this one. DISTIL_ISA_BEST sets no limit. */
    distil_isa max_isa;

    /* How much of the content is checked. */
    distil_verify verify;

    /* If this is not 0 and the machine lacks the level max_isa, opening fails with DISTIL_BAD_CPU.
     * Otherwise the library uses the next lower level that the machine has. */
    int exact_isa;

    /* NULL means aligned_alloc and free. The structure is copied, but what its `user` points to
     * must live until the model is closed. */
    const distil_allocator *allocator;
} distil_options;

#define DISTIL_OPTIONS_INIT                                                                        \
    {                                                                                              \
        sizeof(distil_options), DISTIL_ISA_BEST, DISTIL_VERIFY_NONE, 0, NULL                       \
    }

/*
 * Opens the blob at a path, which must name a regular file.
 *
 * model     set to the model, which the caller closes with distil_model_close
 * path      NUL-terminated
 * options   NULL for DISTIL_OPTIONS_INIT
 * error     filled on an error; may be NULL
 *
 * Returns any status from DISTIL_FILE_OPEN to DISTIL_UNSUPPORTED, DISTIL_BAD_ARGUMENT,
 * DISTIL_NO_MEMORY or DISTIL_BAD_CPU on an error.
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
 * Checks the content of an opened model as far as `verify` asks for it. Opening with the same
 * `verify` does the same; this function does it at another time, for example in a second thread
 * while contexts are made and the first texts are classified. The caller then uses no result before
 * this returns.
 *
 * Any number of threads may use the model meanwhile. Returns DISTIL_OK, DISTIL_BAD_CHECKSUM,
 * DISTIL_BAD_STRUCTURE (bytes between sections are not zero), DISTIL_BAD_PROOF or
 * DISTIL_BAD_ARGUMENT.
 */
DISTIL_CHECKED distil_status distil_model_verify(const distil_model *model, distil_verify verify,
                                                 distil_error *error);

/*
 * Closes a model and releases its memory.
 *
 * Contexts point into their model, so it cannot be closed before them: while a context of the model
 * exists, the function returns DISTIL_IN_USE and changes nothing. Otherwise it returns DISTIL_OK.
 * NULL is allowed and does nothing.
 *
 * The check protects from contexts that were forgotten, not from a race: no other thread may use
 * the model, or make a context for it, during this call or after it.
 */
DISTIL_API distil_status distil_model_close(distil_model *model);

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

/* What a model does with a text, which its architecture in Hugging Face transformers decides. Each
 * task has its own functions, and those of another task fail with DISTIL_BAD_ARGUMENT. Only
 * distil_embed takes models of every task. */
typedef enum distil_task {
    DISTIL_TASK_SEQUENCE = 1, /* gives a text its labels: the distil_classify functions */
    DISTIL_TASK_TOKENS = 2,   /* labels each token: distil_find_entities, distil_label_tokens */
    DISTIL_TASK_SPANS = 3,    /* answers a question by a part of a text: distil_answer_question */
    DISTIL_TASK_EMBEDDING = 4 /* gives a text its vector: distil_embed */
} distil_task;

/* How the vectors of a text's tokens become the vector of the text. */
typedef enum distil_pooling {
    DISTIL_POOLING_MODEL = 0, /* in options only: the model's own */
    DISTIL_POOLING_CLS = 1,   /* the vector of [CLS] */
    DISTIL_POOLING_MEAN = 2,  /* the mean of all vectors, those of [CLS] and [SEP] among them */
    DISTIL_POOLING_MAX = 3    /* the greatest number of each column */
} distil_pooling;

/* What a model is. */
typedef struct distil_model_info {
    /* The width of a token's vector, and that of the feed-forward network. */
    size_t dim, hidden_dim;

    /* The number of transformer layers, and that of the attention heads of a layer. */
    size_t n_layers, n_heads;

    /* The number of token ids. */
    size_t vocab_size;

    /* The most tokens of a text, [CLS] and [SEP] included. It can be less than the model has
     * positions, where model_max_length of the tokenizer says so. */
    size_t max_positions;

    /* The number of labels; 0 for embeddings. */
    size_t n_labels;

    /* The size of the blob. */
    size_t blob_bytes;

    /* The level that this model uses, never DISTIL_ISA_BEST. */
    distil_isa isa;

    /* The model's own function, never DISTIL_FUNCTION_MODEL. */
    distil_function function;

    /* The SHA-256 that the blob states. DISTIL_VERIFY_SHA256 checks that it is true. */
    uint8_t sha256[32];

    /* What CrossEncoder of sentence-transformers makes a score of a logit with, where the model has
     * one label; else the same as function. */
    distil_function rank_function;

    /* What the model is for. */
    distil_task task;

    /* How many numbers the vectors of distil_embed have: dim, unless the model is one for
     * embeddings with a dense layer of another width. */
    size_t vector_size;

    /* The pooling of the model's embeddings, and 1 if their length is made 1. A model of another
     * task has the mean and 0, which are the defaults of sentence-transformers. */
    distil_pooling pooling;
    int normalized;

    /* Room for members of later versions. The library sets it to 0. */
    uint64_t reserved[6];
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

/* Where a token comes from. For [CLS] and [SEP], which are added around the text, all is 0. */
typedef struct distil_offsets {
    /* The token stands for the bytes begin .. end - 1 of the text. */
    uint32_t begin, end;

    /* The same in characters, which is what Hugging Face tokenizers calls offsets. Invalid bytes
     * count as in Python's decode(errors="replace"). */
    uint32_t char_begin, char_end;
} distil_offsets;

/*
 * Turns a text into token ids as distil_tokenize does, and tells for each token which part of the
 * text it stands for. The offsets are those of Hugging Face tokenizers 0.23, except where accent
 * stripping keeps some of several combining marks and canonical ordering moves them: then each has
 * the place where it stands in the text. Offsets lead through normalisation into the text as it was
 * given: a letter stands for the code point that its accent was taken from, and characters that are
 * removed belong to the word around them, or to no token.
 *
 * ids         (capacity) receives the first ids; may be NULL where capacity is 0
 * offsets     (capacity) receives those of the same tokens; may be NULL where capacity is 0
 * count       set to the number of tokens of the whole text, also above capacity
 * text_bytes  at most UINT32_MAX
 * flags       as for distil_tokenize
 *
 * Fails with DISTIL_BAD_ARGUMENT only. Needs no context and allocates nothing.
 */
DISTIL_CHECKED distil_status distil_tokenize_offsets(const distil_model *model, int32_t *ids,
                                                     distil_offsets *offsets, size_t capacity,
                                                     size_t *count, const char *text,
                                                     size_t text_bytes, uint32_t flags);

/* Returns the text of a token in the vocabulary, such as "##ing", and sets *bytes to its length; it
 * has no NUL at its end and lives as long as the model. Returns NULL if a pointer is NULL or the id
 * is not below vocab_size. */
DISTIL_API const char *distil_token_text(const distil_model *model, int32_t id, size_t *bytes);

/* ---- context -------------------------------------------------------------------------------- */

/* The scratch memory, and the threads if any, of one call at a time. It is opaque. */
typedef struct distil_context distil_context;

/*
 * Asks for as many threads as the calling thread may use CPUs: the number of CPUs in its affinity
 * mask or, where that is less, the whole CPUs of its control group's quota. distil_context_new
 * finds this out from /proc and the control group's files.
 */
#define DISTIL_THREADS_AUTO ((size_t)-1)

/*
 * A way to run the library's work on threads of the caller, for programs that have a thread pool
 * and want no other threads beside it.
 *
 * run calls task(job, i) once for each i from 0 to count - 1, on any threads, in any order, at the
 * same time or one after the other, and returns when all these calls have returned. The thread that
 * calls run may make some or all of them. `user` is the member below. What a task has written must
 * be visible to the thread that called run, which is what joining a thread, a mutex or a semaphore
 * does anyway.
 *
 * The library calls run from the thread that calls the library, several times in each layer of a
 * forward pass, with count at most distil_context_options.threads. A task takes from two
 * microseconds to some milliseconds, so an executor must be quick: one that starts threads for each
 * call is slower than no executor. Tasks never block and never call run. Tasks that are left out
 * make the call slower but not wrong, because the calling thread does what remains.
 *
 * With OpenMP, for example, run is
 *
 *     #pragma omp parallel for schedule(static, 1)
 *     for (size_t i = 0; i < count; i++)
 *         task(job, i);
 */
typedef struct distil_executor {
    void (*run)(void *user, void (*task)(void *job, size_t index), void *job, size_t count);
    void *user;
} distil_executor;

/* How the logits of a text's windows become the logits of the text, label by label. */
typedef enum distil_combine {
    /* The sum in the order of the text, divided by the number of windows. */
    DISTIL_COMBINE_MEAN = 0,

    /* The greatest. */
    DISTIL_COMBINE_MAX = 1,

    /* Those of the window that truncation would have kept. */
    DISTIL_COMBINE_FIRST = 2
} distil_combine;

/*
 * Options of distil_context_new. Zero is the default of each member, so NULL, a structure of zeros
 * and DISTIL_CONTEXT_OPTIONS_INIT ask for the same.
 */
typedef struct distil_context_options {
    /* sizeof(distil_context_options), or 0 for the members of version 0.2, which are those
     * below. */
    size_t size;

    /* The most tokens of one forward pass; the texts of a batch are packed into passes of at most
     * that many. From the model's max_positions to 65536; 0 means max_positions. More tokens make
     * batches of short texts faster, and scratch memory grows in proportion. */
    size_t max_batch_tokens;

    /* The number of threads that compute a call together, the calling thread among them: at most
     * 256, or DISTIL_THREADS_AUTO. With 0 or 1 the calling thread computes alone, and nothing is
     * created or locked. More threads make a single call faster; many texts are classified faster
     * by threads of your own, each with its own context. The context's threads sleep between calls,
     * block all signals, and live until distil_context_free. If the system refuses to create some
     * of them (ulimit -u, pids.max), the context works with fewer and gives the same results. Do
     * not ask for more threads than there are free CPUs (docs/threads.md says why). With an
     * executor, no thread is created, and this is the most tasks that the executor is given at a
     * time. */
    size_t threads;

    /* NULL means the allocator of the model. The structure is copied. */
    const distil_allocator *allocator;

    /* What results of this context are: DISTIL_FUNCTION_MODEL, or a function that overrides the
     * model's. Many models with several labels a text do not say so; set the sigmoid for them. */
    distil_function function;

    /* A flag that ends a call early, or NULL. The library reads it before each forward pass of a
     * call that uses the context. If it is not 0, the call returns DISTIL_CANCELLED, and the
     * results of all texts of earlier passes are valid. Another thread or a signal handler may set
     * the flag at any time, by an atomic store such as __atomic_store_n(&flag, 1,
     * __ATOMIC_RELAXED). The library never writes it. A pass of max_positions tokens takes some
     * tens of milliseconds, and a larger max_batch_tokens lets the library look at the flag less
     * often. The flag must live as long as the context. */
    const int *cancel;

    /* NULL means threads of the context's own. The structure is copied, but what its `user` points
     * to must live as long as the context. Only the process that made the context may use it then,
     * unless the executor works in a child process, too. */
    const distil_executor *executor;

    /* With a window of 3 .. max_positions tokens, [CLS] and [SEP] included, no text is truncated. A
     * longer text is cut into overlapping windows, exactly as Hugging Face tokenizers cuts off its
     * overflow: two neighbours share `stride` tokens of the text, and each window gets a [CLS] and
     * a [SEP] of its own. All windows are classified, and `combine` makes one result of them. A
     * text that fits into one window has the bits that it has without windows. stride must be less
     * than window - 2. Such a context takes no pairs. 0 means no windows. */
    size_t window;
    size_t stride;
    distil_combine combine;
} distil_context_options;

#define DISTIL_CONTEXT_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(distil_context_options), 0, 0, NULL, DISTIL_FUNCTION_MODEL, NULL, NULL, 0, 0,       \
            DISTIL_COMBINE_MEAN                                                                    \
    }

/*
 * Makes a context: allocates all scratch memory for classifying, in one allocation, and starts the
 * threads that the options ask for. The model cannot be closed before the context is freed.
 *
 * context   set to the context, which the caller frees with distil_context_free
 * options   NULL for the defaults
 * error     filled on an error; may be NULL
 *
 * Fails with DISTIL_BAD_ARGUMENT or DISTIL_NO_MEMORY; then no thread and no memory is left behind.
 * Any number of threads may make contexts for the same model at once, if the allocator allows that.
 */
DISTIL_CHECKED distil_status distil_context_new(distil_context **context, const distil_model *model,
                                                const distil_context_options *options,
                                                distil_error *error);

/* Sets *bytes to the size of the allocation that distil_context_new makes for these options. Fails
 * with DISTIL_BAD_ARGUMENT only. */
DISTIL_CHECKED distil_status distil_context_bytes(const distil_model *model, size_t *bytes,
                                                  const distil_context_options *options);

/*
 * Returns the details of the last call on the context that failed. A call that succeeds changes
 * nothing in them, so look at them only after a call that has failed. Before the first error,
 * status is DISTIL_OK and the message is empty.
 *
 * The structure belongs to the context and stays as it is until the next call on the context.
 * Returns NULL if context is NULL. To give up one text of a batch and classify those after it:
 *
 *     while (count > 0) {
 *         size_t bad;
 *
 *         if (distil_classify_batch(context, results, NULL, texts, count, 0) == DISTIL_OK)
 *             break;
 *         bad = distil_context_error(context)->text;
 *         if (bad == DISTIL_NO_TEXT)
 *             return -1;
 *         results[bad].score = -1;
 *         results += bad + 1, texts += bad + 1, count -= bad + 1;
 *     }
 */
DISTIL_API const distil_error *distil_context_error(const distil_context *context);

/*
 * Ends the context's threads and releases its memory. NULL is allowed and does nothing.
 *
 * A child process after fork may use a context of its parent, as long as no call was running on it,
 * and free it. It computes on the calling thread alone there, since the other threads exist in the
 * parent only.
 */
DISTIL_API void distil_context_free(distil_context *context);

/* ---- classification ------------------------------------------------------------------------- */

/*
 * One text of a batch, or a pair of texts, such as a premise and a hypothesis, or a query and a
 * passage. A pair becomes [CLS] text [SEP] second text [SEP], and each text of it is tokenized by
 * itself. Initialise the structure by the names of its members, or with zeros: then there is no
 * second text.
 */
typedef struct distil_text {
    /* (size) UTF-8, as for distil_tokenize; may be NULL where size is 0. */
    const char *bytes;
    size_t size;

    /* (pair_size) the second text, which may be empty; NULL if there is none. */
    const char *pair;
    size_t pair_size;
} distil_text;

/*
 * Flags for pairs with more than max_positions tokens. Without a flag, tokens are taken from the
 * longer text, and from both where that is not enough, exactly as longest_first of Hugging Face
 * tokenizers does it. With one of the flags, tokens are taken from that text alone; if the other
 * one leaves no token of it, the call fails with DISTIL_TOO_MANY_TOKENS. Setting both flags is a
 * DISTIL_BAD_ARGUMENT. They do not change texts without a second one.
 */
#define DISTIL_TRUNCATE_FIRST 4u
#define DISTIL_TRUNCATE_SECOND 8u

/* The answer for a text. */
typedef struct distil_result {
    /* The label with the greatest score; of equal ones the lowest. */
    size_t label;

    /* What the function gives for the label; 0 .. 1 for a probability. */
    float score;

    /* The tokens that were classified, [CLS] and [SEP] included; with windows, those of all windows
     * together. */
    size_t token_count;

    /* 1 if the text or pair has more than max_positions tokens, so that some were left out; else 0,
     * and always 0 with windows. */
    int truncated;

    /* The number of windows of the text; 1 where it was not cut. */
    size_t windows;
} distil_result;

/* Where the caller wants all logits and probabilities of a text. Either pointer may be NULL. */
typedef struct distil_scores {
    /* (n_labels) receives the logits. */
    float *logits;

    /* (n_labels) receives the context's function of the logits. */
    float *probabilities;
} distil_scores;

/*
 * Applies a function to logits in place, with the bits that the results of a context have. It is
 * for scores that a program makes from the logits of several texts or labels.
 *
 * model     decides which kernel computes; all give the same bits
 * values    (n) finite numbers
 * n         1 or more
 * function  not DISTIL_FUNCTION_MODEL
 *
 * Fails with DISTIL_BAD_ARGUMENT only. Needs no context and allocates nothing.
 */
DISTIL_CHECKED distil_status distil_apply_function(const distil_model *model, float *values,
                                                   size_t n, distil_function function);

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
 * Fails with DISTIL_BAD_ARGUMENT, DISTIL_NOT_FINITE or DISTIL_CANCELLED.
 */
DISTIL_CHECKED distil_status distil_classify(distil_context *context, distil_result *result,
                                             const distil_scores *scores, const char *text,
                                             size_t text_bytes, uint32_t flags);

/*
 * Classifies several texts. The results have the same bits as those of single calls.
 *
 * results   (count) filled
 * scores    (count), or NULL
 * texts     (count) single texts and pairs in any order; count may be 0
 * flags     as for distil_tokenize, and DISTIL_TRUNCATE_FIRST or DISTIL_TRUNCATE_SECOND
 *
 * The library runs a large batch as several forward passes, each over the next texts. It packs as
 * many texts into a pass as fit into max_batch_tokens, without padding, so texts of different
 * lengths cost no more than their tokens.
 *
 * Fails with DISTIL_BAD_ARGUMENT, and then no output is touched; or with DISTIL_NOT_FINITE,
 * DISTIL_CANCELLED or, because of a pair, DISTIL_TOO_MANY_TOKENS. Then
 * distil_context_error(context)->text is the index of a text: the results and scores of all texts
 * before it are valid, and those of this text and the following ones are untouched.
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
 * Fails with DISTIL_BAD_ARGUMENT, DISTIL_TOO_MANY_TOKENS, DISTIL_BAD_TOKEN, DISTIL_NOT_FINITE or
 * DISTIL_CANCELLED.
 */
DISTIL_CHECKED distil_status distil_classify_ids(distil_context *context, distil_result *result,
                                                 const distil_scores *scores, const int32_t *ids,
                                                 size_t count);

/* ---- token classification ------------------------------------------------------------------- */

/*
 * How labels of tokens become entities: the aggregation_strategy of the token-classification
 * pipeline of Hugging Face transformers 5, with the same results. Tokens, words and groups whose
 * label is "O" are no entities.
 */
typedef enum distil_aggregation {
    /* Each token is an entity. */
    DISTIL_AGGREGATION_NONE = 0,

    /* Neighbouring tokens of one kind are an entity: the kind is the label without B- or I-, and a
     * label with B- begins a new entity. Its score is the mean of the tokens' scores. The tokens of
     * a word can get different labels, so an entity may begin or end within a word. */
    DISTIL_AGGREGATION_SIMPLE = 1,

    /* As SIMPLE, but of words instead of tokens, and a word has the label and the score of its
     * first token. */
    DISTIL_AGGREGATION_FIRST = 2,

    /* As FIRST, but a word has the label with the greatest mean of its tokens' probabilities. */
    DISTIL_AGGREGATION_AVERAGE = 3,

    /* As FIRST, but a word has the label and the score of the token whose score is the greatest. */
    DISTIL_AGGREGATION_MAX = 4
} distil_aggregation;

/* A part of a text with its label. */
typedef struct distil_entity {
    /* The label of the token, or of the first token or word of the entity. */
    size_t label;

    /* The name of the label; with an aggregation, only what follows its first hyphen, such as PER
     * for B-PER. NUL-terminated; it lives as long as the model. */
    const char *name;

    /* A probability, or a mean of probabilities. */
    float score;

    /* The position of its first token in the text, or in the window: [CLS] has 0. */
    uint32_t token;

    /* Where it stands in the text, in bytes and in characters. */
    distil_offsets where;
} distil_entity;

/* The entities of a text. The caller sets the first two members. */
typedef struct distil_entities {
    /* (capacity) receives the entities in the order of the text; may be NULL where capacity is 0.
     * max_positions - 2 is always enough without windows. */
    distil_entity *items;
    size_t capacity;

    /* The number of entities. If it is above capacity, what is in items is of no use, and an array
     * of `count` elements is large enough for another call. */
    size_t count;

    /* As in distil_result. */
    size_t token_count;
    int truncated;
    size_t windows;
} distil_entities;

/*
 * Finds the entities of several texts, such as names of persons and places, with a model of the
 * task DISTIL_TASK_TOKENS. Probabilities are always the softmax of a token's logits, whatever
 * function the context has. Results have the same bits as those of single calls.
 *
 * results      (count) filled; items of texts without a result may have been written, too
 * texts        (count) single texts of at most UINT32_MAX bytes; count may be 0
 * aggregation  not DISTIL_AGGREGATION_NONE in a context with windows
 * flags        as for distil_tokenize
 *
 * A context with windows cuts no text off: of the entities that overlap because their windows do,
 * the longest one stays, as in the pipeline with a stride; `combine` is not used.
 *
 * Fails with DISTIL_BAD_ARGUMENT, DISTIL_NOT_FINITE or DISTIL_CANCELLED, as distil_classify_batch
 * does.
 */
DISTIL_CHECKED distil_status distil_find_entities(distil_context *context, distil_entities *results,
                                                  const distil_text *texts, size_t count,
                                                  distil_aggregation aggregation, uint32_t flags);

/* A token with its label. */
typedef struct distil_token {
    int32_t id;

    /* The label with the greatest probability; of equal ones the lowest. */
    size_t label;

    /* The softmax of the token's logits at the label. */
    float score;

    /* As distil_tokenize_offsets gives it. */
    distil_offsets where;
} distil_token;

/*
 * Labels the tokens of one text, [CLS] and [SEP] included. A text with more than max_positions
 * tokens is cut off as by distil_classify.
 *
 * tokens    (capacity) receives the first tokens; may be NULL where capacity is 0
 * logits    (capacity, n_labels) receives the logits of the same tokens; may be NULL
 * capacity  max_positions is always enough
 * count     set to the number of tokens that were classified, also above capacity
 * text      a single text of at most UINT32_MAX bytes
 * flags     as for distil_tokenize
 *
 * Fails with DISTIL_BAD_ARGUMENT, also for a context with windows; with DISTIL_NOT_FINITE or
 * DISTIL_CANCELLED.
 */
DISTIL_CHECKED distil_status distil_label_tokens(distil_context *context, distil_token *tokens,
                                                 float *logits, size_t capacity, size_t *count,
                                                 const distil_text *text, uint32_t flags);

/* ---- embeddings ----------------------------------------------------------------------------- */

/* Whether vectors are divided by their lengths, so that all have the length 1. */
typedef enum distil_normalization {
    DISTIL_NORMALIZATION_MODEL = 0, /* as the model does it */
    DISTIL_NORMALIZATION_ON = 1,
    DISTIL_NORMALIZATION_OFF = 2
} distil_normalization;

/* Options of distil_embed. Zero is the default of each member, so NULL and a structure of zeros ask
 * for the same. */
typedef struct distil_embed_options {
    /* sizeof(distil_embed_options), or 0 for the members of version 0.2, which are those below. */
    size_t size;

    /* Another pooling than the model's. A model with a dense layer allows none, because that layer
     * was trained on vectors of the model's own pooling. */
    distil_pooling pooling;

    distil_normalization normalization;
} distil_embed_options;

/* What distil_embed says of a text beside its vector. */
typedef struct distil_embedding {
    /* The tokens that were embedded, [CLS] and [SEP] included. */
    size_t token_count;

    /* 1 if the text has more than max_positions tokens, so that some were left out; else 0. */
    int truncated;
} distil_embedding;

/*
 * Computes an embedding of each text: a vector that is near to those of texts of a similar meaning.
 * For a model of sentence-transformers it is what encode() of that library gives, but for the error
 * of 8-bit weights. A model for another task is allowed, too: its vectors are pooled hidden states
 * after the last layer, which is what the feature-extraction pipeline of transformers gives.
 *
 * vectors     (count, vector_size) filled row by row
 * embeddings  (count) filled; may be NULL
 * texts       (count) single texts, which are cut as distil_classify cuts them; count may be 0
 * flags       as for distil_tokenize
 * options     NULL for the defaults
 *
 * A vector has the same bits whatever else is in the batch, as logits have. Texts are packed into
 * passes as distil_classify_batch packs them. With DISTIL_POOLING_CLS the last layer computes the
 * first token of each text only, as for classification.
 *
 * Fails with DISTIL_BAD_ARGUMENT, and then no output is touched, also if the context has windows or
 * a text has a pair. Or fails with DISTIL_NOT_FINITE or DISTIL_CANCELLED, and then the outputs of
 * all texts before distil_context_error(context)->text are valid and the others are untouched.
 */
DISTIL_CHECKED distil_status distil_embed(distil_context *context, float *vectors,
                                          distil_embedding *embeddings, const distil_text *texts,
                                          size_t count, uint32_t flags,
                                          const distil_embed_options *options);

/* ---- question answering --------------------------------------------------------------------- */

/* For distil_answer_options.stride: windows that share no token. */
#define DISTIL_NO_STRIDE ((size_t)-1)

/* Options of distil_answer_question. Zero is the default of each member, so NULL and a structure of
 * zeros ask for the same. The defaults are those of the question-answering pipeline of Hugging Face
 * transformers 4. */
typedef struct distil_answer_options {
    /* sizeof(distil_answer_options), or 0 for the members of version 0.2, which are those below. */
    size_t size;

    /* The most answers that are wanted; 0 means 1. */
    size_t top_k;

    /* The most tokens of an answer before it is widened to whole words; 0 means 15. */
    size_t max_answer_tokens;

    /* The most tokens of question, context and three special tokens together; 0 means 384, or
     * max_positions if that is less. A longer context is cut into windows beside the whole
     * question, of which two neighbours share `stride` tokens of the context. A stride of 0 means
     * 128, or half of the window if that is less. */
    size_t window;
    size_t stride;

    /* 1: the answers may have the one that there is none. 0: they may not. */
    int allow_none;
} distil_answer_options;

/* An answer, as a part of the context. */
typedef struct distil_answer {
    /* The probability; those of equal texts in several places or windows are added, as in the
     * pipeline, so the sum can be above 1. */
    float score;

    /* Where it stands in the context, in bytes and in characters. All is 0 for the answer that
     * there is none. */
    distil_offsets where;
} distil_answer;

/* Sets *capacity to the room that distil_answer_question needs for these arguments. Needs no
 * context and allocates nothing. Fails as that function does, but for DISTIL_NOT_FINITE and
 * DISTIL_CANCELLED. */
DISTIL_CHECKED distil_status distil_answer_capacity(const distil_model *model, size_t *capacity,
                                                    const distil_text *text, uint32_t flags,
                                                    const distil_answer_options *options);

/*
 * Answers a question by parts of a context, with the answers and scores of the question-answering
 * pipeline of transformers 4.57. The model must be of the task DISTIL_TASK_SPANS.
 *
 * answers   (capacity) receives the answers, the best first, in its first elements; the others are
 *           scratch
 * capacity  at least what distil_answer_capacity says
 * count     set to the number of answers, at most top_k
 * text      bytes is the question, and pair is the context; neither may be empty, and each has at
 *           most UINT32_MAX bytes
 * flags     as for distil_tokenize
 * options   NULL for the defaults
 *
 * Spans of the probability 0 are no answers. The windows of the context do not come from the
 * options of distil_context_new. Answers have the same bits whatever the context and its threads.
 *
 * Fails with DISTIL_BAD_ARGUMENT, DISTIL_NOT_FINITE or DISTIL_CANCELLED; or with
 * DISTIL_TOO_MANY_TOKENS if the question leaves no room for the context in a window. Then *count is
 * untouched, and answers may have been written.
 */
DISTIL_CHECKED distil_status distil_answer_question(distil_context *context, distil_answer *answers,
                                                    size_t capacity, size_t *count,
                                                    const distil_text *text, uint32_t flags,
                                                    const distil_answer_options *options);

#ifdef __cplusplus
}
#endif

#endif
