/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many CPUs this process may keep busy, which can be fewer than the machine has.
 */
#ifndef DISTIL_RUNTIME_CPUS_H
#define DISTIL_RUNTIME_CPUS_H

#include <stddef.h>

/* Returns the number of CPUs in the calling thread's affinity mask, which taskset and cpusets
 * limit, or 1 if the mask cannot be read. */
size_t distil_cpus_affinity(void);

/*
 * Returns the number of whole CPUs, at least 1, that the CPU quotas of the process's control group
 * and of all groups above it allow, or SIZE_MAX where there is no quota or none can be read. It
 * knows cgroup v1 and v2, and finds the groups by /proc/self/cgroup and /proc/self/mountinfo.
 *
 * The number is rounded down. The kernel stops all threads of a group that has used up its quota
 * until the next period begins, which would be tens of milliseconds in the middle of a pass.
 *
 * Every path is prefixed with `root`, which is "" except in tests.
 */
size_t distil_cpus_quota(const char *root);

/* Returns how many CPUs this process may keep busy: the CPUs of the affinity mask or those of the
 * quota, whichever are fewer. It opens and reads files, keeps errno, and is not a cancellation
 * point. */
size_t distil_cpus_usable(void);

#endif
