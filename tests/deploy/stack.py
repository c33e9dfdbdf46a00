# SPDX-License-Identifier: Apache-2.0
"""Deploy the template into moto and compare every resource with what was promised.

    stack.py [-v]    cases as "ok NAME" (-v) and "not ok NAME: WHY", notes, last the numbers
"""
import hashlib
import json
import logging
import os
import sys
import urllib.request
import warnings

os.environ["MOTO_LAMBDA_STUB_ECR"] = "false"  # the image must be in the repository
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
from moto.server import ThreadedMotoServer

import cases
import expected
import lessons
import template as t

NAME = expected.FUNCTION
MANIFEST = json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 300,
               "digest": "sha256:" + "1" * 64},
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 30000000,
                "digest": "sha256:" + "2" * 64}]})
DIGEST = "sha256:" + hashlib.sha256(MANIFEST.encode()).hexdigest()


def push_image(repository):
    lessons.client("ecr").put_image(repositoryName=repository, imageManifest=MANIFEST,
                                    imageTag="v1", imageDigest=DIGEST)


class Deployment:
    """A stack in a moto that held nothing before, and what it holds afterwards."""

    def __init__(self, text, **parameters):
        lessons.sent.clear()
        urllib.request.urlopen(urllib.request.Request(
            lessons.endpoint + "/moto-api/reset", method="POST"))
        api = lessons.client("cloudformation")
        api.create_stack(StackName="stack", TemplateBody=text,
                         Capabilities=["CAPABILITY_IAM"],
                         Parameters=[{"ParameterKey": k, "ParameterValue": v}
                                     for k, v in parameters.items()])
        stack = api.describe_stacks(StackName="stack")["Stacks"][0]
        self.status = stack["StackStatus"]
        self.outputs = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
        self.resources = {
            r["LogicalResourceId"]: r for r in
            api.list_stack_resources(StackName="stack")["StackResourceSummaries"]
            if r["LogicalResourceId"]}  # moto lists what a condition leaves out as nameless
        self.wanted = t.Resolver(t.load(text), **parameters)

    def id(self, name):
        return self.resources[name]["PhysicalResourceId"]

    def count(self):
        return len(self.resources)


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
    check.equal("what moto does not know", types - lessons.KNOWN, set(lessons.UNKNOWN))


def check_repository(d, check):
    api = lessons.client("ecr")
    r = api.describe_repositories(repositoryNames=[NAME])["repositories"][0]
    check.equal("repository: tags", r["imageTagMutability"], "IMMUTABLE")
    check.equal("repository: scan on push", r["imageScanningConfiguration"]["scanOnPush"], True)
    life = json.loads(api.get_lifecycle_policy(repositoryName=NAME)["lifecyclePolicyText"])
    check.equal("repository: lifecycle",
                [(x["selection"]["tagStatus"], x["selection"]["countNumber"],
                  x["action"]["type"]) for x in life["rules"]],
                [("tagged", 30, "expire")])
    policy = json.loads(api.get_repository_policy(repositoryName=NAME)["policyText"])
    statement = policy["Statement"][0]
    check.equal("repository: who pulls", statement["Principal"],
                {"Service": "lambda.amazonaws.com"})
    check.equal("repository: for functions of this account and region",
                statement["Condition"]["StringLike"],
                {"aws:SourceArn": f"arn:aws:lambda:{t.REGION}:{t.ACCOUNT}:function:*"})
    try:
        api.put_image(repositoryName=NAME, imageTag="v1",
                      imageManifest=MANIFEST.replace("300", "301"))
        code = "accepted"
    except api.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
    check.that("repository: a tag is not given twice", "AlreadyExists" in code, code)


def check_function(d, check):
    api = lessons.client("lambda")
    f = api.get_function(FunctionName=NAME)
    c = f["Configuration"]
    check.equal("function: image", f["Code"]["ImageUri"].split("@"),
                [d.outputs["RepositoryUri"], DIGEST])
    for key, value in {"PackageType": "Image", "MemorySize": 1024, "Timeout": 30,
                       "Architectures": ["x86_64"]}.items():
        check.equal(f"function: {key}", c[key], value)
    check.equal("function: variables", c["Environment"]["Variables"],
                {"ENVIRONMENT": "dev", "DATABASE_TABLE": "sentiment-items",
                 "DISTIL_NEUTRAL_THRESHOLD": "0.6", "DISTIL_MAX_CHARS": "512"})
    check.equal("function: concurrency", api.get_function_concurrency(
        FunctionName=NAME)["ReservedConcurrentExecutions"], 10)
    check.note("moto keeps no DeadLetterConfig and LoggingConfig of a function: "
               "checked in the call that was sent")
    created = dict(lessons.sent["Function"])["CreateFunction"]
    check.equal("function: dead letters", created["DeadLetterConfig"]["TargetArn"],
                f"arn:aws:sqs:{t.REGION}:{t.ACCOUNT}:{NAME}-dead-letters")
    check.equal("function: log group", created["LoggingConfig"]["LogGroup"],
                f"/aws/lambda/{NAME}")


def check_alias(d, check):
    api = lessons.client("lambda")
    alias = api.get_alias(FunctionName=NAME, Name="live")
    check.equal("alias: version", alias["FunctionVersion"], "1")
    check.equal("alias: output", d.outputs["Function"], alias["AliasArn"])
    version = dict(lessons.sent["Version"])["PublishVersion"]["Description"]
    check.that("version: its description names the image", version.startswith(DIGEST))
    check.that("version: its description fits", len(version) <= 256)
    retries = api.get_function_event_invoke_config(FunctionName=NAME)
    check.equal("retries", (retries["MaximumRetryAttempts"], retries["MaximumEventAgeInSeconds"]),
                (2, 21600))
    check.equal("retries: of the alias",
                dict(lessons.sent["Retries"])["PutFunctionEventInvokeConfig"]["Qualifier"], "live")


def check_permissions(d, check):
    policy = json.loads(lessons.client("lambda").get_policy(FunctionName=NAME)["Policy"])
    found = {x["Sid"]: (x["Principal"]["Service"], x["Action"], x["Resource"],
                        x["Condition"]["ArnLike"]["AWS:SourceArn"]) for x in policy["Statement"]}
    alias = f"arn:aws:lambda:{t.REGION}:{t.ACCOUNT}:function:{NAME}:live"
    check.equal("who may invoke what, from where", found, {
        "MayBeInvoked": ("sns.amazonaws.com", "lambda:InvokeFunction", alias, d.id("Topic")),
        "MayBeWarmed": ("events.amazonaws.com", "lambda:InvokeFunction", alias,
                        f"arn:aws:events:{t.REGION}:{t.ACCOUNT}:rule/{NAME}-warm-up")})


def check_role(d, check):
    api = lessons.client("iam")
    name = d.id("FunctionRole")
    names = api.list_role_policies(RoleName=name)["PolicyNames"]
    check.equal("role: one policy", names, ["function"])
    document = api.get_role_policy(RoleName=name, PolicyName="function")["PolicyDocument"]
    wanted = json.dumps(t.Source().policy)
    for word, value in [("REGION", t.REGION), ("ACCOUNT", t.ACCOUNT),
                        ("table/TABLE", "table/sentiment-items"),
                        ("lambda/FUNCTION", f"lambda/{NAME}"),
                        ("DEAD_LETTER_QUEUE", f"{NAME}-dead-letters")]:
        wanted = wanted.replace(word, value)
    check.equal("role: policy.json, no more and no less", document, json.loads(wanted))
    check.equal("role: no managed policies", api.list_attached_role_policies(
        RoleName=name)["AttachedPolicies"], [])
    trust = api.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    check.equal("role: whose", [x["Principal"] for x in trust],
                [{"Service": "lambda.amazonaws.com"}])
    attached = api.list_attached_role_policies(RoleName=d.id("CanaryRole"))["AttachedPolicies"]
    check.equal("canary's role: policy of AWS", [a["PolicyName"] for a in attached],
                ["AWSCodeDeployRoleForLambdaLimited"])


def check_messages(d, check):
    sns, sqs = lessons.client("sns"), lessons.client("sqs")
    topic = d.id("Topic")
    check.equal("topic: output", d.outputs["Topic"], topic)
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    check.equal("topic: who gets it", [(s["Protocol"], s["Endpoint"]) for s in subscriptions],
                [("lambda", d.outputs["Function"])])
    check.equal("topic: encrypted", sns.get_topic_attributes(
        TopicArn=topic)["Attributes"].get("KmsMasterKeyId"), "alias/aws/sns")
    alarms = sns.get_topic_attributes(TopicArn=d.id("AlarmTopic"))["Attributes"]
    statement = json.loads(alarms["Policy"])["Statement"][0]
    check.equal("alarm topic: who publishes", statement["Principal"]["Service"],
                ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"])
    check.equal("alarm topic: of this account", statement["Condition"],
                {"StringEquals": {"aws:SourceAccount": t.ACCOUNT}})
    emails = sns.list_subscriptions_by_topic(TopicArn=d.id("AlarmTopic"))["Subscriptions"]
    check.equal("alarm topic: who hears", [(s["Protocol"], s["Endpoint"]) for s in emails],
                [("email", "ops@example.com")])
    queue = sqs.get_queue_attributes(QueueUrl=d.id("DeadLetters"),
                                     AttributeNames=["All"])["Attributes"]
    check.equal("dead letters: 14 days", queue["MessageRetentionPeriod"], str(14 * 86400))
    check.equal("dead letters: encrypted", queue.get("SqsManagedSseEnabled"), "true")


def check_table(d, check):
    api = lessons.client("dynamodb")
    table = api.describe_table(TableName="sentiment-items")["Table"]
    check.equal("table: key", [(k["AttributeName"], k["KeyType"]) for k in table["KeySchema"]],
                list(zip(t.Source().key, ["HASH", "RANGE"])))
    check.equal("table: types", {a["AttributeType"] for a in table["AttributeDefinitions"]},
                {"S"})
    check.equal("table: paid by request", table["BillingModeSummary"]["BillingMode"],
                "PAY_PER_REQUEST")
    check.equal("table: protected", table.get("DeletionProtectionEnabled"), True)
    check.equal("table: may be restored", api.describe_continuous_backups(
        TableName="sentiment-items")["ContinuousBackupsDescription"][
            "PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"], "ENABLED")


def check_logs(d, check):
    groups = lessons.client("logs").describe_log_groups()["logGroups"]
    check.equal("logs: kept 30 days", [(g["logGroupName"], g["retentionInDays"]) for g in groups],
                [(f"/aws/lambda/{NAME}", 30)])


def check_alarms(d, check):
    found = lessons.client("cloudwatch").describe_alarms()["MetricAlarms"]
    alarms = {a["AlarmName"].removeprefix(NAME + "-"): a for a in found}
    check.equal("alarms: which", sorted(alarms), sorted(expected.ALARMS))
    for name, alarm in alarms.items():
        described, wanted = expected.described(alarm), expected.expected(name)
        for field in expected.FIELDS:
            check.equal(f"alarm {name}: {field}", described[field], wanted[field])
        check.equal(f"alarm {name}: who hears", (alarm["AlarmActions"], alarm["OKActions"]),
                    ([d.id("AlarmTopic")], [d.id("AlarmTopic")]))
        check.equal(f"alarm {name}: no data", alarm["TreatMissingData"], "notBreaching")
    version = [x["Value"] for x in alarms["new-version-errors"]["Dimensions"]
               if x["Name"] == "ExecutedVersion"]
    check.equal("alarm new-version-errors: version", version, ["1"])


def check_resolver(d, check):
    """The rules' reading of the template is moto's."""
    for name, body in d.wanted.all().items():
        found = dict(lessons.sent.get(name, []))
        if body["Type"] == "AWS::CloudWatch::Alarm":
            properties = json.dumps(body["Properties"]).replace("<Version.Version>", "1")
            check.equal(f"{name}: read as moto reads it", found["PutMetricAlarm"], lessons.cast(
                json.loads(properties), lessons.shape_of("cloudwatch", "PutMetricAlarm")))
    body = d.wanted.all()["Dashboard"]["Properties"]["DashboardBody"]
    check.equal("Dashboard: read as moto reads it", json.loads(lessons.client(
        "cloudwatch").get_dashboard(DashboardName=NAME)["DashboardBody"]), json.loads(body))


def check_dashboard(d, check):
    body = json.loads(lessons.client("cloudwatch").get_dashboard(
        DashboardName=NAME)["DashboardBody"])
    check.equal("dashboard: widgets", len(body["widgets"]), 8)
    values = [line["value"] for w in body["widgets"]
              for line in w["properties"].get("annotations", {}).get("horizontal", [])]
    check.equal("dashboard: lines where alarms are", values,
                [expected.ALARMS["latency-p95"][-1], expected.ALARMS["drift-confidence"][-1]])


def check_canary(d, check):
    group = lessons.client("codedeploy").get_deployment_group(
        applicationName=NAME, deploymentGroupName=f"{NAME}-live")["deploymentGroupInfo"]
    check.equal("canary: 10 % for 10 minutes", group["deploymentConfigName"],
                "CodeDeployDefault.LambdaCanary10Percent10Minutes")
    check.note("moto does not show a group's alarms: checked in the call that was sent")
    alarms = dict(lessons.sent["Canary"])["CreateDeploymentGroup"]["alarmConfiguration"]
    check.equal("canary: alarms", sorted(a["name"] for a in alarms["alarms"]),
                sorted(f"{NAME}-{name}" for name in expected.CANARY))
    check.equal("canary: alarms are on", (alarms["enabled"], alarms["ignorePollAlarmFailure"]),
                (True, False))
    there = {a["AlarmName"] for a in lessons.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    check.equal("canary: alarms that do not exist", {a["name"] for a in alarms["alarms"]} - there,
                set())
    check.that("canary: rolled back on alarm", group["autoRollbackConfiguration"]["enabled"] and
               "DEPLOYMENT_STOP_ON_ALARM" in group["autoRollbackConfiguration"]["events"])
    role = lessons.client("iam").get_role(RoleName=d.id("CanaryRole"))["Role"]
    check.equal("canary: role", group["serviceRoleArn"], role["Arn"])
    check.note("moto does nothing with an UpdatePolicy: that the alias names this group is the "
               "rule canary's")


def check_budget(d, check):
    api = lessons.client("budgets")
    b = api.describe_budget(AccountId=t.ACCOUNT, BudgetName=f"{NAME}-monthly")["Budget"]
    check.equal("budget: 20 USD", (float(b["BudgetLimit"]["Amount"]), b["BudgetLimit"]["Unit"]),
                (20, "USD"))
    check.equal("budget: a month", (b["TimeUnit"], b["BudgetType"]), ("MONTHLY", "COST"))
    notices = api.describe_notifications_for_budget(
        AccountId=t.ACCOUNT, BudgetName=f"{NAME}-monthly")["Notifications"]
    check.equal("budget: notices", [(n["NotificationType"], n["ThresholdType"], n["Threshold"])
                                    for n in notices],
                [("ACTUAL", "PERCENTAGE", 80), ("ACTUAL", "PERCENTAGE", 100)])
    sent = dict(lessons.sent["Budget"])["CreateBudget"]["NotificationsWithSubscribers"]
    check.note("moto does not list a budget's subscribers: checked in the call that was sent")
    check.equal("budget: who hears", [s["Address"] for n in sent for s in n["Subscribers"]],
                [d.id("AlarmTopic")] * 2)


def check_warm_up(d, check):
    api = lessons.client("events")
    rule = api.describe_rule(Name=f"{NAME}-warm-up")
    check.equal("warm-up: every five minutes", (rule["ScheduleExpression"], rule["State"]),
                ("rate(5 minutes)", "ENABLED"))
    targets = api.list_targets_by_rule(Rule=f"{NAME}-warm-up")["Targets"]
    check.equal("warm-up: target", [(x["Arn"], json.loads(x["Input"])) for x in targets],
                [(d.outputs["Function"], {"warmup": True})])


def check_choices(text, check):
    """Parameters that are not the defaults arrive where they belong."""
    topic = f"arn:aws:sns:{t.REGION}:{t.ACCOUNT}:{NAME}-given"
    lessons.on_repository.append(lambda _: lessons.client("sns").create_topic(
        Name=f"{NAME}-given"))
    d = Deployment(text, ImageDigest=DIGEST, ReservedConcurrency="none", CreateTable="no",
                   TopicArn=topic, ModelVersion="v2", MemoryMb="1769", LatencyP95Ms="250",
                   EnvironmentName="prod", LogDays="7", BudgetUsd="5", Rollout="at-once")
    lessons.on_repository.pop()
    check.equal("choices: resources", sorted(d.resources), sorted(d.wanted.resources))
    for name in ["Table", "Topic", "WarmUpRule", "AlarmEmailSubscription"]:
        check.that(f"choices: no {name}", name not in d.resources)
    api = lessons.client("lambda")
    c = api.get_function_configuration(FunctionName=NAME)
    check.equal("choices: memory", c["MemorySize"], 1769)
    check.equal("choices: version", c["Environment"]["Variables"]["MODEL_VERSION"], "v2")
    check.that("choices: no limit", "ReservedConcurrentExecutions" not in
               api.get_function_concurrency(FunctionName=NAME))
    alarm = lessons.client("cloudwatch").describe_alarms(
        AlarmNames=[f"{NAME}-latency-p95"])["MetricAlarms"][0]
    check.equal("choices: latency", (alarm["Threshold"], alarm["Dimensions"]),
                (250, [{"Name": "Environment", "Value": "prod"}]))
    group = dict(lessons.sent["Canary"])["CreateDeploymentGroup"]
    check.equal("choices: at once", (group["deploymentConfigName"],
                                     group["alarmConfiguration"]["enabled"]),
                ("CodeDeployDefault.LambdaAllAtOnce", False))
    subscriptions = lessons.client("sns").list_subscriptions_by_topic(
        TopicArn=topic)["Subscriptions"]
    check.equal("choices: topic", [s["Endpoint"] for s in subscriptions],
                [d.outputs["Function"]])


# Mistakes that the checks above must each see, and the words that their failure begins with.
MISTAKES = [
    ("ImageTagMutability: IMMUTABLE", "ImageTagMutability: MUTABLE", "repository: tags"),
    ("Default: 1024", "Default: 512", "function: MemorySize"),
    ("Principal: sns.amazonaws.com", "Principal: s3.amazonaws.com", "who may invoke"),
    ('"dynamodb:UpdateItem"', '"dynamodb:*"', "role: policy.json"),
    ("MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 345600", "dead letters: 14"),
    ("AttributeName: source_id, KeyType", "AttributeName: id, KeyType", "table: key"),
    ("AttributeName: source_id, AttributeType", "AttributeName: id, AttributeType", "table: key"),
    ("RetentionInDays: !Ref LogDays", "RetentionInDays: 3653", "logs: kept"),
    ("ExtendedStatistic: p95", "ExtendedStatistic: p99", "alarm latency-p95: statistic"),
    ("MetricName: AnalysisErrors", "MetricName: Errors", "alarm analysis-errors: metric"),
    ("ABS(positive - ", "ABS(positive + ", "alarm drift-positive: metric"),
    ("Enabled: !If [IsCanary, true, false]", "Enabled: false", "canary: alarms are on"),
    ("Threshold: 80", "Threshold: 70", "budget: notices"),
    ("rate(5 minutes)", "rate(1 minute)", "warm-up: every"),
    ("[{SubscriptionType: SNS, Address: !Ref AlarmTopic}]",
     "[{SubscriptionType: EMAIL, Address: a@b.example}]", "budget: who hears"),
]


def check_can_fail(text, check):
    """A stack with all of them at once: each is seen, by name."""
    for old, new, _ in MISTAKES:
        if old not in text:
            raise ValueError(f"nothing to edit: {old}")
        text = text.replace(old, new, 1)
    d = Deployment(text, **EVERYTHING)
    seen = cases.Cases(quiet=True)
    for one in PARTS:
        seen.guard(one.__name__, one, d, seen)
    for _, new, words in MISTAKES:
        check.that(f"refused: {new}", any(name.startswith(words) for name in seen.failures),
                   f"nothing failed that begins with {words!r}")


def check_sdk_refuses(text, check):
    """What AWS would refuse stops the stack: names and types by the SDK's models."""
    for old, new in [("ExtendedStatistic: p95", "ExtendedStatistics: p95"),
                     ("DatapointsToAlarm: 3", "DatapointsToAlarm: three"),
                     ("MaximumRetryAttempts: 2", "MaximumRetryAttempts: 3")]:
        try:
            if old in text:
                Deployment(text.replace(old, new, 1), **EVERYTHING)
            check.that(f"stops the stack: {new}", False)
        except lessons.REFUSALS:
            check.that(f"stops the stack: {new}", True)


PARTS = [check_resources, check_repository, check_function, check_alias, check_permissions,
         check_role, check_messages, check_table, check_logs, check_alarms, check_resolver,
         check_dashboard, check_canary, check_budget, check_warm_up]
EVERYTHING = {"ImageDigest": DIGEST, "WarmUp": "yes", "AlarmEmail": "ops@example.com"}


def start():
    warnings.simplefilter("error")  # moto warns of what it does not do
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=PendingDeprecationWarning)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    lessons.endpoint = f"http://{host}:{port}"
    return server


def main():
    check = cases.Cases(sys.argv[1:])
    text = t.TEMPLATE.read_text(encoding="utf-8")
    server = start()
    try:
        for kind, operation in lessons.UNKNOWN.items():
            check.note(f"moto's CloudFormation does not know {kind}: created by {operation}")
        for kind, what in lessons.PARTLY.items():
            check.note(f"moto's CloudFormation drops of {kind}: {what}; created by its API")
        first = check_without_image(text, check)
        lessons.on_repository.append(push_image)
        d = Deployment(text, **EVERYTHING)
        for one in PARTS:
            check.guard(one.__name__, one, d, check)
        for one in [check_choices, check_can_fail, check_sdk_refuses]:
            check.guard(one.__name__, one, text, check)
        check.note(f"{d.count()} resources created, {first} without an image")
    finally:
        server.stop()
    return check.close("stack")


if __name__ == "__main__":
    sys.exit(main())
