/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the JSON files of a sentence-transformers folder. The first byte of the input says
 * which file the rest is; the others are sound. An accepted folder must have settings that the blob
 * can hold; a refusal must name a file of the folder.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/format.h"
#include "model/heads.h"
#include "tests/fuzz/fuzz.h"
#include "tools/convert/hf_embedding.h"

static const struct {
    const char *name, *sound;
} files[] = {
    {"modules.json", "[{\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
                     "{\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"},"
                     "{\"path\":\"2_Dense\",\"type\":\"sentence_transformers.models.Dense\"}]"},
    {"1_Pooling/config.json", "{\"word_embedding_dimension\":32}"},
    {"2_Dense/config.json", "{\"in_features\":32,\"out_features\":8}"},
    {"sentence_bert_config.json", "{\"max_seq_length\":16}"},
    {"config_sentence_transformers.json", "{\"default_prompt_name\":null}"},
};
enum { FILES = sizeof files / sizeof files[0] };

static char root[64];

static void require(int condition)
{
    if (!condition)
        abort();
}

static void path_of(char path[128], const char *name)
{
    (void)snprintf(path, 128, "%s/%s", root, name);
}

static void write_file(size_t index, const void *bytes, size_t size)
{
    char path[128];
    FILE *file;

    path_of(path, files[index].name);
    file = fopen(path, "wb");
    require(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void remove_folder(void)
{
    char path[128];

    for (size_t i = 0; i < FILES; i++) {
        path_of(path, files[i].name);
        (void)unlink(path);
    }
    path_of(path, "1_Pooling");
    (void)rmdir(path);
    path_of(path, "2_Dense");
    (void)rmdir(path);
    (void)rmdir(root);
}

static void make_folder(void)
{
    char path[128];

    /* A file system in memory is faster, where there is one. */
    (void)snprintf(root, sizeof root, "%s/distil-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    require(mkdtemp(root) != NULL);
    atexit(remove_folder);
    path_of(path, "1_Pooling");
    require(mkdir(path, 0700) == 0);
    path_of(path, "2_Dense");
    require(mkdir(path, 0700) == 0);
    for (size_t i = 0; i < FILES; i++)
        write_file(i, files[i].sound, strlen(files[i].sound));
}

/* Read the folder and check what comes out. */
static void read_folder(void)
{
    conv_memory memory = {0};
    conv_record *record = calloc(1, sizeof *record);
    hf_config config = {.path = "config.json", .dim = 32, .head_kind = DISTIL_HEAD_EMBEDDING};
    hf_tokenizer tokenizer = {.max_tokens = 24, .flags = DISTIL_BLOB_TOK_LOWERCASE};
    hf_embedding embedding;
    conv_error error = {""};

    require(record != NULL);
    if (hf_embedding_find(&embedding, root, &memory, record, &error) == 0 &&
        hf_embedding_read(&embedding, root, &config, &tokenizer, &memory, record, &error) == 0) {
        require(embedding.bits <= DISTIL_BLOB_EMBEDDING_BITS);
        require((embedding.bits & DISTIL_BLOB_EMBEDDING_POOLING) != 0);
        require(config.n_labels == embedding.outputs && embedding.outputs >= 1 &&
                embedding.outputs <= DISTIL_BLOB_MAX_LABELS);
        require(embedding.dense != NULL || embedding.outputs == config.dim);
        require(tokenizer.max_tokens >= DISTIL_BLOB_MIN_TOKENS && tokenizer.max_tokens <= 24);
    } else {
        require(strstr(error.message, root) != NULL);
    }
    conv_memory_free(&memory);
    free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t index;

    if (size == 0)
        return 0;
    if (root[0] == '\0')
        make_folder();
    index = data[0] % FILES;
    write_file(index, data + 1, size - 1);
    read_folder();
    write_file(index, files[index].sound, strlen(files[index].sound));
    return 0;
}
