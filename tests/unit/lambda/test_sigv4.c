/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures: each case of AWS's test suite at each stage, the published cases of HMAC, a request
 * like the store's, and the limits.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lambda/aws/sigv4.h"
#include "runtime/base/checksum.h"
#include "runtime/base/hex.h"
#include "tests/support/harness.h"
#include "tests/support/support_sigv4.h"

enum { TEXT_BYTES = 16384, SUITE_CASES = 34, LINES = 64 };

#define SUITE "tests/data/sigv4"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static http_slice slice(const char *text)
{
    return (http_slice){text, strlen(text)};
}

/* ---- the suite ------------------------------------------------------------------------------- */

/* A case is a folder with files that are named after it. */
typedef struct vector {
    char folder[256], name[100];
    char *req, *creq, *sts, *authz, *sreq;
    http_header headers[LINES];
    char path[TEXT_BYTES], query[TEXT_BYTES]; /* The path and the query in their canonical form. */
    sigv4_request request;
} vector;

static char *read_part(const vector *v, const char *extension)
{
    char path[512];
    char *text;
    size_t bytes;

    snprintf(path, sizeof path, "%s/%s.%s", v->folder, v->name, extension);
    text = harness_read_file(harness_path(path), &bytes);
    if (text == NULL) {
        perror(path);
        abort();
    }
    return text;
}

/* The end of the header that begins at `at`. A line feed with a blank behind it continues the
 * header. */
static const char *header_end(const char *at)
{
    while (*at != '\0' && !(*at == '\n' && at[1] != ' ' && at[1] != '\t'))
        at++;
    return at;
}

/* The canonical form of a path or query, in `memory` of TEXT_BYTES. */
static http_slice canonical(char *memory, void (*add)(buffer *out, http_slice text),
                            http_slice text)
{
    buffer out;

    buffer_init(&out, memory, TEXT_BYTES);
    add(&out, text);
    CHECK(!out.overflow);
    return (http_slice){out.data, out.size};
}

/* Parse the request line and headers of a .req file. Its lines end with a line feed alone, and its
 * paths may have blanks in them. */
static void parse_request(vector *v)
{
    const char *method = v->req, *target = strchr(method, ' ') + 1, *line = strchr(target, '\n');
    const char *end = line, *question;
    size_t count = 0;

    while (*end != ' ')
        end--;
    question = memchr(target, '?', (size_t)(end - target));
    v->request.method = (http_slice){method, (size_t)(target - 1 - method)};
    v->request.canonical_path =
        canonical(v->path, canonical_add_path,
                  (http_slice){target, (size_t)((question ? question : end) - target)});
    v->request.canonical_query =
        canonical(v->query, canonical_add_query,
                  question != NULL ? (http_slice){question + 1, (size_t)(end - question - 1)}
                                   : (http_slice){end, 0});
    for (line++; *line != '\0' && *line != '\n'; line = *end == '\n' ? end + 1 : end) {
        const char *colon = strchr(line, ':');

        end = header_end(line);
        v->headers[count].name = (http_slice){line, (size_t)(colon - line)};
        v->headers[count].value = (http_slice){colon + 1, (size_t)(end - colon - 1)};
        count++;
    }
    v->request.body = slice(*line == '\n' ? line + 1 : line);
    v->request.headers = v->headers;
    v->request.header_count = count;
}

/* Add the session token as a header if the case wants the signer to do that: the signed request has
 * a token, the request has none, and the case signs it. One case has the token added after signing.
 * The test uses nothing else of the .sreq files: .authz has the same header Authorization, and one
 * .sreq has the signature of another case. */
static void add_token(vector *v)
{
    static const char name[] = "X-Amz-Security-Token";
    const char *at = strstr(v->sreq, "\nX-Amz-Security-Token:");
    const char *signed_names = strstr(v->authz, "SignedHeaders=");
    size_t count = v->request.header_count;

    if (at == NULL || strstr(v->req, name) != NULL ||
        strstr(signed_names, "x-amz-security-token") == NULL)
        return;
    at += sizeof name + 1;
    v->headers[count].name = slice(name);
    v->headers[count].value = (http_slice){at, strcspn(at, "\n")};
    v->request.header_count = count + 1;
}

static void read_vector(vector *v, const char *folder, const char *name)
{
    memset(v, 0, sizeof *v);
    snprintf(v->folder, sizeof v->folder, "%.120s/%.99s", folder, name);
    snprintf(v->name, sizeof v->name, "%.99s", name);
    v->req = read_part(v, "req");
    v->creq = read_part(v, "creq");
    v->sts = read_part(v, "sts");
    v->authz = read_part(v, "authz");
    v->sreq = read_part(v, "sreq");
    parse_request(v);
    add_token(v);
}

static void free_vector(vector *v)
{
    free(v->req);
    free(v->creq);
    free(v->sts);
    free(v->authz);
    free(v->sreq);
}

/* The text is exactly that of the file, except for blank lines at the file's end. */
static void check_text(const char *stage, const buffer *got, const char *expected)
{
    size_t size = strlen(expected);

    while (size > 0 && expected[size - 1] == '\n')
        size--;
    CHECKF(!got->overflow && got->size == size && memcmp(got->data, expected, size) == 0,
           "%s:\n%.*s\nexpected:\n%s", stage, (int)got->size, got->data, expected);
}

/* Each stage starts from the file of the stage before, so that a failure shows which stage is
 * wrong. */
static void run_vector(const vector *v)
{
    static const sigv4_scope scope = {"20150830T123600Z", "us-east-1", "service"};
    uint8_t key[SIGV4_SHA256_BYTES], signature[SIGV4_SHA256_BYTES];
    char memory[TEXT_BYTES], digits[65];
    buffer text;

    buffer_init(&text, memory, sizeof memory);
    if (harness_case("%s: canonical request", v->name)) {
        sigv4_canonical_request(&text, &v->request);
        check_text("canonical request", &text, v->creq);
    }
    buffer_clear(&text);
    if (harness_case("%s: string to sign", v->name)) {
        sigv4_string_to_sign(&text, &scope, v->creq, strlen(v->creq));
        check_text("string to sign", &text, v->sts);
    }
    sigv4_signing_key(key, SECRET, &scope);
    sigv4_signature(signature, key, v->sts, strlen(v->sts));
    hex_string(digits, signature, sizeof signature);
    if (harness_case("%s: signature", v->name))
        CHECKF(strstr(v->authz, digits) != NULL, "%s, expected %s", digits, v->authz);
    buffer_clear(&text);
    if (harness_case("%s: authorization", v->name)) {
        sigv4_authorization(&text, "AKIDEXAMPLE", &scope, &v->request, signature);
        check_text("authorization", &text, v->authz);
    }
}

/* Run the cases in a folder and in the folders below it. Returns their number. */
static size_t run_folder(const char *folder)
{
    DIR *entries = opendir(harness_path(folder));
    const struct dirent *entry;
    size_t count = 0;

    if (entries == NULL) {
        perror(folder);
        abort();
    }
    while ((entry = readdir(entries)) != NULL) {
        char path[512];
        struct stat about;
        vector v;

        snprintf(path, sizeof path, "%.200s/%.99s/%.99s.req", folder, entry->d_name, entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        if (stat(harness_path(path), &about) == 0) {
            read_vector(&v, folder, entry->d_name);
            run_vector(&v);
            free_vector(&v);
            count++;
            continue;
        }
        snprintf(path, sizeof path, "%.200s/%.99s", folder, entry->d_name);
        if (stat(harness_path(path), &about) == 0 && S_ISDIR(about.st_mode))
            count += run_folder(path);
    }
    closedir(entries);
    return count;
}

static void test_suite(void)
{
    size_t count = run_folder(SUITE);

    if (harness_case("the suite has %d cases", SUITE_CASES))
        CHECKF(count == SUITE_CASES, "%zu", count);
}

/* ---- a request of the store's kind ----------------------------------------------------------- */

#define BODY                                                                                       \
    "{\"TableName\":\"results\",\"Key\":{\"pk\":{\"S\":\"msg-1\"}},"                               \
    "\"UpdateExpression\":\"SET #s = :s\",\"ConditionExpression\":\"attribute_not_exists(pk)\","   \
    "\"ExpressionAttributeNames\":{\"#s\":\"status\"},"                                            \
    "\"ExpressionAttributeValues\":{\":s\":{\"S\":\"done\"}}}"

static void check_digest(const char *what, const uint8_t *digest, const char *expected)
{
    char digits[65];

    hex_string(digits, digest, 32);
    CHECKF(strcmp(digits, expected) == 0, "%s: %s", what, digits);
}

static void sha256(uint8_t digest[32], const char *bytes, size_t size)
{
    distil_sha256 sha;

    distil_sha256_init(&sha);
    distil_sha256_update(&sha, bytes, size);
    distil_sha256_final(&sha, digest);
}

/* botocore computed the expected values for the same request. */
static void test_known_answer(void)
{
    static const http_header headers[] = {
        {{"Host", 4}, {"dynamodb.us-east-1.amazonaws.com", 32}},
        {{"Content-Type", 12}, {"application/x-amz-json-1.0", 26}},
        {{"X-Amz-Target", 12}, {"DynamoDB_20120810.UpdateItem", 28}},
        {{"X-Amz-Date", 10}, {"20260115T123456Z", 16}},
        {{"X-Amz-Security-Token", 20}, {"AQoDYXdzEXAMPLETOKEN==", 22}}};
    static const sigv4_scope scope = {"20260115T123456Z", "us-east-1", "dynamodb"};
    const sigv4_request request = {.method = slice("POST"),
                                   .canonical_path = slice("/"),
                                   .canonical_query = slice(""),
                                   .headers = headers,
                                   .header_count = 5,
                                   .body = slice(BODY)};
    uint8_t digest[32], key[32];
    char memory[TEXT_BYTES], string[TEXT_BYTES];
    buffer canonical, to_sign;

    if (!harness_case("an update of DynamoDB as botocore signs it"))
        return;
    sha256(digest, BODY, sizeof BODY - 1);
    check_digest("body", digest,
                 "f906ebca9b8096f2e6f73d9d2b03ff50ea8b6b97b87ae05e854a83bb50dd9cd5");
    buffer_init(&canonical, memory, sizeof memory);
    sigv4_canonical_request(&canonical, &request);
    sha256(digest, canonical.data, canonical.size);
    check_digest("canonical request", digest,
                 "0c66cdfc13e8bec67f18ac316bc5e6929e873c4ad34e28ca8dd348933cb01ddf");
    sigv4_signing_key(key, SECRET, &scope);
    check_digest("key", key, "3e5a90f95f619d04564f5b5d1eb996f9c05830e937ab4a9be934e1ea8614395d");
    buffer_init(&to_sign, string, sizeof string);
    sigv4_string_to_sign(&to_sign, &scope, canonical.data, canonical.size);
    sigv4_signature(digest, key, to_sign.data, to_sign.size);
    check_digest("signature", digest,
                 "24ae820a2cd8f9e31956dbad58dc51f647f96b95b0fc4ca3ce9eaed947c12b68");
}

/* ---- HMAC and CRC ---------------------------------------------------------------------------- */

typedef struct hmac_case {
    const char *key;
    size_t key_bytes;
    const char *message;
    size_t message_bytes;
    /* The expected code, or its first digits in the case that the RFC truncates. */
    const char *mac;
} hmac_case;

#define REPEAT10(x) x x x x x x x x x x
#define BYTES(literal) literal, sizeof(literal) - 1

/* RFC 4231, sections 4.2 to 4.8, and two more cases by Python's hmac: a key of exactly one block,
 * and one with a byte more. */
static const hmac_case hmac_cases[] = {
    {BYTES(REPEAT10("\x0b") REPEAT10("\x0b")), BYTES("Hi There"),
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {BYTES("Jefe"), BYTES("what do ya want for nothing?"),
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {BYTES(REPEAT10("\xaa") REPEAT10("\xaa")), BYTES(REPEAT10("\xdd\xdd\xdd\xdd\xdd")),
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {BYTES("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15"
           "\x16\x17\x18\x19"),
     BYTES(REPEAT10("\xcd\xcd\xcd\xcd\xcd")),
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {BYTES(REPEAT10("\x0c") REPEAT10("\x0c")), BYTES("Test With Truncation"),
     "a3b6167473100ee06e0c796c2955552b"},
    {BYTES(REPEAT10(REPEAT10("\xaa")) REPEAT10("\xaa\xaa\xaa") "\xaa"),
     BYTES("Test Using Larger Than Block-Size Key - Hash Key First"),
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {BYTES(REPEAT10(REPEAT10("\xaa")) REPEAT10("\xaa\xaa\xaa") "\xaa"),
     BYTES("This is a test using a larger than block-size key and a larger than block-size data."
           " The key needs to be hashed before being used by the HMAC algorithm."),
     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    {BYTES(REPEAT10("aaaaaa") "aaaa"), BYTES("block"),
     "5a6f7a0b42d6ea1bd154a9ed687b0a621e9bc635c1c5105730aed283feb459a5"},
    {BYTES(REPEAT10("aaaaaa") "aaaaa"), BYTES("block"),
     "d37edf159bc052722a73143d190d799bedad84bed38ad68679bd225d65d5e1cc"},
};

static void test_hmac(void)
{
    for (size_t i = 0; i < sizeof hmac_cases / sizeof *hmac_cases; i++) {
        const hmac_case *c = &hmac_cases[i];
        uint8_t mac[SIGV4_SHA256_BYTES];
        char digits[65];

        if (!harness_case("HMAC, case %zu", i + 1))
            continue;
        sigv4_hmac(mac, c->key, c->key_bytes, c->message, c->message_bytes);
        hex_string(digits, mac, sizeof mac);
        CHECKF(memcmp(digits, c->mac, strlen(c->mac)) == 0, "%s", digits);
    }
}

/* Secrets of many lengths: with "AWS4" before it, the key is shorter than a block, fills it, or is
 * longer. */
static void test_long_secret(void)
{
    static const sigv4_scope scope = {"20260115T123456Z", "r", "s"};

    for (size_t size = 0; size <= 140; size++) {
        char secret[160] = "", prefixed[160];
        uint8_t key[32], expected[32];

        if (!harness_case("a secret of %zu bytes", size))
            continue;
        memset(secret, 'x', size);
        snprintf(prefixed, sizeof prefixed, "AWS4%s", secret);
        sigv4_hmac(expected, prefixed, strlen(prefixed), "20260115", 8);
        sigv4_hmac(expected, expected, 32, "r", 1);
        sigv4_hmac(expected, expected, 32, "s", 1);
        sigv4_hmac(expected, expected, 32, "aws4_request", 12);
        sigv4_signing_key(key, secret, &scope);
        CHECK(memcmp(key, expected, 32) == 0);
    }
}

/* ---- spellings and limits beyond the suite --------------------------------------------------- */

typedef struct spelling {
    const char *path, *query, *canonical_path, *canonical_query;
} spelling;

static const spelling spellings[] = {
    {"", "", "/", ""},
    /* Services other than S3 escape what is sent once more. */
    {"/a%20b", "", "/a%2520b", ""},
    {"/a/../../b/", "", "/b/", ""},
    {"/a/b/..", "", "/a", ""},
    {"/...", "", "/...", ""},
    {"/a//./b", "", "/a/b", ""},
    {"/", "b&a", "/", "a=&b="},
    {"/", "a=2&a=1&a", "/", "a=&a=1&a=2"},
    {"/", "a-=1&a=2", "/", "a=2&a-=1"},
    {"/", "a=b=c", "/", "a=b%3Dc"},
    {"/", "a=%7e%2f%2G%", "/", "a=~%2F%252G%25"},
    {"/", "&&a=1&", "/", "a=1"},
    {"/", "a=x+y", "/", "a=x%2By"},
};

static void test_spellings(void)
{
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        const spelling *s = &spellings[i];
        sigv4_request request = {.method = slice("GET"), .body = slice("")};
        char memory[TEXT_BYTES], expected[TEXT_BYTES], path[TEXT_BYTES], query[TEXT_BYTES];
        buffer text;

        if (!harness_case("%s?%s", s->path, s->query))
            continue;
        request.canonical_path = canonical(path, canonical_add_path, slice(s->path));
        request.canonical_query = canonical(query, canonical_add_query, slice(s->query));
        buffer_init(&text, memory, sizeof memory);
        sigv4_canonical_request(&text, &request);
        buffer_char(&text, '\0');
        snprintf(expected, sizeof expected, "GET\n%s\n%s\n", s->canonical_path, s->canonical_query);
        CHECKF(strncmp(text.data, expected, strlen(expected)) == 0, "%s", text.data);
    }
}

static int overflows(size_t headers, size_t parameters, size_t query_bytes, size_t capacity)
{
    static http_header many[SIGV4_MAX_HEADERS + 1];
    static char query[CANONICAL_MAX_QUERY_BYTES + 2 * CANONICAL_MAX_PARAMETERS + 16];
    static char memory[TEXT_BYTES], query_memory[TEXT_BYTES];
    sigv4_request request = {
        .method = slice("GET"), .canonical_path = slice("/"), .body = slice("")};
    size_t size = 0;
    buffer text, escaped;

    for (size_t i = 0; i < headers; i++)
        many[i] = (http_header){slice("name"), slice("value")};
    for (size_t i = 0; i < parameters; i++) {
        query[size++] = 'a';
        query[size++] = '&';
    }
    memset(query + size, 'b', query_bytes);
    request.headers = many;
    request.header_count = headers;
    buffer_init(&escaped, query_memory, sizeof query_memory);
    canonical_add_query(&escaped, (http_slice){query, size + query_bytes});
    request.canonical_query = (http_slice){escaped.data, escaped.size};
    buffer_init(&text, memory, capacity);
    sigv4_canonical_request(&text, &request);
    return text.overflow || escaped.overflow;
}

static void test_limits(void)
{
    if (!harness_case("what is too much is refused"))
        return;
    CHECK(!overflows(SIGV4_MAX_HEADERS, 0, 0, TEXT_BYTES));
    CHECK(overflows(SIGV4_MAX_HEADERS + 1, 0, 0, TEXT_BYTES));
    CHECK(!overflows(0, CANONICAL_MAX_PARAMETERS, 0, TEXT_BYTES));
    CHECK(overflows(0, CANONICAL_MAX_PARAMETERS + 1, 0, TEXT_BYTES));
    CHECK(!overflows(0, 0, CANONICAL_MAX_QUERY_BYTES, TEXT_BYTES));
    CHECK(overflows(0, 0, CANONICAL_MAX_QUERY_BYTES + 1, TEXT_BYTES));
    for (size_t capacity = 0; capacity < 80; capacity++)
        CHECK(overflows(1, 1, 1, capacity));
}

int main(int argc, char **argv)
{
    harness_init("test_sigv4", argc, argv);
    test_suite();
    test_known_answer();
    test_hmac();
    test_long_secret();
    test_spellings();
    test_limits();
    return harness_finish();
}
