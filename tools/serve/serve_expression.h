/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of DynamoDB's expressions that the function uses, and not a letter more:
 *
 *     update     SET path = value, path = value ...
 *     condition  path = value OR path = value ...
 *     path       #placeholder or name       value  :placeholder
 *
 * Everything else is refused as a syntax error, so that a stand-in never pretends.
 */
#ifndef DISTIL_TOOLS_SERVE_EXPRESSION_H
#define DISTIL_TOOLS_SERVE_EXPRESSION_H

#include <stddef.h>

enum {
    SERVE_TERMS = 16,             /* of one expression */
    SERVE_WORD_BYTES = 256,       /* of a path or a placeholder, with its NUL */
    SERVE_EXPRESSION_BYTES = 4096 /* DynamoDB's limit */
};

/* path = value, as written: "#status", ":pending". */
typedef struct serve_term {
    char path[SERVE_WORD_BYTES];
    char value[SERVE_WORD_BYTES];
} serve_term;

typedef struct serve_expression {
    serve_term terms[SERVE_TERMS];
    size_t count;
    char near[32]; /* of a syntax error: the text there, printable */
} serve_expression;

/* 0, or -1 with e->near filled. */
int serve_expression_update(serve_expression *e, const char *text, size_t bytes);
int serve_expression_condition(serve_expression *e, const char *text, size_t bytes);

#endif
