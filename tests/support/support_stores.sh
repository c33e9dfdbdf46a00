# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# Functions that the tests with a DynamoDB stand-in share. A test reads this file with `.` after
# support_cli.sh. The file sets `tool` (the program tool_dynamodb) and `stores` (the directory that
# tests/stores/setup.sh has filled), and removes every AWS variable from the environment except a
# region.
#
#     start_server RUN READY    start the function RUN as a server at $port and wait until the
#                               function READY succeeds; sets endpoint
#     stop_server               stop that server
#     python_cases NAME.py ...  run cases in Python and add their counts to this test's
#     call OPERATION BODY       send a signed call; its status and body go to the file out
#     create_table NAME         create a table with the function's key
#     put KEY STATUS [MEMBERS]  put an item into the table results; MEMBERS are more members as JSON
#     update KEY WRITER         update the item as the function does
#     race KEY WRITERS          update the item from this many writers at once
#     get KEY                   get the item
#
# update, race and get write what comes back to the file out.

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

# Python ignores the exception of a signal handler that runs within a callback of a weak reference,
# so moto can miss SIGTERM. Such a server is killed after five seconds.
stop_server() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null
    (sleep 5 && kill -9 "$server") >/dev/null 2>&1 &
    killer=$!
    wait "$server" 2>/dev/null
    kill "$killer" 2>/dev/null
    server=
}
trap 'stop_server; rm -rf "$dir"' EXIT

# If another program already uses the port, the server fails and the next port is tried.
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

await_server() { # READY: waits up to 60 s; fails if the server ends before it is ready
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

race() { # KEY WRITERS
    "$tool" race "$endpoint" "$table" "$1" "$stamp" "$2" >out 2>err
    rc=$?
}

holds() { # NAME TYPE VALUE: the item in the file out has this member, whatever its white space
    tr -d ' ' <out | grep -qF "\"$1\":{\"$2\":\"$3\"}"
}

begins() { # FILE TEXT: the file begins with the text
    [ "$(head -c ${#2} "$1")" = "$2" ]
}

# Run a part of a test that is written in Python. Its notes and failures are printed, and the counts
# of its last line, "NAME: N passed, N failed", are added. Without that line it is one failure.
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
