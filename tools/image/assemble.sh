#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Assemble the function's OCI image with no daemon, no network and no right beyond writing files:
# two layers, the weights and then the program. Same files in, same bytes out.
#
#     tools/image/assemble.sh -b BOOTSTRAP -m BLOB [-c CERTIFICATES] -o NAME
#
#     -b -m -c  the files of the image, see trees.sh
#     -o NAME   writes NAME/, an OCI image layout, and NAME.tar, the same for `podman load`,
#               `docker load` (it has Docker's own manifest.json too) and `skopeo copy oci-archive:`
#
# Prints the digest of the image. Environment: see facts.sh. What AWS Lambda asks of the format:
# docs/image.md; tools/image/check_image holds the result against it.

set -eu
LC_ALL=C
export LC_ALL
umask 022
here=$(cd "$(dirname "$0")" && pwd)

bootstrap='' blob='' certificates='' out=''
while getopts b:m:c:o: option; do
    case $option in
    b) bootstrap=$OPTARG ;;
    m) blob=$OPTARG ;;
    c) certificates=$OPTARG ;;
    o) out=$OPTARG ;;
    *) exit 2 ;;
    esac
done
[ -n "$bootstrap" ] && [ -n "$blob" ] && [ -n "$out" ] || {
    sed -n 's/^#     \(tools.*\)/usage: \1/p' "$0" >&2
    exit 2
}
# shellcheck source=tools/image/facts.sh
. "$here/facts.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$here/trees.sh" -b "$bootstrap" -m "$blob" -c "$certificates" -o "$work"
rm -rf "$out" "$out.tar"
blobs=$out/blobs/sha256
mkdir -p "$blobs"

# A tar that depends on names and contents alone: entries in order, so that directories come before
# what is in them; owner, time and format fixed; no hard links, no extended headers.
plain_tar() { # ARGUMENTS
    tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
        --hard-dereference "$@"
}

keep() { # FILE: move it among the blobs; sets digest and size
    digest=$(sha256_of "$1")
    size=$(wc -c <"$1")
    mv "$1" "$blobs/$digest"
}

descriptor() { # MEDIA-TYPE MORE: of the blob that keep saw last
    printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s%s}' \
        "$1" "$digest" "$size" "${2-}"
}

layer() { # TREE: sets digest and size of the layer, and diff_id
    # shellcheck disable=SC2046
    plain_tar -C "$work/$1" -cf "$work/$1.tar" $(ls "$work/$1")
    diff_id=$(sha256_of "$work/$1.tar")
    gzip -6nc "$work/$1.tar" >"$work/$1.tgz" # -n: neither name nor time
    rm "$work/$1.tar"
    keep "$work/$1.tgz"
}

layer weights
weights_diff=$diff_id weights_digest=$digest weights=$(descriptor layer.v1.tar+gzip)
layer program
program_diff=$diff_id program_digest=$digest program=$(descriptor layer.v1.tar+gzip)

label() { # KEY VALUE
    printf '%s:%s' "$(json_text "$1")" "$(json_text "$2")"
}
cat >"$work/config" <<END
{
  "created": "$CREATED",
  "architecture": "amd64",
  "os": "linux",
  "config": {
    "Env": ["DISTIL_MODEL=/app/model.distil"],
    "Entrypoint": ["/app/bootstrap"],
    "WorkingDir": "/",
    "Labels": {
      $(label distil.model.sha256 "$(sha256_of "$blob")"),
      $(label org.opencontainers.image.licenses "$LICENCE"),
      $(label org.opencontainers.image.revision "$REVISION"),
      $(label org.opencontainers.image.source "$SOURCE"),
      $(label org.opencontainers.image.title "$TITLE"),
      $(label org.opencontainers.image.version "$VERSION")
    }
  },
  "rootfs": {"type": "layers", "diff_ids": ["sha256:$weights_diff", "sha256:$program_diff"]},
  "history": [
    {"created": "$CREATED", "created_by": "weights"},
    {"created": "$CREATED", "created_by": "program"}
  ]
}
END
keep "$work/config"
config_digest=$digest config=$(descriptor config.v1+json)

cat >"$work/manifest" <<END
{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "config": $config,
  "layers": [
    $weights,
    $program
  ]
}
END
keep "$work/manifest"

echo '{"imageLayoutVersion": "1.0.0"}' >"$out/oci-layout"
cat >"$out/index.json" <<END
{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    $(descriptor manifest.v1+json ',"annotations":{"org.opencontainers.image.ref.name":"distil"}')
  ]
}
END
cat >"$out/manifest.json" <<END
[{
  "Config": "blobs/sha256/$config_digest",
  "RepoTags": ["distil:latest"],
  "Layers": ["blobs/sha256/$weights_digest", "blobs/sha256/$program_digest"]
}]
END
plain_tar --mode=u=rwX,go=rX -C "$out" -cf "$out.tar" blobs index.json manifest.json oci-layout
echo "sha256:$digest"
