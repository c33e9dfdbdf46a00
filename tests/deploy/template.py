# SPDX-License-Identifier: Apache-2.0
"""Read the template as plain values, and read metrics and variables from the function's source.

The resolver knows only the intrinsic functions that the template uses. Any other function, and a
reference to something that does not exist, raises Broken; CloudFormation would refuse it too.
"""
import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEMPLATE = ROOT / "lambda/deploy/template.yaml"
DIGEST = "sha256:" + "0123456789abcdef" * 4
ACCOUNT, REGION = "123456789012", "us-east-1"
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws",
          "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "stack"}
NOTHING = object()  # AWS::NoValue


class Broken(Exception):
    """CloudFormation would refuse the template."""


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """A YAML loader that reads short forms such as !Ref as their long forms."""


def read_tag(loader, tag, node):
    read = {yaml.ScalarNode: loader.construct_scalar,
            yaml.SequenceNode: lambda n: loader.construct_sequence(n, deep=True),
            yaml.MappingNode: lambda n: loader.construct_mapping(n, deep=True)}
    value = read[type(node)](node)
    if tag == "GetAtt":
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else "Fn::" + tag: value}


Loader.add_multi_constructor("!", read_tag)


def load(text):
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise Broken("no YAML: " + " ".join(str(error).split())) from error


class Resolver:
    """The template with these parameters, and defaults for all others. A lenient resolver replaces
    a reference to something that does not exist by a text that equals nothing."""

    def __init__(self, template, lenient=False, **parameters):
        self.template = template
        self.lenient = lenient
        self.values = {name: slot.get("Default") for name, slot in template["Parameters"].items()}
        unknown = set(parameters) - set(self.values)
        if unknown:
            raise Broken(f"no parameter {sorted(unknown)}")
        self.values.update(parameters)
        self.resources = {name: body for name, body in template["Resources"].items()
                          if "Condition" not in body or self.is_true(body["Condition"])}

    def is_true(self, name):
        conditions = self.template["Conditions"]
        if name not in conditions:
            raise Broken(f"no condition {name}")
        return self.resolve(conditions[name])

    def ref(self, name):
        if name == "AWS::NoValue":
            return NOTHING
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.values:
            return self.values[name]
        if name not in self.resources:
            return self.missing("a reference to", name)
        properties = self.resources[name].get("Properties", {})
        for key in NAME_OF.get(self.resources[name]["Type"], []):
            if key in properties:
                return self.named(self.resources[name]["Type"], self.resolve(properties[key]))
        return f"<{name}>"

    def missing(self, what, name):
        if not self.lenient:
            raise Broken(f"{what} {name}, which is not there")
        return f"<no {name}>"

    @staticmethod
    def named(kind, name):
        return f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}" if kind == "AWS::SNS::Topic" else name

    def attribute(self, name, attribute):
        if name not in self.resources:
            return self.missing("an attribute of", name)
        if attribute in ("QueueName",):
            return self.resolve(self.resources[name]["Properties"][attribute])
        return f"<{name}.{attribute}>"

    def substitute(self, text):
        def one(match):
            name, _, attribute = match[1].partition(".")
            return str(self.attribute(name, attribute) if attribute else self.ref(name))
        return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", one, text)

    def call(self, function, value):
        if function == "Ref":
            return self.ref(value)
        if function == "Condition":
            return self.is_true(value)
        if function == "Fn::GetAtt":
            return self.attribute(*value)
        if function == "Fn::Sub":
            return self.substitute(value)
        if function == "Fn::If":
            return self.resolve(value[1 if self.is_true(value[0]) else 2])
        values = [self.resolve(v) for v in value]
        if function == "Fn::Split":
            return values[1].split(values[0])
        if function == "Fn::Select":
            return values[1][int(values[0])]
        return {"Fn::Equals": lambda: str(values[0]) == str(values[1]),
                "Fn::Not": lambda: not values[0], "Fn::And": lambda: all(values)}[function]()

    def resolve(self, value):
        if isinstance(value, list):
            values = [self.resolve(v) for v in value]
            return [v for v in values if v is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            key = next(iter(value))
            if key == "Ref" or key == "Condition" and isinstance(value[key], str) or \
                    key.startswith("Fn::"):
                return self.call(key, value[key])
        values = {key: self.resolve(v) for key, v in value.items()}
        return {key: v for key, v in values.items() if v is not NOTHING}

    def resolve_all(self):
        return {name: self.resolve(body) for name, body in self.resources.items()}

    def outputs(self):
        return {name: self.resolve(body["Value"]) for name, body in self.template["Outputs"].items()
                if "Condition" not in body or self.is_true(body["Condition"])}


# The property that is the value of Ref, for types whose resources have names in the template.
NAME_OF = {
    "AWS::ECR::Repository": ["RepositoryName"],
    "AWS::Lambda::Function": ["FunctionName"],
    "AWS::Logs::LogGroup": ["LogGroupName"],
    "AWS::CodeDeploy::Application": ["ApplicationName"],
    "AWS::CodeDeploy::DeploymentGroup": ["DeploymentGroupName"],
    "AWS::SNS::Topic": ["TopicName"],
    "AWS::DynamoDB::Table": ["TableName"],
    "AWS::CloudWatch::Alarm": ["AlarmName"],
}


def search(path, pattern):
    found = re.findall(pattern, (ROOT / path).read_text())
    if not found:
        raise Broken(f"{path} has no {pattern}")
    return found


class Source:
    """The metrics that the function emits and the variables that it reads, from its C source."""

    def __init__(self):
        self.units = dict(search("lambda/metrics.h", r'METRIC\(\w+, "(\w+)", "(\w+)"\)'))
        self.namespace = search("lambda/metrics.c", r'namespace_\[\] = "(\w+)"')[0]
        self.dimension = search("lambda/metrics.c", r'Dimensions\\":\[\[\\"(\w+)\\"\]\]')[0]
        self.variables = set(search("lambda/config.c",
                                    r'(?:variable\(|read_\w+\(&?r, )"([A-Z][A-Z0-9_]+)"'))
        lists = search("lambda/config.c", r"\*const \w+_names\[\] = \{([^}]+)\}")
        self.variables |= set(re.findall(r'"(\w+)"', " ".join(lists)))
        self.key = re.findall(r'add_string\(out, "(\w+)", item->\1\)',
                              (ROOT / "lambda/aws/dynamodb.c").read_text())
        self.policy = json.loads((ROOT / "lambda/deploy/policy.json").read_text())
