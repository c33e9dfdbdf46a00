# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# Settings and functions that the scripts in this directory share. A script reads this file as its
# first command; the file is not run by itself:
#
#     . "$(dirname "$0")/common.sh"
#
# It sets `here` (this directory), `tree` (the root of the repository) and `script` (the file name
# of the running script, for its messages).

# shellcheck disable=SC2034
set -eu
LC_ALL=C
export LC_ALL
umask 022
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
script=${0##*/}

# Print an error and end the script with status 1. REMEDY says what the user can do.
fail() { # MESSAGE [REMEDY]
    echo "$script: $1" >&2
    [ -z "${2-}" ] || echo "    remedy: $2" >&2
    exit 1
}

need() { # COMMAND PACKAGE: fails unless the command is installed
    command -v "$1" >/dev/null || fail "$1 is not installed" "apt-get install $2"
}

# Print the synopsis from the script's own header and end with status 2.
usage() {
    sed -n 's/^#     \(tools.*\)/usage: \1/p' "$0" >&2
    exit 2
}

# Read the options of a script. LETTERS is the option string for getopts; a script passes those of
# the letters below that it accepts. An option that was not given leaves its variable empty.
read_options() { # LETTERS ARGUMENTS...
    letters=$1
    shift
    bootstrap='' blob='' certificates='' out='' layout='' distil='' model_licence='' sentences=''
    while getopts "$letters" option; do
        case $option in
        b) bootstrap=$OPTARG ;;
        m) blob=$OPTARG ;;
        c) certificates=$OPTARG ;;
        o) out=$OPTARG ;;
        i) layout=$OPTARG ;;
        d) distil=$OPTARG ;;
        l) model_licence=$OPTARG ;;
        e) sentences=$OPTARG ;;
        *) usage ;;
        esac
    done
}

# Make a temporary directory, `work`, which is removed when the script ends.
make_work_directory() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
}

sha256_of() { # FILE: prints its SHA-256 in hexadecimal, without the file's name
    sha256sum "$1" | cut -c 1-64
}

# Print a text as a JSON string with its quotes. Control characters, which no value here contains,
# are refused.
json_text() { # TEXT
    case $1 in
    *[[:cntrl:]]*)
        echo "control character in: $1" >&2
        return 1
        ;;
    esac
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# ---- what is linked into the program ----------------------------------------------------------

# Print the path of each library from which the linker took code, without the project's own
# libraries. FILE is the linker's map of the program.
linked_archives() { # FILE
    sed -n 's/^\(\/[^ (]*\.a\)(.*/\1/p' "$1" | sort -u | while read -r archive; do
        archive=$(readlink -f "$archive")
        case ${archive##*/} in
        libdistil.a | liblambda.a | libbase.a) ;;
        *) echo "$archive" ;;
        esac
    done
}

owner_of() { # FILE: prints the package that owns it, or nothing
    dpkg -S "$1" 2>/dev/null | sed -n '1s/: .*//p'
}

# ---- what the image states about itself ------------------------------------------------------

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

# Set and export the variables below, unless the environment has them already:
#
#     VERSION            the version of the project, from runtime/distil.h
#     REVISION           the commit, with "-dirty" appended if tracked files differ from it
#     SOURCE             the address of the repository: the remote "origin" if it is an https:// or
#                        ssh address, without user and password; otherwise "unknown"
#     SOURCE_DATE_EPOCH  the time of the commit in seconds since 1970, or 0 without a commit
#
# CREATED is always SOURCE_DATE_EPOCH as RFC 3339. Without git REVISION is "unknown", which
# `check_image --release` refuses, so that such an image is not shipped by mistake.
find_facts() {
    VERSION=${VERSION:-$(version_part MAJOR).$(version_part MINOR).$(version_part PATCH)}
    REVISION=${REVISION:-$(find_revision)}
    SOURCE=${SOURCE:-$(find_source)}
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(find_time)}
    CREATED=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
    export VERSION REVISION SOURCE SOURCE_DATE_EPOCH
}
