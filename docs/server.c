/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An example: a server that answers each line of text with a label and a score. All threads share
 * one model, and each has its own context. SIGTERM ends the server once its clients have left or
 * been silent for five seconds; a client that goes on sending delays it. Lines have no limit.
 *
 *     cc docs/server.c -Iruntime build/libdistil.a -lm -pthread -o build/server
 *     build/server build/sst2.distil 7000
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <distil.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

enum { THREADS = 4 };
static distil_model *model;
static int listener, stopping; /* stopping is also the flag that cancels calls */

static void *serve(void *context)
{
    struct timeval patience = {.tv_sec = 5};
    distil_result r;
    char *line = NULL;
    size_t room = 0;

    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
        FILE *in = fdopen(fd, "r");

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        for (ssize_t n; !__atomic_load_n(&stopping, __ATOMIC_RELAXED) &&
                        (n = getline(&line, &room, in)) > 0;) {
            if (distil_classify(context, &r, NULL, line, (size_t)n, DISTIL_SPLIT_SPECIAL_TOKENS))
                dprintf(fd, "error: %s\n", distil_context_error(context)->message);
            else
                dprintf(fd, "%s %.6f\n", distil_model_label(model, r.label), (double)r.score);
        }
        fclose(in);
    }
    free(line);
    return NULL;
}

int main(int argc, char **argv)
{
    distil_context_options options = {.size = sizeof options, .cancel = &stopping};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    distil_context *contexts[THREADS];
    pthread_t threads[THREADS];
    distil_error error;
    sigset_t ends;
    int which, on = 1;

    if (argc != 3)
        return fprintf(stderr, "usage: %s BLOB PORT\n", argv[0]), 2;
    if (distil_model_open(&model, argv[1], NULL, &error) != DISTIL_OK)
        return fprintf(stderr, "%s: %s\n", argv[1], error.message), 1;
    at.sin_port = htons((in_port_t)atoi(argv[2]));
    listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0)
        return perror(argv[2]), 1;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ends), sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    for (int i = 0; i < THREADS; i++)
        if (distil_context_new(&contexts[i], model, &options, &error) != DISTIL_OK ||
            pthread_create(&threads[i], NULL, serve, contexts[i]) != 0)
            return fprintf(stderr, "thread %d of %d cannot start\n", i + 1, THREADS), 1;
    sigwait(&ends, &which);
    __atomic_store_n(&stopping, 1, __ATOMIC_RELAXED);
    shutdown(listener, SHUT_RDWR); /* accept fails in all threads */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL), distil_context_free(contexts[i]);
    return distil_model_close(model) != DISTIL_OK;
}
