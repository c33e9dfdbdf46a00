/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sanitizer this build has, for tests whose measure one changes: 1 or 0 each.
 *
 *   ADDRESS_SANITIZER, THREAD_SANITIZER
 *   SANITIZED   either: slower, larger, and more address space. gcc does not tell of its undefined
 *               behaviour sanitizer, which is checked by clang's macro alone.
 */
#ifndef DISTIL_TESTS_SANITIZED_H
#define DISTIL_TESTS_SANITIZED_H

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define ADDRESS_SANITIZER 1
#else
#define ADDRESS_SANITIZER 0
#endif
#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#define THREAD_SANITIZER 1
#else
#define THREAD_SANITIZER 0
#endif

enum {
    SANITIZED = ADDRESS_SANITIZER || THREAD_SANITIZER || HAS_FEATURE(undefined_behavior_sanitizer)
};

#endif
