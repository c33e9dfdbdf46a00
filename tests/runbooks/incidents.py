# SPDX-License-Identifier: Apache-2.0
"""The incident that each runbook is about, and the state that its commands must lead to.

before_PAGE(stage) creates the incident. after_PAGE(stage, output) checks the state after the
commands of the page have run, and returns what is wrong or "".
"""

import datetime
import json
import re
import subprocess
import sys
import time

import stack

NAME, TABLE, GROUP = stack.NAME, "sentiment-items", f"/aws/lambda/{stack.NAME}"
STAMP = "2026-01-15T12:34:56.000Z"


def sns(source_id, text, **more):
    message = {"source_id": source_id, "timestamp": STAMP, "text_for_analysis": text, **more}
    return {"Records": [{"EventSource": "aws:sns", "Sns": {
        "MessageId": f"message-{source_id}", "Message": json.dumps(message)}}]}


def put_pending(stage, source_id):
    stage.client("dynamodb").put_item(TableName=TABLE, Item={
        "source_id": {"S": source_id}, "timestamp": {"S": STAMP}, "status": {"S": "pending"}})


def item(stage, source_id):
    found = stage.client("dynamodb").get_item(TableName=TABLE, Key={
        "source_id": {"S": source_id}, "timestamp": {"S": STAMP}}).get("Item", {})
    return {key: next(iter(value.values())) for key, value in found.items()}


def publish(stage):
    """Send the lines that the function has written to CloudWatch, as Lambda would."""
    logs, lines = stage.client("logs"), stage.function_output()
    stream = f"stream-{time.monotonic_ns()}"
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    now = int(time.time() * 1000)
    report = ("REPORT RequestId: 8476a536 Duration: 2.10 ms Billed Duration: 45 ms "
              "Memory Size: 1024 MB Max Memory Used: 42 MB Init Duration: 42.1 ms")
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=[
        {"timestamp": now, "message": line} for line in [*lines, report]
        if line.startswith(("{", "R"))])
    for line in lines:
        if not line.startswith('{"_aws"'):
            continue
        document = json.loads(line)
        directive = document["_aws"]["CloudWatchMetrics"][0]
        for metric in directive["Metrics"]:
            values = document[metric["Name"]]
            for value in values if isinstance(values, list) else [values]:
                stage.client("cloudwatch").put_metric_data(
                    Namespace=directive["Namespace"], MetricData=[{
                        "MetricName": metric["Name"], "Unit": metric["Unit"], "Value": value,
                        "Timestamp": datetime.datetime.now(datetime.timezone.utc),
                        "Dimensions": [{"Name": "Environment", "Value": "dev"}]}])


def lacks(output, *texts):
    missing = [text for text in texts if text not in output]
    return f"the output lacks {missing}" if missing else ""


def concurrency(stage):
    return stage.client("lambda").get_function_concurrency(
        FunctionName=NAME)["ReservedConcurrentExecutions"]


# ---- pages --------------------------------------------------------------------------------------


def before_cold_starts(stage):
    stage.invoke({"text": "so good"})
    publish(stage)


def after_cold_starts(_, output):
    return lacks(output, '"message":"ready"', "Init Duration: 42.1 ms", "1024\t30", "warmed",
                 f"{NAME}-latency-p95\t", "\t1.0\n")


def before_cost_alarm(stage):
    stage.invoke({"texts": ["so good", "so bad"]})
    publish(stage)


def after_cost_alarm(stage, output):
    group = stage.client("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]
    if group["retentionInDays"] != 14 or concurrency(stage) != 10:
        return f"retention {group['retentionInDays']}, concurrency {concurrency(stage)}"
    return lacks(output, "50\t", "ResultsByTime", "\t4.0\n", GROUP)


def before_dlq_redrive(stage):
    queue = stage.client("sqs").get_queue_url(QueueName=f"{NAME}-dead-letters")["QueueUrl"]
    publish(stage)
    put_pending(stage, "review#dead-1")
    put_pending(stage, "review#dead-2")
    bad = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "no JSON"}}]}
    for number, (event, error) in enumerate([
            (sns("review#dead-1", "so good"), "1 of 1 records failed, first: no connection"),
            (bad, "1 of 1 records failed, first: the message is not JSON"),
            (sns("review#dead-2", "so bad\n\t\"quoted\""), "Task timed out after 30.00 seconds")]):
        attributes = {"RequestID": f"request-{number}", "ErrorCode": "200", "ErrorMessage": error}
        stage.client("sqs").send_message(
            QueueUrl=queue, MessageBody=json.dumps(event), MessageAttributes={
                key: {"DataType": "String", "StringValue": value}
                for key, value in attributes.items()})
    undelivered = stage.client("sqs").get_queue_url(QueueName=f"{NAME}-undelivered")["QueueUrl"]
    stage.client("sqs").send_message(QueueUrl=undelivered, MessageBody=json.dumps({
        "Type": "Notification", **sns("review#lost", "so good")["Records"][0]["Sns"]}))
    put_pending(stage, "review#lost")
    for path in stage.tree.glob("failed-*"):
        path.unlink()


def after_dlq_redrive(stage, output):
    for key, sentiment in [("review#lost", "positive"), ("review#dead-1", "positive"),
                           ("review#dead-2", "negative")]:
        found = item(stage, key)
        if (found["status"], found.get("sentiment")) != ("analyzed", sentiment):
            return f"{key} is {found}"
    failed = list(stage.tree.glob("failed-*.json"))
    if len(failed) != 1 or "no JSON" not in failed[0].read_text():
        return f"failed again: {failed}"
    return lacks(output, "request-1\t200\t1 of 1 records failed", "done: {\"statusCode\":200",
                 "failed again: {\"errorMessage\"", "\n0\t0\n")


def before_first_48_hours(stage):
    put_pending(stage, "review#first")
    stage.invoke(sns("review#first", "so good"))
    publish(stage)
    put_pending(stage, "review#later")


def after_first_48_hours(stage, output):
    numbers = [line for line in output.split("\n") if line.isdigit()]
    if numbers[:2] != ["0", "0"] or int(numbers[2]) < 1:
        return f"numbers {numbers}"
    if not re.search(r"\t[1-9][0-9]*\.0\n", output):
        return "no sum of ItemsAnalyzed above 0"
    return lacks(output, '"sentiment":"positive"', f"{NAME}-nothing-analyzed\t")


def before_image_pull_failure(stage):
    pass


def after_image_pull_failure(stage, output):
    tags = stage.bash(f"skopeo list-tags docker://{stage.registry}/{NAME}").stdout
    if f"again-{stage.digest[7:]}" not in tags:
        return f"tags {tags}"
    return lacks(output, "Active", "lambda.amazonaws.com", "0 failed, 0 skipped", "warmed",
                 "imageCountMoreThan", "Login Succeeded")


def before_model_change_with_canary(stage):
    stage.environment["SOURCE_DATE_EPOCH"] = "1700000001"  # gives the image another digest


def after_model_change_with_canary(stage, output):
    stage.environment["SOURCE_DATE_EPOCH"] = "1700000000"
    api = stage.client("lambda")
    image = api.get_function(FunctionName=NAME)["Code"]["ImageUri"]
    variables = api.get_function_configuration(FunctionName=NAME)["Environment"]["Variables"]
    if image.endswith(stage.digest) or variables.get("MODEL_VERSION") != "v2":
        return f"image {image}, variables {variables}"
    return lacks(output, "872 compared by line, 872 agree (100.00 %)", "accuracy", ", 0 failed",
                 "Successfully created/updated stack", f"{NAME}-drift-neutral\t")


def before_rollback(stage):
    image = stage.client("lambda").get_function(FunctionName=NAME)["Code"]["ImageUri"]
    first = image.rpartition("@")[0] + "@" + stage.digest
    stage.good = stage.deploy_version(first, {"MODEL_VERSION": "v1"})
    stage.bad = stage.deploy_version(image, {"MODEL_VERSION": "v2-wrong"})
    put_pending(stage, "review#7f3a")
    stage.invoke(sns("review#7f3a", "so good", model_version="v2-wrong"))


def after_rollback(stage, output):
    alias = stage.client("lambda").get_alias(FunctionName=NAME, Name="live")
    if item(stage, "review#7f3a").get("status") != "pending":
        return f"item {item(stage, 'review#7f3a')}"
    if alias["FunctionVersion"] == stage.bad:
        return f"alias {alias}"
    return lacks(output, f"{stage.good}\tsha256:", "\n1\n", '"sentiment":"positive"')


def before_vulnerability_found(stage):
    pass


def after_vulnerability_found(stage, output):
    if concurrency(stage) != 10:
        return f"concurrency {concurrency(stage)}"
    return lacks(output, "library ", "none vulnerable", "libssl-dev", ", 0 failed, ")


# ---- docs/migration.md --------------------------------------------------------------------------


def before_model(stage):
    """An image with a model in the folder of Lambda's base images, in the registry."""
    image = f"{stage.registry}/old:1"
    made = stage.bash(
        "umoci init --layout made && umoci new --image made:1\n"
        "umoci insert --rootless --image made:1 model/sst2 /var/task/model\n"
        f"skopeo copy -q oci:made:1 docker://{image}")
    if made.returncode:
        raise RuntimeError(made.stdout)
    return {"OLD_IMAGE": image}


def after_model(stage, run):
    converted = stage.bash("build/distil convert models/mine -o mine.distil\n"
                           "cmp mine.distil build/sst2.distil && echo the same")
    return lacks(converted.stdout, "the same") or status(run)


def before_shadow(stage):
    stage.serve_old()
    subprocess.run([sys.executable, stage.root / "tests/runbooks/make_answers.py", stage.root,
                    "100", stage.tree], check=True)
    (stage.tree / "event-00.json").rename(stage.tree / "events.jsonl")
    return {}


def after_shadow(_, run):
    return lacks(run.stdout, "100 compared by id, 100 agree (100.00 %)") or status(run)


def before_table(stage):
    """Replace the items of the table by those that the old function would have stored."""
    db = stage.client("dynamodb")
    for found in db.scan(TableName=TABLE)["Items"]:
        db.delete_item(TableName=TABLE, Key={k: found[k] for k in ("source_id", "timestamp")})
    answers = json.loads((stage.tree / f"answers-{stage.old}.jsonl").read_text())["body"]
    for answer in answers:
        db.put_item(TableName=TABLE, Item={
            "source_id": {"S": answer["source_id"]}, "timestamp": {"S": STAMP},
            "sentiment": {"S": answer["sentiment"]}, "score": {"N": str(answer["score"])},
            "status": {"S": "analyzed"}})
    put_pending(stage, "review#not-yet")
    return {}


def before_destination(stage):
    api, queues = stage.client("lambda"), stage.client("sqs")
    shown = api.get_function(FunctionName=NAME)
    api.create_function(
        FunctionName="sentiment-shadow", PackageType="Image",
        Code={"ImageUri": shown["Code"]["ImageUri"]}, Role=shown["Configuration"]["Role"])
    api.create_alias(FunctionName="sentiment-shadow", Name="live", FunctionVersion="$LATEST")
    queue = queues.create_queue(QueueName="shadow-answers")["QueueUrl"]
    for text in ("so good", "so bad"):
        event = sns(f"review#{text}", text)
        queues.send_message(QueueUrl=queue, MessageBody=json.dumps({
            "version": "1.0", "requestContext": {"condition": "Success"}, "requestPayload": event,
            "responsePayload": stage.invoke(event)}, indent=1))
    arn = queues.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    (stage.tree / "new.jsonl").unlink(missing_ok=True)
    return {"QUEUE": queue, "QUEUE_ARN": arn}


def after_destination(stage, run):
    compared = stage.bash("tools/check/compare_answers new.jsonl new.jsonl")
    left = stage.client("sqs").get_queue_attributes(
        QueueUrl=stage.client("sqs").get_queue_url(QueueName="shadow-answers")["QueueUrl"],
        AttributeNames=["All"])["Attributes"]
    config = stage.client("lambda").get_function_event_invoke_config(
        FunctionName="sentiment-shadow")
    if not config["DestinationConfig"]["OnSuccess"]["Destination"].endswith(":shadow-answers"):
        return f"configuration {config}"
    if left["ApproximateNumberOfMessages"] + left["ApproximateNumberOfMessagesNotVisible"] != "00":
        return f"left in the queue: {left}"
    return lacks(compared.stdout, "2 compared by id, 2 agree") or status(run)


def status(run):
    return f"exit status {run.returncode}" if run.returncode else ""


MIGRATION = {"model": (before_model, after_model),
             "shadow": (before_shadow, after_shadow),
             "table": (before_table, after_shadow),
             "destination": (before_destination, after_destination)}

# ---- broken pages: (page, text, replacement, words of the refusal) ------------------------------

BROKEN = [
    ("cold-starts", "--statistics Maximum", "--stats Maximum", "ends with an error"),
    ("cold-starts", "aws logs filter-log-events", "aws logs filter-events", "ends with an error"),
    ("cold-starts", "fileb://tests/events/warmup.json", "fileb://tests/events/warm.json",
     "ends with an error"),
    ("cold-starts", '"$NAME-latency-p95"', '"$NAME-latency"', "the output lacks"),
    ("cold-starts", "# no stand-in: moto does not know this call", "# no stand-in:", "no reason"),
    ("cost-alarm", "--budget-name \"$NAME-monthly\"", "--budget-name monthly",
     "ends with an error"),
    ("cost-alarm", "## How to know it is over", "## Over", "sections"),
    ("cost-alarm", "```sh\nACCOUNT", "```\nACCOUNT", "not sh"),
    ("cold-starts", "$ENVIRONMENT", "$NO_SUCH", "ends with an error"),
    ("dlq-redrive", "--message-attribute-names All", "", "the output lacks"),
    ("dlq-redrive", "--wait-time-seconds 2 >", ">", "only some of the queue's servers"),
    ("dlq-redrive", "ls failed", "aws sqs purge-queue --queue-url \"$QUEUE\"\nls failed",
     "deletes events that came meanwhile"),
    ("dlq-redrive", "ls failed", "# no stand-in: somebody was in a hurry\nls failed",
     "without a stand-in"),
    ("image-pull-failure", "tools/image/check_image --no", "tools/check_images --no",
     "ends with an error"),
    ("first-48-hours", "$NAME-$queue", "$NAME-letters", "ends with an error"),
    ("rollback", "# no stand-in: moto does not know this call\n", "", "without a stand-in"),
]
