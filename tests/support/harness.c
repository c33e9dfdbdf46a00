/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Implementation of the test harness; harness.h is its manual.
 */
#include "tests/support/harness.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/random.h"

enum {
    NAME_BYTES = 256,
    /* The harness prints this many failures of a case and counts the others. */
    SHOWN_FAILURES = 8,
    CLOSE_ON_EXEC = 1, /* The kernel's number of MFD_CLOEXEC. */
    RED_ZONE = 0xA5    /* This byte fills guarded buffers and what surrounds them. */
};

typedef enum case_state { CASE_NONE, CASE_OPEN, CASE_FAILED, CASE_SKIPPED } case_state;

/* The state of the run. */
static struct {
    const char *program; /* the path that the program was started by */
    const char *name;
    const char *filter;
    int verbose;
    int list;
    uint64_t seed;
    uint64_t random; /* the state of splitmix64 */
    char case_name[NAME_BYTES];
    case_state state;
    size_t failures; /* the number of failures of the current case */
    size_t passed, failed, skipped;
} run = {.program = "test", .name = "test", .seed = 1};

/* ---- command line ------------------------------------------------------------------------- */

static void usage_error(const char *text, const char *argument)
{
    fprintf(stderr, "%s: %s '%s' (options: -v --seed N --filter WILDCARD --list)\n", run.name, text,
            argument);
    exit(2);
}

static const char *option_value(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc)
        usage_error("missing value after", argv[*i]);
    *i += 1;
    return argv[*i];
}

static uint64_t parse_seed(const char *text)
{
    char *end = NULL;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0')
        usage_error("not a seed:", text);
    return value;
}

int harness_init(const char *name, int argc, char **argv)
{
    int kept = argc > 0 ? 1 : 0;

    run.name = name;
    if (argc > 0)
        run.program = argv[0];
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            run.verbose = 1;
        else if (strcmp(argv[i], "--list") == 0)
            run.list = 1;
        else if (strcmp(argv[i], "--seed") == 0)
            run.seed = parse_seed(option_value(argc, argv, &i));
        else if (strcmp(argv[i], "--filter") == 0)
            run.filter = option_value(argc, argv, &i);
        else
            argv[kept++] = argv[i];
    }
    if (kept < argc)
        argv[kept] = NULL;
    harness_reseed(0);
    return kept;
}

/* ---- cases -------------------------------------------------------------------------------- */

/* Print the command that runs the current case alone. In the wildcard, '?' stands for characters
 * that the shell or fnmatch would treat specially. */
static void print_rerun(void)
{
    char wildcard[NAME_BYTES];

    strcpy(wildcard, run.case_name);
    for (char *c = wildcard; *c != '\0'; c++)
        if (strchr("[]\\'", *c) != NULL)
            *c = '?';
    printf("rerun: %s --seed %llu --filter '%s'\n", run.program, (unsigned long long)run.seed,
           wildcard);
}

static void close_case(void)
{
    if (run.state == CASE_OPEN) {
        run.passed++;
        if (run.verbose)
            printf("ok %s\n", run.case_name);
    } else if (run.state == CASE_FAILED) {
        run.failed++;
        if (run.failures > SHOWN_FAILURES)
            printf("not ok %s: %zu more\n", run.case_name, run.failures - SHOWN_FAILURES);
        print_rerun();
    } else if (run.state == CASE_SKIPPED) {
        run.skipped++;
    }
    run.state = CASE_NONE;
    run.failures = 0;
    fflush(stdout);
}

/* FNV-1a hash of a case's name. It seeds the case, so that the cases before it do not change its
 * random numbers. */
static uint64_t hash_name(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

int harness_case(const char *format, ...)
{
    va_list arguments;

    close_case();
    va_start(arguments, format);
    vsnprintf(run.case_name, sizeof run.case_name, format, arguments);
    va_end(arguments);
    if (run.filter != NULL && fnmatch(run.filter, run.case_name, 0) != 0)
        return 0;
    if (run.list) {
        puts(run.case_name);
        return 0;
    }
    run.state = CASE_OPEN;
    harness_reseed(hash_name(run.case_name));
    return 1;
}

void harness_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    if (run.state == CASE_NONE)
        snprintf(run.case_name, sizeof run.case_name, "(outside a case)");
    run.state = CASE_FAILED;
    if (run.failures++ >= SHOWN_FAILURES)
        return;
    printf("not ok %s: %s:%d: ", run.case_name, file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf(" [--seed %llu]\n", (unsigned long long)run.seed);
    fflush(stdout);
}

void harness_skip(const char *reason)
{
    if (run.state == CASE_FAILED)
        return;
    run.state = CASE_SKIPPED;
    printf("skip %s: %s\n", run.case_name, reason);
}

int harness_finish(void)
{
    close_case();
    if (run.list)
        return 0;
    printf("%s: %zu passed, %zu failed, %zu skipped\n", run.name, run.passed, run.failed,
           run.skipped);
    return run.failed == 0 && run.passed + run.skipped > 0 ? 0 : 1;
}

/* ---- random numbers ----------------------------------------------------------------------- */

void harness_reseed(uint64_t salt)
{
    run.random = run.seed ^ (salt << 32 | salt >> 32);
}

uint64_t harness_random(void)
{
    return splitmix64(&run.random);
}

float harness_uniform(float lo, float hi)
{
    float unit = (float)(harness_random() >> 40) * 0x1p-24f;

    return lo + (hi - lo) * unit;
}

/* ---- guarded buffers ---------------------------------------------------------------------- */

harness_guard harness_guard_new(size_t bytes, size_t align, int at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inner = (bytes + page - 1) / page * page + (bytes == 0 ? page : 0);
    harness_guard guard = {.map_bytes = inner + 2 * page, .bytes = bytes};
    unsigned char *base;

    guard.map = mmap(NULL, guard.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guard.map == MAP_FAILED ||
        mprotect((char *)guard.map + page, inner, PROT_READ | PROT_WRITE) != 0) {
        fprintf(stderr, "%s: cannot map %zu guarded bytes: %s\n", run.name, bytes, strerror(errno));
        abort();
    }
    base = (unsigned char *)guard.map + page;
    guard.data = at_end ? base + ((inner - bytes) & ~(align - 1)) : base;
    memset(base, RED_ZONE, inner);
    return guard;
}

static int all_red(const unsigned char *begin, const unsigned char *end)
{
    for (; begin < end; begin++)
        if (*begin != RED_ZONE)
            return 0;
    return 1;
}

int harness_guard_check(const harness_guard *guard)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const unsigned char *base = (const unsigned char *)guard->map + page;
    const unsigned char *end = (const unsigned char *)guard->map + guard->map_bytes - page;

    return all_red(base, guard->data) && all_red(guard->data + guard->bytes, end);
}

void harness_guard_free(harness_guard *guard)
{
    munmap(guard->map, guard->map_bytes);
    *guard = (harness_guard){0};
}

/* ---- files -------------------------------------------------------------------------------- */

const char *harness_path(const char *relative)
{
    static char path[4096];
    const char *root = getenv("DISTIL_TEST_ROOT");

    snprintf(path, sizeof path, "%s/%s", root != NULL ? root : ".", relative);
    return path;
}

/* Reads until the end of the file instead of asking for its size, so that pipes work too. */
char *harness_read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t used = 0;
    size_t room = 0;

    if (file == NULL)
        return NULL;
    for (;;) {
        size_t got;

        if (room - used < 2) {
            char *larger;

            room = room == 0 ? 65536 : room * 2;
            larger = realloc(text, room);
            if (larger == NULL)
                break;
            text = larger;
        }
        got = fread(text + used, 1, room - used - 1, file);
        used += got;
        if (got == 0 && feof(file)) {
            fclose(file);
            text[used] = '\0';
            if (bytes != NULL)
                *bytes = used;
            return text;
        }
        if (got == 0)
            break;
    }
    free(text);
    fclose(file);
    return NULL;
}

int harness_memory_file(void)
{
    return (int)syscall(SYS_memfd_create, "test", CLOSE_ON_EXEC);
}
