# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the tests with a real store share, on top of support_cli.sh; read with `.`, not run. Sets
# tool (tool_dynamodb), stores (where tests/stores/setup.sh has put things) and an environment with
# no other AWS variables than a region.
#
#     start_server RUN READY    both functions: RUN becomes the server at $port, READY says whether
#                               it answers; sets endpoint
#     stop_server
#     python_cases NAME.py ...  cases in Python, added to this test's
#     call OPERATION BODY       any call, signed: its status and body go to file out
#     create_table NAME         with the function's key
#     put KEY STATUS [MEMBERS]  an item of table results, with more members as JSON
#     update KEY WRITER         the store's update of it: outcome to file out
#     get KEY                   the item, to file out

for name in $(env | sed -n 's/^\(AWS_[A-Z_]*\)=.*/\1/p'); do
    unset "$name"
done
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
AWS_REGION=us-east-1
export AWS_REGION
tool=$build/tests/programs/tool_dynamodb
stores=${STORES_DIR:-$root/build/stores}
server=
scheme=http
table=results
stamp=2026-01-15T12:34:56Z

stop_server() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    [ -z "$server" ] || wait "$server" 2>/dev/null
    server=
}
trap 'stop_server; rm -rf "$dir"' EXIT

# Whoever takes the port first makes the server fail, and then it is the next port's turn.
start_server() {
    for offset in 0 1 2 3 4; do
        port=$((20000 + ($$ * 5 + offset) % 20000))
        endpoint=$scheme://127.0.0.1:$port
        "$1" >server.log 2>&1 </dev/null &
        server=$!
        await_server "$2" && return 0
        stop_server
    done
    echo "the server does not start:"
    tail -n 20 server.log
    return 1
}

await_server() { # READY
    waited=0
    while kill -0 "$server" 2>/dev/null && [ $waited -lt 600 ]; do
        "$1" >/dev/null 2>&1 && kill -0 "$server" 2>/dev/null && return 0
        waited=$((waited + 1))
        sleep 0.1
    done
    return 1
}

call() {
    "$tool" call "$endpoint" "$@" >out 2>err
    rc=$?
}

create_table() {
    call CreateTable "{\"TableName\":\"$1\",\"BillingMode\":\"PAY_PER_REQUEST\",\"KeySchema\":[
        {\"AttributeName\":\"source_id\",\"KeyType\":\"HASH\"},
        {\"AttributeName\":\"timestamp\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[
        {\"AttributeName\":\"source_id\",\"AttributeType\":\"S\"},
        {\"AttributeName\":\"timestamp\",\"AttributeType\":\"S\"}]}"
}

put() {
    call PutItem "{\"TableName\":\"$table\",\"Item\":{\"source_id\":{\"S\":\"$1\"},
        \"timestamp\":{\"S\":\"$stamp\"},\"status\":{\"S\":\"$2\"}${3:+,$3}}}"
}

get() {
    call GetItem "{\"TableName\":\"$table\",\"ConsistentRead\":true,\"Key\":{
        \"source_id\":{\"S\":\"$1\"},\"timestamp\":{\"S\":\"$stamp\"}}}"
}

update() {
    "$tool" update "$endpoint" "$table" "$1" "$stamp" "$2" >out 2>err
    rc=$?
}

race() { # KEY WRITERS: as many updates of one item at once
    "$tool" race "$endpoint" "$table" "$1" "$stamp" "$2" >out 2>err
    rc=$?
}

# The item that get has found has this member, spaced as either server does it.
holds() { # NAME TYPE VALUE
    tr -d ' ' <out | grep -qF "\"$1\":{\"$2\":\"$3\"}"
}

begins() { # FILE TEXT
    [ "$(head -c ${#2} "$1")" = "$2" ]
}

# A part of a test in Python: its notes, its failures, its numbers. It ends with a line
# "NAME: N passed, N failed"; without it, it counts as one failure.
python_cases() { # NAME.py ARGUMENTS...
    name=$(basename "$1" .py)
    PYTHONDONTWRITEBYTECODE=1 "$stores/moto/bin/python" "$@" ${DISTIL_TEST_VERBOSE:+-v} >out 2>err
    rc=$?
    grep -v "^$name: [0-9]* passed" out
    counts=$(sed -n "s/^$name: \([0-9]*\) passed, \([0-9]*\) failed\$/\1 \2/p" out)
    if [ -z "$counts" ]; then
        echo "not ok $name: ended early, exit status $rc"
        tail -n 20 err | sed 's/^/    err: /'
        counts="0 1"
    fi
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
}
