/* SPDX-License-Identifier: Apache-2.0 */
/* A program that writes a synthetic checkpoint, by default of the shape of
 * distilbert-base-uncased. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/convert/checkpoint_writer.h"

static const char usage[] =
    "usage: make_checkpoint [options] DIR\n"
    "Write a checkpoint folder with random weights. The same options give the same weights.\n"
    "  --dim N --hidden N --layers N --heads N --positions N --labels N   shape of the model\n"
    "        (default 768, 3072, 6, 12, 512, 2)\n"
    "  --dtype f32|f16|bf16   type of the elements (default f32)\n"
    "  --shards N             number of files with tensors (default 1)\n"
    "  --seed N               seed of the weights (default 1)\n"
    "  --vocab FILE           file with a token on each line (default model/sst2/vocab.txt)\n"
    "examples:\n"
    "  make_checkpoint build/base-checkpoint && ./distil convert build/base-checkpoint -o "
    "build/base.distil\n"
    "  make_checkpoint --dim 64 --hidden 128 --layers 2 --heads 2 /tmp/tiny\n";

static int parse_number(uint32_t *out, const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > 1000000)
        return -1;
    *out = (uint32_t)value;
    return 0;
}

static int set_option(checkpoint_spec *spec, const char *option, const char *value)
{
    const struct {
        const char *name;
        uint32_t *field;
    } numbers[] = {{"--dim", &spec->dim},         {"--hidden", &spec->hidden_dim},
                   {"--layers", &spec->n_layers}, {"--heads", &spec->n_heads},
                   {"--labels", &spec->n_labels}, {"--positions", &spec->max_positions},
                   {"--shards", &spec->shards}};
    static const char *const dtypes[] = {"f32", "f16", "bf16"};
    uint32_t seed;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(option, numbers[i].name) == 0)
            return parse_number(numbers[i].field, value);
    if (strcmp(option, "--seed") == 0) {
        if (parse_number(&seed, value) != 0)
            return -1;
        spec->seed = seed;
        return 0;
    }
    if (strcmp(option, "--vocab") == 0) {
        spec->vocab = value;
        return 0;
    }
    for (int i = 0; i < 3 && strcmp(option, "--dtype") == 0; i++)
        if (strcmp(value, dtypes[i]) == 0) {
            spec->dtype = (checkpoint_dtype)i;
            return 0;
        }
    return -1;
}

int main(int argc, char **argv)
{
    checkpoint_spec spec = checkpoint_base;
    const char *directory = NULL;
    conv_error error = {""};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (argv[i][0] != '-' && !directory)
            directory = argv[i];
        else if (i + 1 >= argc || set_option(&spec, argv[i], argv[i + 1]) != 0) {
            fprintf(stderr, "make_checkpoint: bad option or value: %s\n%s", argv[i], usage);
            return 2;
        } else
            i++;
    }
    if (!directory) {
        fputs(usage, stderr);
        return 2;
    }
    if (checkpoint_write(directory, &spec, &error) != 0) {
        fprintf(stderr, "make_checkpoint: %s\n", error.message);
        return 1;
    }
    return 0;
}
