/* SPDX-License-Identifier: Apache-2.0 */
/* The generators must give the published sequences: the bytes of blobs depend on xorshift64*, those
 * of the tests' blobs on splitmix64. */
#include "runtime/base/random.h"
#include "tests/support/harness.h"

/* The first numbers from the state 1234567, as the generator's reference implementation gives
 * them. */
static void test_splitmix64(void)
{
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u,
                                        9817491932198370423u, 4593380528125082431u,
                                        16408922859458223821u};
    uint64_t state = 1234567;

    if (!harness_case("splitmix64"))
        return;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        CHECK(splitmix64(&state) == expected[i]);
    for (int i = 0; i < 1000; i++) {
        double fraction = splitmix64_fraction(&state);

        CHECK(fraction >= 0 && fraction < 1);
    }
}

static void test_xorshift64(void)
{
    static const uint32_t expected[] = {0x47e4ce4b, 0xabcfa6a8, 0xb9d10d8f};
    xorshift64 random = {1};

    if (!harness_case("xorshift64*"))
        return;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        CHECK(xorshift64_next(&random) == expected[i]);
    random = xorshift64_seed(0);
    CHECK(random.state != 0);
    for (uint32_t below = 1; below < 1000; below++)
        CHECK(xorshift64_below(&random, below) < below);
}

int main(int argc, char **argv)
{
    harness_init("test_random", argc, argv);
    test_splitmix64();
    test_xorshift64();
    return harness_finish();
}
