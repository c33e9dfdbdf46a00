/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests which models the function accepts as sentiment models: those with two labels or more that
 * it knows, and with the softmax.
 */
#include <stdlib.h>
#include <string.h>

#include "lambda/classifier.h"
#include "tests/support/harness.h"
#include "tests/support/support_blob.h"

/* Opens a synthetic model and gives it to the function. Returns what classifier_init returns. */
static int init_with(uint32_t n_labels, uint32_t function, char *why, size_t why_bytes)
{
    support_blob_shape shape = support_blob_tiny;
    support_blob source;
    distil_model *model;
    classifier c;
    uint8_t *bytes;
    size_t size;
    int result;

    shape.n_labels = n_labels;
    source = support_blob_make(60, &shape);
    source.model.function = function;
    bytes = support_blob_image(&size, &source.model);
    why[0] = '\0';
    CHECK(distil_model_open_memory(&model, bytes, size, NULL, NULL) == DISTIL_OK);
    result = classifier_init(&c, NULL, model, NULL, why, why_bytes);
    distil_model_close(model);
    free(bytes);
    support_blob_free(&source);
    return result;
}

int main(int argc, char **argv)
{
    char why[256];

    harness_init("test_classifier", argc, argv);
    if (harness_case("two labels with the softmax are accepted"))
        CHECK(init_with(2, DISTIL_BLOB_FUNCTION_SOFTMAX, why, sizeof why) == 0);
    if (harness_case("one label is refused")) {
        CHECK(init_with(1, DISTIL_BLOB_FUNCTION_SIGMOID, why, sizeof why) == -1);
        CHECK(strstr(why, "2 to 8 labels") != NULL);
    }
    if (harness_case("the sigmoid and no function are refused")) {
        CHECK(init_with(2, DISTIL_BLOB_FUNCTION_SIGMOID, why, sizeof why) == -1);
        CHECK(strstr(why, "a score of its own (sigmoid)") != NULL);
        CHECK(init_with(2, DISTIL_BLOB_FUNCTION_NONE, why, sizeof why) == -1);
        CHECK(strstr(why, "no function") != NULL);
    }
    return harness_finish();
}
