#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What `make portable` relies on: the gate refuses programs that would not run on an older machine,
# no other target downloads a compiler, the product calls no function that glibc 2.17 lacks, and an
# archive of `make package` depends on nothing but the files in it.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES SANITIZE CFLAGS LDFLAGS 2>/dev/null
gate() { # ARGUMENTS...: the gate, with its lines in the file out
    "$root/tools/portable/check_portable.sh" "$@" >out 2>err
}
refused() { # PATTERN ARGUMENTS...: the gate fails, and a line has the pattern
    pattern=$1
    shift
    ! gate "$@" && grep -q "^FAIL .*$pattern" out
}

# memcpy got a new version in glibc 2.14. A comparison of texts would take 2.14 for older than 2.9.
cat >copy.c <<'END'
#include <string.h>
int main(int n, char **v)
{
    char to[64];
    memcpy(to, v[0], (size_t)n);
    return to[0] == 1;
}
END
if getconf GNU_LIBC_VERSION >/dev/null 2>&1 && have readelf && cc -o copy copy.c 2>err; then
    check "a program for a newer glibc passes" gate 99.0 copy
    check "a program is refused for an older glibc" refused 'needs glibc' 2.9 copy
    needed=$(readelf --version-info -W copy | sed -n 's/.*GLIBC_\(2\.[0-9]*\) .*/\1/p' |
        sort -t . -k 2n | tail -n 1)
    check "the newest version is found" refused "needs glibc $needed" 2.3 copy
    check "its own version passes" gate "$needed" copy
    check "a dynamic program is not static" refused 'dynamic linker' static copy
    echo 'int other(void) { return 1; }' >other.c
    echo 'int other(void); int main(void) { return other(); }' >main.c
    cc -shared -fPIC -o libother.so other.c && cc -o main main.c -L. -lother
    check "another library is refused" refused 'needs libother.so' 99.0 main
    if cc -static -o fixed copy.c 2>err; then
        check "a static program is static" gate static fixed
        check "a static program asks for no glibc" refused 'no symbol of glibc' 99.0 fixed
        check "one of two files is enough" refused 'dynamic linker' static fixed copy
    else
        skip static "cc finds no static C library"
    fi
    if cc -pie -Wl,-z,pack-relative-relocs -o packed copy.c 2>err; then
        check "packed relocations are refused for glibc 2.35" refused 'needs glibc 2.36' 2.35 packed
        check "and pass for 2.36" gate 2.36 packed
    fi
    check "a text is refused" refused 'not a program' 99.0 copy.c
    check "a missing file is refused" refused 'not a program' 99.0 nothing
else
    skip gate "cc with glibc and readelf are not installed"
fi

# The compiler of the build that is tested may be Zig's and must not appear in what make prints.
unset CC
# Only `make portable` may download Zig. This build directory has none.
for target in all check package wheel; do
    make -n -C "$root" BUILD="$dir/none" $target >out 2>err
    check "make $target downloads nothing" sh -c '! grep -q zig out'
done
make -n -C "$root" BUILD="$dir/none" portable >out 2>err
check "make portable does" grep -q 'zig\.sh' out

# These functions came after glibc 2.17.
newer='explicit_bzero|getrandom|getentropy|reallocarray|memfd_create|copy_file_range|renameat2'
newer="$newer|statx|preadv2|pwritev2|gettid|close_range|strlcpy|strlcat|pthread_cond_clockwait"
newer="$newer|mlock2|epoll_pwait2|execveat|posix_spawn_file_actions_add(chdir|tcsetpgrp)_np"
newer="$newer|thrd_create|timespec_get|arc4random|arc4random_buf|pidfd_open"
if have nm && [ -f "$build/liblambda.a" ]; then
    # Sanitizers bring their own calls.
    case $(nm "$build/libdistil.a" 2>/dev/null) in
    *__asan_* | *__ubsan_* | *__tsan_*) skip functions "sanitizers call functions of their own" ;;
    *)
        for archive in distil base prog lambda serve; do
            nm -u "$build/lib$archive.a"
        done 2>err | grep -E " U ($newer)\$" >out
        check "no function is newer than glibc 2.17" test ! -s out
        ;;
    esac
else
    skip functions "nm is not installed, or there is no liblambda.a"
fi

# The archive: the same bytes twice, one folder, a command that runs there and a model beside it.
if [ -f "$build/distil-serve" ] && [ -f "$build/libdistil.so" ]; then
    pack() { # ARCHIVE
        "$root/tools/package.sh" "$build" 1.2.3 "$1"
    }
    check "package" pack "$dir/distil-1.2.3-some.tar.gz"
    mkdir again
    check "package again" pack "$dir/again/distil-1.2.3-some.tar.gz"
    check "the same bytes" cmp distil-1.2.3-some.tar.gz again/distil-1.2.3-some.tar.gz
    tar -xzf distil-1.2.3-some.tar.gz
    check "one folder" test -z "$(tar -tzf distil-1.2.3-some.tar.gz |
        grep -v '^distil-1\.2\.3-some/')"
    for file in bin/distil bin/distil-serve include/distil.h lib/libdistil.a lib/libdistil.so \
        share/distil/sst2.distil README.md LICENSE NOTICE CHANGELOG.md; do
        check "the archive has $file" test -s "distil-1.2.3-some/$file"
    done
    unset DISTIL_MODEL
    distil=$dir/distil-1.2.3-some/bin/distil
    run classify "A gorgeous, witty, seductive movie."
    check "its command finds its model" grep -q '^POSITIVE 0\.99' out
else
    skip package "not all of the product is built"
fi
finish test_portable
