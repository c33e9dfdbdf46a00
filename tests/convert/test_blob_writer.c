/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob writer must always write the same bytes, those of tests/golden/tiny.distil. If it
 * refuses a model or cannot write a file, the old file must be unchanged and no temporary file may
 * be left.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/blob.h"
#include "model/heads.h"
#include "tests/support/harness.h"
#include "tests/support/support_blob.h"
#include "tools/convert/file_replace.h"

static const char *file_path(const char *name)
{
    static char path[4300];

    snprintf(path, sizeof path, "%s/%s", support_directory(), name);
    return path;
}

static void write_old(const char *path)
{
    FILE *file = fopen(path, "wb");

    CHECK(file != NULL && fputs("the old file", file) >= 0 && fclose(file) == 0);
}

static int holds_old(const char *path)
{
    size_t size;
    char *text = harness_read_file(path, &size);
    int same = text != NULL && strcmp(text, "the old file") == 0;

    free(text);
    return same;
}

/* The number of files in the test's directory. */
static int count_files(void)
{
    DIR *list = opendir(support_directory());
    int count = 0;

    for (struct dirent *entry = list ? readdir(list) : NULL; entry; entry = readdir(list))
        count += entry->d_name[0] != '.';
    if (list)
        closedir(list);
    return count;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void golden(void)
{
    support_blob tiny;
    uint8_t *bytes;
    char *expected;
    size_t size, expected_size = 0, at = 0;

    if (!harness_case("golden: the writer's bytes are those of tests/golden/tiny.distil"))
        return;
    tiny = support_blob_make(1, &support_blob_tiny);
    bytes = support_blob_image(&size, &tiny.model);
    if (getenv("DISTIL_UPDATE_GOLDEN") != NULL) {
        FILE *file = fopen(harness_path("tests/golden/tiny.distil"), "wb");

        CHECK(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
    }
    expected = harness_read_file(harness_path("tests/golden/tiny.distil"), &expected_size);
    CHECKF(expected_size == size, "%zu bytes, expected %zu", size, expected_size);
    while (expected != NULL && at < size && at < expected_size &&
           bytes[at] == (uint8_t)expected[at])
        at++;
    CHECKF(at == size, "first difference at byte %zu", at);
    free(expected);
    free(bytes);
    support_blob_free(&tiny);
}

static void deterministic(void)
{
    support_blob one, two;
    uint8_t *a, *b;
    size_t a_size, b_size;

    if (!harness_case("the same model gives the same bytes, another one others"))
        return;
    one = support_blob_make(5, &support_blob_head64);
    two = support_blob_make(5, &support_blob_head64);
    a = support_blob_image(&a_size, &one.model);
    b = support_blob_image(&b_size, &two.model);
    CHECK(a_size == b_size && memcmp(a, b, a_size) == 0);
    free(b);
    support_blob_free(&two);
    two = support_blob_make(6, &support_blob_head64);
    b = support_blob_image(&b_size, &two.model);
    CHECK(a_size == b_size && memcmp(a, b, a_size) != 0);
    free(a);
    free(b);
    support_blob_free(&one);
    support_blob_free(&two);
}

/* ---- refusals of the model ------------------------------------------------------------------- */

/* The model's const pointers refer to memory of the support_blob, which these functions let the
 * tests change. */
static int8_t *weights_of(conv_matrix *m)
{
    return (int8_t *)(uintptr_t)m->weights;
}

static float *floats_of(const float *x)
{
    return (float *)(uintptr_t)x;
}

static void break_lane(conv_model *m)
{
    conv_matrix *matrix = &m->layers[1].ffn_out;

    /* One lane adds up to at least 2 * 70, which is beyond the bound of 128. */
    memset(weights_of(matrix) + 3 * matrix->depth, 70, 8);
}

static void break_least(conv_model *m)
{
    conv_matrix *matrix = &m->layers[0].qkv;

    memset(weights_of(matrix), 0, matrix->depth);
    weights_of(matrix)[0] = -128;
}

static void break_order_range(conv_model *m)
{
    ((uint16_t *)(uintptr_t)m->layers[0].ffn_in.order)[3] = 16;
}

static void break_order_twice(conv_model *m)
{
    uint16_t *order = (uint16_t *)(uintptr_t)m->layers[1].qkv.order;

    order[7] = order[2];
}

static void break_group(conv_model *m)
{
    ((uint8_t *)(uintptr_t)m->layers[0].attention_out.group)[1] = 3;
}

static void break_scale(conv_model *m)
{
    floats_of(m->layers[0].ffn_in.scale)[9] = 0;
}

static void break_bias(conv_model *m)
{
    floats_of(m->layers[1].ffn_in.bias)[5] = NAN;
}

static void break_gamma(conv_model *m)
{
    floats_of(m->layers[1].ffn_norm.gamma)[0] = INFINITY;
}

static void break_out(conv_model *m)
{
    floats_of(m->head[1].weight)[10] = -INFINITY;
}

static void break_embed_scale(conv_model *m)
{
    floats_of(m->embed_scale)[10] = -1;
}

static void break_row(conv_model *m)
{
    ((uint32_t *)(uintptr_t)m->embed_row)[10] = m->embed_row[11];
}

static void break_row_range(conv_model *m)
{
    ((uint32_t *)(uintptr_t)m->embed_row)[10] = m->vocab_size;
}

static void break_special(conv_model *m)
{
    ((distil_blob_special *)(uintptr_t)m->specials)[0].id = 5; /* the id that has no token */
}

static void break_special_count(conv_model *m)
{
    m->special_count = 65537;
}

static void break_special_order(conv_model *m)
{
    distil_blob_special *specials = (distil_blob_special *)(uintptr_t)m->specials;

    specials[1].id = specials[0].id; /* the same token twice */
}

static void break_special_flags(conv_model *m)
{
    ((distil_blob_special *)(uintptr_t)m->specials)[2].flags = 32;
}

static void break_function(conv_model *m)
{
    m->function = 4;
}

static void break_activation(conv_model *m)
{
    m->activation = 2;
}

static void break_max_tokens(conv_model *m)
{
    m->max_tokens = m->max_positions + 1;
}

static void break_head_number(conv_model *m)
{
    m->head_kind = 5;
}

static void break_token(conv_model *m)
{
    ((size_t *)(uintptr_t)m->token_bytes)[8] = 5000;
}

static void break_label(conv_model *m)
{
    static const char *const labels[] = {"good", "b\xe4\x64",
                                         "ugly"}; /* the second label is Latin-1, not UTF-8 */

    m->labels = labels;
}

static void break_provenance(conv_model *m)
{
    m->provenance = "\xc0\x80";
}

static void break_dim(conv_model *m)
{
    m->dim = 48;
}

static void break_matrix_shape(conv_model *m)
{
    m->layers[1].attention_out.cols = 32;
}

static void break_layers(conv_model *m)
{
    m->n_layers = 25;
}

static void break_heads(conv_model *m)
{
    m->n_heads = 3;
}

static void break_labels(conv_model *m)
{
    m->n_labels = 0;
}

static void break_id(conv_model *m)
{
    m->sep_id = m->vocab_size;
}

static void break_eps(conv_model *m)
{
    m->layer_norm_eps = 0;
}

static void break_vocab(conv_model *m)
{
    m->vocab_size = 0;
}

static void refusals(void)
{
    static const struct {
        void (*damage)(conv_model *);
        const char *said; /* a part of the expected message */
    } cases[] = {
        {break_lane, "ffn_out of layer 1"},
        {break_least, "qkv of layer 0"},
        {break_order_range, "layer 0 ffn_in: quad order 16"},
        {break_order_twice, "permutation"},
        {break_group, "4, 2 or 1"},
        {break_scale, "ffn_in of layer 0: scale[9] is 0"},
        {break_bias, "ffn_in of layer 1: bias[5] is"},
        {break_gamma, "ffn_norm of layer 1: gamma[0] is inf"},
        {break_out, "head_out"},
        {break_embed_scale, "embed_scale"},
        {break_row, "embed_row"},
        {break_row_range, "embed_row"},
        {break_special, "specials"},
        {break_special_count, "special tokens: 65537"},
        {break_special_order, "specials: expected tokens in ascending order"},
        {break_special_flags, "specials: expected flags of bits 0 .. 4"},
        {break_function, "function: expected 1 (softmax), 2 (sigmoid) or 3 (none), found 4"},
        {break_activation, "activation: expected 1 (GELU), found 2"},
        {break_max_tokens, "max_tokens: expected 2 .. max_positions, found 33"},
        {break_head_number, "head_kind: expected 1 .. 4, found 5"},
        {break_token, "token 8 has 5000 bytes"},
        {break_label, "labels"},
        {break_provenance, "provenance"},
        {break_dim, "dim: expected a multiple of 32 up to 4096, found 48"},
        {break_matrix_shape, "layer 1 attention_out: matrix of (64, 32), expected (64, 64)"},
        {break_layers, "n_layers: expected 1 .. 24, found 25"},
        {break_heads, "n_heads"},
        {break_labels, "n_labels"},
        {break_id, "sep_id"},
        {break_eps, "layer_norm_eps"},
        {break_vocab, "vocab_size"},
    };
    const char *path = file_path("model");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        support_blob source;
        conv_error error = {""};

        if (!harness_case("refusal %zu: %s", i, cases[i].said))
            continue;
        source = support_blob_make(7, &support_blob_small);
        cases[i].damage(&source.model);
        write_old(path);
        CHECK(conv_blob_write(path, &source.model, &error) == -1);
        CHECKF(strstr(error.message, cases[i].said) != NULL, "said: %s", error.message);
        CHECK(conv_blob_write(path, &source.model, NULL) == -1);
        CHECK(holds_old(path));
        CHECKF(count_files() == 1, "%d files", count_files());
        unlink(path);
        support_blob_free(&source);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static int write_tiny(const char *path, conv_error *error)
{
    support_blob tiny = support_blob_make(8, &support_blob_tiny);
    int status = conv_blob_write(path, &tiny.model, error);

    support_blob_free(&tiny);
    return status;
}

static int opens(const char *path)
{
    distil_blob blob;

    if (distil_blob_open(&blob, path, DISTIL_BLOB_VERIFY_SHA256, NULL) != DISTIL_BLOB_OK)
        return 0;
    distil_blob_close(&blob);
    return 1;
}

static void replaces(void)
{
    conv_error error = {""};
    struct stat info;
    mode_t mask = umask(0027);

    if (!harness_case("file: new, replaced, umask kept")) {
        umask(mask);
        return;
    }
    CHECKF(write_tiny(file_path("new"), &error) == 0, "%s", error.message);
    CHECK(opens(file_path("new")));
    CHECK(stat(file_path("new"), &info) == 0 && (info.st_mode & 07777) == 0640);
    write_old(file_path("new"));
    CHECK(write_tiny(file_path("new"), &error) == 0 && opens(file_path("new")));
    CHECK(count_files() == 1);
    unlink(file_path("new"));
    umask(mask);
}

static void mapped_while_replaced(void)
{
    distil_blob blob;
    conv_error error = {""};

    if (!harness_case("file: a mapped blob stays whole while it is replaced"))
        return;
    CHECK(write_tiny(file_path("mapped"), &error) == 0);
    CHECK(distil_blob_open(&blob, file_path("mapped"), DISTIL_BLOB_VERIFY_NONE, NULL) ==
          DISTIL_BLOB_OK);
    CHECK(conv_file_replace(file_path("mapped"), "short", 5, &error) == 0);
    CHECK(distil_blob_check_proof(&blob, NULL) == DISTIL_BLOB_OK);
    distil_blob_close(&blob);
    CHECK(!opens(file_path("mapped")));
    unlink(file_path("mapped"));
}

static void links(void)
{
    conv_error error = {""};
    struct stat info;
    char link[4300], target[4300];

    if (!harness_case("file: a symbolic link stays one and its target is replaced"))
        return;
    snprintf(link, sizeof link, "%s", file_path("link"));
    snprintf(target, sizeof target, "%s", file_path("target"));
    write_old(target);
    CHECK(symlink("target", link) == 0);
    CHECKF(write_tiny(link, &error) == 0, "%s", error.message);
    CHECK(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
    CHECK(opens(target));
    CHECK(count_files() == 2);
    unlink(link);
    unlink(target);
}

static void private_file(void)
{
    char target[512];
    conv_error error = {""};
    struct stat info;

    if (!harness_case("file: a private file stays private"))
        return;
    snprintf(target, sizeof target, "%s", file_path("private"));
    write_old(target);
    CHECK(chmod(target, 0600) == 0);
    CHECKF(write_tiny(target, &error) == 0, "%s", error.message);
    CHECK(stat(target, &info) == 0 && (info.st_mode & 0777) == 0600);
    unlink(target);
}

static void expect_file_refusal(const char *path, const char *said)
{
    conv_error error = {""};
    int before = count_files();

    CHECKF(write_tiny(path, &error) == -1, "%s was written", path);
    CHECKF(strstr(error.message, said) != NULL, "said: %s", error.message);
    CHECKF(count_files() == before, "%s: files left behind", path);
}

static void bad_places(void)
{
    if (!harness_case("file: a directory, a FIFO, a device, no such directory, no name"))
        return;
    expect_file_refusal(support_directory(), "directory");
    expect_file_refusal("/dev/null", "special file");
    CHECK(mkfifo(file_path("fifo"), 0600) == 0);
    expect_file_refusal(file_path("fifo"), "special file");
    unlink(file_path("fifo"));
    expect_file_refusal(file_path("none/such"), strerror(ENOENT));
    expect_file_refusal("", "empty");
}

/* A directory without write permission stops every user but root, so as root the test becomes
 * another user for a moment. */
static void read_only_directory(void)
{
    const uid_t nobody = 65534, user = geteuid();
    conv_error error = {""};

    if (!harness_case("file: in a directory that may not be written"))
        return;
    if (user == 0 && seteuid(nobody) != 0) {
        harness_skip("root may write everywhere, and cannot become nobody");
        return;
    }
    CHECK(user != 0 || seteuid(0) == 0);
    write_old(file_path("kept"));
    CHECK(chmod(support_directory(), 0555) == 0);
    CHECK(user != 0 || seteuid(nobody) == 0);
    CHECK(write_tiny(file_path("kept"), &error) == -1);
    CHECKF(strstr(error.message, strerror(EACCES)) != NULL, "said: %s", error.message);
    CHECK(user != 0 || seteuid(0) == 0);
    CHECK(chmod(support_directory(), 0700) == 0);
    CHECK(holds_old(file_path("kept")) && count_files() == 1);
    unlink(file_path("kept"));
}

/* A limit on file sizes stands in for a full disk: write fails with EFBIG after some bytes, and the
 * system sends SIGXFSZ, which must not end the program. */
static void full_disk(void)
{
    struct rlimit limit, small;
    conv_error error = {""};

    if (!harness_case("file: no room for it"))
        return;
    write_old(file_path("kept"));
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    small = limit;
    small.rlim_cur = 10000;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK(write_tiny(file_path("kept"), &error) == -1);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECKF(strstr(error.message, strerror(EFBIG)) != NULL, "said: %s", error.message);
    CHECK(holds_old(file_path("kept")) && count_files() == 1);
    unlink(file_path("kept"));
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted++;
}

static void signals_restored(void)
{
    struct sigaction action, found;
    conv_error error = {""};
    sigset_t mask;

    if (!harness_case("file: signal handlers and mask are as before"))
        return;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    CHECK(sigaction(SIGXFSZ, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0);
    CHECK(write_tiny(file_path("signals"), &error) == 0);
    CHECK(sigaction(SIGXFSZ, NULL, &found) == 0 && found.sa_handler == on_interrupt);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && !sigismember(&mask, SIGINT));
    raise(SIGINT);
    CHECK(interrupted == 1);
    signal(SIGINT, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    unlink(file_path("signals"));
}

int main(int argc, char **argv)
{
    harness_init("test_blob_writer", argc, argv);
    golden();
    deterministic();
    refusals();
    replaces();
    mapped_while_replaced();
    links();
    private_file();
    bad_places();
    read_only_directory();
    full_disk();
    signals_restored();
    return harness_finish();
}
