/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests that a program and a library of different versions understand each other's options: zero is
 * the default of every member, the size says which members a program knows, and a member that the
 * library does not know is refused unless it is zero. Tests the numbers of the version, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/support_model.h"

/* Options as a later version of the header might declare them. */
typedef struct later_options {
    distil_options known;
    uint64_t appended[2];
} later_options;

typedef struct later_context_options {
    distil_context_options known;
    uint64_t appended[2];
} later_context_options;

/* Returns the status of opening with these options, and the message and level that come of it. */
static distil_status open_with(const distil_options *options, distil_isa *isa, char message[160])
{
    distil_model_info info = {0};
    distil_error error = {0};
    distil_model *model;
    distil_status status = distil_model_open(&model, support_blob_path(), options, &error);

    memcpy(message, error.message, sizeof error.message);
    if (status != DISTIL_OK) {
        CHECK(error.status == status && error.text == DISTIL_NO_TEXT);
        return status;
    }
    CHECK(distil_model_get_info(model, &info) == DISTIL_OK);
    *isa = info.isa;
    CHECK(distil_model_close(model) == DISTIL_OK);
    return status;
}

static void test_model_options(void)
{
    distil_options zero = {0}, init = DISTIL_OPTIONS_INIT, scalar = {.max_isa = DISTIL_ISA_SCALAR};
    distil_isa best = DISTIL_ISA_BEST, isa = DISTIL_ISA_BEST;
    later_options later = {.known = {.size = sizeof later, .max_isa = DISTIL_ISA_SCALAR}};
    char message[160];

    if (harness_case("options of zeros are the defaults")) {
        CHECK(open_with(NULL, &best, message) == DISTIL_OK && best != DISTIL_ISA_BEST);
        CHECK(open_with(&zero, &isa, message) == DISTIL_OK && isa == best);
        CHECK(open_with(&init, &isa, message) == DISTIL_OK && isa == best);
        CHECK(init.size == sizeof init && init.max_isa == zero.max_isa &&
              init.verify == zero.verify && init.exact_isa == 0 && init.allocator == NULL);
    }
    if (harness_case("without a size, the members of version 0.2 count")) {
        CHECK(open_with(&scalar, &isa, message) == DISTIL_OK && isa == DISTIL_ISA_SCALAR);
        scalar.max_isa = (distil_isa)77;
        CHECK(open_with(&scalar, &isa, message) == DISTIL_BAD_ARGUMENT);
    }
    if (harness_case("a size below that of the first version is refused")) {
        zero.size = sizeof zero - 1;
        CHECK(open_with(&zero, &isa, message) == DISTIL_BAD_ARGUMENT);
        CHECK(strstr(message, "sizeof") != NULL);
        zero.size = 1;
        CHECK(open_with(&zero, &isa, message) == DISTIL_BAD_ARGUMENT);
    }
    if (harness_case("later options are accepted where the library knows what is set")) {
        CHECK(open_with(&later.known, &isa, message) == DISTIL_OK && isa == DISTIL_ISA_SCALAR);
        later.appended[1] = (uint64_t)1 << 63;
        CHECK(open_with(&later.known, &isa, message) == DISTIL_BAD_ARGUMENT);
        CHECK(strstr(message, "does not know") != NULL);
        later.known.size = 0;
        CHECK(open_with(&later.known, &isa, message) == DISTIL_OK);
    }
}

static distil_status make_with(const distil_model *model, const distil_context_options *options,
                               char message[160])
{
    distil_context *context = NULL;
    distil_error error = {0};
    distil_status status = distil_context_new(&context, model, options, &error);
    size_t bytes = 0;

    memcpy(message, error.message, sizeof error.message);
    CHECK((context != NULL) == (status == DISTIL_OK));
    CHECK((status == DISTIL_OK) == (error.status == DISTIL_OK));
    CHECK(distil_context_bytes(model, &bytes, options) == status);
    CHECK((bytes > 0) == (status == DISTIL_OK));
    distil_context_free(context);
    return status;
}

static void test_context_options(const distil_model *model)
{
    distil_context_options zero = {0}, init = DISTIL_CONTEXT_OPTIONS_INIT, wrong;
    later_context_options later = {.known = {.size = sizeof later, .max_batch_tokens = 600}};
    distil_executor nothing = {0};
    size_t defaults, bytes;
    char message[160];

    if (harness_case("a context's options of zeros are the defaults")) {
        CHECK(distil_context_bytes(model, &defaults, NULL) == DISTIL_OK);
        CHECK(distil_context_bytes(model, &bytes, &zero) == DISTIL_OK && bytes == defaults);
        CHECK(distil_context_bytes(model, &bytes, &init) == DISTIL_OK && bytes == defaults);
        CHECK(make_with(model, &zero, message) == DISTIL_OK);
        CHECK(make_with(model, &init, message) == DISTIL_OK && init.size == sizeof init);
        wrong = init;
        wrong.size = 0;
        CHECK(memcmp(&wrong, &zero, sizeof zero) == 0);
    }
    if (harness_case("a context's options of other sizes")) {
        CHECK(make_with(model, &later.known, message) == DISTIL_OK);
        CHECK(distil_context_bytes(model, &bytes, &later.known) == DISTIL_OK && bytes > defaults);
        later.appended[0] = 1;
        CHECK(make_with(model, &later.known, message) == DISTIL_BAD_ARGUMENT);
        CHECK(strstr(message, "does not know") != NULL);
        zero.size = 8;
        CHECK(make_with(model, &zero, message) == DISTIL_BAD_ARGUMENT);
    }
    if (harness_case("the message names the member that is wrong")) {
        wrong = (distil_context_options){.max_batch_tokens = 1};
        CHECK(make_with(model, &wrong, message) == DISTIL_BAD_ARGUMENT);
        CHECK(strstr(message, "max_batch_tokens") != NULL);
        wrong = (distil_context_options){.threads = 257};
        CHECK(make_with(model, &wrong, message) == DISTIL_BAD_ARGUMENT);
        CHECK(strstr(message, "threads") != NULL);
        wrong = (distil_context_options){.function = (distil_function)4};
        CHECK(make_with(model, &wrong, message) == DISTIL_BAD_ARGUMENT);
        CHECK(strstr(message, "function") != NULL);
        wrong = (distil_context_options){.executor = &nothing};
        CHECK(make_with(model, &wrong, message) == DISTIL_BAD_ARGUMENT);
        CHECK(strstr(message, "executor") != NULL);
    }
}

static void test_version(void)
{
    int major, minor, patch;

    if (!harness_case("the version at run time is that of the header"))
        return;
    CHECK(distil_version_number() == DISTIL_VERSION_NUMBER);
    CHECK(sscanf(distil_version(), "%d.%d.%d", &major, &minor, &patch) == 3);
    CHECK(distil_version_number() == major * 1000000 + minor * 1000 + patch);
    CHECK(DISTIL_ABI >= 1);
}

int main(int argc, char **argv)
{
    distil_model *model;

    harness_init("test_options", argc, argv);
    test_version();
    test_model_options();
    model = support_model_open(DISTIL_ISA_BEST);
    test_context_options(model);
    distil_model_close(model);
    return harness_finish();
}
