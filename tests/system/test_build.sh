#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a user's own compiler, linker or C library may change about the build: warnings of a plain
# make are no errors, options that a linker does not know are left out, and musl's headers suffice.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

# Settings of an outer make must not reach the makes below.
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES WERROR DEBUG SANITIZE OPT CFLAGS LDFLAGS 2>/dev/null
make_here() { # ARGUMENTS...: make in the source tree, with a build directory of this test
    make --no-print-directory -C "$root" BUILD="$dir/b" "$@" >out 2>err
}

# The compiler reports a warning for each C file that includes this header.
printf '#ifndef __ASSEMBLER__\nstatic inline char cut(int x) { return x; }\n#endif\n' >warning.h
flags="-g -include $dir/warning.h"
object=$dir/b/obj/runtime/status.o
check "a warning of a plain make is no error" make_here CFLAGS="$flags" "$object"
check "the warning is printed" grep -q 'warning\.h.*onversion' err
refused() { # ARGUMENTS...: make fails because of the warning
    rm -f "$object"
    ! make_here CFLAGS="$flags" "$object" "$@" && grep -q 'warning\.h.*-Werror' err
}
check "it is an error with DEBUG=1" refused DEBUG=1
check "it is an error with WERROR=-Werror" refused WERROR=-Werror
check "it is an error before make check" refused check
check "it is an error before make lint" refused lint
check "WERROR= switches that off" make_here CFLAGS="$flags" WERROR= "$object" tests -n

# A function with a large frame in a file of the product is an error, too. The test includes one.
printf 'void keep(char *p);\nvoid big(void);\nvoid big(void) { char p[16500]; keep(p); }\n' >frame.h
too_large() {
    rm -f "$object"
    ! make_here CFLAGS="-g -include $dir/frame.h" WERROR=-Werror "$object" &&
        grep -q 'frame.*\(larger than\|exceeds limit\)' err
}
check "a frame of more than 16 KiB is refused" too_large

printf 'no blob\n' >text
refuses_text() {
    ! make_here EMBED="$dir/text" "$dir/b/obj/lambda/embed.o" && grep -q "text: not a blob" err
}
check "EMBED refuses a file that is no blob" refuses_text
check "EMBED takes a blob" make_here EMBED="$blob" "$dir/b/obj/lambda/embed.o"
check "bootstrap is a target of every build directory" sh -c \
    'make --no-print-directory -n -C "$1" BUILD="$2/b" bootstrap | grep -q "b/bootstrap"' \
    sh "$root" "$dir"

# A linker that does not know an option: a stand-in that refuses it, before the real compiler.
cat >picky <<'END'
#!/bin/sh
for argument; do
    case $argument in
    *noseparate-code*) echo "unknown option $argument" >&2; exit 1 ;;
    esac
done
exec ${REAL_CC:-cc} "$@"
END
chmod +x picky
REAL_CC=${CC:-cc}
export REAL_CC
probe() { # OPTIONS...: the options that are left, for the stand-in
    CC=$dir/picky "$root/tools/link_options.sh" "$@"
}
check "an unknown option is left out" test \
    "$(probe -Wl,-z,relro -Wl,-z,noseparate-code -Wl,--as-needed)" = \
    " -Wl,-z,relro -Wl,--as-needed"
check "no option is needed" test -z "$(CC=false "$root/tools/link_options.sh" -Wl,-z,relro)"
check "make asks the linker" make_here CC="$dir/picky" "$dir/b/boot_options" "$dir/b/link_options"
check "a linker without an option still links bootstrap" sh -c \
    '! grep -q noseparate-code "$1/b/boot_options" && grep -q gc-sections "$1/b/boot_options"' \
    sh "$dir"

# Debian's musl is older than preadv2 in musl, and its compiler does not see the kernel's headers.
if have musl-gcc; then
    check "musl's headers suffice" make_here CC=musl-gcc WERROR=-Werror \
        "$dir/b/obj/lambda/prefault.o" "$dir/b/obj/runtime/pool.o" "$dir/b/obj/runtime/cpus.o"
else
    skip musl "musl-gcc is not installed"
fi
finish test_build
