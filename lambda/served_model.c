/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the model, and the reasons to refuse one that opens. */
#include "lambda/served_model.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lambda/embed.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"

/* The stack of the thread that compares checksums, and the pause of those that wait for it. */
enum { VERIFY_STACK_BYTES = 64 << 10, PAUSE_NS = 20000 };

/* Say why the library refuses the blob. Returns -1. */
static int refuse_blob(const char *path, distil_status status, const distil_error *error, char *why,
                       size_t why_bytes)
{
    snprintf(why, why_bytes,
             "DISTIL_MODEL is \"%.100s\": %s: %s: give a blob made by distil convert",
             path != NULL ? path : "", distil_status_str(status),
             error->system_errno != 0 ? strerror(error->system_errno) : error->message);
    return -1;
}

/* Open the blob at `path`, or the embedded one if `path` is NULL. */
static int open_blob(served_model *m, const char *path, char *why, size_t why_bytes)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_error error = {0};
    distil_status status;

    if (path != NULL) {
        status = distil_model_open(&m->model, path, &options, &error);
    } else {
        size_t bytes;
        const void *embedded = embed_model(&bytes);

        status = distil_model_open_memory(&m->model, embedded, bytes, &options, &error);
    }
    if (status == DISTIL_OK)
        status = distil_model_get_info(m->model, &m->info);
    return status == DISTIL_OK ? 0 : refuse_blob(path, status, &error, why, why_bytes);
}

/* Check that the model is the expected one, and that this CPU runs it fast enough for a
 * function. */
static int check_model(const served_model *m, const config *c, char *why, size_t why_bytes)
{
    char found[65], expected[65];

    if (c->expect_sha256 && memcmp(c->model_sha256, m->info.sha256, 32) != 0) {
        hex_string(found, m->info.sha256, 32);
        hex_string(expected, c->model_sha256, 32);
        snprintf(why, why_bytes,
                 "the model's SHA-256 is %s, DISTIL_MODEL_SHA256 says %s: deploy the model that "
                 "was meant, or correct the variable",
                 found, expected);
        return -1;
    }
    if (m->info.task != DISTIL_TASK_SEQUENCE) {
        snprintf(why, why_bytes,
                 "DISTIL_MODEL is \"%.100s\": no sequence classifier: give the blob of one",
                 m->path != NULL ? m->path : "");
        return -1;
    }
    if (m->info.isa == DISTIL_ISA_SCALAR) {
        snprintf(why, why_bytes,
                 "this CPU has no AVX2: the function needs x86_64 with AVX2 and FMA");
        return -1;
    }
    return 0;
}

/* Returns 1 if the caller is the one who has to compare the content. */
static int claim_verification(served_model *m)
{
    int wanted = VERIFICATION_WANTED;

    return atomic_compare_exchange_strong(&m->verification, &wanted, VERIFICATION_RUNS);
}

static void *verify_content(void *argument)
{
    served_model *m = argument;

    m->verified = distil_model_verify(m->model, m->verify, &m->error);
    atomic_store(&m->verification, VERIFICATION_DONE);
    return NULL;
}

/* If the system refuses the thread, the content is compared here. */
void served_model_begin_verification(served_model *m)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int started = 0;

    if (!claim_verification(m))
        return;
    if (pthread_attr_init(&attributes) == 0) {
        pthread_attr_setstacksize(&attributes, VERIFY_STACK_BYTES);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        started = pthread_create(&thread, &attributes, verify_content, m) == 0;
        pthread_attr_destroy(&attributes);
    }
    if (!started)
        verify_content(m);
}

/* Wait for a comparison that has begun. This happens once in the life of a process, for a few
 * milliseconds at most, so a pause between two looks is simpler than a lock. */
static void end_verification(const served_model *m)
{
    while (atomic_load(&m->verification) == VERIFICATION_RUNS)
        clock_sleep_until(clock_now_ns() + PAUSE_NS);
}

int served_model_open(served_model *m, const config *c, char *why, size_t why_bytes)
{
    const char *path = c->model_path;
    size_t embedded_bytes;

    m->path = path;
    if (path == NULL && embed_model(&embedded_bytes) == NULL) {
        snprintf(why, why_bytes,
                 "DISTIL_MODEL is not set and this program has no model embedded: set it to the "
                 "absolute path of a blob made by distil convert");
        return -1;
    }
    m->prefault = prefault_file(path != NULL ? path : "/proc/self/exe");
    if (open_blob(m, path, why, why_bytes) != 0 || check_model(m, c, why, why_bytes) != 0)
        return -1;
    m->verify = c->verify;
    m->verified = DISTIL_OK;
    atomic_store(&m->verification,
                 m->verify == DISTIL_VERIFY_NONE ? VERIFICATION_DONE : VERIFICATION_WANTED);
    return 0;
}

int served_model_wait(served_model *m, char *why, size_t why_bytes)
{
    if (claim_verification(m))
        verify_content(m);
    end_verification(m);
    if (m->verified == DISTIL_OK)
        return 0;
    return refuse_blob(m->path, m->verified, &m->error, why, why_bytes);
}

void served_model_close(served_model *m)
{
    end_verification(m);
    distil_model_close(m->model);
    m->model = NULL;
}
