/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: pytorch_model.bin. The first byte says what the rest is: with 0 a pickle alone, with
 * any other value the whole archive. An accepted tensor must lie within the file, be as large as
 * its shape and type say, and come in order of name; a refusal must name the file.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/harness.h"
#include "tools/convert/torch_file.h"
#include "tools/convert/torch_pickle.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_pickle(const uint8_t *data, size_t size)
{
    conv_error error = {""};
    torch_state state;

    if (torch_pickle_parse(&state, "fuzzed.bin", data, size, &error) != 0) {
        require(strstr(error.message, "fuzzed.bin") != NULL);
        return;
    }
    for (size_t i = 0; i < state.count; i++) {
        const torch_tensor *t = &state.tensors[i];
        uint64_t bytes = t->element_bytes;

        require(t->name != NULL && t->storage != NULL && t->rank <= TORCH_MAX_RANK);
        for (size_t k = 0; k < t->rank; k++)
            bytes *= t->shape[k];
        require(bytes == t->bytes);
    }
    torch_state_free(&state);
}

static void check_archive(const uint8_t *data, size_t size)
{
    conv_error error = {""};
    char path[] = "fuzzed.bin";
    conv_source source = {path, harness_memory_file(), size};
    st_header header;

    require(source.fd >= 0 && write(source.fd, data, size) == (ssize_t)size);
    if (torch_file_header(&header, &source, &error) == 0) {
        for (size_t i = 0; i < header.count; i++) {
            const st_tensor *t = &header.tensors[i];

            require(t->begin <= t->end && t->end <= size && t->rank <= ST_MAX_RANK);
            require(i == 0 || strcmp(header.tensors[i - 1].name, t->name) < 0);
        }
        st_header_free(&header);
    } else {
        require(strstr(error.message, "fuzzed.bin") != NULL);
    }
    close(source.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 0)
        check_pickle(data + 1, size - 1);
    else if (size > 0)
        check_archive(data + 1, size - 1);
    return 0;
}
