/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration, from the environment, read once at the start. docs/lambda.md has the table of
 * variables; a value that is set and wrong is an error that names variable, value and remedy, never
 * ignored. A variable that is empty counts as absent.
 */
#ifndef DISTIL_LAMBDA_CONFIG_H
#define DISTIL_LAMBDA_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "lambda/log.h"
#include "lambda/net/net.h"
#include "runtime/distil.h"

typedef struct config {
    const char *runtime_api; /* AWS_LAMBDA_RUNTIME_API, host:port */
    size_t concurrency;      /* AWS_LAMBDA_MAX_CONCURRENCY: loops at once, 1 .. 64 */
    size_t memory_mb;        /* AWS_LAMBDA_FUNCTION_MEMORY_SIZE; 0 where unknown */
    size_t threads; /* of a context: DISTIL_THREADS, or one for each 1769 MB begun, 1 .. 6, and one
                       where there are several loops */
    log_sink log;   /* AWS_LAMBDA_LOG_LEVEL, standard output */
    const char *environment; /* ENVIRONMENT: the metrics' dimension, "dev" by default */

    const char *model_path; /* DISTIL_MODEL, absolute; NULL: the embedded one */
    distil_verify verify;   /* DISTIL_VERIFY: none, crc, sha256 */
    int expect_sha256;      /* DISTIL_MODEL_SHA256 is set: */
    uint8_t model_sha256[32];
    const char *model_version; /* MODEL_VERSION; default the first 12 digits of the hash */
    size_t max_chars;          /* DISTIL_MAX_CHARS: code points classified, 512 */
    float neutral_threshold;   /* DISTIL_NEUTRAL_THRESHOLD, 0 .. 1, 0.6 */

    const char *table;        /* DATABASE_TABLE; NULL: classify only */
    const char *region;       /* AWS_REGION, else AWS_DEFAULT_REGION */
    net_endpoint store;       /* AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, or the region's */
    int allow_http;           /* DISTIL_ALLOW_HTTP, 0: plain HTTP to another host than this one */
    const char *ca_bundle;    /* AWS_CA_BUNDLE */
    int sqs_partial_failures; /* DISTIL_SQS_REPORT_FAILURES, 1: batchItemFailures are understood */
} config;

/* Read the environment. 0, or -1 with why filled: one line for a person. Strings are the
 * environment's own. */
int config_read(config *c, char *why, size_t why_bytes);

#endif
