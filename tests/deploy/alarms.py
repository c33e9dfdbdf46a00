# SPDX-License-Identifier: Apache-2.0
"""Check that the alarms go off. moto stores alarms but does not evaluate them, so this module
evaluates the deployed alarms on what the real program emits. Each kind of trouble must set off its
own alarms and no others, and good events none.

The evaluation assumes the same values in every period of an alarm. The number of periods is checked
against expected.py.
"""
import json
import math
import re
import tempfile

import expected
import template as t

GOOD = ["A gorgeous, witty, seductive movie.", "A dreadful, dull, endless movie."] * 15
SLOW_MS = 501


def values_of(lines):
    """{metric: values} of all metric lines."""
    values = {}
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                v = line[metric["Name"]]
                values.setdefault(metric["Name"], []).extend(v if isinstance(v, list) else [v])
    return values


def statistic(name, values):
    if name.startswith("p"):
        rank = math.ceil(float(name[1:]) / 100 * len(values))
        return sorted(values)[rank - 1]
    return {"Sum": sum, "Maximum": max, "Average": lambda v: sum(v) / len(v)}[name](values)


def is_on(alarm, values):
    """Is this alarm on if every period has these values of each metric?"""
    metric, name, _, text = expected.single_metric(alarm)
    silent = re.fullmatch(
        r"IF\(FILL\(AWS/SNS\.(\w+), 0\) > 0 AND FILL\((\w+), 0\) == 0, 1, 0\)", text)
    if silent:
        arrived, analyzed = (sum(values.get(name, [0])) for name in silent.groups())
        return arrived > 0 and analyzed == 0
    queues = [d["Value"] for d in metric["Dimensions"] if d["Name"] == "QueueName"]
    found = values.get(" ".join([metric["MetricName"], *queues]))
    if not found:
        return alarm["TreatMissingData"] == "breaching"
    value = statistic(name, found)
    distance = re.fullmatch(r"ABS\(\w+ - ([0-9.]+)\)", text)
    if distance:
        value = abs(value - float(distance[1]))
    threshold = float(alarm["Threshold"])
    return {">": value > threshold, "<": value < threshold}[
        expected.COMPARISONS[alarm["ComparisonOperator"]]]


def event_file(directory, name, event):
    path = f"{directory}/{name}.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(event, file)
    return path


def troubles(program, directory):
    """Yield (description, values of each metric, names of the alarms that must go off)."""
    def emitted(*events, options=(), **variables):
        lines, _ = program.run(events, "--retry-ms", "1", *options, **variables)
        return values_of(lines)

    sns = t.ROOT / "tests/events/sns.json"
    texts = {name: event_file(directory, name, {"texts": texts}) for name, texts in {
        "good": GOOD, "praise": GOOD[::2], "dislike": GOOD[1::2], "empty": [""] * 30}.items()}
    # The drift metrics appear after twenty texts of a process.
    texts["praise"] = [texts["praise"]] * 2
    texts["dislike"] = [texts["dislike"]] * 2
    bad = event_file(directory, "bad", {"Records": [{"EventSource": "aws:sns", "Sns": {
        "Message": "no JSON"}}]})
    memory = ("--store", "memory")
    yield "good texts", emitted(texts["good"]), set()
    yield "an item updated", emitted(sns, options=(*memory, "--pending")), set()
    yield "ten duplicates", emitted(*[sns] * 11, options=(*memory, "--pending")), set()
    yield "eleven duplicates", emitted(*[sns] * 12, options=(*memory, "--pending")), {
        "duplicates"}
    # Each of three attempts counts. Nobody puts these items.
    yield "ten events without an item", emitted(*[sns] * 10, options=memory), {"analysis-errors"}
    yield "eleven events without an item", emitted(*[sns] * 11, options=memory), {
        "analysis-errors", "items-missing"}
    yield "a bad event", emitted(bad), {"analysis-errors"}
    yield "another model than expected", emitted(sns, DISTIL_MODEL_SHA256="0" * 64), {
        "analysis-errors", "model-load-errors"}
    yield "only praise", emitted(*texts["praise"]), {"drift-positive"}
    yield "only dislike", emitted(*texts["dislike"]), {"drift-positive"}
    yield "nothing to read", emitted(texts["empty"]), {
        "drift-positive", "drift-neutral", "drift-confidence"}
    yield "slow texts", {"InferenceLatencyMs": [1] * 94 + [SLOW_MS] * 6}, {"latency-p95"}
    yield "a few slow texts", {"InferenceLatencyMs": [1] * 95 + [SLOW_MS] * 5}, set()
    yield "an invocation killed", {"Errors": [1]}, {"function-errors", "new-version-errors"}
    yield "more than the limit", {"Throttles": [1]}, {"throttles"}
    yield "four invocations killed", {"Errors": [1] * 4}, {
        "function-errors", "new-version-errors", "errors-5-minutes"}
    yield "slow invocations", {"Duration": [1] * 94 + [25001] * 6}, {"duration-p95"}
    yield "a few slow invocations", {"Duration": [1] * 95 + [25001] * 5}, set()
    yield "a slow start", {"ModelLoadTimeMs": [10001]}, {"cold-start-p95"}
    yield "an event that found no function", {"NumberOfNotificationsFailed": [1] * 5}, set()
    yield "events that found no function", {"NumberOfNotificationsFailed": [1] * 6}, {
        "sns-delivery-failures"}
    yield "events in vain", {"NumberOfMessagesPublished": [1]}, {"nothing-analyzed"}
    yield "events analysed", {"NumberOfMessagesPublished": [1], "ItemsAnalyzed": [1]}, set()
    visible = f"ApproximateNumberOfMessagesVisible {expected.FUNCTION}-"
    yield "a dead letter", {visible + "dead-letters": [1]}, {"dead-letters"}
    yield "101 dead letters", {visible + "dead-letters": [101]}, {
        "dead-letters", "dead-letters-many"}
    yield "an old dead letter", {
        f"ApproximateAgeOfOldestMessage {expected.FUNCTION}-dead-letters": [86401]}, {
        "dead-letter-age"}
    yield "an event not delivered", {visible + "undelivered": [1]}, {"undelivered"}
    yield "an event lost", {"DeadLetterErrors": [1]}, {"dead-letter-errors"}
    yield "nothing at all", {}, set()
    yield "zeros", dict.fromkeys(["Errors", "Throttles", "DeadLetterErrors", "AnalysisErrors",
                                  visible + "dead-letters", "Duration",
                                  visible + "undelivered", "NumberOfMessagesPublished"], [0]), set()


def check(program, deployed, cases):
    """Evaluate the deployed alarms, which are given as CloudWatch describes them."""
    alarms = {a["AlarmName"].removeprefix(expected.FUNCTION + "-"): a for a in deployed}
    seen = set()
    with tempfile.TemporaryDirectory() as directory:
        for what, values, wanted in troubles(program, directory):
            on = {name for name, alarm in alarms.items() if is_on(alarm, values)}
            cases.equal(f"alarms: {what}", on, wanted)
            seen |= on
    cases.equal("alarms: each went off once", seen, set(alarms))
