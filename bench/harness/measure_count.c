/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures without noise: sizes of files, and instructions.
 *
 * The instructions of one classification are counted by the CPU where the system allows it.
 * Otherwise callgrind counts them, which gives the same number on every machine but cannot run
 * AVX-512. For callgrind the figure is half the difference between a process that classifies a text
 * three times and one that classifies it once, so that the instructions of the start cancel.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/harness/child.h"
#include "bench/harness/counter.h"
#include "bench/harness/measure.h"
#include "bench/harness/texts.h"
#include "runtime/distil.h"

enum { REPORT_BYTES = 16384, CALLGRIND_MS = 300000 };

/* Bytes of a program's loadable segments in the file, which excludes symbols and debugging data.
 * Returns 0 for a file that is not 64-bit ELF. */
static double loaded_bytes(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr head;
    Elf64_Phdr segment;
    double bytes = 0;

    if (fd < 0)
        return 0;
    if (pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head &&
        memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_ident[EI_CLASS] == ELFCLASS64)
        for (size_t i = 0; i < head.e_phnum; i++)
            if (pread(fd, &segment, sizeof segment, (off_t)(head.e_phoff + i * sizeof segment)) ==
                    (ssize_t)sizeof segment &&
                segment.p_type == PT_LOAD)
                bytes += (double)segment.p_filesz;
    close(fd);
    return bytes;
}

void measure_size(measured *m, const measure_subject *s, const char *parameters)
{
    char path[4200];
    struct stat file;
    double loaded;

    snprintf(path, sizeof path, "%s/%s", s->directory, parameters);
    if (stat(path, &file) != 0) {
        measure_absent(m, "%s is not built", path);
        return;
    }
    loaded = loaded_bytes(path);
    measure_exact(m, loaded > 0 ? loaded : (double)file.st_size);
}

/* Counts with the CPU's counter, within this process. Returns 0 with the figure or the reason for
 * none in m, or -1 where the system has no counter for us. */
static int count_by_cpu(measured *m, const measure_subject *s, distil_isa level, const char *text,
                        size_t bytes)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_context *context = NULL;
    distil_model *model = NULL;
    distil_result result;
    int fd = counter_open(), done = -1;
    distil_status opened;
    uint64_t start;

    options.max_isa = level;
    options.exact_isa = 1;
    opened = distil_model_open(&model, s->model, &options, NULL);
    if (opened == DISTIL_BAD_CPU) {
        measure_other_cpu(m, distil_isa_name(level));
        done = 0;
    } else if (fd >= 0 && opened == DISTIL_OK &&
               distil_context_new(&context, model, NULL, NULL) == DISTIL_OK &&
               distil_classify(context, &result, NULL, text, bytes, 0) == DISTIL_OK) {
        start = counter_read(fd);
        if (distil_classify(context, &result, NULL, text, bytes, 0) == DISTIL_OK) {
            measure_exact(m, (double)(counter_read(fd) - start));
            done = 0;
        }
    }
    distil_context_free(context);
    distil_model_close(model);
    if (fd >= 0)
        counter_close(fd);
    return done;
}

/* Returns how many instructions callgrind counts in a process that classifies the text `times`
 * times, or -1 where valgrind is missing or fails. */
static double count_by_callgrind(const measure_subject *s, char *level, char *text, int times)
{
    static const char *const places[] = {"/usr/bin/valgrind", "/usr/local/bin/valgrind"};
    char valgrind[64], report[REPORT_BYTES], isa[32];
    char *argv[16] = {valgrind,
                      "--tool=callgrind",
                      "--callgrind-out-file=/dev/null",
                      child_argument(s->program),
                      "classify",
                      "-m",
                      child_argument(s->model)};
    char *environment[] = {isa, NULL};
    size_t place = access(places[0], X_OK) == 0 ? 0 : 1;
    const char *found;

    snprintf(valgrind, sizeof valgrind, "%s", places[place]);
    snprintf(isa, sizeof isa, "DISTIL_ISA=%s", level);
    for (int i = 0; i < times; i++)
        argv[7 + i] = text;
    if (access(valgrind, X_OK) != 0 ||
        child_capture(report, sizeof report, argv, environment, CALLGRIND_MS) != 0)
        return -1;
    found = strstr(report, "Collected : ");
    return found ? strtod(found + strlen("Collected : "), NULL) : -1;
}

void measure_instructions(measured *m, const measure_subject *s, const char *parameters)
{
    char text[TEXTS_MAX_BYTES], level[16], *end;
    const char *slash = strchr(parameters, '/');
    size_t name = (size_t)(slash - parameters), tokens = strtoul(slash + 1, &end, 10), bytes;
    distil_isa isa;
    double once, thrice;

    snprintf(level, sizeof level, "%.*s", (int)(name < sizeof level ? name : 0), parameters);
    if (distil_isa_parse(&isa, level) != DISTIL_OK || *end || tokens < 3 ||
        tokens > TEXTS_MAX_TOKENS) {
        measure_failed(m, "%s: no level and number of tokens, 3 to %d", parameters,
                       TEXTS_MAX_TOKENS);
        return;
    }
    bytes = texts_line(text, tokens) - 1;
    text[bytes] = '\0';
    if (count_by_cpu(m, s, isa, text, bytes) == 0)
        return;
    once = count_by_callgrind(s, level, text, 1);
    thrice = count_by_callgrind(s, level, text, 3);
    if (once > 0 && thrice > once)
        measure_exact(m, (thrice - once) / 2);
    else
        measure_absent(m, "no counter of instructions here, and no valgrind that can run %s",
                       level);
}
