# SPDX-License-Identifier: Apache-2.0
"""What moto's CloudFormation lacks: resource types it does not know, and types of which it drops
properties. Each is created by the service's own API instead, with the resolved properties as they
are, so that the SDK's model of the service refuses names and types that do not exist, and moto's
model of the service what makes no sense.

Every call is kept in `sent`, as some properties moto takes and never shows again.
"""
import boto3
import moto.cloudformation.parsing  # first: of two classes for one type the later counts
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.responses import DynamoHandler
from moto.iam import models as iam_models
from moto.logs.responses import LogsResponse

import template as t

# Of AWS's own policies moto need not read all 1,300 at every reset.
iam_models.aws_managed_policies_data = t.json.dumps({
    name: policy for name, policy in t.json.loads(iam_models.aws_managed_policies_data).items()
    if "CodeDeploy" in name})
# Before any lesson.
KNOWN = {c.cloudformation_type() for c in CloudFormationModel.__subclasses__()}
UNKNOWN = {}  # types that moto's CloudFormation does not know: the operation used instead
PARTLY = {}   # types of which it drops properties
sent = {}     # logical id: [(operation, parameters)]
# A call refused by moto, or within moto by the SDK, which makes it answer 500 in HTML.
REFUSALS = (ClientError, ResponseParserError)
on_repository = []  # called with a repository's name when there is one
endpoint = None


def client(service, **options):
    return boto3.client(service, endpoint_url=endpoint, region_name=t.REGION, **{
        "aws_access_key_id": "anybody", "aws_secret_access_key": "anything",
        "config": Config(retries={"max_attempts": 1}), **options})


def cast(value, shape):
    """As CloudFormation does: numbers and texts become what the service's model wants, members
    are found whatever the case of their first letter."""
    if shape.type_name == "structure":
        names = {name.lower(): name for name in shape.members}
        unknown = [key for key in value if key.lower() not in names]
        if unknown:
            raise ValueError(f"{shape.name} has no {unknown}")
        return {names[key.lower()]: cast(v, shape.members[names[key.lower()]])
                for key, v in value.items()}
    if shape.type_name == "list":
        return [cast(v, shape.member) for v in value]
    if shape.type_name == "map":
        return {key: cast(v, shape.value) for key, v in value.items()}
    to = {"string": str, "integer": int, "long": int, "double": float, "float": float}
    return to.get(shape.type_name, lambda v: v)(value)


def shape_of(service, operation):
    return client(service).meta.service_model.operation_model(operation).input_shape


def send(logical_id, service, operation, parameters):
    method = "".join("_" + c.lower() if c.isupper() else c for c in operation).strip("_")
    parameters = cast(parameters, shape_of(service, operation))
    sent.setdefault(logical_id, []).append((operation, parameters))
    return getattr(client(service), method)(**parameters)


class Lesson(CloudFormationModel):
    """Created by API; create() returns what Ref gives."""

    __module__ = "deploy.lessons"  # moto wants a dot in it

    def __init__(self, name, attributes):
        self.name, self.attributes = name, attributes

    @property
    def physical_resource_id(self):
        return self.name

    @classmethod
    def has_cfn_attr(cls, attr):
        return True

    def get_cfn_attribute(self, attribute_name):
        return self.attributes[attribute_name]

    @staticmethod
    def cloudformation_name_type():
        return None

    @staticmethod
    def cloudformation_type():
        return "Lesson"


def lesson(kind, note, into=UNKNOWN):
    """Decorates create(logical id, properties): (what Ref gives, attributes)."""
    into[kind] = note

    def register(create):
        def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id,
                                            region_name, **kwargs):
            name, attributes = create(kwargs["LogicalId"], cloudformation_json["Properties"])
            return cls(name, attributes)

        # moto takes direct subclasses only.
        members = {k: v for k, v in vars(Lesson).items() if k not in ("__dict__", "__weakref__")}
        members["cloudformation_type"] = staticmethod(lambda: kind)
        members["create_from_cloudformation_json"] = classmethod(create_from_cloudformation_json)
        type(kind.replace("::", ""), (CloudFormationModel,), members)
        return create
    return register


@lesson("AWS::CloudWatch::Alarm", "PutMetricAlarm")
def alarm(logical_id, p):
    send(logical_id, "cloudwatch", "PutMetricAlarm", p)
    return p["AlarmName"], {}


@lesson("AWS::SNS::Subscription", "Subscribe")
def subscription(logical_id, p):
    return send(logical_id, "sns", "Subscribe",
                {**p, "ReturnSubscriptionArn": True})["SubscriptionArn"], {}


@lesson("AWS::SNS::TopicPolicy", "SetTopicAttributes")
def topic_policy(logical_id, p):
    for topic in p["Topics"]:
        send(logical_id, "sns", "SetTopicAttributes",
             {"TopicArn": topic, "AttributeName": "Policy",
              "AttributeValue": t.json.dumps(p["PolicyDocument"])})
    return logical_id, {}


@lesson("AWS::Lambda::Alias", "CreateAlias")
def alias(logical_id, p):
    return send(logical_id, "lambda", "CreateAlias", p)["AliasArn"], {}


@lesson("AWS::Lambda::EventInvokeConfig", "PutFunctionEventInvokeConfig")
def event_invoke_config(logical_id, p):
    # moto keeps it for the function, whatever the qualifier.
    send(logical_id, "lambda", "PutFunctionEventInvokeConfig", p)
    return logical_id, {}


@lesson("AWS::CodeDeploy::Application", "CreateApplication")
def application(logical_id, p):
    send(logical_id, "codedeploy", "CreateApplication", p)
    return p["ApplicationName"], {}


@lesson("AWS::CodeDeploy::DeploymentGroup", "CreateDeploymentGroup")
def deployment_group(logical_id, p):
    send(logical_id, "codedeploy", "CreateDeploymentGroup", p)
    return p["DeploymentGroupName"], {}


@lesson("AWS::Budgets::Budget", "CreateBudget")
def budget(logical_id, p):
    send(logical_id, "budgets", "CreateBudget", {"AccountId": t.ACCOUNT, **p})
    return p["Budget"]["BudgetName"], {}


@lesson("AWS::ECR::Repository", "its policies", PARTLY)
def repository(logical_id, p):
    p = dict(p)
    policy, life = p.pop("RepositoryPolicyText"), p.pop("LifecyclePolicy")
    name = p["RepositoryName"]
    made = send(logical_id, "ecr", "CreateRepository", p)["repository"]
    send(logical_id, "ecr", "SetRepositoryPolicy",
         {"repositoryName": name, "policyText": t.json.dumps(policy)})
    send(logical_id, "ecr", "PutLifecyclePolicy",
         {"repositoryName": name, "lifecyclePolicyText": life["LifecyclePolicyText"]})
    for hook in on_repository:
        hook(name)
    return name, {"RepositoryUri": made["repositoryUri"], "Arn": made["repositoryArn"]}


@lesson("AWS::IAM::Role", "its policies", PARTLY)
def role(logical_id, p):
    name = "stack-" + logical_id
    made = send(logical_id, "iam", "CreateRole",
                {"RoleName": name, "AssumeRolePolicyDocument":
                 t.json.dumps(p["AssumeRolePolicyDocument"])})
    for policy in p.get("Policies", []):
        send(logical_id, "iam", "PutRolePolicy",
             {"RoleName": name, "PolicyName": policy["PolicyName"],
              "PolicyDocument": t.json.dumps(policy["PolicyDocument"])})
    for arn in p.get("ManagedPolicyArns", []):
        send(logical_id, "iam", "AttachRolePolicy", {"RoleName": name, "PolicyArn": arn})
    return name, {"Arn": made["Role"]["Arn"]}


@lesson("AWS::DynamoDB::Table", "point-in-time recovery", PARTLY)
def table(logical_id, p):
    p = dict(p)
    recovery = p.pop("PointInTimeRecoverySpecification")
    made = send(logical_id, "dynamodb", "CreateTable", p)
    send(logical_id, "dynamodb", "UpdateContinuousBackups",
         {"TableName": p["TableName"], "PointInTimeRecoverySpecification": recovery})
    return p["TableName"], {"Arn": made["TableDescription"]["TableArn"]}


@lesson("AWS::Lambda::Function", "package type, architecture, dead letters, log group", PARTLY)
def function(logical_id, p):
    p = dict(p)
    limit = p.pop("ReservedConcurrentExecutions", None)
    made = send(logical_id, "lambda", "CreateFunction", p)
    if limit is not None:
        send(logical_id, "lambda", "PutFunctionConcurrency",
             {"FunctionName": p["FunctionName"], "ReservedConcurrentExecutions": limit})
    return p["FunctionName"], {"Arn": made["FunctionArn"]}


@lesson("AWS::Lambda::Version", "its description", PARTLY)
def version(logical_id, p):
    made = send(logical_id, "lambda", "PublishVersion", p)
    return f"{made['FunctionArn']}", {"Version": made["Version"]}


@lesson("AWS::Lambda::Permission", "the alias", PARTLY)
def permission(logical_id, p):
    # moto finds a function, not its alias, by ARN.
    name, _, qualifier = p["FunctionName"].split(":function:")[-1].partition(":")
    send(logical_id, "lambda", "AddPermission",
         {**p, "FunctionName": name, "Qualifier": qualifier, "StatementId": logical_id})
    return logical_id, {}


# moto tells the policies which queue or role a call is about, but of tables and log groups "*".

def table_of(call):
    return f"arn:aws:dynamodb:{t.REGION}:{t.ACCOUNT}:table/{call.body.get('TableName')}"


def stream_of(call):
    p = t.json.loads(call.body)
    return (f"arn:aws:logs:{t.REGION}:{t.ACCOUNT}:log-group:{p.get('logGroupName')}"
            f":log-stream:{p.get('logStreamName')}")


DynamoHandler._determine_resource = table_of
LogsResponse._determine_resource = stream_of
