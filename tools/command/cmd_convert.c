/* SPDX-License-Identifier: Apache-2.0 */
/* distil convert: a Hugging Face folder to a model file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/cmd_options.h"
#include "tools/command/cmd_util.h"
#include "tools/command/commands.h"
#include "tools/convert/convert.h"

static const cmd_option_id accepted[] = {CMD_OPT_OUTPUT, CMD_OPT_CALIBRATE, CMD_OPT_HELP,
                                         CMD_OPT_COUNT};

static const cmd_manual manual = {
    "convert",
    "[options] DIR -o FILE",
    "Make a model file from DIR, the folder that save_pretrained of Hugging Face\n"
    "transformers wrote for a DistilBertForSequenceClassification: config.json,\n"
    "model.safetensors (or its shards with model.safetensors.index.json), vocab.txt or\n"
    "tokenizer.json, and, where present, tokenizer_config.json and special_tokens_map.json.\n"
    "Weights become 8-bit integers, proven free of overflow; the same folder gives the\n"
    "same bytes. FILE appears whole or not at all. One line about the result on stderr.\n",
    "  distil convert my-model/ -o my.distil\n"
    "  distil convert my-model/ -o my.distil --calibrate sentences.txt\n"
    "  distil convert my-model/ -o my.distil --calibrate train.tsv    # column \"sentence\"\n"
    "  distil verify my.distil && distil classify -m my.distil \"So good.\"\n",
    accepted,
};

/* The line on a terminal. */
typedef struct progress_line {
    int shown;
    double start;
} progress_line;

static void show_progress(void *user, const char *what, double done)
{
    progress_line *line = user;
    double elapsed = cmd_now() - line->start;
    char left[32] = "";

    /* An estimate means something once a part of the work is behind us. */
    if (done > 0.02)
        (void)snprintf(left, sizeof left, ", %.0f s left", elapsed * (1 - done) / done);
    (void)fprintf(stderr, "\r\033[Kconverting: %3.0f %%%s, %s", 100 * done, left, what);
    (void)fflush(stderr);
    line->shown = 1;
}

static void clear_progress(const progress_line *line)
{
    if (line->shown)
        (void)fprintf(stderr, "\r\033[K");
}

static void print_summary(const char *output, const conv_summary *s, double seconds)
{
    char rounding[64] = "rounded to nearest";

    if (s->texts > 0)
        (void)snprintf(rounding, sizeof rounding, "calibrated on %zu texts (%zu tokens)", s->texts,
                       s->tokens);
    (void)fprintf(stderr,
                  "%s: %.1f MB, %u layers of %u/%u, %u labels, mean weight range %.1f of 127, %s, "
                  "%.1f s\n",
                  output, (double)s->blob_bytes / 1e6, s->n_layers, s->dim, s->hidden_dim,
                  s->n_labels, s->mean_range, rounding, seconds);
}

int cmd_convert(int argc, char **argv)
{
    cmd_options options;
    int status = cmd_options_parse(&options, &manual, argc, argv);
    progress_line line = {0, cmd_now()};
    conv_options conversion;
    conv_summary summary;
    conv_error error = {""};

    if (status >= 0)
        return status;
    if (options.word_count != 1)
        status = cmd_usage_error(manual.name, "expected one folder, found %zu", options.word_count);
    else if (!options.output)
        status = cmd_usage_error(manual.name, "expected -o FILE, where the model file goes");
    if (status >= 0) {
        cmd_options_free(&options);
        return status;
    }
    memset(&conversion, 0, sizeof conversion);
    conversion.directory = options.words[0];
    conversion.output = options.output;
    conversion.calibrate = options.calibrate;
    conversion.progress = isatty(STDERR_FILENO) ? show_progress : NULL;
    conversion.user = &line;
    status = conv_convert(&conversion, &summary, &error) ? CMD_FAILED : CMD_OK;
    clear_progress(&line);
    if (status == CMD_OK)
        print_summary(options.output, &summary, cmd_now() - line.start);
    else
        cmd_error("%s", error.message);
    cmd_options_free(&options);
    return status;
}
