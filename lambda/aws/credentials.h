/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS credentials: from the environment, where Lambda puts them, or from the container endpoint
 * that it names instead (managed instances, containers elsewhere), asked again before they expire.
 *
 *     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN      both of the first two: used
 *     AWS_CONTAINER_CREDENTIALS_RELATIVE_URI                           a path at 169.254.170.2
 *     AWS_CONTAINER_CREDENTIALS_FULL_URI                               https, or plain HTTP to this
 *                                          machine or the link-local addresses of ECS and EKS
 *     AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, ..._TOKEN                sent as Authorization
 *
 * An empty variable counts as absent. What is in the environment never changes while a process
 * lives. No allocation; one thread at a time. Nothing secret is ever in a message.
 */
#ifndef DISTIL_LAMBDA_CREDENTIALS_H
#define DISTIL_LAMBDA_CREDENTIALS_H

#include "lambda/net/http_client.h"
#include "lambda/net/url.h"

enum {
    CREDENTIALS_KEY_BYTES = 129, /* of the access key's id and its NUL */
    CREDENTIALS_SECRET_BYTES = 257,
    CREDENTIALS_TOKEN_BYTES = 16385,
    CREDENTIALS_AUTHORIZATION_BYTES = 8193,
    CREDENTIALS_REPLY_BYTES = 32768,
    CREDENTIALS_REFRESH_MS = 300000 /* before they expire new ones are asked for */
};

/* What signing needs. Texts are visible ASCII, fit for a header. */
typedef struct credentials_set {
    char key_id[CREDENTIALS_KEY_BYTES];
    char secret[CREDENTIALS_SECRET_BYTES];
    char token[CREDENTIALS_TOKEN_BYTES]; /* empty where there is none */
    int64_t expires_ms;                  /* since 1970; INT64_MAX: never */
} credentials_set;

typedef struct credentials {
    credentials_set set;
    unsigned generation; /* of the set; 0: there is none yet */
    int from_endpoint;   /* 1: can be had anew */
    int64_t ask_ms;      /* not before this time */
    const char *target;  /* path and query at the endpoint; the environment's */
    char host[URL_HOST_BYTES];
    const char *authorization, *authorization_file; /* the environment's; NULL */
    http_client client;
    credentials_set next; /* while it is read */
    char request[CREDENTIALS_AUTHORIZATION_BYTES + 4096];
    char reply[CREDENTIALS_REPLY_BYTES];
} credentials;

/* Find them; nothing is connected yet. 0, or -1 with why filled: there are none, one of the two is
 * missing, an address that credentials must not come from, TLS needed and absent. */
int credentials_init(credentials *c, char *why, size_t why_bytes);

/* 1 if the environment has them come from an https endpoint: tls_setup must go before the first
 * credentials_ready. */
int credentials_want_tls(void);

/* Make sure that c->set can be used at now_ms (since 1970), before deadline_ns. 0, or -1 with why
 * filled: the endpoint gave none, and there are none or they have expired. */
int credentials_ready(credentials *c, int64_t now_ms, int64_t deadline_ns, char *why,
                      size_t why_bytes);

/* The service says that they are no good. 1 if the next credentials_ready asks for new ones; 0 if
 * there can be none in this process. */
int credentials_reject(credentials *c);

void credentials_close(credentials *c); /* and forget them */

/* The endpoint's answer: a document with AccessKeyId, SecretAccessKey and maybe Token and
 * Expiration. 0, or -1 with why filled and *out undefined. */
int credentials_parse(credentials_set *out, const char *text, size_t bytes, char *why,
                      size_t why_bytes);

#endif
