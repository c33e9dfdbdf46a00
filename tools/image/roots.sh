#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Write the roots that the function's TLS trusts, PEM, to standard output: those that Amazon's
# services chain to and no other. From Debian's package ca-certificates, or ROOTS=DIR with the same
# file names.

set -eu
dir=${ROOTS:-/usr/share/ca-certificates/mozilla}
for name in Amazon_Root_CA_1 Amazon_Root_CA_2 Amazon_Root_CA_3 Amazon_Root_CA_4 \
    Starfield_Services_Root_Certificate_Authority_-_G2; do
    [ -f "$dir/$name.crt" ] || {
        echo "roots.sh: $dir/$name.crt: not there; install ca-certificates, or set ROOTS" >&2
        exit 1
    }
    cat "$dir/$name.crt"
done
