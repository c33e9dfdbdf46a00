/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budgets file, which says how much each figure may be at most. bench/budgets.schema.json is
 * its JSON schema, and bench/budgets.json is the file of this project.
 *
 *     {
 *       "version": 1,
 *       "budgets": [ {"name": "latency/avx2/128", "max": 1.35, "why": "..."}, ... ],
 *       "machines": [ {"cpu": "text in the CPU's name", "budgets": [ ... ]} ]
 *     }
 *
 * The names are those of measure.h. Budgets under "budgets" hold on every machine, so they are
 * multiples of what the host can do, counts and sizes. Absolute times may stand under "machines"
 * only, and hold where the CPU's name contains the text. The parser refuses a wrong file with the
 * line, the key and the reason.
 */
#ifndef DISTIL_BENCH_HARNESS_BUDGET_H
#define DISTIL_BENCH_HARNESS_BUDGET_H

#include <stddef.h>

enum { BUDGET_MAX = 96, BUDGET_NAME_BYTES = 64, BUDGET_WHY_BYTES = 200 };

typedef struct budget {
    char name[BUDGET_NAME_BYTES];
    char why[BUDGET_WHY_BYTES]; /* the reason for the limit, from the file */
    double max;                 /* the limit, above 0 */
} budget;

typedef struct budget_list {
    budget items[BUDGET_MAX];
    size_t count;
} budget_list;

/* Parses the text of a budgets file, which messages call `file`. `cpu` is the name of this CPU.
 * Returns 0, or -1 with one line in `why`. */
int budget_parse(budget_list *list, const char *file, const char *text, size_t bytes,
                 const char *cpu, char *why, size_t why_bytes);

#endif
