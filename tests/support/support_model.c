/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the shipped model and reads the sentences; see support_model.h.
 */
#include "tests/support/support_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/harness.h"

const char *support_blob_path(void)
{
    static char path[4096];
    const char *build = getenv("DISTIL_BUILD");

    snprintf(path, sizeof path, "%s/sst2.distil", build ? build : "build");
    return path;
}

distil_model *support_model_open(distil_isa max_isa)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_error error;
    distil_model *model;

    options.max_isa = max_isa;
    if (distil_model_open(&model, support_blob_path(), &options, &error) != DISTIL_OK) {
        fprintf(stderr, "%s: %s (byte %llu); make builds it\n", support_blob_path(), error.message,
                (unsigned long long)error.offset);
        exit(1);
    }
    return model;
}

support_sentences support_sentences_read(void)
{
    const char *path = harness_path("tests/data/sst2/dev.tsv");
    support_sentences s = {0};
    size_t bytes;

    s.file = harness_read_file(path, &bytes);
    s.texts = calloc(1000, sizeof *s.texts);
    s.labels = calloc(1000, sizeof *s.labels);
    if (!s.file || !s.texts || !s.labels) {
        fprintf(stderr, "tests/data/sst2/dev.tsv: %s\n", strerror(errno));
        exit(1);
    }
    for (char *line = strchr(s.file, '\n'); line && line[1] && s.count < 1000;) {
        char *tab = strchr(++line, '\t');

        if (!tab)
            break;
        s.texts[s.count] = (distil_text){.bytes = line, .size = (size_t)(tab - line)};
        s.labels[s.count++] = tab[1] == '1';
        line = strchr(tab, '\n');
    }
    if (s.count != 872) {
        fprintf(stderr, "tests/data/sst2/dev.tsv: %zu sentences, expected 872\n", s.count);
        exit(1);
    }
    return s;
}

void support_sentences_free(support_sentences *s)
{
    free(s->file);
    free(s->texts);
    free(s->labels);
}

int support_full(void)
{
    const char *full = getenv("DISTIL_TEST_FULL");

    return full && strcmp(full, "1") == 0;
}
