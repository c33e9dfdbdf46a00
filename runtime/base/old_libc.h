/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that glibc has only since 2.25, written so that they compile and link with every older
 * C library too. They replace explicit_bzero and getrandom. */
#ifndef DISTIL_BASE_OLD_LIBC_H
#define DISTIL_BASE_OLD_LIBC_H

#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* The kernel's number on x86-64, which its headers have since Linux 3.17. */
#ifndef SYS_getrandom
#define SYS_getrandom 318
#endif

/* The random_bytes flag that makes it fail instead of waiting while the kernel has too little
 * entropy, as it may just after a boot. */
enum { RANDOM_NO_WAIT = 1 };

/* Overwrite `bytes` bytes at `memory`, which held a secret, with zeros. The empty assembly reads
 * the memory as far as the compiler knows, so it cannot leave the stores out as useless. */
static inline void wipe_bytes(void *memory, size_t bytes)
{
    memset(memory, 0, bytes);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

/* Write `bytes` random bytes of the kernel to `memory`. `flags` is 0 or RANDOM_NO_WAIT. Returns the
 * number of bytes that were written, all for at most 256, or -1 with errno set. */
static inline ssize_t random_bytes(void *memory, size_t bytes, unsigned flags)
{
    return syscall(SYS_getrandom, memory, bytes, (unsigned long)flags);
}

#endif
