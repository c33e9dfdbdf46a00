# SPDX-License-Identifier: Apache-2.0
"""Run the real program in the place of the Python function, with the role that the old one has.

    swap_moto.py DISTIL BOOTSTRAP BLOB [-v]    prints cases as stack.py does

The requests are signed with keys of a role whose policies are those of the replaced function, and
moto checks signatures and permissions.
"""
import json
import os
import sys
import tempfile

import stack  # Imported first: it sets variables that moto reads when it is imported.
import cases
import function
import moto_types
import swap
import template as t

ITEMS = 40


def allow(role, name, actions, resource):
    moto_types.client("iam").put_role_policy(
        RoleName=role, PolicyName=name, PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": actions, "Resource": resource}]}))


def make_role():
    """Keys of a role with what the old function was allowed to do."""
    role = f"{swap.ENVIRONMENT}-analysis-lambda-role"
    iam = moto_types.client("iam")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    allow(role, "items", ["dynamodb:UpdateItem", "dynamodb:GetItem"],
          f"arn:aws:dynamodb:{t.REGION}:{t.ACCOUNT}:table/{swap.TABLE}")
    allow(role, "metrics", ["cloudwatch:PutMetricData"], "*")
    allow(role, "dead-letters", ["sqs:SendMessage"],
          f"arn:aws:sqs:{t.REGION}:{t.ACCOUNT}:{swap.NAME}-dlq")
    c = moto_types.client("sts").assume_role(
        RoleArn=arn, RoleSessionName="function")["Credentials"]
    return {"AWS_ACCESS_KEY_ID": c["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": c["SecretAccessKey"],
            "AWS_SESSION_TOKEN": c["SessionToken"]}


class Program(function.Program):
    """The program with the variables of the old function, whatever `distil serve` would set."""

    def __init__(self, distil, bootstrap, blob):
        self.distil, self.bootstrap, self.blob, self.variables = distil, bootstrap, blob, {}

    def run(self, events, *options, **variables):
        variables = {**swap.VARIABLES, "AWS_REGION": t.REGION,
                     "AWS_ENDPOINT_URL": moto_types.endpoint, **variables}
        self.command = ["env", "-u", "DISTIL_STORE", "-u", "DATABASE_TABLE",
                        *(f"{k}={v}" for k, v in variables.items()), self.bootstrap]
        return super().run(events, *options)


def check_items(program, keys, user, directory, check):
    db = moto_types.client("dynamodb", **user)
    wanted = dict(zip((f"newsapi#{i}" for i in range(ITEMS)), swap.sentences()))
    files = []
    for number, (key, (text, _)) in enumerate(wanted.items()):
        db.put_item(TableName=swap.TABLE, Item={
            "source_id": {"S": key}, "timestamp": {"S": swap.STAMP}, "status": {"S": "pending"}})
        files.append(os.path.join(directory, f"{number}.json"))
        with open(files[-1], "w", encoding="utf-8") as file:
            json.dump(swap.notification(swap.message(key, text)), file)
    lines, status = program.run([*files, *files], **keys)
    check.equal("moto: every delivery succeeds", status, 0)
    updated = [x["body"]["updated"] for x in lines if "statusCode" in x]
    check.equal(f"moto: {ITEMS} items, each delivered twice: updated once", (
        updated.count(True), updated.count(False)), (ITEMS, ITEMS))
    items = {i["source_id"]["S"]: i for i in db.scan(TableName=swap.TABLE)["Items"]}
    check.equal("moto: none lost", [k for k in wanted if items[k]["status"]["S"] != "analyzed"], [])
    check.equal("moto: each has the label of the original framework", [
        k for k in wanted if items[k].get("sentiment", {}).get("S") != wanted[k][1]], [])
    check.equal("moto: the members are those of the old function and two more",
                sorted(items["newsapi#0"]), sorted([
                    "source_id", "timestamp", "status", "sentiment", "score", "model_version",
                    "analyzed_by", "analyzed_model"]))


def check_refusals(program, keys, directory, check):
    path = os.path.join(directory, "event.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(swap.notification(swap.message("newsapi#0")), file)
    lines, status = program.run([path], "--retry-ms", "1", DYNAMODB_TABLE="other-items", **keys)
    said = json.dumps(lines) + program.errors
    check.that("moto: a table that the role may not write is an error", status != 0, said[-500:])
    # moto's refusal is not in DynamoDB's form, so only its status can be reported.
    check.that("moto: the error has the status of the refusal", "403" in said, said[-500:])
    lines, status = program.run([path], "--retry-ms", "1",
                                **{**keys, "AWS_SECRET_ACCESS_KEY": "x" * 40})
    check.that("moto: wrong keys are an error", status != 0, lines)


def main():
    check = cases.Cases(sys.argv[4:])
    server = stack.start()
    try:
        moto_types.client("dynamodb").create_table(
            TableName=swap.TABLE, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "source_id", "KeyType": "HASH"},
                       {"AttributeName": "timestamp", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"}
                                  for a in ("source_id", "timestamp")])
        user = function.administrator()
        keys = make_role()
        program = Program(*sys.argv[1:4])
        function.authenticate(0)
        with tempfile.TemporaryDirectory() as directory:
            for part in check_items, check_refusals:
                more = [user] if part is check_items else []
                check.guard(part.__name__, part, program, keys, *more, directory, check)
    finally:
        server.stop()
    return check.close("swap_moto")


if __name__ == "__main__":
    sys.exit(main())
