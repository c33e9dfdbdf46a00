/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a BERT tokenizer from vocab.txt or tokenizer.json, and the files that go with them. */
#include "tools/convert/hf_tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/utf8.h"
#include "tools/convert/hf_json.h"
#include "tools/convert/source_file.h"

enum { MAX_VOCAB_BYTES = 256 << 20, NO_ID = -1 };

/* The files of the folder besides vocab.txt, and where results go. */
typedef struct folder {
    const char *directory;
    hf_json config, map, model; /* tokenizer_config.json, special_tokens_map.json, tokenizer.json */
    int has_config, has_map, has_model;
    json_value unk, cls, sep; /* special tokens that tokenizer.json names */
    int has_unk, has_frame;   /* 1 if unk, or both cls and sep, are set */
    conv_memory *memory;
    conv_record *record;
    conv_error *error;
} folder;

/* ---- vocabulary ----------------------------------------------------------------------------- */

/* Decode the last code point of a UTF-8 text that is not empty, and set *length to its bytes. */
static uint32_t last_code_point(const char *text, size_t bytes, size_t *length)
{
    const uint8_t *begin = (const uint8_t *)text, *end = begin + bytes, *at = end - 1;

    while (at > begin && end - at < DISTIL_UTF8_MAX_BYTES && (*at & 0xc0) == 0x80)
        at--;
    *length = (size_t)(end - at);
    return distil_utf8_decode(&at, end);
}

static int is_white_space(uint32_t code)
{
    return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

size_t hf_trim_end(const char *text, size_t bytes)
{
    size_t length;

    while (bytes > 0 && is_white_space(last_code_point(text, bytes, &length)))
        bytes -= length;
    return bytes;
}

/* Set the token of an id. The text must live as long as the tokenizer. */
static int set_token(hf_tokenizer *t, uint64_t id, const char *token, size_t bytes,
                     conv_error *error)
{
    if (id >= t->vocab_size)
        return conv_fail(error,
                         "%s: token %.*s has id %llu: expected ids below vocab_size %u of "
                         "config.json; vocabulary and model do not belong together",
                         t->path, bytes < 64 ? (int)bytes : 64, token, (unsigned long long)id,
                         t->vocab_size);
    t->tokens[id] = token;
    t->token_bytes[id] = bytes;
    return 0;
}

/* Parse vocab.txt: each line is a token without the white space at its end, and the line's number
 * is its id. The tokens point into the text. */
static int parse_vocab_lines(hf_tokenizer *t, const char *text, size_t size, conv_error *error)
{
    const char *at = text;
    const char *end = text + size;
    uint64_t id = 0;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;

        if (set_token(t, id, at, hf_trim_end(at, (size_t)(stop - at)), error))
            return -1;
        id++;
        at = stop + 1;
    }
    if (id == 0)
        return conv_fail(error, "%s: expected a token a line, found an empty file", t->path);
    return 0;
}

static int check_utf8(const char *path, const char *text, size_t size, conv_error *error)
{
    size_t line = 1, valid = distil_utf8_valid_bytes(text, size);

    if (valid == size)
        return 0;
    for (size_t i = 0; i < valid; i++)
        line += text[i] == '\n';
    return conv_fail(error, "%s: line %zu: expected UTF-8, found byte 0x%02x at offset %zu", path,
                     line, (unsigned char)text[valid], valid);
}

/* Read vocab.txt. */
static int read_vocab_text(hf_tokenizer *t, const folder *f)
{
    conv_source source;
    char *text, *path;
    int result = -1;

    if (!conv_source_exists(f->directory, "vocab.txt"))
        return conv_fail(f->error, "%s: expected vocab.txt or tokenizer.json, found neither",
                         f->directory);
    if (conv_source_open(&source, f->directory, "vocab.txt", f->error))
        return -1;
    text = conv_source_read_all(&source, MAX_VOCAB_BYTES, f->error);
    path = conv_copy_text(f->memory, source.path, strlen(source.path), f->error);
    if (text && path) {
        size_t size = (size_t)source.bytes;
        char *kept = conv_copy_text(f->memory, text, size, f->error);

        t->path = path;
        if (kept && !check_utf8(path, kept, size, f->error) &&
            !conv_record_source(f->record, kept, size, "vocab.txt", f->error))
            result = parse_vocab_lines(t, kept, size, f->error);
    }
    free(text);
    conv_source_close(&source);
    return result;
}

/* Parse model.vocab of tokenizer.json, an object from token to id. */
static int parse_vocab_map(hf_tokenizer *t, json_value map, const folder *f)
{
    json_iter iter;
    char *text;

    if (map.type != JSON_OBJECT)
        return conv_fail(f->error, "%s: expected an object as model.vocab, found %s", t->path,
                         json_type_name(map.type));
    /* Decoded tokens are not longer than their JSON text, so together they fit in as many bytes. */
    text = conv_new(f->memory, map.bytes, 1, f->error);
    if (!text)
        return -1;
    json_iter_init(&iter, map);
    while (json_iter_next(&iter)) {
        size_t bytes = json_string(iter.key, text, iter.key.bytes);
        uint64_t id;
        char found[64];

        if (json_uint64(iter.value, &id))
            return conv_fail(f->error, "%s: expected a count as id of token %.*s, found %s",
                             t->path, bytes < 64 ? (int)bytes : 64, text,
                             hf_json_excerpt(found, iter.value));
        if (id < t->vocab_size && t->token_bytes[id] > 0)
            return conv_fail(f->error, "%s: expected each id once, found %llu for %.64s and %.*s",
                             t->path, (unsigned long long)id, t->tokens[id],
                             bytes < 64 ? (int)bytes : 64, text);
        if (set_token(t, id, text, bytes, f->error))
            return -1;
        text[bytes] = '\0';
        text += bytes + 1;
    }
    return 0;
}

/* ---- tokenizer.json ------------------------------------------------------------------------- */

/* Look up a component of tokenizer.json and check that its type is `first` or, if that is not NULL,
 * `second`. */
static int find_component(const hf_tokenizer *t, json_value root, const char *name,
                          const char *first, const char *second, json_value *component,
                          conv_error *error)
{
    json_value type;
    char found[64] = "none";

    if (hf_json_member(root, name, component) && hf_json_member(*component, "type", &type)) {
        if (json_string_is(type, first) || (second && json_string_is(type, second)))
            return 0;
        hf_json_excerpt(found, type);
    }
    return conv_fail(error, "%s: expected a %s of type %s%s%s, found %s", t->path, name, first,
                     second ? " or " : "", second ? second : "", found);
}

/* Parse the model of tokenizer.json, which has to be WordPiece. */
static int parse_model(hf_tokenizer *t, folder *f)
{
    json_value model, value;
    char found[64];

    if (find_component(t, f->model.root, "model", "WordPiece", NULL, &model, f->error))
        return -1;
    if (hf_json_member(model, "continuing_subword_prefix", &value) && !json_string_is(value, "##"))
        return conv_fail(f->error, "%s: expected \"##\" as continuing_subword_prefix, found %s",
                         t->path, hf_json_excerpt(found, value));
    if (hf_json_member(model, "max_input_chars_per_word", &value) &&
        hf_json_count(&t->max_word_chars, &f->model, model, "max_input_chars_per_word", 1,
                      DISTIL_BLOB_MAX_WORD_CHARS, f->error))
        return -1;
    f->has_unk = hf_json_member(model, "unk_token", &f->unk);
    if (!hf_json_member(model, "vocab", &value))
        return conv_fail(f->error, "%s: expected a model.vocab, found none", t->path);
    return parse_vocab_map(t, value, f);
}

/* Set *name to the id of the special token that is part n of a template. Returns 0 if that part is
 * none. */
static int template_token(json_value parts, size_t n, json_value *name)
{
    json_value part;
    json_iter iter;
    size_t i = 0;

    json_iter_init(&iter, parts);
    while (json_iter_next(&iter))
        if (i++ == n)
            return hf_json_member(iter.value, "SpecialToken", &part) &&
                   hf_json_member(part, "id", name);
    return 0;
}

/* Parse the post-processor of tokenizer.json, which names the tokens before and after a text ([CLS]
 * and [SEP]) in the form of a template or of BertProcessing. */
static int parse_post_processor(const hf_tokenizer *t, folder *f)
{
    json_value post, parts, part;
    json_iter iter;
    size_t count = 0;

    if (find_component(t, f->model.root, "post_processor", "TemplateProcessing", "BertProcessing",
                       &post, f->error))
        return -1;
    if (hf_json_member(post, "cls", &part) && hf_json_member(post, "sep", &parts)) {
        json_iter_init(&iter, part);
        f->has_frame = json_iter_next(&iter);
        f->cls = iter.value;
        json_iter_init(&iter, parts);
        f->has_frame &= json_iter_next(&iter);
        f->sep = iter.value;
    } else if (hf_json_member(post, "single", &parts)) {
        json_iter_init(&iter, parts);
        while (json_iter_next(&iter))
            count += count != 1 || hf_json_member(iter.value, "Sequence", &part);
        f->has_frame =
            count == 3 && template_token(parts, 0, &f->cls) && template_token(parts, 2, &f->sep);
    }
    if (!f->has_frame)
        return conv_fail(f->error,
                         "%s: expected a post_processor that puts one token before and one after a "
                         "text",
                         t->path);
    return 0;
}

/* The options of the normaliser. */
typedef struct options {
    int lowercase;
    int strip_accents; /* -1 if the folder does not say: then it is the same as lowercase */
    int chinese_chars;
} options;

/* Parse the normaliser of tokenizer.json. */
static int parse_normalizer(const hf_tokenizer *t, options *o, const folder *f)
{
    json_value normalizer;
    int clean = 1;

    if (find_component(t, f->model.root, "normalizer", "BertNormalizer", NULL, &normalizer,
                       f->error))
        return -1;
    if (hf_json_flag(&clean, &f->model, normalizer, "clean_text", f->error) ||
        hf_json_flag(&o->lowercase, &f->model, normalizer, "lowercase", f->error) ||
        hf_json_flag(&o->strip_accents, &f->model, normalizer, "strip_accents", f->error) ||
        hf_json_flag(&o->chinese_chars, &f->model, normalizer, "handle_chinese_chars", f->error))
        return -1;
    if (!clean)
        return conv_fail(f->error, "%s: expected true as normalizer.clean_text, found false",
                         t->path);
    return 0;
}

/* Override the options with those of tokenizer_config.json, and set the flags. */
static int set_flags(hf_tokenizer *t, options *o, const folder *f)
{
    if (f->has_config &&
        (hf_json_flag(&o->lowercase, &f->config, f->config.root, "do_lower_case", f->error) ||
         hf_json_flag(&o->strip_accents, &f->config, f->config.root, "strip_accents", f->error) ||
         hf_json_flag(&o->chinese_chars, &f->config, f->config.root, "tokenize_chinese_chars",
                      f->error)))
        return -1;
    if (o->strip_accents < 0)
        o->strip_accents = o->lowercase;
    t->flags = (o->lowercase ? DISTIL_BLOB_TOK_LOWERCASE : 0u) |
               (o->strip_accents ? DISTIL_BLOB_TOK_STRIP_ACCENTS : 0u) |
               (o->chinese_chars ? DISTIL_BLOB_TOK_CHINESE_CHARS : 0u);
    return 0;
}

/* ---- special tokens ------------------------------------------------------------------------- */

/* The greatest id of a token, as if the vocabulary were read line by line into a map; NO_ID if it
 * has no id. */
static int64_t find_token(const hf_tokenizer *t, const char *token, size_t bytes)
{
    for (uint32_t id = t->vocab_size; bytes > 0 && id-- > 0;)
        if (t->token_bytes[id] == bytes && memcmp(t->tokens[id], token, bytes) == 0)
            return id;
    return NO_ID;
}

/* Add an id to the ascending list of special tokens, if it is not in it. */
static int add_special(hf_tokenizer *t, uint32_t id, conv_error *error)
{
    size_t at = 0;

    while (at < t->special_count && t->specials[at] < id)
        at++;
    if (at < t->special_count && t->specials[at] == id)
        return 0;
    if (t->special_count == DISTIL_BLOB_MAX_SPECIALS)
        return conv_fail(error, "%s: expected at most %d special tokens", t->path,
                         DISTIL_BLOB_MAX_SPECIALS);
    memmove(t->specials + at + 1, t->specials + at,
            (t->special_count - at) * sizeof t->specials[0]);
    t->specials[at] = id;
    t->special_count++;
    return 0;
}

/* The text of a special token, which is a string or an object with the string as its content. */
static json_value token_content(json_value value)
{
    json_value content;

    return hf_json_member(value, "content", &content) ? content : value;
}

/* Find the token that the folder names for a role, and the file that names it. Returns 0 if none
 * does. The unknown, first and last tokens that tokenizer.json names have priority over those of
 * the other files. */
static int find_role(const folder *f, const char *role, json_value *content, const hf_json **where)
{
    if (f->has_unk && strcmp(role, "unk_token") == 0) {
        *where = &f->model;
        *content = f->unk;
    } else if (f->has_frame && (strcmp(role, "cls_token") == 0 || strcmp(role, "sep_token") == 0)) {
        *where = &f->model;
        *content = role[0] == 'c' ? f->cls : f->sep;
    } else if (f->has_config && hf_json_member(f->config.root, role, content)) {
        *where = &f->config;
    } else if (f->has_map && hf_json_member(f->map.root, role, content)) {
        *where = &f->map;
    } else {
        return 0;
    }
    *content = token_content(*content);
    return 1;
}

/* Find the ids of the five roles. A classifier needs neither padding nor masking, so if the
 * vocabulary lacks one of those tokens, its id is that of [UNK]. */
static int find_role_ids(hf_tokenizer *t, const folder *f)
{
    static const struct {
        const char *role, *token;
        int required;
    } roles[] = {{"unk_token", "[UNK]", 1},
                 {"cls_token", "[CLS]", 1},
                 {"sep_token", "[SEP]", 1},
                 {"pad_token", "[PAD]", 0},
                 {"mask_token", "[MASK]", 0}};
    uint32_t *const ids[] = {&t->unk_id, &t->cls_id, &t->sep_id, &t->pad_id, &t->mask_id};

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        const char *token = roles[i].token;
        const hf_json *where;
        json_value content;
        int64_t id;

        if (find_role(f, roles[i].role, &content, &where)) {
            token = hf_json_text(content, where, roles[i].role, f->memory, f->error);
            if (!token)
                return -1;
        }
        id = find_token(t, token, strlen(token));
        if (id == NO_ID && roles[i].required)
            return conv_fail(f->error, "%s: expected the %s %.64s in the vocabulary, found none",
                             t->path, roles[i].role, token);
        *ids[i] = id == NO_ID ? t->unk_id : (uint32_t)id;
        if (id != NO_ID && add_special(t, (uint32_t)id, f->error))
            return -1;
    }
    return 0;
}

/* Add the tokens that a file lists as additional_special_tokens, which the vocabulary must have. */
static int add_additional_specials(hf_tokenizer *t, const hf_json *json, const folder *f)
{
    json_value list;
    json_iter iter;

    if (!hf_json_member(json->root, "additional_special_tokens", &list))
        return 0;
    json_iter_init(&iter, list);
    while (json_iter_next(&iter)) {
        const char *token = hf_json_text(token_content(iter.value), json,
                                         "additional_special_tokens", f->memory, f->error);
        int64_t id = token ? find_token(t, token, strlen(token)) : NO_ID;

        if (!token)
            return -1;
        if (id == NO_ID)
            return conv_fail(f->error,
                             "%s: expected additional_special_tokens from the vocabulary, found "
                             "%.64s: tokens added to it cannot be converted",
                             json->path, token);
        if (add_special(t, (uint32_t)id, f->error))
            return -1;
    }
    return 0;
}

/*
 * Add a token that a file lists as an added token. It must be a special token that is matched in
 * the text exactly as it is written. If the vocabulary has no token for its id, it gets this one,
 * as in the reference library.
 */
static int add_added_token(hf_tokenizer *t, const hf_json *json, json_value token, uint64_t id,
                           const folder *f)
{
    static const char *const plain[] = {"single_word", "lstrip", "rstrip", "normalized"};
    json_value value;
    char *content;
    int special = 0;

    if (!hf_json_member(token, "content", &value))
        return conv_fail(f->error, "%s: added token %llu: expected a content, found none",
                         json->path, (unsigned long long)id);
    content = hf_json_text(value, json, "an added token's content", f->memory, f->error);
    if (!content || hf_json_flag(&special, json, token, "special", f->error))
        return -1;
    if (!special)
        return conv_fail(f->error,
                         "%s: added token %.64s: expected special tokens only, found special false",
                         json->path, content);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        int flag = 0;

        if (hf_json_flag(&flag, json, token, plain[i], f->error))
            return -1;
        if (flag)
            return conv_fail(f->error, "%s: added token %.64s: expected false as %s, found true",
                             json->path, content, plain[i]);
    }
    if (id < t->vocab_size && t->token_bytes[id] == 0 &&
        set_token(t, id, content, strlen(content), f->error))
        return -1;
    if (id >= t->vocab_size || t->token_bytes[id] != strlen(content) ||
        memcmp(t->tokens[id], content, strlen(content)) != 0)
        return conv_fail(f->error,
                         "%s: added token %.64s: expected it as id %llu of the vocabulary, found "
                         "%.*s",
                         json->path, content, (unsigned long long)id,
                         id < t->vocab_size && t->token_bytes[id] < 64 ? (int)t->token_bytes[id]
                         : id < t->vocab_size                          ? 64
                                                                       : 0,
                         id < t->vocab_size ? t->tokens[id] : "");
    return add_special(t, (uint32_t)id, f->error);
}

/* Parse added_tokens of tokenizer.json, an array of objects that have an id. */
static int parse_added_tokens(hf_tokenizer *t, const folder *f)
{
    json_value list;
    json_iter iter;

    if (!hf_json_member(f->model.root, "added_tokens", &list))
        return 0;
    json_iter_init(&iter, list);
    while (json_iter_next(&iter)) {
        uint32_t id;

        if (hf_json_count(&id, &f->model, iter.value, "id", 0, UINT32_MAX, f->error) ||
            add_added_token(t, &f->model, iter.value, id, f))
            return -1;
    }
    return 0;
}

/* Parse added_tokens_decoder of tokenizer_config.json, an object from id to object. */
static int parse_added_tokens_decoder(hf_tokenizer *t, const folder *f)
{
    json_value map;
    json_iter iter;

    if (!hf_json_member(f->config.root, "added_tokens_decoder", &map))
        return 0;
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
        if (add_added_token(t, &f->config, iter.value, id, f))
            return -1;
    }
    return 0;
}

/* Check added_tokens.json, an older form of added tokens: an object from token to id. The
 * vocabulary must have every token. */
static int check_added_tokens_file(const hf_tokenizer *t, const folder *f)
{
    hf_json json;
    json_iter iter;
    int found =
        hf_json_open(&json, f->directory, "added_tokens.json", f->memory, f->record, f->error);

    if (found <= 0)
        return found;
    json_iter_init(&iter, json.root);
    while (json_iter_next(&iter)) {
        char *token = hf_json_text(iter.key, &json, "a token", f->memory, f->error);

        if (!token)
            return -1;
        if (find_token(t, token, strlen(token)) == NO_ID)
            return conv_fail(f->error,
                             "%s: expected tokens of the vocabulary, found %.64s: tokens added to "
                             "it cannot be converted",
                             json.path, token);
    }
    return 0;
}

static int find_specials(hf_tokenizer *t, const folder *f)
{
    if (f->has_model && parse_added_tokens(t, f))
        return -1;
    if (f->has_config &&
        (parse_added_tokens_decoder(t, f) || add_additional_specials(t, &f->config, f)))
        return -1;
    if (f->has_map && add_additional_specials(t, &f->map, f))
        return -1;
    if (!f->has_model && check_added_tokens_file(t, f))
        return -1;
    return find_role_ids(t, f);
}

/* ---- folder --------------------------------------------------------------------------------- */

/* Read a file if it exists, which sets *has. Returns 0, or -1 with the error filled. */
static int open_json(hf_json *json, int *has, const folder *f, const char *name)
{
    *has = hf_json_open(json, f->directory, name, f->memory, f->record, f->error);
    return *has < 0 ? -1 : 0;
}

static int read_vocabulary(hf_tokenizer *t, options *o, folder *f)
{
    json_value component;

    if (!f->has_model)
        return read_vocab_text(t, f);
    t->path = f->model.path;
    if (parse_model(t, f) || parse_normalizer(t, o, f))
        return -1;
    if (find_component(t, f->model.root, "pre_tokenizer", "BertPreTokenizer", NULL, &component,
                       f->error))
        return -1;
    return parse_post_processor(t, f);
}

int hf_tokenizer_read(hf_tokenizer *tokenizer, const char *directory, uint32_t vocab_size,
                      conv_memory *memory, conv_record *record, conv_error *error)
{
    folder f = {.directory = directory, .memory = memory, .record = record, .error = error};
    options o = {1, -1, 1};

    memset(tokenizer, 0, sizeof *tokenizer);
    tokenizer->vocab_size = vocab_size;
    tokenizer->max_word_chars = 100;
    tokenizer->tokens = conv_new(memory, vocab_size, sizeof tokenizer->tokens[0], error);
    tokenizer->token_bytes = conv_new(memory, vocab_size, sizeof tokenizer->token_bytes[0], error);
    if (!tokenizer->tokens || !tokenizer->token_bytes)
        return -1;
    for (uint32_t id = 0; id < vocab_size; id++)
        tokenizer->tokens[id] = "";
    if (open_json(&f.model, &f.has_model, &f, "tokenizer.json") ||
        open_json(&f.config, &f.has_config, &f, "tokenizer_config.json") ||
        open_json(&f.map, &f.has_map, &f, "special_tokens_map.json"))
        return -1;
    if (read_vocabulary(tokenizer, &o, &f) || set_flags(tokenizer, &o, &f))
        return -1;
    return find_specials(tokenizer, &f);
}
