/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loadable extension of SQLite: classification of text by SQL functions. `make sqlite-extension`
 * builds it, and docs/bulk.md says how to use it.
 *
 *     distil(text)         {"label":"POSITIVE","score":0.999064028}, as JSON
 *     distil_label(text)   the label alone
 *     distil_score(text)   the score alone
 *
 * Each takes the path of a model as an optional second argument. Without it the environment
 * variable DISTIL_MODEL names the model. A text is TEXT or BLOB; a number is classified as it is
 * written. NULL gives NULL. Whatever goes wrong is an error of the statement.
 *
 * SQLite uses a connection in one thread at a time, so each connection has contexts of its own and
 * needs no lock.
 */
#include <sqlite3ext.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"

SQLITE_EXTENSION_INIT1

/* The most models that one connection keeps open, and the longest text whose answer is kept. */
enum { MAX_MODELS = 64, MAX_KEPT_BYTES = 65536 };

struct opened_model {
    char *path; /* from sqlite3_malloc */
    distil_model *model;
    distil_context *context;
};

/* What a connection owns. Queries often ask for the label and the score of the same text, so the
 * last answer is kept with its text. */
struct connection {
    int functions; /* the SQL functions that refer to this structure */
    int n_models;
    struct opened_model models[MAX_MODELS];
    struct opened_model *last_model; /* NULL if no answer is kept */
    int last_bytes;
    distil_result last;
    char last_text[MAX_KEPT_BYTES];
};

enum what { BOTH, LABEL, SCORE };

struct function {
    struct connection *connection;
    enum what what;
};

static void release_function(void *p)
{
    struct function *function = p;
    struct connection *connection = function->connection;

    sqlite3_free(function);
    if (--connection->functions > 0)
        return;
    for (int i = 0; i < connection->n_models; i++) {
        distil_context_free(connection->models[i].context);
        (void)distil_model_close(connection->models[i].model);
        sqlite3_free(connection->models[i].path);
    }
    sqlite3_free(connection);
}

static void fail(sqlite3_context *call, char *message)
{
    if (message == NULL) {
        sqlite3_result_error_nomem(call);
        return;
    }
    sqlite3_result_error(call, message, -1);
    sqlite3_free(message);
}

/* Opens a model and makes a context for it. Returns NULL after an error, which the statement has
 * got. */
static struct opened_model *open_model(sqlite3_context *call, struct connection *connection,
                                       const char *path)
{
    struct opened_model opened = {NULL, NULL, NULL};
    distil_error error;

    if (connection->n_models == MAX_MODELS) {
        fail(call, sqlite3_mprintf("distil: more than %d models: open another connection",
                                   (int)MAX_MODELS));
        return NULL;
    }
    if (distil_model_open(&opened.model, path, NULL, &error) != DISTIL_OK) {
        fail(call,
             sqlite3_mprintf(
                 "distil: %s: %s%s%s: give the path of a model that distil convert has written",
                 path, error.message, error.system_errno ? ": " : "",
                 error.system_errno ? strerror(error.system_errno) : ""));
        return NULL;
    }
    opened.path = sqlite3_mprintf("%s", path);
    if (opened.path == NULL ||
        distil_context_new(&opened.context, opened.model, NULL, &error) != DISTIL_OK) {
        (void)distil_model_close(opened.model);
        sqlite3_free(opened.path);
        fail(call, NULL);
        return NULL;
    }
    connection->models[connection->n_models] = opened;
    return &connection->models[connection->n_models++];
}

/* Returns the model that the call names, or the default one. Returns NULL after an error, which the
 * statement has got. */
static struct opened_model *find_model(sqlite3_context *call, struct connection *connection,
                                       int n_arguments, sqlite3_value **arguments)
{
    const char *path =
        n_arguments > 1 ? (const char *)sqlite3_value_text(arguments[1]) : getenv("DISTIL_MODEL");

    if (n_arguments > 1 && path == NULL) {
        fail(call, NULL);
        return NULL;
    }
    if (path == NULL || path[0] == 0) {
        fail(call, sqlite3_mprintf("distil: no model: set the environment variable DISTIL_MODEL to "
                                   "the path of a model, or give the path as second argument"));
        return NULL;
    }
    for (int i = 0; i < connection->n_models; i++)
        if (strcmp(connection->models[i].path, path) == 0)
            return &connection->models[i];
    return open_model(call, connection, path);
}

/* Sets *result to the answer for the text of the first argument. Returns 0 after an error, which
 * the statement has got. */
static int classify(sqlite3_context *call, struct connection *connection,
                    struct opened_model *model, sqlite3_value *argument, distil_result *result)
{
    const char *text = sqlite3_value_type(argument) == SQLITE_BLOB
                           ? sqlite3_value_blob(argument)
                           : (const char *)sqlite3_value_text(argument);
    int bytes = sqlite3_value_bytes(argument);

    if (text == NULL && bytes > 0) {
        fail(call, NULL);
        return 0;
    }
    if (connection->last_model == model && connection->last_bytes == bytes &&
        (bytes == 0 || memcmp(connection->last_text, text, (size_t)bytes) == 0)) {
        *result = connection->last;
        return 1;
    }
    if (distil_classify(model->context, result, NULL, text, (size_t)bytes, 0) != DISTIL_OK) {
        fail(call, sqlite3_mprintf("distil: %s: %s", model->path,
                                   distil_context_error(model->context)->message));
        return 0;
    }
    connection->last_model = NULL;
    if (bytes <= MAX_KEPT_BYTES) {
        if (bytes > 0)
            memcpy(connection->last_text, text, (size_t)bytes);
        connection->last_bytes = bytes;
        connection->last = *result;
        connection->last_model = model;
    }
    return 1;
}

/* Appends a text as a JSON string. Labels are UTF-8, so quotes, backslashes and control characters
 * are all that needs an escape. */
static void append_json(sqlite3_str *json, const char *text)
{
    sqlite3_str_appendchar(json, 1, '"');
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20)
            sqlite3_str_appendf(json, "\\u%04x", (unsigned)*text);
        else if (*text == '"' || *text == '\\')
            sqlite3_str_appendf(json, "\\%c", *text);
        else
            sqlite3_str_appendchar(json, 1, *text);
    }
    sqlite3_str_appendchar(json, 1, '"');
}

/* Nine digits read back to the same float. */
static void return_both(sqlite3_context *call, const char *label, float score)
{
    sqlite3_str *json = sqlite3_str_new(sqlite3_context_db_handle(call));
    char *text;

    sqlite3_str_appendall(json, "{\"label\":");
    append_json(json, label);
    sqlite3_str_appendf(json, ",\"score\":%.9g}", (double)score);
    text = sqlite3_str_finish(json);
    if (text == NULL) {
        sqlite3_result_error_nomem(call);
        return;
    }
    sqlite3_result_text(call, text, -1, sqlite3_free);
    sqlite3_result_subtype(call, 'J'); /* functions such as json_array take it as JSON */
}

static void call_function(sqlite3_context *call, int n_arguments, sqlite3_value **arguments)
{
    struct function *function = sqlite3_user_data(call);
    struct opened_model *model;
    distil_result result;
    const char *label;

    for (int i = 0; i < n_arguments; i++)
        if (sqlite3_value_type(arguments[i]) == SQLITE_NULL)
            return; /* the result of a call that sets none is NULL */
    model = find_model(call, function->connection, n_arguments, arguments);
    if (model == NULL || !classify(call, function->connection, model, arguments[0], &result))
        return;
    label = distil_model_label(model->model, result.label);
    if (function->what == BOTH)
        return_both(call, label, result.score);
    else if (function->what == LABEL)
        sqlite3_result_text(call, label, -1, SQLITE_TRANSIENT);
    else
        sqlite3_result_double(call, (double)result.score);
}

static int add_function(sqlite3 *db, struct connection *connection, const char *name,
                        enum what what, int n_arguments)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    struct function *function = sqlite3_malloc((int)sizeof *function);

    if (function == NULL)
        return SQLITE_NOMEM;
#ifdef SQLITE_RESULT_SUBTYPE
    flags |= SQLITE_RESULT_SUBTYPE;
#endif
    /* A call that opens a file of its own choice must not hide in the schema of a database that
     * somebody else has made. */
    if (n_arguments > 1)
        flags |= SQLITE_DIRECTONLY;
    function->connection = connection;
    function->what = what;
    connection->functions++;
    /* If this fails, SQLite calls release_function. */
    return sqlite3_create_function_v2(db, name, n_arguments, flags, function, call_function, NULL,
                                      NULL, release_function);
}

__attribute__((visibility("default"))) int sqlite3_distil_init(sqlite3 *db, char **message,
                                                               const sqlite3_api_routines *api);

int sqlite3_distil_init(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    static const char *const names[] = {"distil", "distil_label", "distil_score"};
    struct connection *connection;
    int status = SQLITE_OK;

    (void)message;
    SQLITE_EXTENSION_INIT2(api);
    connection = sqlite3_malloc((int)sizeof *connection);
    if (connection == NULL)
        return SQLITE_NOMEM;
    connection->functions = 1; /* until all functions are registered */
    connection->n_models = 0;
    connection->last_model = NULL;
    for (int i = 0; i < 6 && status == SQLITE_OK; i++)
        status = add_function(db, connection, names[i / 2], (enum what)(i / 2), 1 + i % 2);
    if (--connection->functions == 0)
        sqlite3_free(connection);
    return status;
}
