/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program for test scripts that runs a command in a box, which containers and services are:
 *
 *     tool_box [--refuse-threads N] [--filter FILE] [--no-huge-pages] COMMAND [ARGUMENT...]
 *
 *     --refuse-threads N  the system refuses the N-th thread that the command starts, and all after
 *                         it, as it does at a limit of processes; 1 refuses all
 *     --filter FILE       a seccomp filter with the rules in FILE, which tests/system/
 *                         seccomp_rules.py writes: a line "default ACTION" and lines "NUMBER ACTION
 *                         [ARGUMENT eq|ne VALUE]..." for system calls, of which the first that fits
 *                         counts. ACTION is allow, kill, or errno with a number, such as errno1.
 *     --no-huge-pages     the kernel gives the command no transparent huge pages
 *
 * The exit status is that of the command, or 128 and the number of the signal that ended it, or 77
 * if the kernel cannot make such a box. It works for static programs and under sanitizers as well.
 */
#define _GNU_SOURCE
#include <stdio.h>

#if !defined(__has_include)
#define __has_include(header) 0
#endif
#if __has_include(<linux/seccomp.h>) && __has_include(<linux/filter.h>)

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NO_BOX = 77, MAX_RULES = 4096, MAX_LINE = 512, POLL_MS = 5 };

/* The flag of clone by which a new task is a thread of the caller. */
enum { THREAD_FLAG = 0x10000 };

typedef struct box {
    unsigned long refused_from; /* the number of the first thread that is refused; 0 for none */
    const char *filter;         /* the file of rules, or NULL */
    int no_huge_pages;
} box;

static void no_box(const char *what)
{
    fprintf(stderr, "tool_box: %s: %s\n", what, strerror(errno));
    exit(EXIT_NO_BOX);
}

static void wrong_rules(const char *line)
{
    fprintf(stderr, "tool_box: cannot read the rule: %s\n", line);
    exit(2);
}

/* ---- programs of a filter -------------------------------------------------------------------- */

typedef struct program {
    struct sock_filter code[MAX_RULES];
    unsigned short count;
} program;

static void emit(program *p, uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false)
{
    if (p->count == MAX_RULES)
        wrong_rules("too many");
    p->code[p->count++] = (struct sock_filter){code, if_true, if_false, value};
}

static void emit_load(program *p, size_t offset)
{
    emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_return(program *p, uint32_t action)
{
    emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Begins a program: other architectures' calls end the process, and the number of the system call
 * is loaded. */
static void emit_begin(program *p)
{
    p->count = 0;
    emit_load(p, offsetof(struct seccomp_data, arch));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    emit_return(p, SECCOMP_RET_KILL_PROCESS);
    emit_load(p, offsetof(struct seccomp_data, nr));
}

/* Installs the program for this process and its children. Returns a descriptor if `flags` asks for
 * one. */
static int install(program *p, unsigned flags)
{
    struct sock_fprog all = {p->count, p->code};
    long fd;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        no_box("no_new_privs");
    fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &all);
    if (fd < 0)
        no_box("seccomp");
    return (int)fd;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static uint32_t parse_action(const char *word)
{
    if (strcmp(word, "allow") == 0)
        return SECCOMP_RET_ALLOW;
    if (strcmp(word, "kill") == 0)
        return SECCOMP_RET_KILL_PROCESS;
    if (strncmp(word, "errno", 5) != 0)
        wrong_rules(word);
    return SECCOMP_RET_ERRNO | (uint32_t)strtoul(word + 5, NULL, 10);
}

/* A condition on one argument of a system call. */
typedef struct condition {
    size_t argument;
    int equal; /* 1: the argument has the value; 0: it has not */
    uint64_t value;
} condition;

/* The number of instructions of emit_condition. */
enum { CONDITION_CODE = 4 };

/* Goes on after these instructions if the condition holds, and else jumps over `skip` more. */
static void emit_condition(program *p, const condition *c, uint8_t skip)
{
    size_t low = offsetof(struct seccomp_data, args) + c->argument * sizeof(uint64_t);
    uint8_t no = (uint8_t)(skip + 2), yes = 2;

    emit_load(p, low);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->value, 0, c->equal ? no : yes);
    emit_load(p, low + sizeof(uint32_t));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(c->value >> 32), c->equal ? 0 : skip,
         c->equal ? skip : 0);
}

/* Adds the rule of one line. */
static void emit_rule(program *p, char *line)
{
    condition conditions[6];
    size_t n = 0;
    char *number = strtok(line, " \n"), *action = strtok(NULL, " \n"), *word;
    uint32_t result;

    if (number == NULL || action == NULL)
        wrong_rules("a line without an action");
    result = parse_action(action);
    while (n < 6 && (word = strtok(NULL, " \n")) != NULL) {
        char *relation = strtok(NULL, " \n"), *value = strtok(NULL, " \n");

        if (relation == NULL || value == NULL)
            wrong_rules(word);
        conditions[n++] = (condition){strtoul(word, NULL, 10), strcmp(relation, "eq") == 0,
                                      strtoull(value, NULL, 10)};
    }
    /* Another number jumps to the instruction that loads the number again. */
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)strtoul(number, NULL, 10), 0,
         (uint8_t)(n * CONDITION_CODE + 1));
    for (size_t i = 0; i < n; i++)
        emit_condition(p, &conditions[i], (uint8_t)((n - 1 - i) * CONDITION_CODE + 1));
    emit_return(p, result);
    emit_load(p, offsetof(struct seccomp_data, nr));
}

static void install_rules(const char *path)
{
    static program p;
    char line[MAX_LINE];
    uint32_t otherwise = SECCOMP_RET_KILL_PROCESS;
    FILE *rules = fopen(path, "r");

    if (rules == NULL)
        wrong_rules(path);
    emit_begin(&p);
    while (fgets(line, sizeof line, rules) != NULL) {
        if (strncmp(line, "default ", 8) == 0) {
            line[strcspn(line, "\n")] = '\0';
            otherwise = parse_action(line + 8);
        } else {
            emit_rule(&p, line);
        }
    }
    fclose(rules);
    emit_return(&p, otherwise);
    install(&p, 0);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Asks this process about each thread that a child starts. clone3 takes its flags from memory,
 * which a filter cannot read, so it does not exist in the box, and the C library uses clone. */
static int watch_threads(void)
{
    static program p;

    emit_begin(&p);
    emit(&p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
    emit_return(&p, SECCOMP_RET_ERRNO | ENOSYS);
    emit(&p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3);
    emit_load(&p, offsetof(struct seccomp_data, args));
    emit(&p, BPF_JMP | BPF_JSET | BPF_K, THREAD_FLAG, 0, 1);
    emit_return(&p, SECCOMP_RET_USER_NOTIF);
    emit_return(&p, SECCOMP_RET_ALLOW);
    return install(&p, SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

/* Calls ioctl(2) itself, since C libraries disagree on the type of its request. */
static long ask_kernel(int listener, unsigned long request, void *argument)
{
    return syscall(SYS_ioctl, listener, request, argument);
}

/* Answers one question: threads below the number `from` are allowed. */
static void answer(int listener, unsigned long *threads, unsigned long from)
{
    struct seccomp_notif question;
    struct seccomp_notif_resp reply;

    memset(&question, 0, sizeof question);
    memset(&reply, 0, sizeof reply);
    if (ask_kernel(listener, SECCOMP_IOCTL_NOTIF_RECV, &question) != 0)
        return;
    reply.id = question.id;
    if (++*threads < from)
        reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        reply.error = -EAGAIN;
    (void)ask_kernel(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

/* Answers questions until the child ends, and returns its wait status. */
static int attend(int listener, pid_t child, unsigned long from)
{
    unsigned long threads = 0;
    int status;

    for (;;) {
        struct pollfd ready = {listener, POLLIN, 0};

        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        if (poll(&ready, 1, POLL_MS) > 0 && (ready.revents & POLLIN))
            answer(listener, &threads, from);
    }
}

/* ---- the command ----------------------------------------------------------------------------- */

static void run_in_box(const box *b, char **command)
{
    if (b->no_huge_pages && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        no_box("no huge pages");
    if (b->filter != NULL)
        install_rules(b->filter);
    execvp(command[0], command);
    fprintf(stderr, "tool_box: %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

int main(int argc, char **argv)
{
    box b = {0, NULL, 0};
    int at = 1, listener, status;
    pid_t child;

    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--refuse-threads") == 0 && at + 1 < argc)
            b.refused_from = strtoul(argv[++at], NULL, 10);
        else if (strcmp(argv[at], "--filter") == 0 && at + 1 < argc)
            b.filter = argv[++at];
        else if (strcmp(argv[at], "--no-huge-pages") == 0)
            b.no_huge_pages = 1;
        else
            break;
    }
    if (at >= argc || argv[at][0] == '-') {
        fprintf(stderr, "usage: tool_box [--refuse-threads N] [--filter FILE] [--no-huge-pages] "
                        "COMMAND [ARGUMENT...]\n");
        return 2;
    }
    if (b.refused_from == 0)
        run_in_box(&b, argv + at);
    listener = watch_threads();
    child = fork();
    if (child == 0)
        run_in_box(&b, argv + at);
    if (child < 0)
        no_box("fork");
    status = attend(listener, child, b.refused_from);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#else

int main(void)
{
    fprintf(stderr, "tool_box: no headers of the kernel\n");
    return 77;
}

#endif
