/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts CPUs by affinity mask and by the quotas of control groups; see cgroups(7) and proc(5).
 *
 * The directory of a control group is the mount point of its hierarchy, followed by the group's
 * path relative to the root of that mount. Inside a container, the mount and the path may each show
 * only a part of the hierarchy. Whatever this file cannot interpret counts as no quota, since a
 * wrong number of threads costs speed but never changes a result.
 */
#define _GNU_SOURCE
#include "runtime/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CPUS = 8192, MAX_PATH = 4096, MAX_FIELDS = 32 };

/* ---- affinity ------------------------------------------------------------------------------- */

size_t distil_cpus_affinity(void)
{
    cpu_set_t sets[MAX_CPUS / CPU_SETSIZE];
    const unsigned char *bytes = (const unsigned char *)sets;
    size_t count = 0;

    memset(sets, 0, sizeof sets);
    if (sched_getaffinity(0, sizeof sets, sets) != 0)
        return 1;
    for (size_t i = 0; i < sizeof sets; i++)
        for (unsigned byte = bytes[i]; byte != 0; byte &= byte - 1)
            count++;
    return count > 0 ? count : 1;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* A file that is read line by line. */
typedef struct lines {
    int fd;
    size_t at, end;
    char buffer[1024];
} lines;

static int lines_open(lines *l, const char *root, const char *path)
{
    char full[MAX_PATH];
    int length = snprintf(full, sizeof full, "%s%s", root, path);

    l->at = l->end = 0;
    l->fd = -1;
    if (length > 0 && (size_t)length < sizeof full)
        l->fd = open(full, O_RDONLY | O_CLOEXEC);
    return l->fd >= 0;
}

static int lines_byte(lines *l)
{
    ssize_t got;

    if (l->at < l->end)
        return (unsigned char)l->buffer[l->at++];
    do
        got = read(l->fd, l->buffer, sizeof l->buffer);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return -1;
    l->at = 1;
    l->end = (size_t)got;
    return (unsigned char)l->buffer[0];
}

/* Reads the next line without its LF; a line of `capacity` or more bytes becomes an empty one.
 * Returns 0 at the end of the file. */
static int lines_next(lines *l, char *line, size_t capacity)
{
    size_t n = 0;
    int c = lines_byte(l);

    if (c < 0)
        return 0;
    for (; c >= 0 && c != '\n'; c = lines_byte(l))
        if (n < capacity)
            line[n++] = (char)c;
    line[n < capacity ? n : 0] = '\0';
    return 1;
}

/* Reads the first line of a file of a group. Returns 0 if there is none. */
static int read_first_line(const char *root, const char *directory, const char *name, char *line,
                           size_t capacity)
{
    char path[MAX_PATH];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name), found;
    lines l;

    if (length < 0 || (size_t)length >= sizeof path || !lines_open(&l, root, path))
        return 0;
    found = lines_next(&l, line, capacity);
    (void)close(l.fd);
    return found;
}

/* Parses a decimal number and sets *end to the character after it. Returns 0 if there is no digit,
 * or if the number is so long that it might overflow. */
static int parse_number(uint64_t *value, const char *text, const char **end)
{
    const char *p = text;

    for (*value = 0; *p >= '0' && *p <= '9' && *value < UINT64_C(1) << 56; p++)
        *value = *value * 10 + (uint64_t)(*p - '0');
    *end = p;
    return p > text && !(*p >= '0' && *p <= '9');
}

/* ---- quota of one group --------------------------------------------------------------------- */

/* A period of 0 means no quota. */
static size_t whole_cpus(uint64_t quota, uint64_t period)
{
    uint64_t cpus = period > 0 ? quota / period : 0;

    return period == 0 || cpus > SIZE_MAX / 2 ? SIZE_MAX : cpus > 0 ? (size_t)cpus : 1;
}

/* The quota in cgroup v2: the line is "max 100000" without a quota and "150000 100000" (quota and
 * period in microseconds) with one. */
static size_t quota_v2(const char *root, const char *directory)
{
    char line[64];
    const char *end;
    uint64_t quota, period;

    if (!read_first_line(root, directory, "cpu.max", line, sizeof line) ||
        !parse_number(&quota, line, &end) || *end != ' ' || !parse_number(&period, end + 1, &end))
        return SIZE_MAX;
    return whole_cpus(quota, period);
}

/* The quota in cgroup v1, where quota and period have a file each. A quota of -1 means none, which
 * parse_number refuses because of its sign. */
static size_t quota_v1(const char *root, const char *directory)
{
    char line[64];
    const char *end;
    uint64_t quota, period;

    if (!read_first_line(root, directory, "cpu.cfs_quota_us", line, sizeof line) ||
        !parse_number(&quota, line, &end) ||
        !read_first_line(root, directory, "cpu.cfs_period_us", line, sizeof line) ||
        !parse_number(&period, line, &end))
        return SIZE_MAX;
    return whole_cpus(quota, period);
}

/* ---- groups of this process ----------------------------------------------------------------- */

typedef struct groups {
    char v1[MAX_PATH]; /* the path in the hierarchy of the cpu controller; "" if there is none */
    char v2[MAX_PATH]; /* the path in the unified hierarchy; "" if there is none */
} groups;

/* Returns 1 if the comma-separated list of `bytes` bytes has the entry "cpu". */
static int lists_cpu(const char *list, size_t bytes)
{
    for (const char *p = list, *end = list + bytes; p < end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        size_t length = (size_t)((comma ? comma : end) - p);

        if (length == 3 && memcmp(p, "cpu", 3) == 0)
            return 1;
        p += length + 1;
    }
    return 0;
}

/* Reads /proc/self/cgroup, whose lines are "ID:CONTROLLERS:PATH". In the line of cgroup v2 the list
 * of controllers is empty. */
static void read_groups(groups *g, const char *root)
{
    char line[MAX_PATH];
    lines l;

    g->v1[0] = g->v2[0] = '\0';
    if (!lines_open(&l, root, "/proc/self/cgroup"))
        return;
    while (lines_next(&l, line, sizeof line)) {
        const char *list = strchr(line, ':');
        const char *path = list ? strchr(list + 1, ':') : NULL;

        if (!path || path[1] != '/')
            continue;
        list++;
        if (list == path)
            memcpy(g->v2, path + 1, strlen(path + 1) + 1);
        else if (lists_cpu(list, (size_t)(path - list)))
            memcpy(g->v1, path + 1, strlen(path + 1) + 1);
    }
    (void)close(l.fd);
}

/* Replaces in place the escapes \040, \011, \012 and \134, by which mountinfo writes a space, a
 * tab, a line feed and a backslash. */
static void unescape(char *text)
{
    char *out = text;

    for (const char *p = text; *p; p++)
        if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
            p[3] >= '0' && p[3] <= '7') {
            *out++ = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
            p += 3;
        } else
            *out++ = *p;
    *out = '\0';
}

typedef struct mount {
    char *root;       /* the directory of the hierarchy that is mounted */
    char *point;      /* the directory where it is mounted */
    const char *type; /* "cgroup2" or "cgroup", among others */
    /* the options of the file system; in cgroup v1 they name the controllers */
    const char *options;
} mount;

/* Splits a line of mountinfo in place: "ID PARENT DEVICE ROOT POINT OPTIONS [TAG...] - TYPE SOURCE
 * OPTIONS". Returns 0 if the line has another form. */
static int parse_mount(mount *m, char *line)
{
    char *field[MAX_FIELDS], *save = line;
    size_t n = 0, dash = 6;

    while (save && n < MAX_FIELDS) {
        field[n++] = save;
        save = strchr(save, ' ');
        if (save)
            *save++ = '\0';
    }
    while (dash < n && strcmp(field[dash], "-") != 0)
        dash++;
    if (dash + 3 >= n)
        return 0;
    *m = (mount){field[3], field[4], field[dash + 1], field[dash + 3]};
    unescape(m->root);
    unescape(m->point);
    return 1;
}

/* Returns the smallest quota of the group at `path` and of the groups above it, as far as the mount
 * shows them. */
static size_t smallest_quota(const char *root, const mount *m, const char *path,
                             size_t (*quota)(const char *, const char *))
{
    char directory[MAX_PATH];
    size_t top = strlen(m->point), below = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);
    size_t least = SIZE_MAX;
    int length;

    /* A path that is not below the mounted directory comes from another namespace. Then the mount
     * point itself is the best guess. */
    if (strncmp(path, m->root, below) != 0 || (path[below] != '/' && path[below] != '\0') ||
        strstr(path, "/.."))
        path = "", below = 0;
    length = snprintf(directory, sizeof directory, "%s%s", m->point, path + below);
    if (length < 0 || (size_t)length >= sizeof directory)
        return SIZE_MAX;
    for (;;) {
        size_t here = quota(root, directory);
        char *slash = strrchr(directory, '/');

        if (here < least)
            least = here;
        if (!slash || (size_t)(slash - directory) < top)
            return least;
        *slash = '\0';
    }
}

size_t distil_cpus_quota(const char *root)
{
    char line[MAX_PATH];
    size_t least = SIZE_MAX;
    groups g;
    lines l;
    mount m;

    read_groups(&g, root);
    if (!lines_open(&l, root, "/proc/self/mountinfo"))
        return SIZE_MAX;
    while (lines_next(&l, line, sizeof line)) {
        size_t quota = SIZE_MAX;

        if (!parse_mount(&m, line))
            continue;
        if (strcmp(m.type, "cgroup2") == 0 && g.v2[0] != '\0')
            quota = smallest_quota(root, &m, g.v2, quota_v2);
        else if (strcmp(m.type, "cgroup") == 0 && lists_cpu(m.options, strlen(m.options)) &&
                 g.v1[0] != '\0')
            quota = smallest_quota(root, &m, g.v1, quota_v1);
        if (quota < least)
            least = quota;
    }
    (void)close(l.fd);
    return least;
}

size_t distil_cpus_usable(void)
{
    size_t affinity, quota;
    int state, error = errno;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    affinity = distil_cpus_affinity();
    quota = distil_cpus_quota("");
    (void)pthread_setcancelstate(state, NULL);
    errno = error;
    return quota < affinity ? quota : affinity;
}
