/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control register of float arithmetic. A caller of the library may have set another rounding
 * mode, which must neither change a result nor be changed.
 */
#ifndef DISTIL_RUNTIME_ROUNDING_H
#define DISTIL_RUNTIME_ROUNDING_H

/* The register as a process starts with it: round to nearest even, all exceptions masked, denormals
 * kept. */
enum { DISTIL_ROUNDING_DEFAULT = 0x1f80 };

/* Sets the default arithmetic, and returns the caller's register for distil_rounding_end. */
static inline unsigned distil_rounding_begin(void)
{
    unsigned callers = __builtin_ia32_stmxcsr();

    __builtin_ia32_ldmxcsr(DISTIL_ROUNDING_DEFAULT);
    return callers;
}

static inline void distil_rounding_end(unsigned callers)
{
    __builtin_ia32_ldmxcsr(callers);
}

#endif
