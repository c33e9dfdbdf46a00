/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks before a conversion reads anything: is this a folder that save_pretrained wrote, and would
 * the output replace an input? People give other things, too, such as the name of a model on the
 * Hub, and each gets a message with what to do instead.
 */
#ifndef DISTIL_TOOLS_CONVERT_SOURCE_FOLDER_H
#define DISTIL_TOOLS_CONVERT_SOURCE_FOLDER_H

#include "tools/convert/conv_error.h"

/* Check that the directory has a config.json. Returns 0; or -1 with *error saying what was given
 * instead and how to go on. */
int conv_folder_check(const char *directory, conv_error *error);

/* Check that writing the output would replace neither the calibration texts nor a file of the
 * folder, unless that file is a blob. `calibrate` may be NULL. Returns 0, or -1 with *error
 * filled. */
int conv_output_check(const char *directory, const char *output, const char *calibrate,
                      conv_error *error);

#endif
