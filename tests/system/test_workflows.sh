#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the GitHub Actions workflows. actionlint must find nothing (skipped unless it is
# installed), and neither must the rules below. Each rule is also tested with a workflow that breaks
# it.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"
template=$root/lambda/deploy/template.yaml

# actionlint needs a repository around the workflows, because it looks up the files that they name.
mkdir -p repository/.git
cp -R "$root/.github" repository/
workflows=repository/.github/workflows

# ---- the rules: each is a function that prints what breaks it ---------------------------------

# Workflows hold no secrets or keys; they use roles and keyless signatures.
no_secrets() {
    grep -nE 'secrets\.|secrets *\[|(access-key-id|access-key|session-token|password): ' \
        $workflows/*.yml
}
# Every action is pinned to a release tag or a full commit, or is a file of this repository.
pinned() {
    grep -nE '^ *(- )?uses: ' $workflows/*.yml |
        grep -vE 'uses: (\./[^ @]+|[^ @]+@(v[0-9]+(\.[0-9]+)*|[0-9a-f]{40}))( +#.*)?$'
}
# Every Go module that a workflow installs is pinned to an exact version.
modules_pinned() {
    grep -nE '(github\.com|golang\.org)/[^ ]*@' $workflows/*.yml |
        grep -vE '@v[0-9]+\.[0-9]+\.[0-9]+$'
}
# Each workflow sets permissions at its top, and only three jobs may request a token for AWS.
least_permissions() {
    for file in "$workflows"/*.yml; do
        grep -qE '^permissions:( \{\})?$' "$file" || echo "$file: no permissions"
    done
    grep -nE 'write-all|: write( |$)' $workflows/*.yml | grep -v 'id-token: write'
    jobs_with 'id-token: write' | grep -vxE 'push|deploy|deployed'
}
jobs_with() { # TEXT: prints the names of the jobs that contain it
    awk -v text="$1" '/^  [a-z]+:$/ { job = $1; sub(":", "", job) }
        index($0, text) { print job }' $workflows/*.yml
}
# What is deployed is scanned again every day, both as an image and by its attested bill of
# materials, with the scanner of the releases.
rescanned() {
    file=$workflows/rescan.yml
    grep -qE '^    - cron: "[0-9]+ [0-9]+ \* \* \*"$' "$file" || echo "not every day"
    for wanted in tools/image/scan.sh 'grype --fail-on high oci-archive:' verify-attestation \
        ResolvedImageUri; do
        grep -qF -e "$wanted" "$file" || echo "a rescan without $wanted"
    done
    for tool in COSIGN GRYPE; do
        [ "$(grep "^  $tool: " "$file")" = "$(grep "^  $tool: " $workflows/release.yml)" ] ||
            echo "another $tool than that of the releases"
    done
}
# No code or text from a pull request of a stranger runs with the rights of this repository.
no_foreign_code() {
    grep -nE 'pull_request_target|github\.(event\.|head_ref)' $workflows/*.yml
}
# Nothing is pushed before it has been tested, checked by check_image and scanned.
in_order() {
    for pair in image:test scan:image push:scan deploy:push; do
        awk -v job="  ${pair%:*}:" -v before="${pair#*:}" '
            /^  [a-z]+:$/ { inside = $0 == job }
            inside && /^    needs: / && $0 ~ "[ [,]" before "([],]|$)" { found = 1 }
            END { if (!found) print "job" job " does not need " before }' $workflows/release.yml
    done
}
# The deployment asks for a canary even if the last update did not, and passes a fresh Attempt, so
# that Lambda publishes a version even if an earlier one has the same image.
canary() {
    for wanted in Rollout=canary Attempt=; do
        grep -q "^ .*\"$wanted" $workflows/release.yml || echo "a deployment without $wanted"
    done
}
# Every file of this repository that a command names exists.
files_exist() {
    grep -ohE '(^|[ "])(tools|lambda|tests|bench|\.ci)/[A-Za-z0-9_./-]+' $workflows/*.yml |
        tr -d ' "' | sort -u | while read -r file; do
        [ -e "$root/$file" ] || echo "$file does not exist"
    done
}
# The parameters and outputs that the deployment uses exist in the template.
of_the_template() {
    [ -f "$template" ] || return 0
    overrides=$(sed -n '/--parameter-overrides/,/[^\\]$/p' $workflows/release.yml)
    for name in $(echo "$overrides" | grep -o '"[A-Za-z]*=' | tr -d '"='); do
        sed -n '/^Parameters:/,/^[A-OQ-Z]/p' "$template" | grep -q "^  $name:" ||
            echo "$name is no parameter"
    done
    for name in $(sed -n "s/.*OutputKey=='\([A-Za-z]*\)'.*/\1/p" $workflows/release.yml); do
        sed -n '/^Outputs:/,$p' "$template" | grep -q "^  $name:" || echo "$name is no output"
    done
}

# The workflow installs the cosign version with which the commands in docs/image.md were run.
cosign_as_documented() {
    version=$(sed -n 's|.*sigstore/cosign/.*@v\([0-9.]*\)$|\1|p' $workflows/release.yml)
    grep -qF "cosign $version were run" "$root/docs/image.md" ||
        echo "docs/image.md does not mention cosign $version"
}

# Job containers are privileged. Otherwise check_image would skip the rules that start the image.
may_start_images() {
    for file in "$workflows"/*.yml; do
        containers=$(grep -cE '^ +(container: [a-z]|image: debian)' "$file")
        privileged=$(grep -c 'options: --privileged$' "$file")
        [ "$containers" -eq "$privileged" ] || echo "$file: a container without privileges"
    done
}

holds() { # RULE: it prints nothing for the workflows as they are
    "$1" >out 2>err
    empty out && empty err
}
refuses() { # RULE FILE SED-EXPRESSION: the rule prints something for the edited workflow
    sed "$3" "$root/.github/workflows/$2" >"$workflows/$2"
    cmp -s "$root/.github/workflows/$2" "$workflows/$2" && echo "changes nothing: $3" && return 1
    "$1" >out 2>err
    cp "$root/.github/workflows/$2" "$workflows/$2"
    [ -s out ]
}

for rule in no_secrets pinned modules_pinned least_permissions no_foreign_code in_order canary \
    rescanned files_exist of_the_template cosign_as_documented may_start_images; do
    check "$rule" holds $rule
done
check "a secret is refused" refuses no_secrets release.yml \
    's/vars.AWS_PUSH_ROLE/secrets.AWS_PUSH_ROLE/'
check "a key is refused" refuses no_secrets release.yml 's/role-to-assume:/aws-access-key-id:/'
check "an action pinned to a branch is refused" refuses pinned release.yml \
    's/checkout@v4/checkout@main/'
check "an action pinned to a short commit is refused" refuses pinned ci.yml \
    's/checkout@v4/checkout@11bd719/'
check "a module without a version is refused" refuses modules_pinned release.yml \
    's/\(cosign@\).*/\1latest/'
check "another cosign than the documented one is refused" refuses cosign_as_documented \
    release.yml 's/cosign@v3.*/cosign@v2.4.1/'
check "a container that cannot start images is refused" refuses may_start_images ci.yml \
    '/--privileged/d'
check "a workflow with all rights is refused" refuses least_permissions ci.yml '/^permissions:/d'
check "a job with write permission is refused" refuses least_permissions release.yml \
    's/contents: read/contents: write/'
check "a token for AWS in another job is refused" refuses least_permissions release.yml \
    '/^  scan:/,/^  push:/s/contents: read/id-token: write/'
check "a trigger by pull requests of strangers is refused" refuses no_foreign_code ci.yml \
    's/pull_request:/pull_request_target:/'
check "text of a commit message in a command is refused" refuses no_foreign_code release.yml \
    's/github.sha/github.event.head_commit.message/'
check "a push before the scan is refused" refuses in_order release.yml \
    's/needs: \[image, scan\]/needs: [image]/'
check "an image before the test is refused" refuses in_order release.yml '/needs: test/d'
check "a deployment without a canary is refused" refuses canary release.yml 's/"Rollout=canary" //'
check "a deployment that cannot be repeated is refused" refuses canary release.yml \
    's/"Attempt=/"Other=/'
check "a token for AWS in the tests is refused" refuses least_permissions ci.yml \
    '/^  ci:/,$s/runs-on:/permissions: {id-token: write}\n    runs-on:/'
check "a rescan once a month is refused" refuses rescanned rescan.yml 's/5 \* \*/5 1 */'
check "a rescan without the image is refused" refuses rescanned rescan.yml '/oci-archive:image/d'
check "a rescan of an unsigned list is refused" refuses rescanned rescan.yml \
    '/verify-attestation/d'
check "a rescan by another scanner is refused" refuses rescanned rescan.yml 's/grype@v0/grype@v1/'
check "a file that does not exist is refused" refuses files_exist release.yml \
    's|tools/image/scan.sh|tools/scan.sh|'
if [ -f "$template" ]; then
    check "a parameter that does not exist is refused" refuses of_the_template release.yml \
        's/ImageDigest=/Image=/'
    check "another parameter that does not exist is refused" refuses of_the_template release.yml \
        's/"Rollout=/"Rolout=/'
    check "an output that does not exist is refused" refuses of_the_template release.yml \
        "s/=='Function'/=='Alias'/"
fi

# ---- actionlint -----------------------------------------------------------------------------

if ! have actionlint; then
    skip actionlint "no actionlint is installed; .ci/run installs it with go"
    finish test_workflows
fi
lints() { # runs actionlint; sets rc and writes its output to the file out
    (cd repository && actionlint -no-color) >out 2>err
    rc=$?
}
lints
check "actionlint finds nothing" ended 0
broken() { # FILE SED-EXPRESSION WORDS: actionlint prints the words for the edited workflow
    sed "$2" "$root/.github/workflows/$1" >"$workflows/$1"
    lints
    cp "$root/.github/workflows/$1" "$workflows/$1"
    [ $rc -eq 1 ] && says out "$3"
}
check "actionlint refuses a job that does not exist" broken release.yml \
    's/needs: test/needs: tests/' \
    'needs job "tests" which does not exist'
check "actionlint refuses an output that does not exist" broken release.yml \
    's/outputs.digest/outputs.hash/' \
    'property "hash" is not defined'
check "actionlint refuses a permission that does not exist" broken ci.yml \
    's/contents: read/content: read/' \
    'unknown permission scope "content"'
if have shellcheck; then
    check "actionlint refuses a command that shellcheck refuses" broken release.yml \
        's/"\$STACK"/$STACK/' \
        SC2086
fi
finish test_workflows
