# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the test scripts of the command share. A script reads this file with `.`. The file sets the
# variables root (the source tree), build (the build directory), distil (the program), blob (the
# shipped model) and dir, an empty directory that becomes the working directory and is removed at
# the end. Its functions are:
#
#     run ARGUMENTS...          run the program without input: sets rc and writes the files out, err
#     run_in FILE ARGUMENTS...  run it with FILE as standard input
#     check NAME COMMAND...     count a case, which passes if the command succeeds
#     skip NAME REASON          count a case that cannot be checked here
#     finish NAME               print the sum and exit

set -u
LC_ALL=C
export LC_ALL
unset DISTIL_ISA DISTIL_MODEL 2>/dev/null
root=$(cd "${DISTIL_TEST_ROOT:-.}" && pwd) || exit 1
distil=${DISTIL:-$root/distil}
case $distil in
/*) ;;
*) distil=$PWD/$distil ;;
esac
build=${DISTIL_BUILD:-$root/build}
case $build in
/*) ;;
*) build=$root/$build ;;
esac
blob=$build/sst2.distil
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir" || exit 1

passed=0
failed=0
skipped=0

if [ ! -x "$distil" ] || [ ! -f "$blob" ]; then
    echo "not ok start: no $distil or no $blob; run make"
    echo "$(basename "$0" .sh): 0 passed, 1 failed, 0 skipped"
    exit 1
fi

run() {
    "$distil" "$@" >out 2>err </dev/null
    rc=$?
}

run_in() {
    file=$1
    shift
    "$distil" "$@" >out 2>err <"$file"
    rc=$?
}

check() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not ok $name: $*"
        [ ! -f out ] || head -n 5 out | cut -c 1-300 | sed 's/^/    out: /'
        [ ! -f err ] || head -n 5 err | cut -c 1-300 | sed 's/^/    err: /'
        echo "    exit status ${rc-none}"
    fi
}

skip() { # NAME REASON
    echo "skip $1: $2"
    skipped=$((skipped + 1))
}

have() {
    command -v "$1" >/dev/null 2>&1
}

finish() {
    echo "$1: $passed passed, $failed failed, $skipped skipped"
    [ "$passed$failed" != 00 ] || [ $skipped -eq 0 ] || exit 77
    [ $failed -eq 0 ] && [ $passed -gt 0 ]
    exit $?
}

# ---- conditions: commands that check can run ----
ended() { # STATUS: the program has ended with this exit status
    [ "$rc" -eq "$1" ]
}
empty() { # FILE: the file has no bytes
    [ ! -s "$1" ]
}
lines() { # NUMBER FILE: the file has exactly NUMBER line feeds
    [ "$(wc -l <"$2")" -eq "$1" ]
}
at_least() { # NUMBER FILE: the file has NUMBER line feeds or more
    [ "$(wc -l <"$2")" -ge "$1" ]
}
says() { # FILE TEXT: a line of the file contains the text
    grep -qF -e "$2" "$1"
}
matches() { # FILE EXTENDED-REGEX: the file has lines, and each of them matches as a whole
    [ -s "$1" ] && ! grep -qvaxE -e "$2" "$1"
}
same() { # FILE FILE: the files have the same bytes
    cmp -s "$1" "$2"
}
is() { # FILE FORMAT: the bytes of the file are what printf makes of FORMAT
    # shellcheck disable=SC2059
    printf "$2" | cmp -s - "$1"
}
line_is() { # NUMBER FILE TEXT: the line with this number is the text
    [ "$(sed -n "$1p" "$2")" = "$3" ]
}
count() { # NUMBER FILE EXTENDED-REGEX: NUMBER lines match somewhere
    [ "$(grep -caE -e "$3" "$2")" -eq "$1" ]
}
