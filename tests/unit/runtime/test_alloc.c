/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes each allocation of the library fail in turn. The library must return a status, leak
 * nothing, leave no blob mapped, and work the next time. Also tests that classifying allocates
 * nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/support_model.h"

/* The state of an allocator that fails at one call and counts allocations. */
typedef struct ledger {
    size_t calls;   /* the number of calls of allocate */
    size_t fail_at; /* the number of the call that fails, from 1; 0 means none */
    size_t live;    /* the number of allocations that are not released */
    size_t bytes;   /* the size of the last allocation */
    size_t shift;   /* how far allocations are from the alignment that they need */
} ledger;

static void *ledger_allocate(void *user, size_t bytes)
{
    ledger *l = user;

    if (++l->calls == l->fail_at)
        return NULL;
    l->live++;
    l->bytes = bytes;
    return (char *)aligned_alloc(64, (bytes + l->shift + 63) & ~(size_t)63) + l->shift;
}

static void ledger_release(void *user, void *memory)
{
    ledger *l = user;

    l->live--;
    free((char *)memory - l->shift);
}

static void test_alignment(void)
{
    ledger l = {0};
    distil_allocator allocator = {ledger_allocate, ledger_release, &l};
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_context_options context_options = {.allocator = &allocator};
    distil_model *model = NULL;
    distil_context *context = NULL;
    distil_error error;

    if (!harness_case("an allocator that does not align is refused and gets its memory back"))
        return;
    options.allocator = &allocator;
    for (l.shift = 1; l.shift < 64; l.shift *= 2) {
        CHECK(distil_model_open(&model, support_blob_path(), &options, &error) ==
              DISTIL_BAD_ARGUMENT);
        CHECK(strstr(error.message, "aligned to 64") != NULL && model == NULL && l.live == 0);
    }
    l.shift = 0;
    CHECK(distil_model_open(&model, support_blob_path(), &options, NULL) == DISTIL_OK);
    l.shift = 32;
    CHECK(distil_context_new(&context, model, &context_options, NULL) == DISTIL_BAD_ARGUMENT);
    CHECK(context == NULL && l.live == 1);
    l.shift = 0;
    distil_model_close(model);
    CHECK(l.live == 0);
}

/* Returns the number of mappings of the blob in this process. */
static size_t count_mappings(void)
{
    const char *name = strrchr(support_blob_path(), '/');
    char line[4096];
    size_t n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");

    if (!maps)
        return 0;
    while (fgets(line, sizeof line, maps))
        n += strstr(line, name) != NULL;
    fclose(maps);
    return n;
}

/* The last call of use_library that was reached before an allocation failed. */
typedef enum stage { STAGE_OPEN, STAGE_CONTEXT, STAGE_DONE } stage;

/* Opens the model, makes a context, classifies, and frees everything. */
static stage use_library(ledger *l)
{
    distil_allocator allocator = {ledger_allocate, ledger_release, l};
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_model *model = NULL;
    distil_context *context = NULL;
    distil_result result;
    distil_error error;
    size_t bytes, calls;

    options.allocator = &allocator;
    if (distil_model_open(&model, support_blob_path(), &options, &error) != DISTIL_OK) {
        CHECK(error.status == DISTIL_NO_MEMORY && model == NULL);
        return STAGE_OPEN;
    }
    if (distil_context_new(&context, model, NULL, NULL) != DISTIL_OK) {
        CHECK(context == NULL);
        distil_model_close(model);
        return STAGE_CONTEXT;
    }
    CHECK(distil_context_bytes(model, &bytes, NULL) == DISTIL_OK && bytes == l->bytes);
    calls = l->calls;
    for (int i = 0; i < 3; i++)
        CHECK(distil_classify(context, &result, NULL, "fine", 4, 0) == DISTIL_OK);
    CHECK(l->calls == calls);
    distil_context_free(context);
    distil_model_close(model);
    return STAGE_DONE;
}

int main(int argc, char **argv)
{
    stage reached = STAGE_OPEN;
    size_t before;

    harness_init("test_alloc", argc, argv);
    before = count_mappings();
    for (size_t n = 1; reached != STAGE_DONE && n < 100; n++) {
        ledger l = {.fail_at = n};

        if (!harness_case("allocation %zu fails", n))
            break;
        reached = use_library(&l);
        CHECKF(reached == STAGE_DONE || l.calls == n, "%zu calls, the %zuth failed", l.calls, n);
        CHECKF(l.live == 0, "%zu allocations leaked", l.live);
        CHECKF(count_mappings() == before, "the blob stays mapped");
    }
    if (harness_case("without failures"))
        CHECK(reached == STAGE_DONE);
    test_alignment();
    return harness_finish();
}
