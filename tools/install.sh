#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what `make` has built, or removes it again; `make install` and `make uninstall` call this
# script. Paths come in the environment, so that blanks and characters that a shell or make would
# interpret reach it as they are.
#
#     tools/install.sh install | uninstall
#
# Environment: DISTIL_BUILD                        the folder that make builds in
#              DISTIL_VERSION                      such as 0.2.0
#              DISTIL_DESTDIR                      a staging folder, or empty
#              DISTIL_PREFIX DISTIL_BINDIR DISTIL_LIBDIR DISTIL_INCDIR DISTIL_DATADIR
#
# Nothing outside DESTDIR is written or removed, and every path is used whole or not at all.

set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."

action=${1-}
build=$DISTIL_BUILD
# The number in the shared library's name.
abi=$(sed -n 's/^#define DISTIL_ABI //p' runtime/distil.h)
dest=$DISTIL_DESTDIR
bin=$dest$DISTIL_BINDIR
lib=$dest$DISTIL_LIBDIR
inc=$dest$DISTIL_INCDIR
data=$dest$DISTIL_DATADIR
completion=$data/bash-completion/completions/distil

# A relative folder would be taken from wherever make runs: the files would land in the source tree.
for path in "$DISTIL_PREFIX" "$DISTIL_BINDIR" "$DISTIL_LIBDIR" "$DISTIL_INCDIR" "$DISTIL_DATADIR" \
    "${dest:-/}"; do
    case $path in
    /*) ;;
    *)
        echo "install: '$path' is not an absolute path: begin it with /" >&2
        exit 2
        ;;
    esac
    case $path in
    *'
'*)
        echo "install: a path with a line end cannot be written into distil.pc" >&2
        exit 2
        ;;
    esac
done

put() { # MODE SOURCE TARGET
    mkdir -p -- "${3%/*}"
    install -m "$1" -- "$2" "$3"
}

link_to() { # NAME TARGET: TARGET becomes a symbolic link to NAME beside it
    ln -sfn -- "$1" "$2"
}

# pkg-config splits values at blanks, and '\' and '"' are its own: they are escaped.
pkg_config_file() {
    awk '
        function escaped(text,    out, i, c) {
            out = ""
            for (i = 1; i <= length(text); i++) {
                c = substr(text, i, 1)
                if (c == "$")
                    out = out "$"
                else if (index(" \t\\\"'"'"'#&;()<>|*?`~!{}", c))
                    out = out "\\"
                out = out c
            }
            return out
        }
        function replaced(line, mark, text,    at) {
            at = index(line, mark)
            if (at == 0)
                return line
            return substr(line, 1, at - 1) text substr(line, at + length(mark))
        }
        {
            $0 = replaced($0, "@PREFIX@", escaped(ENVIRON["DISTIL_PREFIX"]))
            $0 = replaced($0, "@LIBDIR@", escaped(ENVIRON["DISTIL_LIBDIR"]))
            $0 = replaced($0, "@INCDIR@", escaped(ENVIRON["DISTIL_INCDIR"]))
            print replaced($0, "@VERSION@", ENVIRON["DISTIL_VERSION"])
        }' tools/distil.pc.in
}

install_all() {
    put 755 "$build/distil" "$bin/distil"
    put 755 "$build/distil-serve" "$bin/distil-serve"
    put 644 runtime/distil.h "$inc/distil.h"
    put 644 "$build/libdistil.a" "$lib/libdistil.a"
    put 755 "$build/libdistil.so" "$lib/libdistil.so.$abi"
    link_to "libdistil.so.$abi" "$lib/libdistil.so"
    mkdir -p -- "$lib/pkgconfig"
    pkg_config_file >"$lib/pkgconfig/distil.pc"
    chmod 644 -- "$lib/pkgconfig/distil.pc"
    put 644 docs/distil.1 "$data/man/man1/distil.1"
    put 644 tools/command/distil.bash "$completion"
    put 644 "$build/sst2.distil" "$data/distil/sst2.distil"
    echo "  installed under $dest$DISTIL_PREFIX"
}

uninstall_all() {
    rm -f -- "$bin/distil" "$bin/distil-serve" "$inc/distil.h" "$lib/libdistil.a" \
        "$lib/libdistil.so" "$lib/libdistil.so.$abi" "$lib/pkgconfig/distil.pc" \
        "$data/man/man1/distil.1" "$completion" "$data/distil/sst2.distil"
    rmdir -- "$data/distil" 2>/dev/null || true
}

case $action in
install) install_all ;;
uninstall) uninstall_all ;;
*)
    echo "usage: tools/install.sh install | uninstall" >&2
    exit 2
    ;;
esac
