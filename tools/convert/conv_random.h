/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The converter's generator: xorshift64* (Vigna 2016). Seeded by fixed numbers, so that the same
 * input gives the same blob on every machine.
 */
#ifndef DISTIL_TOOLS_CONVERT_CONV_RANDOM_H
#define DISTIL_TOOLS_CONVERT_CONV_RANDOM_H

#include <stdint.h>

typedef struct conv_random {
    uint64_t state; /* never 0 */
} conv_random;

static inline conv_random conv_random_seed(uint64_t seed)
{
    conv_random random = {seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x2545f4914f6cdd1d)};

    random.state |= random.state == 0;
    return random;
}

static inline uint32_t conv_random_next(conv_random *random)
{
    uint64_t s = random->state;

    s ^= s >> 12;
    s ^= s << 25;
    s ^= s >> 27;
    random->state = s;
    return (uint32_t)((s * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

/* 0 .. below - 1. */
static inline uint32_t conv_random_below(conv_random *random, uint32_t below)
{
    return (uint32_t)(((uint64_t)conv_random_next(random) * below) >> 32);
}

#endif
