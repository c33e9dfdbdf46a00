# SPDX-License-Identifier: Apache-2.0
"""Plan the Terraform module and compare it with expected.py; then break it and see that it fails.

    terraform.py [-v]    prints failed cases and notes, with -v every case, and last the counts

The example is planned with the real Terraform and the real AWS provider, which check names and
types and call nothing. Exit status 77 if they are not installed.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import cases
import expected
import rules
import template as t

MODULE = t.ROOT / "lambda/deploy/terraform"
TAGGED = {"aws_cloudwatch_log_group", "aws_lambda_function", "aws_sqs_queue",
          "aws_cloudwatch_metric_alarm"}
# What the module has besides the alarms of expected.py, because the function that it replaces has
# alarms of these names: (metric, statistic, period, periods, threshold).
KEPT = {"errors": ("Errors", "Sum", 300, 2, 5), "duration": ("Duration", "p90", 300, 2, 5000)}
# The module has no canary, so there is no version to watch.
ABSENT = {"new-version-errors"}

# Mistakes that the comparison must notice: (words of the complaint, file, text, replacement).
EDITS = [
    ("alarm cold-start-p95: threshold", "alarms.tf", "= 10000\n", "= 10\n"),
    ("alarm nothing-analyzed: metric", "alarms.tf", "FILL(arrived, 0) > 0 AND ", ""),
    ("alarm drift-positive: metric", "alarms.tf", "ABS(positive - 50)", "ABS(positive + 50)"),
    ("alarm errors", "alarms.tf", "threshold           = 5\n", "threshold           = 50\n"),
    ("alarm latency-p95: severity", "alarms.tf", "= 3, runbook", "= 1, runbook"),
    ("alarm latency-p95: missing data", "alarms.tf", '"notBreaching"', '"breaching"'),
    ("function: image", "main.tf", "@${var.image_digest}", ":${var.model_version}"),
    ("function: variables", "main.tf", "DATABASE_TABLE", "DATABASE_TABEL"),
    ("function: dead letters", "main.tf", "target_arn = var.dlq_arn",
     "target_arn = var.topic_arn"),
    ("function: reserved_concurrent_executions", "variables.tf", "default     = 5\n",
     "default     = 50\n"),
    ("queue: visibility_timeout_seconds", "main.tf", "visibility_timeout_seconds = 300",
     "visibility_timeout_seconds = 30"),
    ("log group: retention_in_days", "main.tf", "? 90 : 30", "? 90 : 365"),
    ("budget monthly: notices", "main.tf", '20 = "ABSOLUTE_VALUE", ', ""),
    ("budget daily: limit", "variables.tf", "default     = 10\n", "default     = 100\n"),
    ("budget monthly: filter", "main.tf", "user:Feature", "user:Project"),
    ("aws_lambda_function has no tag", "main.tf", "depends_on = [aws_cloudwatch_log_group.lambda]\n"
     "  tags       = local.tags", "depends_on = [aws_cloudwatch_log_group.lambda]"),
]
# Mistakes that Terraform or the provider must refuse: (file, text, replacement).
UNPLANNABLE = [
    ("main.tf", "package_type  ", "package_typ   "),
    ("example/main.tf", '"sha256:0123', '"0123'),
    ("example/main.tf", "  budget_topic_arn     =", "  # budget_topic_arn   ="),
]


class NotPlanned(Exception):
    """Terraform refuses the module."""


def terraform(folder, *arguments):
    done = subprocess.run(["terraform", *arguments], cwd=folder, check=False, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode:
        raise NotPlanned((done.stdout + done.stderr)[-1500:])
    return done.stdout


def plan(folder):
    """The planned resources of the module, as (type, name, index, values)."""
    terraform(folder, "plan", "-input=false", "-no-color", "-out=plan", "-refresh=false")
    shown = json.loads(terraform(folder, "show", "-json", "plan"))
    module = shown["planned_values"]["root_module"]["child_modules"][0]
    return [(r["type"], r["name"], r.get("index"), r.get("values", {}))
            for r in module["resources"]]


def alarm_of(values):
    """The alarm in the form of CloudFormation, as expected.described() reads it."""
    queries = [{
        "Id": q["id"], "ReturnData": bool(q["return_data"]), "Expression": q["expression"],
        **({"MetricStat": {"Stat": q["metric"][0]["stat"], "Period": q["metric"][0]["period"],
                           "Metric": metric(q["metric"][0])}} if q["metric"] else {})}
        for q in values.get("metric_query", [])]
    return {"Metrics": queries, **metric(values), "Statistic": values["statistic"],
            "ExtendedStatistic": values["extended_statistic"], "Period": values["period"],
            "EvaluationPeriods": values["evaluation_periods"],
            "DatapointsToAlarm": values["datapoints_to_alarm"] or values["evaluation_periods"],
            "ComparisonOperator": values["comparison_operator"], "Threshold": values["threshold"]}


def metric(values):
    return {"Namespace": values["namespace"], "MetricName": values["metric_name"], "Dimensions": [
        {"Name": name, "Value": value} for name, value in (values["dimensions"] or {}).items()]}


def alarm_findings(resources):
    alarms = {v["alarm_name"].removeprefix(expected.FUNCTION + "-"): v
              for kind, _, _, v in resources if kind == "aws_cloudwatch_metric_alarm"}
    for name in expected.ALARMS.keys() - ABSENT - alarms.keys():
        yield f"alarm {name} is missing"
    for name, values in alarms.items():
        alarm = alarm_of(values)
        if name in KEPT:
            found = (alarm["MetricName"], alarm["ExtendedStatistic"] or alarm["Statistic"],
                     alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"])
            yield from rules.expect(f"alarm {name}", found, KEPT[name])
        elif name in expected.ALARMS:
            yield from expected.differences(name, alarm)
            severity, runbook = expected.ANSWERS[name]
            yield from rules.expect(f"alarm {name}: severity", values["alarm_description"],
                                    f"SEV{severity}, runbook {runbook}")
        else:
            yield f"alarm {name} is not in expected.py"
        yield from rules.expect(f"alarm {name}: missing data", values["treat_missing_data"],
                                "notBreaching")
        for key in "alarm_actions", "ok_actions":
            yield from rules.expect(f"alarm {name}: {key}", values[key], [
                f"arn:aws:sns:{t.REGION}:{t.ACCOUNT}:{expected.FUNCTION}-alarms"])


def budget_findings(resources):
    for kind, _, index, values in resources:
        if kind != "aws_budgets_budget":
            continue
        unit, dollars, thresholds = expected.BUDGETS[index]
        yield from rules.expect(f"budget {index}: unit", values["time_unit"], unit)
        yield from rules.expect(f"budget {index}: limit", float(values["limit_amount"]),
                                float(dollars))
        notices = {n["threshold"]: n["threshold_type"] for n in values["notification"]}
        yield from rules.expect(f"budget {index}: notices", sorted(notices.items()),
                                sorted(thresholds.items()))
        yield from rules.expect(f"budget {index}: filter", values["cost_filter"], [{
            "name": "TagKeyValue", "values": [f"user:Feature${expected.FEATURE}"]}])


def findings(resources):
    """Everything in which the plan differs from what is meant."""
    yield from alarm_findings(resources)
    yield from budget_findings(resources)
    for kind, name, _, values in resources:
        if kind in TAGGED and (values.get("tags") or {}).get("Feature") != expected.FEATURE:
            yield f"{kind} has no tag Feature: {name}"
        if kind == "aws_lambda_function":
            queue = f"arn:aws:sqs:{t.REGION}:{t.ACCOUNT}:{expected.FUNCTION}-dead-letters"
            yield from rules.expect("function: image", values["image_uri"].split("@")[1:],
                                    [t.DIGEST])
            yield from rules.expect("function: variables", values["environment"][0]["variables"], {
                "DATABASE_TABLE": "dev-sentiment-items", "ENVIRONMENT": "dev",
                "MODEL_VERSION": "v1.0.0"})
            yield from rules.expect("function: dead letters", values["dead_letter_config"],
                                    [{"target_arn": queue}])
            for key, value in {"memory_size": 1024, "timeout": 30, "package_type": "Image",
                               "reserved_concurrent_executions": 5, "architectures": ["x86_64"],
                               "publish": True, "tracing_config": [{"mode": "PassThrough"}],
                               "vpc_config": []}.items():
                yield from rules.expect(f"function: {key}", values[key], value)
        if kind == "aws_sqs_queue":
            for key, value in {"message_retention_seconds": 14 * 24 * 3600,
                               "visibility_timeout_seconds": expected.VISIBILITY_SECONDS,
                               "sqs_managed_sse_enabled": True}.items():
                yield from rules.expect(f"queue: {key}", values[key], value)
        if kind == "aws_cloudwatch_log_group":
            yield from rules.expect("log group: retention_in_days",
                                    values["retention_in_days"], 30)


@contextlib.contextmanager
def edited(path, edits, check):
    """A file in which the first occurrence of each text is replaced for a while."""
    text = changed = path.read_text(encoding="utf-8")
    for old, new in edits:
        check.that(f"{path.name}: there is {old!r}", old in changed)
        changed = changed.replace(old, new, 1)
    path.write_text(changed, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def check_own_tests(module, check):
    """`terraform test` passes, and fails for a module without its dead-letter queue."""
    terraform(module, "init", "-input=false", "-no-color")
    check.that("terraform test passes", "6 passed, 0 failed" in terraform(
        module, "test", "-no-color"))
    with edited(module / "main.tf", [("target_arn = var.dlq_arn", "target_arn = var.topic_arn")],
                check):
        try:
            terraform(module, "test", "-no-color")
            check.that("terraform test notices another dead-letter queue", False)
        except NotPlanned as error:
            check.that("terraform test notices another dead-letter queue",
                       "dead-letter queue that exists" in str(error), error)


def mirror():
    """The folder of providers in the layout of Terraform's filesystem mirror, or None."""
    named = os.environ.get("TF_PLUGIN_MIRROR")
    for folder in [named] if named else ["/opt/tf-plugins", "/usr/local/share/terraform/plugins",
                                         "/usr/share/terraform/plugins"]:
        if any(pathlib.Path(folder).glob("*/hashicorp/aws/*")):
            return folder
    return None


def configure(folder, plugins):
    """Let Terraform find providers in this mirror only, and call nobody."""
    config = pathlib.Path(folder) / "cli.tfrc"
    config.write_text('provider_installation {\n  filesystem_mirror {\n'
                      f'    path = "{plugins}"\n  }}\n}}\n', encoding="utf-8")
    os.environ.update(TF_CLI_CONFIG_FILE=str(config), CHECKPOINT_DISABLE="1",
                      TF_IN_AUTOMATION="1")


def main():
    check = cases.Cases(sys.argv[1:])
    plugins = mirror()
    if not shutil.which("terraform") or not plugins:
        print("terraform or a mirror of the AWS provider is not installed")
        return 77
    with tempfile.TemporaryDirectory() as work:
        configure(work, plugins)
        module = pathlib.Path(work) / "module"
        shutil.copytree(MODULE, module)
        terraform(module / "example", "init", "-input=false", "-no-color")
        terraform(module / "example", "validate", "-no-color")
        terraform(module, "fmt", "-check", "-recursive")
        check_own_tests(module, check)
        resources = plan(module / "example")
        check.equal("the module is as expected", list(findings(resources)), [])
        addresses = {f"{kind}.{name}" + (f"[{index}]" if index is not None else "")
                     for kind, name, index, _ in resources}
        check.equal("addresses of the replaced module", {
            "aws_cloudwatch_log_group.lambda", "aws_lambda_function.this",
            "aws_cloudwatch_metric_alarm.errors[0]",
            "aws_cloudwatch_metric_alarm.duration[0]"} - addresses, set())
        for file, old, new in UNPLANNABLE:
            with edited(module / file, [(old, new)], check):
                try:
                    plan(module / "example")
                    check.that(f"does not plan: {new}", False)
                except NotPlanned:
                    check.that(f"does not plan: {new}", True)
        # All other mistakes are made at once, and each must be noticed.
        with contextlib.ExitStack() as stack:
            for file in {file for _, file, _, _ in EDITS}:
                edits = [(old, new) for _, where, old, new in EDITS if where == file]
                stack.enter_context(edited(module / file, edits, check))
            found = list(findings(plan(module / "example")))
        for words, *_ in EDITS:
            check.that(f"noticed: {words}", any(what.startswith(words) for what in found), found)
        check.note(f"{len(resources)} resources planned, "
                   f"{len(EDITS) + len(UNPLANNABLE)} mistakes noticed")
    return check.close("terraform")


if __name__ == "__main__":
    sys.exit(main())
