# SPDX-License-Identifier: Apache-2.0
"""Deploy the template into moto and compare every resource with the template.

    stack.py [-v]    prints failed cases and notes, with -v every case, and last the counts

moto must read each resource's properties as template.py does. The rules in rules.py, which apply to
the properties as template.py reads them, therefore hold for the deployed stack as well.
"""
import hashlib
import json
import logging
import os
import re
import sys
import urllib.request
import warnings

# moto reads these variables when it is imported. The first makes it require that the image of a
# function is in the repository.
os.environ["MOTO_LAMBDA_STUB_ECR"] = "false"
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
from moto.server import ThreadedMotoServer

import cases
import expected
import moto_types
import template as t

NAME = expected.FUNCTION
MANIFEST = json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 300,
               "digest": "sha256:" + "1" * 64},
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 30000000,
                "digest": "sha256:" + "2" * 64}]})
DIGEST = "sha256:" + hashlib.sha256(MANIFEST.encode()).hexdigest()
# The types that moto's CloudFormation creates itself, which check_native compares through the APIs
# of their services. moto_types.py creates all others.
NATIVE = {"AWS::CloudWatch::Dashboard", "AWS::Events::Rule", "AWS::Logs::LogGroup",
          "AWS::SNS::Topic", "AWS::SQS::Queue"}
EVERYTHING = {"ImageDigest": DIGEST, "WarmUp": "yes", "AlarmEmail": "ops@example.com"}


def push_image(repository):
    moto_types.client("ecr").put_image(repositoryName=repository, imageManifest=MANIFEST,
                                    imageTag="v1", imageDigest=DIGEST)


class Deployment:
    """A stack deployed into an empty moto, and the resources and outputs that it has."""

    def __init__(self, text, **parameters):
        moto_types.sent.clear()
        moto_types.resolved.clear()
        urllib.request.urlopen(urllib.request.Request(
            moto_types.endpoint + "/moto-api/reset", method="POST"))
        api = moto_types.client("cloudformation")
        api.create_stack(StackName="stack", TemplateBody=text,
                         Capabilities=["CAPABILITY_IAM"],
                         Parameters=[{"ParameterKey": k, "ParameterValue": v}
                                     for k, v in parameters.items()])
        stack = api.describe_stacks(StackName="stack")["Stacks"][0]
        self.status = stack["StackStatus"]
        self.outputs = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
        # moto lists a resource whose condition is false with an empty name.
        self.resources = {
            r["LogicalResourceId"]: r for r in
            api.list_stack_resources(StackName="stack")["StackResourceSummaries"]
            if r["LogicalResourceId"]}
        self.wanted = t.Resolver(t.load(text), **parameters)

    def id(self, name):
        return self.resources[name]["PhysicalResourceId"]

    def count(self):
        return len(self.resources)


def matches(found, wanted):
    """Are two property values equal? Numbers may be texts, and a reference such as <Alias>, which
    template.py cannot resolve, matches any text."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and found.keys() == wanted.keys() and \
            all(matches(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and \
            all(map(matches, found, wanted))
    pattern = ".+".join(map(re.escape, re.split(r"<[\w.]+>", str(wanted))))
    return re.fullmatch(pattern, str(found), re.DOTALL | re.IGNORECASE) is not None


def check_without_image(text, check):
    d = Deployment(text)
    check.equal("without image: stack", d.status, "CREATE_COMPLETE")
    check.equal("without image: resources", sorted(d.resources), sorted(d.wanted.resources))
    check.that("without image: no function", "Function" not in d.resources)
    check.equal("without image: where to push", d.outputs["RepositoryUri"],
                f"{t.ACCOUNT}.dkr.ecr.{t.REGION}.amazonaws.com/{NAME}")
    return d.count()


def check_resources(d, check):
    check.equal("stack", d.status, "CREATE_COMPLETE")
    for name, body in d.wanted.resources.items():
        found = d.resources.get(name, {})
        check.equal(f"{name} is created", found.get("ResourceType"), body["Type"])
        check.equal(f"{name} is complete", found.get("ResourceStatus"), "CREATE_COMPLETE")
    check.equal("nothing else is created", sorted(d.resources), sorted(d.wanted.resources))
    types = {body["Type"] for body in d.wanted.resources.values()}
    check.equal("types that moto does not know", types - moto_types.KNOWN, set(moto_types.UNKNOWN))
    check.equal("types that moto creates itself",
                types - moto_types.UNKNOWN.keys() - moto_types.PARTLY.keys(), NATIVE)


def check_properties(d, check):
    """moto has resolved the properties of each resource as template.py does."""
    for name, body in d.wanted.resolve_all().items():
        if body["Type"] not in NATIVE:
            found, wanted = moto_types.resolved.get(name), body.get("Properties", {})
            check.that(f"{name}: properties", matches(found, wanted), f"{found}, not {wanted}")


def check_outputs(d, check):
    alias = moto_types.client("lambda").get_alias(FunctionName=NAME, Name="live")
    check.equal("output: the alias", d.outputs["Function"], alias["AliasArn"])
    check.equal("output: the topic", d.outputs["Topic"], d.id("Topic"))
    image = moto_types.client("lambda").get_function(FunctionName=NAME)["Code"]["ImageUri"]
    check.equal("output: the repository", image.split("@"), [d.outputs["RepositoryUri"], DIGEST])
    try:
        moto_types.client("ecr").put_image(repositoryName=NAME, imageTag="v1",
                                        imageManifest=MANIFEST.replace("300", "301"))
        code = "accepted"
    except moto_types.REFUSALS as error:
        code = error.response["Error"]["Code"]
    check.that("a tag of the repository cannot move", "AlreadyExists" in code, code)


def check_native(d, check):
    """The resources that moto creates without moto_types.py, as the services show them."""
    sns, sqs = moto_types.client("sns"), moto_types.client("sqs")
    events, logs = moto_types.client("events"), moto_types.client("logs")
    wanted = {name: body["Properties"] for name, body in d.wanted.resolve_all().items()}
    for name in "Topic", "AlarmTopic":
        key = sns.get_topic_attributes(TopicArn=d.id(name))["Attributes"].get("KmsMasterKeyId")
        check.equal(f"{name}: key", key, wanted[name].get("KmsMasterKeyId"))
    for name in "DeadLetters", "Undelivered":
        queue = sqs.get_queue_attributes(QueueUrl=d.id(name), AttributeNames=["All"])["Attributes"]
        for key in "MessageRetentionPeriod", "SqsManagedSseEnabled", "VisibilityTimeout":
            check.that(f"{name}: {key}", matches(queue.get(key), wanted[name][key]),
                       queue.get(key))
    groups = logs.describe_log_groups()["logGroups"]
    check.equal("FunctionLogs", [(g["logGroupName"], g["retentionInDays"]) for g in groups],
                [tuple(wanted["FunctionLogs"][k] for k in ("LogGroupName", "RetentionInDays"))])
    rule = events.describe_rule(Name=f"{NAME}-warm-up")
    for key in "ScheduleExpression", "State":
        check.equal(f"WarmUpRule: {key}", rule[key], wanted["WarmUpRule"][key])
    targets = events.list_targets_by_rule(Rule=f"{NAME}-warm-up")["Targets"]
    check.equal("WarmUpRule: target", [(x["Arn"], x["Input"]) for x in targets],
                [(d.outputs["Function"], wanted["WarmUpRule"]["Targets"][0]["Input"])])
    body = moto_types.client("cloudwatch").get_dashboard(DashboardName=NAME)["DashboardBody"]
    check.equal("Dashboard", json.loads(body), json.loads(wanted["Dashboard"]["DashboardBody"]))


def check_choices(text, check):
    """Parameters that differ from their defaults reach the resources."""
    topic = f"arn:aws:sns:{t.REGION}:{t.ACCOUNT}:{NAME}-given"
    moto_types.on_repository.append(lambda _: moto_types.client("sns").create_topic(
        Name=f"{NAME}-given"))
    d = Deployment(text, ImageDigest=DIGEST, ReservedConcurrency="none", CreateTable="no",
                   TopicArn=topic, ModelVersion="v2", MemoryMb="1769", LatencyP95Ms="250",
                   EnvironmentName="prod", LogDays="7", BudgetUsd="5", Rollout="at-once")
    moto_types.on_repository.pop()
    check.equal("choices: resources", sorted(d.resources), sorted(d.wanted.resources))
    for name in ["Table", "Topic", "WarmUpRule", "AlarmEmailSubscription"]:
        check.that(f"choices: no {name}", name not in d.resources)
    check_properties(d, check)
    function = moto_types.resolved["Function"]
    check.that("choices: no limit", "ReservedConcurrentExecutions" not in function)
    for key, value in {"MemorySize": "1769", "Environment": {"Variables": {
            "ENVIRONMENT": "prod", "DATABASE_TABLE": "sentiment-items", "MODEL_VERSION": "v2",
            "DISTIL_NEUTRAL_THRESHOLD": "0.6", "DISTIL_MAX_CHARS": "512"}}}.items():
        check.that(f"choices: {key}", matches(function[key], value), function[key])
    alarm = moto_types.resolved["LatencyAlarm"]
    check.equal("choices: latency", (float(alarm["Threshold"]), alarm["Dimensions"]),
                (250, [{"Name": "Environment", "Value": "prod"}]))
    group = dict(moto_types.sent["Canary"])["CreateDeploymentGroup"]
    check.equal("choices: at once", (group["deploymentConfigName"],
                                     group["alarmConfiguration"]["enabled"]),
                ("CodeDeployDefault.LambdaAllAtOnce", False))
    subscriptions = moto_types.client("sns").list_subscriptions_by_topic(
        TopicArn=topic)["Subscriptions"]
    check.equal("choices: topic", [s["Endpoint"] for s in subscriptions],
                [d.outputs["Function"]])


# Differences that the comparison must notice, and the words with which its complaint begins.
MISTAKES = [
    ("ImageTagMutability: IMMUTABLE", "ImageTagMutability: MUTABLE", "Repository: properties"),
    ("Default: 1024", "Default: 512", "Function: properties"),
    ("Principal: sns.amazonaws.com", "Principal: s3.amazonaws.com", "MayBeInvoked: properties"),
    ('"dynamodb:UpdateItem"', '"dynamodb:*"', "FunctionRole: properties"),
    ("MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 345600", "DeadLetters: Message"),
    ("AttributeName: source_id, KeyType", "AttributeName: id, KeyType", "Table: properties"),
    ("AttributeName: source_id, AttributeType", "AttributeName: id, AttributeType",
     "Table: properties"),
    ("RetentionInDays: !Ref LogDays", "RetentionInDays: 3653", "FunctionLogs"),
    ("ExtendedStatistic: p95", "ExtendedStatistic: p99", "LatencyAlarm: properties"),
    ("MetricName: AnalysisErrors", "MetricName: Errors", "AnalysisErrorsAlarm: properties"),
    ("ABS(positive - ", "ABS(positive + ", "PositiveDriftAlarm: properties"),
    ("Enabled: !If [IsCanary, true, false]", "Enabled: false", "Canary: properties"),
    ("Threshold: 80", "Threshold: 70", "Budget: properties"),
    ("rate(5 minutes)", "rate(1 minute)", "WarmUpRule: ScheduleExpression"),
    ("      KmsMasterKeyId: alias/aws/sns\n", "", "Topic: key"),
    ('"label": "alarm on p95"', '"label": "alarm"', "Dashboard"),
]


def check_can_fail(text, check):
    """A stack with all mistakes at once, compared with the right template: each is noticed."""
    broken = text
    for old, new, _ in MISTAKES:
        if old not in broken:
            raise ValueError(f"nothing to edit: {old}")
        broken = broken.replace(old, new, 1)
    d = Deployment(broken, **EVERYTHING)
    d.wanted = t.Resolver(t.load(text), **EVERYTHING)
    seen = cases.Cases(quiet=True)
    for part in PARTS:
        seen.guard(part.__name__, part, d, seen)
    for old, _, words in MISTAKES:
        check.that(f"noticed: another {old.strip()}",
                   any(name.startswith(words) for name in seen.failures),
                   f"nothing failed that begins with {words!r}")
    right = Deployment(text, **EVERYTHING)
    seen = cases.Cases(quiet=True)
    check_properties(right, seen)
    check.equal("the right template has none of these", seen.failures, [])


def check_sdk_refuses(text, check):
    """The SDK's models of the services refuse unknown names and wrong types, as AWS would."""
    for old, new in [("ExtendedStatistic: p95", "ExtendedStatistics: p95"),
                     ("DatapointsToAlarm: 3", "DatapointsToAlarm: three"),
                     ("MaximumRetryAttempts: 2", "MaximumRetryAttempts: 3")]:
        try:
            if old in text:
                Deployment(text.replace(old, new, 1), **EVERYTHING)
            check.that(f"stops the stack: {new}", False)
        except moto_types.REFUSALS:
            check.that(f"stops the stack: {new}", True)


PARTS = [check_resources, check_properties, check_outputs, check_native]


def start():
    """Start a moto server in this process and return it; its address is moto_types.endpoint."""
    warnings.simplefilter("error")  # moto warns about properties that it ignores
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=PendingDeprecationWarning)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    moto_types.endpoint = f"http://{host}:{port}"
    return server


def main():
    check = cases.Cases(sys.argv[1:])
    text = t.TEMPLATE.read_text(encoding="utf-8")
    server = start()
    try:
        for kind, operation in moto_types.UNKNOWN.items():
            check.note(f"moto's CloudFormation does not know {kind}: created by {operation}")
        for kind, what in moto_types.PARTLY.items():
            check.note(f"moto's CloudFormation ignores of {kind}: {what}; created by its API")
        first = check_without_image(text, check)
        moto_types.on_repository.append(push_image)
        d = Deployment(text, **EVERYTHING)
        for part in PARTS:
            check.guard(part.__name__, part, d, check)
        for part in [check_choices, check_can_fail, check_sdk_refuses]:
            check.guard(part.__name__, part, text, check)
        check.note(f"{d.count()} resources created, {first} without an image")
    finally:
        server.stop()
    return check.close("stack")


if __name__ == "__main__":
    sys.exit(main())
