/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration, which is read from the environment once, at the start. docs/lambda.md has the
 * table of variables. A variable with a wrong value is an error that names the variable, the value
 * and the remedy; it is never ignored. An empty variable counts as absent.
 */
#ifndef DISTIL_LAMBDA_CONFIG_H
#define DISTIL_LAMBDA_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "lambda/aws/credentials.h"
#include "lambda/log.h"
#include "lambda/net/net.h"
#include "runtime/distil.h"

/* The dimension of metrics if there is neither a store nor the variable ENVIRONMENT. */
#define CONFIG_NO_ENVIRONMENT "dev"

typedef struct config {
    const char *runtime_api; /* AWS_LAMBDA_RUNTIME_API: host:port. */
    size_t concurrency;      /* AWS_LAMBDA_MAX_CONCURRENCY: the number of loops, 1 to 1600. */
    size_t memory_mb;        /* AWS_LAMBDA_FUNCTION_MEMORY_SIZE; 0 if it is unknown. */
    /* Threads of each context: DISTIL_THREADS. The default is one for each whole 1769 MB of memory,
     * 1 to 6, and one if there are several loops. */
    size_t threads;
    log_sink log; /* AWS_LAMBDA_LOG_LEVEL. Lines go to standard output. */
    /* ENVIRONMENT: the dimension of the metrics. It is required with a store, and otherwise
     * CONFIG_NO_ENVIRONMENT by default. */
    const char *environment;

    /* DISTIL_MODEL, an absolute path. If it is not set: model.distil in LAMBDA_TASK_ROOT, where a
     * zip archive has it. NULL: there is no such file, and the embedded model is used. */
    const char *model_path;
    distil_verify verify; /* DISTIL_VERIFY: none, crc (the default) or sha256. */
    /* 1: DISTIL_VERIFY is not set, so the content may be verified until the first answer is given.
     * 0: it is verified before the first event is asked for. */
    int verify_late;
    int expect_sha256; /* 1: DISTIL_MODEL_SHA256 is set, and model_sha256 is its value. */
    uint8_t model_sha256[32];
    /* DISTIL_LABEL_MAP, whose form event/labels.h has. NULL: labels keep their names. */
    const char *label_map;
    const char *model_version; /* MODEL_VERSION. NULL: the first 12 digits of the blob's hash. */
    /* DISTIL_MAX_CHARS: the number of code points of a text that are classified. The default is
     * 512. */
    size_t max_chars;
    /* DISTIL_NEUTRAL_THRESHOLD: a lower score is neutral; 0 to 1, by default 0.6. */
    float neutral_threshold;

    /* DATABASE_TABLE, or else DYNAMODB_TABLE. NULL: DISTIL_STORE=none asks for a function that
     * classifies texts and stores nothing. */
    const char *table;
    const char *region; /* CLOUD_REGION, or else AWS_REGION, or else AWS_DEFAULT_REGION. */
    /* HTTPS_PROXY. The store's endpoint refers to it unless NO_PROXY names the host. */
    net_proxy proxy;
    net_endpoint store; /* AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, or the region's own. */
    credentials_source credentials; /* The variables that credentials.h lists. */
    /* DISTIL_SPLIT_SPECIAL_TOKENS. 1: "[SEP]" and the like in a text are plain text. */
    int split_special_tokens;
    /* DISTIL_CORS_ORIGIN: whose pages may read answers over HTTP, or "*". NULL: no header says
     * so. */
    const char *cors_origin;
    int allow_http; /* DISTIL_ALLOW_HTTP. 1: plain HTTP may go to other machines, too. */
    /* AWS_CA_BUNDLE, a file of root certificates. If it is not set: ca-certificates.crt in
     * LAMBDA_TASK_ROOT. NULL: there is no such file. */
    const char *ca_bundle;
    /* DISTIL_SQS_REPORT_FAILURES. 1: SQS understands batchItemFailures. */
    int sqs_partial_failures;
} config;

/* Read the variables of credentials alone, as config_read does. */
void config_read_credentials(credentials_source *to);

/* Read the environment. Returns 0, or -1 and fills `why` with one line for a person. The strings of
 * *c belong to the environment. */
int config_read(config *c, char *why, size_t why_bytes);

#endif
