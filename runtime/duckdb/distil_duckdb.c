/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An extension of DuckDB: classification of text by SQL functions. `make duckdb-extension` builds
 * it, and docs/bulk.md says how to use it.
 *
 *     distil(text)         STRUCT(label VARCHAR, score FLOAT)
 *     distil_label(text)   the label alone
 *     distil_score(text)   the score alone
 *
 * Each takes the path of a model as an optional second argument. Without it the environment
 * variable DISTIL_MODEL names the model. A text is VARCHAR or BLOB. NULL gives NULL. Whatever goes
 * wrong is an error of the query.
 *
 * DuckDB calls a function with a chunk of some thousand rows, which become one batch, and from
 * several threads at once. Each call borrows a worker, which is a context with room for a chunk, so
 * there are never more workers than threads.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"

/* ---- DuckDB's interface ---------------------------------------------------------------------- */

/*
 * DuckDB passes its functions to an extension as a structure of pointers. Version 1.2.0 of that
 * structure is stable: later versions of DuckDB only add members behind it. Here are its members
 * that this file calls, with gaps for the others, so that building the extension needs no header of
 * DuckDB, of which two with 250 KB would be needed. With -DDUCKDB_HEADER and the header
 * duckdb_extension.h in the path of includes, the compiler compares the places of all members.
 */
typedef uint64_t duck_count;
typedef void *duck_handle; /* any of DuckDB's opaque pointers */
typedef void (*duck_gap)(void);
typedef void (*duck_function)(duck_handle info, duck_handle chunk, duck_handle output);
enum { DUCK_FLOAT = 10, DUCK_VARCHAR = 17, DUCK_BLOB = 18 };

struct duck_api {
    duck_gap gap_1[3];
    int (*connect)(duck_handle database, duck_handle *connection);
    duck_gap gap_2[2];
    void (*disconnect)(duck_handle *connection);
    duck_gap gap_3[149];
    duck_handle (*create_logical_type)(int type);
    duck_gap gap_4[6];
    duck_handle (*create_struct_type)(duck_handle *types, const char **names, duck_count n);
    duck_gap gap_5[20];
    void (*destroy_logical_type)(duck_handle *type);
    duck_gap gap_6[5];
    duck_handle (*data_chunk_get_vector)(duck_handle chunk, duck_count column);
    duck_count (*data_chunk_get_size)(duck_handle chunk);
    duck_gap gap_7[2];
    void *(*vector_get_data)(duck_handle vector);
    uint64_t *(*vector_get_validity)(duck_handle vector);
    void (*vector_ensure_validity_writable)(duck_handle vector);
    duck_gap gap_8[1];
    void (*vector_assign_string_element_len)(duck_handle vector, duck_count row, const char *text,
                                             duck_count bytes);
    duck_gap gap_9[4];
    duck_handle (*struct_vector_get_child)(duck_handle vector, duck_count member);
    duck_gap gap_10[1];
    bool (*validity_row_is_valid)(uint64_t *validity, duck_count row);
    duck_gap gap_11[1];
    void (*validity_set_row_invalid)(uint64_t *validity, duck_count row);
    duck_gap gap_12[1];
    duck_handle (*create_scalar_function)(void);
    void (*destroy_scalar_function)(duck_handle *function);
    void (*scalar_function_set_name)(duck_handle function, const char *name);
    duck_gap gap_13[3];
    void (*scalar_function_add_parameter)(duck_handle function, duck_handle type);
    void (*scalar_function_set_return_type)(duck_handle function, duck_handle type);
    void (*scalar_function_set_extra_info)(duck_handle function, void *extra,
                                           void (*destroy)(void *));
    void (*scalar_function_set_function)(duck_handle function, duck_function callback);
    duck_gap gap_14[1];
    void *(*scalar_function_get_extra_info)(duck_handle info);
    void (*scalar_function_set_error)(duck_handle info, const char *message);
    duck_handle (*create_scalar_function_set)(const char *name);
    void (*destroy_scalar_function_set)(duck_handle *set);
    int (*add_scalar_function_to_set)(duck_handle set, duck_handle function);
    int (*register_scalar_function_set)(duck_handle connection, duck_handle set);
};

/* What DuckDB gives to the entry point of an extension. */
struct duck_access {
    void (*set_error)(duck_handle info, const char *message);
    duck_handle *(*get_database)(duck_handle info);
    const void *(*get_api)(duck_handle info, const char *version);
};

/* A value of a VARCHAR or BLOB vector. Up to 12 bytes lie within it. */
struct duck_string {
    uint32_t bytes;
    char prefix[4];
    const char *pointer;
};
enum { DUCK_INLINED = 12 };

#ifdef DUCKDB_HEADER
#include <duckdb_extension.h>
/* The header makes macros of its members' names, which lead through a member of this name. */
struct duck_header {
    duckdb_ext_api_v1 duckdb_ext_api;
};
#define SAME_PLACE(name)                                                                           \
    _Static_assert(offsetof(struct duck_api, name) == offsetof(struct duck_header, duckdb_##name), \
                   #name);
SAME_PLACE(connect)
SAME_PLACE(disconnect)
SAME_PLACE(create_logical_type)
SAME_PLACE(create_struct_type)
SAME_PLACE(destroy_logical_type)
SAME_PLACE(data_chunk_get_vector)
SAME_PLACE(data_chunk_get_size)
SAME_PLACE(vector_get_data)
SAME_PLACE(vector_get_validity)
SAME_PLACE(vector_ensure_validity_writable)
SAME_PLACE(vector_assign_string_element_len)
SAME_PLACE(struct_vector_get_child)
SAME_PLACE(validity_row_is_valid)
SAME_PLACE(validity_set_row_invalid)
SAME_PLACE(create_scalar_function)
SAME_PLACE(destroy_scalar_function)
SAME_PLACE(scalar_function_set_name)
SAME_PLACE(scalar_function_add_parameter)
SAME_PLACE(scalar_function_set_return_type)
SAME_PLACE(scalar_function_set_extra_info)
SAME_PLACE(scalar_function_set_function)
SAME_PLACE(scalar_function_get_extra_info)
SAME_PLACE(scalar_function_set_error)
SAME_PLACE(create_scalar_function_set)
SAME_PLACE(destroy_scalar_function_set)
SAME_PLACE(add_scalar_function_to_set)
SAME_PLACE(register_scalar_function_set)
_Static_assert(sizeof(struct duck_string) == sizeof(duckdb_string_t), "strings");
_Static_assert((int)DUCK_FLOAT == (int)DUCKDB_TYPE_FLOAT, "types");
_Static_assert((int)DUCK_VARCHAR == (int)DUCKDB_TYPE_VARCHAR, "types");
_Static_assert((int)DUCK_BLOB == (int)DUCKDB_TYPE_BLOB, "types");
#endif

/* ---- models and workers ---------------------------------------------------------------------- */

/* A context with room for the texts and answers of a chunk. */
struct worker {
    struct worker *next;
    distil_context *context;
    size_t capacity; /* elements of each of the arrays */
    duck_count *rows;
    distil_text *texts;
    distil_result *results;
};

/* The most models that a process keeps open. */
enum { MAX_MODELS = 64 };

struct opened_model {
    char *path;
    distil_model *model;
    struct worker *idle;
};

/* DuckDB's functions. The entry point copies them, because DuckDB frees its structure after it. */
static struct duck_api duckdb;

/* DuckDB never unloads an extension, so all databases of a process share these for as long as it
 * runs. The lock guards the models and their lists of idle workers. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct opened_model models[MAX_MODELS];
static int n_models;

enum { MESSAGE_BYTES = 4096 };

/* Finds or opens the model at a path. Returns NULL after an error, with a message. The caller holds
 * the lock. */
static struct opened_model *find_model(const char *path, char *message)
{
    struct opened_model opened = {NULL, NULL, NULL};
    distil_error error;

    for (int i = 0; i < n_models; i++)
        if (strcmp(models[i].path, path) == 0)
            return &models[i];
    if (n_models == MAX_MODELS) {
        (void)snprintf(message, MESSAGE_BYTES, "distil: more than %d models in one process",
                       (int)MAX_MODELS);
        return NULL;
    }
    if (distil_model_open(&opened.model, path, NULL, &error) != DISTIL_OK) {
        (void)snprintf(
            message, MESSAGE_BYTES,
            "distil: %s: %s%s%s: give the path of a model that distil convert has written", path,
            error.message, error.system_errno ? ": " : "",
            error.system_errno ? strerror(error.system_errno) : "");
        return NULL;
    }
    opened.path = strdup(path);
    if (opened.path == NULL) {
        (void)distil_model_close(opened.model);
        (void)snprintf(message, MESSAGE_BYTES, "distil: out of memory");
        return NULL;
    }
    models[n_models] = opened;
    return &models[n_models++];
}

static void free_worker(struct worker *worker)
{
    if (worker == NULL)
        return;
    distil_context_free(worker->context);
    free(worker->rows);
    free(worker->texts);
    free(worker->results);
    free(worker);
}

/* Lends a worker of the model at a path. Returns NULL after an error, with a message. */
static struct worker *borrow_worker(const char *path, struct opened_model **model, char *message)
{
    struct worker *worker = NULL;
    distil_error error;

    (void)pthread_mutex_lock(&lock);
    *model = find_model(path, message);
    if (*model != NULL && (*model)->idle != NULL) {
        worker = (*model)->idle;
        (*model)->idle = worker->next;
    }
    (void)pthread_mutex_unlock(&lock);
    if (*model == NULL || worker != NULL)
        return worker;
    worker = calloc(1, sizeof *worker);
    if (worker == NULL ||
        distil_context_new(&worker->context, (*model)->model, NULL, &error) != DISTIL_OK) {
        free(worker);
        (void)snprintf(message, MESSAGE_BYTES, "distil: out of memory for another thread");
        return NULL;
    }
    return worker;
}

static void return_worker(struct opened_model *model, struct worker *worker)
{
    (void)pthread_mutex_lock(&lock);
    worker->next = model->idle;
    model->idle = worker;
    (void)pthread_mutex_unlock(&lock);
}

/* Makes room for so many texts. Returns 0 if there is no memory. */
static int reserve(struct worker *worker, size_t n)
{
    if (worker->capacity >= n)
        return 1;
    free(worker->rows);
    free(worker->texts);
    free(worker->results);
    worker->rows = malloc(n * sizeof *worker->rows);
    worker->texts = calloc(n, sizeof *worker->texts);
    worker->results = malloc(n * sizeof *worker->results);
    worker->capacity = worker->rows && worker->texts && worker->results ? n : 0;
    return worker->capacity > 0;
}

/* ---- a chunk --------------------------------------------------------------------------------- */

enum what { BOTH, LABEL, SCORE };

struct chunk {
    duck_count n_rows;
    const struct duck_string *texts, *paths; /* paths is NULL without a second argument */
    uint64_t *texts_valid, *paths_valid;     /* NULL if no row is null */
    duck_handle output, labels, scores; /* labels or scores is NULL where it is not asked for */
    uint64_t *output_valid, *labels_valid, *scores_valid;
    float *score_values;
};

static const char *bytes_of(const struct duck_string *string)
{
    return string->bytes <= DUCK_INLINED ? string->prefix : string->pointer;
}

/* Makes every row writable as null, and finds where the rows' labels and scores go. */
static void open_output(struct chunk *chunk, enum what what, duck_handle output)
{
    chunk->output = output;
    chunk->labels = what == BOTH    ? duckdb.struct_vector_get_child(output, 0)
                    : what == LABEL ? output
                                    : NULL;
    chunk->scores = what == BOTH    ? duckdb.struct_vector_get_child(output, 1)
                    : what == SCORE ? output
                                    : NULL;
    duckdb.vector_ensure_validity_writable(output);
    chunk->output_valid = duckdb.vector_get_validity(output);
    if (chunk->labels != NULL) {
        duckdb.vector_ensure_validity_writable(chunk->labels);
        chunk->labels_valid = duckdb.vector_get_validity(chunk->labels);
    }
    if (chunk->scores != NULL) {
        duckdb.vector_ensure_validity_writable(chunk->scores);
        chunk->scores_valid = duckdb.vector_get_validity(chunk->scores);
        chunk->score_values = duckdb.vector_get_data(chunk->scores);
    }
}

static int is_null(const struct chunk *chunk, duck_count row)
{
    return (chunk->texts_valid && !duckdb.validity_row_is_valid(chunk->texts_valid, row)) ||
           (chunk->paths_valid && !duckdb.validity_row_is_valid(chunk->paths_valid, row));
}

static void write_null(const struct chunk *chunk, duck_count row)
{
    duckdb.validity_set_row_invalid(chunk->output_valid, row);
    if (chunk->labels != NULL)
        duckdb.validity_set_row_invalid(chunk->labels_valid, row);
    if (chunk->scores != NULL)
        duckdb.validity_set_row_invalid(chunk->scores_valid, row);
}

static int same_path(const struct duck_string *a, const struct duck_string *b)
{
    return a->bytes == b->bytes && memcmp(bytes_of(a), bytes_of(b), a->bytes) == 0;
}

/* Copies the path of a row's model, or the default one. Returns 0 after an error, with a
 * message. */
static int read_path(const struct chunk *chunk, duck_count row, char *path, size_t room,
                     char *message)
{
    const char *name = getenv("DISTIL_MODEL");
    size_t bytes = name ? strlen(name) : 0;

    if (chunk->paths != NULL) {
        name = bytes_of(&chunk->paths[row]);
        bytes = chunk->paths[row].bytes;
    }
    if (bytes == 0) {
        (void)snprintf(message, MESSAGE_BYTES,
                       "distil: no model: set the environment variable DISTIL_MODEL to the path of "
                       "a model before DuckDB starts, or give the path as second argument");
        return 0;
    }
    if (bytes >= room || memchr(name, 0, bytes) != NULL) {
        (void)snprintf(message, MESSAGE_BYTES, "distil: the second argument is no path of a model");
        return 0;
    }
    memcpy(path, name, bytes);
    path[bytes] = 0;
    return 1;
}

/* Classifies the texts that the worker has collected, and writes their rows. */
static int classify_texts(const struct chunk *chunk, const struct opened_model *model,
                          struct worker *worker, size_t n, char *message)
{
    if (distil_classify_batch(worker->context, worker->results, NULL, worker->texts, n, 0) !=
        DISTIL_OK) {
        (void)snprintf(message, MESSAGE_BYTES, "distil: %s: %s", model->path,
                       distil_context_error(worker->context)->message);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (chunk->labels != NULL) {
            const char *label = distil_model_label(model->model, worker->results[i].label);

            duckdb.vector_assign_string_element_len(chunk->labels, worker->rows[i], label,
                                                    strlen(label));
        }
        if (chunk->scores != NULL)
            chunk->score_values[worker->rows[i]] = worker->results[i].score;
    }
    return 1;
}

/* Writes the rows from `row` on that have the same model, as one batch. Returns the first row of
 * another model, or 0 after an error, with a message. */
static duck_count write_rows(const struct chunk *chunk, duck_count row, char *message)
{
    const struct duck_string *path_string = chunk->paths ? &chunk->paths[row] : NULL;
    struct opened_model *model;
    struct worker *worker;
    char path[MESSAGE_BYTES / 2];
    size_t n = 0;
    int written;

    if (!read_path(chunk, row, path, sizeof path, message))
        return 0;
    worker = borrow_worker(path, &model, message);
    if (worker == NULL)
        return 0;
    if (!reserve(worker, chunk->n_rows)) {
        free_worker(worker);
        (void)snprintf(message, MESSAGE_BYTES, "distil: out of memory");
        return 0;
    }
    for (; row < chunk->n_rows; row++) {
        if (is_null(chunk, row)) {
            write_null(chunk, row);
            continue;
        }
        if (path_string && !same_path(path_string, &chunk->paths[row]))
            break;
        worker->rows[n] = row;
        worker->texts[n].bytes = bytes_of(&chunk->texts[row]);
        worker->texts[n++].size = chunk->texts[row].bytes;
    }
    written = classify_texts(chunk, model, worker, n, message);
    return_worker(model, worker);
    return written ? row : 0;
}

static void call_function(duck_handle info, duck_handle input, duck_handle output)
{
    const enum what *what = duckdb.scalar_function_get_extra_info(info);
    duck_handle texts = duckdb.data_chunk_get_vector(input, 0);
    duck_handle paths = duckdb.data_chunk_get_vector(input, 1); /* NULL if there is none */
    struct chunk chunk = {.n_rows = duckdb.data_chunk_get_size(input)};
    char message[MESSAGE_BYTES];

    chunk.texts = duckdb.vector_get_data(texts);
    chunk.texts_valid = duckdb.vector_get_validity(texts);
    if (paths != NULL) {
        chunk.paths = duckdb.vector_get_data(paths);
        chunk.paths_valid = duckdb.vector_get_validity(paths);
    }
    open_output(&chunk, *what, output);
    for (duck_count row = 0; row < chunk.n_rows;) {
        if (is_null(&chunk, row)) {
            write_null(&chunk, row++);
            continue;
        }
        row = write_rows(&chunk, row, message);
        if (row == 0) {
            duckdb.scalar_function_set_error(info, message);
            return;
        }
    }
}

/* ---- registration ---------------------------------------------------------------------------- */

static duck_handle return_type(enum what what)
{
    duck_handle members[2] = {duckdb.create_logical_type(DUCK_VARCHAR),
                              duckdb.create_logical_type(DUCK_FLOAT)};
    const char *names[2] = {"label", "score"};
    duck_handle type = what == BOTH    ? duckdb.create_struct_type(members, names, 2)
                       : what == LABEL ? duckdb.create_logical_type(DUCK_VARCHAR)
                                       : duckdb.create_logical_type(DUCK_FLOAT);

    duckdb.destroy_logical_type(&members[0]);
    duckdb.destroy_logical_type(&members[1]);
    return type;
}

/* Adds the function for texts of one type, with or without a second argument, to a set. */
static int add_function(duck_handle set, const char *name, const enum what *what, int text_type,
                        int with_path)
{
    duck_handle function = duckdb.create_scalar_function();
    duck_handle result = return_type(*what);
    duck_handle text = duckdb.create_logical_type(text_type);
    duck_handle path = duckdb.create_logical_type(DUCK_VARCHAR);
    int status;

    duckdb.scalar_function_set_name(function, name);
    duckdb.scalar_function_add_parameter(function, text);
    if (with_path)
        duckdb.scalar_function_add_parameter(function, path);
    duckdb.scalar_function_set_return_type(function, result);
    /* DuckDB does not change what the pointer leads to, and does not free it. */
    duckdb.scalar_function_set_extra_info(function, (void *)(uintptr_t)what, NULL);
    duckdb.scalar_function_set_function(function, call_function);
    status = duckdb.add_scalar_function_to_set(set, function);
    duckdb.destroy_logical_type(&result);
    duckdb.destroy_logical_type(&text);
    duckdb.destroy_logical_type(&path);
    duckdb.destroy_scalar_function(&function);
    return status;
}

static int register_functions(duck_handle connection)
{
    static const enum what all[] = {BOTH, LABEL, SCORE};
    static const char *const names[] = {"distil", "distil_label", "distil_score"};
    int status = 0;

    for (int i = 0; i < 3 && status == 0; i++) {
        duck_handle set = duckdb.create_scalar_function_set(names[i]);

        for (int j = 0; j < 4 && status == 0; j++)
            status = add_function(set, names[i], &all[i], j < 2 ? DUCK_VARCHAR : DUCK_BLOB, j % 2);
        if (status == 0)
            status = duckdb.register_scalar_function_set(connection, set);
        duckdb.destroy_scalar_function_set(&set);
    }
    return status;
}

__attribute__((visibility("default"))) bool distil_init_c_api(duck_handle info,
                                                              const struct duck_access *access);

/* DuckDB finds this function by the name of the file, distil.duckdb_extension. */
bool distil_init_c_api(duck_handle info, const struct duck_access *access)
{
    const struct duck_api *api = access->get_api(info, "v1.2.0");
    duck_handle connection;
    int status;

    if (api == NULL)
        return false; /* DuckDB has set an error itself */
    (void)pthread_mutex_lock(&lock);
    if (duckdb.connect == NULL)
        duckdb = *api;
    (void)pthread_mutex_unlock(&lock);
    if (duckdb.connect(*access->get_database(info), &connection) != 0) {
        access->set_error(info, "distil: the database gives no connection");
        return false;
    }
    status = register_functions(connection);
    duckdb.disconnect(&connection);
    if (status != 0)
        access->set_error(info, "distil: the functions cannot be registered: another extension "
                                "has functions of the same names");
    return status == 0;
}
