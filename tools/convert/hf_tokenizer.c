/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a BERT tokenizer from vocab.txt or tokenizer.json, and the files that go with them. */
#include "tools/convert/hf_tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "runtime/base/json.h"
#include "runtime/base/utf8.h"
#include "tools/convert/hf_json.h"
#include "tools/convert/hf_specials.h"
#include "tools/convert/source_file.h"

enum { MAX_VOCAB_BYTES = 256 << 20 };

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

int hf_set_token(hf_tokenizer *t, uint64_t id, const char *token, size_t bytes, conv_error *error)
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

        if (hf_set_token(t, id, at, hf_trim_end(at, (size_t)(stop - at)), error))
            return -1;
        id++;
        at = stop + 1;
    }
    t->entries = (uint32_t)id;
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
static int read_vocab_text(hf_tokenizer *t, const hf_folder *f)
{
    conv_source source;
    char *text, *path;
    int result = -1;

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
static int parse_vocab_map(hf_tokenizer *t, json_value map, const hf_folder *f)
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
        if (hf_set_token(t, id, text, bytes, f->error))
            return -1;
        text[bytes] = '\0';
        text += bytes + 1;
        t->entries++;
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

/* Replace a component of type Sequence by its only part, if it has one part only. `list` is the
 * name of the member that holds the parts. Returns 1 if it did. */
static int unwrap_sequence(json_value *component, const char *list)
{
    json_value type, parts, first;
    json_iter iter;

    if (!hf_json_member(*component, "type", &type) || !json_string_is(type, "Sequence") ||
        !hf_json_member(*component, list, &parts) || parts.type != JSON_ARRAY)
        return 0;
    json_iter_init(&iter, parts);
    if (!json_iter_next(&iter))
        return 0;
    first = iter.value;
    if (json_iter_next(&iter))
        return 0;
    *component = first;
    return 1;
}

/* Check that a normalizer or pre-tokenizer, perhaps alone in a Sequence, has the type. *wrapped
 * becomes 1 if it is in a Sequence, else 0. */
static int find_step(const hf_tokenizer *t, const hf_folder *f, const char *name, const char *list,
                     const char *expected, json_value *step, int *wrapped)
{
    json_value type;
    char found[64] = "none";

    *wrapped = 0;
    if (hf_json_member(f->model.root, name, step)) {
        *wrapped = unwrap_sequence(step, list);
        if (hf_json_member(*step, "type", &type)) {
            if (json_string_is(type, expected))
                return 0;
            hf_json_excerpt(found, type);
        }
    }
    return conv_fail(f->error, "%s: expected a %s of type %s, found %s", t->path, name, expected,
                     found);
}

/* Check the type of the model. Files of tokenizers before 0.10 do not name it: then the model is a
 * WordPiece if it has the members that only a WordPiece has. */
static int find_model(const hf_tokenizer *t, const hf_folder *f, json_value *model)
{
    json_value value;

    if (hf_json_member(f->model.root, "model", model) && !hf_json_member(*model, "type", &value) &&
        hf_json_member(*model, "continuing_subword_prefix", &value) &&
        hf_json_member(*model, "max_input_chars_per_word", &value) &&
        hf_json_member(*model, "unk_token", &value) && !hf_json_member(*model, "merges", &value))
        return 0;
    return find_component(t, f->model.root, "model", "WordPiece", NULL, model, f->error);
}

/* Parse the model of tokenizer.json, which has to be WordPiece. A class of version 5 that rebuilds
 * the tokenizer reads only the vocabulary. */
static int parse_model(hf_tokenizer *t, hf_folder *f)
{
    json_value model, value;
    char found[64];

    if (find_model(t, f, &model))
        return -1;
    if (!f->rebuilt) {
        if (hf_json_member(model, "continuing_subword_prefix", &value) &&
            !json_string_is(value, "##"))
            return conv_fail(f->error, "%s: expected \"##\" as continuing_subword_prefix, found %s",
                             t->path, hf_json_excerpt(found, value));
        if (hf_json_member(model, "max_input_chars_per_word", &value) &&
            hf_json_count(&t->max_word_chars, &f->model, model, "max_input_chars_per_word", 1,
                          DISTIL_BLOB_MAX_WORD_CHARS, f->error))
            return -1;
        f->has_unk = hf_json_member(model, "unk_token", &f->unk);
    }
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
static int parse_post_processor(const hf_tokenizer *t, hf_folder *f)
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

/* Parse the normaliser of tokenizer.json. Its options count where tokenizer.json alone decides.
 * BertTokenizerFast of version 4 replaces the options of a BertNormalizer by its own, but not those
 * of a BertNormalizer within a Sequence, which it does not look into. */
static int parse_normalizer(const hf_tokenizer *t, options *o, hf_folder *f)
{
    options found = {1, -1, 1};
    json_value step;
    int clean = 1, wrapped;

    if (find_step(t, f, "normalizer", "normalizers", "BertNormalizer", &step, &wrapped) ||
        hf_json_flag(&clean, &f->model, step, "clean_text", f->error) ||
        hf_json_flag(&found.lowercase, &f->model, step, "lowercase", f->error) ||
        hf_json_flag(&found.strip_accents, &f->model, step, "strip_accents", f->error) ||
        hf_json_flag(&found.chinese_chars, &f->model, step, "handle_chinese_chars", f->error))
        return -1;
    if (!clean)
        return conv_fail(f->error, "%s: expected true as normalizer.clean_text, found false",
                         t->path);
    f->json_options |= wrapped;
    if (f->json_options)
        *o = found;
    return 0;
}

/* Read the options of tokenizer_config.json if they count, and set the flags. */
static int set_flags(hf_tokenizer *t, options *o, const hf_folder *f)
{
    if (f->has_config && !f->json_options &&
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

/* ---- limits --------------------------------------------------------------------------------- */

/* Read the most tokens that transformers lets a text have: model_max_length or, from old folders,
 * max_len. Without either, or with the huge number that stands for none, it is what the model has
 * positions for. */
static int set_max_tokens(hf_tokenizer *t, const hf_folder *f, uint32_t positions)
{
    const char *name = "model_max_length";
    json_value value;
    double most;
    char found[64];

    t->max_tokens = positions;
    if (f->has_config && (hf_json_member(f->config.root, name, &value) ||
                          hf_json_member(f->config.root, name = "max_len", &value))) {
        if (json_double(value, &most) || most < (double)DISTIL_BLOB_MIN_TOKENS)
            return conv_fail(f->error, "%s: expected at least %d as %s, found %s", f->config.path,
                             DISTIL_BLOB_MIN_TOKENS, name, hf_json_excerpt(found, value));
        if (most < positions)
            t->max_tokens = (uint32_t)most;
    }
    if (t->max_tokens > DISTIL_ATTENTION_MAX_ROWS)
        return conv_fail(f->error,
                         "%s: expected texts of at most %d tokens, found max_position_embeddings "
                         "%u: to cut longer texts, write \"model_max_length\": %d in its "
                         "tokenizer_config.json",
                         f->directory, DISTIL_ATTENTION_MAX_ROWS, positions,
                         DISTIL_ATTENTION_MAX_ROWS);
    return 0;
}

/* Read which end of a text that is too long is cut off: tokenizer_config.json says so, else the
 * section truncation of tokenizer.json. Read, too, whether special tokens in a text are text. */
static int set_text_flags(hf_tokenizer *t, const hf_folder *f)
{
    json_value side, section;
    int split = 0;

    if (f->has_config &&
        hf_json_flag(&split, &f->config, f->config.root, "split_special_tokens", f->error))
        return -1;
    t->flags |= split ? DISTIL_BLOB_TOK_SPLIT_SPECIALS : 0u;
    if (!(f->has_config && hf_json_member(f->config.root, "truncation_side", &side)) &&
        !(f->has_model && hf_json_member(f->model.root, "truncation", &section) &&
          hf_json_member(section, "direction", &side)))
        return 0;
    if (json_string_is(side, "left") || json_string_is(side, "Left"))
        t->flags |= DISTIL_BLOB_TOK_TRUNCATE_LEFT;
    return 0;
}

/* ---- folder --------------------------------------------------------------------------------- */

/* Read a file if it exists, which sets *has. Returns 0, or -1 with the error filled. */
static int open_json(hf_json *json, int *has, const hf_folder *f, const char *name)
{
    *has = hf_json_open(json, f->directory, name, f->memory, f->record, f->error);
    return *has < 0 ? -1 : 0;
}

static int read_vocabulary(hf_tokenizer *t, options *o, hf_folder *f)
{
    json_value step;
    int wrapped;

    if (!f->has_model)
        return read_vocab_text(t, f);
    t->path = f->model.path;
    if (parse_model(t, f))
        return -1;
    if (f->rebuilt)
        return 0;
    if (parse_normalizer(t, o, f) ||
        find_step(t, f, "pre_tokenizer", "pretokenizers", "BertPreTokenizer", &step, &wrapped))
        return -1;
    return parse_post_processor(t, f);
}

/* Refuse a folder whose tokenizer is of another kind, or that has none, with a message that names
 * what it has. */
static int check_tokenizer_files(const hf_folder *f)
{
    static const struct {
        const char *file, *kind;
    } others[] = {
        {"spiece.model", "SentencePiece"},
        {"sentencepiece.bpe.model", "SentencePiece"},
        {"tokenizer.model", "SentencePiece"},
        {"merges.txt", "byte-pair (RoBERTa's or GPT-2's)"},
        {"vocab.json", "byte-pair (RoBERTa's or GPT-2's)"},
    };

    if (f->has_model || conv_source_exists(f->directory, "vocab.txt"))
        return 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (conv_source_exists(f->directory, others[i].file))
            return conv_fail(f->error,
                             "%s: expected vocab.txt or tokenizer.json, found %s, a %s vocabulary: "
                             "only WordPiece tokenizers can be converted",
                             f->directory, others[i].file, others[i].kind);
    return conv_fail(f->error,
                     "%s: expected vocab.txt or tokenizer.json, found neither: the model was saved "
                     "without its tokenizer. Save that of the model it was trained from, in "
                     "Python: AutoTokenizer.from_pretrained(base).save_pretrained(dir)",
                     f->directory);
}

/* Set which file decides, by the class of the tokenizer and the version that saved the folder. */
static int set_rules(hf_folder *f, const hf_config *config)
{
    static const char *const bert[] = {"DistilBertTokenizer", "DistilBertTokenizerFast",
                                       "BertTokenizer", "BertTokenizerFast"};
    static const char *const backend[] = {"PreTrainedTokenizerFast", "TokenizersBackend"};
    const char *class_name = config->tokenizer_class, *path = config->path;
    json_value value;
    int is_bert = 0;

    if (f->has_config && hf_json_member(f->config.root, "tokenizer_class", &value)) {
        path = f->config.path;
        class_name = hf_json_text(value, &f->config, "tokenizer_class", f->memory, f->error);
        if (!class_name)
            return -1;
    }
    for (size_t i = 0; i < sizeof backend / sizeof backend[0]; i++)
        f->general |= class_name && strcmp(class_name, backend[i]) == 0;
    for (size_t i = 0; i < sizeof bert / sizeof bert[0]; i++)
        is_bert |= !class_name || strcmp(class_name, bert[i]) == 0;
    f->older = config->transformers_major < 5;
    f->rebuilt = is_bert && !f->older;
    f->json_options = f->general;
    if (!is_bert && !f->general)
        return conv_fail(f->error,
                         "%s: expected DistilBertTokenizer or BertTokenizer as tokenizer_class, "
                         "found %.64s: transformers would tokenize by that class; if the tokenizer "
                         "is BERT's WordPiece, write \"DistilBertTokenizer\" there",
                         path, class_name);
    if (f->general && !f->has_model)
        return conv_fail(f->error,
                         "%s: expected a tokenizer.json beside it, since tokenizer_class is %s, "
                         "found none",
                         path, class_name);
    return 0;
}

int hf_tokenizer_read(hf_tokenizer *tokenizer, const char *directory, const hf_config *config,
                      conv_memory *memory, conv_record *record, conv_error *error)
{
    uint32_t vocab_size = config->vocab_size;
    hf_folder f = {.directory = directory, .memory = memory, .record = record, .error = error};
    options o = {1, -1, 1};

    memset(tokenizer, 0, sizeof *tokenizer);
    tokenizer->vocab_size = vocab_size;
    tokenizer->max_word_chars = 100;
    tokenizer->specials =
        conv_new(memory, DISTIL_BLOB_MAX_SPECIALS, sizeof tokenizer->specials[0], error);
    tokenizer->tokens = conv_new(memory, vocab_size, sizeof tokenizer->tokens[0], error);
    tokenizer->token_bytes = conv_new(memory, vocab_size, sizeof tokenizer->token_bytes[0], error);
    if (!tokenizer->specials || !tokenizer->tokens || !tokenizer->token_bytes)
        return -1;
    for (uint32_t id = 0; id < vocab_size; id++)
        tokenizer->tokens[id] = "";
    if (open_json(&f.model, &f.has_model, &f, "tokenizer.json") ||
        open_json(&f.config, &f.has_config, &f, "tokenizer_config.json") ||
        open_json(&f.map, &f.has_map, &f, "special_tokens_map.json"))
        return -1;
    if (check_tokenizer_files(&f) || set_rules(&f, config) || read_vocabulary(tokenizer, &o, &f) ||
        set_flags(tokenizer, &o, &f) || set_max_tokens(tokenizer, &f, config->max_positions) ||
        set_text_flags(tokenizer, &f))
        return -1;
    return hf_specials_find(tokenizer, &f);
}
