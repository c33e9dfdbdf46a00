/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the model, and the two reasons to refuse one that opens. */
#include "lambda/served_model.h"

#include <stdio.h>
#include <string.h>

#include "lambda/embed.h"
#include "runtime/base/hex.h"

/* Open the blob at `path`, or the embedded one if `path` is NULL. */
static int open_blob(served_model *m, const config *c, const char *path, char *why,
                     size_t why_bytes)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_error error = {DISTIL_OK, 0, 0, ""};
    distil_status status;

    options.verify = c->verify;
    if (path != NULL) {
        status = distil_model_open(&m->model, path, &options, &error);
    } else {
        size_t bytes;
        const void *embedded = embed_model(&bytes);

        status = distil_model_open_memory(&m->model, embedded, bytes, &options, &error);
    }
    if (status == DISTIL_OK)
        status = distil_model_get_info(m->model, &m->info);
    if (status == DISTIL_OK)
        return 0;
    snprintf(why, why_bytes,
             "DISTIL_MODEL is \"%.100s\": %s: %s: give a blob made by distil convert",
             path != NULL ? path : "", distil_status_str(status),
             error.system_errno != 0 ? strerror(error.system_errno) : error.message);
    return -1;
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
    if (m->info.isa == DISTIL_ISA_SCALAR) {
        snprintf(why, why_bytes,
                 "this CPU has no AVX2: the function needs x86_64 with AVX2 and FMA");
        return -1;
    }
    return 0;
}

int served_model_open(served_model *m, const config *c, char *why, size_t why_bytes)
{
    const char *path = c->model_path;
    size_t embedded_bytes;

    if (path == NULL && embed_model(&embedded_bytes) == NULL) {
        snprintf(why, why_bytes,
                 "DISTIL_MODEL is not set and this program has no model embedded: set it to the "
                 "absolute path of a blob made by distil convert");
        return -1;
    }
    m->prefault = prefault_file(path != NULL ? path : "/proc/self/exe");
    if (open_blob(m, c, path, why, why_bytes) != 0)
        return -1;
    return check_model(m, c, why, why_bytes);
}

void served_model_close(served_model *m)
{
    distil_model_close(m->model);
    m->model = NULL;
}
