/* SPDX-License-Identifier: Apache-2.0 */
/* The environment variables of docs/lambda.md, checked one by one. */
#include "lambda/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lambda/event/labels.h"
#include "lambda/net/proxy.h"
#include "lambda/net/url.h"
#include "runtime/base/ascii.h"
#include "runtime/base/hex.h"

enum { MAX_CONCURRENCY = 1600, MAX_THREADS = 64, MB_OF_A_CPU = 1769, MAX_THREADS_OF_MEMORY = 6 };
enum { MAX_PATH_BYTES = 4096 };

/* Where a message about a wrong variable is written. */
typedef struct reader {
    char *why;
    size_t why_bytes;
} reader;

__attribute__((format(printf, 2, 3))) static int refuse(const reader *r, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(r->why, r->why_bytes, format, arguments);
    va_end(arguments);
    return -1;
}

/* Returns the value of a variable, or NULL if it is absent or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static int read_size(const reader *r, const char *name, size_t min, size_t max, size_t *value)
{
    const char *text = variable(name);
    unsigned long long number;
    char *end;

    if (!text)
        return 0;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || number < min || number > max)
        return refuse(r, "%s is \"%s\": give a whole number from %zu to %zu", name, text, min, max);
    *value = (size_t)number;
    return 0;
}

static int read_flag(const reader *r, const char *name, int *value)
{
    const char *text = variable(name);

    if (!text)
        return 0;
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
        return refuse(r, "%s is \"%s\": give 0 or 1", name, text);
    *value = text[0] == '1';
    return 0;
}

/* ---- function ------------------------------------------------------------------------------- */

/* Lambda sets these variables. A value that cannot be read counts as absent, since nobody could
 * correct it. */
static void read_platform(config *c)
{
    const char *text = variable("AWS_LAMBDA_MAX_CONCURRENCY");
    size_t digits = text ? strspn(text, "0123456789") : 0;
    unsigned long n = digits > 0 && text[digits] == '\0' ? strtoul(text, NULL, 10) : 0;

    c->runtime_api = variable("AWS_LAMBDA_RUNTIME_API");
    c->concurrency = n < 1 ? 1 : n > MAX_CONCURRENCY ? MAX_CONCURRENCY : n;
    text = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
    c->memory_mb = text ? strtoul(text, NULL, 10) : 0;
    /* Rounded down: with a part of a CPU, a second thread would spin while the first one works. */
    c->threads = c->memory_mb / MB_OF_A_CPU;
    /* Several loops keep the CPUs busy already. */
    c->threads = c->threads < 1 || c->concurrency > 1 ? 1
                 : c->threads > MAX_THREADS_OF_MEMORY ? MAX_THREADS_OF_MEMORY
                                                      : c->threads;
}

/* CloudWatch silently drops metrics whose dimension has a value that is not printable ASCII, begins
 * with a colon or is blank. */
static int is_dimension(const char *value)
{
    const char *at = value;

    while (*at >= ' ' && *at <= '~')
        at++;
    return *at == '\0' && *value != ':' && value[strspn(value, " ")] != '\0';
}

static int read_log(const reader *r, config *c)
{
    const char *level = variable("AWS_LAMBDA_LOG_LEVEL");

    c->log = (log_sink){1, LOG_INFO};
    if (level && log_level_parse(&c->log.level, level) != 0)
        return refuse(r,
                      "AWS_LAMBDA_LOG_LEVEL is \"%s\": give TRACE, DEBUG, INFO, WARN, ERROR or "
                      "FATAL",
                      level);
    c->environment = variable("ENVIRONMENT");
    if (!c->environment)
        c->environment = CONFIG_NO_ENVIRONMENT;
    if (strlen(c->environment) > 255)
        return refuse(r, "ENVIRONMENT has %zu bytes: at most 255 name a dimension",
                      strlen(c->environment));
    if (!is_dimension(c->environment))
        return refuse(r, "ENVIRONMENT is no dimension: give printable ASCII, no colon first");
    return 0;
}

/* ---- model ---------------------------------------------------------------------------------- */

static int read_hash(const reader *r, config *c)
{
    const char *text = variable("DISTIL_MODEL_SHA256");

    c->expect_sha256 = text != NULL;
    if (!text)
        return 0;
    for (size_t i = 0; i < sizeof c->model_sha256; i++) {
        int high = strlen(text) == 64 ? hex_digit_value(text[2 * i]) : -1;
        int low = high >= 0 ? hex_digit_value(text[2 * i + 1]) : -1;

        if (low < 0)
            return refuse(r,
                          "DISTIL_MODEL_SHA256 is \"%.80s\": give 64 hexadecimal digits, as "
                          "`distil inspect` prints them",
                          text);
        c->model_sha256[i] = (uint8_t)(high * 16 + low);
    }
    return 0;
}

/* Parse a decimal fraction from 0 to 1 with at most 9 decimals. strtod would add 25 KB to the
 * program, and it would accept hexadecimal numbers and infinity. */
static int parse_fraction(float *value, const char *text)
{
    const char *point = strchr(text, '.');
    size_t digits = strspn(text, "0123456789"), decimals = 0;
    double number = 0, unit = 1;

    if (point)
        decimals = strspn(point + 1, "0123456789");
    if (digits + decimals == 0 || decimals > 9 || digits > 9 ||
        strlen(text) != digits + decimals + (point != NULL))
        return -1;
    for (size_t i = 0; text[i]; i++)
        if (text[i] != '.')
            number = 10 * number + (text[i] - '0');
    for (size_t i = 0; i < decimals; i++)
        unit *= 10;
    if (number > unit)
        return -1;
    *value = (float)(number / unit);
    return 0;
}

/* Returns the path of a file in LAMBDA_TASK_ROOT, the folder into which AWS Lambda unpacks a zip
 * archive, or NULL if there is no such readable file. The path is written to `path`. */
static const char *file_of_archive(const char *name, char path[MAX_PATH_BYTES])
{
    const char *folder = variable("LAMBDA_TASK_ROOT");
    int length;

    if (!folder || folder[0] != '/')
        return NULL;
    length = snprintf(path, MAX_PATH_BYTES, "%s/%s", folder, name);
    return length < MAX_PATH_BYTES && access(path, R_OK) == 0 ? path : NULL;
}

/* The value becomes a header, so it is printable ASCII. */
static int read_origin(const reader *r, config *c)
{
    const char *at = variable("DISTIL_CORS_ORIGIN");

    c->cors_origin = at;
    while (at && *at > ' ' && *at <= '~')
        at++;
    if (at && (*at || at - c->cors_origin > 255))
        return refuse(r,
                      "DISTIL_CORS_ORIGIN is \"%.80s\": give * or one origin, for example "
                      "https://example.com",
                      c->cors_origin);
    return 0;
}

static int read_model(const reader *r, config *c)
{
    static char path[MAX_PATH_BYTES];
    const char *verify = variable("DISTIL_VERIFY");
    const char *threshold = variable("DISTIL_NEUTRAL_THRESHOLD");

    c->model_path = variable("DISTIL_MODEL");
    if (c->model_path && c->model_path[0] != '/')
        return refuse(r, "DISTIL_MODEL is \"%s\": give an absolute path", c->model_path);
    if (!c->model_path)
        c->model_path = file_of_archive("model.distil", path);
    c->verify = DISTIL_VERIFY_CRC;
    if (verify && strcmp(verify, "none") == 0)
        c->verify = DISTIL_VERIFY_NONE;
    else if (verify && strcmp(verify, "sha256") == 0)
        c->verify = DISTIL_VERIFY_SHA256;
    else if (verify && strcmp(verify, "crc") != 0)
        return refuse(r, "DISTIL_VERIFY is \"%s\": give none, crc or sha256", verify);
    c->verify_late = !verify;
    c->neutral_threshold = 0.6f;
    if (threshold && parse_fraction(&c->neutral_threshold, threshold) != 0)
        return refuse(r,
                      "DISTIL_NEUTRAL_THRESHOLD is \"%.40s\": give a number from 0 to 1 with at "
                      "most 9 decimals",
                      threshold);
    c->label_map = variable("DISTIL_LABEL_MAP");
    if (c->label_map && labels_check_map(c->label_map, r->why, r->why_bytes) != 0)
        return -1;
    c->max_chars = 512;
    c->model_version = variable("MODEL_VERSION");
    if (c->model_version && strlen(c->model_version) > 63)
        return refuse(r, "MODEL_VERSION has %zu bytes: give at most 63", strlen(c->model_version));
    if (read_size(r, "DISTIL_MAX_CHARS", 1, 1000000, &c->max_chars) != 0 ||
        read_size(r, "DISTIL_THREADS", 1, MAX_THREADS, &c->threads) != 0)
        return -1;
    if (read_flag(r, "DISTIL_SPLIT_SPECIAL_TOKENS", &c->split_special_tokens) != 0 ||
        read_hash(r, c) != 0)
        return -1;
    /* The blob states its own hash, so that comparing it proves nothing unless it is computed. */
    if (c->expect_sha256) {
        c->verify = DISTIL_VERIFY_SHA256;
        c->verify_late = 0;
    }
    return 0;
}

/* ---- store ---------------------------------------------------------------------------------- */

/* Variables of the function that is replaced stand beside AWS's own. Earlier ones go first. */
static const char *const table_names[] = {"DATABASE_TABLE", "DYNAMODB_TABLE"};
static const char *const region_names[] = {"CLOUD_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"};

/* Returns the first of the names whose variable is set, or NULL. */
static const char *set_name(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (variable(names[i]))
            return names[i];
    return NULL;
}

static int parse_endpoint(const reader *r, config *c, const char *name, const char *url)
{
    http_slice target;

    if (url_parse(&c->store, &target, url) != 0 || (target.size > 0 && !http_is(target, "/")))
        return refuse(r, "%s is \"%.100s\": give https://HOST or http://HOST:PORT, without a path",
                      name, url);
    if (!c->store.tls && !c->allow_http && !url_is_local(&c->store))
        return refuse(r,
                      "%s is \"%.100s\": over plain HTTP items and credentials could be read and "
                      "replies forged; use https, or DISTIL_ALLOW_HTTP=1 inside a VPC",
                      name, url);
    return 0;
}

/* The domains of the partitions of AWS. The first row whose prefix begins the region decides. */
static const struct partition {
    const char *prefix, *domain, *dual_stack;
} partitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"", "amazonaws.com", "api.aws"},
};

/* Write the region's own address of DynamoDB. Returns -1 if it is too long. */
static int format_host(config *c, int fips, int dual_stack)
{
    const struct partition *p = partitions;
    int size;

    /* The address of GovCloud without dual stack is one of FIPS already. */
    fips = fips && (dual_stack || strncmp(c->region, "us-gov-", 7) != 0);
    while (strncmp(c->region, p->prefix, strlen(p->prefix)) != 0)
        p++;
    size = snprintf(c->store.host, sizeof c->store.host, "dynamodb%s.%s.%s", fips ? "-fips" : "",
                    c->region, dual_stack ? p->dual_stack : p->domain);
    return size < 0 || (size_t)size >= sizeof c->store.host ? -1 : 0;
}

/* Returns 1 if the AWS SDKs would understand the variable as true. */
static int is_true(const char *name)
{
    const char *value = variable(name);

    return value && ascii_same_text(value, "true");
}

static int read_endpoint(const reader *r, config *c)
{
    static const char *const names[] = {"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"};

    for (size_t i = 0; i < 2 && !is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"); i++)
        if (variable(names[i]))
            return parse_endpoint(r, c, names[i], variable(names[i]));
    if (format_host(c, is_true("AWS_USE_FIPS_ENDPOINT"), is_true("AWS_USE_DUALSTACK_ENDPOINT")) !=
        0)
        return refuse(r, "%s is %zu bytes long", set_name(region_names, 3), strlen(c->region));
    c->store.port = 443;
    c->store.tls = 1;
    return 0;
}

static int check_region(const reader *r, const config *c)
{
    const char *region = c->region ? c->region : "";

    if (*region && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(region))
        return 0;
    return refuse(r, "%s is \"%.100s\": give the region of %s",
                  *region ? set_name(region_names, 3) : "AWS_REGION", region,
                  set_name(table_names, 2));
}

/* Find out whether there is a store, which nobody may guess: a function without one would answer
 * success to a queue whose items then stay pending for ever. */
static int read_table(const reader *r, config *c)
{
    /* The characters of table names and ARNs. */
    static const char of_tables[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-:/";
    const char *store = variable("DISTIL_STORE"), *name = set_name(table_names, 2);

    if (store && strcmp(store, "none") != 0)
        return refuse(r, "DISTIL_STORE is \"%.40s\": give none, or leave it out", store);
    if (store && name)
        return refuse(r, "DISTIL_STORE is none, but %s is set: remove one of them", name);
    if (store)
        return 0;
    if (!name)
        return refuse(r, "neither DATABASE_TABLE nor DYNAMODB_TABLE is set: name the table, or set "
                         "DISTIL_STORE=none to classify and store nothing");
    c->table = variable(name);
    if (strlen(c->table) > 1024 || c->table[strspn(c->table, of_tables)])
        return refuse(r, "%s is \"%.100s\": give a table's name or ARN", name, c->table);
    if (!variable("ENVIRONMENT"))
        return refuse(r,
                      "ENVIRONMENT is not set: name the environment whose items %s holds, for "
                      "example prod; alarms look for it",
                      name);
    return 0;
}

/* A connection by TLS goes through the proxy, if there is one. As in other programs, a name in
 * lower case goes before the same name in capitals. */
static int read_proxy(const reader *r, config *c)
{
    static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY"};
    static const char *const exceptions[] = {"no_proxy", "NO_PROXY"};
    const char *name = set_name(proxies, 2), *except = set_name(exceptions, 2);
    char why[128];

    if (!name || !c->store.tls)
        return 0;
    if (except && proxy_is_excluded(variable(except), c->store.host, c->store.port))
        return 0;
    if (proxy_parse(&c->proxy, variable(name), why, sizeof why) != 0)
        return refuse(r, "%s: %s", name, why);
    c->store.proxy = &c->proxy;
    return 0;
}

void config_read_credentials(credentials_source *to)
{
    *to = (credentials_source){
        .key_id = variable("AWS_ACCESS_KEY_ID"),
        .secret = variable("AWS_SECRET_ACCESS_KEY"),
        .token = variable("AWS_SESSION_TOKEN"),
        .relative_uri = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        .full_uri = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        .authorization = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        .authorization_file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
    };
}

static int read_store(const reader *r, config *c)
{
    static char path[MAX_PATH_BYTES];
    const char *region = set_name(region_names, 3);

    c->ca_bundle = variable("AWS_CA_BUNDLE");
    if (!c->ca_bundle)
        c->ca_bundle = file_of_archive("ca-certificates.crt", path);
    c->region = region ? variable(region) : NULL;
    c->sqs_partial_failures = 1;
    if (read_flag(r, "DISTIL_SQS_REPORT_FAILURES", &c->sqs_partial_failures) != 0 ||
        read_flag(r, "DISTIL_ALLOW_HTTP", &c->allow_http) != 0 || read_table(r, c) != 0)
        return -1;
    if (!c->table)
        return 0;
    config_read_credentials(&c->credentials);
    return check_region(r, c) == 0 && read_endpoint(r, c) == 0 ? read_proxy(r, c) : -1;
}

int config_read(config *c, char *why, size_t why_bytes)
{
    reader r = {why, why_bytes};

    memset(c, 0, sizeof *c);
    read_platform(c);
    if (read_log(&r, c) != 0 || read_origin(&r, c) != 0 || read_model(&r, c) != 0 ||
        read_store(&r, c) != 0)
        return -1;
    return 0;
}
