#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks the symbols of the built library, command and function:
#   - every global of libdistil.a begins with distil_;
#   - libdistil.so exports exactly the functions that runtime/distil.h declares;
#   - the library imports from libc and libm only what the first list below names: nothing that
#     prints, exits or reads the environment or the locale;
#   - the library has no writable data, so threads share no hidden state;
#   - the command and the shared library need no shared objects but libc and libm;
#   - the function's archive, liblambda.a, imports only what the second list names: sockets, files,
#     clocks and threads, but nothing that allocates memory;
#   - ./bootstrap is static, and links no function of libc that would load a shared object at run
#     time or start another program.
#
#     tools/check/check_symbols.sh [BUILD]
#
# It prints one line for each violation and exits with 1 if there is any.

set -u
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/../.." || exit 1
build=${1:-${DISTIL_BUILD:-build}}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

for file in libdistil.a libdistil.so distil; do
    if [ ! -f "$build/$file" ]; then
        echo "$build/$file: not built; run make first"
        exit 1
    fi
done

# What the library may import: memory and strings, files, float functions that IEEE 754 rounds
# correctly, threads, and the checked forms that _FORTIFY_SOURCE substitutes.
imports='
malloc free posix_memalign aligned_alloc
bcmp memchr memcmp memcpy memmove memset strchr strcmp strlen strncmp strrchr strstr
snprintf vsnprintf
open close fstat mmap munmap madvise posix_madvise pread read __errno_location
fmaf sqrtf lrintf rintf nearbyintf
_GLOBAL_OFFSET_TABLE_ __stack_chk_fail
pthread_create pthread_join pthread_sigmask pthread_setcancelstate sigfillset sigdelset
getpid sched_getaffinity syscall
__memcpy_chk __memmove_chk __memset_chk __snprintf_chk __vsnprintf_chk
'
printf '%s\n' $imports | sort -u >"$work/allowed"

# What the function may import besides the library (distil_) and the JSON reader (json_).
function_imports='
memchr memcmp memcpy memmove memset strchr strcmp strcspn strlen strnlen strrchr strspn strstr
strncmp strcpy strerror strtod strtol strtoul strtoull
snprintf vsnprintf
open close access fstat pread syscall read write mmap munmap
connect getsockopt poll recv send setsockopt shutdown socket eventfd if_nametoindex inet_pton
clock_gettime clock_nanosleep gmtime_r
getenv _exit pause __errno_location
pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate pthread_attr_setstacksize
pthread_create pthread_join pthread_sigmask sigaddset sigemptyset sigwait
_GLOBAL_OFFSET_TABLE_ __stack_chk_fail
'
printf '%s\n' $function_imports | sort -u >"$work/function_allowed"

findings() {
    nm -g --defined-only "$build/libdistil.a" | awk 'NF == 3 {print $3}' | sort -u >"$work/defined"
    nm -u "$build/libdistil.a" | awk '$1 == "U" {print $2}' | sort -u | comm -23 - "$work/defined" |
        comm -23 - "$work/allowed" | sed 's/$/: imported, but not on the list in this script/'
    grep -v '^distil_' "$work/defined" | sed 's/$/: a global without the prefix distil_/'

    awk '/^DISTIL_(API|CHECKED)/ { if (match($0, /distil_[a-z0-9_]*\(/))
            print substr($0, RSTART, RLENGTH - 1) }' runtime/distil.h | sort -u >"$work/declared"
    nm -D --defined-only "$build/libdistil.so" | awk '{print $3}' | sort -u >"$work/exported"
    comm -23 "$work/declared" "$work/exported" | sed 's/$/: declared by distil.h, not exported/'
    comm -13 "$work/declared" "$work/exported" | sed 's/$/: exported, but not declared by distil.h/'
    [ -s "$work/declared" ] || echo "runtime/distil.h: no declaration found"

    # The dynamic linker makes .data.rel.ro read-only; .data and .bss stay writable.
    readelf -SW "$build/libdistil.a" | awk '
        /^File:/ { file = $2 }
        { sub(/^ *\[ *[0-9]+\] */, "") }
        ($1 ~ /^\.(data|bss|tdata|tbss)/ && $1 !~ /^\.data\.rel\.ro/) && $5 !~ /^0+$/ {
            print file ": " $1 " holds writable data" }'

    for file in libdistil.so distil; do
        readelf -dW "$build/$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
            grep -v -e '^libc\.so\.6$' -e '^libm\.so\.6$' -e '^libpthread\.so\.0$' |
            sed "s|.*|$build/$file: needs &|"
    done
}

# A function built with OpenSSL imports much more, so only the plain build is compared with its
# list.
function_findings() {
    nm -g --defined-only "$build/liblambda.a" "$build/libbase.a" |
        awk 'NF == 3 {print $3}' | sort -u >"$work/own"
    if grep -q '^handler_run$' "$work/own" && ! nm -u "$build/liblambda.a" | grep -q ' SSL_'; then
        nm -u "$build/liblambda.a" | awk '$1 == "U" {print $2}' | sort -u |
            comm -23 - "$work/own" | grep -v -e '^distil_' -e '^json_' |
            comm -23 - "$work/function_allowed" |
            sed 's/$/: imported by the function, but not on the list in this script/'
    fi
    [ -f "$build/bootstrap" ] || return 0
    readelf -lW "$build/bootstrap" | grep -e INTERP -e DYNAMIC -e 'RWE' |
        sed "s|.*|$build/bootstrap: not static, or a writable and executable segment:&|"
    nm "$build/bootstrap.debug" | awk '{print $NF}' >"$work/bootstrap"
    grep -q '^SSL_new$' "$work/bootstrap" && return 0
    grep -x -e getaddrinfo -e 'gethostby.*' -e 'getpw.*' -e 'getgr.*' -e 'iconv_open' -e system \
        -e popen -e 'exec[lv].*' -e fork -e posix_spawn "$work/bootstrap" |
        sed "s|\$|: in $build/bootstrap, which has no use for it|"
}

findings >"$work/findings" 2>&1
[ ! -f "$build/liblambda.a" ] || function_findings >>"$work/findings" 2>&1
cat "$work/findings"
[ ! -s "$work/findings" ]
