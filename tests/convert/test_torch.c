/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pytorch_model.bin as the real PyTorch writes it (tests/data/torch, by
 * tools/generate/make_torch_files.py): every tensor's type, shape and elements against those that
 * PyTorch printed, and each file that must be refused with its reason. Then damage: the archive cut
 * at every byte, and every byte of it changed, never gives a tensor outside the file.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "tests/support/harness.h"
#include "tools/convert/torch_file.h"
#include "tools/convert/torch_pickle.h"

enum { MAX_PATH = 600 };

static const char *data_path(const char *name)
{
    static char path[MAX_PATH];

    (void)snprintf(path, sizeof path, "%s/%s.bin", harness_path("tests/data/torch"), name);
    return path;
}

/* ---- files that are read -------------------------------------------------------------------- */

/* One element of a tensor as a double, which holds every value of these types exactly. */
static double element(const unsigned char *p, const char *dtype)
{
    if (strcmp(dtype, "F64") == 0) {
        double value;

        memcpy(&value, p, sizeof value);
        return value;
    }
    if (strcmp(dtype, "F32") == 0 || strcmp(dtype, "BF16") == 0) {
        float value;
        unsigned char bytes[4] = {0, 0, p[0], p[1]};

        memcpy(&value, strcmp(dtype, "F32") == 0 ? p : bytes, sizeof value);
        return (double)value;
    }
    if (strcmp(dtype, "F16") == 0) {
        unsigned bits = (unsigned)p[0] | (unsigned)p[1] << 8;
        int exponent = (int)(bits >> 10 & 31);
        double fraction = (double)(bits & 1023);
        double value = exponent ? ldexp(fraction + 1024, exponent - 25) : ldexp(fraction, -24);

        return bits & 0x8000 ? -value : value;
    }
    if (strcmp(dtype, "I64") == 0) {
        int64_t value;

        memcpy(&value, p, sizeof value);
        return (double)value;
    }
    return NAN;
}

static const char *dtype_of(json_value name)
{
    static const char *const names[][2] = {{"float32", "F32"},
                                           {"float16", "F16"},
                                           {"bfloat16", "BF16"},
                                           {"float64", "F64"},
                                           {"int64", "I64"}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_string_is(name, names[i][0]))
            return names[i][1];
    return "?";
}

static const st_tensor *find_tensor(const st_header *header, json_value name)
{
    for (size_t i = 0; i < header->count; i++)
        if (json_string_is(name, header->tensors[i].name))
            return &header->tensors[i];
    return NULL;
}

static void check_tensor(const st_tensor *tensor, json_value expected, const char *file)
{
    json_value dtype = {0}, shape = {0}, values = {0};
    const json_field fields[] = {{"dtype", &dtype}, {"shape", &shape}, {"values", &values}};
    json_iter iter;
    size_t rank = 0, index = 0, step;

    json_members(expected, fields, 3);
    CHECKF(strcmp(tensor->dtype, dtype_of(dtype)) == 0, "%s: %s", tensor->name, tensor->dtype);
    json_iter_init(&iter, shape);
    for (; json_iter_next(&iter); rank++) {
        uint64_t size = 0;

        CHECK(json_uint64(iter.value, &size) == 0);
        CHECKF(rank < tensor->rank && tensor->shape[rank] == size, "%s: shape", tensor->name);
    }
    CHECKF(rank == tensor->rank, "%s: rank %zu", tensor->name, tensor->rank);
    step = strcmp(tensor->dtype, "F64") == 0 || strcmp(tensor->dtype, "I64") == 0 ? 8
           : strcmp(tensor->dtype, "F32") == 0                                    ? 4
                                                                                  : 2;
    json_iter_init(&iter, values);
    for (; json_iter_next(&iter); index++) {
        const unsigned char *p = (const unsigned char *)file + tensor->begin + index * step;
        double wanted = 0;

        CHECK(json_double(iter.value, &wanted) == 0);
        CHECKF(tensor->begin + (index + 1) * step <= tensor->end &&
                   element(p, tensor->dtype) == wanted,
               "%s: element %zu", tensor->name, index);
    }
    CHECKF(tensor->begin + index * step == tensor->end, "%s: %zu elements", tensor->name, index);
}

static void check_file(const char *name, json_value expected)
{
    conv_error error = {""};
    conv_source source;
    st_header header;
    size_t bytes = 0, count = 0;
    char *file;
    json_iter iter;

    if (!harness_case("reads %s.bin", name))
        return;
    file = harness_read_file(data_path(name), &bytes);
    CHECK(file != NULL && conv_source_open(&source, NULL, data_path(name), &error) == 0);
    CHECKF(torch_file_header(&header, &source, &error) == 0, "%s", error.message);
    json_iter_init(&iter, expected);
    for (; json_iter_next(&iter); count++) {
        const st_tensor *tensor = find_tensor(&header, iter.key);

        CHECKF(tensor != NULL, "%.*s", (int)iter.key.bytes, iter.key.text);
        if (tensor)
            check_tensor(tensor, iter.value, file);
    }
    CHECK(count > 0 && header.count == count);
    st_header_free(&header);
    conv_source_close(&source);
    free(file);
}

static void test_values(void)
{
    size_t bytes = 0;
    char *text = harness_read_file(harness_path("tests/data/torch/values.json"), &bytes);
    json_value root = {0};
    json_iter iter;

    if (!text || json_parse(&root, text, bytes, NULL)) {
        harness_fail(__FILE__, __LINE__, "tests/data/torch/values.json");
        free(text);
        return;
    }
    json_iter_init(&iter, root);
    while (json_iter_next(&iter)) {
        char name[64];
        size_t length = json_string(iter.key, name, sizeof name - 1);

        name[length] = '\0';
        check_file(name, iter.value);
    }
    free(text);
}

/* ---- files that are refused ----------------------------------------------------------------- */

static const struct {
    const char *file;
    const char *reason; /* a part of the message */
} refused[] = {
    {"legacy", "torch.save(torch.load(path"},
    {"training", "'state_dict' is a dictionary instead of a tensor"},
    {"transposed", "not contiguous"},
    {"whole_module",
     "it calls 'torch.nn.modules.linear Linear', and nothing of a file is executed"},
    {"list", "expected a dictionary of tensors, found a list"},
    {"complex", "it calls 'torch ComplexFloatStorage'"},
};

static void test_refusals(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        conv_error error = {""};
        conv_source source;
        st_header header;

        if (!harness_case("refuses %s.bin", refused[i].file))
            continue;
        CHECK(conv_source_open(&source, NULL, data_path(refused[i].file), &error) == 0);
        CHECK(torch_file_header(&header, &source, &error) == -1);
        CHECKF(strstr(error.message, refused[i].reason), "%s", error.message);
        CHECKF(strstr(error.message, data_path(refused[i].file)), "%s", error.message);
        CHECK(header.tensors == NULL && header.count == 0);
        conv_source_close(&source);
    }
}

/* ---- pickles by hand ------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *bytes;
    size_t count;
    const char *reason; /* NULL where the pickle is an empty dictionary */
} pickles[] = {
#define PICKLE(name, bytes, reason)                                                                \
    {                                                                                              \
        name, bytes, sizeof bytes - 1, reason                                                      \
    }
    PICKLE("empty dictionary", "\x80\x02}.", NULL),
    PICKLE("nothing", "", "ends early"),
    PICKLE("no STOP", "\x80\x02}", "ends early"),
    PICKLE("a function of Python", "cbuiltins\nlist\n)R.", "it calls 'builtins list'"),
    PICKLE("the same by STACK_GLOBAL",
           "\x8c\x08"
           "builtins\x8c\x04list\x93.",
           "it calls 'builtins list'"),
    PICKLE("instance opcode", "(ibuiltins\nlist\n.", "opcode 0x69"),
    PICKLE("a name with a line end", "cbuiltins\nli\rst\n.", "it calls 'builtins li?st'"),
    PICKLE("call of a text", "X\x01\0\0\0a)R.", "expected a function, found a text"),
    PICKLE("stack underflow", "R.", "the stack is empty"),
    PICKLE("pop through a mark", "}(R.", "the stack is empty"),
    PICKLE("tuple without mark", "t.", "no mark"),
    PICKLE("odd items", "}(Nu.", "a key without a value"),
    PICKLE("items of no dictionary", "N(NNu.", "expected a dictionary, found None"),
    PICKLE("unset memo", "h\x05.", "a memo that nothing was put into"),
    PICKLE("memo beyond the pickle", "}r\xff\xff\xff\x7f.", "a memo that cannot be"),
    PICKLE("text beyond the end",
           "X\xff\xff\xff\xff"
           "a.",
           "ends early"),
    PICKLE("integer of 9 bytes",
           "\x8a\x09"
           "123456789.",
           "more than 64 bits"),
    PICKLE("key that is no text", "}K\x01Ns.", "expected a text as name of a tensor"),
    PICKLE("value that is no tensor", "}X\x01\0\0\0aNs.", "'a' is None instead of a tensor"),
#undef PICKLE
};

static void test_pickles(void)
{
    for (size_t i = 0; i < sizeof pickles / sizeof pickles[0]; i++) {
        conv_error error = {""};
        torch_state state;
        harness_guard guard;
        int failed;

        if (!harness_case("pickle: %s", pickles[i].name))
            continue;
        guard = harness_guard_new(pickles[i].count, 1, 1);
        memcpy(guard.data, pickles[i].bytes, pickles[i].count);
        failed = torch_pickle_parse(&state, "x.bin", guard.data, pickles[i].count, &error);
        CHECK(failed == (pickles[i].reason ? -1 : 0));
        CHECKF(!pickles[i].reason || strstr(error.message, pickles[i].reason), "%s", error.message);
        CHECK(state.count == 0);
        torch_state_free(&state);
        harness_guard_free(&guard);
    }
}

/* ---- damage --------------------------------------------------------------------------------- */

/* Reads an archive from memory; returns 1 if it was accepted. */
static int accepts(const char *bytes, size_t count)
{
    conv_error error = {""};
    char path[] = "damaged.bin";
    conv_source source = {path, harness_memory_file(), count};
    st_header header;
    int accepted;

    CHECK(source.fd >= 0 && write(source.fd, bytes, count) == (ssize_t)count);
    accepted = torch_file_header(&header, &source, &error) == 0;
    CHECK(accepted || strstr(error.message, path));
    for (size_t i = 0; accepted && i < header.count; i++)
        CHECK(header.tensors[i].begin <= header.tensors[i].end && header.tensors[i].end <= count);
    if (accepted)
        st_header_free(&header);
    close(source.fd);
    return accepted;
}

static void test_damage(void)
{
    size_t bytes = 0, accepted = 0;
    char *file = harness_read_file(data_path("module"), &bytes);

    CHECK(file != NULL);
    if (file && harness_case("cut at every byte")) {
        CHECK(accepts(file, bytes));
        for (size_t n = 0; n < bytes; n++)
            CHECKF(!accepts(file, n), "cut to %zu bytes", n);
    }
    if (file && harness_case("every byte changed")) {
        for (size_t i = 0; i < bytes; i++) {
            file[i] ^= 0x55;
            accepted += (size_t)accepts(file, bytes);
            file[i] ^= 0x55;
        }
        CHECKF(accepted > 0 && accepted < bytes, "%zu of %zu", accepted, bytes);
    }
    free(file);
}

int main(int argc, char **argv)
{
    harness_init("test_torch", argc, argv);
    test_values();
    test_refusals();
    test_pickles();
    test_damage();
    return harness_finish();
}
