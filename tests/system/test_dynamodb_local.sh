#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the store against Amazon's DynamoDB Local, in memory. They check the condition, the
# expressions, the errors and the checksums against Amazon's own implementation. The test is skipped
# unless tests/stores/setup.sh has been run.

. "$(dirname "$0")/../support/support_cli.sh"
. "$root/tests/support/support_stores.sh"

lib=$stores/dynamodb-local/lib
if ! have java; then
    skip "DynamoDB Local" "java is not installed"
elif [ ! -e "$stores/dynamodb-local/version" ]; then
    skip "DynamoDB Local" "not set up: run tests/stores/setup.sh"
fi
if [ $skipped -gt 0 ]; then
    echo "test_dynamodb_local: 0 passed, 0 failed, $skipped skipped"
    exit 77
fi

# DynamoDB Local does not check signatures, but it keeps separate tables for each key and region.
AWS_ACCESS_KEY_ID=AKIDEXAMPLE
AWS_SECRET_ACCESS_KEY=secret
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

run_server() {
    exec java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.library.path="$lib" \
        -cp "$lib/*" com.amazonaws.services.dynamodbv2.local.main.ServerRunner \
        -inMemory -disableTelemetry -port "$port"
}

is_ready() {
    "$tool" call "$endpoint" ListTables '{}'
}

check "the server starts" start_server run_server is_ready
create_table $table
check "a table is created" begins out "200 "

# ---- one item -----------------------------------------------------------------------------------
put one pending '"text":{"S":"kept"}'
check "an item is put" begins out "200 "
update one writer-1
check "an update succeeds" line_is 1 out updated
check "the update needs no retry" empty err
get one
check "the sentiment is stored" holds sentiment S positive
check "the score is stored with four decimals" holds score N 0.9877
check "the model version is stored" holds model_version S v1
check "the status is stored" holds status S analyzed
check "the writer is stored" holds analyzed_by S writer-1
check "other members of the item are kept" holds text S kept
update one writer-1
check "the same writer again is not a duplicate" line_is 1 out updated
update one writer-2
check "an update by another writer is a duplicate" begins out \
    "duplicate: analyzed before, by another writer"
get one
check "a duplicate changes nothing" holds analyzed_by S writer-1

put failed failed
update failed writer-1
check "an item that is not pending is a duplicate" begins out \
    "duplicate: the item is neither pending nor analyzed"
update missing writer-1
check "an update of a missing item says so" begins out "missing: there is no such item"
get missing
check "an update does not create a missing item" line_is 1 out "200 {}"

big=$(head -c 30000 /dev/zero | tr '\0' 'x')
put big analyzed "\"a\":{\"S\":\"$big\"},\"b\":{\"S\":\"$big\"},\"c\":{\"S\":\"$big\"}"
check "a large item is put" begins out "200 "
update big writer-1
check "an update of a large item is a duplicate" begins out "duplicate: the item is not pending"

hostile='a\"b\\c\u0001\u00e9\ud83d\ude00#:{}'
put "$hostile" pending
check "an item with a hostile key is put" begins out "200 "
update "$(printf 'a"b\\c\001\303\251\360\237\230\200#:{}')" writer-1
check "an update of the hostile key succeeds" line_is 1 out updated
get "$hostile"
check "the update of the hostile key is stored" holds analyzed_by S writer-1

# ---- refusals -----------------------------------------------------------------------------------
update '' writer-1
check "an empty key is refused" begins out "refused: ValidationException"
table=nowhere
update one writer-1
check "a missing table is refused" begins out "refused: ResourceNotFoundException"
table=other
call CreateTable '{"TableName":"other","BillingMode":"PAY_PER_REQUEST","KeySchema":[
    {"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[
    {"AttributeName":"pk","AttributeType":"S"}]}'
update one writer-1
check "a table with another key is refused" begins out "refused: ValidationException"
table=results

# ---- many writers at once -----------------------------------------------------------------------
for round in 1 2 3 4 5; do
    put "race-$round" pending
    race "race-$round" 20
    check "20 writers, round $round: one updates, 19 are duplicates" matches out \
        'writer-[0-9]+ updated 1, duplicate 19, missing 0, refused 0, unavailable 0, credentials 0'
    winner=$(cut -d ' ' -f 1 out)
    get "race-$round"
    check "20 writers, round $round: the item has the winner" holds analyzed_by S "$winner"
done

stop_server
update one writer-1
check "without a server the store is unavailable after four attempts" matches out \
    'unavailable: no connection, attempt 4: .*'
finish test_dynamodb_local
