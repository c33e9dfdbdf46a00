/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells tests which sanitizer the build has, because sanitizers change time, memory and system
 * calls.
 *
 *   ADDRESS_SANITIZER, THREAD_SANITIZER   1 if the build has that sanitizer, else 0
 *   SANITIZED                             1 if the build has any known sanitizer, else 0
 *
 * gcc defines no macro for its undefined behaviour sanitizer, so only clang's is known here.
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
