# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the tests of the command share; read with `.`, not run. Sets distil (the program), blob (the
# shipped model), dir (an empty directory, removed at the end; the scripts work in it), root.
#
#     run ARGUMENTS...         the program with empty input: sets rc, files out and err
#     run_in FILE ARGUMENTS... the same with FILE as standard input
#     check NAME COMMAND...    a case: passes if the command succeeds
#     finish NAME              the closing line and the exit status

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

# ---- conditions for check ----
ended() { # STATUS
    [ "$rc" -eq "$1" ]
}
empty() { # FILE
    [ ! -s "$1" ]
}
lines() { # NUMBER FILE: exactly so many line feeds
    [ "$(wc -l <"$2")" -eq "$1" ]
}
at_least() { # NUMBER FILE: so many line feeds or more
    [ "$(wc -l <"$2")" -ge "$1" ]
}
says() { # FILE TEXT: a line contains the text as it is
    grep -qF -e "$2" "$1"
}
matches() { # FILE EXTENDED-REGEX: every line matches, and there is one
    [ -s "$1" ] && ! grep -qvaxE -e "$2" "$1"
}
same() {
    cmp -s "$1" "$2"
}
is() { # FILE FORMAT: the file holds what printf makes of FORMAT, byte for byte
    # shellcheck disable=SC2059
    printf "$2" | cmp -s - "$1"
}
line_is() { # NUMBER FILE TEXT
    [ "$(sed -n "$1p" "$2")" = "$3" ]
}
count() { # NUMBER FILE EXTENDED-REGEX: so many lines contain it
    [ "$(grep -caE -e "$3" "$2")" -eq "$1" ]
}
