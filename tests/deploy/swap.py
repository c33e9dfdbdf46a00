# SPDX-License-Identifier: Apache-2.0
"""Exchange the image of a function that runs: its variables, table, topic and queue stay.

    swap.py MINISTACK_PYTHON BOOTSTRAP BLOB [-v]    prints cases as stack.py does

ministack runs the function as Lambda would. The names, the variables and the shape of the events
are those of the Python function that this one replaces. A stream of the table counts how often an
item was written, so the counts do not depend on what the function says about itself.
"""
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import cases
import template as t

ENVIRONMENT = "preprod"
NAME = f"{ENVIRONMENT}-sentiment-analysis"
TABLE = f"{ENVIRONMENT}-sentiment-items"
VARIABLES = {"DYNAMODB_TABLE": TABLE, "MODEL_VERSION": "v1.0.0", "ENVIRONMENT": ENVIRONMENT}
ACCOUNT = t.ACCOUNT
STAMP = "2025-11-17T14:30:15.000Z"
QUEUED = 60  # items that are published one by one
SERVER = t.ROOT / "tests/stores/ministack_server.py"
# Each is refused for another reason. The last two are examples in the documents of the replaced
# system; their required members are missing.
BAD = ["not JSON", "[]", "{}", json.dumps({"source_id": "x"}),
       json.dumps({"source_id": 7, "timestamp": STAMP, "text_for_analysis": "a film",
                   "model_version": "v1.0.0"}),
       json.dumps({"source_id": "x", "timestamp": STAMP, "text_for_analysis": None,
                   "model_version": "v1.0.0"}),
       json.dumps({"article_id": "test-123"}),
       json.dumps({"source_id": "cold", "text_for_analysis": "A test of a cold start."})]


class Cloud:
    """A ministack with the table, topic, queue and function of the system."""

    def __init__(self, python, bootstrap, blob, directory):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.directory = pathlib.Path(directory)
        self.log = open(self.directory / "ministack.log", "wb")
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
        # What a function inherits from here is what Lambda sets itself, except that the stand-in
        # speaks HTTP and that the model is not beside the program.
        self.process = subprocess.Popen(
            [python, str(SERVER), bootstrap], cwd=directory, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, env={
                **kept, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1",
                "AWS_ENDPOINT_URL": self.endpoint, "DISTIL_MODEL": blob, "TMPDIR": directory,
                "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.3", "MINISTACK_HOST": "127.0.0.1",
                "MINISTACK_ACCOUNT_ID": ACCOUNT})
        self.clients = {}
        for _ in range(600):
            try:
                self.client("sqs").list_queues()
                return
            except (BotoCoreError, ClientError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.stop()
        raise RuntimeError((self.directory / "ministack.log").read_text()[-2000:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:  # Python's servers can miss the signal.
            self.process.kill()
            self.process.wait()
        self.log.close()

    def client(self, service, region=t.REGION):
        key = service, region
        if key not in self.clients:
            self.clients[key] = boto3.client(
                service, endpoint_url=self.endpoint, region_name=region,
                aws_access_key_id="test", aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 1}, read_timeout=60))
        return self.clients[key]

    # ---- resources ----

    def create_table(self, name=TABLE, region=t.REGION):
        index = [{"IndexName": f"by_{key}", "Projection": {"ProjectionType": kind}, "KeySchema": [
            {"AttributeName": key, "KeyType": "HASH"},
            {"AttributeName": "timestamp", "KeyType": "RANGE"}]}
            for key, kind in [("sentiment", "ALL"), ("tag", "ALL"), ("status", "KEYS_ONLY")]]
        self.client("dynamodb", region).create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", GlobalSecondaryIndexes=index,
            KeySchema=[{"AttributeName": "source_id", "KeyType": "HASH"},
                       {"AttributeName": "timestamp", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in (
                "source_id", "timestamp", "sentiment", "tag", "status")],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})

    def create_queue(self, name, **attributes):
        """The address and the ARN of a new queue."""
        url = self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:{t.REGION}:{ACCOUNT}:{name}"

    def create_function(self, name, variables, dead_letters=None, concurrency=5):
        more = {"DeadLetterConfig": {"TargetArn": dead_letters}} if dead_letters else {}
        arn = self.client("lambda").create_function(
            FunctionName=name, PackageType="Image", MemorySize=1024, Timeout=30,
            Role=f"arn:aws:iam::{ACCOUNT}:role/{ENVIRONMENT}-analysis-lambda-role",
            Code={"ImageUri": f"{ACCOUNT}.dkr.ecr.{t.REGION}.amazonaws.com/{NAME}:a1b2c3d"},
            Environment={"Variables": variables}, **more)["FunctionArn"]
        self.client("lambda").put_function_concurrency(
            FunctionName=name, ReservedConcurrentExecutions=concurrency)
        return arn

    # ---- items and events ----

    def put(self, source_id, table=TABLE, region=t.REGION, **members):
        self.client("dynamodb", region).put_item(TableName=table, Item={
            "source_id": {"S": source_id}, "timestamp": {"S": STAMP}, "status": {"S": "pending"},
            "source_type": {"S": "newsapi"}, "ttl_timestamp": {"N": "1767139200"},
            **{k: {"S": v} for k, v in members.items()}})

    def item(self, source_id, table=TABLE, region=t.REGION):
        found = self.client("dynamodb", region).get_item(
            TableName=table, ConsistentRead=True,
            Key={"source_id": {"S": source_id}, "timestamp": {"S": STAMP}}).get("Item", {})
        return {k: next(iter(v.values())) for k, v in found.items()}

    def statuses(self):
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE)
        return {i["source_id"]["S"]: i["status"]["S"] for p in pages for i in p["Items"]}

    def writes(self):
        """{source_id: how often the item was changed after it was put}"""
        streams = self.client("dynamodbstreams")
        arn = streams.list_streams(TableName=TABLE)["Streams"][0]["StreamArn"]
        counts = {}
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"],
                                            ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            while at:
                page = streams.get_records(ShardIterator=at)
                for record in page["Records"]:
                    if record["eventName"] == "MODIFY":
                        key = record["dynamodb"]["Keys"]["source_id"]["S"]
                        counts[key] = counts.get(key, 0) + 1
                at = page.get("NextShardIterator") if page["Records"] else None
        return counts

    def invoke(self, name, event):
        """(is it an error, answer) of one call that waits"""
        done = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return "FunctionError" in done, json.loads(done["Payload"].read() or b"null")

    def send(self, name, event):
        self.client("lambda").invoke(FunctionName=name, InvocationType="Event",
                                     Payload=json.dumps(event).encode())

    def received(self, url):
        """Every message of a queue, which is empty afterwards."""
        found = []
        while True:
            page = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            if not page.get("Messages"):
                return found
            for m in page["Messages"]:
                found.append(json.loads(m["Body"]))
                self.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])

    def depth(self, url):
        return int(self.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
            ["Attributes"]["ApproximateNumberOfMessages"])

    def lines(self, name=NAME):
        """The function's lines of the log that are JSON."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{name}")
        found = []
        for event in (e for p in pages for e in p["events"]):
            for line in event["message"].splitlines():
                try:
                    found.append(json.loads(line))
                except json.JSONDecodeError:
                    pass
        return [x for x in found if isinstance(x, dict)]


def until(holds, seconds=120):
    """Wait until the function `holds` returns something true, and return its last result."""
    end = time.monotonic() + seconds
    while True:
        result = holds()
        if result or time.monotonic() > end:
            return result
        time.sleep(0.1)


def message(source_id, text="A gorgeous, witty, seductive movie.", **members):
    return {"source_id": source_id, "source_type": "newsapi", "text_for_analysis": text,
            "model_version": "v1.0.0", "matched_tags": ["film"], "timestamp": STAMP, **members}


def notification(*messages, source=None):
    """An SNS event as the examples of the replaced system have it, without EventSource."""
    return {"Records": [{**({"EventSource": source} if source else {}), "Sns": {
        "Message": m if isinstance(m, str) else json.dumps(m)}} for m in messages]}


def from_queue(*pairs):
    """An SQS event with (message id, message)."""
    return {"Records": [{"messageId": i, "eventSource": "aws:sqs", "body": json.dumps(m)}
                        for i, m in pairs]}


def sentences():
    """(text, label) of sentences about which the original framework is sure."""
    texts = (t.ROOT / "tests/data/sst2/dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = (t.ROOT / "tests/golden/sst2_dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    for text, row in zip(texts, rows):
        negative, positive = map(float, row.split("\t")[3:5])
        if abs(positive - negative) > 4:
            yield text.split("\t")[0], "positive" if positive > negative else "negative"


# ---- nothing is lost or doubled ----

def check_flow(c, check):
    """The topic's events: good, repeated, moved on by a consumer, bad, early, and without item."""
    publish = c.client("sns").publish
    wanted = dict(zip((f"newsapi#{i:04}" for i in range(QUEUED)), sentences()))
    for key in wanted:
        c.put(key)
    for key, (text, _) in wanted.items():
        publish(TopicArn=c.topic, Message=json.dumps(message(key, text)))
    until(lambda: all(s == "analyzed" for s in c.statuses().values()))
    items = {key: c.item(key) for key in wanted}
    lost = [k for k, i in items.items() if i["status"] != "analyzed"]
    check.equal(f"flow: {QUEUED} published, none lost", lost, [])
    check.equal("flow: each has the label of the original framework",
                [k for k, i in items.items() if i.get("sentiment") != wanted[k][1]], [])
    check.equal("flow: the producer's members stay",
                [k for k, i in items.items() if i.get("ttl_timestamp") != "1767139200"], [])
    check.equal("flow: the version is the event's, the model's own name stands beside it",
                {(i.get("model_version"), "analyzed_model" in i) for i in items.values()},
                {("v1.0.0", True)})

    again = list(wanted)[:20]
    consumed = again[10:]
    for key in consumed:
        c.client("dynamodb").update_item(
            TableName=TABLE, Key={"source_id": {"S": key}, "timestamp": {"S": STAMP}},
            UpdateExpression="SET #s = :r, sentiment = :m", ExpressionAttributeNames={
                "#s": "status"}, ExpressionAttributeValues={
                    ":r": {"S": "reviewed"}, ":m": {"S": "mixed"}})
    for key in again:
        publish(TopicArn=c.topic, Message=json.dumps(message(key, wanted[key][0])))

    for bad in BAD:
        publish(TopicArn=c.topic, Message=bad)
    missing = [json.dumps(message(f"nobody#{i}")) for i in range(3)]
    early = [f"early#{i}" for i in range(3)]
    for text in missing + [json.dumps(message(key)) for key in early]:
        publish(TopicArn=c.topic, Message=text)
    time.sleep(0.1)
    for key in early:  # The producer's own write arrives after its event.
        c.put(key)
    until(lambda: c.depth(c.dlq_url) >= len(BAD) + len(missing))
    until(lambda: all(c.item(key)["status"] == "analyzed" for key in early), 10)
    duplicates = until(lambda: sum(
        x.get("DuplicateAnalysisSkipped", 0) for x in c.lines()) >= len(again), 20)
    check.that("flow: repeated events are counted as duplicates", duplicates)
    check.equal("flow: events that came before their items are analysed",
                [k for k in early if c.item(k)["status"] != "analyzed"], [])
    check.equal("flow: what a consumer has moved on stays so",
                [k for k in consumed if (c.item(k)["status"], c.item(k)["sentiment"]) !=
                 ("reviewed", "mixed")], [])
    writes = c.writes()
    for key in consumed:
        writes[key] -= 1  # the consumer's
    doubled = {k: n for k, n in writes.items() if n != 1}
    check.equal("flow: none doubled: each item was written once", doubled, {})
    check.equal("flow: every item was written", set(writes), {*wanted, *early})

    letters = c.received(c.dlq_url)
    found = sorted(x["requestPayload"]["Records"][0]["Sns"]["Message"] for x in letters)
    check.equal("flow: the dead letters are the bad events and those without an item, each once",
                found, sorted(BAD + missing))
    check.equal("flow: each was given up after retries",
                {x["requestContext"]["condition"] for x in letters}, {"RetriesExhausted"})
    # The stand-in states no true count of attempts, so the invocations with an error are counted in
    # the log. An early event may fail once or twice before its item is there.
    attempts = len({x["requestId"] for x in c.lines() if x.get("level") == "ERROR"})
    check.that("flow: each was tried three times",
               0 <= attempts - 3 * len(letters) <= 2 * len(early), attempts)
    check.equal("flow: each says why", sum(bool(x["responsePayload"].get("errorType"))
                                           for x in letters), len(letters))
    check.note(f"{len(wanted) + len(early)} items analysed, {len(again)} repeated, "
               f"{len(letters)} dead letters, lost {len(lost)}, doubled {len(doubled)}")


def check_mapping(c, check):
    """A queue with an event source mapping: only the bad messages come back to their queue."""
    dead, dead_arn = c.create_queue("mapped-dead")
    url, arn = c.create_queue("mapped", VisibilityTimeout="2", RedrivePolicy=json.dumps(
        {"deadLetterTargetArn": dead_arn, "maxReceiveCount": "2"}))
    keys = [f"mapped#{i}" for i in range(20)]
    for key in keys:
        c.put(key)
    for body in [json.dumps(message(key)) for key in keys] + BAD[:3]:
        c.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    c.client("lambda").create_event_source_mapping(
        FunctionName=NAME, EventSourceArn=arn, BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"])
    until(lambda: c.depth(dead) == 3 and c.depth(url) == 0, 40)
    check.equal("mapping: 20 messages among bad ones, none lost",
                [k for k in keys if c.item(k)["status"] != "analyzed"], [])
    writes = c.writes()
    check.equal("mapping: none doubled", [k for k in keys if writes.get(k) != 1], [])
    check.equal("mapping: the bad ones are in its dead-letter queue", c.depth(dead), 3)


def check_consumer(c, check):
    """The same message of a queue before and after a consumer has moved its item on. The table has
    the other name here, which older programs read, too."""
    c.create_function("named", {**VARIABLES, "DATABASE_TABLE": TABLE})
    c.put("queue#1")
    event = from_queue(("m-1", message("queue#1")))
    c.invoke("named", event)
    failed, answer = c.invoke("named", event)
    check.equal("consumer: a repeated message before it succeeds", (failed, answer),
                (False, {"batchItemFailures": []}))
    c.client("dynamodb").update_item(
        TableName=TABLE, Key={"source_id": {"S": "queue#1"}, "timestamp": {"S": STAMP}},
        UpdateExpression="SET #s = :r, sentiment = :m",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":r": {"S": "reviewed"}, ":m": {"S": "mixed"}})
    failed, answer = c.invoke("named", event)
    item = c.item("queue#1")
    check.equal("consumer: a repeated message after it changes nothing",
                (failed, item["status"], item["sentiment"]), (False, "reviewed", "mixed"))
    failed, answer = c.invoke("named", notification(message("absent#1"), source="aws:sns"))
    check.that("consumer: an item that does not exist is no duplicate", failed, answer)
    check.equal("consumer: and is not made", c.item("absent#1"), {})


# ---- nothing is a success that stored nothing ----

def without(*names, **more):
    return {k: v for k, v in {**VARIABLES, **more}.items() if k not in names}


def check_variables(c, check):
    event = notification(message("variable#1"), source="aws:sns")
    c.put("variable#1")
    for name, variables, word in [
            ("no table", without("DYNAMODB_TABLE"), "DYNAMODB_TABLE"),
            ("a table and no ENVIRONMENT", without("ENVIRONMENT"), "ENVIRONMENT"),
            ("a table and DISTIL_STORE=none", {**VARIABLES, "DISTIL_STORE": "none"},
             "DISTIL_STORE")]:
        function = "variables-" + name.replace(" ", "-").replace("=", "-")
        c.create_function(function, variables, c.dlq_arn)
        failed, answer = c.invoke(function, event)
        check.that(f"variables: {name} is no success", failed, answer)
        check.that(f"variables: {name}: the error names {word}", word in json.dumps(answer),
                   answer)
    c.send("variables-no-table", event)
    until(lambda: c.depth(c.dlq_url), 20)
    check.equal("variables: an event without a table becomes a dead letter",
                [x["requestPayload"] for x in c.received(c.dlq_url)], [event])
    check.equal("variables: none of these stored anything", c.item("variable#1")["status"],
                "pending")
    c.create_function("asked", {**without("DYNAMODB_TABLE"), "DISTIL_STORE": "none"})
    failed, answer = c.invoke("asked", event)
    check.that("variables: classify-only by DISTIL_STORE=none is a success", not failed and
               answer["body"]["sentiment"] == "positive" and not answer["body"]["updated"], answer)

    c.create_table("other-items")
    c.put("variable#2", table="other-items")
    c.create_function("both", {**VARIABLES, "DATABASE_TABLE": "other-items"})
    failed, answer = c.invoke("both", notification(message("variable#2"), source="aws:sns"))
    check.that("variables: DATABASE_TABLE comes before DYNAMODB_TABLE",
               not failed and c.item("variable#2", table="other-items")["status"] == "analyzed",
               answer)
    c.create_table(region="eu-west-1")
    c.put("variable#3", region="eu-west-1")
    c.create_function("elsewhere", {**VARIABLES, "CLOUD_REGION": "eu-west-1"})
    failed, answer = c.invoke("elsewhere", notification(message("variable#3"), source="aws:sns"))
    check.that("variables: CLOUD_REGION is the table's region", not failed and
               c.item("variable#3", region="eu-west-1")["status"] == "analyzed", answer)


def check_service_message(c, check):
    """The remedy of an error is a guess, so AWS's own words stand beside it."""
    c.create_function("no-such-table", {**VARIABLES, "DYNAMODB_TABLE": "absent-items"})
    failed, answer = c.invoke("no-such-table", notification(message("x"), source="aws:sns"))
    check.that("messages: a table that is not there is an error", failed, answer)
    try:
        c.client("dynamodb").describe_table(TableName="absent-items")
        words = ""
    except ClientError as error:
        words = error.response["Error"]["Message"].split(":")[0]
    check.that("messages: AWS's own message stands beside the remedy",
               words and words in json.dumps(answer), (words, answer))


def check_content(c, blob, check):
    """One byte of the weights is wrong: the header still claims the right hash."""
    data = bytearray(pathlib.Path(blob).read_bytes())
    data[len(data) // 2] ^= 1
    damaged = c.directory / "damaged.distil"
    damaged.write_bytes(data)
    distil = os.environ.get("SWAP_DISTIL") or os.environ["DISTIL"]
    shown = subprocess.run([distil, "inspect", blob], capture_output=True, text=True,
                           check=True).stdout
    digest = next(w for w in shown.split() if len(w) == 64 and set(w) <= set("0123456789abcdef"))
    c.put("content#1")
    event = notification(message("content#1"), source="aws:sns")
    for number, (name, variables) in enumerate([
            ("as the image is", {}), ("with DISTIL_MODEL_SHA256", {"DISTIL_MODEL_SHA256": digest})]):
        function = f"damaged-{number}"
        c.create_function(function, {**VARIABLES, "DISTIL_MODEL": str(damaged), **variables})
        failed, answer = c.invoke(function, event)
        words = json.dumps(answer)
        check.that(f"content: a wrong byte is never served, {name}",
                   failed and str(damaged) in words and "checksum" in words, answer)
    check.equal("content: nothing was stored", c.item("content#1")["status"], "pending")
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    c.create_function("sound", {**VARIABLES, "DISTIL_MODEL": str(damaged)})
    failed, answer = c.invoke("sound", event)
    check.that("content: the same file is served without the wrong byte", not failed, answer)


# ---- the Runtime API since July 2026 ----


class Runtime(http.server.ThreadingHTTPServer):
    """A Runtime API that names each invocation, and notes the names that come back."""

    daemon_threads = True

    def __init__(self, bodies):
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies, self.given, self.returned = bodies, 0, []
        self.done = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        if server.given == len(server.bodies):
            server.done.set()
            time.sleep(60)
            return
        body = server.bodies[server.given]
        server.given += 1
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", f"request-{server.given}")
        self.send_header("Lambda-Runtime-Invocation-Id", f"invocation-{server.given}")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30000))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.returned.append((self.path.rsplit("/", 1)[1],
                                     self.headers.get("Lambda-Runtime-Invocation-Id")))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def check_invocation_id(bootstrap, blob, check):
    runtime = Runtime([b'{"text": "so good"}', b"[1]", b'{"text": "so bad"}'])
    threading.Thread(target=runtime.serve_forever, daemon=True).start()
    process = subprocess.Popen([bootstrap], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env={
                                   "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" %
                                   runtime.server_address[1], "DISTIL_MODEL": blob,
                                   "DISTIL_STORE": "none"})
    runtime.done.wait(30)
    process.kill()
    process.wait()
    runtime.shutdown()
    runtime.server_close()
    check.equal("runtime: the id of the invocation comes back with answers and errors",
                runtime.returned, [("response", "invocation-1"), ("error", "invocation-2"),
                                   ("response", "invocation-3")])


# ---- events that people send ----

def check_events(c, check):
    keys = [f"shape#{i}" for i in range(2)]
    for key in keys:
        c.put(key)
    for name, event, key in [
            ("without EventSource", notification(message(keys[0])), keys[0]),
            ("with EventSource", notification(message(keys[1]), source="aws:sns"), keys[1])]:
        failed, answer = c.invoke(NAME, event)
        check.that(f"events: SNS {name} is stored",
                   not failed and c.item(key)["status"] == "analyzed", answer)
    for name, event in [
            ("the warm-up of the replaced system", {"warmup": True}),
            ("serverless-plugin-warmup", {"source": "serverless-plugin-warmup"}),
            ("lambda-warmer", {"warmer": True, "concurrency": 3}),
            ("a schedule", {"version": "0", "id": "1", "detail-type": "Scheduled Event",
                            "source": "aws.events", "detail": {}})]:
        failed, answer = c.invoke(NAME, event)
        check.that(f"events: {name} is answered and is no error", not failed, answer)


def main():
    check = cases.Cases(sys.argv[4:])
    python = sys.argv[1]
    bootstrap, blob = map(os.path.abspath, sys.argv[2:4])
    with tempfile.TemporaryDirectory() as directory:
        c = Cloud(python, bootstrap, blob, directory)
        try:
            c.create_table()
            c.dlq_url, c.dlq_arn = c.create_queue(f"{NAME}-dlq", MessageRetentionPeriod="1209600")
            c.topic = c.client("sns").create_topic(Name=f"{NAME}-requests")["TopicArn"]
            arn = c.create_function(NAME, VARIABLES, c.dlq_arn)
            c.client("sns").subscribe(TopicArn=c.topic, Protocol="lambda", Endpoint=arn)
            for part in [check_flow, check_mapping, check_consumer, check_variables,
                         check_service_message, check_events]:
                check.guard(part.__name__, part, c, check)
            check.guard("check_content", check_content, c, blob, check)
            check.guard("check_invocation_id", check_invocation_id, bootstrap, blob, check)
        finally:
            c.stop()
    return check.close("swap")


if __name__ == "__main__":
    sys.exit(main())
