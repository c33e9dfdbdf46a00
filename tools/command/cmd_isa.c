/* SPDX-License-Identifier: Apache-2.0 */
/* distil isa: what this CPU has, which level is chosen and why, which kernels that means. */
#include <stdio.h>
#include <string.h>

#include "kernels/kernels.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_util.h"
#include "tools/command/commands.h"

static const cmd_option_id accepted[] = {CMD_OPT_ISA, CMD_OPT_JSON, CMD_OPT_HELP, CMD_OPT_COUNT};

static const cmd_manual manual = {
    "isa",
    "[options]",
    "Write what this CPU is, which instruction-set levels it and the operating system can\n"
    "run, what the others lack, which level is chosen and why, and which variant of each\n"
    "operation that is. Every level gives the same answers to the last bit.\n",
    "  distil isa\n"
    "  DISTIL_ISA=avx2 distil isa\n"
    "  distil isa --json\n",
    accepted,
};

/* Every variant that is linked, in ascending order of levels. */
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

typedef struct report {
    distil_cpuid cpu;
    distil_isa cap;
    const char *cap_source; /* NULL: no cap */
    distil_level best;      /* without a cap */
    distil_level chosen;
} report;

/* The variant of an operation in the table of a level: the highest one up to it. */
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

/* Bits of XCR0: 1 and 2 for xmm and ymm, 5 to 7 for mask registers and zmm. */
static int has_ymm(const distil_cpuid *cpu)
{
    return (cpu->xcr0 & 0x06) == 0x06;
}

static int has_zmm(const distil_cpuid *cpu)
{
    return (cpu->xcr0 & 0xe6) == 0xe6;
}

static void print_report(const report *r)
{
    (void)printf("CPU       %s\n", r->cpu.brand[0] != '\0' ? r->cpu.brand : "unnamed");
    (void)printf("registers enabled by the operating system: ymm %s, zmm %s\n\n",
                 yes_no(has_ymm(&r->cpu)), yes_no(has_zmm(&r->cpu)));
    (void)printf("level       runs here\n");
    for (int l = 0; l < DISTIL_LEVEL_COUNT; l++) {
        const char *missing = NULL;
        int can = distil_cpuid_has(&r->cpu, (distil_level)l, &missing);

        (void)printf("%-10s  %s%s%s%s\n", distil_level_name((distil_level)l), yes_no(can),
                     can ? "" : ", lacks ", can ? "" : missing,
                     (distil_level)l == r->chosen ? "   <- chosen" : "");
    }
    (void)printf("\nchosen    %s: ", distil_level_name(r->chosen));
    if (r->chosen == r->best)
        (void)printf("the highest that runs here\n");
    else
        (void)printf("the highest up to the cap %s=%s (without it: %s)\n", r->cap_source,
                     distil_isa_name(r->cap), distil_level_name(r->best));
    (void)printf("kernels  ");
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        (void)printf(" %s:%s", operations[i], variant_of(operations[i], r->chosen));
    (void)putchar('\n');
}

static void print_json(const report *r)
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
        (void)putchar('}');
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
    report r;
    int code = cmd_options_parse(&options, &manual, argc, argv);

    if (code >= 0)
        return code;
    code = CMD_USAGE;
    if (options.word_count > 0) {
        code = cmd_usage_error("isa", "no argument is expected: '%s'", options.words[0]);
    } else if (cmd_choose_isa(&r.cap, &r.cap_source, options.isa) == 0) {
        distil_cpuid_read(&r.cpu);
        r.best = distil_cpuid_best(&r.cpu, DISTIL_LEVEL_AVX512VNNI);
        r.chosen = r.best;
        if (r.cap != DISTIL_ISA_BEST)
            r.chosen = distil_cpuid_best(&r.cpu, (distil_level)r.cap);
        if (options.format == CMD_FORMAT_JSON)
            print_json(&r);
        else
            print_report(&r);
        code = cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
    }
    cmd_options_free(&options);
    return code;
}
