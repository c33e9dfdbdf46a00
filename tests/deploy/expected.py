# SPDX-License-Identifier: Apache-2.0
"""The alarms as they are meant to be. The template is compared with this table, so that an
unintended edit of the template cannot change an alarm."""

FUNCTION = "sentiment-analyzer"
OURS = ("SentimentAnalyzer", {"Environment": "dev"})
LAMBDA = ("AWS/Lambda", {"FunctionName": FUNCTION})
QUEUE = ("AWS/SQS", {"QueueName": FUNCTION + "-dead-letters"})
VERSION = ("AWS/Lambda", {"FunctionName": FUNCTION, "Resource": FUNCTION + ":live",
                          "ExecutedVersion": "*"})

# name: (namespace and dimensions, metric, statistic, seconds of a period, periods, how many of them
#        must breach the threshold, comparison, threshold)
ALARMS = {
    "latency-p95": (OURS, "InferenceLatencyMs", "p95", 60, 5, 3, ">", 500),
    "analysis-errors": (OURS, "AnalysisErrors", "Sum", 60, 1, 1, ">", 0),
    "model-load-errors": (OURS, "ModelLoadErrors", "Sum", 60, 1, 1, ">", 0),
    "duplicates": (OURS, "DuplicateAnalysisSkipped", "Sum", 300, 1, 1, ">", 10),
    "drift-positive": (OURS, "ABS(PositiveSharePercent - 50)", "Average", 3600, 3, 3, ">", 35),
    "drift-neutral": (OURS, "NeutralSharePercent", "Average", 3600, 3, 3, ">", 30),
    "drift-confidence": (OURS, "ConfidenceP50", "Average", 3600, 3, 3, "<", 0.7),
    "function-errors": (LAMBDA, "Errors", "Sum", 60, 1, 1, ">", 0),
    "new-version-errors": (VERSION, "Errors", "Sum", 60, 1, 1, ">", 0),
    "throttles": (LAMBDA, "Throttles", "Sum", 300, 3, 3, ">", 0),
    "dead-letters": (QUEUE, "ApproximateNumberOfMessagesVisible", "Maximum", 60, 1, 1, ">", 0),
    "dead-letter-errors": (LAMBDA, "DeadLetterErrors", "Sum", 60, 1, 1, ">", 0),
}
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
    """The metric of an alarm, its statistic, its period, and its name. The name of an alarm on an
    expression over one metric is that expression with the metric's name in it."""
    if not alarm.get("Metrics"):
        statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
        return alarm, statistic, alarm["Period"], alarm["MetricName"]
    queries = [q for q in alarm["Metrics"] if "MetricStat" in q]
    results = [q for q in alarm["Metrics"] if q.get("ReturnData", True)]
    if len(queries) != 1 or len(results) != 1:
        raise ValueError(f"{len(queries)} metrics and {len(results)} results")
    stat = queries[0]["MetricStat"]
    metric = stat["Metric"]
    text = results[0]["Expression"].replace(queries[0]["Id"], metric["MetricName"])
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
