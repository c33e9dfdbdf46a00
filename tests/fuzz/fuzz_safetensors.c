/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the header of a safetensors file. The first two bytes of the input are the size of
 * the data after the header, the rest is the header's text. The tensors of a header that is
 * accepted must lie within the data and be sorted by name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/convert/safetensors.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t data_bytes = size >= 2 ? data[0] + 256u * data[1] : 0;
    size_t bytes = size >= 2 ? size - 2 : 0;
    char *text = malloc(bytes + 1);
    conv_error error = {""};
    st_header header;

    require(text != NULL);
    if (bytes > 0)
        memcpy(text, data + 2, bytes);
    text[bytes] = '\0';
    if (st_header_parse(&header, "fuzzed.safetensors", text, bytes, data_bytes, &error) == 0) {
        for (size_t i = 0; i < header.count; i++) {
            const st_tensor *t = &header.tensors[i];

            require(t->begin <= t->end && t->end <= data_bytes && t->rank <= ST_MAX_RANK);
            require(i == 0 || strcmp(header.tensors[i - 1].name, t->name) < 0);
        }
        st_header_free(&header);
    } else {
        require(strstr(error.message, "fuzzed.safetensors") != NULL);
    }
    free(text);
    return 0;
}
