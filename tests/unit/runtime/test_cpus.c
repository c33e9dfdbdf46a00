/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests the number of usable CPUs. The files of control groups are made in a temporary directory,
 * as they look on various machines and in containers, and with content that makes no sense.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cpus.h"
#include "tests/support/harness.h"
#include "tests/support/support_blob.h"

#define NONE SIZE_MAX

typedef struct file {
    const char *path, *content;
} file;

typedef struct machine {
    const char *name;
    size_t quota; /* the number of CPUs that the library must find */
    file files[8];
} machine;

#define CGROUP "/proc/self/cgroup"
#define MOUNTS "/proc/self/mountinfo"
#define V2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1 "33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
#define V1_CPUSET                                                                                  \
    "34 31 0:30 / /sys/fs/cgroup/cpuset rw shared:12 master:3 - cgroup cgroup rw,cpuset\n"

static const machine machines[] = {
    {"no control groups", NONE, {{NULL, NULL}}},
    {"no mounts", NONE, {{CGROUP, "0::/\n"}}},
    {"v2, no limit",
     NONE,
     {{CGROUP, "0::/\n"}, {MOUNTS, V2}, {"/sys/fs/cgroup/cpu.max", "max 100000\n"}}},
    {"v2, root group has no file", NONE, {{CGROUP, "0::/user.slice\n"}, {MOUNTS, V2}}},
    {"v2, container with a namespace",
     3,
     {{CGROUP, "0::/\n"}, {MOUNTS, V2}, {"/sys/fs/cgroup/cpu.max", "350000 100000\n"}}},
    {"v2, less than one CPU",
     1,
     {{CGROUP, "0::/\n"}, {MOUNTS, V2}, {"/sys/fs/cgroup/cpu.max", "20000 100000\n"}}},
    {"v2, service below a limited slice",
     2,
     {{CGROUP, "0::/work.slice/a.service\n"},
      {MOUNTS, V2},
      {"/sys/fs/cgroup/work.slice/a.service/cpu.max", "800000 100000\n"},
      {"/sys/fs/cgroup/work.slice/cpu.max", "100000 50000\n"}}},
    {"v2, the nearer limit is the lower one",
     4,
     {{CGROUP, "0::/work.slice/a.service\n"},
      {MOUNTS, V2},
      {"/sys/fs/cgroup/work.slice/a.service/cpu.max", "400000 100000\n"},
      {"/sys/fs/cgroup/work.slice/cpu.max", "900000 100000\n"}}},
    {"v2, container without a namespace sees its part of the tree",
     5,
     {{CGROUP, "0::/docker/abc\n"},
      {MOUNTS, "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n"},
      {"/sys/fs/cgroup/cpu.max", "500000 100000\n"}}},
    {"v2, a group that only begins like the mounted one",
     5,
     {{CGROUP, "0::/docker/abcd\n"},
      {MOUNTS, "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n"},
      {"/sys/fs/cgroup/cpu.max", "500000 100000\n"},
      {"/sys/fs/cgroup/d/cpu.max", "100000 100000\n"}}},
    {"v2, path outside the namespace",
     6,
     {{CGROUP, "0::/../../other\n"}, {MOUNTS, V2}, {"/sys/fs/cgroup/cpu.max", "600000 100000\n"}}},
    {"v2, mount point with a space",
     7,
     {{CGROUP, "0::/\n"},
      {MOUNTS, "30 23 0:26 / /mnt/c\\040g rw - cgroup2 none rw\n"},
      {"/mnt/c g/cpu.max", "700000 100000\n"}}},
    {"v1, no limit",
     NONE,
     {{CGROUP, "4:cpu,cpuacct:/\n0::/\n"},
      {MOUNTS, V1},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}}},
    {"v1, a group's limit; other controllers do not count",
     2,
     {{CGROUP, "7:cpuset:/elsewhere\n4:cpu,cpuacct:/a/b\n1:name=systemd:/c\n"},
      {MOUNTS, V1_CPUSET V1},
      {"/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "250000\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n"},
      {"/sys/fs/cgroup/cpuset/elsewhere/cpu.cfs_quota_us", "100000\n"},
      {"/sys/fs/cgroup/cpuset/elsewhere/cpu.cfs_period_us", "100000\n"}}},
    {"v1, container sees its part of the tree",
     2,
     {{CGROUP, "4:cpuacct,cpu:/docker/abc\n"},
      {MOUNTS, "33 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpuacct,cpu\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}},
    {"v1 and v2 at once: the lower",
     1,
     {{CGROUP, "4:cpu,cpuacct:/\n0::/\n"},
      {MOUNTS, V1 V2},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
      {"/sys/fs/cgroup/cpu.max", "100000 100000\n"}}},
    {"period 0",
     NONE,
     {{CGROUP, "0::/\n"}, {MOUNTS, V2}, {"/sys/fs/cgroup/cpu.max", "100000 0\n"}}},
    {"no period", NONE, {{CGROUP, "0::/\n"}, {MOUNTS, V2}, {"/sys/fs/cgroup/cpu.max", "100000\n"}}},
    {"empty file", NONE, {{CGROUP, "0::/\n"}, {MOUNTS, V2}, {"/sys/fs/cgroup/cpu.max", ""}}},
    {"a number beyond 64 bits",
     NONE,
     {{CGROUP, "0::/\n"},
      {MOUNTS, V2},
      {"/sys/fs/cgroup/cpu.max", "99999999999999999999999999 100000\n"}}},
    {"words for numbers",
     NONE,
     {{CGROUP, "0::/\n"}, {MOUNTS, V2}, {"/sys/fs/cgroup/cpu.max", "many some\n"}}},
    {"lines of no form",
     8,
     {{CGROUP, "\n:\n0:\n0:cpu\n::::\n0::relative\n0::/\n"},
      {MOUNTS, "\n-\n1 2 3\n1 2 3 4 5 6 7 8\n1 2 3 4 5 6 -\n1 2 3 4 5 6 - cgroup2\n" V2},
      {"/sys/fs/cgroup/cpu.max", "800000 100000"}}},
};

/* Writes the file root/path, and makes the directories that it needs. */
static void write_file(const char *root, const char *path, const char *content)
{
    char full[4096];
    FILE *f;

    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        if (mkdir(full, 0700) != 0 && errno != EEXIST)
            exit(1);
        *slash = '/';
    }
    f = fopen(full, "w");
    if (!f || fputs(content, f) < 0 || fclose(f) != 0) {
        fprintf(stderr, "%s: %s\n", full, strerror(errno));
        exit(1);
    }
}

static void make_root(char *root, size_t capacity, size_t number)
{
    snprintf(root, capacity, "%s/%zu", support_directory(), number);
    if (mkdir(root, 0700) != 0)
        exit(1);
}

/* A line that is longer than the buffer is skipped. Mounts of overlay file systems have such
 * lines. */
static void test_long_lines(size_t number)
{
    enum { LONG = 20000 };
    static char mounts[LONG + sizeof V2];
    char root[2048];

    if (!harness_case("a line of %d bytes is passed over", LONG))
        return;
    make_root(root, sizeof root, number);
    memset(mounts, 'x', LONG - 1);
    memcpy(mounts, "1 2 3 / /sys/fs/cgroup rw - cgroup2 ", 36);
    mounts[LONG - 1] = '\n';
    memcpy(mounts + LONG, V2, sizeof V2);
    write_file(root, CGROUP, "0::/\n");
    write_file(root, MOUNTS, mounts);
    write_file(root, "/sys/fs/cgroup/cpu.max", "900000 100000\n");
    CHECK(distil_cpus_quota(root) == 9);
}

/* A pending cancellation takes effect only after the call, and errno is unchanged by it. */
static void *use_while_cancelled(void *argument)
{
    size_t *count = argument;

    pthread_cancel(pthread_self());
    errno = 1234;
    *count = distil_cpus_usable();
    if (errno != 1234)
        *count = 0;
    pthread_testcancel();
    return NULL;
}

static void test_here(void)
{
    cpu_set_t before, one;
    size_t all = distil_cpus_affinity(), count = 0;
    pthread_t thread;
    void *end;

    if (harness_case("this machine"))
        CHECK(all >= 1 && distil_cpus_usable() >= 1 && distil_cpus_usable() <= all);
    if (harness_case("an affinity mask of one CPU")) {
        CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
        CHECK((size_t)CPU_COUNT(&before) == all);
        CPU_ZERO(&one);
        for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
            if (CPU_ISSET(cpu, &before))
                CPU_SET(cpu, &one);
        CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
        CHECK(distil_cpus_affinity() == 1 && distil_cpus_usable() == 1);
        CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
    }
    if (harness_case("no cancellation point, errno kept")) {
        CHECK(pthread_create(&thread, NULL, use_while_cancelled, &count) == 0);
        CHECK(pthread_join(thread, &end) == 0 && end == PTHREAD_CANCELED);
        CHECK(count >= 1);
    }
}

int main(int argc, char **argv)
{
    size_t n = sizeof machines / sizeof machines[0];

    harness_init("test_cpus", argc, argv);
    for (size_t i = 0; i < n; i++) {
        const machine *m = &machines[i];
        char root[2048];
        size_t quota;

        if (!harness_case("%s", m->name))
            continue;
        make_root(root, sizeof root, i);
        for (size_t f = 0; f < 8 && m->files[f].path; f++)
            write_file(root, m->files[f].path, m->files[f].content);
        quota = distil_cpus_quota(root);
        CHECKF(quota == m->quota, "%zu, expected %zu", quota, m->quota);
    }
    test_long_lines(n);
    test_here();
    return harness_finish();
}
