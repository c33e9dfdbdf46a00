# SPDX-License-Identifier: Apache-2.0
"""The alarms as they are meant to be. The template is compared with this table, so that an
unintended edit of the template cannot change an alarm."""

import re

FUNCTION = "sentiment-analyzer"
OURS = ("SentimentAnalyzer", {"Environment": "dev"})
LAMBDA = ("AWS/Lambda", {"FunctionName": FUNCTION})
QUEUE = ("AWS/SQS", {"QueueName": FUNCTION + "-dead-letters"})
UNDELIVERED = ("AWS/SQS", {"QueueName": FUNCTION + "-undelivered"})
TOPIC = ("AWS/SNS", {"TopicName": FUNCTION + "-events"})
VERSION = ("AWS/Lambda", {"FunctionName": FUNCTION, "Resource": FUNCTION + ":live",
                          "ExecutedVersion": "*"})

# name: (namespace and dimensions, metric, statistic, seconds of a period, periods, how many of them
#        must breach the threshold, comparison, threshold)
ALARMS = {
    "latency-p95": (OURS, "InferenceLatencyMs", "p95", 60, 5, 3, ">", 500),
    "analysis-errors": (OURS, "AnalysisErrors", "Sum", 60, 1, 1, ">", 0),
    "model-load-errors": (OURS, "ModelLoadErrors", "Sum", 60, 1, 1, ">", 0),
    "duplicates": (OURS, "DuplicateAnalysisSkipped", "Sum", 300, 1, 1, ">", 10),
    "items-missing": (OURS, "ItemsMissing", "Sum", 300, 1, 1, ">", 10),
    "drift-positive": (OURS, "ABS(PositiveSharePercent - 50)", "Average", 3600, 3, 3, ">", 35),
    "drift-neutral": (OURS, "NeutralSharePercent", "Average", 3600, 3, 3, ">", 30),
    "drift-confidence": (OURS, "ConfidenceP50", "Average", 3600, 3, 3, "<", 0.7),
    "function-errors": (LAMBDA, "Errors", "Sum", 60, 1, 1, ">", 0),
    "new-version-errors": (VERSION, "Errors", "Sum", 60, 1, 1, ">", 0),
    "throttles": (LAMBDA, "Throttles", "Sum", 300, 3, 3, ">", 0),
    "dead-letters": (QUEUE, "ApproximateNumberOfMessagesVisible", "Maximum", 60, 1, 1, ">", 0),
    "dead-letter-errors": (LAMBDA, "DeadLetterErrors", "Sum", 60, 1, 1, ">", 0),
    "duration-p95": (LAMBDA, "Duration", "p95", 300, 3, 3, ">", 25000),
    "cold-start-p95": (OURS, "ModelLoadTimeMs", "p95", 300, 1, 1, ">", 10000),
    "errors-5-minutes": (LAMBDA, "Errors", "Sum", 300, 1, 1, ">", 3),
    "sns-delivery-failures": (TOPIC, "NumberOfNotificationsFailed", "Sum", 300, 1, 1, ">", 5),
    "undelivered": (UNDELIVERED, "ApproximateNumberOfMessagesVisible", "Maximum", 60, 1, 1, ">", 0),
    "nothing-analyzed": (OURS, "IF(FILL(AWS/SNS.NumberOfMessagesPublished, 0) > 0 AND "
                         "FILL(ItemsAnalyzed, 0) == 0, 1, 0)", "Sum", 3600, 1, 1, ">", 0),
    "dead-letters-many": (QUEUE, "ApproximateNumberOfMessagesVisible", "Maximum", 300, 1, 1, ">",
                          100),
    "dead-letter-age": (QUEUE, "ApproximateAgeOfOldestMessage", "Maximum", 300, 1, 1, ">", 86400),
}
# name: (severity, runbook). Severity 1 wakes somebody, 2 is for the same day, 3 for the same week.
ANSWERS = {
    "latency-p95": (3, "cold-starts"),
    "analysis-errors": (2, "dlq-redrive"),
    "model-load-errors": (1, "rollback"),
    "duplicates": (3, "README"),
    "items-missing": (2, "dlq-redrive"),
    "drift-positive": (3, "rollback"),
    "drift-neutral": (3, "rollback"),
    "drift-confidence": (3, "rollback"),
    "function-errors": (2, "image-pull-failure"),
    "new-version-errors": (2, "rollback"),
    "throttles": (3, "cost-alarm"),
    "dead-letters": (2, "dlq-redrive"),
    "dead-letter-errors": (1, "dlq-redrive"),
    "duration-p95": (2, "cold-starts"),
    "cold-start-p95": (3, "cold-starts"),
    "errors-5-minutes": (2, "image-pull-failure"),
    "sns-delivery-failures": (1, "dlq-redrive"),
    "undelivered": (2, "dlq-redrive"),
    "nothing-analyzed": (1, "dlq-redrive"),
    "dead-letters-many": (1, "dlq-redrive"),
    "dead-letter-age": (3, "dlq-redrive"),
}
# The budgets: (unit of time, US dollars, {threshold: its type}).
BUDGETS = {
    "monthly": ("MONTHLY", 50, {20: "ABSOLUTE_VALUE", 80: "PERCENTAGE", 100: "PERCENTAGE"}),
    "daily": ("DAILY", 10, {100: "PERCENTAGE"}),
}
FEATURE = FUNCTION
VISIBILITY_SECONDS = 300
# Alarms that stop a canary.
CANARY = ["new-version-errors", "function-errors", "analysis-errors", "model-load-errors",
          "latency-p95"]
COMPARISONS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<",
               "GreaterThanOrEqualToThreshold": ">=", "LessThanOrEqualToThreshold": "<="}
FIELDS = ["namespace", "dimensions", "metric", "statistic", "period", "evaluation periods",
          "datapoints to alarm", "comparison", "threshold"]


def expected(name):
    (namespace, dimensions), *rest = ALARMS[name]
    return dict(zip(FIELDS, [namespace, dimensions, *rest]))


def single_metric(alarm):
    """The metric of an alarm, its statistic, its period, and its name. For an alarm on an
    expression, the metric is the first one, and the name is the expression with the names of the
    metrics in it; those of other namespaces have their namespace."""
    if not alarm.get("Metrics"):
        statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
        return alarm, statistic, alarm["Period"], alarm["MetricName"]
    queries = [q for q in alarm["Metrics"] if "MetricStat" in q]
    results = [q for q in alarm["Metrics"] if q.get("ReturnData", True)]
    times = {(q["MetricStat"]["Stat"], q["MetricStat"]["Period"]) for q in queries}
    if len(times) != 1 or len(results) != 1:
        raise ValueError(f"{len(times)} statistics and periods, {len(results)} results")
    stat = queries[0]["MetricStat"]
    metric = stat["Metric"]
    text = results[0]["Expression"]
    for query in queries:
        other = query["MetricStat"]["Metric"]
        same = other["Namespace"] == metric["Namespace"]
        text = re.sub(rf"\b{query['Id']}\b", other["MetricName"] if same else
                      f"{other['Namespace']}.{other['MetricName']}", text)
    return metric, stat["Stat"], stat["Period"], text


def described(alarm):
    """The fields of an alarm in the form that CloudFormation and CloudWatch share."""
    metric, statistic, period, text = single_metric(alarm)
    dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}
    if "ExecutedVersion" in dimensions:
        dimensions["ExecutedVersion"] = "*"
    number = float(alarm["Threshold"])
    return dict(zip(FIELDS, [
        metric["Namespace"], dimensions, text, statistic, int(period),
        int(alarm["EvaluationPeriods"]),
        int(alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])),
        COMPARISONS.get(alarm["ComparisonOperator"]), number]))


def differences(name, alarm):
    try:
        found = described(alarm)
    except (ValueError, KeyError) as error:
        return [f"alarm {name}: {error!r}"]
    wanted = expected(name)
    return [f"alarm {name}: {field} is {found[field]!r}, not {wanted[field]!r}"
            for field in FIELDS if found[field] != wanted[field]]
