# SPDX-License-Identifier: Apache-2.0
"""Run the real program with what the template creates for it: variables, role, topic and table.

    function.py DISTIL BOOTSTRAP BLOB [-v]     prints cases as stack.py does

The program signs its requests with keys of the stack's role, and moto checks the signatures and the
permissions.
"""
import json
import os
import subprocess
import sys
import tempfile
import urllib.request

import stack  # Imported first: it sets variables that moto reads when it is imported.
import alarms
import cases
import moto_types
import rules
import template as t

EVENTS = t.ROOT / "tests/events"


def authenticate(calls):
    """Let moto accept this number of calls ("inf": all) without checking keys and policies."""
    urllib.request.urlopen(urllib.request.Request(
        moto_types.endpoint + "/moto-api/reset-auth", method="POST", data=str(calls).encode(),
        headers={"Content-Type": "text/plain"}))


class Program:
    """`distil serve --local -- bootstrap` with the variables of the deployed function."""

    def __init__(self, distil, bootstrap, blob):
        self.distil, self.command, self.blob = distil, [bootstrap], blob
        configuration = moto_types.client("lambda").get_function_configuration(
            FunctionName=stack.NAME)
        self.variables = {**configuration["Environment"]["Variables"], "AWS_REGION": t.REGION,
                          "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"])}

    def run(self, events, *options, **variables):
        """Send the events; return the JSON lines of the output (with answers) and the status."""
        kept = {k: v for k, v in os.environ.items()
                if k == "PATH" or k.endswith("SAN_OPTIONS")}
        given = [x for e in events for x in ("--event", str(e))]
        run = subprocess.run(
            [self.distil, "serve", "--local", "--raw", "--port", "0", "-m", self.blob, *given,
             *options, "--", *self.command],
            env={**kept, **self.variables, **variables},
            capture_output=True, text=True, timeout=120, check=False)
        self.errors = run.stderr
        lines = []
        for line in run.stdout.splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                pass  # Other programs, such as a sanitizer, may write lines that are not JSON.
        return lines, run.returncode


def role_keys(d):
    """Temporary keys of the function's role, as Lambda would get them."""
    role = moto_types.client("iam").get_role(RoleName=d.id("FunctionRole"))["Role"]
    c = moto_types.client("sts").assume_role(RoleArn=role["Arn"],
                                          RoleSessionName="function")["Credentials"]
    return {"aws_access_key_id": c["AccessKeyId"], "aws_secret_access_key": c["SecretAccessKey"],
            "aws_session_token": c["SessionToken"]}


def administrator():
    iam = moto_types.client("iam")
    iam.create_user(UserName="administrator")
    iam.put_user_policy(UserName="administrator", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17",
         "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    key = iam.create_access_key(UserName="administrator")["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"]}


def allowed(call, **parameters):
    try:
        call(**parameters)
        return "allowed"
    except moto_types.client("sts").exceptions.ClientError as error:
        return error.response["Error"]["Code"]


def check_role(d, keys, check):
    """Try the three calls that policy.json allows, and similar calls that it does not."""
    db, logs, sqs = (moto_types.client(s, **keys) for s in ("dynamodb", "logs", "sqs"))
    key = {"source_id": {"S": "x"}, "timestamp": {"S": "y"}}
    update = {"Key": key, "UpdateExpression": "SET a = :a",
              "ExpressionAttributeValues": {":a": {"S": "b"}}}
    table, group = "sentiment-items", f"/aws/lambda/{stack.NAME}"
    queue = d.id("DeadLetters")
    refused = ("403", "AccessDenied", "AccessDeniedException")  # moto gives "403" for some calls
    for name, call, parameters, wanted in [
            ("update an item", db.update_item, {"TableName": table, **update}, ("allowed",)),
            ("read an item", db.get_item, {"TableName": table, "Key": key}, refused),
            ("put an item", db.put_item, {"TableName": table, "Item": key}, refused),
            ("update in another table", db.update_item, {"TableName": "other", **update},
             refused),
            ("make its log stream", logs.create_log_stream,
             {"logGroupName": group, "logStreamName": "s"}, ("allowed",)),
            ("make a group", logs.create_log_group, {"logGroupName": "other"}, refused),
            ("send to the dead letters", sqs.send_message,
             {"QueueUrl": queue, "MessageBody": "x"}, ("allowed",)),
            ("receive from there", sqs.receive_message, {"QueueUrl": queue}, refused),
            ("list functions", moto_types.client("lambda", **keys).list_functions, {}, refused)]:
        found = allowed(call, **parameters)
        check.that(f"role: {name}: {'allowed' if 'allowed' in wanted else 'refused'}",
                   found in wanted, found)


def check_event(d, program, keys, user, check):
    """An event of the stack's topic updates an item in its table with the keys of its role."""
    event = json.loads((EVENTS / "sns.json").read_text())
    message = json.loads(event["Records"][0]["Sns"]["Message"])
    event["Records"][0]["Sns"]["TopicArn"] = d.outputs["Topic"]
    db = moto_types.client("dynamodb", **user)
    key = {"source_id": {"S": message["source_id"]}, "timestamp": {"S": message["timestamp"]}}
    db.put_item(TableName="sentiment-items", Item={**key, "status": {"S": "pending"}})
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(event, file)
        file.flush()
        lines, status = program.run(
            [file.name, file.name], "--store", moto_types.endpoint,
            AWS_ACCESS_KEY_ID=keys["aws_access_key_id"],
            AWS_SECRET_ACCESS_KEY=keys["aws_secret_access_key"],
            AWS_SESSION_TOKEN=keys["aws_session_token"])
    check.equal("event: both deliveries succeed", status, 0)
    updated = [x["body"]["updated"] for x in lines if "statusCode" in x]
    check.equal("event: updated once", updated, [True, False])
    item = db.get_item(TableName="sentiment-items", Key=key)["Item"]
    check.equal("event: the item", (item["status"]["S"], item["sentiment"]["S"]),
                ("analyzed", "positive"))
    return emitted(lines)


def emitted(lines):
    """(namespace, dimensions, their values, name, unit) of each metric in the lines."""
    return {(m["Namespace"], tuple(m["Dimensions"][0]),
             tuple(line[d] for d in m["Dimensions"][0]), x["Name"], x["Unit"])
            for line in lines if isinstance(line, dict) and "_aws" in line
            for m in line["_aws"]["CloudWatchMetrics"] for x in m["Metrics"]}


def emit_all(program):
    """Send events that make the program emit the metrics that a good event does not."""
    with tempfile.TemporaryDirectory() as directory:
        many, bad, request = (directory + name for name in ("/many.json", "/bad.json", "/http.json"))
        texts = ["a gorgeous film", "a dreadful film", ""] * 10
        with open(many, "w", encoding="utf-8") as file:
            json.dump({"texts": texts}, file)
        with open(bad, "w", encoding="utf-8") as file:
            json.dump({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]}, file)
        with open(request, "w", encoding="utf-8") as file:
            json.dump({"httpMethod": "POST", "requestContext": {}, "body": "no JSON"}, file)
        lines, _ = program.run([many, bad, request], "--retry-ms", "1")
        # The store is empty, so the item of this event is missing.
        missing, _ = program.run([EVENTS / "sns.json"], "--store", "memory", "--retry-ms", "1")
        refused, _ = program.run([EVENTS / "sns.json"], DISTIL_MODEL_SHA256="0" * 64)
    return emitted(lines) | emitted(missing) | emitted(refused)


def check_metrics(found, check):
    source = t.Source()
    check.equal("metrics: all of the source are emitted", {(x[3], x[4]) for x in found},
                set(source.units.items()))
    have = {(x[0], x[3], x[1], x[2]) for x in found}
    s = rules.Stack(t.TEMPLATE.read_text(encoding="utf-8"))
    for alarm in moto_types.client("cloudwatch").describe_alarms()["MetricAlarms"]:
        metric, *_ = stack.expected.single_metric(alarm)
        if metric["Namespace"] != source.namespace:
            continue
        names, values = zip(*((d["Name"], d["Value"]) for d in metric["Dimensions"]))
        check.that(f"metrics: alarm {alarm['AlarmName']} has one that was emitted",
                   (metric["Namespace"], metric["MetricName"], names, values) in have,
                   f"nothing emitted {metric['MetricName']} of {names} {values}")
    for row in rules.widget_metrics(s.one("AWS::CloudWatch::Dashboard")["DashboardBody"]):
        if row[0] == source.namespace:
            check.that(f"metrics: widget of {row[1]} has one that was emitted",
                       (row[0], row[1], tuple(row[2::2]), tuple(row[3::2])) in have)


def check_warm_up(program, check):
    target = moto_types.client("events").list_targets_by_rule(
        Rule=f"{stack.NAME}-warm-up")["Targets"][0]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(target["Input"])
        file.flush()
        lines, status = program.run([file.name])
    answers = [x for x in lines if "statusCode" in x]
    check.that("warm-up: answered without inference", status == 0 and answers and
               json.loads(answers[0]["body"])["status"] == "warmed", answers)


def main():
    check = cases.Cases(sys.argv[4:])
    server = stack.start()
    moto_types.on_repository.append(stack.push_image)
    try:
        d = stack.Deployment(t.TEMPLATE.read_text(encoding="utf-8"), ImageDigest=stack.DIGEST,
                             WarmUp="yes")
        program = Program(*sys.argv[1:4])
        check_warm_up(program, check)
        alarms.check(program, moto_types.client("cloudwatch").describe_alarms()["MetricAlarms"],
                     check)
        found = emit_all(program)
        user = administrator()
        # Only the service Lambda may assume the role, so the keys are made before moto checks that.
        keys = role_keys(d)
        authenticate(0)
        check_role(d, keys, check)
        found |= check_event(d, program, keys, user, check)
        authenticate("inf")
        check_metrics(found, check)
    finally:
        server.stop()
    return check.close("function")


if __name__ == "__main__":
    sys.exit(main())
