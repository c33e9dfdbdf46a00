#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make install and make uninstall with paths that hold blanks and characters of the shell: every
# file lands below DESTDIR, the source tree stays as it is, a program builds against the installed
# library through pkg-config, and uninstall removes what install put there and nothing else.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

# MAKEFLAGS of an outer make must not reach the makes below.
unset MAKEFLAGS MAKELEVEL MFLAGS 2>/dev/null
make_target() { # TARGET VARIABLE=VALUE...: make in the source tree, of the build that is tested
    # -o all: install what is there. This make does not know the flags of the build and would begin
    # it again.
    make --no-print-directory -o all -C "$root" BUILD="$build" "$@" >out 2>err
}

tree_list() { # every file of the source tree but build folders and what git keeps
    find "$root" \( -name .git -o -path "$build" -o -name build -o -name __pycache__ \) -prune \
        -o -print | sort
}
tree_list >tree_before

installed_files() { # FOLDER: its files and links, sorted
    (cd "$1" && find . \( -type f -o -type l \) | sort)
}

plain=$dir/plain
check "make install works" make_target install DESTDIR="$plain" PREFIX=/usr
installed_files "$plain" >wanted
check "ten files are installed" lines 10 wanted

round_trip() { # NAME DESTDIR PREFIX, both as make takes them, then both as the shell has them
    name=$1
    check "$name: install" make_target install DESTDIR="$2" PREFIX="$3"
    check "$name: every file" sh -c 'cd "$1" && find . \( -type f -o -type l \) | sort >found' \
        sh "$4$5"
    sed "s|^\./usr|.|" wanted >wanted_here
    grep -v '^\./found$' "$4$5/found" >found
    rm -f "$4$5/found"
    check "$name: the same files" cmp found wanted_here
    echo mine >"$4$5/lib/other"
    check "$name: uninstall" make_target uninstall DESTDIR="$2" PREFIX="$3"
    installed_files "$4$5" >left
    check "$name: only the other file is left" test "$(cat left)" = ./lib/other
}

mkdir other && echo keep >"$dir/x"
round_trip "blank in DESTDIR" "$dir/x y/z" /usr "$dir/x y/z" /usr
check "blank in DESTDIR: the file named like the first word is kept" grep -qx keep "$dir/x"
round_trip "blank in PREFIX" "$dir/d" "/opt/my tools" "$dir/d" "/opt/my tools"
round_trip "characters of the shell" "$dir/a;b&c'd\"e(f)*?[g]" "/o\$\$p|q\\r" \
    "$dir/a;b&c'd\"e(f)*?[g]" "/o\$p|q\\r"
round_trip "a path that looks like an option" "$dir/-rf" "/-n x" "$dir/-rf" "/-n x"

check "a relative DESTDIR is refused" sh -c '! make --no-print-directory -o all -C "$1" BUILD="$2" \
    install DESTDIR=stage >out 2>err && grep -q "not an absolute path" err' sh "$root" "$build"

tree_list >tree_after
check "the source tree has no file more and none less" cmp tree_before tree_after

if nm "$build/distil" | grep -q -e __asan_init -e __ubsan_; then
    skip pkg-config "sanitizers would have to be linked into the program too"
elif have pkg-config; then
    cat >app.c <<'END'
#include <distil.h>
#include <stdio.h>
int main(void)
{
    return puts(distil_version()) == EOF;
}
END
    build_with_pkg_config() { # the command line as a shell reads what pkg-config prints
        PKG_CONFIG_PATH="$dir/home of mine/lib/pkgconfig"
        export PKG_CONFIG_PATH
        eval "${CC:-cc} app.c $(pkg-config --cflags --libs distil) \
            -Wl,-rpath,'$dir/home of mine/lib' -o app" && ./app >version
    }
    check "install into a folder with blanks" make_target install PREFIX="$dir/home of mine"
    check "a program builds through pkg-config" build_with_pkg_config
    check "and runs" test -s version
else
    skip pkg-config "not installed"
fi
finish test_install
