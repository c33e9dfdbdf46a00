#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Packs what `make` has built: the tree that `make install` makes, with README, licence, notice and
# changelog. The same files give the same archive.
#
#     tools/package.sh BUILD VERSION ARCHIVE.tar.gz
#
# BUILD is the build directory. The archive holds one folder, which has the archive's name.

set -eu
[ $# -eq 3 ] || { echo "usage: tools/package.sh BUILD VERSION ARCHIVE.tar.gz" >&2; exit 2; }
cd "$(dirname "$0")/.."
name=${3##*/}
name=${name%.tar.gz}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The folder is complete in itself, so programs and libraries lie in /usr only by their names.
DISTIL_BUILD=$1 DISTIL_VERSION=$2 DISTIL_DESTDIR=$work DISTIL_PREFIX=/usr DISTIL_BINDIR=/usr/bin \
    DISTIL_LIBDIR=/usr/lib DISTIL_INCDIR=/usr/include DISTIL_DATADIR=/usr/share \
    tools/install.sh install >/dev/null
mv "$work/usr" "$work/$name"
cp README.md LICENSE NOTICE CHANGELOG.md "$work/$name"
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work" -cf "$work/$name.tar" \
    "$name"
gzip -9n <"$work/$name.tar" >"$3.tmp"
mv -f "$3.tmp" "$3"
