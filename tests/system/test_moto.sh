#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the store against a moto server with authentication, which recomputes the signature of
# each request independently of this project's code. The test is skipped unless
# tests/stores/setup.sh has been run.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_stores.sh"

python=$stores/moto/bin/python
if [ ! -e "$stores/moto/version" ]; then
    skip "moto" "not set up: run tests/stores/setup.sh"
    echo "test_moto: 0 passed, 0 failed, $skipped skipped"
    exit 77
fi

# moto does not authenticate the first three calls, which create the user for all later ones.
run_server() {
    INITIAL_NO_AUTH_ACTION_COUNT=3
    export INITIAL_NO_AUTH_ACTION_COUNT
    # shellcheck disable=SC2086
    exec "$python" -m moto.server -H 127.0.0.1 -p "$port" $certificate
}

is_ready() {
    "$python" -c "import ssl, urllib.request as r
r.urlopen('$endpoint/moto-api/', context=ssl._create_unverified_context())"
}
certificate=

# Print the keys of a user on one line, and the keys and session token of a role on the next.
make_keys() {
    "$python" - "$endpoint" <<'END'
import json, sys
import boto3

endpoint = sys.argv[1]
everything = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "*", "Resource": "*"}]})
trust = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})

def client(service, key, secret):
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", verify=False,
                        aws_access_key_id=key, aws_secret_access_key=secret)

iam = client("iam", "anybody", "anything")
iam.create_user(UserName="function")
iam.put_user_policy(UserName="function", PolicyName="all", PolicyDocument=everything)
user = iam.create_access_key(UserName="function")["AccessKey"]
iam = client("iam", user["AccessKeyId"], user["SecretAccessKey"])
role = iam.create_role(RoleName="function", AssumeRolePolicyDocument=trust)["Role"]
iam.put_role_policy(RoleName="function", PolicyName="all", PolicyDocument=everything)
sts = client("sts", user["AccessKeyId"], user["SecretAccessKey"])
session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
print(user["AccessKeyId"], user["SecretAccessKey"])
print(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
END
}

check "the server starts" start_server run_server is_ready
make_keys >keys 2>err
check "moto issues keys of a user and a role" lines 2 keys
read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY <keys
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
key=$AWS_ACCESS_KEY_ID
secret=$AWS_SECRET_ACCESS_KEY

create_table $table
check "a signed call is accepted" begins out "200 "
put one pending
update one writer-1
check "a signed update is accepted" line_is 1 out updated
update one writer-1
check "the same writer again is not a duplicate" line_is 1 out updated
update one writer-2
check "an update by another writer is a duplicate" begins out \
    "duplicate: analyzed before, by another writer"
update missing writer-1
check "an update of a missing item says so" begins out "missing: there is no such item"
get one
check "the update is stored with its writer" holds analyzed_by S writer-1
check "the score is stored with four decimals" holds score N 0.9877

put two pending
AWS_SECRET_ACCESS_KEY=${secret}x
update two writer-1
check "a wrong secret is refused" begins out "refused: HTTP 403"
AWS_SECRET_ACCESS_KEY=$secret
AWS_ACCESS_KEY_ID=AKIANOBODYKNOWSTHIS0
update two writer-1
check "an unknown key is refused" matches out '(refused|credentials): .*'
AWS_ACCESS_KEY_ID=$key
AWS_REGION=eu-west-1
update two writer-1
check "another region has no such table" begins out "refused: ResourceNotFoundException"
AWS_REGION=us-east-1
get two
check "the refused updates have written nothing" holds status S pending

read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<END
$(sed -n 2p keys)
END
export AWS_SESSION_TOKEN
update two role-1
check "a role's keys with their token are accepted" line_is 1 out updated
AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY}x
update two role-1
check "a role's wrong secret is refused" matches out '(refused|credentials): .*'
stop_server
unset AWS_SESSION_TOKEN

# ---- the same over TLS --------------------------------------------------------------------------
if ! have openssl; then
    skip "over TLS" "openssl is not installed"
    finish test_moto
fi
for name in server other; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key \
        -out $name.pem -days 10 -subj /CN=$name -addext subjectAltName=IP:127.0.0.1 2>err
done
certificate="-c server.pem -k server.key"
scheme=https
check "the server starts with TLS" start_server run_server is_ready
make_keys >keys 2>err
read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY <keys
AWS_CA_BUNDLE=$dir/server.pem
export AWS_CA_BUNDLE
create_table $table
if says err "has no TLS"; then # a build without TLS refuses before it sends anything
    check "a program without TLS refuses" ended 2
    finish test_moto
fi
check "a call over TLS is accepted" begins out "200 "
put one pending
update one first
check "an update over TLS is accepted" line_is 1 out updated
race one 10
check "ten more updates over TLS are duplicates" says out "duplicate 10,"
put two pending
AWS_CA_BUNDLE=$dir/other.pem
update two writer-1
check "a server that is not trusted is unavailable" begins out "unavailable: server not trusted"
AWS_CA_BUNDLE=$dir/server.pem
get two
check "a server that is not trusted is sent nothing" holds status S pending
finish test_moto
