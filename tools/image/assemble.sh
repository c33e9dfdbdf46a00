#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Assemble the function's OCI image without a container daemon, network access or root. The image
# has two layers: the weights, and then the program. The same input files give the same image, byte
# for byte.
#
#     tools/image/assemble.sh -b BOOTSTRAP -m BLOB [-c CERTIFICATES] -o NAME
#
#     -b -m -c  the files to put into the image; trees.sh describes them
#     -o NAME   writes NAME/, an OCI image layout, and NAME.tar, an archive of it, which
#               `podman load`, `docker load` (the archive contains Docker's manifest.json too) and
#               `skopeo copy oci-archive:` accept
#
# Prints the digest of the image. The environment variables that common.sh lists under find_facts
# override what the image states about itself. docs/image.md describes what AWS Lambda requires of
# the format, and tools/image/check_image checks the result.

# shellcheck source=tools/image/common.sh
. "$(dirname "$0")/common.sh"

read_options b:m:c:o: "$@"
[ -n "$bootstrap" ] && [ -n "$blob" ] && [ -n "$out" ] || usage
find_facts
make_work_directory
"$here/trees.sh" -b "$bootstrap" -m "$blob" -c "$certificates" -o "$work"
rm -rf "$out" "$out.tar"
blobs=$out/blobs/sha256
mkdir -p "$blobs"

# Write a tar archive that depends only on names and contents. Sorted entries put each directory
# before its contents; owner, time and format are fixed; hard links and extended headers are left
# out.
deterministic_tar() { # ARGUMENTS
    tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
        --hard-dereference "$@"
}

store_blob() { # FILE: moves it into the blob directory; sets digest and size
    digest=$(sha256_of "$1")
    size=$(wc -c <"$1")
    mv "$1" "$blobs/$digest"
}

descriptor() { # MEDIA-TYPE [MEMBERS]: prints the descriptor of the blob last given to store_blob
    printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s%s}' \
        "$1" "$digest" "$size" "${2-}"
}

layer() { # TREE: writes the layer; sets its digest, size and diff_id
    # shellcheck disable=SC2046
    deterministic_tar -C "$work/$1" -cf "$work/$1.tar" $(ls "$work/$1")
    diff_id=$(sha256_of "$work/$1.tar")
    gzip -6nc "$work/$1.tar" >"$work/$1.tgz" # -n leaves out name and time
    rm "$work/$1.tar"
    store_blob "$work/$1.tgz"
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
store_blob "$work/config"
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
store_blob "$work/manifest"

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
deterministic_tar --mode=u=rwX,go=rX -C "$out" -cf "$out.tar" \
    blobs index.json manifest.json oci-layout
echo "sha256:$digest"
