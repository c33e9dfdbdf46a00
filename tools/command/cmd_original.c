/* SPDX-License-Identifier: Apache-2.0 */
/* Running the checkpoint over the rows of a file; see cmd_original.h. */
#include "tools/command/cmd_original.h"

#include <stdlib.h>
#include <string.h>

#include "tools/command/cmd_interrupt.h"
#include "tools/command/cmd_message.h"
#include "tools/convert/original.h"

/* Check that a model's label i is that of the checkpoint, for all i. Returns 0, or -1 after
 * reporting a difference. */
static int check_labels(const conv_original *original, const char *folder, const cmd_model *model)
{
    const char *const *names;
    size_t n = conv_original_labels(original, &names);

    if (n != model->info.n_labels) {
        cmd_error("%s has %zu labels, %s has %zu", folder, n, model->path, model->info.n_labels);
        cmd_hint("--original is the folder from which the blob was made");
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = distil_model_label(model->model, i);

        if (strcmp(names[i], name) != 0) {
            cmd_error("%s: label %zu is %s, in %s it is %s", folder, i, names[i], model->path,
                      name);
            cmd_hint("--original is the folder from which the blob was made");
            return -1;
        }
    }
    return 0;
}

/* Say so if the shape of the checkpoint shows that the model was not made from it. The figures are
 * then those of two checkpoints, which somebody may want to compare, and not of quantisation. */
static void note_shape(const conv_original *original, const char *folder, const cmd_model *model)
{
    conv_shape shape = conv_original_shape(original);
    const distil_model_info *info = &model->info;

    if (shape.layers == info->n_layers && shape.dim == info->dim &&
        shape.hidden_dim == info->hidden_dim && shape.vocab_size == info->vocab_size &&
        shape.max_positions == info->max_positions)
        return;
    cmd_error("note: %s was not made from %s, which has %zu layers of %zu/%zu, %zu tokens and %zu "
              "positions, not %zu of %zu/%zu, %zu and %zu",
              model->path, folder, shape.layers, shape.dim, shape.hidden_dim, shape.vocab_size,
              shape.max_positions, info->n_layers, info->dim, info->hidden_dim, info->vocab_size,
              info->max_positions);
}

/* Append the label of a row to the reference. Returns 0, or -1 after reporting that there is no
 * memory. */
static int append_label(cmd_reference *reference, size_t label)
{
    if (reference->rows == reference->capacity) {
        size_t capacity = reference->capacity == 0 ? 1024 : 2 * reference->capacity;
        size_t *labels = realloc(reference->labels, capacity * sizeof *labels);

        if (labels == NULL) {
            cmd_error("out of memory");
            return -1;
        }
        reference->labels = labels;
        reference->capacity = capacity;
    }
    reference->labels[reference->rows++] = label;
    return 0;
}

static int add_rows(conv_original *original, cmd_reference *reference, const cmd_rows *rows,
                    cmd_progress *progress)
{
    conv_error error = {""};
    cmd_text text;

    while (rows->next(rows->user, &text, 1) == CMD_INPUT_TEXT) {
        if (append_label(reference, text.tag) != 0)
            return -1;
        if (text.refusal != NULL) {
            text.bytes = "";
            text.size = 0;
        }
        if (conv_original_add(original, text.bytes, text.size, &error)) {
            cmd_progress_clear(progress);
            cmd_error("%s", error.message);
            return -1;
        }
        cmd_progress_update(progress, conv_original_texts(original), cmd_input_done(rows->input),
                            rows->input->bytes_total);
    }
    if (cmd_interrupted() || rows->input->failed)
        return -1;
    if (conv_original_finish(original, &error)) {
        cmd_progress_clear(progress);
        cmd_error("%s", error.message);
        return -1;
    }
    return 0;
}

/* Copy the results. Returns 0, or -1 after reporting that there is no memory. */
static int copy_results(cmd_reference *reference, const conv_original *original)
{
    size_t rows = reference->rows, n = reference->n_labels;

    reference->logits = malloc((rows * n + 1) * sizeof *reference->logits);
    reference->tokens = malloc((rows + 1) * sizeof *reference->tokens);
    if (reference->logits == NULL || reference->tokens == NULL) {
        cmd_error("out of memory");
        return -1;
    }
    if (rows > 0) {
        memcpy(reference->logits, conv_original_logits(original),
               rows * n * sizeof *reference->logits);
        memcpy(reference->tokens, conv_original_tokens(original), rows * sizeof *reference->tokens);
    }
    return 0;
}

int cmd_original_run(cmd_reference *reference, const char *folder, const cmd_model *model,
                     size_t threads, const cmd_rows *rows, cmd_progress *progress)
{
    conv_error error = {""};
    conv_original *original = conv_original_open(folder, threads, &error);
    int failed;

    memset(reference, 0, sizeof *reference);
    reference->path = folder;
    reference->n_labels = model->info.n_labels;
    if (original == NULL) {
        cmd_error("%s", error.message);
        return -1;
    }
    note_shape(original, folder, model);
    failed = check_labels(original, folder, model) ||
             add_rows(original, reference, rows, progress) || copy_results(reference, original);
    cmd_progress_clear(progress);
    conv_original_close(original);
    if (failed)
        cmd_reference_free(reference);
    return failed ? -1 : 0;
}
