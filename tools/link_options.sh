#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Prints on one line those of some options with which the compiler links a program. Linkers differ
# in the options that they know, and a system need not have a static C library.
#
#     CC=cc tools/link_options.sh OPTIONS...
#
# The script tries the options in order, each together with those that were accepted before it. An
# option that makes the compiler or the linker warn is not accepted. CC, CFLAGS and LDFLAGS may
# consist of several words.

set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
printf '#include <math.h>\nint main(int n, char **v) { return v == 0 && sqrt(n) > 2; }\n' \
    >"$dir/main.c"
CC=${CC:-cc}
LDFLAGS=${LDFLAGS-}

# shellcheck disable=SC2086
$CC ${CFLAGS-} -fPIC -c -o "$dir/main.o" "$dir/main.c" >/dev/null 2>&1 || exit 0
accepted=
for option; do
    # shellcheck disable=SC2086
    $CC $LDFLAGS -Werror -Wl,--fatal-warnings $accepted $option -o "$dir/main" "$dir/main.o" \
        -lm -pthread \
        >/dev/null 2>&1 && accepted="$accepted $option"
done
echo "$accepted"
