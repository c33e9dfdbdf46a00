/* SPDX-License-Identifier: Apache-2.0 */
/* A stack machine for the pickles of state dictionaries. Opcodes are those of Python's pickletools,
 * whose names stand beside them. */
#include "tools/convert/torch_pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME_BYTES = 512 };

/* ---- values --------------------------------------------------------------------------------- */

typedef enum kind {
    NONE,
    BOOL,
    INTEGER,
    TEXT,
    TUPLE,
    LIST,
    DICTIONARY,
    FUNCTION,
    STORAGE_TYPE,
    STORAGE,
    TENSOR,
    MARK /* on the stack only */
} kind;

static const char *const kind_names[] = {"None",    "a boolean", "an integer",   "a text",
                                         "a tuple", "a list",    "a dictionary", "a function",
                                         "a type",  "a storage", "a tensor",     "a mark"};

/* Python functions that a state dictionary calls. */
typedef enum function { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER } function;

static const struct {
    const char *name; /* module, blank, name */
    function function;
} functions[] = {
    {"collections OrderedDict", ORDERED_DICT},
    {"torch._utils _rebuild_tensor_v2", REBUILD_TENSOR},
    {"torch._utils _rebuild_parameter", REBUILD_PARAMETER},
};

static const struct {
    const char *name;
    const char *dtype;
    unsigned bytes;
} storage_types[] = {
    {"torch FloatStorage", "F32", 4},     {"torch HalfStorage", "F16", 2},
    {"torch BFloat16Storage", "BF16", 2}, {"torch DoubleStorage", "F64", 8},
    {"torch LongStorage", "I64", 8},      {"torch IntStorage", "I32", 4},
    {"torch ShortStorage", "I16", 2},     {"torch CharStorage", "I8", 1},
    {"torch ByteStorage", "U8", 1},       {"torch BoolStorage", "BOOL", 1},
};

/* A value of the machine. Values are never changed once made, but for dictionaries and lists, whose
 * pairs are kept apart. */
typedef struct value {
    kind kind;
    int64_t integer;           /* INTEGER, BOOL; FUNCTION and STORAGE_TYPE: index of its table */
    const unsigned char *text; /* TEXT: in the pickle, not NUL-terminated */
    size_t count;              /* TEXT: bytes; TUPLE: items */
    size_t first;              /* TUPLE: first item in machine.items; TENSOR: index of tensor */
} value;

/* A pair of a dictionary. */
typedef struct pair {
    size_t dictionary, key, value; /* indices of values */
} pair;

typedef struct machine {
    const char *path;
    const unsigned char *bytes;
    size_t count, at;
    size_t opcode_at; /* offset of the opcode that is being executed, for messages */
    conv_error *error;
    value *values;
    size_t value_count, value_capacity;
    size_t *items; /* the elements of all tuples, as indices of values */
    size_t item_count, item_capacity;
    size_t *stack; /* indices of values */
    size_t depth, stack_capacity;
    size_t *memo; /* index of a value plus 1, 0 where nothing was put */
    size_t memo_count;
    pair *pairs;
    size_t pair_count, pair_capacity;
    torch_tensor *tensors; /* without names */
    size_t tensor_count, tensor_capacity;
} machine;

static int refuse(machine *m, const char *what)
{
    return conv_fail(m->error,
                     "%s: byte %zu of data.pkl: %s: not the state dictionary of a model; in "
                     "Python: torch.save(model.state_dict(), path), or save_pretrained",
                     m->path, m->opcode_at, what);
}

static int refuse_kind(machine *m, const char *expected, kind found)
{
    char what[96];

    snprintf(what, sizeof what, "expected %s, found %s", expected, kind_names[found]);
    return refuse(m, what);
}

/* Makes room for one more element of an array; returns 0, or -1 without memory. */
static int grow(machine *m, void **array, size_t count, size_t *capacity, size_t size)
{
    size_t wanted = *capacity ? 2 * *capacity : 64;
    void *grown;

    if (count < *capacity)
        return 0;
    grown = realloc(*array, wanted * size);
    if (!grown)
        return conv_fail(m->error, "%s: out of memory", m->path);
    *array = grown;
    *capacity = wanted;
    return 0;
}

#define GROW(m, array, count, capacity)                                                            \
    grow(m, (void **)&(m)->array, (m)->count, &(m)->capacity, sizeof(m)->array[0])

static int push_index(machine *m, size_t index)
{
    if (GROW(m, stack, depth, stack_capacity))
        return -1;
    m->stack[m->depth++] = index;
    return 0;
}

static int push(machine *m, value v)
{
    if (GROW(m, values, value_count, value_capacity))
        return -1;
    m->values[m->value_count] = v;
    return push_index(m, m->value_count++);
}

static int push_kind(machine *m, kind type, int64_t integer)
{
    return push(m, (value){.kind = type, .integer = integer});
}

/* Takes the top of the stack off; a mark is not a value. */
static int pop(machine *m, size_t *index)
{
    if (m->depth == 0 || m->values[m->stack[m->depth - 1]].kind == MARK)
        return refuse(m, "the stack is empty");
    *index = m->stack[--m->depth];
    return 0;
}

/* Position on the stack of the topmost mark. */
static int find_mark(machine *m, size_t *position)
{
    for (size_t i = m->depth; i-- > 0;)
        if (m->values[m->stack[i]].kind == MARK) {
            *position = i;
            return 0;
        }
    return refuse(m, "no mark on the stack");
}

/* Replaces the top count values by one tuple of them. */
static int make_tuple(machine *m, size_t count)
{
    value tuple = {.kind = TUPLE, .count = count, .first = m->item_count};

    if (m->depth < count)
        return refuse(m, "the stack is empty");
    for (size_t i = m->depth - count; i < m->depth; i++) {
        if (m->values[m->stack[i]].kind == MARK)
            return refuse(m, "a mark within a tuple");
        if (GROW(m, items, item_count, item_capacity))
            return -1;
        m->items[m->item_count++] = m->stack[i];
    }
    m->depth -= count;
    return push(m, tuple);
}

static const value *item(const machine *m, const value *tuple, size_t i)
{
    return &m->values[m->items[tuple->first + i]];
}

/* ---- tensors -------------------------------------------------------------------------------- */

/* A pickle can name one long text many times: the bound on a name also bounds the copies. */
static char *copy_text(machine *m, const value *text)
{
    char *copy;

    if (text->count > MAX_NAME_BYTES || memchr(text->text, 0, text->count)) {
        refuse(m, "a name that is too long or holds a NUL");
        return NULL;
    }
    copy = malloc(text->count + 1);
    if (!copy) {
        conv_fail(m->error, "%s: out of memory", m->path);
        return NULL;
    }
    memcpy(copy, text->text, text->count);
    copy[text->count] = '\0';
    return copy;
}

/* A tuple of integers that are not negative, at most TORCH_MAX_RANK of them. */
static int read_sizes(machine *m, uint64_t *out, size_t *rank, const value *tuple)
{
    if (tuple->kind != TUPLE)
        return refuse_kind(m, "a tuple of sizes", tuple->kind);
    if (tuple->count > TORCH_MAX_RANK)
        return refuse(m, "a tensor of more than 8 dimensions");
    *rank = tuple->count;
    for (size_t i = 0; i < tuple->count; i++) {
        const value *size = item(m, tuple, i);

        if (size->kind != INTEGER || size->integer < 0)
            return refuse(m, "expected a size as integer");
        out[i] = (uint64_t)size->integer;
    }
    return 0;
}

/* Row-major order without gaps; the strides of dimensions of one element do not matter. Leaves the
 * tensor's size in bytes. */
static int measure(machine *m, torch_tensor *tensor, const uint64_t *strides)
{
    uint64_t elements = 1;

    for (size_t i = tensor->rank; i-- > 0;) {
        uint64_t size = tensor->shape[i];

        if (size > 1 && strides[i] != elements)
            return refuse(m, "a tensor that is not contiguous (a transposed or cut view), which "
                             "save_pretrained makes contiguous");
        if (size != 0 && elements > (UINT64_MAX >> 8) / size)
            return refuse(m, "a shape beyond any file");
        elements *= size;
    }
    tensor->bytes = elements * tensor->element_bytes;
    return 0;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]) */
static int rebuild_tensor(machine *m, const value *arguments)
{
    torch_tensor tensor = {0};
    uint64_t strides[TORCH_MAX_RANK];
    const value *storage, *offset;
    size_t rank;
    value result = {.kind = TENSOR, .first = m->tensor_count};

    if (arguments->count < 4)
        return refuse(m, "a tensor without size and stride");
    storage = item(m, arguments, 0);
    offset = item(m, arguments, 1);
    if (storage->kind != STORAGE)
        return refuse_kind(m, "a storage", storage->kind);
    if (offset->kind != INTEGER || offset->integer < 0)
        return refuse_kind(m, "an offset", offset->kind);
    tensor.dtype = storage_types[storage->integer].dtype;
    tensor.element_bytes = storage_types[storage->integer].bytes;
    tensor.offset = (uint64_t)offset->integer;
    if (tensor.offset > UINT64_MAX >> 8)
        return refuse(m, "an offset beyond any file");
    if (read_sizes(m, tensor.shape, &tensor.rank, item(m, arguments, 2)) ||
        read_sizes(m, strides, &rank, item(m, arguments, 3)))
        return -1;
    if (rank != tensor.rank)
        return refuse(m, "as many strides as sizes expected");
    if (measure(m, &tensor, strides) || GROW(m, tensors, tensor_count, tensor_capacity))
        return -1;
    tensor.storage = copy_text(m, storage);
    if (!tensor.storage)
        return -1;
    m->tensors[m->tensor_count++] = tensor;
    return push(m, result);
}

/* ("storage", type, key, device, count) names an entry of the archive. */
static int load_storage(machine *m)
{
    size_t index;
    const value *id, *type, *key;

    if (pop(m, &index))
        return -1;
    id = &m->values[index];
    if (id->kind != TUPLE || id->count < 3 || item(m, id, 0)->kind != TEXT ||
        item(m, id, 0)->count != 7 || memcmp(item(m, id, 0)->text, "storage", 7) != 0)
        return refuse(m, "expected the description of a storage");
    type = item(m, id, 1);
    key = item(m, id, 2);
    if (type->kind != STORAGE_TYPE)
        return refuse_kind(m, "a type of storage", type->kind);
    if (key->kind != TEXT)
        return refuse_kind(m, "the key of a storage", key->kind);
    return push(
        m,
        (value){.kind = STORAGE, .integer = type->integer, .text = key->text, .count = key->count});
}

/* ---- functions and dictionaries -------------------------------------------------------------- */

/* Pushes the function or type of this module and name, or refuses it by name. */
static int push_global(machine *m, const unsigned char *module, size_t module_bytes,
                       const unsigned char *name, size_t name_bytes)
{
    char full[96], what[160];

    snprintf(full, sizeof full, "%.*s %.*s", (int)(module_bytes < 60 ? module_bytes : 60),
             (const char *)module, (int)(name_bytes < 60 ? name_bytes : 60), (const char *)name);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(full, functions[i].name) == 0)
            return push_kind(m, FUNCTION, (int64_t)functions[i].function);
    for (size_t i = 0; i < sizeof storage_types / sizeof storage_types[0]; i++)
        if (strcmp(full, storage_types[i].name) == 0)
            return push_kind(m, STORAGE_TYPE, (int64_t)i);
    for (char *p = full; *p; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            *p = '?';
    snprintf(what, sizeof what, "it calls '%s', and nothing of a file is executed here", full);
    return refuse(m, what);
}

static int call(machine *m)
{
    size_t arguments_index, function_index;
    value arguments, callee;

    if (pop(m, &arguments_index) || pop(m, &function_index))
        return -1;
    arguments = m->values[arguments_index];
    callee = m->values[function_index];
    if (callee.kind != FUNCTION)
        return refuse_kind(m, "a function", callee.kind);
    if (arguments.kind != TUPLE)
        return refuse_kind(m, "a tuple of arguments", arguments.kind);
    switch ((function)callee.integer) {
    case ORDERED_DICT:
        if (arguments.count != 0)
            return refuse(m, "an ordered dictionary made of a list");
        return push_kind(m, DICTIONARY, 0);
    case REBUILD_TENSOR:
        return rebuild_tensor(m, &arguments);
    case REBUILD_PARAMETER:
        if (arguments.count < 1 || item(m, &arguments, 0)->kind != TENSOR)
            return refuse(m, "a parameter that is not a tensor");
        return push_index(m, m->items[arguments.first]);
    }
    return refuse(m, "a function that is not on the list");
}

/* Adds the pairs above stack position `first` to the dictionary below it. */
static int set_items(machine *m, size_t first)
{
    size_t dictionary;

    if (first == 0 || (m->depth - first) % 2 != 0)
        return refuse(m, "a key without a value");
    dictionary = m->stack[first - 1];
    if (m->values[dictionary].kind != DICTIONARY)
        return refuse_kind(m, "a dictionary", m->values[dictionary].kind);
    for (size_t i = first; i < m->depth; i += 2) {
        if (GROW(m, pairs, pair_count, pair_capacity))
            return -1;
        m->pairs[m->pair_count++] = (pair){dictionary, m->stack[i], m->stack[i + 1]};
    }
    m->depth = first;
    return 0;
}

/* SETITEMS: the pairs lie above a mark, which lies above the dictionary. */
static int set_marked_items(machine *m)
{
    size_t mark;

    if (find_mark(m, &mark))
        return -1;
    memmove(m->stack + mark, m->stack + mark + 1, (m->depth - mark - 1) * sizeof m->stack[0]);
    m->depth--;
    return set_items(m, mark);
}

/* Items of a list are of no interest here: they are dropped. */
static int append_items(machine *m, size_t first)
{
    if (first == 0 || m->values[m->stack[first - 1]].kind != LIST)
        return refuse(m, "items without a list");
    m->depth = first;
    return 0;
}

/* BUILD sets attributes of an ordered dictionary, such as _metadata: dropped. */
static int build(machine *m)
{
    size_t state;

    if (pop(m, &state))
        return -1;
    if (m->depth == 0 || m->values[m->stack[m->depth - 1]].kind != DICTIONARY)
        return refuse(m, "attributes of something that is no dictionary");
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The next `bytes` bytes, or NULL with the error set where the pickle ends before. */
static const unsigned char *next_bytes(machine *m, uint64_t bytes)
{
    const unsigned char *p = m->bytes + m->at;

    if (bytes > m->count - m->at) {
        refuse(m, "the pickle ends early");
        return NULL;
    }
    m->at += (size_t)bytes;
    return p;
}

static int read_little_endian(machine *m, uint64_t *out, size_t bytes)
{
    const unsigned char *p = next_bytes(m, bytes);

    if (!p)
        return -1;
    *out = 0;
    while (bytes-- > 0)
        *out = *out << 8 | p[bytes];
    return 0;
}

/* Returns a line of a GLOBAL opcode's argument, without its line feed. */
static const unsigned char *read_line(machine *m, size_t *bytes)
{
    const unsigned char *p = m->bytes + m->at;
    const unsigned char *end = memchr(p, '\n', m->count - m->at);

    if (!end) {
        refuse(m, "the pickle ends early");
        return NULL;
    }
    *bytes = (size_t)(end - p);
    m->at += *bytes + 1;
    return p;
}

static int read_text(machine *m, size_t length_bytes)
{
    uint64_t bytes;
    const unsigned char *text;

    if (read_little_endian(m, &bytes, length_bytes))
        return -1;
    text = next_bytes(m, bytes);
    return text ? push(m, (value){.kind = TEXT, .text = text, .count = (size_t)bytes}) : -1;
}

/* Unsigned integers of 1, 2 and 8 bytes, signed ones of 4. */
static int read_integer(machine *m, size_t bytes)
{
    uint64_t raw;

    if (read_little_endian(m, &raw, bytes))
        return -1;
    return push_kind(m, INTEGER, bytes == 4 ? (int32_t)(uint32_t)raw : (int64_t)raw);
}

/* LONG1: a length of one byte, then as many bytes of a two's complement. */
static int read_long(machine *m)
{
    uint64_t bytes, raw = 0;

    if (read_little_endian(m, &bytes, 1))
        return -1;
    if (bytes > 8)
        return refuse(m, "an integer of more than 64 bits");
    if (bytes > 0 && read_little_endian(m, &raw, (size_t)bytes))
        return -1;
    if (bytes > 0 && bytes < 8 && (raw >> (8 * bytes - 1)) != 0)
        raw |= UINT64_MAX << 8 * bytes;
    return push_kind(m, INTEGER, (int64_t)raw);
}

static int read_global(machine *m)
{
    size_t module_bytes, name_bytes;
    const unsigned char *module = read_line(m, &module_bytes), *name;

    if (!module)
        return -1;
    name = read_line(m, &name_bytes);
    return name ? push_global(m, module, module_bytes, name, name_bytes) : -1;
}

static int stack_global(machine *m)
{
    size_t name, module;
    value n, o;

    if (pop(m, &name) || pop(m, &module))
        return -1;
    n = m->values[name];
    o = m->values[module];
    if (n.kind != TEXT || o.kind != TEXT)
        return refuse(m, "a function whose name is not a text");
    return push_global(m, o.text, o.count, n.text, n.count);
}

/* ---- memo ----------------------------------------------------------------------------------- */

/* The memo has one place for each byte of the pickle: no pickler numbers further. */
static int put(machine *m, uint64_t index)
{
    if (index > m->count || m->depth == 0 || m->values[m->stack[m->depth - 1]].kind == MARK)
        return refuse(m, "a memo that cannot be");
    m->memo[index] = m->stack[m->depth - 1] + 1;
    if (index >= m->memo_count)
        m->memo_count = (size_t)index + 1;
    return 0;
}

static int put_numbered(machine *m, size_t bytes)
{
    uint64_t index;

    return read_little_endian(m, &index, bytes) ? -1 : put(m, index);
}

static int get(machine *m, size_t bytes)
{
    uint64_t index;

    if (read_little_endian(m, &index, bytes))
        return -1;
    if (index >= m->memo_count || m->memo[index] == 0)
        return refuse(m, "a memo that nothing was put into");
    return push_index(m, m->memo[index] - 1);
}

/* ---- opcodes -------------------------------------------------------------------------------- */

static int skip_argument(machine *m, size_t bytes)
{
    return next_bytes(m, bytes) ? 0 : -1;
}

/* Executes one opcode other than STOP. */
static int execute(machine *m, unsigned char opcode)
{
    char what[64];
    size_t mark;

    switch (opcode) {
    case 0x80:
        return skip_argument(m, 1); /* PROTO */
    case 0x95:
        return skip_argument(m, 8); /* FRAME */
    case '(':
        return push_kind(m, MARK, 0); /* MARK */
    case 'N':
        return push_kind(m, NONE, 0); /* NONE */
    case 0x88:
        return push_kind(m, BOOL, 1); /* NEWTRUE */
    case 0x89:
        return push_kind(m, BOOL, 0); /* NEWFALSE */
    case 'K':
        return read_integer(m, 1); /* BININT1 */
    case 'M':
        return read_integer(m, 2); /* BININT2 */
    case 'J':
        return read_integer(m, 4); /* BININT */
    case 0x8a:
        return read_long(m); /* LONG1 */
    case 'X':
        return read_text(m, 4); /* BINUNICODE */
    case 0x8c:
        return read_text(m, 1); /* SHORT_BINUNICODE */
    case ')':
        return make_tuple(m, 0); /* EMPTY_TUPLE */
    case 0x85:
        return make_tuple(m, 1); /* TUPLE1 */
    case 0x86:
        return make_tuple(m, 2); /* TUPLE2 */
    case 0x87:
        return make_tuple(m, 3); /* TUPLE3 */
    case '}':
        return push_kind(m, DICTIONARY, 0); /* EMPTY_DICT */
    case ']':
        return push_kind(m, LIST, 0); /* EMPTY_LIST */
    case 'c':
        return read_global(m); /* GLOBAL */
    case 0x93:
        return stack_global(m); /* STACK_GLOBAL */
    case 'Q':
        return load_storage(m); /* BINPERSID */
    case 'R':
        return call(m); /* REDUCE */
    case 'b':
        return build(m); /* BUILD */
    case 'q':
        return put_numbered(m, 1); /* BINPUT */
    case 'r':
        return put_numbered(m, 4); /* LONG_BINPUT */
    case 0x94:
        return put(m, m->memo_count); /* MEMOIZE */
    case 'h':
        return get(m, 1); /* BINGET */
    case 'j':
        return get(m, 4); /* LONG_BINGET */
    case 'u':
        return set_marked_items(m); /* SETITEMS */
    case 's':
        return m->depth < 2 ? refuse(m, "the stack is empty") : set_items(m, m->depth - 2);
    case 'a':
        return m->depth < 1 ? refuse(m, "the stack is empty") : append_items(m, m->depth - 1);
    case 't': /* TUPLE */
        if (find_mark(m, &mark))
            return -1;
        memmove(m->stack + mark, m->stack + mark + 1, (m->depth - mark - 1) * sizeof m->stack[0]);
        m->depth--;
        return make_tuple(m, m->depth - mark);
    case 'e': /* APPENDS */
        return find_mark(m, &mark) ? -1 : append_items(m, mark);
    default:
        snprintf(what, sizeof what, "opcode 0x%02x, which no state dictionary has", opcode);
        return refuse(m, what);
    }
}

static int run(machine *m)
{
    for (;;) {
        const unsigned char *opcode;

        m->opcode_at = m->at;
        opcode = next_bytes(m, 1);
        if (!opcode)
            return -1;
        if (*opcode == '.') /* STOP */
            return 0;
        if (execute(m, *opcode))
            return -1;
    }
}

/* ---- the result ----------------------------------------------------------------------------- */

/* Copies the tensor of a pair of the outermost dictionary into the state. */
static int add_tensor(torch_state *state, machine *m, const pair *entry)
{
    const value *key = &m->values[entry->key], *v = &m->values[entry->value];
    torch_tensor *tensor = &state->tensors[state->count];
    char what[160];

    if (key->kind != TEXT)
        return refuse_kind(m, "a text as name of a tensor", key->kind);
    if (v->kind != TENSOR) {
        snprintf(what, sizeof what, "'%.*s' is %s instead of a tensor",
                 (int)(key->count < 80 ? key->count : 80), (const char *)key->text,
                 kind_names[v->kind]);
        return refuse(m, what);
    }
    *tensor = m->tensors[v->first];
    tensor->storage = strdup(tensor->storage);
    tensor->name = copy_text(m, key);
    state->count++; /* From here on torch_state_free frees what the tensor owns. */
    if (!tensor->name)
        return -1;
    return tensor->storage ? 0 : conv_fail(m->error, "%s: out of memory", m->path);
}

static int collect(torch_state *state, machine *m)
{
    size_t root;

    if (pop(m, &root))
        return -1;
    if (m->values[root].kind != DICTIONARY)
        return refuse_kind(m, "a dictionary of tensors", m->values[root].kind);
    state->tensors = calloc(m->pair_count + 1, sizeof state->tensors[0]);
    if (!state->tensors)
        return conv_fail(m->error, "%s: out of memory", m->path);
    for (size_t i = 0; i < m->pair_count; i++)
        if (m->pairs[i].dictionary == root && add_tensor(state, m, &m->pairs[i]))
            return -1;
    return 0;
}

static void machine_free(machine *m)
{
    for (size_t i = 0; i < m->tensor_count; i++)
        free(m->tensors[i].storage);
    free(m->tensors);
    free(m->values);
    free(m->items);
    free(m->stack);
    free(m->memo);
    free(m->pairs);
}

int torch_pickle_parse(torch_state *state, const char *path, const unsigned char *bytes,
                       size_t count, conv_error *error)
{
    machine m = {.path = path, .bytes = bytes, .count = count, .error = error};
    int failed;

    memset(state, 0, sizeof *state);
    m.memo = calloc(count + 1, sizeof m.memo[0]);
    if (!m.memo)
        return conv_fail(error, "%s: out of memory", path);
    failed = run(&m) || collect(state, &m);
    machine_free(&m);
    if (failed)
        torch_state_free(state);
    return failed ? -1 : 0;
}

void torch_state_free(torch_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        free(state->tensors[i].name);
        free(state->tensors[i].storage);
    }
    free(state->tensors);
    memset(state, 0, sizeof *state);
}
