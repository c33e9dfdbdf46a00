# SPDX-License-Identifier: Apache-2.0
"""Teach moto's CloudFormation the resource types that it does not know or of which it ignores
properties. The functions below create such a resource by the API of its service, with the resolved
properties unchanged. The SDK's model of the service then refuses names and types that do not exist,
and moto's implementation of the service refuses values that make no sense.

`sent` records every call, because moto accepts some properties that it never shows again.
"""
import boto3
import moto.cloudformation.parsing  # Imported first: the class defined last for a type wins.
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.responses import DynamoHandler
from moto.iam import models as iam_models
from moto.logs.responses import LogsResponse

import template as t

# moto reads AWS's managed policies at every reset. Only the one that the template uses is kept.
iam_models.aws_managed_policies_data = t.json.dumps({
    name: policy for name, policy in t.json.loads(iam_models.aws_managed_policies_data).items()
    if "CodeDeploy" in name})
# The types that moto knows without this module.
KNOWN = {c.cloudformation_type() for c in CloudFormationModel.__subclasses__()}
UNKNOWN = {}  # type that moto's CloudFormation does not know: operation that creates it
PARTLY = {}   # type of which it ignores properties: what it ignores
sent = {}     # logical id: [(operation, parameters)]
resolved = {} # logical id: properties as moto's CloudFormation has resolved them
# A call that moto refuses raises the first. The second is raised when the SDK refuses a call that
# this module makes inside moto, because moto then answers with an HTML page.
REFUSALS = (ClientError, ResponseParserError)
on_repository = []  # functions that are called with the name of each new repository
endpoint = None


def client(service, **options):
    return boto3.client(service, endpoint_url=endpoint, region_name=t.REGION, **{
        "aws_access_key_id": "anybody", "aws_secret_access_key": "anything",
        "config": Config(retries={"max_attempts": 1}), **options})


def cast(value, shape):
    """Convert a value to the shape of the service's model, as CloudFormation does. It converts
    numbers and texts into each other and ignores the case of a member's first letter."""
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


class CreatedByApi(CloudFormationModel):
    """A resource that one of the functions below has created. `name` is the value of Ref."""

    __module__ = "deploy.moto_types"  # moto requires a dot in this name.

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
        return "CreatedByApi"


def creates(kind, note, into=UNKNOWN):
    """Register a function (logical id, properties) -> (value of Ref, attributes) for a type."""
    into[kind] = note

    def register(create):
        def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id,
                                            region_name, **kwargs):
            properties = cloudformation_json["Properties"]
            resolved[kwargs["LogicalId"]] = properties
            name, attributes = create(kwargs["LogicalId"], properties)
            return cls(name, attributes)

        # moto looks only at direct subclasses of CloudFormationModel, so the members are copied.
        members = {k: v for k, v in vars(CreatedByApi).items()
                   if k not in ("__dict__", "__weakref__")}
        members["cloudformation_type"] = staticmethod(lambda: kind)
        members["create_from_cloudformation_json"] = classmethod(create_from_cloudformation_json)
        type(kind.replace("::", ""), (CloudFormationModel,), members)
        return create
    return register


@creates("AWS::CloudWatch::Alarm", "PutMetricAlarm")
def alarm(logical_id, p):
    send(logical_id, "cloudwatch", "PutMetricAlarm", p)
    return p["AlarmName"], {}


@creates("AWS::SNS::Subscription", "Subscribe")
def subscription(logical_id, p):
    p = dict(p)
    redrive = p.pop("RedrivePolicy", None)
    if redrive:
        p["Attributes"] = {"RedrivePolicy": t.json.dumps(redrive)}
    return send(logical_id, "sns", "Subscribe",
                {**p, "ReturnSubscriptionArn": True})["SubscriptionArn"], {}


@creates("AWS::SQS::QueuePolicy", "SetQueueAttributes")
def queue_policy(logical_id, p):
    for queue in p["Queues"]:
        send(logical_id, "sqs", "SetQueueAttributes",
             {"QueueUrl": queue, "Attributes": {"Policy": t.json.dumps(p["PolicyDocument"])}})
    return logical_id, {}


@creates("AWS::SNS::TopicPolicy", "SetTopicAttributes")
def topic_policy(logical_id, p):
    for topic in p["Topics"]:
        send(logical_id, "sns", "SetTopicAttributes",
             {"TopicArn": topic, "AttributeName": "Policy",
              "AttributeValue": t.json.dumps(p["PolicyDocument"])})
    return logical_id, {}


@creates("AWS::Lambda::Alias", "CreateAlias")
def alias(logical_id, p):
    return send(logical_id, "lambda", "CreateAlias", p)["AliasArn"], {}


@creates("AWS::Lambda::EventInvokeConfig", "PutFunctionEventInvokeConfig")
def event_invoke_config(logical_id, p):
    # moto stores this configuration for the function and ignores the qualifier.
    send(logical_id, "lambda", "PutFunctionEventInvokeConfig", p)
    return logical_id, {}


@creates("AWS::CodeDeploy::Application", "CreateApplication")
def application(logical_id, p):
    send(logical_id, "codedeploy", "CreateApplication", p)
    return p["ApplicationName"], {}


@creates("AWS::CodeDeploy::DeploymentGroup", "CreateDeploymentGroup")
def deployment_group(logical_id, p):
    send(logical_id, "codedeploy", "CreateDeploymentGroup", p)
    return p["DeploymentGroupName"], {}


@creates("AWS::Budgets::Budget", "CreateBudget")
def budget(logical_id, p):
    send(logical_id, "budgets", "CreateBudget", {"AccountId": t.ACCOUNT, **p})
    return p["Budget"]["BudgetName"], {}


@creates("AWS::ECR::Repository", "its policies", PARTLY)
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


@creates("AWS::IAM::Role", "its policies", PARTLY)
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


@creates("AWS::DynamoDB::Table", "point-in-time recovery", PARTLY)
def table(logical_id, p):
    p = dict(p)
    recovery = p.pop("PointInTimeRecoverySpecification")
    made = send(logical_id, "dynamodb", "CreateTable", p)
    send(logical_id, "dynamodb", "UpdateContinuousBackups",
         {"TableName": p["TableName"], "PointInTimeRecoverySpecification": recovery})
    return p["TableName"], {"Arn": made["TableDescription"]["TableArn"]}


@creates("AWS::Lambda::Function", "package type, architecture, dead letters, log group", PARTLY)
def function(logical_id, p):
    p = dict(p)
    limit = p.pop("ReservedConcurrentExecutions", None)
    p["Tags"] = {tag["Key"]: tag["Value"] for tag in p.get("Tags", [])}
    made = send(logical_id, "lambda", "CreateFunction", p)
    if limit is not None:
        send(logical_id, "lambda", "PutFunctionConcurrency",
             {"FunctionName": p["FunctionName"], "ReservedConcurrentExecutions": limit})
    return p["FunctionName"], {"Arn": made["FunctionArn"]}


@creates("AWS::Lambda::Version", "its description", PARTLY)
def version(logical_id, p):
    made = send(logical_id, "lambda", "PublishVersion", p)
    return f"{made['FunctionArn']}", {"Version": made["Version"]}


@creates("AWS::Lambda::Permission", "the alias", PARTLY)
def permission(logical_id, p):
    # moto finds a function by its ARN, but not an alias.
    name, _, qualifier = p["FunctionName"].split(":function:")[-1].partition(":")
    send(logical_id, "lambda", "AddPermission",
         {**p, "FunctionName": name, "Qualifier": qualifier, "StatementId": logical_id})
    return logical_id, {}


# For policies moto determines the queue or role that a call concerns, but not the table or log
# group, for which it uses "*". These functions determine them.

def table_of(call):
    return f"arn:aws:dynamodb:{t.REGION}:{t.ACCOUNT}:table/{call.body.get('TableName')}"


def stream_of(call):
    p = t.json.loads(call.body)
    return (f"arn:aws:logs:{t.REGION}:{t.ACCOUNT}:log-group:{p.get('logGroupName')}"
            f":log-stream:{p.get('logStreamName')}")


DynamoHandler._determine_resource = table_of
LogsResponse._determine_resource = stream_of
