#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Say what is in an assembled image and where it comes from:
#
#     tools/image/describe.sh -i LAYOUT -b BOOTSTRAP -m BLOB [-c CERTIFICATES] -d DISTIL
#                             [-l LICENCE] [-e FILE.tsv]
#
#     -i LAYOUT     what assemble.sh wrote
#     -b -m -c      what it was given; the linker's map is beside the program, BOOTSTRAP.map
#     -d DISTIL     the command, which reads the blob
#     -l LICENCE    the model's licence, an SPDX expression
#     -e FILE       sentences with labels: the card gives the model's accuracy on them
#
# Writes
#     LAYOUT.sbom.json        bill of materials, CycloneDX 1.6: the program, every library that the
#                             linker took code from, the certificates, the model and its card
#     LAYOUT.provenance.json  in-toto statement with SLSA provenance 1: source, inputs, builder
#     LAYOUT.model-card.md    the model, for people
#
# The same image gives the same bytes. Versions are those of the Debian packages that files belong
# to; where that is not known, a library is named by its file and hash. Environment: see facts.sh;
# BUILDER_ID, an address that names who builds (default: a local build).

set -eu
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)

fail() { # MESSAGE
    echo "describe.sh: $1" >&2
    exit 1
}

layout='' program='' blob='' certificates='' distil='' model_licence='' sentences=''
while getopts i:b:m:c:d:l:e: option; do
    case $option in
    i) layout=$OPTARG ;;
    b) program=$OPTARG ;;
    m) blob=$OPTARG ;;
    c) certificates=$OPTARG ;;
    d) distil=$OPTARG ;;
    l) model_licence=$OPTARG ;;
    e) sentences=$OPTARG ;;
    *) exit 2 ;;
    esac
done
for file in "$layout/index.json" "$program" "$program.map" "$blob" "$distil"; do
    [ -f "$file" ] || fail "$file: no such file; run make image"
done
# shellcheck source=tools/image/facts.sh
. "$here/facts.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# ---- facts ----------------------------------------------------------------------------------
image_sha256=$(sed -n 's/.*manifest.v1+json","digest":"sha256:\([0-9a-f]*\)".*/\1/p' \
    "$layout/index.json")
[ ${#image_sha256} -eq 64 ] || fail "$layout/index.json: not one of assemble.sh"
"$here/trees.sh" -b "$program" -m "$blob" -c "$certificates" -o "$work"
program_sha256=$(sha256_of "$work/program/app/bootstrap") # as it is in the image
model_sha256=$(sha256_of "$blob")

"$distil" inspect "$blob" >"$work/inspect"
shape=$(sed -n 's/^model *\(.*\),$/\1/p' "$work/inspect")
logged=$(sed -n 's/^sha256 *//p' "$work/inspect") # the blob's own, with its field left out
labels=$(sed -n 's/^labels *[0-9]*: //p' "$work/inspect")
converter=$(sed -n 's/^provenance *converter //p' "$work/inspect")
sed -n 's/^ *source \([0-9a-f]\{64\}\) \(.*\)$/\1 \2/p' "$work/inspect" >"$work/sources"
[ -s "$work/sources" ] || fail "$blob: names no source files"
accuracy=
if [ -n "$sentences" ]; then
    "$distil" eval --json -m "$blob" "$sentences" >"$work/eval"
    accuracy=$(sed -n 's/.*"accuracy":\([0-9.]*\),.*/\1/p' "$work/eval")
    texts=$(sed -n 's/.*"texts":\([0-9]*\),.*/\1/p' "$work/eval")
fi

source_package() { # PACKAGE: name and version of its source; nothing where that is not known
    dpkg-query -W -f '${source:Package} ${source:Version}\n' "$1" 2>/dev/null
}

owner_of() { # FILE: the package that it belongs to
    dpkg -S "$1" 2>/dev/null | sed -n '1s/: .*//p'
}

# A line NAME VERSION for each library with code in the program, and for the certificates: the
# archives in the linker's map that are not the project's own.
{
    sed -n 's/^\(\/[^ (]*\.a\)(.*/\1/p' "$program.map" | sort -u | while read -r file; do
        file=$(readlink -f "$file")
        case ${file##*/} in
        libdistil.a | liblambda.a) ;;
        *)
            owner=$(owner_of "$file")
            { [ -n "$owner" ] && source_package "$owner"; } ||
                echo "${file##*/} sha256-$(sha256_of "$file")"
            ;;
        esac
    done
    [ -z "$certificates" ] || source_package ca-certificates ||
        echo "ca-certificates sha256-$(sha256_of "$certificates")"
} | sort -u >"$work/libraries"
[ -s "$work/libraries" ] || fail "$program.map: names no library; is it a linker's map?"

licence_of() { # SOURCE-PACKAGE: of the part of it that is in the image
    case $1 in
    glibc) echo LGPL-2.1-or-later ;;
    gcc-*) echo GPL-3.0-or-later WITH GCC-exception-3.1 ;;
    openssl) echo Apache-2.0 ;;
    ca-certificates) echo MPL-2.0 ;;
    esac
}

join() { # lines of standard input, with commas between
    sed '$!s/$/,/'
}

# ---- bill of materials ----------------------------------------------------------------------
# A serial number made of the image's digest, in the form of a UUID of version 8.
serial=$(echo "$image_sha256" |
    sed 's/^\(.\{8\}\)\(.\{4\}\).\(...\).\(...\)\(.\{12\}\).*/urn:uuid:\1-\2-8\3-a\4-\5/')

# The release, which scanners need to know which fixes a version has.
os_release() { # NAME: a value of /etc/os-release
    sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" /etc/os-release 2>/dev/null
}
release="$(os_release ID)-$(os_release VERSION_ID)"
[ ${#release} -gt 1 ] && release="&distro=$release" || release=

sbom_libraries() {
    while read -r name version; do
        case $version in
        sha256-*) reference=urn:sha256:${version#sha256-} purl='' ;;
        *)
            reference=pkg:deb/debian/$name@$(echo "$version" | sed 's/+/%2B/g; s/:/%3A/g')
            reference="$reference?arch=source$release"
            purl=$(printf '"purl": %s, ' "$(json_text "$reference")")
            ;;
        esac
        licence=$(licence_of "$name")
        printf '    {"type": "library", "bom-ref": %s, "name": %s, "version": %s, %s' \
            "$(json_text "$reference")" "$(json_text "$name")" "$(json_text "$version")" "$purl"
        [ -z "$licence" ] || printf '"licenses": [{"expression": %s}], ' "$(json_text "$licence")"
        printf '"scope": "required"},\n'
        echo "$reference" >>"$work/references"
    done <"$work/libraries"
}

sbom_metrics() {
    [ -z "$accuracy" ] || cat <<END
        "quantitativeAnalysis": {
          "performanceMetrics": [
            {"type": "accuracy", "value": "$accuracy", "slice": "${sentences##*/}, $texts texts"}
          ]
        },
END
}

sbom_sources() {
    while read -r hash name; do
        printf '        {"type": "file", "name": %s, "hashes": [%s]}\n' "$(json_text "$name")" \
            "{\"alg\": \"SHA-256\", \"content\": \"$hash\"}"
    done <"$work/sources" | join
}

cat >"$layout.sbom.json" <<END
{
  "bomFormat": "CycloneDX",
  "specVersion": "1.6",
  "serialNumber": "$serial",
  "version": 1,
  "metadata": {
    "timestamp": "$CREATED",
    "component": {
      "type": "container",
      "bom-ref": "image",
      "name": "distil",
      "version": "sha256:$image_sha256",
      "hashes": [{"alg": "SHA-256", "content": "$image_sha256"}],
      "purl": "pkg:oci/distil@sha256%3A$image_sha256?arch=amd64"
    }
  },
  "components": [
    {
      "type": "application",
      "bom-ref": "program",
      "name": "$TITLE",
      "version": "$VERSION",
      "description": $(json_text "/app/bootstrap of revision $REVISION, statically linked"),
      "hashes": [{"alg": "SHA-256", "content": "$program_sha256"}],
      "licenses": [{"expression": "$LICENCE"}]
    },
$(sbom_libraries)
    {
      "type": "machine-learning-model",
      "bom-ref": "model",
      "name": "model.distil",
      "description": $(json_text "$shape"),
      "hashes": [{"alg": "SHA-256", "content": "$model_sha256"}],
$([ -z "$model_licence" ] || echo "      \"licenses\": [{\"expression\": \"$model_licence\"}],")
      "components": [
$(sbom_sources)
      ],
      "modelCard": {
$(sbom_metrics)
        "modelParameters": {
          "approach": {"type": "supervised"},
          "task": "text-classification",
          "architectureFamily": "transformer",
          "modelArchitecture": $(json_text "$shape; int8 by $converter"),
          "inputs": [{"format": "text, UTF-8"}],
          "outputs": [{"format": $(json_text "one of $labels, and its probability")}]
        }
      }
    }
  ],
  "dependencies": [
    {"ref": "image", "dependsOn": ["program", "model"]},
    {"ref": "program", "dependsOn": [
$(while read -r reference; do
    echo "      $(json_text "$reference")"
done <"$work/references" | join)
    ]}
  ]
}
END

# ---- provenance -----------------------------------------------------------------------------
versions() { # NAME VERSION of the pinned packages as they are here, and of tools that pack
    "$here/pin_images" --show | sed 1d | while read -r name _; do
        version=$(dpkg-query -W -f '${Version}' "$name" 2>/dev/null) && echo "$name $version"
    done
    for tool in tar gzip; do
        echo "$tool $("$tool" --version | sed -n '1s/.* //p')"
    done
}

pairs() { # INDENT: lines NAME VALUE as members
    while read -r name value; do
        echo "$1$(json_text "$name"): $(json_text "$value")"
    done | join
}

cat >"$layout.provenance.json" <<END
{
  "_type": "https://in-toto.io/Statement/v1",
  "subject": [
    {"name": "distil", "digest": {"sha256": "$image_sha256"}},
    {"name": "app/bootstrap", "digest": {"sha256": "$program_sha256"}},
    {"name": "app/model.distil", "digest": {"sha256": "$model_sha256"}}
  ],
  "predicateType": "https://slsa.dev/provenance/v1",
  "predicate": {
    "buildDefinition": {
      "buildType": "urn:distilbert.c:make-image:1",
      "externalParameters": {
        "source": $(json_text "$SOURCE"),
        "revision": $(json_text "$REVISION"),
        "command": "make image"
      },
      "internalParameters": {
        "SOURCE_DATE_EPOCH": "$SOURCE_DATE_EPOCH",
        "pinned": {
$("$here/pin_images" --show | sed '1s/^/image /' | pairs '          ')
        }
      },
      "resolvedDependencies": [
        {"uri": $(json_text "git+$SOURCE"), "digest": {"gitCommit": "${REVISION%-dirty}"}},
$(while read -r hash name; do
    echo "        {\"name\": $(json_text "$name"), \"digest\": {\"sha256\": \"$hash\"}}"
done <"$work/sources" | join)
      ]
    },
    "runDetails": {
      "builder": {
        "id": $(json_text "${BUILDER_ID:-urn:distilbert.c:local-build}"),
        "version": {
$(versions | pairs '          ')
        }
      },
      "metadata": {"invocationId": "$image_sha256"}
    }
  }
}
END

# ---- model card -----------------------------------------------------------------------------
cat >"$layout.model-card.md" <<END
# Model card

| | |
|---|---|
| file in the image | \`/app/model.distil\`, $(wc -c <"$blob") bytes |
| SHA-256 of the file | \`$model_sha256\` |
| SHA-256 that the function logs and \`DISTIL_MODEL_SHA256\` expects | \`$logged\` |
| image | \`sha256:$image_sha256\` |
| shape | $shape |
| task | text classification: $labels |
| arithmetic | int8 weights by column, u8 activations by row, the rest fp32; $converter |
| licence | ${model_licence:-not stated} |
${accuracy:+| accuracy | $accuracy on ${sentences##*/}, $texts texts |}

## Made from

| file | SHA-256 |
|---|---|
$(while read -r hash name; do echo "| \`$name\` | \`$hash\` |"; done <"$work/sources")

## Use

The function classifies the first 512 characters of a text, at most 512 tokens. Below a probability
of 0.6 it answers neutral. The model was not made for decisions about people, for texts in languages
it was not trained on, or for texts far longer than that; watch the share of each label
(docs/lambda.md), which moves when texts change.
END
