/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many CPUs this process may keep busy: never the host's number.
 */
#ifndef DISTIL_RUNTIME_CPUS_H
#define DISTIL_RUNTIME_CPUS_H

#include <stddef.h>

/* CPUs in the calling thread's affinity mask, which cpusets limit too; 1 if it cannot be read. */
size_t distil_cpus_affinity(void);

/*
 * Whole CPUs that the CPU quota of the process's control group and of all groups above it allows,
 * at least 1; SIZE_MAX where there is no quota or none can be read. cgroup v1 and v2, found by
 * /proc/self/cgroup and /proc/self/mountinfo. root is put before every path: "" but in tests.
 *
 * Parts of a CPU are cut off: threads that use up a quota early are all stopped for the rest of its
 * period, tens of milliseconds in the midst of a pass.
 */
size_t distil_cpus_quota(const char *root);

/* The lesser of the two. Opens and reads files; not a cancellation point. */
size_t distil_cpus_usable(void);

#endif
