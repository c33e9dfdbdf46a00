/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in the form in which DynamoDB returns them. */
#ifndef DISTIL_TOOLS_SERVE_NUMBER_H
#define DISTIL_TOOLS_SERVE_NUMBER_H

enum { SERVE_NUMBER_BYTES = 192 /* the size of a number in plain notation, with its NUL */ };

/*
 * Write a decimal number in plain notation without needless zeros: 0.9990 as 0.999, 1.5e2 as 150.
 * Returns 0, or -1 if text is no number or one that DynamoDB does not keep exactly.
 */
int serve_number_normalize(char out[SERVE_NUMBER_BYTES], const char *text);

#endif
