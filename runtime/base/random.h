/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two seeded pseudo-random generators. Both give the same sequence on every machine; neither is fit
 * for secrets.
 *
 *   splitmix64  For everything that has no other need: test data, injected faults, retry jitter,
 *               resampling. Any state is a good start.
 *   xorshift64  For the converter: its choices, and so a blob's bytes, depend on this sequence. The
 *               tests' checkpoints use it too.
 */
#ifndef DISTIL_BASE_RANDOM_H
#define DISTIL_BASE_RANDOM_H

#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014): 64 random bits. */
static inline uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A fraction of at least 0 and below 1, from 53 bits of splitmix64. */
static inline double splitmix64_fraction(uint64_t *state)
{
    return (double)(splitmix64(state) >> 11) * 0x1p-53;
}

/* The state of xorshift64* (Vigna 2016). It is never 0, for which the sequence would stay 0. */
typedef struct xorshift64 {
    uint64_t state;
} xorshift64;

static inline xorshift64 xorshift64_seed(uint64_t seed)
{
    xorshift64 random = {seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x2545f4914f6cdd1d)};

    random.state |= random.state == 0;
    return random;
}

/* 32 random bits. */
static inline uint32_t xorshift64_next(xorshift64 *random)
{
    uint64_t s = random->state;

    s ^= s >> 12;
    s ^= s << 25;
    s ^= s >> 27;
    random->state = s;
    return (uint32_t)((s * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

/* A number from 0 to below - 1. */
static inline uint32_t xorshift64_below(xorshift64 *random, uint32_t below)
{
    return (uint32_t)(((uint64_t)xorshift64_next(random) * below) >> 32);
}

#endif
