/* SPDX-License-Identifier: Apache-2.0 */
/* A static program that does nothing. Its time from start to end is what starting any program costs
 * on this host. */
int main(void)
{
    return 0;
}
