/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting special tokens from the files of a folder in the order in which transformers reads
 * them. A token that the blob cannot match as transformers does is refused. */
#include "tools/convert/hf_specials.h"

#include <stdlib.h>
#include <string.h>

#include "model/format.h"

enum { NO_ID = -1 };

/* The state of hf_specials_find. */
typedef struct search {
    hf_tokenizer *t;
    const hf_folder *f;
    uint32_t next_id; /* id that transformers gives to the next token beyond the vocabulary */
    int map_counts;   /* nonzero: special_tokens_map.json overrides tokenizer_config.json */
} search;

/* ---- ids ------------------------------------------------------------------------------------ */

/* The greatest id of a token, as if the vocabulary were read line by line into a map; NO_ID if it
 * has no id. */
static int64_t find_token(const hf_tokenizer *t, const char *token)
{
    size_t bytes = strlen(token);

    for (uint32_t id = t->vocab_size; bytes > 0 && id-- > 0;)
        if (t->token_bytes[id] == bytes && memcmp(t->tokens[id], token, bytes) == 0)
            return id;
    return NO_ID;
}

static int is_special(const hf_tokenizer *t, uint32_t id)
{
    for (size_t i = 0; i < t->special_count; i++)
        if (t->specials[i].id == id)
            return 1;
    return 0;
}

/* Compare the bytes of two tokens as a blob orders its special tokens. */
static int compare_tokens(const hf_tokenizer *t, uint32_t a, uint32_t b)
{
    size_t a_bytes = t->token_bytes[a], b_bytes = t->token_bytes[b];
    int order = memcmp(t->tokens[a], t->tokens[b], a_bytes < b_bytes ? a_bytes : b_bytes);

    return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

/* Add an id to the list of special tokens, which is in the order of the tokens' bytes, if its token
 * is not in it. */
static int add_special(hf_tokenizer *t, uint32_t id, uint32_t flags, conv_error *error)
{
    size_t at = 0;

    while (at < t->special_count && compare_tokens(t, t->specials[at].id, id) < 0)
        at++;
    if (at < t->special_count && compare_tokens(t, t->specials[at].id, id) == 0)
        return 0;
    if (t->special_count == DISTIL_BLOB_MAX_SPECIALS)
        return conv_fail(error, "%s: expected at most %d special tokens", t->path,
                         DISTIL_BLOB_MAX_SPECIALS);
    memmove(t->specials + at + 1, t->specials + at,
            (t->special_count - at) * sizeof t->specials[0]);
    t->specials[at] = (distil_blob_special){id, flags};
    t->special_count++;
    return 0;
}

typedef struct text {
    const char *bytes;
    size_t count;
} text;

static int by_bytes(const void *a, const void *b)
{
    const text *x = a;
    const text *y = b;
    int order = memcmp(x->bytes, y->bytes, x->count < y->count ? x->count : y->count);

    return order ? order : (x->count > y->count) - (x->count < y->count);
}

/* Set next_id to the number of different tokens in the vocabulary: a token that stands twice in
 * vocab.txt counts once. */
static int count_tokens(search *s)
{
    const hf_tokenizer *t = s->t;
    text *sorted = conv_new(s->f->memory, t->vocab_size, sizeof *sorted, s->f->error);
    uint32_t n = 0;

    if (!sorted)
        return -1;
    for (uint32_t id = 0; id < t->vocab_size; id++) {
        /* A blank line of vocab.txt is a token, too; tokenizer.json may skip an id. */
        if (t->token_bytes[id] == 0 && (s->f->has_model || id >= t->entries))
            continue;
        sorted[n].bytes = t->tokens[id];
        sorted[n++].count = t->token_bytes[id];
    }
    qsort(sorted, n, sizeof *sorted, by_bytes);
    s->next_id = 0;
    for (uint32_t i = 0; i < n; i++)
        s->next_id += i == 0 || by_bytes(&sorted[i - 1], &sorted[i]) != 0;
    return 0;
}

/* Returns nonzero if the tokenizer could make a word, or a part of one, of this text: it has no
 * ASCII punctuation, or only the prefix of a continuation. Such a token beyond the vocabulary would
 * match parts of other words, which transformers never does. */
static int is_word_like(const char *token)
{
    if (strncmp(token, "##", 2) == 0)
        token += 2;
    for (; *token; token++) {
        unsigned char c = (unsigned char)*token;

        if (c < 0x80 && !((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')))
            return 0;
    }
    return 1;
}

/* Give a token beyond the vocabulary the next id. Returns the id, or NO_ID if the model has no
 * embedding for it; or -2 with the error filled. */
static int64_t append_token(search *s, const char *path, const char *token)
{
    uint32_t id = s->next_id;

    if (id >= s->t->vocab_size)
        return NO_ID;
    if (is_word_like(token)) {
        conv_fail(s->f->error,
                  "%s: added token %.64s: expected a token with punctuation in it, or one of the "
                  "vocabulary: this one would be found within words",
                  path, token);
        return -2;
    }
    if (s->t->token_bytes[id] > 0) {
        conv_fail(s->f->error, "%s: added token %.64s: expected id %u to be free, found %.64s",
                  path, token, id, s->t->tokens[id]);
        return -2;
    }
    if (hf_set_token(s->t, id, token, strlen(token), s->f->error))
        return -2;
    s->next_id++;
    return id;
}

/* ---- tokens that a file lists as added ------------------------------------------------------ */

/* Read the options of the object that describes a token, and refuse those that need a look at the
 * characters around the token or at the normalised text. *flags gets DISTIL_BLOB_SPECIAL_*. */
static int read_flags(const search *s, const hf_json *json, json_value token, const char *content,
                      uint32_t *flags)
{
    static const struct {
        const char *name;
        uint32_t bit;
        int refused;
    } options[] = {{"single_word", DISTIL_BLOB_SPECIAL_SINGLE_WORD, 1},
                   {"lstrip", DISTIL_BLOB_SPECIAL_LSTRIP, 0},
                   {"rstrip", DISTIL_BLOB_SPECIAL_RSTRIP, 0},
                   {"normalized", DISTIL_BLOB_SPECIAL_NORMALIZED, 1}};

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        int flag = 0;

        if (hf_json_flag(&flag, json, token, options[i].name, s->f->error))
            return -1;
        if (flag && options[i].refused)
            return conv_fail(s->f->error, "%s: added token %.64s: expected false as %s, found true",
                             json->path, content, options[i].name);
        *flags |= flag ? options[i].bit : 0u;
    }
    return 0;
}

/* Add a token with the id that a file gives it. */
static int add_listed(search *s, const hf_json *json, const char *content, uint64_t id,
                      uint32_t flags)
{
    hf_tokenizer *t = s->t;
    int64_t found = find_token(t, content);

    if (found == NO_ID && id == s->next_id)
        found = append_token(s, json->path, content);
    if (found == -2)
        return -1;
    if (found == NO_ID || (uint64_t)found != id) {
        size_t bytes = id < t->vocab_size ? t->token_bytes[id] : 0;

        return conv_fail(s->f->error,
                         "%s: added token %.64s: expected it as id %llu of the vocabulary, found "
                         "%.*s",
                         json->path, content, (unsigned long long)id, bytes < 64 ? (int)bytes : 64,
                         bytes ? t->tokens[id] : "");
    }
    return add_special(t, (uint32_t)id, flags, s->f->error);
}

/* Add a token that a file lists as an added token. */
static int add_added_token(search *s, const hf_json *json, json_value token, uint64_t id)
{
    json_value value;
    char *content;
    uint32_t flags = 0;
    int special = 0;

    if (!hf_json_member(token, "content", &value))
        return conv_fail(s->f->error, "%s: added token %llu: expected a content, found none",
                         json->path, (unsigned long long)id);
    content = hf_json_text(value, json, "an added token's content", s->f->memory, s->f->error);
    if (!content || hf_json_flag(&special, json, token, "special", s->f->error))
        return -1;
    if (read_flags(s, json, token, content, &flags))
        return -1;
    flags |= special ? DISTIL_BLOB_SPECIAL_SPECIAL : 0u;
    return add_listed(s, json, content, id, flags);
}

/* Parse added_tokens of tokenizer.json, an array of objects that have an id. */
static int parse_added_tokens(search *s)
{
    const hf_folder *f = s->f;
    json_value list;
    json_iter iter;

    if (!hf_json_member(f->model.root, "added_tokens", &list))
        return 0;
    json_iter_init(&iter, list);
    while (json_iter_next(&iter)) {
        uint32_t id;

        if (hf_json_count(&id, &f->model, iter.value, "id", 0, UINT32_MAX, f->error) ||
            add_added_token(s, &f->model, iter.value, id))
            return -1;
    }
    return 0;
}

/* Parse added_tokens_decoder of tokenizer_config.json, an object from id to object. */
static int parse_added_tokens_decoder(search *s, json_value map)
{
    const hf_folder *f = s->f;
    json_iter iter;

    json_iter_init(&iter, map);
    while (json_iter_next(&iter)) {
        char digits[32] = "";
        uint64_t id = 0;
        size_t bytes = json_string(iter.key, digits, sizeof digits - 1);
        int bad = bytes == 0 || bytes > 10;

        for (size_t i = 0; i < bytes && !bad; i++) {
            bad = digits[i] < '0' || digits[i] > '9';
            id = id * 10 + (uint64_t)(digits[i] - '0');
        }
        if (bad)
            return conv_fail(f->error, "%s: expected ids in added_tokens_decoder, found %s",
                             f->config.path, digits);
        if (add_added_token(s, &f->config, iter.value, id))
            return -1;
    }
    return 0;
}

/* ---- tokens that a file names --------------------------------------------------------------- */

/* The text of a special token, which is a string or an object with the string as its content. */
static json_value token_content(json_value value)
{
    json_value content;

    return hf_json_member(value, "content", &content) ? content : value;
}

/* Find a member of tokenizer_config.json, or of special_tokens_map.json where that one counts.
 * Returns 0 if neither file has it. */
static int find_named(const search *s, const char *name, json_value *value, const hf_json **where)
{
    if (s->map_counts && hf_json_member(s->f->map.root, name, value))
        *where = &s->f->map;
    else if (s->f->has_config && hf_json_member(s->f->config.root, name, value))
        *where = &s->f->config;
    else
        return 0;
    return 1;
}

/* Add a special token that a file names without an id. It may be beyond the vocabulary. */
static int add_named(search *s, const hf_json *json, json_value value, const char *name)
{
    char *content = hf_json_text(token_content(value), json, name, s->f->memory, s->f->error);
    uint32_t flags = DISTIL_BLOB_SPECIAL_SPECIAL;
    int64_t id;

    if (!content)
        return -1;
    id = find_token(s->t, content);
    if (id >= 0 && is_special(s->t, (uint32_t)id))
        return 0; /* a list of added tokens describes it, and that one counts */
    if (read_flags(s, json, value, content, &flags))
        return -1;
    if (id == NO_ID)
        id = append_token(s, json->path, content);
    if (id == NO_ID)
        return conv_fail(s->f->error,
                         "%s: special token %.64s of %s: expected a token with an embedding, found "
                         "none: the model has %u, so call resize_token_embeddings before saving it",
                         json->path, content, name, s->t->vocab_size);
    return id < 0 ? -1 : add_special(s->t, (uint32_t)id, flags, s->f->error);
}

/* Add the tokens of a list, or the values of an object. */
static int add_list(search *s, const hf_json *json, const char *name)
{
    json_value list;
    json_iter iter;

    if (!hf_json_member(json->root, name, &list))
        return 0;
    json_iter_init(&iter, list);
    while (json_iter_next(&iter))
        if (add_named(s, json, iter.value, name))
            return -1;
    return 0;
}

static int is_role(json_value key)
{
    static const char *const roles[] = {"unk_token", "cls_token", "sep_token", "pad_token",
                                        "mask_token"};

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (json_string_is(key, roles[i]))
            return 1;
    return 0;
}

/* Add the tokens without a role that a file names: bos_token, eos_token and, in version 5, any
 * other member whose name ends in _token; then those of the lists. */
static int add_others(search *s, const hf_json *json)
{
    static const char end[] = "_token";
    json_iter iter;
    json_value content;

    json_iter_init(&iter, json->root);
    while (json_iter_next(&iter)) {
        char name[64];
        size_t bytes = json_string(iter.key, name, sizeof name - 1);

        if (bytes >= sizeof name - 1 || bytes < sizeof end ||
            memcmp(name + bytes - (sizeof end - 1), end, sizeof end - 1) != 0)
            continue;
        name[bytes] = '\0';
        content = token_content(iter.value);
        if (content.type != JSON_STRING || is_role(iter.key) ||
            (s->f->older && strcmp(name, "bos_token") != 0 && strcmp(name, "eos_token") != 0))
            continue;
        if (add_named(s, json, iter.value, name))
            return -1;
    }
    return add_list(s, json, "extra_special_tokens") ||
           add_list(s, json, "additional_special_tokens");
}

/* ---- roles ---------------------------------------------------------------------------------- */

static const struct role {
    const char *name, *token;
    int required;
} roles[] = {{"unk_token", "[UNK]", 1},
             {"sep_token", "[SEP]", 1},
             {"pad_token", "[PAD]", 0},
             {"cls_token", "[CLS]", 1},
             {"mask_token", "[MASK]", 0}};
enum { UNK, SEP, PAD, CLS, MASK, ROLES };

/* Find the id of the token that plays a role, and add it to the special tokens. A classifier needs
 * neither padding nor masking, so these tokens may be missing. */
static int find_role(search *s, int64_t *id, const struct role *role)
{
    const hf_json *where;
    json_value value;
    const char *token = role->token;

    *id = NO_ID;
    if (find_named(s, role->name, &value, &where)) {
        if (add_named(s, where, value, role->name))
            return -1;
        token = hf_json_text(token_content(value), where, role->name, s->f->memory, s->f->error);
        *id = token ? find_token(s->t, token) : NO_ID;
        return token ? 0 : -1;
    }
    if (s->f->general)
        return 0; /* a general class has no tokens of its own */
    *id = find_token(s->t, token);
    if (*id == NO_ID && role->required)
        return conv_fail(s->f->error, "%s: expected the %s %.64s in the vocabulary, found none",
                         s->t->path, role->name, token);
    if (*id == NO_ID)
        *id = append_token(s, s->t->path, token);
    if (*id == NO_ID)
        return 0;
    return *id < 0 ? -1
                   : add_special(s->t, (uint32_t)*id, DISTIL_BLOB_SPECIAL_SPECIAL, s->f->error);
}

/* Replace the id of a role by that of the token that tokenizer.json names for it. */
static int set_from_model(search *s, int64_t *id, json_value value, const char *name)
{
    const char *token = hf_json_text(value, &s->f->model, name, s->f->memory, s->f->error);

    if (!token)
        return -1;
    *id = find_token(s->t, token);
    return 0;
}

static int find_roles(search *s)
{
    hf_tokenizer *t = s->t;
    const hf_folder *f = s->f;
    int64_t ids[ROLES];

    for (size_t i = 0; i < ROLES; i++)
        if (find_role(s, &ids[i], &roles[i]))
            return -1;
    if ((f->has_unk && set_from_model(s, &ids[UNK], f->unk, "model.unk_token")) ||
        (f->has_frame && (set_from_model(s, &ids[CLS], f->cls, "post_processor") ||
                          set_from_model(s, &ids[SEP], f->sep, "post_processor"))))
        return -1;
    for (size_t i = 0; i < ROLES; i++)
        if (ids[i] < 0 && roles[i].required)
            return conv_fail(f->error, "%s: expected the %s in the vocabulary, found none", t->path,
                             roles[i].name);
    t->unk_id = (uint32_t)ids[UNK];
    t->sep_id = (uint32_t)ids[SEP];
    t->cls_id = (uint32_t)ids[CLS];
    t->pad_id = ids[PAD] < 0 ? t->unk_id : (uint32_t)ids[PAD];
    t->mask_id = ids[MASK] < 0 ? t->unk_id : (uint32_t)ids[MASK];
    return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Returns nonzero if a file names the token for a role or in a list, so that added_tokens.json
 * means a special token by it. */
static int is_named(const search *s, json_value token)
{
    static const char *const lists[] = {"additional_special_tokens", "extra_special_tokens"};
    const hf_json *where;
    json_value value;
    json_iter iter;
    char content[256];
    size_t bytes = json_string(token, content, sizeof content - 1);

    if (bytes >= sizeof content - 1)
        return 0;
    content[bytes] = '\0';
    for (size_t i = 0; i < ROLES; i++)
        if (find_named(s, roles[i].name, &value, &where) &&
            json_string_is(token_content(value), content))
            return 1;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (!find_named(s, lists[i], &value, &where))
            continue;
        json_iter_init(&iter, value);
        while (json_iter_next(&iter))
            if (json_string_is(token_content(iter.value), content))
                return 1;
    }
    return 0;
}

/* Read added_tokens.json, an older form of added tokens: an object from token to id. Those that no
 * other file calls special are ordinary words that are matched before all others. */
static int read_added_tokens_file(search *s)
{
    const hf_folder *f = s->f;
    hf_json json;
    json_iter iter;
    int found =
        hf_json_open(&json, f->directory, "added_tokens.json", f->memory, f->record, f->error);

    if (found <= 0)
        return found;
    json_iter_init(&iter, json.root);
    while (json_iter_next(&iter)) {
        char *token = hf_json_text(iter.key, &json, "a token", f->memory, f->error);
        int64_t known = token ? find_token(s->t, token) : NO_ID;
        uint64_t id;

        if (!token)
            return -1;
        if (known >= 0 && is_special(s->t, (uint32_t)known))
            continue;
        if (!is_named(s, iter.key))
            return conv_fail(f->error,
                             "%s: added token %.64s: expected special tokens only, found one that "
                             "no other file names as special",
                             json.path, token);
        if (json_uint64(iter.value, &id))
            return conv_fail(f->error, "%s: expected a count as id of token %.64s", json.path,
                             token);
        if (add_listed(s, &json, token, id, DISTIL_BLOB_SPECIAL_SPECIAL))
            return -1;
    }
    return 0;
}

int hf_specials_find(hf_tokenizer *tokenizer, const hf_folder *f)
{
    search s = {.t = tokenizer, .f = f};
    json_value decoder;
    int has_decoder =
        f->has_config && hf_json_member(f->config.root, "added_tokens_decoder", &decoder);

    s.map_counts = f->has_map && !has_decoder;
    if (count_tokens(&s))
        return -1;
    if (f->has_model && !(f->rebuilt && has_decoder) && parse_added_tokens(&s))
        return -1;
    if (has_decoder ? parse_added_tokens_decoder(&s, decoder) : read_added_tokens_file(&s))
        return -1;
    if (find_roles(&s))
        return -1;
    if (f->has_config && add_others(&s, &f->config))
        return -1;
    return s.map_counts ? add_others(&s, &f->map) : 0;
}
