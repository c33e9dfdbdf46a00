/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of the two kinds of expressions. */
#include "tools/serve/serve_expression.h"

#include <string.h>

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

/* 1 and past it if this character is next. */
static int take(scanner *s, char c)
{
    skip_blanks(s);
    if (s->at == s->end || *s->at != c)
        return 0;
    s->at++;
    return 1;
}

/* 1 and past it if this keyword, in capitals, is next in any letter case. */
static int take_keyword(scanner *s, const char *keyword)
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

/* A word with the mark before it: '#' or ':'; mark 0: none. */
static int take_word(scanner *s, char mark, char *out)
{
    const char *begin;
    size_t n;

    skip_blanks(s);
    begin = s->at;
    if (mark != 0 && !take(s, mark))
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

static int take_term(scanner *s, serve_expression *e)
{
    serve_term *term = &e->terms[e->count];
    int named;

    if (e->count == SERVE_TERMS)
        return 0;
    skip_blanks(s);
    named = s->at < s->end && *s->at == '#';
    if (!take_word(s, named ? '#' : 0, term->path) || !take(s, '=') ||
        !take_word(s, ':', term->value))
        return 0;
    e->count++;
    return 1;
}

/* At the end of the text: 0. Else the place of the error is kept. */
static int finish(scanner *s, serve_expression *e, int good)
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

int serve_expression_update(serve_expression *e, const char *text, size_t bytes)
{
    scanner s = {text, text + bytes};
    int good;

    e->count = 0;
    good = bytes <= SERVE_EXPRESSION_BYTES && take_keyword(&s, "SET") && take_term(&s, e);
    while (good && take(&s, ','))
        good = take_term(&s, e);
    return finish(&s, e, good);
}

int serve_expression_condition(serve_expression *e, const char *text, size_t bytes)
{
    scanner s = {text, text + bytes};
    int good;

    e->count = 0;
    good = bytes <= SERVE_EXPRESSION_BYTES && take_term(&s, e);
    while (good && take_keyword(&s, "OR"))
        good = take_term(&s, e);
    return finish(&s, e, good);
}
