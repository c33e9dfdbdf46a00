#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the built library and command show to a linker:
#   - every global of libdistil.a begins with distil_;
#   - libdistil.so exports the functions that runtime/distil.h declares, no more, no fewer;
#   - the library imports from libc and libm only what the list below names: nothing that prints,
#     exits, reads the environment or the locale;
#   - it has no writable data: no state shared by threads;
#   - command and shared library need libc and libm only;
#   - the function's parts, liblambda.a, import what a second list names: sockets, files, clocks,
#     threads, and nothing that allocates;
#   - ./bootstrap is static and calls nothing of libc that would load a shared object at run time.
#
#     tools/check/check_symbols.sh [BUILD]

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

# One a line. Memory and strings; files; correctly rounded float functions; threads.
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

# Of the function, beside the library (distil_) and the JSON reader (json_).
function_imports='
memchr memcmp memcpy memmove memset strchr strcmp strcspn strlen strnlen strrchr strspn strstr
strcasecmp strncasecmp strncmp strcpy strerror strtod strtol strtoul strtoull
snprintf vsnprintf explicit_bzero
open close fstat pread preadv2 read write mmap munmap
connect getsockopt poll recv send setsockopt socket if_nametoindex inet_pton
clock_gettime clock_nanosleep getrandom gmtime_r
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

    # .data.rel.ro is read-only after relocation; .data and .bss are not.
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

# Built with OpenSSL the function imports that too: only the plain build is held against the list.
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
