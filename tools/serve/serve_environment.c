/* SPDX-License-Identifier: Apache-2.0 */
/* Composes the environment of the function; see serve_environment.h. */
#include "tools/serve/serve_environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

enum {
    MOST_CHANGES = 32,
    CHANGES_BYTES = 16384 /* the most bytes of all changed names and values together */
};

/* Variables that differ from the environment of this program. */
typedef struct changes {
    char text[CHANGES_BYTES]; /* the variables, each with a NUL */
    size_t used;
    const char *variables[MOST_CHANGES]; /* "NAME=value", or "NAME" for one that is removed */
    size_t count;
    int overflow; /* 1 if a variable did not fit */
} changes;

/* Set a variable, or remove it if value is NULL. */
static void set(changes *o, const char *name, const char *value)
{
    size_t room = sizeof o->text - o->used;
    int n = snprintf(o->text + o->used, room, "%s%s%s", name, value != NULL ? "=" : "",
                     value != NULL ? value : "");

    if (n < 0 || (size_t)n >= room || o->count == MOST_CHANGES) {
        o->overflow = 1;
        return;
    }
    o->variables[o->count++] = o->text + o->used;
    o->used += (size_t)n + 1;
}

static int is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0';
}

static void set_default(changes *o, const char *name, const char *value)
{
    if (!is_set(name))
        set(o, name, value);
}

const char *serve_environment_table(void)
{
    if (is_set("DATABASE_TABLE"))
        return getenv("DATABASE_TABLE");
    return is_set("DYNAMODB_TABLE") ? getenv("DYNAMODB_TABLE") : SERVE_TABLE;
}

static void set_store(changes *o, const serve_config *config, uint16_t port)
{
    char address[64];

    if (config->store == NULL) {
        /* Without --store the function gets no table, so that it changes no real one by
         * accident. */
        set(o, "DATABASE_TABLE", NULL);
        set(o, "DYNAMODB_TABLE", NULL);
        set(o, "DISTIL_STORE", "none");
        return;
    }
    set(o, "DISTIL_STORE", NULL);
    set_default(o, "ENVIRONMENT", "dev");
    (void)snprintf(address, sizeof address, "http://127.0.0.1:%u", (unsigned)port);
    set(o, "AWS_ENDPOINT_URL_DYNAMODB",
        strcmp(config->store, "memory") == 0 ? address : config->store);
    set(o, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", NULL);
    set(o, "DATABASE_TABLE", serve_environment_table());
    if (strcmp(config->store, "memory") == 0 || !is_set("AWS_ACCESS_KEY_ID")) {
        set(o, "AWS_ACCESS_KEY_ID", "local");
        set(o, "AWS_SECRET_ACCESS_KEY", "local");
        /* Lambda always sets this variable. The function treats an empty value as absent. */
        if (!is_set("AWS_SESSION_TOKEN"))
            set(o, "AWS_SESSION_TOKEN", "");
    }
}

/* Set all variables that the function gets from Lambda or that name the stand-ins. */
static void set_all(changes *o, const serve_config *config, uint16_t port)
{
    char address[32];

    (void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    set(o, "AWS_LAMBDA_RUNTIME_API", address);
    set_default(o, "AWS_LAMBDA_FUNCTION_NAME", "function");
    set_default(o, "AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    set_default(o, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                "1769"); /* With this many MB Lambda gives a function one CPU. */
    set_default(o, "AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/function");
    set_default(o, "AWS_LAMBDA_LOG_STREAM_NAME", "local");
    set_default(o, "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    set_default(o, "AWS_EXECUTION_ENV", "AWS_Lambda_Image");
    set_default(o, "LAMBDA_TASK_ROOT", "/var/task");
    set_default(o, "LAMBDA_RUNTIME_DIR", "/var/runtime");
    set(o, "_HANDLER", NULL);
    /* distil-serve sends one event at a time, so the variable is removed. */
    set(o, "AWS_LAMBDA_MAX_CONCURRENCY", NULL);
    if (!is_set("AWS_REGION"))
        set_default(o, "AWS_DEFAULT_REGION", "us-east-1");
    if (!is_set("AWS_REGION") && !is_set("AWS_DEFAULT_REGION"))
        set(o, "AWS_REGION", "us-east-1");
    if (config->model != NULL)
        set(o, "DISTIL_MODEL", config->model);
    set_store(o, config, port);
}

/* Returns 1 if a variable "NAME=value" of this program is set anew or removed. */
static int is_changed(const changes *o, const char *variable)
{
    size_t name = strcspn(variable, "=");

    for (size_t i = 0; i < o->count; i++)
        if (strcspn(o->variables[i], "=") == name && strncmp(o->variables[i], variable, name) == 0)
            return 1;
    return 0;
}

/* Copy a variable to *text, move *text behind it, and append it to the list. Returns the new number
 * of variables in the list. */
static size_t append_variable(char **list, size_t count, char **text, const char *variable)
{
    size_t size = strlen(variable) + 1;

    memcpy(*text, variable, size);
    list[count] = *text;
    *text += size;
    return count + 1;
}

/* Make the list of the variables of this program with the changes applied. Returns NULL if memory
 * is short. */
static char **apply_changes(const changes *o)
{
    size_t most = MOST_CHANGES + 1, bytes = CHANGES_BYTES, count = 0;
    char **list, *text;

    for (char **e = environ; *e != NULL; e++, most++)
        bytes += strlen(*e) + 1;
    list = malloc(most * sizeof *list + bytes);
    if (list == NULL)
        return NULL;
    text = (char *)(list + most);
    for (char **e = environ; *e != NULL; e++)
        if (!is_changed(o, *e))
            count = append_variable(list, count, &text, *e);
    for (size_t i = 0; i < o->count; i++)
        if (strchr(o->variables[i], '=') != NULL)
            count = append_variable(list, count, &text, o->variables[i]);
    list[count] = NULL;
    return list;
}

char **serve_environment_new(const serve_config *config, uint16_t port)
{
    changes *o = calloc(1, sizeof *o);
    char **list = NULL;

    if (o != NULL) {
        set_all(o, config, port);
        list = o->overflow ? NULL : apply_changes(o);
    }
    free(o);
    return list;
}
