/* SPDX-License-Identifier: Apache-2.0 */
/* SIGINT as a request to stop: the first one lets a command finish what it has begun, the second
 * one kills the process. */
#ifndef DISTIL_TOOLS_CMD_INTERRUPT_H
#define DISTIL_TOOLS_CMD_INTERRUPT_H

/* Make the first SIGINT set a flag; the second one has its default effect. This also happens in a
 * process that was started with SIGINT ignored, such as a background job of a script, so that `kill
 * -INT` has the same effect everywhere. */
void cmd_interrupt_install(void);

/* Returns 1 if SIGINT has come. */
int cmd_interrupted(void);

/* Returns 1 if a read from fd would not wait: there are bytes, or it is at its end. */
int cmd_is_readable(int fd);

/* Wait until fd has bytes to read or is at its end, or until SIGINT comes. A SIGINT that came
 * before the wait also ends it. Returns 0, or -1 after SIGINT. */
int cmd_wait_readable(int fd);

#endif
