/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The best labels of a text, by a heap in the caller's array. The worst of the labels that are kept
 * is at the root, so each further label is compared with that one alone.
 */
#include "runtime/distil.h"

/* Returns 1 if label a comes after label b in the result. */
static int is_worse(const float *scores, size_t a, size_t b)
{
    return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
}

/* Moves the label at `at` down to its place in the heap of `count` labels. */
static void sift_down(size_t *heap, size_t count, size_t at, const float *scores)
{
    for (;;) {
        size_t child = 2 * at + 1, moved = heap[at];

        if (child >= count)
            return;
        if (child + 1 < count && is_worse(scores, heap[child + 1], heap[child]))
            child++;
        if (!is_worse(scores, heap[child], moved))
            return;
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

distil_status distil_top_labels(size_t *labels, size_t k, const float *scores, size_t n_labels)
{
    if (k > n_labels || (k > 0 && (!labels || !scores)))
        return DISTIL_BAD_ARGUMENT;
    if (k == 0)
        return DISTIL_OK;
    for (size_t i = 0; i < k; i++)
        labels[i] = i;
    for (size_t i = k / 2; i-- > 0;)
        sift_down(labels, k, i, scores);
    for (size_t i = k; i < n_labels; i++)
        if (is_worse(scores, labels[0], i)) {
            labels[0] = i;
            sift_down(labels, k, 0, scores);
        }
    /* Move the worst label to the end again and again, until the best one is first. */
    for (size_t left = k; left > 1; left--) {
        size_t worst = labels[0];

        labels[0] = labels[left - 1];
        labels[left - 1] = worst;
        sift_down(labels, left - 1, 0, scores);
    }
    return DISTIL_OK;
}
