/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS credentials. Lambda puts them into the environment. In other containers the environment names
 * an endpoint instead, which is asked again before the credentials expire.
 *
 *     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY   the keys; if one is set, no endpoint is asked
 *     AWS_SESSION_TOKEN                          belongs to those keys and may be absent
 *     AWS_CONTAINER_CREDENTIALS_RELATIVE_URI     a path at 169.254.170.2
 *     AWS_CONTAINER_CREDENTIALS_FULL_URI         an https address, or plain HTTP to this machine
 *                                                or to the link-local addresses of ECS and EKS
 *     AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE     the value of the header Authorization in a file
 *     AWS_CONTAINER_AUTHORIZATION_TOKEN          the same as text; the file wins over it
 *
 * The configuration reads these variables once. Nothing is allocated, and one thread at a time may
 * use the credentials. No message ever holds a secret.
 */
#ifndef DISTIL_LAMBDA_CREDENTIALS_H
#define DISTIL_LAMBDA_CREDENTIALS_H

#include "lambda/net/http_client.h"
#include "lambda/net/url.h"

enum {
    CREDENTIALS_KEY_BYTES = 129, /* The access key's id and its NUL. */
    CREDENTIALS_SECRET_BYTES = 257,
    CREDENTIALS_TOKEN_BYTES = 16385,
    CREDENTIALS_AUTHORIZATION_BYTES = 8193,
    CREDENTIALS_REPLY_BYTES = 32768,
    /* New credentials are requested this long before the old ones expire. */
    CREDENTIALS_REFRESH_MS = 300000
};

/* The credentials that signing needs. The texts are visible ASCII, so that a header may hold
 * them. */
typedef struct credentials_set {
    char key_id[CREDENTIALS_KEY_BYTES];
    char secret[CREDENTIALS_SECRET_BYTES];
    char token[CREDENTIALS_TOKEN_BYTES]; /* Empty if there is none. */
    int64_t expires_ms; /* Milliseconds since 1970, or INT64_MAX if the credentials never expire. */
} credentials_set;

/* Where the credentials come from: the values of the variables above, or NULL for each that is
 * absent. The strings outlive the credentials. */
typedef struct credentials_source {
    const char *key_id, *secret, *token;
    const char *relative_uri, *full_uri;
    const char *authorization, *authorization_file;
} credentials_source;

typedef struct credentials {
    credentials_set set;
    unsigned generation; /* Counts the sets so far, so that 0 means that there is none yet. */
    int from_endpoint;   /* 1: an endpoint gives credentials, so they can be renewed. */
    int64_t ask_ms;      /* The endpoint is not asked again before this time. */
    const char *target;  /* The path and query at the endpoint, a string of the source. */
    char host[URL_HOST_BYTES];
    const char *authorization, *authorization_file; /* Strings of the source, or NULL. */
    http_client client;
    credentials_set next; /* The answer of the endpoint while it is parsed. */
    char request[CREDENTIALS_AUTHORIZATION_BYTES + 4096];
    char reply[CREDENTIALS_REPLY_BYTES];
} credentials;

/* Find out where the credentials come from. Nothing is connected yet. Returns 0, or -1 and fills
 * `why`: there are none, one of the two keys is missing, credentials must not come from the
 * address, or it needs TLS and this program has none. */
int credentials_init(credentials *c, const credentials_source *from, char *why, size_t why_bytes);

/* Returns 1 if an https endpoint is to be asked for credentials. tls_setup is then to be called
 * before the first credentials_ready. */
int credentials_want_tls(const credentials_source *from);

/* Make sure that c->set is valid at now_ms (milliseconds since 1970), and ask the endpoint before
 * `deadline_ns` if that is necessary. Returns 0, or -1 and fills `why` if the endpoint gave none
 * and there are no valid ones. */
int credentials_ready(credentials *c, int64_t now_ms, int64_t deadline_ns, char *why,
                      size_t why_bytes);

/* The service has refused the credentials. Returns 1 if the next credentials_ready asks for new
 * ones, and 0 if this process cannot get any. */
int credentials_reject(credentials *c);

/* Close the connection and overwrite all secrets. */
void credentials_close(credentials *c);

/* Parse the endpoint's answer, an object with AccessKeyId, SecretAccessKey and perhaps Token and
 * Expiration. Returns 0, or -1 with `why` filled and *out undefined. */
int credentials_parse(credentials_set *out, const char *text, size_t bytes, char *why,
                      size_t why_bytes);

#endif
