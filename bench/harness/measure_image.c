/* SPDX-License-Identifier: Apache-2.0 */
/* The figure image_start: the time from starting the container image in a sandbox until its answer
 * to one event, beside an empty process, with and without the verification of the model. */
#include <string.h>

#include "bench/machine.h"
#include "bench/harness/image.h"
#include "bench/harness/inject.h"
#include "bench/harness/measure.h"
#include "bench/harness/pages.h"

typedef struct image_call {
    image image;
    const char *verify; /* as for image_answer_event */
    double slowdown;
} image_call;

/* Starts the image once, as a rounds_call whose argument is an image_call. */
static double start_to_answer(void *argument)
{
    image_call *c = argument;
    double request_ns, answer_ns, begin_ns = bench_now_ns();

    if (image_answer_event(&c->image, c->verify, &request_ns, &answer_ns) != 0)
        return -1;
    return inject_slowdown(answer_ns - begin_ns, c->slowdown);
}

void measure_image_start(measured *m, const measure_subject *s, const char *parameters)
{
    static image_call call; /* The buffer for messages is too large for the stack. */
    char why[200];

    if (strcmp(parameters, "none") != 0 && strcmp(parameters, "default") != 0) {
        measure_failed(m, "%s: expected none or default", parameters);
        return;
    }
    call.verify = strcmp(parameters, "none") == 0 ? parameters : NULL;
    call.slowdown = inject_factor();
    if (image_open(&call.image, s->directory, s->bootstrap, s->limit_ms, why, sizeof why) != 0) {
        measure_absent(m, "%s", why);
        return;
    }
    pages_reload(call.image.model);
    measure_beside_empty(m, s, (rounds_side){start_to_answer, &call}, call.image.root);
    image_close(&call.image);
}
