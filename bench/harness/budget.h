/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budgets file: what may be how much at most. bench/budgets.schema.json describes it to editors
 * and bench/budgets.json is the project's own.
 *
 *     {
 *       "version": 1,
 *       "budgets": [ {"name": "latency/avx2/128", "max": 1.35, "why": "..."}, ... ],
 *       "machines": [ {"cpu": "text in the CPU's name", "budgets": [ ... ]} ]
 *     }
 *
 * Names are those of measure.h. Budgets under "budgets" are portable: multiples of what this host
 * can do, counts and sizes. Absolute times are allowed under "machines" only, and apply where the
 * CPU's name contains the text. A file that is wrong is refused with line, key and reason.
 */
#ifndef DISTIL_BENCH_HARNESS_BUDGET_H
#define DISTIL_BENCH_HARNESS_BUDGET_H

#include <stddef.h>

enum { BUDGET_MAX = 96, BUDGET_NAME_BYTES = 64, BUDGET_WHY_BYTES = 200 };

typedef struct budget {
    char name[BUDGET_NAME_BYTES];
    char why[BUDGET_WHY_BYTES];
    double max; /* > 0 */
} budget;

typedef struct budget_list {
    budget items[BUDGET_MAX];
    size_t count;
} budget_list;

/* Read text (bytes) of a file that is called `file` in messages; cpu is this CPU's name. 0, or -1
 * with one line in why. */
int budget_parse(budget_list *list, const char *file, const char *text, size_t bytes,
                 const char *cpu, char *why, size_t why_bytes);

#endif
