# SPDX-License-Identifier: Apache-2.0
"""The rules that the template must keep.

    rules.py [FILE]    prints findings as "RULE: WHAT"; exit status 1 if there are any

A rule is a function that takes a Stack and yields a text for everything that is wrong. broken.py
has at least one broken template for each rule.
"""
import fnmatch
import json
import re
import sys

import expected
import template as t

RULES = {}
AWS_METRICS = {
    "AWS/Lambda": {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions",
                   "DeadLetterErrors"},
    "AWS/SNS": {"NumberOfMessagesPublished", "NumberOfNotificationsFailed"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
}
# The DeletionPolicy of the resources that a deletion of the stack keeps. A resource with a fixed
# name that is still empty must not be kept when its creation is rolled back, because the next
# attempt to create the stack would find it.
KEPT = {"AWS::DynamoDB::Table": "Retain", "AWS::SQS::Queue": "RetainExceptOnCreate",
        "AWS::ECR::Repository": "RetainExceptOnCreate",
        "AWS::Lambda::Version": "RetainExceptOnCreate"}
# The types that can have tags, and the property that has them.
TAGGED = {"AWS::ECR::Repository": "Tags", "AWS::IAM::Role": "Tags", "AWS::Logs::LogGroup": "Tags",
          "AWS::Lambda::Function": "Tags", "AWS::CodeDeploy::Application": "Tags",
          "AWS::CodeDeploy::DeploymentGroup": "Tags", "AWS::SNS::Topic": "Tags",
          "AWS::SQS::Queue": "Tags", "AWS::DynamoDB::Table": "Tags",
          "AWS::CloudWatch::Alarm": "Tags", "AWS::Budgets::Budget": "ResourceTags"}
# Metrics of AWS that the dashboard shows beside those of the function.
PLATFORM_METRICS = {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions",
                    "ApproximateNumberOfMessagesVisible"}


class Stack:
    """The template, and its resources when all optional ones are created."""

    def __init__(self, text):
        self.text = text
        self.template = t.load(text)
        self.source = t.Source()
        self.full = t.Resolver(self.template, lenient=True, ImageDigest=t.DIGEST, WarmUp="yes",
                               AlarmEmail="ops@example.com")
        self.resources = self.full.resolve_all()

    def of(self, kind):
        return {name: body.get("Properties", {}) for name, body in self.resources.items()
                if body["Type"] == kind}

    def one(self, kind, name=None):
        """The properties of the only resource of this type, or of the one with this name."""
        found = self.of(kind)
        if name:
            return found.get(name, {})
        return next(iter(found.values())) if len(found) == 1 else {}

    def metrics(self):
        """(resource, namespace, metric, names of dimensions) of every alarm and widget."""
        for name, alarm in self.of("AWS::CloudWatch::Alarm").items():
            queries = [q["MetricStat"]["Metric"] for q in alarm.get("Metrics", [])
                       if "MetricStat" in q]
            for m in queries or [alarm]:
                yield (name, m.get("Namespace"), m.get("MetricName"),
                       [d["Name"] for d in m.get("Dimensions", [])])
        for name, dashboard in self.of("AWS::CloudWatch::Dashboard").items():
            for metric in widget_metrics(dashboard["DashboardBody"]):
                yield (name, metric[0], metric[1], metric[2::2])


def widget_metrics(body):
    """The rows of a dashboard's widgets, with the abbreviations "." and "..." expanded."""
    for widget in json.loads(body)["widgets"]:
        before = []
        for row in widget["properties"].get("metrics", []):
            row = [part for part in row if isinstance(part, str)]
            if row[0] == "...":
                row = before[:len(before) - len(row) + 1] + row[1:]
            row = [before[i] if part == "." else part for i, part in enumerate(row)]
            before = row
            yield row


def rule(name):
    def add(function):
        RULES[name] = function
        return function
    return add


def expect(what, found, wanted):
    """Yield a finding unless both values, as texts, are equal."""
    if str(found) != str(wanted):
        yield f"{what} is {found!r}, not {wanted!r}"


# ---- metrics and alarms -------------------------------------------------------------------------

@rule("alarm-as-promised")
def alarm_as_promised(s):
    alarms = {a.get("AlarmName", "").removeprefix(expected.FUNCTION + "-"): a
              for a in s.of("AWS::CloudWatch::Alarm").values()}
    for name in expected.ALARMS:
        if name not in alarms:
            yield f"no alarm {name}"
        else:
            yield from expected.differences(name, alarms[name])
    for name in alarms.keys() - expected.ALARMS.keys():
        yield f"alarm {name} is not in tests/deploy/expected.py"


@rule("metric-exists")
def metric_exists(s):
    for where, namespace, metric, _ in s.metrics():
        known = s.source.units if namespace == s.source.namespace else AWS_METRICS.get(namespace)
        if known is None:
            yield f"{where}: nothing emits into namespace {namespace}"
        elif metric not in known:
            yield f"{where}: nothing emits {namespace} {metric}"


@rule("metric-dimension")
def metric_dimension(s):
    for where, namespace, metric, dimensions in s.metrics():
        if namespace == s.source.namespace and dimensions != [s.source.dimension]:
            yield f"{where}: {metric} has the dimension {s.source.dimension}, not {dimensions}"


@rule("metric-environment")
def metric_environment(s):
    """The value of the dimension is the variable from which the function takes it."""
    value = s.one("AWS::Lambda::Function").get("Environment", {}).get("Variables", {}).get(
        "ENVIRONMENT")
    for name, alarm in s.of("AWS::CloudWatch::Alarm").items():
        found = expected.described(alarm)["dimensions"].get(s.source.dimension, value)
        yield from expect(f"{name}: {s.source.dimension}", found, value)


@rule("statistic-fits-unit")
def statistic_fits_unit(s):
    fits = {"Count": r"Sum", "Milliseconds": r"p\d+", "Percent": r"Average", "None": r"Average"}
    for name, alarm in s.of("AWS::CloudWatch::Alarm").items():
        metric, statistic, _, _ = expected.single_metric(alarm)
        unit = s.source.units.get(metric["MetricName"])
        if metric["Namespace"] == s.source.namespace and unit and \
                not re.fullmatch(fits[unit], statistic or ""):
            yield f"{name}: {statistic} of a metric in {unit}"


@rule("alarm-is-heard")
def alarm_is_heard(s):
    topic = s.full.ref("AlarmTopic")
    for name, alarm in s.of("AWS::CloudWatch::Alarm").items():
        if topic not in alarm.get("AlarmActions", []):
            yield f"{name}: no action notifies the alarm topic"
        yield from expect(f"{name}: OKActions", alarm.get("OKActions"), [topic])
        yield from expect(f"{name}: TreatMissingData", alarm.get("TreatMissingData"),
                          "notBreaching")


@rule("alarm-says-what-to-do")
def alarm_says_what_to_do(s):
    """The description of an alarm has its severity and a runbook that exists and names it."""
    overview = (t.ROOT / "lambda/runbooks/README.md").read_text(encoding="utf-8")
    patterns = re.findall(r"`([a-z0-9*-]+)`", overview)
    for resource, alarm in s.of("AWS::CloudWatch::Alarm").items():
        found = re.fullmatch(r"SEV([123]), runbook ([\w-]+): .+", alarm.get("AlarmDescription", ""))
        name = alarm.get("AlarmName", "").removeprefix(expected.FUNCTION + "-")
        yield from expect(f"{resource}: severity and runbook",
                          found and (int(found[1]), found[2]), expected.ANSWERS.get(name))
        if found and not (t.ROOT / f"lambda/runbooks/{found[2]}.md").exists():
            yield f"{resource}: there is no runbook {found[2]}"
        if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            yield f"{resource}: lambda/runbooks/README.md does not name {name}"


@rule("alarm-topic-open")
def alarm_topic_open(s):
    if "KmsMasterKeyId" in s.one("AWS::SNS::Topic", "AlarmTopic"):
        yield "AlarmTopic: alarms may not use the key that encrypts it"
    email = s.one("AWS::SNS::Subscription", "AlarmEmailSubscription")
    yield from expect("AlarmEmailSubscription", email, {
        "TopicArn": s.full.ref("AlarmTopic"), "Protocol": "email", "Endpoint": "ops@example.com"})
    services = set()
    for policy in s.of("AWS::SNS::TopicPolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            if policy["Topics"] == [statement["Resource"]] == [s.full.ref("AlarmTopic")]:
                services.update(statement["Principal"]["Service"])
            if statement.get("Condition") != {"StringEquals": {"aws:SourceAccount": t.ACCOUNT}}:
                yield "AlarmTopic: other accounts may publish"
    for service in {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"} - services:
        yield f"AlarmTopic: {service} may not publish"


@rule("dashboard-shows-all")
def dashboard_shows_all(s):
    shown = {row[1] for d in s.of("AWS::CloudWatch::Dashboard").values()
             for row in widget_metrics(d["DashboardBody"])}
    for metric in (s.source.units.keys() | PLATFORM_METRICS) - shown:
        yield f"no widget shows {metric}"
    widgets = [w for d in s.of("AWS::CloudWatch::Dashboard").values()
               for w in json.loads(d["DashboardBody"])["widgets"]]
    lines = [line["value"] for w in widgets
             for line in w["properties"].get("annotations", {}).get("horizontal", [])]
    yield from expect("Dashboard: lines at thresholds", lines, [
        expected.ALARMS["latency-p95"][-1], expected.ALARMS["drift-confidence"][-1]])


# ---- permissions --------------------------------------------------------------------------------

def statements(s):
    for name, role in s.of("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
    for kind, key in [("AWS::ECR::Repository", "RepositoryPolicyText"),
                      ("AWS::SQS::QueuePolicy", "PolicyDocument"),
                      ("AWS::SNS::TopicPolicy", "PolicyDocument")]:
        for name, properties in s.of(kind).items():
            for statement in properties.get(key, {}).get("Statement", []):
                yield name, statement


def listed(value):
    return value if isinstance(value, list) else [value]


@rule("no-wildcard")
def no_wildcard(s):
    for name, statement in statements(s):
        for action in listed(statement.get("Action", "NotAction")):
            if "*" in action or action == "NotAction":
                yield f"{name}: action {action}"
        if statement.get("Resource") == "*" or statement.get("Principal") == "*":
            yield f"{name}: {statement.get('Sid')} is for everything or everybody"


@rule("role-is-policy")
def role_is_policy(s):
    """The function's role has exactly the statements of policy.json."""
    role = s.one("AWS::IAM::Role", "FunctionRole")
    names = {"REGION": t.REGION, "ACCOUNT": t.ACCOUNT, "TABLE": s.full.values["TableName"],
             "FUNCTION": expected.FUNCTION,
             "DEAD_LETTER_QUEUE": expected.FUNCTION + "-dead-letters"}
    text = re.sub(r"\b(REGION|ACCOUNT|TABLE|FUNCTION|DEAD_LETTER_QUEUE)\b",
                  lambda m: names[m[1]], json.dumps(s.source.policy))
    wanted = json.loads(text)["Statement"]
    found = [x for p in role.get("Policies", []) for x in p["PolicyDocument"]["Statement"]]
    for statement in found:
        if statement not in wanted:
            yield f"FunctionRole: policy.json has no {json.dumps(statement)}"
    for statement in wanted:
        if statement not in found:
            yield f"FunctionRole lacks {statement['Sid']} of policy.json"
    if role.get("ManagedPolicyArns"):
        yield f"FunctionRole: managed policies {role['ManagedPolicyArns']}"
    yield from expect("Function: Role", s.one("AWS::Lambda::Function").get("Role"),
                      "<FunctionRole.Arn>")
    for name, service in {"FunctionRole": "lambda", "CanaryRole": "codedeploy"}.items():
        trust = s.one("AWS::IAM::Role", name)["AssumeRolePolicyDocument"]["Statement"]
        yield from expect(f"{name}: who may assume it", [x["Principal"] for x in trust],
                          [{"Service": f"{service}.amazonaws.com"}])
    yield from expect("CanaryRole: policies",
                      s.one("AWS::IAM::Role", "CanaryRole").get("ManagedPolicyArns"),
                      ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"])


# ---- function -----------------------------------------------------------------------------------

@rule("function-as-promised")
def function_as_promised(s):
    f = s.one("AWS::Lambda::Function")
    for key, value in {"PackageType": "Image", "MemorySize": 1024, "Timeout": 30,
                       "Architectures": ["x86_64"], "ReservedConcurrentExecutions": 10}.items():
        yield from expect(f"Function: {key}", f.get(key), value)
    yield from expect("Function: variables", f.get("Environment", {}).get("Variables"), {
        "ENVIRONMENT": "dev", "DATABASE_TABLE": "sentiment-items",
        "DISTIL_NEUTRAL_THRESHOLD": "0.6", "DISTIL_MAX_CHARS": 512})
    if not f.get("Code", {}).get("ImageUri", "").endswith("@" + t.DIGEST):
        yield "Function: its image is not named by digest"


@rule("variable-exists")
def variable_exists(s):
    variables = s.one("AWS::Lambda::Function").get("Environment", {}).get("Variables", {})
    for name in variables:
        if name not in s.source.variables:
            yield f"Function: lambda/config.c reads no {name}"
        if name.startswith("AWS_"):
            yield f"Function: {name} is the platform's"
    for name in {"ENVIRONMENT", "DATABASE_TABLE"} - variables.keys():
        yield f"Function: {name} is not set"


# Parameters that are too long for the description of a version. docs/deploy.md says to change
# Attempt with them.
BY_ATTEMPT = {"Tracing", "SubnetIds", "SecurityGroupIds"}


def parameters_in(value):
    return set(re.findall(r'"Ref": "(\w+)"|\$\{(\w+)\}', json.dumps(value)))


def longest(parameter):
    return parameter.get("MaxLength", len(str(parameter.get("MaxValue", "x" * 300))))


@rule("version-follows-function")
def version_follows_function(s):
    """Every parameter that changes the function also changes the version. Events reach only
    published versions, so they would not see another change."""
    body = s.template["Resources"]
    names = s.template["Parameters"].keys()
    function = {a or b for a, b in parameters_in(body["Function"]["Properties"])} & names
    version = {a or b for a, b in parameters_in(body["Version"]["Properties"])}
    for name in function - version - {"Name", "ReservedConcurrency", "Feature", *BY_ATTEMPT}:
        yield f"Version: no new one when {name} changes"
    if not body["Version"]["Properties"]["Description"]["Fn::Sub"].startswith("${ImageDigest} "):
        yield "Version: its description does not begin with the digest"
    if "Attempt" not in function:
        yield "Function: without Attempt no version is published after a failed canary"
    slots = s.template["Parameters"]
    text = re.sub(r"\$\{(\w+)\}", lambda m: "x" * longest(slots[m[1]]),
                  body["Version"]["Properties"]["Description"]["Fn::Sub"])
    if len(text) > 256:
        yield f"Version: its description may have {len(text)} characters, 256 are allowed"


@rule("logs-are-deleted")
def logs_are_deleted(s):
    for name, group in s.of("AWS::Logs::LogGroup").items():
        yield from expect(f"{name}: RetentionInDays", group.get("RetentionInDays"), 30)
        yield from expect(f"{name}: LogGroupName", group.get("LogGroupName"),
                          "/aws/lambda/" + expected.FUNCTION)
    group = s.one("AWS::Lambda::Function").get("LoggingConfig", {}).get("LogGroup")
    if group not in [g["LogGroupName"] for g in s.of("AWS::Logs::LogGroup").values()]:
        yield f"Function: logs to {group}"


@rule("dead-letters")
def dead_letters(s):
    queue = s.one("AWS::SQS::Queue", "DeadLetters")
    if not queue:
        yield "no queue DeadLetters"
    yield from expect("DeadLetters: MessageRetentionPeriod", queue.get("MessageRetentionPeriod"),
                      14 * 24 * 3600)
    yield from expect("DeadLetters: encrypted", queue.get("SqsManagedSseEnabled"), True)
    yield from expect("DeadLetters: VisibilityTimeout", queue.get("VisibilityTimeout"),
                      expected.VISIBILITY_SECONDS)
    yield from expect("Function: DeadLetterConfig",
                      s.one("AWS::Lambda::Function").get("DeadLetterConfig"),
                      {"TargetArn": "<DeadLetters.Arn>"})
    retries = s.one("AWS::Lambda::EventInvokeConfig")
    for key, value in {"FunctionName": expected.FUNCTION, "Qualifier": "live",
                       "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600}.items():
        yield from expect(f"Retries: {key}", retries.get(key), value)


@rule("topic-invokes-alias")
def topic_invokes_alias(s):
    topic = s.full.ref("Topic")
    subscription = s.one("AWS::SNS::Subscription", "Subscription")
    permission = s.one("AWS::Lambda::Permission", "MayBeInvoked")
    for what, found, wanted in [
            ("Subscription: TopicArn", subscription.get("TopicArn"), topic),
            ("Subscription: Protocol", subscription.get("Protocol"), "lambda"),
            ("Subscription: Endpoint", subscription.get("Endpoint"), "<Alias>"),
            ("MayBeInvoked: FunctionName", permission.get("FunctionName"), "<Alias>"),
            ("MayBeInvoked: Action", permission.get("Action"), "lambda:InvokeFunction"),
            ("MayBeInvoked: Principal", permission.get("Principal"), "sns.amazonaws.com"),
            ("MayBeInvoked: SourceArn", permission.get("SourceArn"), topic),
            ("Topic: KmsMasterKeyId", s.one("AWS::SNS::Topic", "Topic").get("KmsMasterKeyId"),
             "alias/aws/sns")]:
        yield from expect(what, found, wanted)


@rule("undelivered")
def undelivered(s):
    """Events that the topic cannot deliver go to a queue into which only the topic may send."""
    queue = s.one("AWS::SQS::Queue", "Undelivered")
    for key, value in {"MessageRetentionPeriod": 14 * 24 * 3600, "SqsManagedSseEnabled": True,
                       "VisibilityTimeout": expected.VISIBILITY_SECONDS}.items():
        yield from expect(f"Undelivered: {key}", queue.get(key), value)
    yield from expect("Subscription: RedrivePolicy", s.one(
        "AWS::SNS::Subscription", "Subscription").get("RedrivePolicy"),
        {"deadLetterTargetArn": "<Undelivered.Arn>"})
    policy = s.one("AWS::SQS::QueuePolicy")
    yield from expect("UndeliveredPolicy: Queues", policy.get("Queues"), ["<Undelivered>"])
    found = [(x["Principal"], x["Action"], x["Resource"], x.get("Condition"))
             for x in policy["PolicyDocument"]["Statement"]]
    yield from expect("UndeliveredPolicy: who sends", found, [(
        {"Service": "sns.amazonaws.com"}, "sqs:SendMessage", "<Undelivered.Arn>",
        {"ArnEquals": {"aws:SourceArn": s.full.ref("Topic")}})])


@rule("network-and-tracing")
def network_and_tracing(s):
    """The function is outside of a VPC and does not trace, unless parameters say otherwise."""
    function, role = s.one("AWS::Lambda::Function"), s.one("AWS::IAM::Role", "FunctionRole")
    yield from expect("Function: TracingConfig", function.get("TracingConfig"),
                      {"Mode": "PassThrough"})
    yield from expect("Function: VpcConfig", function.get("VpcConfig"), None)
    chosen = t.Resolver(s.template, lenient=True, ImageDigest=t.DIGEST, Tracing="Active",
                        SubnetIds="subnet-1,subnet-2", SecurityGroupIds="sg-1").resolve_all()
    function = chosen.get("Function", {}).get("Properties", {})
    role = chosen.get("FunctionRole", {}).get("Properties", {})
    yield from expect("Function: TracingConfig if Active", function.get("TracingConfig"),
                      {"Mode": "Active"})
    yield from expect("Function: VpcConfig if given", function.get("VpcConfig"), {
        "SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]})
    yield from expect("FunctionRole: policies for both", role.get("ManagedPolicyArns"), [
        "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess",
        "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"])


@rule("tagged")
def tagged(s):
    for kind, key in TAGGED.items():
        for name, properties in s.of(kind).items():
            yield from expect(f"{name}: {key}", properties.get(key),
                              [{"Key": "Feature", "Value": expected.FEATURE}])


@rule("canary")
def canary(s):
    group = s.one("AWS::CodeDeploy::DeploymentGroup")
    yield from expect("Canary: DeploymentConfigName", group.get("DeploymentConfigName"),
                      "CodeDeployDefault.LambdaCanary10Percent10Minutes")
    alarms = group.get("AlarmConfiguration", {})
    names = [a["Name"] for a in alarms.get("Alarms", [])]
    for name in expected.CANARY:
        if f"{expected.FUNCTION}-{name}" not in names:
            yield f"Canary: alarm {name} does not stop it"
    yield from expect("Canary: number of alarms", len(names), len(expected.CANARY))
    yield from expect("Canary: IgnorePollAlarmFailure", alarms.get("IgnorePollAlarmFailure"), False)
    yield from expect("Canary: ServiceRoleArn", group.get("ServiceRoleArn"), "<CanaryRole.Arn>")
    newest = s.one("AWS::CloudWatch::Alarm", "NewVersionErrorsAlarm").get("Dimensions", [])
    yield from expect("NewVersionErrorsAlarm: version", [x["Value"] for x in newest
                      if x["Name"] == "ExecutedVersion"], ["<Version.Version>"])
    rollback = group.get("AutoRollbackConfiguration", {})
    if not alarms.get("Enabled") or not rollback.get("Enabled") or \
            "DEPLOYMENT_STOP_ON_ALARM" not in rollback.get("Events", []):
        yield "Canary: not rolled back on an alarm"
    update = s.resources.get("Alias", {}).get("UpdatePolicy", {})
    yield from expect("Alias: UpdatePolicy", update.get("CodeDeployLambdaAliasUpdate"),
                      {"ApplicationName": group.get("ApplicationName"),
                       "DeploymentGroupName": group.get("DeploymentGroupName")})
    alias = s.one("AWS::Lambda::Alias")
    yield from expect("Alias: Name", alias.get("Name"), "live")
    yield from expect("Alias: FunctionVersion", alias.get("FunctionVersion"), "<Version.Version>")


@rule("warm-up")
def warm_up(s):
    rules = s.one("AWS::Events::Rule")
    target = (rules.get("Targets") or [{}])[0]
    yield from expect("WarmUpRule: target", target.get("Arn"), "<Alias>")
    try:
        event = json.loads(target.get("Input", ""))
    except json.JSONDecodeError:
        event = None
    yield from expect("WarmUpRule: Input", event, {"warmup": True})
    yield from expect("WarmUpRule: ScheduleExpression", rules.get("ScheduleExpression"),
                      "rate(5 minutes)")
    yield from expect("WarmUpRule: State", rules.get("State"), "ENABLED")
    yield from expect("MayBeWarmed", s.one("AWS::Lambda::Permission", "MayBeWarmed"), {
        "FunctionName": "<Alias>", "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com", "SourceArn": "<WarmUpRule.Arn>"})
    if "WarmUpRule" in t.Resolver(s.template, ImageDigest=t.DIGEST).resources:
        yield "WarmUpRule: created although WarmUp is no"


# ---- the rest -----------------------------------------------------------------------------------

@rule("repository")
def repository(s):
    r = s.one("AWS::ECR::Repository")
    yield from expect("Repository: ImageTagMutability", r.get("ImageTagMutability"), "IMMUTABLE")
    yield from expect("Repository: scan on push",
                      r.get("ImageScanningConfiguration", {}).get("ScanOnPush"), True)
    yield from expect("Repository: who pulls", [
        (x["Principal"], x.get("Condition")) for x in r["RepositoryPolicyText"]["Statement"]], [
        ({"Service": "lambda.amazonaws.com"}, {"StringLike": {
            "aws:SourceArn": f"arn:aws:lambda:{t.REGION}:{t.ACCOUNT}:function:*"}})])
    try:
        policy = json.loads(r.get("LifecyclePolicy", {}).get("LifecyclePolicyText", ""))
    except json.JSONDecodeError as error:
        yield f"Repository: no lifecycle policy: {error}"
        return
    if not policy["rules"]:
        yield "Repository: images are kept for ever"
    for x in policy["rules"]:
        if x["selection"]["tagStatus"] != "tagged":
            yield "Repository: signatures, which have no tag, are counted or expire"
        yield from expect("Repository: images kept", (x["selection"]["countType"],
                          x["selection"]["countNumber"]), ("imageCountMoreThan", 30))


@rule("table-key")
def table_key(s):
    table = s.one("AWS::DynamoDB::Table")
    keys = [(k["AttributeName"], k["KeyType"]) for k in table.get("KeySchema", [])]
    yield from expect("Table: KeySchema", keys, list(zip(s.source.key, ["HASH", "RANGE"])))
    types = {a["AttributeName"]: a["AttributeType"]
             for a in table.get("AttributeDefinitions", [])}
    yield from expect("Table: types", types, dict.fromkeys(s.source.key, "S"))
    yield from expect("Function: DATABASE_TABLE", s.one("AWS::Lambda::Function").get(
        "Environment", {}).get("Variables", {}).get("DATABASE_TABLE"), table.get("TableName"))
    if not table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
        yield "Table: no point-in-time recovery"
    yield from expect("Table: BillingMode", table.get("BillingMode"), "PAY_PER_REQUEST")
    yield from expect("Table: DeletionProtectionEnabled", table.get("DeletionProtectionEnabled"),
                      True)


@rule("what-is-kept")
def what_is_kept(s):
    for name, body in s.resources.items():
        if body["Type"] in KEPT:
            yield from expect(f"{name}: DeletionPolicy", body.get("DeletionPolicy"),
                              KEPT[body["Type"]])
            yield from expect(f"{name}: UpdateReplacePolicy", body.get("UpdateReplacePolicy"),
                              "Retain")


@rule("budget")
def budget(s):
    topic = [s.full.ref("AlarmTopic")]
    budgets = {p.get("Budget", {}).get("BudgetName", "").removeprefix(expected.FUNCTION + "-"): p
               for p in s.of("AWS::Budgets::Budget").values()}
    yield from expect("budgets", sorted(budgets), sorted(expected.BUDGETS))
    for name, (unit, dollars, thresholds) in expected.BUDGETS.items():
        p = budgets.get(name, {})
        for key, value in {"BudgetType": "COST", "TimeUnit": unit,
                           "BudgetLimit": {"Amount": dollars, "Unit": "USD"},
                           "CostFilters": {"TagKeyValue": [
                               f"user:Feature${expected.FEATURE}"]}}.items():
            yield from expect(f"budget {name}: {key}", p.get("Budget", {}).get(key), value)
        notices = {}
        for n in p.get("NotificationsWithSubscribers", []):
            notice = n["Notification"]
            if (notice["NotificationType"], notice["ComparisonOperator"]) == (
                    "ACTUAL", "GREATER_THAN"):
                notices[notice["Threshold"]] = (notice["ThresholdType"],
                                                [x["Address"] for x in n["Subscribers"]])
        yield from expect(f"budget {name}: notices", notices,
                          {threshold: (kind, topic) for threshold, kind in thresholds.items()})


@rule("names-begin-with-name")
def names_begin_with_name(s):
    """All names change with Name, so stacks with different names do not collide."""
    other = t.Resolver(s.template, lenient=True, ImageDigest=t.DIGEST, WarmUp="yes",
                       Name="another").resolve_all()
    for name, body in other.items():
        for key, value in body.get("Properties", {}).items():
            if key.endswith("Name") and expected.FUNCTION in str(value):
                yield f"{name}: {key} is {value!r} whatever Name is"


@rule("every-choice-resolves")
def every_choice_resolves(s):
    """No resource refers to one whose condition is false, whatever the parameters are."""
    for choice in [{}, {"ImageDigest": t.DIGEST}, {"WarmUp": "yes"},
                   {"ImageDigest": t.DIGEST, "WarmUp": "yes", "ReservedConcurrency": "none",
                    "TopicArn": f"arn:aws:sns:{t.REGION}:{t.ACCOUNT}:events",
                    "CreateTable": "no", "ModelVersion": "v1"}]:
        try:
            resolver = t.Resolver(s.template, **choice)
            resolver.resolve_all()
            resolver.outputs()
        except t.Broken as error:
            yield f"with {choice or 'defaults'}: {error}"


@rule("template-fits")
def template_fits(s):
    """CloudFormation accepts a template in a call up to this size; larger ones need S3."""
    if len(s.text.encode()) > 51200:
        yield f"{len(s.text.encode())} bytes, more than 51200"


@rule("guide-is-right")
def guide_is_right(s):
    """docs/deploy.md lists every parameter with its default, and every alarm with its mark."""
    guide = (t.ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`([^`]*)`)? ?\|", guide, re.M))
    defaults = {name: str(slot["Default"]) for name, slot in s.template["Parameters"].items()}
    for name in defaults.keys() | rows.keys():
        yield from expect(f"docs/deploy.md: {name}", rows.get(name), defaults.get(name))
    alarms = dict(re.findall(r"^\| `([a-z0-9-]+)`( \*)? \|", guide, re.M))
    for name in expected.ALARMS.keys() | alarms.keys():
        mark = None if name not in expected.ALARMS else " *" if name in expected.CANARY else ""
        yield from expect(f"docs/deploy.md: alarm {name}", alarms.get(name), mark)


def findings(text):
    """A pair (rule, finding) for everything that is wrong."""
    try:
        stack = Stack(text)
    except t.Broken as error:
        return [("every-choice-resolves", str(error))]
    found = []
    for name, check in RULES.items():
        try:
            found += [(name, what) for what in check(stack)]
        except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
            found.append((name, f"cannot be checked: {error!r}"))
    return found


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else t.TEMPLATE
    with open(path, encoding="utf-8") as file:
        found = findings(file.read())
    for name, what in found:
        print(f"{name}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
