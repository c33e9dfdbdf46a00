#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Write the documents that state what an assembled image contains and where it comes from.
#
#     tools/image/describe.sh -i LAYOUT -b BOOTSTRAP -m BLOB [-c CERTIFICATES] -d DISTIL
#                             [-l LICENCE] [-e FILE.tsv]
#
#     -i LAYOUT     the image layout that assemble.sh wrote
#     -b -m -c      the files that assemble.sh was given; the linker's map of the program must lie
#                   beside it as BOOTSTRAP.map
#     -d DISTIL     the distil command, which reads the blob
#     -l LICENCE    the licence of the model, an SPDX expression
#     -e FILE       labelled sentences; the model card then states the model's accuracy on them
#
# Writes
#     LAYOUT.sbom.json        the bill of materials (CycloneDX 1.6): the program, every library from
#                             which the linker took code, the certificates, the model and its card
#     LAYOUT.provenance.json  an in-toto statement with SLSA provenance 1: source, inputs, builder
#     LAYOUT.model-card.md    a description of the model for people
#
# The same image gives the same documents. A library's version is that of the Debian package that
# owns its file; a file that no package owns is named by its file name and hash. The environment
# variables that common.sh lists under find_facts apply here too, and BUILDER_ID is a URI that names
# the builder (default: urn:distilbert.c:local-build).

# shellcheck source=tools/image/common.sh
. "$(dirname "$0")/common.sh"

read_options i:b:m:c:d:l:e: "$@"
program=$bootstrap
for file in "$layout/index.json" "$program" "$program.map" "$blob" "$distil"; do
    [ -f "$file" ] || fail "$file: no such file" "make image"
done
find_facts
make_work_directory

# ---- facts ----------------------------------------------------------------------------------
image_sha256=$(sed -n 's/.*manifest.v1+json","digest":"sha256:\([0-9a-f]*\)".*/\1/p' \
    "$layout/index.json")
[ ${#image_sha256} -eq 64 ] || fail "$layout/index.json: not written by assemble.sh"
"$here/trees.sh" -b "$program" -m "$blob" -c "$certificates" -o "$work"
program_sha256=$(sha256_of "$work/program/app/bootstrap") # stripped, as the image has it
model_sha256=$(sha256_of "$blob")

"$distil" inspect "$blob" >"$work/inspect"
shape=$(sed -n 's/^model *\(.*\),$/\1/p' "$work/inspect")
# The hash inside the blob covers all of its bytes but the field that holds the hash.
logged=$(sed -n 's/^sha256 *//p' "$work/inspect")
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

source_package() { # PACKAGE: prints name and version of its source package, or nothing
    dpkg-query -W -f '${source:Package} ${source:Version}\n' "$1" 2>/dev/null
}

# Collect a line NAME VERSION for each library that has code in the program, and one for the
# certificates.
{
    linked_archives "$program.map" | while read -r file; do
        owner=$(owner_of "$file")
        { [ -n "$owner" ] && source_package "$owner"; } ||
            echo "${file##*/} sha256-$(sha256_of "$file")"
    done
    [ -z "$certificates" ] || source_package ca-certificates ||
        echo "ca-certificates sha256-$(sha256_of "$certificates")"
} | sort -u >"$work/libraries"
[ -s "$work/libraries" ] || fail "$program.map: names no library; is it a linker's map?"

licence_of() { # SOURCE-PACKAGE: prints the licence of the part that the image contains
    case $1 in
    glibc) echo LGPL-2.1-or-later ;;
    gcc-*) echo GPL-3.0-or-later WITH GCC-exception-3.1 ;;
    openssl) echo Apache-2.0 ;;
    ca-certificates) echo MPL-2.0 ;;
    esac
}

join_lines() { # joins the lines of standard input by commas, as JSON lists need
    sed '$!s/$/,/'
}

# ---- bill of materials ----------------------------------------------------------------------
# Derive the serial number from the image's digest and write it as a UUID of version 8.
serial=$(echo "$image_sha256" |
    sed 's/^\(.\{8\}\)\(.\{4\}\).\(...\).\(...\)\(.\{12\}\).*/urn:uuid:\1-\2-8\3-a\4-\5/')

# Scanners need the release of the distribution to tell which security fixes a version contains.
os_release() { # NAME: prints its value in /etc/os-release
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
    done <"$work/sources" | join_lines
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
done <"$work/references" | join_lines)
    ]}
  ]
}
END

# ---- provenance -----------------------------------------------------------------------------
versions() { # prints NAME VERSION of each pinned package as installed here, and of tar and gzip
    "$here/pin_images" --show | sed 1d | while read -r name _; do
        version=$(dpkg-query -W -f '${Version}' "$name" 2>/dev/null) && echo "$name $version"
    done
    for tool in tar gzip; do
        echo "$tool $("$tool" --version | sed -n '1s/.* //p')"
    done
}

json_members() { # INDENT: turns lines NAME VALUE into members of a JSON object
    while read -r name value; do
        echo "$1$(json_text "$name"): $(json_text "$value")"
    done | join_lines
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
$("$here/pin_images" --show | sed '1s/^/image /' | json_members '          ')
        }
      },
      "resolvedDependencies": [
        {"uri": $(json_text "git+$SOURCE"), "digest": {"gitCommit": "${REVISION%-dirty}"}},
$(while read -r hash name; do
    echo "        {\"name\": $(json_text "$name"), \"digest\": {\"sha256\": \"$hash\"}}"
done <"$work/sources" | join_lines)
      ]
    },
    "runDetails": {
      "builder": {
        "id": $(json_text "${BUILDER_ID:-urn:distilbert.c:local-build}"),
        "version": {
$(versions | json_members '          ')
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
