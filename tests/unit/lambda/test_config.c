/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function's environment: defaults, the effect of each variable, and for each wrong value a
 * message that names the variable and the remedy.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lambda/config.h"
#include "tests/support/harness.h"

enum { MAX_SET = 6 };

/* Environment variables, and the configuration that config_read makes of them. */
typedef struct environment_case {
    const char *name;
    /* Each has the form "NAME=value". A case without a table gets DISTIL_STORE=none. */
    const char *set[MAX_SET];
    const char *refused; /* A part of the message, or NULL if the variables are accepted. */
    int (*check)(const config *c);
} environment_case;

static int defaults(const config *c)
{
    return !c->runtime_api && c->concurrency == 1 && c->threads == 1 && c->log.fd == 1 &&
           c->log.level == LOG_INFO && strcmp(c->environment, "dev") == 0 && !c->model_path &&
           c->verify == DISTIL_VERIFY_CRC && c->verify_late && !c->expect_sha256 &&
           !c->model_version && c->max_chars == 512 && c->neutral_threshold == 0.6f && !c->table &&
           !c->allow_http && c->sqs_partial_failures == 1;
}

/* The folder that the tests use as LAMBDA_TASK_ROOT is open as this file descriptor. */
#define ARCHIVE "99"
enum { ARCHIVE_FD = 99 };
static const char *const archive_files[] = {"model.distil", "ca-certificates.crt"};

static int files_of_archive(const config *c)
{
    return c->model_path && strcmp(c->model_path, "/proc/self/fd/" ARCHIVE "/model.distil") == 0 &&
           c->ca_bundle &&
           strcmp(c->ca_bundle, "/proc/self/fd/" ARCHIVE "/ca-certificates.crt") == 0;
}

static int files_of_variables(const config *c)
{
    return strcmp(c->model_path, "/m") == 0 && strcmp(c->ca_bundle, "/c") == 0;
}

static int three_threads_of_memory(const config *c)
{
    return c->memory_mb == 7000 && c->threads == 3;
}

static int six_threads(const config *c)
{
    return c->threads == 6;
}

static int three_threads(const config *c)
{
    return c->threads == 3;
}

static int eight_loops(const config *c)
{
    return c->concurrency == 8;
}

static int most_loops(const config *c)
{
    return c->concurrency == 1600;
}

static int two_loops_of_one(const config *c)
{
    return c->concurrency == 2 && c->threads == 1;
}

static int two_loops_of_three(const config *c)
{
    return c->concurrency == 2 && c->threads == 3;
}

static int one_thread(const config *c)
{
    return c->threads == 1;
}

static int two_threads(const config *c)
{
    return c->threads == 2;
}

static int named(const config *c)
{
    return strlen(c->environment) == 255 && strlen(c->model_version) == 63;
}

static int threshold_fine(const config *c)
{
    return c->neutral_threshold == 0.123456789f;
}

static int far_region(const config *c)
{
    return strcmp(c->region, "eu-west-3") == 0;
}

static int no_failures_listed(const config *c)
{
    return c->sqs_partial_failures == 0;
}

static int long_table(const config *c)
{
    return strlen(c->table) == 1024;
}

static int debug(const config *c)
{
    return c->log.level == LOG_DEBUG;
}

static int crc(const config *c)
{
    return c->verify == DISTIL_VERIFY_CRC && !c->verify_late;
}

static int unchecked(const config *c)
{
    return c->verify == DISTIL_VERIFY_NONE;
}

static int mapped(const config *c)
{
    return strcmp(c->label_map, "happy=positive,sad=negative") == 0;
}

static int one_origin(const config *c)
{
    return strcmp(c->cors_origin, "https://example.com") == 0;
}

static int by_proxy(const config *c)
{
    return c->store.proxy == &c->proxy && strcmp(c->proxy.host, "proxy.internal") == 0 &&
           c->proxy.port == 3128 && c->proxy.authorization[0] == '\0';
}

/* "user:p@ss" in base64. */
static int by_proxy_with_password(const config *c)
{
    return c->store.proxy && strcmp(c->proxy.authorization, "dXNlcjpwQHNz") == 0 &&
           strcmp(c->proxy.host, "proxy.internal") == 0 && c->proxy.port == 80;
}

static int no_proxy(const config *c)
{
    return c->table && !c->store.proxy;
}

static int hash(const config *c)
{
    return c->expect_sha256 && c->model_sha256[0] == 0xab && c->model_sha256[31] == 0x01;
}

static int threshold_one(const config *c)
{
    return c->neutral_threshold == 1.0f;
}

static int threshold_quarter(const config *c)
{
    return c->neutral_threshold == 0.25f;
}

static int paris(const config *c)
{
    return strcmp(c->store.host, "dynamodb.eu-west-3.amazonaws.com") == 0 && c->store.port == 443 &&
           c->store.tls && strcmp(c->table, "items") == 0;
}

static int china(const config *c)
{
    return strcmp(c->store.host, "dynamodb.cn-north-1.amazonaws.com.cn") == 0;
}

static int sovereign(const config *c)
{
    return strcmp(c->store.host, "dynamodb.eusc-de-east-1.amazonaws.eu") == 0;
}

static int local(const config *c)
{
    return strcmp(c->store.host, "127.0.0.1") == 0 && c->store.port == 8000 && !c->store.tls;
}

static int within_vpc(const config *c)
{
    return strcmp(c->store.host, "dynamodb.internal") == 0 && c->store.port == 80 && c->allow_http;
}

static int hash_computed(const config *c)
{
    return c->expect_sha256 && c->verify == DISTIL_VERIFY_SHA256;
}

static int special_tokens_split(const config *c)
{
    return c->split_special_tokens == 1;
}

static int no_table(const config *c)
{
    return !c->table && strcmp(c->environment, "prod") == 0;
}

/* The hosts are those that botocore 1.44 derives for the same variables. */
#define HOST(name, text)                                                                           \
    static int name(const config *c)                                                               \
    {                                                                                              \
        return strcmp(c->store.host, text) == 0 && c->store.port == 443 && c->store.tls;           \
    }
HOST(fips, "dynamodb-fips.eu-west-3.amazonaws.com")
HOST(dual_stack, "dynamodb.eu-west-3.api.aws")
HOST(fips_dual_stack, "dynamodb-fips.eu-west-3.api.aws")
HOST(gov_cloud, "dynamodb.us-gov-west-1.amazonaws.com")
HOST(iso, "dynamodb.us-iso-east-1.c2s.ic.gov")
HOST(iso_b, "dynamodb.us-isob-east-1.sc2s.sgov.gov")
HOST(iso_e, "dynamodb.eu-isoe-west-1.cloud.adc-e.uk")
HOST(iso_f_dual_stack, "dynamodb.us-isof-south-1.api.aws.hci.ic.gov")
HOST(china_dual_stack, "dynamodb.cn-north-1.api.amazonwebservices.com.cn")
#undef HOST

/* Macros for texts of many bytes. */
#define X7(x) x x x x x x x
#define X8(x) X7(x) x
#define X63(x) X7(X8(x)) X7(x)
#define X64(x) X8(X8(x))
#define X255(x) X64(x) X64(x) X64(x) X63(x)
#define X1024(x) X64(X8(x) X8(x))
#define HASH "ab00000000000000000000000000000000000000000000000000000000000001"
#define TABLE "DATABASE_TABLE=items", "AWS_REGION=eu-west-3", "ENVIRONMENT=prod"

static const environment_case cases[] = {
    {"nothing", {NULL}, NULL, defaults},
    {"empty is absent",
     {"ENVIRONMENT=", "DISTIL_MAX_CHARS=", "DATABASE_TABLE=", "AWS_LAMBDA_LOG_LEVEL=",
      "DISTIL_STORE=none"},
     NULL,
     defaults},
    {"threads by memory", {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=7000"}, NULL, three_threads_of_memory},
    {"at most six", {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=999999"}, NULL, six_threads},
    {"threads by choice", {"DISTIL_THREADS=3"}, NULL, three_threads},
    {"memory of one CPU", {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1769"}, NULL, one_thread},
    {"memory of a CPU and a part", {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=3537"}, NULL, one_thread},
    {"memory of two CPUs", {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=3538"}, NULL, two_threads},
    {"no threads", {"DISTIL_THREADS=0"}, "DISTIL_THREADS is \"0\": give a whole number", NULL},
    {"threads and more", {"DISTIL_THREADS=3x"}, "DISTIL_THREADS is \"3x\"", NULL},
    {"loops", {"AWS_LAMBDA_MAX_CONCURRENCY=8"}, NULL, eight_loops},
    {"loops share the CPUs",
     {"AWS_LAMBDA_MAX_CONCURRENCY=2", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=7000"},
     NULL,
     two_loops_of_one},
    {"loops with threads by choice",
     {"AWS_LAMBDA_MAX_CONCURRENCY=2", "DISTIL_THREADS=3"},
     NULL,
     two_loops_of_three},
    {"loops that are no number", {"AWS_LAMBDA_MAX_CONCURRENCY=many"}, NULL, defaults},
    {"loops below none", {"AWS_LAMBDA_MAX_CONCURRENCY=-1"}, NULL, defaults},
    {"loops and more", {"AWS_LAMBDA_MAX_CONCURRENCY=8abc"}, NULL, defaults},
    {"loops at most", {"AWS_LAMBDA_MAX_CONCURRENCY=100000"}, NULL, most_loops},
    {"log level, any case", {"AWS_LAMBDA_LOG_LEVEL=debug"}, NULL, debug},
    {"log level", {"AWS_LAMBDA_LOG_LEVEL=LOUD"}, "AWS_LAMBDA_LOG_LEVEL is \"LOUD\"", NULL},
    {"model by a relative path", {"DISTIL_MODEL=m.distil"}, "give an absolute path", NULL},
    {"model of the archive", {"LAMBDA_TASK_ROOT=/proc/self/fd/" ARCHIVE}, NULL, files_of_archive},
    {"variables before the archive",
     {"LAMBDA_TASK_ROOT=/proc/self/fd/" ARCHIVE, "DISTIL_MODEL=/m", "AWS_CA_BUNDLE=/c"},
     NULL,
     files_of_variables},
    {"archive without files", {"LAMBDA_TASK_ROOT=/proc"}, NULL, defaults},
    {"archive by a relative path", {"LAMBDA_TASK_ROOT=."}, NULL, defaults},
    {"checked", {"DISTIL_VERIFY=crc"}, NULL, crc},
    {"not checked", {"DISTIL_VERIFY=none"}, NULL, unchecked},
    {"label map", {"DISTIL_LABEL_MAP=happy=positive,sad=negative"}, NULL, mapped},
    {"label map without a name",
     {"DISTIL_LABEL_MAP=happy"},
     "DISTIL_LABEL_MAP has \"happy\"",
     NULL},
    {"label map, an empty entry",
     {"DISTIL_LABEL_MAP=a=b,,c=d"},
     "DISTIL_LABEL_MAP has \",c=d\"",
     NULL},
    {"label map, an empty name", {"DISTIL_LABEL_MAP=a="}, "each name with 1 to 255 bytes", NULL},
    {"label map, a long name", {"DISTIL_LABEL_MAP=a=" X255("n") "n"}, "1 to 255 bytes", NULL},
    {"label map, two signs", {"DISTIL_LABEL_MAP=a=b=c"}, "LABEL=NAME", NULL},
    {"an origin", {"DISTIL_CORS_ORIGIN=https://example.com"}, NULL, one_origin},
    {"two origins",
     {"DISTIL_CORS_ORIGIN=https://a.com https://b.com"},
     "give * or one origin",
     NULL},
    {"proxy", {TABLE, "HTTPS_PROXY=http://proxy.internal:3128"}, NULL, by_proxy},
    {"proxy, no scheme, and lower case first",
     {TABLE, "https_proxy=proxy.internal:3128", "HTTPS_PROXY=http://other:1"},
     NULL,
     by_proxy},
    {"proxy with a password",
     {TABLE, "HTTPS_PROXY=http://user:p%40ss@proxy.internal/"},
     NULL,
     by_proxy_with_password},
    {"proxy with a password with an at sign",
     {TABLE, "HTTPS_PROXY=http://user:p@ss@proxy.internal"},
     NULL,
     by_proxy_with_password},
    {"proxy, an escape cut short",
     {TABLE, "HTTPS_PROXY=http://user:p%4@proxy.internal"},
     "HTTPS_PROXY: the proxy's user and password",
     NULL},
    {"proxy by TLS", {TABLE, "HTTPS_PROXY=https://proxy.internal"}, "not by https://", NULL},
    {"proxy without a host", {TABLE, "HTTPS_PROXY=http://"}, "give http://HOST:PORT", NULL},
    {"proxy with a path", {TABLE, "HTTPS_PROXY=http://proxy/a"}, "give http://HOST:PORT", NULL},
    {"proxy, but not for this host",
     {TABLE, "HTTPS_PROXY=http://proxy.internal:3128", "NO_PROXY=localhost,.amazonaws.com"},
     NULL,
     no_proxy},
    {"proxy, but not for this port",
     {TABLE, "HTTPS_PROXY=http://proxy.internal:3128", "no_proxy=amazonaws.com:443"},
     NULL,
     no_proxy},
    {"proxy, and other exceptions",
     {TABLE, "HTTPS_PROXY=http://proxy.internal:3128",
      "NO_PROXY=zonaws.com,amazonaws.com:80, s3.eu-west-3.amazonaws.com"},
     NULL,
     by_proxy},
    {"proxy for nobody",
     {TABLE, "HTTPS_PROXY=http://proxy.internal:3128", "NO_PROXY=*"},
     NULL,
     no_proxy},
    {"proxy, and plain HTTP",
     {TABLE, "HTTPS_PROXY=http://proxy.internal:3128",
      "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000"},
     NULL,
     local},
    {"checked how", {"DISTIL_VERIFY=md5"}, "none, crc or sha256", NULL},
    {"hash", {"DISTIL_MODEL_SHA256=" HASH}, NULL, hash},
    {"a hash is computed, whatever the variable says",
     {"DISTIL_MODEL_SHA256=" HASH, "DISTIL_VERIFY=crc"},
     NULL,
     hash_computed},
    {"special tokens are text", {"DISTIL_SPLIT_SPECIAL_TOKENS=1"}, NULL, special_tokens_split},
    {"special tokens, no flag", {"DISTIL_SPLIT_SPECIAL_TOKENS=yes"}, "give 0 or 1", NULL},
    {"hash, short", {"DISTIL_MODEL_SHA256=ab"}, "64 hexadecimal digits", NULL},
    {"hash, no hex", {"DISTIL_MODEL_SHA256=z" HASH}, "64 hexadecimal digits", NULL},
    {"threshold", {"DISTIL_NEUTRAL_THRESHOLD=.25"}, NULL, threshold_quarter},
    {"threshold 1", {"DISTIL_NEUTRAL_THRESHOLD=1"}, NULL, threshold_one},
    {"threshold, nine decimals", {"DISTIL_NEUTRAL_THRESHOLD=0.123456789"}, NULL, threshold_fine},
    {"threshold, ten decimals", {"DISTIL_NEUTRAL_THRESHOLD=0.1234567890"}, "9 decimals", NULL},
    {"threshold, ten digits", {"DISTIL_NEUTRAL_THRESHOLD=0000000000.5"}, "from 0 to 1", NULL},
    {"threshold, digits without end",
     {"DISTIL_NEUTRAL_THRESHOLD=." X255("0") "1"},
     "9 decimals",
     NULL},
    {"names as long as may be", {"ENVIRONMENT=" X255("e"), "MODEL_VERSION=" X63("v")}, NULL, named},
    {"environment too long", {"ENVIRONMENT=" X255("e") "e"}, "ENVIRONMENT has 256 bytes", NULL},
    {"environment, not ASCII", {"ENVIRONMENT=caf\xc3\xa9"}, "ENVIRONMENT is no dimension", NULL},
    {"environment, a line", {"ENVIRONMENT=a\nb"}, "ENVIRONMENT is no dimension", NULL},
    {"environment, a colon", {"ENVIRONMENT=:a"}, "ENVIRONMENT is no dimension", NULL},
    {"environment, blanks", {"ENVIRONMENT=  "}, "ENVIRONMENT is no dimension", NULL},
    {"version too long", {"MODEL_VERSION=" X63("v") "v"}, "MODEL_VERSION has 64 bytes", NULL},
    {"failures are not listed", {"DISTIL_SQS_REPORT_FAILURES=0"}, NULL, no_failures_listed},
    {"failures, no flag", {"DISTIL_SQS_REPORT_FAILURES=no"}, "give 0 or 1", NULL},
    {"threshold above 1", {"DISTIL_NEUTRAL_THRESHOLD=1.1"}, "from 0 to 1", NULL},
    {"threshold below 0", {"DISTIL_NEUTRAL_THRESHOLD=-0.1"}, "from 0 to 1", NULL},
    {"threshold nan", {"DISTIL_NEUTRAL_THRESHOLD=nan"}, "from 0 to 1", NULL},
    {"threshold, a point", {"DISTIL_NEUTRAL_THRESHOLD=."}, "from 0 to 1", NULL},
    {"threshold, two points", {"DISTIL_NEUTRAL_THRESHOLD=0.5.5"}, "from 0 to 1", NULL},
    {"characters", {"DISTIL_MAX_CHARS=0"}, "DISTIL_MAX_CHARS is \"0\"", NULL},
    {"characters, beyond 64 bits", {"DISTIL_MAX_CHARS=99999999999999999999"}, "whole number", NULL},
    {"table without region",
     {"DATABASE_TABLE=items", "ENVIRONMENT=x"},
     "AWS_REGION is \"\": give",
     NULL},
    {"default region wrong",
     {"DATABASE_TABLE=items", "AWS_DEFAULT_REGION=EU West", "ENVIRONMENT=x"},
     "AWS_DEFAULT_REGION is \"EU West\": give",
     NULL},
    {"table's ARN",
     {"DATABASE_TABLE=arn:aws:dynamodb:eu-west-3:123456789012:table/a.b-c_D",
      "AWS_REGION=eu-west-3", "ENVIRONMENT=x"},
     NULL,
     far_region},
    {"table with a space",
     {"DATABASE_TABLE=my items", "AWS_REGION=eu-west-3"},
     "DATABASE_TABLE is \"my items\": give a table's name or ARN",
     NULL},
    {"region that is none",
     {"DATABASE_TABLE=items", "AWS_REGION=eu/../evil", "ENVIRONMENT=x"},
     "AWS_REGION is \"eu/../evil\"",
     NULL},
    {"table", {TABLE}, NULL, paris},
    {"default region",
     {"DATABASE_TABLE=items", "AWS_DEFAULT_REGION=eu-west-3", "ENVIRONMENT=x"},
     NULL,
     paris},
    {"both regions",
     {"DATABASE_TABLE=items", "AWS_REGION=eu-west-3", "AWS_DEFAULT_REGION=us-east-1",
      "ENVIRONMENT=x"},
     NULL,
     far_region},
    {"region too long",
     {"DATABASE_TABLE=items", "AWS_REGION=" X255("r"), "ENVIRONMENT=x"},
     "AWS_REGION is 255 bytes long",
     NULL},
    {"table as long as may be",
     {"DATABASE_TABLE=" X1024("t"), "AWS_REGION=eu-west-3", "ENVIRONMENT=x"},
     NULL,
     long_table},
    {"table too long",
     {"DATABASE_TABLE=" X1024("t") "t", "AWS_REGION=eu-west-3"},
     "DATABASE_TABLE is \"tttt",
     NULL},
    {"China", {"DATABASE_TABLE=items", "AWS_REGION=cn-north-1", "ENVIRONMENT=x"}, NULL, china},
    {"Europe's own",
     {"DATABASE_TABLE=items", "AWS_REGION=eusc-de-east-1", "ENVIRONMENT=x"},
     NULL,
     sovereign},
    {"endpoint on this machine",
     {TABLE, "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000"},
     NULL,
     local},
    {"the service's endpoint goes first",
     {TABLE, "AWS_ENDPOINT_URL=http://127.0.0.1:9",
      "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000/"},
     NULL,
     local},
    {"endpoints ignored",
     {TABLE, "AWS_ENDPOINT_URL=http://127.0.0.1:9", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"},
     NULL,
     paris},
    {"endpoints ignored, any case",
     {TABLE, "AWS_ENDPOINT_URL=http://127.0.0.1:9", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE"},
     NULL,
     paris},
    {"endpoints not ignored",
     {TABLE, "AWS_ENDPOINT_URL=http://127.0.0.1:8000", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false"},
     NULL,
     local},
    {"plain HTTP elsewhere",
     {TABLE, "AWS_ENDPOINT_URL=http://dynamodb.internal"},
     "DISTIL_ALLOW_HTTP=1",
     NULL},
    {"plain HTTP elsewhere, allowed",
     {TABLE, "AWS_ENDPOINT_URL=http://dynamodb.internal", "DISTIL_ALLOW_HTTP=1"},
     NULL,
     within_vpc},
    {"no table and no word about it",
     {"DATABASE_TABLE=", "AWS_REGION=eu-west-3"},
     "neither DATABASE_TABLE nor DYNAMODB_TABLE is set: name the table, or set DISTIL_STORE=none",
     NULL},
    {"no store, by choice", {"DISTIL_STORE=none", "ENVIRONMENT=prod"}, NULL, no_table},
    {"no store and a table",
     {"DYNAMODB_TABLE=items", "DISTIL_STORE=none"},
     "DISTIL_STORE is none, but DYNAMODB_TABLE is set",
     NULL},
    {"a store that is none", {TABLE, "DISTIL_STORE=s3"}, "DISTIL_STORE is \"s3\": give none", NULL},
    {"the table of the function before",
     {"DYNAMODB_TABLE=items", "AWS_REGION=eu-west-3", "ENVIRONMENT=dev"},
     NULL,
     paris},
    {"both tables", {TABLE, "DYNAMODB_TABLE=others"}, NULL, paris},
    {"the table of the function before, wrong",
     {"DYNAMODB_TABLE=my items"},
     "DYNAMODB_TABLE is \"my items\": give a table's name or ARN",
     NULL},
    {"the region of the function before",
     {"DATABASE_TABLE=items", "CLOUD_REGION=eu-west-3", "AWS_REGION=us-east-1", "ENVIRONMENT=x"},
     NULL,
     paris},
    {"the region of the function before, wrong",
     {"DYNAMODB_TABLE=items", "CLOUD_REGION=Paris", "ENVIRONMENT=x"},
     "CLOUD_REGION is \"Paris\": give the region of DYNAMODB_TABLE",
     NULL},
    {"a table of no environment",
     {"DATABASE_TABLE=items", "AWS_REGION=eu-west-3"},
     "ENVIRONMENT is not set",
     NULL},
    {"FIPS", {TABLE, "AWS_USE_FIPS_ENDPOINT=true"}, NULL, fips},
    {"dual stack", {TABLE, "AWS_USE_DUALSTACK_ENDPOINT=True"}, NULL, dual_stack},
    {"FIPS and dual stack",
     {TABLE, "AWS_USE_FIPS_ENDPOINT=true", "AWS_USE_DUALSTACK_ENDPOINT=true"},
     NULL,
     fips_dual_stack},
    {"neither", {TABLE, "AWS_USE_FIPS_ENDPOINT=false"}, NULL, paris},
    {"GovCloud's endpoint is one of FIPS",
     {"DATABASE_TABLE=t", "AWS_REGION=us-gov-west-1", "ENVIRONMENT=x",
      "AWS_USE_FIPS_ENDPOINT=true"},
     NULL,
     gov_cloud},
    {"iso", {"DATABASE_TABLE=t", "AWS_REGION=us-iso-east-1", "ENVIRONMENT=x"}, NULL, iso},
    {"iso B", {"DATABASE_TABLE=t", "AWS_REGION=us-isob-east-1", "ENVIRONMENT=x"}, NULL, iso_b},
    {"iso E", {"DATABASE_TABLE=t", "AWS_REGION=eu-isoe-west-1", "ENVIRONMENT=x"}, NULL, iso_e},
    {"iso F, dual stack",
     {"DATABASE_TABLE=t", "AWS_REGION=us-isof-south-1", "ENVIRONMENT=x",
      "AWS_USE_DUALSTACK_ENDPOINT=true"},
     NULL,
     iso_f_dual_stack},
    {"China, dual stack",
     {"DATABASE_TABLE=t", "AWS_REGION=cn-north-1", "ENVIRONMENT=x",
      "AWS_USE_DUALSTACK_ENDPOINT=true"},
     NULL,
     china_dual_stack},
    {"a flag that is none", {"DISTIL_ALLOW_HTTP=yes"}, "give 0 or 1", NULL},
    {"an endpoint that is none", {TABLE, "AWS_ENDPOINT_URL=ftp://x"}, "https://HOST", NULL},
    {"an endpoint with a path", {TABLE, "AWS_ENDPOINT_URL=https://x/y"}, "without a path", NULL},
};

/* Make a folder with the files of an archive, named by the template `name`, and open it as
 * ARCHIVE_FD. Returns 0, or -1. */
static int make_archive(char *name)
{
    int folder = mkdtemp(name) ? open(name, O_RDONLY | O_DIRECTORY) : -1;

    for (size_t i = 0; folder >= 0 && i < 2; i++) {
        int file = openat(folder, archive_files[i], O_CREAT | O_WRONLY, 0600);

        if (file < 0 || close(file) != 0)
            return -1;
    }
    return folder >= 0 && dup2(folder, ARCHIVE_FD) == ARCHIVE_FD ? close(folder) : -1;
}

static void remove_archive(const char *name)
{
    for (size_t i = 0; i < 2; i++)
        unlinkat(ARCHIVE_FD, archive_files[i], 0);
    rmdir(name);
}

/* Returns 1 if a case says itself whether there is a store. */
static int names_store(const environment_case *e)
{
    for (size_t i = 0; i < MAX_SET && e->set[i]; i++)
        if (strstr(e->set[i], "_TABLE=") || strncmp(e->set[i], "DISTIL_STORE=", 13) == 0)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    char archive[] = "/tmp/test_config.XXXXXX";

    harness_init("test_config", argc, argv);
    if (make_archive(archive) != 0) {
        perror("test_config: archive");
        return 1;
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const environment_case *e = &cases[i];
        char why[512] = "";
        config c;
        int status;

        if (!harness_case("%s", e->name))
            continue;
        clearenv();
        if (!names_store(e))
            putenv((char *)(size_t) "DISTIL_STORE=none");
        for (size_t k = 0; k < MAX_SET && e->set[k]; k++)
            putenv((char *)(size_t)e->set[k]);
        status = config_read(&c, why, sizeof why);
        if (e->refused)
            CHECKF(status != 0 && strstr(why, e->refused) != NULL, "%d: %s", status, why);
        else
            CHECKF(status == 0 && e->check(&c), "%d: %s", status, why);
    }
    remove_archive(archive);
    return harness_finish();
}
