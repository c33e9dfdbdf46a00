# SPDX-License-Identifier: Apache-2.0
"""The stand-ins for AWS, a registry and Lambda with which runbooks are executed.

    moto       has the stack of lambda/deploy/template.yaml
    gateway    is the endpoint of the AWS CLI. It forwards Invoke to `distil serve`, which runs the
               real program with moto's table, and everything else to moto. It replaces the host
               name of ECR by that of the registry.
    registry   is docker-registry on the loopback interface
    tree       is a working directory with links to the repository, and a `make` that does not
               rebuild the program and the model
"""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import stack  # Imported first: it sets variables that moto reads when it is imported.
import moto_types
import template as t
from moto.cloudformation import models, parsing
from moto.core.common_models import CloudFormationModel

INVOKE = re.compile(r"/2015-03-31/functions/[^/]+/invocations")
SERVE = "/2015-03-31/functions/function/invocations"
ECR = f"{t.ACCOUNT}.dkr.ecr.{t.REGION}.amazonaws.com"
HOP = {"connection", "content-length", "host", "transfer-encoding", "date", "server",
       "accept-encoding", "x-amz-crc32"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(url, process):
    """Wait until something answers at the URL, with any status."""
    for _ in range(300):
        try:
            return urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError:
            return None
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError(f"{process.args[0]} does not answer at {url}")


def digest_of(manifest):
    return "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()


def teach_updates(stage):
    """Let moto's CloudFormation update the function. By itself it does not update the types that
    tests/deploy/moto_types.py adds, and does not see parameters inside !Sub. An update with another
    ImageDigest or ModelVersion now updates the function, as CloudFormation does after a canary."""

    def update(cls, original_resource, cloudformation_json, **_):
        properties = cloudformation_json["Properties"]
        stage.deploy_version(properties["Code"]["ImageUri"], properties["Environment"]["Variables"])
        return original_resource

    function = [c for c in CloudFormationModel.__subclasses__()
                if c.cloudformation_type() == "AWS::Lambda::Function"][-1]
    function.update_from_cloudformation_json = classmethod(update)
    diff = parsing.ResourceMap.build_resource_diff

    def with_function(self, other_template, parameters=None):
        found = diff(self, other_template, parameters)
        changed = [name for name in ("ImageDigest", "ModelVersion") if parameters
                   and self.input_parameters.get(name) != parameters.get(name)]
        found["Modify"] = ["Function"] if changed else []
        return found

    apply = models.ChangeSet.apply

    def remember(self):
        apply(self)
        self.stack.parameters = self.parameters  # moto itself does not store them

    parsing.ResourceMap.build_resource_diff = with_function
    models.ChangeSet.apply = remember


class Gateway:
    """A server at `address`. `registry` is the host name that replaces that of ECR."""

    def __init__(self, moto, serve, registry):
        gateway = self
        self.moto, self.serve, self.registry = moto, serve, registry

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                invoke = INVOKE.fullmatch(self.path)
                url = gateway.serve + SERVE if invoke else gateway.moto + self.path
                if not invoke:
                    body = body.replace(registry.encode(), ECR.encode())
                headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
                if not invoke:
                    headers["Host"] = self.headers["Host"]  # moto makes the queues' URLs from it
                request = urllib.request.Request(
                    url, data=body if self.command in ("POST", "PUT") else None,
                    headers=headers, method=self.command)
                try:
                    reply = urllib.request.urlopen(request, timeout=120)
                except urllib.error.HTTPError as error:
                    reply = error
                content = reply.read()
                if not invoke:
                    content = content.replace(ECR.encode(), registry.encode())
                self.send_response(reply.status)
                for key, value in reply.headers.items():
                    if key.lower() not in HOP:
                        self.send_header(key, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = forward

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


class Stage:
    """All stand-ins, for a `with` statement. `bash(script)` executes a script in the tree."""

    def __init__(self, root, build, work):
        self.root, self.build, self.work = root, build, work
        self.tree = work / "tree"
        self.processes = []
        self.moto = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        if self.moto:
            self.moto.stop()

    def launch(self, *command, **environment):
        with open(self.work / f"{Path(command[0]).name}.log", "ab") as log:
            process = subprocess.Popen(
                [str(x) for x in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**self.clean_environment(), **environment}, cwd=self.work)
        self.processes.append(process)
        return process

    @staticmethod
    def clean_environment():
        """The environment without settings of AWS, make and distil. `make check` exports the
        settings of its command line, which must not reach the commands of the runbooks."""
        settings = "|".join(["AWS_", "MAKE", "MFLAGS", "DISTIL", "https?_proxy", "HTTPS?_PROXY",
                             "MODEL", "TLS", "CI$", "BUILD$", "CC$", "OPT$", "V$", "EMBED$",
                             "[A-Z]*FLAGS$", "WERROR$", "SANITIZE$", "DEBUG$"])
        return {k: v for k, v in os.environ.items() if not re.match(settings, k)}

    def start(self):
        self.moto = stack.start()
        self.registry = self.start_registry()
        port = free_port()
        self.serve = f"http://127.0.0.1:{port}"
        self.gateway = Gateway(moto_types.endpoint, self.serve, self.registry)
        self.make_tree()
        self.environment = {
            "TLS": "none",  # as the copied program; check_image reads this, too
            **self.clean_environment(), "PATH": f"{self.work / 'bin'}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.gateway.address, "AWS_ACCESS_KEY_ID": "anybody",
            "AWS_SECRET_ACCESS_KEY": "anything", "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(self.work), "XDG_RUNTIME_DIR": str(self.work),
            "REGISTRY_AUTH_FILE": str(self.work / "auth.json"),
            "REVISION": "0123456789abcdef0123456789abcdef01234567",
            "SOURCE": "https://git.example/distilbert.c", "SOURCE_DATE_EPOCH": "1700000000",
            "SCANNER": f"python3 {self.root / 'tests/runbooks/scanner.py'}",
            "DOCKERFILE": str(self.work / "Dockerfile"),
        }
        self.push_first_image()
        self.deploy()
        variables = moto_types.client("lambda").get_function_configuration(
            FunctionName=stack.NAME)["Environment"]["Variables"]
        process = self.launch(
            self.build / "distil", "serve", "--local", "--raw", "--retry-ms", "10", "--port", port,
            "-m", self.build / "sst2.distil", "--store", moto_types.endpoint, "--",
            self.build / "bootstrap", **variables, AWS_REGION=t.REGION,
            AWS_ACCESS_KEY_ID="anybody", AWS_SECRET_ACCESS_KEY="anything")
        wait_for(self.serve + "/serve/state", process)

    def start_registry(self):
        port = free_port()
        (self.work / "registry.yml").write_text(
            "version: 0.1\nstorage:\n  filesystem:\n"
            f"    rootdirectory: {self.work / 'registry'}\nhttp:\n  addr: 127.0.0.1:{port}\n")
        (self.work / ".config/containers").mkdir(parents=True)
        (self.work / ".config/containers/registries.conf").write_text(
            f'[[registry]]\nlocation = "127.0.0.1:{port}"\ninsecure = true\n')
        process = self.launch("docker-registry", "serve", self.work / "registry.yml")
        wait_for(f"http://127.0.0.1:{port}/v2/", process)
        return f"127.0.0.1:{port}"

    def make_tree(self):
        """Make a tree with links to the sources, copies of the built files, models/mine, and a bin
        directory with make and aws."""
        self.tree.mkdir()
        for entry in self.root.iterdir():
            if entry.name not in ("build", "distil", "bootstrap", ".git", "models"):
                (self.tree / entry.name).symlink_to(entry)
        built = self.tree / "build"
        built.mkdir()
        for name in ("distil", "distil-serve", "bootstrap", "bootstrap.map", "sst2.distil"):
            shutil.copy2(self.build / name, built / name)
        for name in ("distil", "bootstrap"):
            (self.tree / name).symlink_to(built / name)
        (self.tree / "models").mkdir()
        (self.tree / "models/mine").symlink_to(self.root / "model/sst2")
        shutil.copy(self.root / "lambda/Dockerfile", self.work / "Dockerfile")
        binaries = self.work / "bin"
        binaries.mkdir()
        # With -o make does not rebuild a file, whatever compiler and flags it was built with.
        kept = ("distil", "distil-serve", "bootstrap", "sst2.distil")
        old = " ".join(f"-o build/{name}" for name in kept)
        make = binaries / "make"
        make.write_text(f'#!/bin/sh\nexec {shutil.which("make")} {old} "$@" TLS=none\n')
        make.chmod(0o755)
        # Version 1 of the AWS CLI does not read SQS's endpoint from the environment.
        aws = binaries / "aws"
        aws.write_text(
            f'#!/bin/sh\nexec {shutil.which("aws")} --endpoint-url "$AWS_ENDPOINT_URL" "$@"\n')
        aws.chmod(0o755)

    def bash(self, script, **environment):
        return subprocess.run(
            ["bash", "-c", script], cwd=self.tree, env={**self.environment, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=300, check=False)

    def push_first_image(self):
        made = self.bash(
            "set -eu; make -s TLS=openssl image >&2\n"
            f"skopeo copy -q oci-archive:build/image.tar docker://{self.registry}/{stack.NAME}:v1\n"
            "skopeo inspect --raw oci-archive:build/image.tar >manifest.json")
        if made.returncode:
            raise RuntimeError(made.stdout)
        self.manifest = (self.tree / "manifest.json").read_text()

    def put_image(self, repository):
        """Put the manifest of the image into moto's repository."""
        moto_types.client("ecr").put_image(
            repositoryName=repository, imageManifest=self.manifest, imageTag="v1",
            imageDigest=self.digest)

    def deploy(self):
        self.digest = digest_of(self.manifest)
        moto_types.on_repository.append(self.put_image)
        teach_updates(self)
        api = moto_types.client("cloudformation")
        api.create_stack(
            StackName=stack.NAME, TemplateBody=t.TEMPLATE.read_text(encoding="utf-8"),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": "ImageDigest", "ParameterValue": self.digest}])
        status = api.describe_stacks(StackName=stack.NAME)["Stacks"][0]["StackStatus"]
        if status != "CREATE_COMPLETE":
            raise RuntimeError(f"stack: {status}")

    def deploy_version(self, image, variables):
        """Deploy an image as an update of the stack does: update the function, publish a version,
        and point the alias to it."""
        digest = image.rpartition("@")[2]
        variables = {key: str(value) for key, value in variables.items()}
        api = moto_types.client("lambda")
        if digest != self.digest:
            request = urllib.request.Request(
                f"http://{self.registry}/v2/{stack.NAME}/manifests/{digest}",
                headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
            manifest = urllib.request.urlopen(request).read().decode()
            try:
                moto_types.client("ecr").put_image(
                    repositoryName=stack.NAME, imageManifest=manifest, imageDigest=digest)
            except moto_types.client("ecr").exceptions.ImageAlreadyExistsException:
                pass
        api.update_function_code(FunctionName=stack.NAME, ImageUri=image)
        api.update_function_configuration(
            FunctionName=stack.NAME, Environment={"Variables": variables})
        version = api.publish_version(
            FunctionName=stack.NAME,
            Description=f"{digest} {variables.get('MODEL_VERSION', '')}")["Version"]
        api.update_alias(FunctionName=stack.NAME, Name="live", FunctionVersion=version)
        return version

    def replace_ports(self, script):
        """Replace the two ports of docs/migration.md by free ones."""
        self.old, self.new = getattr(self, "old", free_port()), getattr(self, "new", free_port())
        return script.replace("9001", str(self.old)).replace("9000", str(self.new))

    def serve_old(self):
        process = self.launch(
            self.build / "distil", "serve", "--local", "--port", self.old,
            "-m", self.build / "sst2.distil", "--", self.build / "bootstrap")
        wait_for(f"http://127.0.0.1:{self.old}/serve/state", process)

    def client(self, service):
        return moto_types.client(service)

    def invoke(self, event):
        request = urllib.request.Request(
            self.serve + SERVE, data=json.dumps(event).encode(), method="POST")
        return json.load(urllib.request.urlopen(request, timeout=60))

    def function_output(self):
        """The lines that the function has written so far."""
        return (self.work / "distil.log").read_text(errors="replace").splitlines()
