/* SPDX-License-Identifier: Apache-2.0 */
/* distil convert: makes a blob from a Hugging Face folder. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/cmd_message.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_progress.h"
#include "tools/command/commands.h"
#include "tools/convert/convert.h"
#include "tools/convert/held_out.h"

/* The line on a terminal that shows progress. */
typedef struct progress_line {
    int shown;    /* 1 if the terminal shows the line */
    double start; /* seconds, by the monotonic clock */
} progress_line;

static void show_progress(void *user, const char *what, double done)
{
    progress_line *progress = user;
    double elapsed = cmd_seconds() - progress->start;
    char left[32] = "";

    /* An estimate from less than 2 % of the work would jump too much to be useful. */
    if (done > 0.02)
        (void)snprintf(left, sizeof left, ", %.0f s left", elapsed * (1 - done) / done);
    (void)fprintf(stderr, "\r\033[Kconverting: %3.0f %%%s, %s", 100 * done, left, what);
    (void)fflush(stderr);
    progress->shown = 1;
}

static void clear_progress(const progress_line *progress)
{
    if (progress->shown)
        (void)fprintf(stderr, "\r\033[K");
}

static void print_summary(const char *output, const conv_summary *s, double seconds)
{
    char rounding[64] = "rounded to nearest", labels[32] = "";
    int is_small = s->blob_bytes < 1000000;

    if (s->texts > 0)
        (void)snprintf(rounding, sizeof rounding, "calibrated on %zu texts (%zu tokens)", s->texts,
                       s->tokens);
    if (s->has_labels)
        (void)snprintf(labels, sizeof labels, " with %u label%s", s->n_labels,
                       s->n_labels == 1 ? "" : "s");
    (void)fprintf(stderr,
                  "%s: %.1f %s, %u layer%s of %u/%u, %s%s, mean weight range %.1f of 127, %s, "
                  "%.1f s\n",
                  output, (double)s->blob_bytes / (is_small ? 1e3 : 1e6), is_small ? "kB" : "MB",
                  s->n_layers, s->n_layers == 1 ? "" : "s", s->dim, s->hidden_dim, s->task, labels,
                  s->mean_range, rounding, seconds);
}

/* Print what the conversion cost on the texts of the calibration file that are held out. The blob
 * is there already, so that this cannot fail. */
static void print_cost(const cmd_options *options)
{
    conv_error error = {""};
    conv_cost cost;

    if (conv_cost_measure(&cost, options->words[0], options->output, options->calibrate,
                          options->threads, &error)) {
        cmd_hint("what the conversion cost was not measured: %s", error.message);
        return;
    }
    if (cost.texts == 0)
        return;
    (void)fprintf(stderr,
                  "%s: compared with the original on %zu texts that calibration did not use: %zu "
                  "have the same label, margin error mean %.4f, max %.4f\n",
                  options->output, cost.texts, cost.agreeing, cost.error_sum / (double)cost.texts,
                  cost.error_max);
}

/* Report what is missing on the command line. Returns -1 if nothing is. */
static int check_arguments(const cmd_options *options)
{
    if (options->word_count != 1)
        return cmd_usage_error("convert", "expected one folder, found %zu", options->word_count);
    if (options->output == NULL)
        return cmd_usage_error("convert", "expected -o FILE, where the model file goes");
    return -1;
}

int cmd_convert(int argc, char **argv)
{
    cmd_options options;
    int status = cmd_options_parse(&options, &cmd_manuals[CMD_CONVERT], argc, argv);
    progress_line progress = {0, cmd_seconds()};
    conv_options conversion;
    conv_summary summary;
    conv_error error = {""};

    if (status >= 0)
        return status;
    status = check_arguments(&options);
    if (status >= 0) {
        cmd_options_free(&options);
        return status;
    }
    memset(&conversion, 0, sizeof conversion);
    conversion.directory = options.words[0];
    conversion.output = options.output;
    conversion.calibrate = options.calibrate;
    conversion.threads = options.threads;
    conversion.progress = isatty(STDERR_FILENO) ? show_progress : NULL;
    conversion.user = &progress;
    status = conv_convert(&conversion, &summary, &error) ? CMD_FAILED : CMD_OK;
    clear_progress(&progress);
    if (status == CMD_OK)
        print_summary(options.output, &summary, cmd_seconds() - progress.start);
    else
        cmd_error("%s", error.message);
    if (status == CMD_OK && options.calibrate != NULL && summary.gives_labels)
        print_cost(&options);
    cmd_options_free(&options);
    return status;
}
