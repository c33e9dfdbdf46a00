# SPDX-License-Identifier: Apache-2.0
"""Templates with one mistake each, and the rule that must refuse it: proof that the rules work.

    broken.py [-v]     prints cases as stack.py does

An edit is a text or pattern that occurs in the template, and its replacement. Every rule has at
least one edit.
"""
import re
import sys

from cfnlint import api as cfnlint

import cases
import rules
import template as t

def resource(name):
    """A pattern for a resource with all its lines, to remove it."""
    return re.compile(rf"^  {name}:\n(?:(?:    .*)?\n)*", re.M)


EDITS = [
    # (rule, what is broken, text or pattern, replacement)
    ("metric-exists", "an alarm's metric misspelt", "MetricName: AnalysisErrors",
     "MetricName: AnalysisError"),
    ("metric-exists", "a metric within an expression misspelt", "MetricName: PositiveSharePercent",
     "MetricName: PositiveSharesPercent"),
    ("metric-exists", "a widget's metric misspelt", '"ItemsAnalyzed"', '"ItemsAnalysed"'),
    ("metric-exists", "another namespace", "Namespace: SentimentAnalyzer\n      MetricName: Model",
     "Namespace: SentimentAnalyser\n      MetricName: Model"),
    ("metric-dimension", "another dimension", "Dimensions: [{Name: Environment,",
     "Dimensions: [{Name: FunctionName,"),
    ("metric-dimension", "no dimension",
     re.compile(r"(MetricName: ConfidenceP50)\n      Dimensions: .*"), r"\1"),
    ("metric-environment", "an environment of its own",
     "MetricName: AnalysisErrors\n      Dimensions: [{Name: Environment, Value: "
     "!Ref EnvironmentName}]",
     "MetricName: AnalysisErrors\n      Dimensions: [{Name: Environment, Value: prod}]"),
    ("alarm-as-promised", "a threshold's default changed", "Default: 500\n", "Default: 5000\n"),
    ("alarm-as-promised", "a threshold changed in its alarm",
     "EvaluationPeriods: 1\n      Threshold: 0", "EvaluationPeriods: 1\n      Threshold: 1"),
    ("alarm-as-promised", "another percentile", "ExtendedStatistic: p95", "ExtendedStatistic: p50"),
    ("alarm-as-promised", "another period", "Period: 300", "Period: 3600"),
    ("alarm-as-promised", "the comparison turned round", "LessThanThreshold",
     "GreaterThanThreshold"),
    ("alarm-as-promised", "an alarm missing", resource("DuplicatesAlarm"), ""),
    ("alarm-as-promised", "another expression", "ABS(positive - ", "ABS(positive + "),
    ("statistic-fits-unit", "an average of errors",
     "MetricName: ModelLoadErrors\n      Dimensions: [{Name: Environment, Value: "
     "!Ref EnvironmentName}]\n      Statistic: Sum",
     "MetricName: ModelLoadErrors\n      Dimensions: [{Name: Environment, Value: "
     "!Ref EnvironmentName}]\n      Statistic: Average"),
    ("alarm-is-heard", "an alarm nobody hears",
     "TreatMissingData: notBreaching\n      AlarmActions: [!Ref AlarmTopic]",
     "TreatMissingData: notBreaching\n      AlarmActions: []"),
    ("alarm-is-heard", "an end that nobody hears", "OKActions: [!Ref AlarmTopic]",
     "OKActions: []"),
    ("alarm-is-heard", "an alarm when no data comes", "TreatMissingData: notBreaching",
     "TreatMissingData: breaching"),
    ("alarm-says-what-to-do", "an alarm without severity", "SEV1, runbook rollback: ", ""),
    ("alarm-says-what-to-do", "a runbook that does not exist", "runbook cold-starts",
     "runbook cold-start"),
    ("alarm-says-what-to-do", "a loss that can wait", "SEV1, runbook dlq-redrive: Failed",
     "SEV3, runbook dlq-redrive: Failed"),
    ("alarm-as-promised", "seconds for milliseconds", "Default: 25000\n", "Default: 25\n"),
    ("alarm-as-promised", "no alarm of deliveries", resource("DeliveryFailuresAlarm"), ""),
    ("alarm-as-promised", "no alarm of invocations that take long", resource("DurationAlarm"), ""),
    ("alarm-as-promised", "no alarm of slow starts", resource("ColdStartAlarm"), ""),
    ("alarm-as-promised", "no alarm of silence", resource("NothingAnalyzedAlarm"), ""),
    ("alarm-as-promised", "silence that needs no events", "FILL(arrived, 0) > 0 AND ", ""),
    ("alarm-as-promised", "many dead letters that are few", "Threshold: 100\n      Comp",
     "Threshold: 1000\n      Comp"),
    ("alarm-as-promised", "no alarm of old dead letters", resource("DeadLetterAgeAlarm"), ""),
    ("alarm-as-promised", "one of four failures unheard", "Default: 3\n", "Default: 4\n"),
    ("metric-exists", "a metric of SNS misspelt", "NumberOfNotificationsFailed",
     "NumberOfNotificationFailed"),
    ("undelivered", "nowhere to go",
     "      RedrivePolicy: {deadLetterTargetArn: !GetAtt Undelivered.Arn}\n", ""),
    ("undelivered", "every topic may send",
     "            Condition:\n              ArnEquals: {aws:SourceArn: !If [MakesTopic, "
     "!Ref Topic, !Ref TopicArn]}\n", ""),
    ("undelivered", "the topic may not send", resource("UndeliveredPolicy"), ""),
    ("undelivered", "a queue for four days", re.compile(
        r"(undelivered\"\n.*Timeout: 300\n)      MessageRetentionPeriod: 1209600\n"),
     r"\1"),
    ("dead-letters", "messages that come back at once", "      VisibilityTimeout: 300\n", ""),
    ("network-and-tracing", "traces that nobody asked for", "Default: PassThrough",
     "Default: Active"),
    ("network-and-tracing", "traces without permission", "AWSXRayDaemonWriteAccess",
     "AWSXRayReadOnlyAccess"),
    ("network-and-tracing", "subnets that are ignored",
     'SubnetIds: !Split [",", !Ref SubnetIds]', "SubnetIds: []"),
    ("tagged", "an alarm without tag",
     "      Tags: [{Key: Feature, Value: !Ref Feature}]\n"
     "      AlarmName: !Sub \"${Name}-latency-p95\"\n",
     "      AlarmName: !Sub \"${Name}-latency-p95\"\n"),
    ("tagged", "another tag", "Tags: [{Key: Feature, Value: !Ref Feature}]",
     "Tags: [{Key: Project, Value: !Ref Feature}]"),
    ("budget", "no absolute notice", "Threshold: 20\n            ThresholdType: ABSOLUTE_VALUE",
     "Threshold: 20\n            ThresholdType: PERCENTAGE"),
    ("budget", "no budget of a day", resource("DailyBudget"), ""),
    ("budget", "another day's sum",
     "Default: 10\n    MinValue: 1\n    Description: US dollars in a day",
     "Default: 100\n    MinValue: 1\n    Description: US dollars in a day"),
    ("budget", "of the whole account",
     '        CostFilters: {TagKeyValue: [!Sub "user:Feature$${Feature}"]}\n', ""),
    ("alarm-topic-open", "alarms encrypted away", 'TopicName: !Sub "${Name}-alarms"',
     'TopicName: !Sub "${Name}-alarms"\n      KmsMasterKeyId: alias/aws/sns'),
    ("alarm-topic-open", "budgets shut out", "[cloudwatch.amazonaws.com, budgets.amazonaws.com]",
     "[cloudwatch.amazonaws.com]"),
    ("alarm-topic-open", "open to every account",
     "            Condition:\n              StringEquals: {aws:SourceAccount: "
     "!Ref AWS::AccountId}\n", ""),
    ("alarm-topic-open", "another protocol than email", "Protocol: email", "Protocol: email-json"),
    ("dashboard-shows-all", "a metric of AWS that no widget shows",
     '"AWS/Lambda", "Invocations"', '"AWS/Lambda", "Duration"'),
    ("dashboard-shows-all", "a line at another threshold", '"value": ${MinConfidence}',
     '"value": 0.5'),
    ("dashboard-shows-all", "a metric that no widget shows",
     ',\n              [".", "NegativeSharePercent", ".", "."]', ""),
    ("dashboard-shows-all", "a dashboard that is no JSON", '{"start": "-PT3H", ', '{"start": ,'),
    ("no-wildcard", "every action on the table", '"dynamodb:UpdateItem"', '"dynamodb:*"'),
    ("no-wildcard", "on every queue",
     'Resource: !Sub "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:'
     '${Name}-dead-letters"', 'Resource: "*"'),
    ("no-wildcard", "everybody pulls the image",
     "Principal: {Service: lambda.amazonaws.com}\n            Action: [",
     'Principal: "*"\n            Action: ['),
    ("role-is-policy", "another action", '"dynamodb:UpdateItem"', '"dynamodb:PutItem"'),
    ("role-is-policy", "one action more", '["logs:CreateLogStream", ',
     '["logs:CreateLogGroup", "logs:CreateLogStream", '),
    ("role-is-policy", "every table", "table/${TableName}", "table/*"),
    ("role-is-policy", "a statement missing",
     re.compile(r"              - Sid: KeepFailedEvents\n(?:                .*\n)*"), ""),
    ("role-is-policy", "a managed policy besides",
     "      Policies:\n        - PolicyName: function",
     "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AdministratorAccess]\n"
     "      Policies:\n        - PolicyName: function"),
    ("role-is-policy", "a role for another service",
     'Principal: {Service: lambda.amazonaws.com}\n            Action: "sts:AssumeRole"',
     'Principal: {Service: ec2.amazonaws.com}\n            Action: "sts:AssumeRole"'),
    ("role-is-policy", "a wider policy for CodeDeploy", "AWSCodeDeployRoleForLambdaLimited",
     "AWSCodeDeployRoleForLambda"),
    ("function-as-promised", "another variable", 'Default: "0.6"', 'Default: "0.7"'),
    ("function-as-promised", "another size", "Default: 1024", "Default: 10240"),
    ("function-as-promised", "no limit", re.compile(r"      ReservedConcurrentExecutions: .*\n"),
     ""),
    ("function-as-promised", "an image by tag", "@${ImageDigest}\"", ":latest\""),
    ("function-as-promised", "another processor", "[x86_64]", "[arm64]"),
    ("variable-exists", "a variable misspelt", "DISTIL_NEUTRAL_THRESHOLD:",
     "DISTIL_NEUTRAL_TRESHOLD:"),
    ("variable-exists", "a variable missing", "          DATABASE_TABLE: !Ref TableName\n", ""),
    ("variable-exists", "a variable of the platform", "          ENVIRONMENT: ",
     "          AWS_LAMBDA_LOG_LEVEL: INFO\n          ENVIRONMENT: "),
    ("version-follows-function", "a setting that no version follows", " ${MaxChars} ", " "),
    ("version-follows-function", "no way to publish the same image again",
     ", attempt ${Attempt}\"", "\""),
    ("version-follows-function", "a description that does not begin with the digest",
     'Description: !Sub "${ImageDigest} ${ModelVersion} ',
     'Description: !Sub "${ModelVersion} ${ImageDigest} '),
    ("version-follows-function", "a description too long", "${TimeoutSeconds}s ",
     "${TimeoutSeconds} seconds at most "),
    ("logs-are-deleted", "logs kept for ever", "      RetentionInDays: !Ref LogDays\n", ""),
    ("logs-are-deleted", "another group", 'LogGroupName: !Sub "/aws/lambda/',
     'LogGroupName: !Sub "/lambda/'),
    ("dead-letters", "the queue missing", resource("DeadLetters"), ""),
    ("dead-letters", "the function does not use it",
     "      DeadLetterConfig: {TargetArn: !GetAtt DeadLetters.Arn}\n", ""),
    ("dead-letters", "kept four days", "      MessageRetentionPeriod: 1209600\n", ""),
    ("dead-letters", "no second try", "MaximumRetryAttempts: 2", "MaximumRetryAttempts: 0"),
    ("dead-letters", "events that wait an hour only", "MaximumEventAgeInSeconds: 21600",
     "MaximumEventAgeInSeconds: 3600"),
    ("dead-letters", "a queue that is not encrypted", "SqsManagedSseEnabled: true",
     "SqsManagedSseEnabled: false"),
    ("topic-invokes-alias", "every action on the function", 'Action: "lambda:InvokeFunction"',
     'Action: "lambda:*"'),
    ("topic-invokes-alias", "a topic that is not encrypted",
     "      KmsMasterKeyId: alias/aws/sns\n", ""),
    ("topic-invokes-alias", "around the canary", "Endpoint: !Ref Alias",
     "Endpoint: !GetAtt Function.Arn"),
    ("topic-invokes-alias", "no permission", "Principal: sns.amazonaws.com",
     "Principal: s3.amazonaws.com"),
    ("canary", "all at once", "LambdaCanary10Percent10Minutes", "LambdaAllAtOnce"),
    ("canary", "alarms off", "Enabled: !If [IsCanary, true, false]", "Enabled: false"),
    ("canary", "no rollback on alarm", "DEPLOYMENT_STOP_ON_ALARM, ", ""),
    ("canary", "an alarm missing", "          - {Name: !Ref NewVersionErrorsAlarm}\n", ""),
    ("canary", "alarms whose state is unknown", "IgnorePollAlarmFailure: false",
     "IgnorePollAlarmFailure: true"),
    ("canary", "another role", "ServiceRoleArn: !GetAtt CanaryRole.Arn",
     "ServiceRoleArn: !GetAtt FunctionRole.Arn"),
    ("canary", "one alarm more", "          - {Name: !Ref LatencyAlarm}\n",
     "          - {Name: !Ref LatencyAlarm}\n          - {Name: !Ref DuplicatesAlarm}\n"),
    ("canary", "the alarm of a fixed version",
     "{Name: ExecutedVersion, Value: !GetAtt Version.Version}",
     '{Name: ExecutedVersion, Value: "1"}'),
    ("canary", "an alias of another name", "      Name: live\n", "      Name: current\n"),
    ("canary", "an alias that jumps", re.compile(
        r"    UpdatePolicy:\n      CodeDeployLambdaAliasUpdate:\n(?:        .*\n)*"), ""),
    ("warm-up", "an event that is classified", """'{"warmup": true}'""",
     """'{"warmup": "true"}'"""),
    ("warm-up", "every minute", "rate(5 minutes)", "rate(1 minute)"),
    ("warm-up", "a rule that is off", "State: ENABLED", "State: DISABLED"),
    ("warm-up", "no permission", "Principal: events.amazonaws.com", "Principal: s3.amazonaws.com"),
    ("warm-up", "not by choice", "    Condition: WarmsUp\n    Properties:\n      Name:",
     "    Condition: HasImage\n    Properties:\n      Name:"),
    ("repository", "tags that move", "ImageTagMutability: IMMUTABLE",
     "ImageTagMutability: MUTABLE"),
    ("repository", "functions of other accounts", "${AWS::AccountId}:function:*", "*:function:*"),
    ("repository", "no scan", "{ScanOnPush: true}", "{ScanOnPush: false}"),
    ("repository", "images for ever", re.compile(r"      LifecyclePolicy:\n(?:        .*\n)*"), ""),
    ("repository", "signatures that expire", '"tagged", "tagPatternList": ["*"]', '"untagged"'),
    ("repository", "signatures that are counted", '"tagged", "tagPatternList": ["*"]', '"any"'),
    ("repository", "one image kept", '"countNumber": 30', '"countNumber": 1'),
    ("table-key", "another key", "{AttributeName: timestamp, KeyType: RANGE}",
     "{AttributeName: created, KeyType: RANGE}"),
    ("table-key", "a number as key", "{AttributeName: timestamp, AttributeType: S}",
     "{AttributeName: timestamp, AttributeType: N}"),
    ("table-key", "capacity that is paid for in advance", "BillingMode: PAY_PER_REQUEST",
     "BillingMode: PROVISIONED"),
    ("table-key", "a table that can be deleted", "DeletionProtectionEnabled: true",
     "DeletionProtectionEnabled: false"),
    ("table-key", "no recovery", "{PointInTimeRecoveryEnabled: true}",
     "{PointInTimeRecoveryEnabled: false}"),
    ("table-key", "another table", "DATABASE_TABLE: !Ref TableName", "DATABASE_TABLE: items"),
    ("what-is-kept", "a table that goes with its stack",
     "Condition: MakesTable\n    DeletionPolicy: Retain", "Condition: MakesTable\n"
     "    DeletionPolicy: Delete"),
    ("what-is-kept", "a version that goes with the next",
     re.compile(r"(  Version:\n.*\n.*\n    DeletionPolicy: Ret.*\n)    Upd.*\n"), r"\1"),
    ("what-is-kept", "a version whose canary failed that meets the next try",
     "DeletionPolicy: RetainExceptOnCreate\n    UpdateReplacePolicy: Retain\n    Properties:\n"
     "      FunctionName", "DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n"
     "    Properties:\n      FunctionName"),
    ("budget", "another sum", "Default: 50\n    MinValue: 1\n", "Default: 2000\n    MinValue: 1\n"),
    ("budget", "a budget for each day", "TimeUnit: MONTHLY", "TimeUnit: DAILY"),
    ("budget", "another recipient",
     "Subscribers: [{SubscriptionType: SNS, Address: !Ref AlarmTopic}]",
     "Subscribers: [{SubscriptionType: EMAIL, Address: a@b.example}]"),
    ("budget", "no first notice", "Threshold: 80", "Threshold: 90"),
    ("budget", "of forecasts", "NotificationType: ACTUAL", "NotificationType: FORECASTED"),
    ("names-begin-with-name", "a name that two stacks share", "DashboardName: !Ref Name",
     "DashboardName: sentiment-analyzer"),
    ("every-choice-resolves", "a reference to what may not be there",
     "TopicArn: !If [MakesTopic, !Ref Topic, !Ref TopicArn]\n      Protocol: lambda",
     "TopicArn: !Ref Topic\n      Protocol: lambda"),
    ("every-choice-resolves", "an alarm without its version",
     "  NewVersionErrorsAlarm:\n    Type: AWS::CloudWatch::Alarm\n    Condition: HasImage\n",
     "  NewVersionErrorsAlarm:\n    Type: AWS::CloudWatch::Alarm\n"),
    ("every-choice-resolves", "no YAML", "Parameters:\n  Name:", "Parameters:\n Name: :"),
    ("template-fits", "more than is sent", "Parameters:\n", "# " + "x" * 51200 +
     "\nParameters:\n"),
    ("guide-is-right", "a parameter that the guide lacks", "Parameters:\n  Name:\n",
     "Parameters:\n  More: {Type: String, Default: x}\n  Name:\n"),
    ("guide-is-right", "a default that the guide lacks", "Default: 1024", "Default: 512"),
]
# Mistakes that cfn-lint must refuse: it knows the names and types of AWS, which the rules do not.
LINT_EDITS = [
    ("E3002", "a property misspelt", "MessageRetentionPeriod: ", "MessageRetentionPeriods: "),
    ("E3006", "a type misspelt", "Type: AWS::SNS::Subscription", "Type: AWS::SNS::Subscriptions"),
    ("W2001", "a parameter nobody uses", "Parameters:\n  Name:\n",
     "Parameters:\n  More: {Type: String, Default: x}\n  Name:\n"),
    ("E3030", "a retention that does not exist", "RetentionInDays: !Ref LogDays",
     "RetentionInDays: 31"),
    ("E1010", "an attribute that does not exist", "!GetAtt Version.Version",
     "!GetAtt Version.Number"),
    ("E1020", "a reference to nothing", "!Ref MemoryMb", "!Ref MemoryMB"),
]


def edited(text, old, new):
    """The text with the first occurrence replaced. An edit that does not occur is an error."""
    if isinstance(old, re.Pattern):
        result, places = old.subn(new, text, count=1)
    else:
        places, result = text.count(old), text.replace(old, new, 1)
    if not places or result == text:
        raise ValueError(f"nothing to edit: {old!r}")
    return result


def lint(text):
    found = cfnlint.lint(text, config=cfnlint.ManualArgs(regions=[t.REGION]))
    return {m.rule.id: m.message for m in found}


def main():
    check = cases.Cases(sys.argv[1:])
    text = t.TEMPLATE.read_text(encoding="utf-8")
    check.equal("the template keeps every rule", rules.findings(text), [])
    for rule, what, old, new in EDITS:
        found = rules.findings(edited(text, old, new))
        names = sorted({name for name, _ in found})
        check.that(f"{rule}: refuses {what}", rule in names, f"refused by {names or 'nothing'}")
        if check.verbose:
            print("".join(f"    {n}: {why}\n" for n, why in found), end="")
    for rule in rules.RULES.keys() - {rule for rule, *_ in EDITS}:
        check.that(f"{rule} has a template that breaks it", False)
    check.equal("cfn-lint accepts the template", lint(text), {})
    for _, _, old, new in LINT_EDITS:
        text = edited(text, old, new)
    found = lint(text)
    for rule, what, *_ in LINT_EDITS:
        check.that(f"cfn-lint's {rule} refuses {what}", rule in found, found)
        if check.verbose:
            print(f"    {rule}: {found.get(rule)}")
    check.note(f"{len(rules.RULES)} rules, {len(EDITS) + len(LINT_EDITS)} broken templates")
    return check.close("broken")


if __name__ == "__main__":
    sys.exit(main())
