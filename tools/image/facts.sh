# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the image, its bill of materials and its provenance say about themselves, found once. Read
# with `.` by scripts that have set `here` to this directory; not run. Any of these can be given in
# the environment instead:
#
#     VERSION            of the project, from runtime/distil.h
#     REVISION           the commit, with "-dirty" behind it where tracked files differ from it
#     SOURCE             address of the repository: the remote "origin" where it is an https:// or
#                        ssh address, written without user and password; else "unknown"
#     SOURCE_DATE_EPOCH  seconds since 1970 of the commit, 0 without one
#     CREATED            the same as RFC 3339
#
# Without git, and nothing given, REVISION is "unknown": the gate refuses that (tools/image/check_image),
# so that it is not shipped by mistake.

# shellcheck disable=SC2034,SC2154
tree=$(cd "$here/../.." && pwd)
TITLE=distilbert.c
LICENCE=Apache-2.0

version_part() { # MAJOR, MINOR or PATCH
    sed -n "s/^#define DISTIL_VERSION_$1 //p" "$tree/runtime/distil.h"
}

find_revision() {
    commit=$(git -C "$tree" rev-parse --verify -q HEAD 2>/dev/null) || commit=unknown
    [ "$commit" = unknown ] || git -C "$tree" diff-index --quiet HEAD -- 2>/dev/null ||
        commit=$commit-dirty
    echo "$commit"
}

find_source() {
    origin=$(git -C "$tree" config --get remote.origin.url 2>/dev/null) || origin=
    case $origin in
    https://* | ssh://*) echo "$origin" | sed 's|//[^/@]*@|//|' ;;
    git@*:*) echo "$origin" | sed 's|^git@\([^:]*\):|https://\1/|' ;;
    *) echo unknown ;;
    esac
}

find_time() {
    git -C "$tree" log -1 --format=%ct 2>/dev/null || echo 0
}

VERSION=${VERSION:-$(version_part MAJOR).$(version_part MINOR).$(version_part PATCH)}
REVISION=${REVISION:-$(find_revision)}
SOURCE=${SOURCE:-$(find_source)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(find_time)}
CREATED=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
export VERSION REVISION SOURCE SOURCE_DATE_EPOCH

sha256_of() { # FILE: its digest alone
    sha256sum "$1" | cut -c 1-64
}

# A string for JSON, with its quotes. What is said here has no reason to hold control characters.
json_text() { # TEXT
    case $1 in
    *[[:cntrl:]]*)
        echo "control character in: $1" >&2
        return 1
        ;;
    esac
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}
