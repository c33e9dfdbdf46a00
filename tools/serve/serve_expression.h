/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses the part of DynamoDB's expressions that the function uses:
 *
 *     update     SET path = value, path = value ...
 *     condition  path = value, joined by AND and OR, of which AND binds tighter
 *     path       #placeholder or name       value  :placeholder
 *
 * Everything else is a syntax error, so that the stand-in never accepts an expression that it would
 * evaluate wrongly.
 */
#ifndef DISTIL_TOOLS_SERVE_EXPRESSION_H
#define DISTIL_TOOLS_SERVE_EXPRESSION_H

#include <stddef.h>

enum {
    SERVE_TERMS = 16,             /* most terms of one expression */
    SERVE_WORD_BYTES = 256,       /* most bytes of a path or a placeholder with its NUL */
    SERVE_EXPRESSION_BYTES = 4096 /* most bytes of an expression, as in DynamoDB */
};

/* A term "path = value" as it is written, for example "#status" and ":pending". */
typedef struct serve_term {
    char path[SERVE_WORD_BYTES];
    char value[SERVE_WORD_BYTES];
    int and; /* 1: AND joins this term of a condition to the one before it; otherwise OR does. */
} serve_term;

typedef struct serve_expression {
    serve_term terms[SERVE_TERMS];
    size_t count;
    char near[32]; /* after a syntax error: the printable text at its place */
} serve_expression;

/* Parse an update or a condition. Returns 0, or -1 with e->near set. */
int serve_parse_update(serve_expression *e, const char *text, size_t bytes);
int serve_parse_condition(serve_expression *e, const char *text, size_t bytes);

#endif
