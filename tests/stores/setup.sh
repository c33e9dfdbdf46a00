#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Install the stand-ins for AWS that tests use, into build/stores or the directory STORES_DIR.
#
#     tests/stores/setup.sh
#
#     dynamodb-local/   Amazon's DynamoDB Local and its dependencies, from Maven; requires Java 17
#     moto/             the moto server, which checks signatures and deploys the CloudFormation
#                       template, and cfn-lint, in a Python environment
#     aws-cli/          the AWS CLI, which the runbooks call, in a Python environment of its own
#     ministack/        ministack, which runs functions, topics, queues and retries, likewise
#
# The versions are fixed in this script. A stand-in that is installed in that version is kept, so
# that a second run does nothing and needs no network. Maven verifies checksums.

set -eu
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
dir=${STORES_DIR:-$here/../../build/stores}
dynamodb_local=2.5.4
moto=5.2.1
cfn_lint=1.58.0
boto3=1.44.8
aws_cli=1.46.3
ministack=1.5.33

die() { # MESSAGE REMEDY
    printf 'stores/setup: %s\n    remedy: %s\n' "$1" "$2" >&2
    exit 1
}

# Install into NAME.new, which end renames when it is complete.
begin() { # NAME VERSION: fails if that version is installed already
    [ "$(cat "$dir/$1/version" 2>/dev/null)" != "$2" ] || return 1
    echo "stores/setup: installing $1, which can take minutes"
    rm -rf "${dir:?}/$1" "$dir/$1.new"
    mkdir -p "$dir/$1.new"
}

end() { # NAME VERSION: completes what begin has begun
    echo "$2" >"$dir/$1.new/version"
    mv "$dir/$1.new" "$dir/$1"
    echo "stores/setup: $1 $2"
}

setup_dynamodb_local() {
    begin dynamodb-local $dynamodb_local || return 0
    for tool in java mvn; do
        command -v $tool >/dev/null ||
            die "no $tool" "apt-get install openjdk-17-jre-headless maven"
    done
    cat >"$dir/dynamodb-local.new/pom.xml" <<END
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>stores</groupId>
  <artifactId>stores</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>$dynamodb_local</version>
    </dependency>
  </dependencies>
</project>
END
    mvn -q -B -C -Dstyle.color=never -f "$dir/dynamodb-local.new/pom.xml" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory="$dir/dynamodb-local.new/lib" ||
        die "Maven cannot fetch DynamoDB Local $dynamodb_local" "see its message above"
    end dynamodb-local $dynamodb_local
}

# A Python environment cannot be renamed, so it is made in place, and its version is written last.
setup_moto() {
    version="$moto, cfn-lint $cfn_lint, boto3 $boto3"
    begin moto "$version" || return 0
    rmdir "$dir/moto.new"
    python3 -m venv "$dir/moto" || die "no Python environment" "apt-get install python3-venv"
    "$dir/moto/bin/pip" install --quiet --disable-pip-version-check \
        "moto[server,dynamodb,iam,sts,cloudformation]==$moto" "cfn-lint==$cfn_lint" \
        "boto3==$boto3" || die "pip cannot install moto and cfn-lint" "see above"
    echo "$version" >"$dir/moto/version"
    echo "stores/setup: moto $version"
}

setup_aws_cli() {
    begin aws-cli $aws_cli || return 0
    rmdir "$dir/aws-cli.new"
    python3 -m venv "$dir/aws-cli" || die "no Python environment" "apt-get install python3-venv"
    "$dir/aws-cli/bin/pip" install --quiet --disable-pip-version-check "awscli==$aws_cli" ||
        die "pip cannot install the AWS CLI" "see above"
    echo $aws_cli >"$dir/aws-cli/version"
    echo "stores/setup: aws-cli $aws_cli"
}

setup_ministack() {
    begin ministack $ministack || return 0
    rmdir "$dir/ministack.new"
    python3 -m venv "$dir/ministack" || die "no Python environment" "apt-get install python3-venv"
    "$dir/ministack/bin/pip" install --quiet --disable-pip-version-check \
        "ministack==$ministack" || die "pip cannot install ministack" "see above"
    echo $ministack >"$dir/ministack/version"
    echo "stores/setup: ministack $ministack"
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
setup_dynamodb_local
setup_moto
setup_aws_cli
setup_ministack
