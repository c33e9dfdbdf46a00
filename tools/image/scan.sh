#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Look for known vulnerabilities in an image, by its bill of materials.
#
#     tools/image/scan.sh IMAGE.sbom.json
#
# A scanner that is shown the image itself finds nothing, and that means nothing: there is no
# package database in it, only a static program. What could be vulnerable is what was linked into it
# (libc, libgcc, OpenSSL), and the bill of materials lists exactly that. Uses SCANNER, a command
# that is given the file's name as its last argument and fails where it finds something; else grype
# or trivy, whichever is installed, from severity high on.
#
# Exit status: 0 nothing found; 77 no scanner here; any other: the scanner's own.

set -eu
sbom=${1:?which bill of materials?}
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
