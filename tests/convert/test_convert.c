/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The converter on small synthetic checkpoints. Every form of checkpoint must give a blob that
 * verifies and classifies. Every damage must be refused with a message that names the file, the
 * tensor, what was expected and what was found; an older blob must then be unchanged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "model/blob.h"
#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/support_blob.h"
#include "tests/convert/checkpoint_writer.h"
#include "tools/convert/convert.h"

enum { MAX_PATH = 512 };

static checkpoint_spec small(void)
{
    static char vocab[MAX_PATH];
    checkpoint_spec spec = checkpoint_base;

    (void)snprintf(vocab, sizeof vocab, "%s", harness_path("model/sst2/vocab.txt"));
    spec.dim = 64;
    spec.hidden_dim = 96;
    spec.n_layers = 2;
    spec.n_heads = 2;
    spec.max_positions = 32;
    spec.vocab = vocab;
    spec.vocab_limit = 2400;
    return spec;
}

/* The path of a file in this program's directory. The result is valid until the next call but
 * one. */
static const char *in_directory(const char *name)
{
    static char paths[2][MAX_PATH];
    static int turn;

    turn ^= 1;
    (void)snprintf(paths[turn], MAX_PATH, "%s/%s", support_directory(), name);
    return paths[turn];
}

/* Remove all files that a checkpoint may have, and the folder. */
static void clear_folder(const char *folder)
{
    static const char *const files[] = {"config.json",
                                        "vocab.txt",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "model.safetensors",
                                        "model.safetensors.index.json",
                                        "model-00001-of-00003.safetensors",
                                        "model-00002-of-00003.safetensors",
                                        "model-00003-of-00003.safetensors",
                                        "pytorch_model.bin"};
    char path[MAX_PATH + 64];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

/* Write a checkpoint into an empty folder. Ends the program if it cannot. */
static const char *write_folder(const checkpoint_spec *spec)
{
    static char folder[MAX_PATH];
    conv_error error = {""};

    (void)snprintf(folder, sizeof folder, "%s/folder", support_directory());
    clear_folder(folder);
    if (checkpoint_write(folder, spec, &error) != 0) {
        fprintf(stderr, "test_convert: %s\n", error.message);
        exit(1);
    }
    return folder;
}

static int convert(const char *folder, const char *output, conv_summary *summary, conv_error *error)
{
    conv_options options = {.directory = folder, .output = output};

    return conv_convert(&options, summary, error);
}

/* ---- checkpoints that are converted --------------------------------------------------------- */

/* Check that the blob verifies, has the shape of the checkpoint and classifies a text. */
static void check_blob(const char *path, const checkpoint_spec *spec)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_model *model;
    distil_context *context;
    distil_model_info info;
    distil_result result;
    distil_error error = {.message = ""};
    distil_blob blob;

    options.verify = DISTIL_VERIFY_SHA256;
    CHECKF(distil_model_open(&model, path, &options, &error) == DISTIL_OK, "%s", error.message);
    if (error.message[0] != '\0')
        return;
    CHECK(distil_model_get_info(model, &info) == DISTIL_OK);
    CHECK(info.dim == spec->dim && info.hidden_dim == spec->hidden_dim);
    CHECK(info.n_layers == spec->n_layers && info.n_labels == spec->n_labels);
    CHECK(info.vocab_size == spec->vocab_limit && info.max_positions == spec->max_positions);
    CHECK(strcmp(distil_model_label(model, 1), spec->no_labels ? "LABEL_1" : "CLASS 1") == 0);
    CHECK(distil_context_new(&context, model, NULL, NULL) == DISTIL_OK);
    CHECK(distil_classify(context, &result, NULL, "the one and only", 16, 0) == DISTIL_OK);
    CHECK(result.token_count == 6 && result.score > 0.0f && result.score <= 1.0f);
    distil_context_free(context);
    distil_model_close(model);
    CHECK(distil_blob_open(&blob, path, DISTIL_BLOB_VERIFY_NONE, NULL) == DISTIL_BLOB_OK);
    CHECK(distil_blob_check_proof(&blob, NULL) == DISTIL_BLOB_OK);
    distil_blob_close(&blob);
}

static void test_form(const char *name, const checkpoint_spec *spec)
{
    conv_error error = {""};
    const char *output = in_directory("form.distil");

    if (!harness_case("%s", name))
        return;
    CHECKF(convert(write_folder(spec), output, NULL, &error) == 0, "%s", error.message);
    if (error.message[0] == '\0')
        check_blob(output, spec);
}

static void test_forms(void)
{
    checkpoint_spec spec = small();

    test_form("F32, one file", &spec);
    spec.dtype = CHECKPOINT_F16;
    test_form("F16", &spec);
    spec.dtype = CHECKPOINT_BF16;
    test_form("BF16", &spec);
    spec.dtype = CHECKPOINT_F32;
    spec.shards = 3;
    test_form("three shards and their index", &spec);
    spec.shards = 1;
    spec.no_prefix = 1;
    test_form("names without prefix", &spec);
    spec.no_prefix = 0;
    spec.n_labels = 5;
    test_form("five labels", &spec);
    spec.n_labels = 17;
    test_form("seventeen labels", &spec);
    spec.n_labels = 3;
    spec.no_labels = 1;
    test_form("labels counted from the classifier", &spec);
    spec.no_labels = 0;
    spec.tokenizer_json = 1;
    test_form("tokenizer.json", &spec);
    spec.tokenizer_json = 0;
    spec.n_heads = 1;
    spec.n_layers = 12;
    test_form("one head of 64, twelve layers", &spec);
}

/* Convert a checkpoint and return the blob's bytes, which the caller frees. */
static char *converted(const checkpoint_spec *spec, size_t *bytes)
{
    conv_error error = {""};
    const char *output = in_directory("bytes.distil");
    char *image;

    CHECKF(convert(write_folder(spec), output, NULL, &error) == 0, "%s", error.message);
    image = harness_read_file(output, bytes);
    (void)unlink(output);
    return image;
}

static void test_same_bytes(void)
{
    checkpoint_spec spec = small();
    size_t bytes, again_bytes;
    char *image, *again;

    if (!harness_case("the same folder gives the same bytes"))
        return;
    image = converted(&spec, &bytes);
    again = converted(&spec, &again_bytes);
    CHECK(image && again && bytes == again_bytes && memcmp(image, again, bytes) == 0);
    free(again);
    spec.seed = 2;
    again = converted(&spec, &again_bytes);
    CHECK(again && (bytes != again_bytes || memcmp(image, again, bytes) != 0));
    free(again);
    free(image);
}

/* ---- checkpoints that are refused ----------------------------------------------------------- */

/* Replace the first occurrence of `from` in a file of the folder. In a file with offsets, `to` must
 * have the same length. */
static void edit(const char *folder, const char *file, const char *from, const char *to)
{
    char path[MAX_PATH + 64];
    size_t bytes, prefix = 0, length = strlen(from);
    char *text;
    FILE *out;

    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    text = harness_read_file(path, &bytes);
    if (!text) {
        CHECKF(0, "%s: %s", path, strerror(errno));
        return;
    }
    while (prefix + length <= bytes && memcmp(text + prefix, from, length) != 0)
        prefix++;
    CHECKF(prefix + length <= bytes, "%s has no '%s'", file, from);
    if (prefix + length <= bytes) {
        out = fopen(path, "wb");
        CHECK(out && fwrite(text, 1, prefix, out) == prefix && fputs(to, out) >= 0 &&
              fwrite(text + prefix + length, 1, bytes - prefix - length, out) ==
                  bytes - prefix - length &&
              fclose(out) == 0);
    }
    free(text);
}

static const char weights[] = "model.safetensors";

/* An edit of a file that must lead to a refusal, and words that the message must contain. */
typedef struct refusal {
    const char *name, *file, *from, *to;
    const char *expected[3];
} refusal;

static const refusal refusals[] = {
    {"not DistilBERT", "config.json", "\"distilbert\"", "\"roberta\"", {"config.json", "roberta"}},
    {"another activation", "config.json", "\"gelu\"", "\"relu\"", {"config.json", "relu"}},
    {"config is not JSON", "config.json", "{", "[", {"config.json"}},
    {"no dim", "config.json", "\"dim\"", "\"dom\"", {"config.json", "dim"}},
    {"dim of 48", "config.json", "\"dim\": 64", "\"dim\": 48", {"config.json", "dim", "48"}},
    {"heads of 16",
     "config.json",
     "\"n_heads\": 2",
     "\"n_heads\": 4",
     {"config.json", "n_heads", "32 or 64"}},
    {"unknown problem_type",
     "config.json",
     "\"n_layers\": 2",
     "\"problem_type\": \"ranking\", \"n_layers\": 2",
     {"config.json", "regression as problem_type, found \"ranking\""}},
    {"25 layers", "config.json", "\"n_layers\": 2", "\"n_layers\": 25", {"config.json", "25"}},
    {"no layers", "config.json", "\"n_layers\": 2", "\"n_layers\": 0", {"config.json", "n_layers"}},
    {"a layer too many",
     "config.json",
     "\"n_layers\": 2",
     "\"n_layers\": 3",
     {"model.safetensors", "layer.2"}},
    {"hidden of another size",
     "config.json",
     "\"hidden_dim\": 96",
     "\"hidden_dim\": 128",
     {"model.safetensors", "ffn.lin1", "128"}},
    {"fewer tokens than the config says",
     "config.json",
     "\"vocab_size\": 2400",
     "\"vocab_size\": 2300",
     {"vocab"}},
    {"a tensor missing", weights, "classifier.bias", "classifier.bios", {"classifier.bias"}},
    {"a tensor of integers", weights, "\"F32\"", "\"I32\"", {weights, "I32"}},
    {"header is not JSON", weights, "{\"", "{'", {weights}},
    {"offsets that contradict the shape",
     weights,
     "\"data_offsets\":[0,",
     "\"data_offsets\":[4,",
     {weights, "word_embeddings"}},
    {"no [UNK]", "vocab.txt", "[UNK]", "[ONK]", {"vocab.txt", "[UNK]"}},
    {"no [CLS]", "vocab.txt", "[CLS]", "[CLX]", {"vocab.txt", "[CLS]"}},
};

/* Check that converting fails with a message that contains all words, and leaves the old blob. */
static void expect_refusal(const char *folder, const char *const *words, size_t count)
{
    const char *output = in_directory("kept.distil");
    conv_error error = {""};
    FILE *old = fopen(output, "wb");
    size_t bytes = 0;
    char *kept;

    CHECK(old && fputs("old blob", old) >= 0 && fclose(old) == 0);
    CHECK(convert(folder, output, NULL, &error) == -1);
    for (size_t i = 0; i < count && words[i]; i++)
        CHECKF(strstr(error.message, words[i]) != NULL, "'%s' does not say '%s'", error.message,
               words[i]);
    kept = harness_read_file(output, &bytes);
    CHECK(kept && bytes == 8 && strcmp(kept, "old blob") == 0);
    free(kept);
}

static void test_refusals(void)
{
    checkpoint_spec spec = small();

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const refusal *r = &refusals[i];
        const char *folder;

        if (!harness_case("refused: %s", r->name))
            continue;
        folder = write_folder(&spec);
        edit(folder, r->file, r->from, r->to);
        expect_refusal(folder, r->expected, 3);
    }
}

static void remove_file(const char *folder, const char *file)
{
    char path[MAX_PATH + 64];

    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    CHECK(unlink(path) == 0);
}

static void test_files(void)
{
    static const struct {
        const char *name, *removed, *expected;
        uint32_t shards;
    } cases[] = {
        {"no config.json", "config.json", "config.json", 1},
        {"no weights", "model.safetensors", "model.safetensors", 1},
        {"no vocabulary", "vocab.txt", "vocab.txt", 1},
        {"a shard missing", "model-00002-of-00003.safetensors", "model-00002-of-00003", 3},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        checkpoint_spec spec = small();
        const char *folder;

        if (!harness_case("refused: %s", cases[i].name))
            continue;
        spec.shards = cases[i].shards;
        folder = write_folder(&spec);
        remove_file(folder, cases[i].removed);
        expect_refusal(folder, &cases[i].expected, 1);
    }
    if (harness_case("refused: no folder")) {
        static const char *const words[] = {"nowhere"};

        expect_refusal(in_directory("nowhere"), words, 1);
    }
    if (harness_case("refused: an empty pytorch_model.bin, with the remedy")) {
        static const char *const words[] = {"pytorch_model.bin", "not a ZIP archive", "torch.save"};
        checkpoint_spec spec = small();
        const char *folder = write_folder(&spec);
        char path[MAX_PATH + 64];
        FILE *file;

        remove_file(folder, weights);
        (void)snprintf(path, sizeof path, "%s/pytorch_model.bin", folder);
        file = fopen(path, "wb");
        CHECK(file && fclose(file) == 0);
        expect_refusal(folder, words, 3);
    }
}

/* Damage model.safetensors: cut it at many lengths, put in a NaN and an infinity, and give its
 * header a length beyond the file. */
static void test_damage(void)
{
    checkpoint_spec spec = small();
    const char *folder = write_folder(&spec);
    char path[MAX_PATH + 64];
    size_t bytes;
    char *image;

    (void)snprintf(path, sizeof path, "%s/model.safetensors", folder);
    image = harness_read_file(path, &bytes);
    if (harness_case("refused: cut at many lengths")) {
        static const char *const words[] = {"model.safetensors"};

        for (size_t n = 0; n < bytes; n = n < 16 ? n + 1 : n + bytes / 11) {
            CHECK(truncate(path, (off_t)n) == 0);
            expect_refusal(folder, words, 1);
        }
    }
    for (int kind = 0; kind < 3; kind++) {
        static const char *const names[] = {"NaN", "infinity", "header of 2^60 bytes"};
        static const uint32_t bad[] = {UINT32_C(0x7fc00000), UINT32_C(0xff800000)};
        static const char *const words[][2] = {{"model.safetensors", "word_embeddings"},
                                               {"model.safetensors", "word_embeddings"},
                                               {"model.safetensors", NULL}};
        uint64_t header;
        FILE *file;

        if (!harness_case("refused: %s", names[kind]))
            continue;
        memcpy(&header, image, 8);
        file = fopen(path, "wb");
        CHECK(file && fwrite(image, 1, bytes, file) == bytes);
        if (kind == 2) {
            header = UINT64_C(1) << 60;
            CHECK(fseek(file, 0, SEEK_SET) == 0 && fwrite(&header, 8, 1, file) == 1);
        } else {
            CHECK(fseek(file, (long)(8 + header + 400), SEEK_SET) == 0 &&
                  fwrite(&bad[kind], 4, 1, file) == 1);
        }
        CHECK(fclose(file) == 0);
        expect_refusal(folder, words[kind], 2);
    }
    free(image);
}

/* ---- output --------------------------------------------------------------------------------- */

static void test_output(void)
{
    checkpoint_spec spec = small();
    conv_error error = {""};

    if (harness_case("a folder that does not exist for the output")) {
        CHECK(convert(write_folder(&spec), in_directory("none/x.distil"), NULL, &error) == -1);
        CHECKF(strstr(error.message, "none") != NULL, "%s", error.message);
    }
    if (harness_case("a full disk keeps the old blob")) {
        struct rlimit before, limit;
        static const char *const words[] = {"kept.distil"};
        const char *folder = write_folder(&spec);

        CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
        limit = before;
        limit.rlim_cur = 4096;
        (void)signal(SIGXFSZ, SIG_IGN);
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        expect_refusal(folder, words, 1);
        CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    }
}

static void test_calibration(void)
{
    static const char sentences[] = "sentence\tlabel\nthe one and only\t1\nin the end\t0\n";
    checkpoint_spec spec = small();
    conv_options options;
    conv_summary summary;
    conv_error error = {""};
    FILE *file;
    char texts[MAX_PATH];
    size_t bytes, plain_bytes;
    char *image, *plain;

    if (!harness_case("calibration changes the weights, not the form"))
        return;
    plain = converted(&spec, &plain_bytes);
    (void)snprintf(texts, sizeof texts, "%s", in_directory("texts.tsv"));
    file = fopen(texts, "wb");
    CHECK(file && fputs(sentences, file) >= 0 && fclose(file) == 0);
    options = (conv_options){.directory = write_folder(&spec),
                             .output = in_directory("calibrated.distil"),
                             .calibrate = texts};
    CHECKF(conv_convert(&options, &summary, &error) == 0, "%s", error.message);
    CHECK(summary.texts == 2 && summary.tokens > 8);
    check_blob(options.output, &spec);
    image = harness_read_file(options.output, &bytes);
    CHECK(image && plain && (bytes != plain_bytes || memcmp(image, plain, bytes) != 0));
    free(image);
    free(plain);
    options.calibrate = in_directory("no-such-texts");
    CHECK(conv_convert(&options, NULL, &error) == -1);
    CHECK(strstr(error.message, "no-such-texts") != NULL);
}

/* Check that progress is from 0 to 1 and never falls. */
static void check_progress(void *user, const char *what, double done)
{
    double *last = user;

    CHECKF(done >= *last && done <= 1, "%s: %g after %g", what, done, *last);
    *last = done;
}

/* Convert with a number of threads. Returns the blob's bytes, which the caller frees. */
static char *convert_on(size_t threads, const char *folder, const char *texts, size_t *bytes)
{
    double done = 0;
    conv_options options = {.directory = folder,
                            .output = in_directory("threads.distil"),
                            .calibrate = texts,
                            .threads = threads,
                            .progress = check_progress,
                            .user = &done};
    conv_error error = {""};

    CHECKF(conv_convert(&options, NULL, &error) == 0, "%s", error.message);
    CHECKF(done == 1, "%g at the end", done);
    return harness_read_file(options.output, bytes);
}

static void test_threads(void)
{
    checkpoint_spec spec = small();
    char texts[MAX_PATH];
    const char *folder;
    FILE *file;

    if (!harness_case("threads change no byte, and progress goes from 0 to 1"))
        return;
    folder = write_folder(&spec);
    (void)snprintf(texts, sizeof texts, "%s", in_directory("texts.txt"));
    file = fopen(texts, "wb");
    for (int i = 0; file && i < 80; i++)
        fprintf(file, "the number %d is one of %d , and not the last\n", i, i * i);
    CHECK(file && fclose(file) == 0);
    for (int calibrated = 0; calibrated < 2; calibrated++) {
        size_t bytes, other_bytes;
        char *one = convert_on(1, folder, calibrated ? texts : NULL, &bytes);

        for (size_t threads = 2; threads <= 7; threads += 5) {
            char *other = convert_on(threads, folder, calibrated ? texts : NULL, &other_bytes);

            CHECKF(one && other && bytes == other_bytes && memcmp(one, other, bytes) == 0,
                   "%zu threads, %s", threads, calibrated ? "calibrated" : "nearest");
            free(other);
        }
        free(one);
    }
}

int main(int argc, char **argv)
{
    harness_init("test_convert", argc, argv);
    test_forms();
    test_same_bytes();
    test_refusals();
    test_files();
    test_damage();
    test_output();
    test_calibration();
    test_threads();
    clear_folder(in_directory("folder"));
    return harness_finish();
}
