/* SPDX-License-Identifier: Apache-2.0 */
/* A parser for both kinds of expressions; see serve_expression.h. */
#include "tools/serve/serve_expression.h"

#include <string.h>

/* The unread rest of an expression. */
typedef struct scanner {
    const char *at, *end;
} scanner;

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

static void skip_blanks(scanner *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) != NULL && *s->at != '\0')
        s->at++;
}

/* If this character comes next, skip it and return 1. */
static int skip_char(scanner *s, char c)
{
    skip_blanks(s);
    if (s->at == s->end || *s->at != c)
        return 0;
    s->at++;
    return 1;
}

/* If this keyword, given in capitals, comes next in any letter case, skip it and return 1. */
static int skip_keyword(scanner *s, const char *keyword)
{
    size_t n = strlen(keyword);

    skip_blanks(s);
    if ((size_t)(s->end - s->at) < n)
        return 0;
    for (size_t i = 0; i < n; i++)
        if ((s->at[i] & ~0x20) != keyword[i])
            return 0;
    if ((size_t)(s->end - s->at) > n && is_word(s->at[n]))
        return 0;
    s->at += n;
    return 1;
}

/* Parse a word into out. The mark '#' or ':' must precede it, unless mark is 0, and is part of out.
 * Returns 1, or 0 if there is no such word or it is too long. */
static int parse_word(scanner *s, char mark, char *out)
{
    const char *begin;
    size_t n;

    skip_blanks(s);
    begin = s->at;
    if (mark != 0 && !skip_char(s, mark))
        return 0;
    if (s->at == s->end || (mark == 0 ? !is_letter(*s->at) : !is_word(*s->at)))
        return 0;
    while (s->at < s->end && is_word(*s->at))
        s->at++;
    n = (size_t)(s->at - begin);
    if (n >= SERVE_WORD_BYTES)
        return 0;
    memcpy(out, begin, n);
    out[n] = '\0';
    return 1;
}

/* Parse a term and append it to the expression. Returns 1, or 0 after a syntax error. */
static int parse_term(scanner *s, serve_expression *e)
{
    serve_term *term = &e->terms[e->count];
    int named;

    if (e->count == SERVE_TERMS)
        return 0;
    skip_blanks(s);
    named = s->at < s->end && *s->at == '#';
    if (!parse_word(s, named ? '#' : 0, term->path) || !skip_char(s, '=') ||
        !parse_word(s, ':', term->value))
        return 0;
    term->and = 0;
    e->count++;
    return 1;
}

/* Returns 0 if parsing succeeded up to the end of the text. Otherwise copies the text at the place
 * of the error to e->near and returns -1. */
static int finish_parse(scanner *s, serve_expression *e, int good)
{
    size_t n = 0;

    skip_blanks(s);
    if (good && s->at == s->end)
        return 0;
    while (s->at + n < s->end && n + 1 < sizeof e->near && s->at[n] > ' ' && s->at[n] < 0x7f) {
        e->near[n] = s->at[n];
        n++;
    }
    e->near[n] = '\0';
    return -1;
}

int serve_parse_update(serve_expression *e, const char *text, size_t bytes)
{
    scanner s = {text, text + bytes};
    int good;

    e->count = 0;
    good = bytes <= SERVE_EXPRESSION_BYTES && skip_keyword(&s, "SET") && parse_term(&s, e);
    while (good && skip_char(&s, ','))
        good = parse_term(&s, e);
    return finish_parse(&s, e, good);
}

int serve_parse_condition(serve_expression *e, const char *text, size_t bytes)
{
    scanner s = {text, text + bytes};
    int good, and;

    e->count = 0;
    good = bytes <= SERVE_EXPRESSION_BYTES && parse_term(&s, e);
    while (good && ((and = skip_keyword(&s, "AND")) || skip_keyword(&s, "OR"))) {
        good = parse_term(&s, e);
        if (good)
            e->terms[e->count - 1].and = and;
    }
    return finish_parse(&s, e, good);
}
