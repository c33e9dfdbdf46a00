/* SPDX-License-Identifier: Apache-2.0 */
/* The table and the three calls on it; see serve_store.h. */
#include "tools/serve/serve_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "tools/serve/serve_expression.h"
#include "tools/serve/serve_number.h"

enum { NAME_BYTES = SERVE_WORD_BYTES, NUMBER_BYTES = SERVE_NUMBER_BYTES };

/* An attribute of an item, in one allocation. */
typedef struct attribute {
    char type;   /* 'S', 'N', 'B' for BOOL, '0' for NULL, 'M' for a map */
    size_t size; /* the size of text, without its NUL */
    char *text;  /* the decoded value, which lies behind the name */
    char name[];
} attribute;

typedef struct item {
    attribute *attributes[SERVE_STORE_ATTRIBUTES];
    size_t count, bytes; /* bytes of all names and values */
    unsigned changes;    /* calls of UpdateItem that have changed the item */
} item;

struct serve_store {
    const char *table;
    int pending;
    item **slots;      /* hash table with open addressing; NULL in a free slot */
    size_t slot_count; /* a power of two */
    serve_store_counts counts;
};

/* A call that is being carried out. */
typedef struct call {
    serve_store *store;
    json_value root;
    buffer *answer;
    int status; /* HTTP status of the error; 0 if there is none yet */
    int condition_failed;
} call;

/* ---- errors ---------------------------------------------------------------------------------- */

void serve_store_error(buffer *answer, const char *type, const char *message)
{
    buffer_clear(answer);
    buffer_text(answer, "{\"__type\":\"");
    buffer_text(answer, strcmp(type, "ValidationException") == 0
                            ? "com.amazon.coral.validate#"
                            : "com.amazonaws.dynamodb.v20120810#");
    buffer_text(answer, type);
    buffer_text(answer, "\",\"message\":");
    buffer_json_text(answer, message);
    buffer_char(answer, '}');
}

/* Make an error the answer of the call, unless there is one already. Returns NULL, so that a caller
 * can return the value at once. */
static void *refuse(call *c, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void *refuse(call *c, const char *type, const char *format, ...)
{
    char message[768];
    va_list arguments;

    if (c->status != 0)
        return NULL;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    serve_store_error(c->answer, type, message);
    c->status = strcmp(type, "InternalServerError") == 0 ? 500 : 400;
    return NULL;
}

static void *no_memory(call *c)
{
    return refuse(c, "InternalServerError", "out of memory");
}

/* ---- attributes ------------------------------------------------------------------------------ */

/* Make an attribute from a JSON value. Returns NULL after an error. */
static attribute *attribute_new(call *c, const char *name, char type, json_value value)
{
    size_t name_size = strlen(name) + 1, most = value.bytes + NUMBER_BYTES;
    attribute *a = malloc(sizeof *a + name_size + most);
    char normal[NUMBER_BYTES];

    if (a == NULL)
        return no_memory(c);
    a->type = type;
    memcpy(a->name, name, name_size);
    a->text = a->name + name_size;
    a->size = value.type == JSON_STRING ? json_string(value, a->text, most - 1) : value.bytes;
    if (value.type != JSON_STRING)
        memcpy(a->text, value.text, value.bytes);
    a->text[a->size] = '\0';
    if (type == 'N') {
        if (serve_number_normalize(normal, a->text) != 0) {
            free(a);
            return refuse(c, "ValidationException",
                          "The parameter cannot be converted to a numeric value");
        }
        a->size = strlen(normal);
        memcpy(a->text, normal, a->size + 1);
    }
    return a;
}

/* Returns 1 if the members of a map are numbers, each {"N":"number"}. */
static int is_map_of_numbers(json_value map)
{
    json_iter i;

    json_iter_init(&i, map);
    while (json_iter_next(&i)) {
        char text[NUMBER_BYTES], normal[NUMBER_BYTES];
        json_value number;
        size_t size;

        if (!json_get(i.value, "N", &number) || number.type != JSON_STRING)
            return 0;
        size = json_string(number, text, sizeof text - 1);
        if (size >= sizeof text)
            return 0;
        text[size] = '\0';
        if (serve_number_normalize(normal, text) != 0)
            return 0;
    }
    return 1;
}

/* Make an attribute from a typed value such as {"S":"text"}. A map keeps the text of its JSON.
 * Returns NULL after an error. */
static attribute *attribute_read(call *c, const char *name, json_value typed)
{
    static const struct {
        const char *key;
        char type;
        json_type a, b;
    } types[] = {{"S", 'S', JSON_STRING, JSON_STRING},
                 {"N", 'N', JSON_STRING, JSON_STRING},
                 {"BOOL", 'B', JSON_TRUE, JSON_FALSE},
                 {"NULL", '0', JSON_TRUE, JSON_TRUE},
                 {"M", 'M', JSON_OBJECT, JSON_OBJECT}};
    json_iter members;

    json_iter_init(&members, typed);
    if (typed.type == JSON_OBJECT && json_iter_next(&members)) {
        json_iter only = members;

        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (json_string_is(only.key, types[i].key) && !json_iter_next(&members) &&
                (only.value.type == types[i].a || only.value.type == types[i].b) &&
                (types[i].type != 'M' || is_map_of_numbers(only.value)))
                return attribute_new(c, name, types[i].type, only.value);
    }
    return refuse(
        c, "ValidationException",
        "Supplied AttributeValue of %s is not one of {\"S\":text}, {\"N\":\"number\"}, "
        "{\"BOOL\":..}, {\"NULL\":true}, {\"M\":{..}} of numbers, which is all this stand-in "
        "knows",
        name);
}

static int attribute_same(const attribute *a, const attribute *b)
{
    return a->type == b->type && a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

static void attribute_write(buffer *out, const attribute *a)
{
    buffer_json_text(out, a->name);
    if (a->type == 'S' || a->type == 'N') {
        buffer_format(out, ":{\"%c\":", a->type);
        buffer_json(out, a->text, a->size);
    } else {
        buffer_text(out, a->type == 'B'   ? ":{\"BOOL\":"
                         : a->type == 'M' ? ":{\"M\":"
                                          : ":{\"NULL\":");
        buffer_add(out, a->text, a->size);
    }
    buffer_char(out, '}');
}

/* ---- items ----------------------------------------------------------------------------------- */

static void item_free(item *it)
{
    for (size_t i = 0; it != NULL && i < it->count; i++)
        free(it->attributes[i]);
    free(it);
}

static attribute *item_find(const item *it, const char *name)
{
    for (size_t i = 0; it != NULL && i < it->count; i++)
        if (strcmp(it->attributes[i]->name, name) == 0)
            return it->attributes[i];
    return NULL;
}

/* Set an attribute, which the item then owns or which is freed; NULL counts as an error. Returns 1
 * if the item has changed, 0 if it had this attribute before, -1 after an error. */
static int item_set(call *c, item *it, attribute *a)
{
    size_t at = 0, grown;

    if (a == NULL)
        return -1;
    while (at < it->count && strcmp(it->attributes[at]->name, a->name) != 0)
        at++;
    if (at < it->count && attribute_same(it->attributes[at], a)) {
        free(a);
        return 0;
    }
    grown = it->bytes + strlen(a->name) + a->size;
    if (at == SERVE_STORE_ATTRIBUTES || grown > SERVE_STORE_ITEM_BYTES) {
        free(a);
        (void)refuse(c, "ValidationException", "Item size has exceeded the maximum allowed size");
        return -1;
    }
    if (at < it->count) {
        grown -= strlen(a->name) + it->attributes[at]->size;
        free(it->attributes[at]);
    } else {
        it->count++;
    }
    it->attributes[at] = a;
    it->bytes = grown;
    return 1;
}

/* Make an item from the members of an object. Returns NULL after an error. */
static item *item_read(call *c, json_value object)
{
    item *it = calloc(1, sizeof *it);
    json_iter members;

    if (it == NULL)
        return no_memory(c);
    json_iter_init(&members, object);
    while (c->status == 0 && json_iter_next(&members)) {
        char name[NAME_BYTES];
        size_t size = json_string(members.key, name, sizeof name - 1);

        if (size == 0 || size >= sizeof name) {
            (void)refuse(c, "ValidationException", "an attribute's name of no or too many bytes");
        } else {
            name[size] = '\0';
            (void)item_set(c, it, attribute_read(c, name, members.value));
        }
    }
    if (c->status == 0)
        return it;
    item_free(it);
    return NULL;
}

static void item_write(buffer *out, const item *it)
{
    buffer_char(out, '{');
    for (size_t i = 0; i < it->count; i++) {
        if (i > 0)
            buffer_char(out, ',');
        attribute_write(out, it->attributes[i]);
    }
    buffer_char(out, '}');
}

/* ---- the table ------------------------------------------------------------------------------- */

static int same_key(const item *a, const item *b)
{
    return attribute_same(item_find(a, "source_id"), item_find(b, "source_id")) &&
           attribute_same(item_find(a, "timestamp"), item_find(b, "timestamp"));
}

/* Continue an FNV-1a hash with the value of an attribute. */
static uint64_t hash_bytes(uint64_t hash, const attribute *a)
{
    /* The NUL is hashed too. Otherwise the keys "a", "bc" and "ab", "c" would have one hash. */
    for (size_t i = 0; i <= a->size; i++)
        hash = (hash ^ (unsigned char)a->text[i]) * 0x100000001b3U;
    return hash;
}

/* Returns the slot of the item with this key, or the free slot where it belongs. */
static size_t find_slot(const serve_store *s, const item *key)
{
    uint64_t hash = 0xcbf29ce484222325U;
    size_t at;

    hash = hash_bytes(hash, item_find(key, "source_id"));
    hash = hash_bytes(hash, item_find(key, "timestamp"));
    at = (size_t)(hash ^ (hash >> 32)) & (s->slot_count - 1);
    while (s->slots[at] != NULL && !same_key(s->slots[at], key))
        at = (at + 1) & (s->slot_count - 1);
    return at;
}

/* Double the number of slots if two thirds are in use. Returns 0, or -1 if there is no memory. */
static int grow_table(serve_store *s)
{
    serve_store larger = *s;

    if (s->counts.items * 3 < s->slot_count * 2)
        return 0;
    larger.slot_count = s->slot_count * 2;
    larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
    if (larger.slots == NULL)
        return -1;
    for (size_t i = 0; i < s->slot_count; i++)
        if (s->slots[i] != NULL)
            larger.slots[find_slot(&larger, s->slots[i])] = s->slots[i];
    free(s->slots);
    *s = larger;
    return 0;
}

/* Put an item, which the store then owns or which is freed. Returns 0, or -1 after an error. */
static int insert_item(call *c, item *it)
{
    serve_store *s = c->store;
    size_t at = find_slot(s, it);

    if (s->slots[at] == NULL) {
        if (s->counts.items == SERVE_STORE_ITEMS || grow_table(s) != 0) {
            item_free(it);
            (void)refuse(c, "LimitExceededException", "this stand-in holds %d items",
                         SERVE_STORE_ITEMS);
            return -1;
        }
        at = find_slot(s, it);
        s->counts.items++;
    } else {
        item_free(s->slots[at]);
    }
    s->slots[at] = it;
    return 0;
}

serve_store *serve_store_new(const char *table, int pending)
{
    serve_store *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->table = table;
    s->pending = pending;
    s->slot_count = 1024;
    s->slots = calloc(s->slot_count, sizeof *s->slots);
    if (s->slots == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

void serve_store_free(serve_store *s)
{
    for (size_t i = 0; s != NULL && i < s->slot_count; i++)
        item_free(s->slots[i]);
    if (s != NULL)
        free(s->slots);
    free(s);
}

serve_store_counts serve_store_count(const serve_store *s)
{
    return s->counts;
}

/* ---- expressions ----------------------------------------------------------------------------- */

/* An expression and, for each of its terms, the attribute that its placeholders stand for. */
typedef struct terms {
    serve_expression expression;
    attribute *resolved[SERVE_TERMS];
    size_t count;
} terms;

static void terms_free(terms *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->resolved[i]);
}

/* Replace the placeholders of a term, and append the attribute. */
static void resolve(call *c, terms *t, const serve_term *term, json_value names, json_value values)
{
    char name[NAME_BYTES];
    json_value found;
    size_t size;

    (void)snprintf(name, sizeof name, "%s", term->path);
    if (term->path[0] == '#') {
        size = json_get(names, term->path, &found) ? json_string(found, name, sizeof name - 1) : 0;
        if (size == 0 || size >= sizeof name) {
            (void)refuse(c, "ValidationException",
                         "An expression attribute name used in the document path is not defined; "
                         "attribute name: %s",
                         term->path);
            return;
        }
        name[size] = '\0';
    }
    if (!json_get(values, term->value, &found)) {
        (void)refuse(c, "ValidationException",
                     "An expression attribute value used in expression is not defined; attribute "
                     "value: %s",
                     term->value);
        return;
    }
    t->resolved[t->count] = attribute_read(c, name, found);
    t->count += t->resolved[t->count] != NULL;
}

/* Parse the member `name` of the request as an expression and resolve its terms. An absent member
 * is an expression without terms. A mistake becomes the error of the call. */
static void read_expression(call *c, terms *t, const char *name,
                            int (*parse)(serve_expression *, const char *, size_t),
                            json_value names, json_value values)
{
    char text[SERVE_EXPRESSION_BYTES + 1];
    json_value member;
    size_t size;

    memset(t, 0, sizeof *t);
    if (!json_get(c->root, name, &member) || c->status != 0)
        return;
    size = json_string(member, text, sizeof text);
    if (size == 0 || size > SERVE_EXPRESSION_BYTES || parse(&t->expression, text, size) != 0) {
        (void)refuse(c, "ValidationException",
                     "Invalid %s: Syntax error; near: \"%s\" (this stand-in knows SET a = :a, ... "
                     "and a = :a AND ... OR ... only)",
                     name, t->expression.near);
        return;
    }
    for (size_t i = 0; i < t->expression.count && c->status == 0; i++)
        resolve(c, t, &t->expression.terms[i], names, values);
}

/* Returns 1 if a term of the expression names the placeholder. */
static int uses(const serve_expression *e, json_value placeholder)
{
    for (size_t i = 0; i < e->count; i++)
        if (json_string_is(placeholder, e->terms[i].path) ||
            json_string_is(placeholder, e->terms[i].value))
            return 1;
    return 0;
}

/* Check that every declared placeholder is used, and that a member that declares placeholders is
 * not empty. */
static void check_placeholders(call *c, const char *name, json_value placeholders, const terms *a,
                               const terms *b)
{
    size_t count = 0;
    json_iter members;

    json_iter_init(&members, placeholders);
    for (; json_iter_next(&members); count++)
        if (!uses(&a->expression, members.key) && !uses(&b->expression, members.key))
            (void)refuse(c, "ValidationException",
                         "Value provided in %s unused in expressions: keys: {%.*s}", name,
                         (int)(members.key.bytes < 64 ? members.key.bytes : 64), members.key.text);
    if (placeholders.type == JSON_OBJECT && count == 0)
        (void)refuse(c, "ValidationException", "%s must not be empty", name);
}

/* ---- the calls ------------------------------------------------------------------------------- */

/* Read an item from a member of the request. Its key must consist of two strings that are not
 * empty; unless whole_item is 1, the item must have no other attribute. Returns NULL after an
 * error. */
static item *read_key(call *c, const char *member, int whole_item)
{
    json_value object;
    const attribute *id, *time;
    item *key;

    if (!json_get(c->root, member, &object) || object.type != JSON_OBJECT)
        return refuse(c, "ValidationException", "The member %s is missing", member);
    key = item_read(c, object);
    if (key == NULL)
        return NULL;
    id = item_find(key, "source_id");
    time = item_find(key, "timestamp");
    if (id != NULL && time != NULL && id->type == 'S' && time->type == 'S' && id->size > 0 &&
        time->size > 0 && (whole_item || key->count == 2))
        return key;
    item_free(key);
    return refuse(c, "ValidationException", "The provided key element does not match the schema");
}

/* Put a new item with the attributes of a key. Returns NULL after an error. */
static item *insert_key(call *c, const item *key)
{
    item *it = calloc(1, sizeof *it);

    for (size_t i = 0; it != NULL && i < key->count; i++) {
        const attribute *a = key->attributes[i];
        size_t bytes = sizeof *a + strlen(a->name) + 1 + a->size + 1;
        attribute *same = malloc(bytes);

        if (same == NULL) {
            item_free(it);
            return no_memory(c);
        }
        memcpy(same, a, bytes);
        same->text = same->name + strlen(a->name) + 1;
        (void)item_set(c, it, same);
    }
    if (it == NULL)
        return no_memory(c);
    return insert_item(c, it) == 0 ? it : NULL;
}

/* Find the item with this key. If it is absent and the store has pending = 1, it is put as pending.
 * Returns NULL if there is no item. */
static item *find_item(call *c, const item *key)
{
    static const char pending[] = "\"pending\"";
    const json_value text = {.type = JSON_STRING, .text = pending, .bytes = sizeof pending - 1};
    item *it = c->store->slots[find_slot(c->store, key)];

    if (it != NULL || !c->store->pending)
        return it;
    it = insert_key(c, key);
    if (it != NULL)
        (void)item_set(c, it, attribute_new(c, "status", 'S', text));
    return it;
}

/* Returns 1 if a condition holds: it has no terms, or the item fulfils all terms of a group. OR
 * separates groups. */
static int holds(const terms *condition, const item *it)
{
    int any = 0, all = 1;

    for (size_t i = 0; i < condition->count; i++) {
        const attribute *a = item_find(it, condition->resolved[i]->name);

        if (!condition->expression.terms[i].and) {
            any |= i > 0 && all;
            all = 1;
        }
        all = all && a != NULL && attribute_same(a, condition->resolved[i]);
    }
    return any || all;
}

/* Check that an update has terms, does not change the key and sets no attribute twice. */
static void check_paths(call *c, const terms *update)
{
    if (update->count == 0)
        (void)refuse(c, "ValidationException", "The member UpdateExpression is missing");
    for (size_t i = 0; i < update->count; i++) {
        const char *name = update->resolved[i]->name;

        if (strcmp(name, "source_id") == 0 || strcmp(name, "timestamp") == 0)
            (void)refuse(c, "ValidationException",
                         "One or more parameter values were invalid: Cannot update attribute %s. "
                         "This attribute is part of the key",
                         name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(name, update->resolved[j]->name) == 0)
                (void)refuse(c, "ValidationException",
                             "Invalid UpdateExpression: Two document paths overlap with each "
                             "other; must remove or rewrite one of these paths; path: [%s]",
                             name);
    }
}

/* Returns 1 if the item can hold the attributes of the terms in addition to its own. */
static int fits(const item *it, const terms *update)
{
    size_t bytes = it->bytes;

    for (size_t i = 0; i < update->count; i++)
        bytes += strlen(update->resolved[i]->name) + update->resolved[i]->size;
    return bytes <= SERVE_STORE_ITEM_BYTES && it->count + update->count <= SERVE_STORE_ATTRIBUTES;
}

/* Set the attributes of all terms, or of none if the item would become too large. */
static void apply_update(call *c, item *it, terms *update)
{
    int changed = 0;

    if (!fits(it, update)) {
        (void)refuse(c, "ValidationException",
                     "Item size to update has exceeded the maximum allowed size");
        return;
    }
    for (size_t i = 0; i < update->count; i++) {
        changed = item_set(c, it, update->resolved[i]) == 1 || changed;
        update->resolved[i] = NULL;
    }
    c->store->counts.repeats += !changed;
    if (changed) {
        c->store->counts.changed += it->changes == 0;
        c->store->counts.changed_again += it->changes == 1;
        it->changes++;
    }
}

/* Make a condition that does not hold the error of the call, with the item if the caller asks for
 * it. */
static void refuse_condition(call *c, const item *it)
{
    json_value how;

    c->store->counts.conflicts++;
    c->condition_failed = 1;
    (void)refuse(c, "ConditionalCheckFailedException", "The conditional request failed");
    if (it == NULL || !json_get(c->root, "ReturnValuesOnConditionCheckFailure", &how) ||
        !json_string_is(how, "ALL_OLD"))
        return;
    c->answer->size--; /* removes the closing brace, which is written again below */
    buffer_text(c->answer, ",\"Item\":");
    item_write(c->answer, it);
    buffer_char(c->answer, '}');
}

static void update_by_terms(call *c, item *key, json_value names, json_value values, terms *update,
                            terms *condition)
{
    item *it;

    read_expression(c, update, "UpdateExpression", serve_parse_update, names, values);
    read_expression(c, condition, "ConditionExpression", serve_parse_condition, names, values);
    check_placeholders(c, "ExpressionAttributeNames", names, update, condition);
    check_placeholders(c, "ExpressionAttributeValues", values, update, condition);
    check_paths(c, update);
    it = c->status == 0 ? find_item(c, key) : NULL;
    if (c->status == 0 && !holds(condition, it))
        refuse_condition(c, it);
    if (c->status == 0 && it == NULL)
        it = insert_key(c, key); /* an UpdateItem of an absent item puts it */
    if (c->status == 0)
        apply_update(c, it, update);
    if (c->status == 0)
        buffer_text(c->answer, "{}");
    terms_free(update);
    terms_free(condition);
}

static void update_item(call *c, item *key, json_value names, json_value values)
{
    /* The terms of two expressions are too large for the stack of a thread. */
    terms *both = calloc(2, sizeof *both);

    if (both == NULL) {
        (void)no_memory(c);
        return;
    }
    update_by_terms(c, key, names, values, &both[0], &both[1]);
    free(both);
}

static void put_item(call *c, item *whole)
{
    item *copy = calloc(1, sizeof *copy);

    /* The attributes move from the item into the table. Then the caller frees the item, which has
     * no attributes any more. */
    if (copy == NULL) {
        (void)no_memory(c);
        return;
    }
    *copy = *whole;
    whole->count = 0;
    if (insert_item(c, copy) == 0)
        buffer_text(c->answer, "{}");
}

static void get_item(call *c, const item *key)
{
    const item *it = c->store->slots[find_slot(c->store, key)];

    buffer_text(c->answer, it != NULL ? "{\"Item\":" : "{");
    if (it != NULL)
        item_write(c->answer, it);
    buffer_char(c->answer, '}');
}

/* Refuse members that would change the meaning of a call and that this stand-in does not know. */
static void check_members(call *c, int update)
{
    static const char *const unknown[] = {"Expected", "AttributeUpdates", "ConditionalOperator",
                                          "AttributesToGet", "ProjectionExpression"};
    json_value value;

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (json_get(c->root, unknown[i], &value))
            (void)refuse(c, "ValidationException", "this stand-in does not know %s", unknown[i]);
    if (!update && json_get(c->root, "ConditionExpression", &value))
        (void)refuse(c, "ValidationException",
                     "this stand-in knows ConditionExpression in UpdateItem only");
    if (json_get(c->root, "ReturnValues", &value) && !json_string_is(value, "NONE"))
        (void)refuse(c, "ValidationException", "this stand-in knows ReturnValues NONE only");
}

static void check_table(call *c)
{
    json_value name;

    if (!json_get(c->root, "TableName", &name) || name.type != JSON_STRING)
        (void)refuse(c, "ValidationException", "The member TableName is missing");
    else if (!json_string_is(name, c->store->table))
        (void)refuse(c, "ResourceNotFoundException", "Requested resource not found");
}

int serve_store_call(serve_store *store, http_slice target, http_slice body, buffer *answer)
{
    call c = {.store = store, .answer = answer};
    json_value names = {.type = JSON_NULL, .text = ""}, values = names;
    int update = http_is(target, "DynamoDB_20120810.UpdateItem");
    int whole = http_is(target, "DynamoDB_20120810.PutItem");
    item *key = NULL;

    buffer_clear(answer);
    if (!update && !whole && !http_is(target, "DynamoDB_20120810.GetItem"))
        (void)refuse(&c, "UnknownOperationException",
                     "this stand-in knows UpdateItem, PutItem and GetItem of DynamoDB_20120810");
    else if (json_parse(&c.root, body.at, body.size, NULL) != 0 || c.root.type != JSON_OBJECT)
        (void)refuse(&c, "SerializationException", "the request is no JSON object");
    if (c.status == 0) {
        check_table(&c);
        check_members(&c, update);
        key = read_key(&c, whole ? "Item" : "Key", whole);
    }
    (void)json_get(c.root, "ExpressionAttributeNames", &names);
    (void)json_get(c.root, "ExpressionAttributeValues", &values);
    if (c.status == 0 && update)
        update_item(&c, key, names, values);
    else if (c.status == 0 && whole)
        put_item(&c, key);
    else if (c.status == 0)
        get_item(&c, key);
    item_free(key);
    store->counts.refused += c.status != 0 && !c.condition_failed;
    return c.status != 0 ? c.status : 200;
}
