#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Look for known vulnerabilities in an image by scanning its bill of materials.
#
#     tools/image/scan.sh IMAGE.sbom.json
#
# What can be vulnerable is the code that was linked into the program (libc, libgcc, OpenSSL). The
# bill of materials lists it. The image itself lists the Debian packages of that code, too, for
# scanners that are given images.
#
# SCANNER is the command to use; the script appends the name of the file as the last argument, and
# the command must fail if it finds something. Without SCANNER, grype or trivy is used, whichever is
# installed, and reports severities from high upwards.
#
# Exit status: 0 if nothing was found, 77 if no scanner is installed, otherwise the scanner's own.

set -eu
sbom=${1:?name a bill of materials}
[ -f "$sbom" ] || {
    echo "scan.sh: $sbom: no such file; run make image" >&2
    exit 2
}
if [ -n "${SCANNER-}" ]; then
    # shellcheck disable=SC2086
    exec $SCANNER "$sbom"
elif command -v grype >/dev/null; then
    exec grype --fail-on high "sbom:$sbom"
elif command -v trivy >/dev/null; then
    exec trivy sbom --exit-code 1 --severity HIGH,CRITICAL "$sbom"
fi
echo "scan.sh: neither grype nor trivy is installed, and SCANNER is not set" >&2
exit 77
