#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ministack 1.5.33: an event that a function got from a topic of SNS and failed is neither retried
# nor sent to the function's dead-letter queue. The same event by an asynchronous call is.
#
# AWS queues what SNS delivers as an asynchronous event: two retries, then the dead-letter queue.
# ministack's source names SNS among the sources that its function for retries serves. A test of
# dead letters that publishes to a topic therefore waits in vain, and one that only checks that
# nothing failed passes although events are lost.
#
# Seen on 2026-11-30 with Python 3.11 and boto3 1.44.8:
#
#     ministack 1.5.33
#     attempts after a publication: 1, dead letters: 0
#     attempts after an asynchronous call: 3, dead letters: 1
#
# Needs python3 with venv and the Python package index; everything is in a temporary folder. Exit
# status: 0 if the behaviour is as described, 1 if it has changed, 2 if the packages cannot be
# installed.

set -u
dir=$(mktemp -d) || exit 2
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv" || exit 2
"$dir/venv/bin/pip" install -q --disable-pip-version-check ministack==1.5.33 || exit 2
# boto3 is installed apart, because ministack pins another botocore.
python3 -m venv "$dir/client" || exit 2
"$dir/client/bin/pip" install -q --disable-pip-version-check boto3==1.44.8 || exit 2
port=$((20000 + $$ % 20000))
cd "$dir" || exit 2
TMPDIR=$dir GATEWAY_PORT=$port BIND_HOST=127.0.0.1 LAMBDA_ASYNC_RETRY_BASE_SECONDS=0.2 \
    "$dir/venv/bin/python" -m ministack >server.log 2>&1 &
server=$!
"$dir/client/bin/python" - "$port" "$dir/attempts" <<'PYTHON' >seen
import io
import os
import sys
import time
import zipfile

import boto3

port, attempts = sys.argv[1:]
region = "us-east-1"
clients = {s: boto3.client(s, endpoint_url=f"http://127.0.0.1:{port}", region_name=region,
                           aws_access_key_id="test", aws_secret_access_key="test")
           for s in ("sqs", "sns", "lambda")}
for _ in range(300):
    try:
        clients["sqs"].list_queues()
        break
    except Exception:
        time.sleep(0.1)
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as package:
    package.writestr("f.py", "def handler(event, context):\n"
                             f"    print(1, file=open({attempts!r}, 'a'))\n"
                             "    raise ValueError('bad event')\n")
queue = clients["sqs"].create_queue(QueueName="dead")["QueueUrl"]
arn = clients["sqs"].get_queue_attributes(
    QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
function = clients["lambda"].create_function(
    FunctionName="f", Runtime="python3.12", Handler="f.handler", Timeout=10,
    Role="arn:aws:iam::000000000000:role/r", Code={"ZipFile": archive.getvalue()},
    DeadLetterConfig={"TargetArn": arn})["FunctionArn"]
topic = clients["sns"].create_topic(Name="t")["TopicArn"]
clients["sns"].subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)


def counts():
    tried = len(open(attempts).readlines()) if os.path.exists(attempts) else 0
    dead = clients["sqs"].get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    return tried, int(dead["ApproximateNumberOfMessages"])


time.sleep(2)
clients["sns"].publish(TopicArn=topic, Message="x")
time.sleep(10)
tried, dead = counts()
print("ministack 1.5.33")
print(f"attempts after a publication: {tried}, dead letters: {dead}")
clients["lambda"].invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
time.sleep(10)
again, dead = counts()
print(f"attempts after an asynchronous call: {again - tried}, dead letters: {dead}")
PYTHON
cat seen
printf '%s\n' "ministack 1.5.33" "attempts after a publication: 1, dead letters: 0" \
    "attempts after an asynchronous call: 3, dead letters: 1" | cmp - seen && exit 0
echo "the behaviour has changed:"
tail -n 20 server.log
exit 1
