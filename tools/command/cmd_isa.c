/* SPDX-License-Identifier: Apache-2.0 */
/* distil isa: shows what this CPU has, which level is chosen and why, and with which kernels. */
#include <stdio.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_output.h"
#include "tools/command/commands.h"

/* A variant of an operation that is linked into this program. */
typedef struct variant {
    const char *operation;
    const char *level;
} variant;

static const variant variants[] = {
#define KERNEL(op, isa) {#op, #isa},
#include "kernels/kernels.inc"
#undef KERNEL
};

static const char *const operations[] = {
#define OP(op) #op,
    DISTIL_OPS(OP)
#undef OP
};

enum {
    VARIANT_COUNT = sizeof variants / sizeof variants[0],
    OPERATION_COUNT = sizeof operations / sizeof operations[0]
};

/* What the command shows. The cap is the highest level that the user allows. */
typedef struct isa_report {
    distil_cpuid cpu;
    distil_isa cap;
    const char *cap_source; /* "--isa" or "DISTIL_ISA"; NULL without a cap */
    distil_level best;      /* the highest level that runs here */
    distil_level chosen;    /* the highest level that runs here and is not above the cap */
} isa_report;

/* Returns the level of the variant that is used for an operation at `level`: the highest variant
 * that is not above that level. */
static const char *variant_of(const char *operation, distil_level level)
{
    const char *found = "none";

    for (int l = DISTIL_LEVEL_SCALAR; l <= (int)level; l++)
        for (size_t i = 0; i < VARIANT_COUNT; i++)
            if (strcmp(variants[i].operation, operation) == 0 &&
                strcmp(variants[i].level, distil_level_name((distil_level)l)) == 0)
                found = variants[i].level;
    return found;
}

static const char *yes_no(int condition)
{
    return condition ? "yes" : "no";
}

/* Returns 1 if the operating system saves xmm and ymm registers: bits 1 and 2 of XCR0. */
static int has_ymm(const distil_cpuid *cpu)
{
    return (cpu->xcr0 & 0x06) == 0x06;
}

/* Returns 1 if the operating system also saves mask and zmm registers: bits 5 to 7 of XCR0. */
static int has_zmm(const distil_cpuid *cpu)
{
    return (cpu->xcr0 & 0xe6) == 0xe6;
}

/* Returns the number of variants of a level that are compiled into this program. */
static size_t count_variants(distil_level level)
{
    size_t count = 0;

    for (size_t i = 0; i < VARIANT_COUNT; i++)
        count += strcmp(variants[i].level, distil_level_name(level)) == 0;
    return count;
}

/* Returns 1 if the CPU runs the level, but the user's cap excludes it. */
static int is_disabled(const isa_report *r, distil_level level)
{
    return r->cap != DISTIL_ISA_BEST && (int)level > (int)(r->cap - DISTIL_ISA_SCALAR) &&
           distil_cpuid_has(&r->cpu, level, NULL);
}

/* Prints one line for a level: whether it runs here, and if it is not available, why not. */
static void print_level(const isa_report *r, distil_level level)
{
    const char *missing = NULL;

    (void)printf("%-10s  ", distil_level_name(level));
    if (!distil_cpuid_has(&r->cpu, level, &missing))
        (void)printf("no, lacks %s", missing);
    else if (is_disabled(r, level))
        (void)printf("yes, disabled by %s=%s", r->cap_source, distil_isa_name(r->cap));
    else
        (void)printf("yes%s", level == r->chosen ? "   <- chosen" : "");
    (void)putchar('\n');
}

static void print_text(const isa_report *r)
{
    (void)printf("CPU       %s\n", r->cpu.brand[0] != '\0' ? r->cpu.brand : "unnamed");
    (void)printf("registers enabled by the operating system: ymm %s, zmm %s\n\n",
                 yes_no(has_ymm(&r->cpu)), yes_no(has_zmm(&r->cpu)));
    (void)printf("level       runs here\n");
    for (int l = 0; l < DISTIL_LEVEL_COUNT; l++)
        print_level(r, (distil_level)l);
    (void)printf("\nchosen    %s: ", distil_level_name(r->chosen));
    if (r->chosen == r->best)
        (void)printf("the highest that runs here\n");
    else
        (void)printf("the highest up to the cap %s=%s (without it: %s)\n", r->cap_source,
                     distil_isa_name(r->cap), distil_level_name(r->best));
    (void)printf("kernels  ");
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        (void)printf(" %s:%s", operations[i], variant_of(operations[i], r->chosen));
    (void)printf("\ncompiled ");
    for (int l = 0; l < DISTIL_LEVEL_COUNT; l++)
        (void)printf(" %s:%zu", distil_level_name((distil_level)l),
                     count_variants((distil_level)l));
    (void)putchar('\n');
}

static void print_json(const isa_report *r)
{
    (void)fputs("{\"cpu\":", stdout);
    cmd_json_string(stdout, r->cpu.brand, strlen(r->cpu.brand));
    (void)printf(",\"os_ymm\":%s,\"os_zmm\":%s,\"levels\":[", has_ymm(&r->cpu) ? "true" : "false",
                 has_zmm(&r->cpu) ? "true" : "false");
    for (int l = 0; l < DISTIL_LEVEL_COUNT; l++) {
        const char *missing = NULL;
        int can = distil_cpuid_has(&r->cpu, (distil_level)l, &missing);

        (void)printf("%s{\"level\":\"%s\",\"runs\":%s", l > 0 ? "," : "",
                     distil_level_name((distil_level)l), can ? "true" : "false");
        if (!can)
            (void)printf(",\"lacks\":\"%s\"", missing);
        (void)printf(",\"disabled\":%s,\"compiled\":%zu}",
                     is_disabled(r, (distil_level)l) ? "true" : "false",
                     count_variants((distil_level)l));
    }
    (void)printf("],\"best\":\"%s\",\"cap\":", distil_level_name(r->best));
    if (r->cap_source != NULL)
        (void)printf("\"%s\",\"cap_from\":\"%s\"", distil_isa_name(r->cap), r->cap_source);
    else
        (void)fputs("null,\"cap_from\":null", stdout);
    (void)printf(",\"chosen\":\"%s\",\"kernels\":{", distil_level_name(r->chosen));
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        (void)printf("%s\"%s\":\"%s\"", i > 0 ? "," : "", operations[i],
                     variant_of(operations[i], r->chosen));
    (void)fputs("}}\n", stdout);
}

int cmd_isa(int argc, char **argv)
{
    cmd_options options;
    isa_report r;
    int code = cmd_options_parse(&options, &cmd_manuals[CMD_ISA], argc, argv);

    if (code >= 0)
        return code;
    code = CMD_USAGE;
    if (options.word_count > 0) {
        code = cmd_usage_error("isa", "no argument is expected: '%s'", options.words[0]);
    } else if (cmd_choose_isa(&r.cap, &r.cap_source, options.isa) == 0) {
        distil_cpuid_read(&r.cpu);
        r.best = distil_cpuid_best(&r.cpu, DISTIL_LEVEL_BEST);
        r.chosen = r.best;
        if (r.cap != DISTIL_ISA_BEST)
            r.chosen = distil_cpuid_best(&r.cpu, (distil_level)(r.cap - DISTIL_ISA_SCALAR));
        if (options.format == CMD_FORMAT_JSON)
            print_json(&r);
        else
            print_text(&r);
        code = cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
    }
    cmd_options_free(&options);
    return code;
}
