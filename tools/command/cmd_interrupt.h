/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGINT as a request: the first one lets a command finish what it has begun, the second one kills.
 */
#ifndef DISTIL_TOOLS_CMD_INTERRUPT_H
#define DISTIL_TOOLS_CMD_INTERRUPT_H

/* From now on SIGINT sets a flag, once; also in a process that was started with SIGINT ignored (a
 * script's job in the background), so that `kill -INT` ends it the same way everywhere. */
void cmd_interrupt_install(void);

/* 1 once SIGINT has come. */
int cmd_interrupted(void);

/* 1 if fd has something to read, or is at its end, without waiting. */
int cmd_readable(int fd);

/* Wait until fd has something to read, or is at its end, or SIGINT comes (before or during the
 * wait: none is lost). 0, or -1 if interrupted. */
int cmd_wait_readable(int fd);

#endif
