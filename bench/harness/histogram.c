/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of histogram.h. */
#include "bench/harness/histogram.h"

#include <math.h>

#include "runtime/base/strict_float.h"

enum { PARTS = 1 << HISTOGRAM_PART_BITS };

/* Values below PARTS have a bucket each. Of a larger value, the position of the highest bit selects
 * a group of PARTS buckets, and the next HISTOGRAM_PART_BITS bits select the bucket within it. */
static size_t bucket_of(uint64_t us)
{
    unsigned power = 0;

    while (us >> power >= 2 * PARTS)
        power++;
    return us < PARTS ? (size_t)us : (size_t)(power << HISTOGRAM_PART_BITS) + (us >> power);
}

double histogram_low(size_t bucket)
{
    size_t power = bucket >= 2 * PARTS ? (bucket >> HISTOGRAM_PART_BITS) - 1 : 0;

    return ldexp((double)(bucket - (power << HISTOGRAM_PART_BITS)), (int)power);
}

double histogram_high(size_t bucket)
{
    return histogram_low(bucket + 1);
}

void histogram_add(histogram *h, double ns)
{
    size_t bucket = bucket_of((uint64_t)(ns > 0 ? ns / 1000 : 0));

    h->count[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1]++;
    h->total++;
    h->max_ns = fmax(h->max_ns, ns);
}

void histogram_merge(histogram *to, const histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->count[i] += from->count[i];
    to->total += from->total;
    to->max_ns = fmax(to->max_ns, from->max_ns);
}

double histogram_quantile(const histogram *h, double q)
{
    uint64_t wanted = (uint64_t)ceil(q * (double)h->total), seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS && h->total > 0; i++) {
        seen += h->count[i];
        if (seen >= wanted && seen > 0)
            return fmin(histogram_high(i) * 1000, h->max_ns);
    }
    return 0;
}
