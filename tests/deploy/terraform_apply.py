# SPDX-License-Identifier: Apache-2.0
"""Apply the Terraform module to stand-ins, with the real Terraform and AWS provider.

    terraform_apply.py MINISTACK_PYTHON BOOTSTRAP BLOB [-v]    prints cases as stack.py does

ministack stands in for AWS, and moto for CloudWatch, whose alarms ministack does not give back as it
got them. The resources must be there and work, and a second plan must be empty. SEED_DIR may name a clone of
the replaced system (traylorre/sentiment-analyzer-gsk at commit d38b0285). Its own Terraform is then
applied with our image, and after that with our module in place of its module for functions. Exit
status 77 if Terraform or the provider is not installed.
"""
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

import cases
import expected
import stack  # Imported before boto3 is used: it sets variables that moto reads.
import moto_types
import swap
import template as t
import terraform as tf

SERVICES = ["backup", "budgets", "cloudwatch", "dynamodb", "ecr", "events", "iam", "lambda", "logs",
            "s3", "secretsmanager", "sns", "sqs", "sts"]
SHAPE = ["-input=false", "-no-color", "-lock=false"]
SEED_COMMIT = "d38b0285"


def point_to(folder, endpoint):
    """Make the configuration in the folder talk to the stand-in and keep its state there."""
    lines = "\n".join(
        f'    {s} = "{moto_types.endpoint if s == "cloudwatch" else endpoint}"' for s in SERVICES)
    (folder / "stand_in_override.tf").write_text(f"""
terraform {{
  backend "local" {{}}
}}

provider "aws" {{
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false
  s3_use_path_style           = true
  endpoints {{
{lines}
  }}
}}
""", encoding="utf-8")


def plan_is_empty(folder, *variables):
    """"" if a plan would change nothing, otherwise what it would change."""
    done = subprocess.run(["terraform", "plan", "-detailed-exitcode", *SHAPE, *variables],
                          cwd=folder, check=False, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return "" if done.returncode == 0 else "\n".join(
        x for x in done.stdout.splitlines() if re.match(r"\s*[#~+-]|Plan|Error|│", x))[-2000:]


def alarms():
    pages = moto_types.client("cloudwatch").get_paginator("describe_alarms").paginate()
    return {a["AlarmName"]: a for p in pages for a in p["MetricAlarms"]}


def analysed(c, topic, table, key):
    """Publish a good event for a pending item; is it analysed?"""
    c.put(key, table=table)
    c.client("sns").publish(TopicArn=topic, Message=json.dumps(swap.message(key)))
    return swap.until(lambda: c.item(key, table=table)["status"] == "analyzed", 30)


def check_module(c, work, check):
    """The example of the module, in an account that has its table, topics and queue."""
    name = expected.FUNCTION
    c.create_table("dev-sentiment-items")
    topic = c.client("sns").create_topic(Name=f"{name}-events")["TopicArn"]
    c.client("sns").create_topic(Name=f"{name}-alarms")
    dlq, _ = c.create_queue(f"{name}-dead-letters")
    module = work / "module"
    shutil.copytree(tf.MODULE, module)
    example = module / "example"
    point_to(example, c.endpoint)
    tf.terraform(example, "init", *SHAPE[:2])
    tf.terraform(example, "apply", "-auto-approve", *SHAPE)
    shown = json.loads(tf.terraform(example, "show", "-json"))["values"]["root_module"]
    created = [r["address"] for m in (shown, *shown["child_modules"]) for r in m["resources"]]
    check.equal("module: a second plan changes nothing", plan_is_empty(example), "")

    found = c.client("lambda").get_function(FunctionName=name)
    configuration = found["Configuration"]
    check.equal("module: the function's image", found["Code"]["ImageUri"].split("@")[1], t.DIGEST)
    check.equal("module: its variables", configuration["Environment"]["Variables"], {
        "DATABASE_TABLE": "dev-sentiment-items", "ENVIRONMENT": "dev", "MODEL_VERSION": "v1.0.0"})
    check.equal("module: memory, time, dead letters",
                (configuration["MemorySize"], configuration["Timeout"],
                 configuration["DeadLetterConfig"]["TargetArn"].split(":")[-1]),
                (1024, 30, f"{name}-dead-letters"))
    found = {n.removeprefix(name + "-"): a for n, a in alarms().items()}
    check.equal("module: alarms", set(found), expected.ALARMS.keys() - tf.ABSENT | tf.KEPT.keys())
    for alarm in found.keys() & expected.ALARMS.keys():
        # The provider sends the queries of an alarm in any order; those of the function come first.
        found[alarm].get("Metrics", []).sort(key=lambda q: q.get("MetricStat", {}).get(
            "Metric", {}).get("Namespace") != expected.OURS[0])
        check.equal(f"module: alarm {alarm}", expected.differences(alarm, found[alarm]), [])
    subscription = c.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]
    policy = json.loads(c.client("sns").get_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"])["Attributes"]["RedrivePolicy"])
    check.equal("module: the subscription keeps what it cannot deliver",
                policy["deadLetterTargetArn"].split(":")[-1], f"{name}-undelivered")
    budgets = {b["BudgetName"]: b for b in c.client("budgets").describe_budgets(
        AccountId=t.ACCOUNT)["Budgets"]}
    check.equal("module: budgets", {n: (b["TimeUnit"], float(b["BudgetLimit"]["Amount"]))
                                    for n, b in budgets.items()},
                {f"{name}-{n}": (unit, float(dollars))
                 for n, (unit, dollars, _) in expected.BUDGETS.items()})

    check.that("module: an event of the topic is analysed",
               analysed(c, topic, "dev-sentiment-items", "module#1"))
    c.client("sns").publish(TopicArn=topic, Message="not JSON")
    swap.until(lambda: c.depth(dlq) == 1, 30)
    check.equal("module: a bad event becomes a dead letter", c.depth(dlq), 1)
    check.note(f"{len(created)} resources created")


# ---- the replaced system's own Terraform --------------------------------------------------------


def blocks(text, header):
    """(begin, end) of the block of a Terraform file that begins with this line."""
    begin = text.index(header)
    return begin, text.index("\n}\n", begin) + 3


def check_seed(c, work, seed, check):
    commit = subprocess.run(["git", "-C", seed, "rev-parse", "HEAD"], check=False, text=True,
                            capture_output=True).stdout.strip()
    if commit and not commit.startswith(SEED_COMMIT):
        check.note(f"SEED_DIR is at {commit[:8]}, not {SEED_COMMIT}")
    root = work / "seed"
    shutil.copytree(pathlib.Path(seed) / "infrastructure/terraform", root)
    point_to(root, c.endpoint)
    # Its other functions are packages in a bucket that exists before.
    bucket = f"{swap.ENVIRONMENT}-sentiment-lambda-deployments"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("handler.py", "def lambda_handler(event, context):\n    return event\n")
    c.client("s3").create_bucket(Bucket=bucket)
    for key in "ingestion/lambda.zip", "dashboard/lambda.zip":
        c.client("s3").put_object(Bucket=bucket, Key=key, Body=archive.getvalue())
    variables = [f"-var=environment={swap.ENVIRONMENT}", f"-var=aws_region={t.REGION}",
                 "-var=model_version=a1b2c3d"]
    tf.terraform(root, "init", *SHAPE[:2])
    tf.terraform(root, "apply", "-auto-approve", *SHAPE, *variables)
    before = alarms()
    check.that("seed: its Terraform creates its alarms", len(before) > 10, before.keys())
    outputs = {k: v["value"] for k, v in json.loads(
        tf.terraform(root, "output", "-json")).items()}
    topic, table = outputs["sns_topic_arn"], outputs["dynamodb_table_name"]
    dlq = c.client("sqs").get_queue_url(QueueName=f"{swap.NAME}-dlq")["QueueUrl"]

    def works(stage):
        check.that(f"seed: {stage}: an event of its topic is analysed",
                   analysed(c, topic, table, f"{stage}#1"))
        c.received(dlq)
        c.client("sns").publish(TopicArn=topic, Message=swap.BAD[0])
        swap.until(lambda: c.depth(dlq) == 1, 30)
        check.equal(f"seed: {stage}: a bad event is in its dead-letter queue",
                    [x["requestPayload"]["Records"][0]["Sns"]["Message"]
                     for x in c.received(dlq)], swap.BAD[:1])

    works("its module with our image")

    main = (root / "main.tf").read_text(encoding="utf-8")
    begin, end = blocks(main, 'module "analysis_lambda" {')
    main = main[:begin] + main[end:]
    begin, end = blocks(main, 'resource "aws_sns_topic_subscription" "analysis" {')
    (root / "main.tf").write_text(main[:begin] + main[end:], encoding="utf-8")
    shutil.copytree(tf.MODULE, root / "modules/distil")
    shutil.copy(tf.MODULE / "example/in_place/analysis.tf", root / "analysis.tf")
    variables.append(f"-var=analysis_image_digest={t.DIGEST}")
    tf.terraform(root, "init", *SHAPE[:2])
    tf.terraform(root, "plan", *SHAPE, *variables, "-out=plan")
    changes = json.loads(tf.terraform(root, "show", "-json", "plan"))["resource_changes"]
    lost = [x["address"] for x in changes if "delete" in x["change"]["actions"]]
    check.equal("seed: our module in its place deletes and replaces nothing", lost, [])
    tf.terraform(root, "apply", "-auto-approve", *SHAPE, *variables)
    after = alarms()
    check.equal("seed: its alarms are named as before", before.keys() - after.keys(), set())
    check.equal("seed: their thresholds are as before", {
        n: (before[n]["Threshold"], after[n]["Threshold"]) for n in before
        if before[n]["Threshold"] != after[n]["Threshold"]}, {})
    check.equal("seed: the function is the same one, with an image by digest",
                c.client("lambda").get_function(FunctionName=swap.NAME)["Code"]["ImageUri"]
                .split("@")[1:], [t.DIGEST])
    works("our module in its place")
    check.equal("seed: a second plan changes nothing", plan_is_empty(root, *variables), "")
    check.note(f"{len(before)} alarms before, {len(after)} after")


def main():
    check = cases.Cases(sys.argv[4:])
    plugins = tf.mirror()
    if not shutil.which("terraform") or not plugins:
        print("terraform or a mirror of the AWS provider is not installed")
        return 77
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        tf.configure(work, plugins)
        for name, part, seed in [("module", check_module, None),
                                 ("seed", check_seed, os.environ.get("SEED_DIR"))]:
            if name == "seed" and not seed:
                check.note("SEED_DIR is not set: the replaced system's Terraform was not applied")
                continue
            (work / f"cloud-{name}").mkdir()
            server = stack.start()
            c = swap.Cloud(*sys.argv[1:4], work / f"cloud-{name}")
            try:
                check.guard(name, part, c, work, *([seed] if seed else []), check)
            finally:
                c.stop()
                server.stop()
    return check.close("terraform_apply")


if __name__ == "__main__":
    sys.exit(main())
