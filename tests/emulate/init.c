/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process 1 of the emulated machine. It runs the commands of the file /commands one after the
 * other, passes their output and the first exit status that is not 0 to run.sh, and stops the
 * machine. /commands is a list of words that end with a NUL; the word --next separates commands.
 *
 * Output and status go to the emulator's port 0xE9, whose bytes the emulator writes to its standard
 * output:
 *
 *     "\n@@emulate output@@\n"    followed by what the programs write to stdout and stderr
 *     "\n@@emulate status N@@\n"  N is the exit status, or 128 + n if signal n killed the program
 *
 * Unlike a serial line, this port needs no driver and no interrupt and has no baud rate.
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
    STOP_PORT = 0x8900, /* the emulator ends when a program writes "Shutdown" to this port */
    MAX_WORDS = 1024,
    WORD_BYTES = 1 << 17,
    CANNOT_RUN = 127 /* the status of a shell that cannot run a command */
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

/* Write an error to the output stream, so that it appears in the test's output, and stop. */
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

/* Return the words of /commands, with a NULL after the last. They are static and stay valid. */
static char **read_commands(void)
{
    static char bytes[WORD_BYTES];
    static char *words[MAX_WORDS + 1];
    int count = 0;
    int file = open("/commands", O_RDONLY);
    ssize_t size = read(file, bytes, sizeof bytes - 1);

    if (size < 0)
        fail("/commands");
    for (char *next = bytes; next < bytes + size; next += strlen(next) + 1) {
        if (count == MAX_WORDS) {
            errno = E2BIG;
            fail("/commands");
        }
        words[count++] = next;
    }
    close(file);
    return words;
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

/* Copy everything that can be read from a pipe to the output port. */
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

/* Run one command to its end and return its exit status, as a shell would compute it. */
static int run_command(char **argv)
{
    int ends[2], status;
    pid_t child;

    if (pipe(ends) != 0)
        fail("pipe");
    child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0)
        run_program(argv, ends[1]);
    close(ends[1]);
    relay(ends[0]);
    close(ends[0]);
    while (waitpid(child, &status, 0) != child) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Run the commands that --next separates, and return the first status that is not 0. */
static int run_commands(char **words)
{
    int first = 0;

    while (*words != NULL) {
        char **argv = words;
        int status;

        while (*words != NULL && strcmp(*words, "--next") != 0)
            words++;
        if (*words != NULL)
            *words++ = NULL;
        status = run_command(argv);
        if (first == 0)
            first = status;
    }
    return first;
}

int main(void)
{
    static const char marker[] = "\n@@emulate output@@\n";

    if (iopl(3) != 0)
        reboot(RB_POWER_OFF); /* Without ports there is no way to print an error. */
    send(marker, sizeof marker - 1);
    mount_on("/dev", "devtmpfs");
    mount_on("/proc", "proc");
    mount_on("/sys", "sysfs");
    mount_on("/tmp", "tmpfs");
    finish(run_commands(read_commands()));
}
