#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Write the root certificates that the function's TLS trusts to standard output, as PEM. They are
# the roots to which the certificates of AWS services chain, and no others. The script reads them
# from Debian's package ca-certificates, or from the directory ROOTS, which must use the same file
# names.

set -eu
dir=${ROOTS:-/usr/share/ca-certificates/mozilla}
for name in Amazon_Root_CA_1 Amazon_Root_CA_2 Amazon_Root_CA_3 Amazon_Root_CA_4 \
    Starfield_Services_Root_Certificate_Authority_-_G2; do
    [ -f "$dir/$name.crt" ] || {
        echo "roots.sh: $dir/$name.crt: no such file; install ca-certificates, or set ROOTS" >&2
        exit 1
    }
    cat "$dir/$name.crt"
done
