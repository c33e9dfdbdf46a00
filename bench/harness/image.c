/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of image.h. */
#include "bench/harness/image.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness/sandbox.h"

#define PROGRAM "/app/bootstrap"
#define MODEL "/app/model.distil"

/* Returns 1 if a sandbox can be made here: `--version` of the image's program succeeds in one. */
static int sandbox_works(const image *i)
{
    char *command[] = {PROGRAM, "--version", NULL}, *environment[] = {NULL};
    pid_t process = sandbox_start(i->root, command, environment);
    int status = -1;

    return process > 0 && waitpid(process, &status, 0) == process && status == 0;
}

/* Returns 1 if the function was built after the image was unpacked into `folder`. The files of the
 * image cannot tell, because a reproducible image gives them all the same old date. */
static int is_outdated(const char *folder, const char *bootstrap)
{
    struct stat unpacked, built;

    return bootstrap && stat(folder, &unpacked) == 0 && stat(bootstrap, &built) == 0 &&
           built.st_mtime > unpacked.st_mtime;
}

int image_open(image *i, const char *build_directory, const char *bootstrap, int timeout_ms,
               char *why, size_t why_bytes)
{
    char folder[IMAGE_PATH_BYTES];

    snprintf(folder, sizeof folder, "%.4096s/bench-image", build_directory);
    snprintf(i->root, sizeof i->root, "%.4160s/bundle/rootfs", folder);
    snprintf(i->program, sizeof i->program, "%.4200s" PROGRAM, i->root);
    snprintf(i->model, sizeof i->model, "%.4200s" MODEL, i->root);
    if (geteuid() != 0)
        snprintf(why, why_bytes, "starting an image in a sandbox needs root");
    else if (access(i->root, R_OK) != 0)
        snprintf(why, why_bytes, "no image in %.80s; `bench/unpack_image.sh` builds and unpacks it",
                 i->root);
    else if (is_outdated(folder, bootstrap))
        snprintf(why, why_bytes, "%.80s is older than the function; run `bench/unpack_image.sh`",
                 i->root);
    else if (!sandbox_works(i))
        snprintf(why, why_bytes, "this system lets root make no name spaces and mounts");
    else if (runtime_api_listen(&i->api, timeout_ms) != 0)
        snprintf(why, why_bytes, "there is no socket for the Runtime API");
    else
        return 0;
    return -1;
}

int image_answer_event(image *i, const char *verify, double *request_ns, double *answer_ns)
{
    char *command[] = {PROGRAM, NULL}, variable[32];
    char *environment[] = {i->api.variable,
                           "DISTIL_MODEL=" MODEL,
                           "DISTIL_STORE=none",
                           "AWS_REGION=us-east-1",
                           "AWS_LAMBDA_FUNCTION_NAME=bench",
                           "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024",
                           verify ? variable : NULL,
                           NULL};
    pid_t process;
    int status;

    snprintf(variable, sizeof variable, "DISTIL_VERIFY=%s", verify ? verify : "");
    process = sandbox_start(i->root, command, environment);
    if (process < 0)
        return -1;
    status = runtime_api_serve(&i->api, request_ns, answer_ns);
    sandbox_kill(process);
    runtime_api_disconnect(&i->api);
    return status;
}

void image_close(image *i)
{
    runtime_api_close(&i->api);
}
