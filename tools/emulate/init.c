/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First and only program of the emulated machine: runs /program with the arguments of /arguments
 * (each ends with a NUL), hands its output and its exit status to run.sh, and stops the machine.
 *
 * Both go through the emulator's port 0xE9, whose bytes appear on the emulator's standard output:
 *
 *     "\n@@emulate output@@\n"  what the program writes to stdout and stderr
 *     "\n@@emulate status N@@\n"  N = exit status, 128 + n if signal n killed it
 *
 * A port needs no driver, no interrupt and no emulated baud rate.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    OUTPUT_PORT = 0xe9,
    STOP_PORT = 0x8900, /* the emulator ends when "Shutdown" is written here */
    MAX_ARGUMENTS = 1024,
    ARGUMENT_BYTES = 1 << 17,
    CANNOT_RUN = 127 /* as a shell's */
};

static void send(const char *bytes, size_t count)
{
    outsb(OUTPUT_PORT, bytes, count);
}

static _Noreturn void stop(void)
{
    outsb(STOP_PORT, "Shutdown", strlen("Shutdown"));
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static _Noreturn void finish(int status)
{
    char line[64];
    int length = snprintf(line, sizeof line, "\n@@emulate status %d@@\n", status);

    send(line, (size_t)length);
    stop();
}

/* Said on the output stream: whoever reads the test's output must see why it did not run. */
static _Noreturn void fail(const char *what)
{
    char line[256];
    int length = snprintf(line, sizeof line, "emulate: %s: %s\n", what, strerror(errno));

    send(line, (size_t)length);
    finish(CANNOT_RUN);
}

static void mount_on(const char *directory, const char *type)
{
    if (mkdir(directory, 0755) != 0 && errno != EEXIST)
        fail(directory);
    if (mount(type, directory, type, 0, NULL) != 0)
        fail(directory);
}

/* The program's arguments, argv[0] first; they stay valid. */
static char **read_arguments(void)
{
    static char bytes[ARGUMENT_BYTES];
    static char *argv[MAX_ARGUMENTS + 2] = {"/program"};
    int count = 1;
    int file = open("/arguments", O_RDONLY);
    ssize_t size = read(file, bytes, sizeof bytes - 1);

    if (size < 0)
        fail("/arguments");
    for (char *next = bytes; next < bytes + size; next += strlen(next) + 1) {
        if (count > MAX_ARGUMENTS) {
            errno = E2BIG;
            fail("/arguments");
        }
        argv[count++] = next;
    }
    close(file);
    return argv;
}

static _Noreturn void run_program(char **argv, int output)
{
    static char *environment[] = {"PATH=/", "HOME=/tmp", "TMPDIR=/tmp", "LC_ALL=C", NULL};
    int input = open("/dev/null", O_RDONLY);

    if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 ||
        chdir("/data") != 0)
        _exit(CANNOT_RUN);
    for (int file = 3; file < 16; file++)
        close(file);
    execve(argv[0], argv, environment);
    dprintf(2, "emulate: cannot run the program: %s%s\n", strerror(errno),
            errno == ENOENT ? " (is it linked with -static?)" : "");
    _exit(CANNOT_RUN);
}

static void relay(int from)
{
    static char bytes[65536];
    ssize_t size;

    while ((size = read(from, bytes, sizeof bytes)) != 0) {
        if (size > 0)
            send(bytes, (size_t)size);
        else if (errno != EINTR)
            break;
    }
}

int main(void)
{
    static const char marker[] = "\n@@emulate output@@\n";
    int ends[2], status;
    char **argv;
    pid_t child;

    if (iopl(3) != 0)
        reboot(RB_POWER_OFF); /* without ports nothing can be said */
    send(marker, sizeof marker - 1);
    mount_on("/dev", "devtmpfs");
    mount_on("/proc", "proc");
    mount_on("/sys", "sysfs");
    mount_on("/tmp", "tmpfs");
    argv = read_arguments();
    if (pipe(ends) != 0)
        fail("pipe");
    child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0)
        run_program(argv, ends[1]);
    close(ends[1]);
    relay(ends[0]);
    while (waitpid(child, &status, 0) != child) {
    }
    finish(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
