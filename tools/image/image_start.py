# SPDX-License-Identifier: Apache-2.0
"""The rules of check_image that start the image: umoci unpacks it, runc runs it as Lambda would.

    image_start.py BUNDLE CONTAINER

runs an unpacked image as a container with every restriction, and hands the AWS variables of its own
environment to it. `distil serve --local` starts this command as its function.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime_api import RuntimeApi

# Each rule's name and the sentence that `check_image --rules` prints for it.
RULES = {
    "unpacks": "umoci unpacks it",
    "answers": "it answers an SNS event with status 200, the event's source_id and a sentiment",
    "read-only": "it still does with a read-only root file system",
    "unprivileged": "it still does as user 993, group 990, without capabilities",
    "any-user": "it still does as user 65534, so it does not depend on a user",
    "memory": "it still does in 128 MB, and peak resident memory is at most the blob and 16 MB",
    "store": "beside `distil serve --local` it answers and updates the item in the store",
}
MEMORY_BYTES = 128 * 1024**2
HEADROOM_BYTES = 16_000_000
EVENT_FILE = Path(__file__).parent / "sns.json"


@dataclass
class Sandbox:
    """The restrictions on the process. Each rule adds one to those of the rules before it."""

    user: int = 0
    group: int = 0
    capabilities: bool = True
    read_only: bool = False
    memory_bytes: int = 0


@dataclass
class Outcome:
    answer: Any = None
    why: str = ""
    peak_bytes: int = 0
    seconds: float = 0.0


def memory_controller() -> bool:
    """Whether this machine can limit the memory of a cgroup, of version 1 or 2."""
    unified = Path("/sys/fs/cgroup/cgroup.controllers")
    if unified.exists():
        return "memory" in unified.read_text(encoding="ascii").split()
    return Path("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists()


def find_obstacle() -> str:
    """The reason why images cannot be started on this machine, or "" if they can."""
    tools = [tool for tool in ("umoci", "runc") if not shutil.which(tool)]
    if tools:
        return f"{' and '.join(tools)} not installed"
    if os.geteuid() != 0:
        return "not root, which runc and umoci need here"
    return ""


def layout_of(archive: Path, folder: Path) -> Path:
    """A copy of the image as a layout directory with one reference, which umoci requires."""
    layout = folder / "layout"
    if archive.is_dir():
        shutil.copytree(archive, layout)
    else:
        layout.mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", layout], check=True)
    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "image"}
    (layout / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return layout


def lambda_variables(address: str) -> dict[str, str]:
    return {
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "check-image",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_REGION": "us-east-1",
        "DISTIL_STORE": "none",
    }


def specification(bundle: Path, sandbox: Sandbox, variables: dict[str, str]) -> dict[str, Any]:
    """The OCI runtime specification: umoci's, plus the restrictions and the variables."""
    spec: dict[str, Any] = json.loads((bundle / "config.umoci.json").read_text(encoding="utf-8"))
    process = spec["process"]
    process["terminal"] = False
    process["user"] = {"uid": sandbox.user, "gid": sandbox.group}
    process["noNewPrivileges"] = True
    own = [item for item in process["env"] if item.startswith("DISTIL_")]
    process["env"] = [*own, *(f"{name}={value}" for name, value in variables.items())]
    if not sandbox.capabilities:
        process["capabilities"] = {kind: [] for kind in process["capabilities"]}
    spec["root"]["readonly"] = sandbox.read_only
    owner = [f"uid={sandbox.user}", f"gid={sandbox.group}"]
    spec["mounts"] = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {
            "destination": "/tmp",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "nodev", "mode=0700", *owner],
        },
    ]
    linux = spec["linux"]
    # No network namespace: the Runtime API listens on the loopback interface of this machine.
    linux["namespaces"] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
    linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    if sandbox.memory_bytes:
        linux["resources"]["memory"] = {"limit": sandbox.memory_bytes}
    return spec


def write_specification(bundle: Path, sandbox: Sandbox, variables: dict[str, str]) -> None:
    spec = specification(bundle, sandbox, variables)
    (bundle / "config.json").write_text(json.dumps(spec), encoding="utf-8")


def delete_container(container: str) -> None:
    command = ["runc", "delete", "--force", container]
    subprocess.run(command, capture_output=True, check=False)


def peak_of(container: str) -> int:
    """The peak resident memory of the container's process in bytes, or 0 if it has ended."""
    state = subprocess.run(["runc", "state", container], capture_output=True, check=False)
    try:
        pid = json.loads(state.stdout)["pid"]
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (ValueError, LookupError, OSError, StopIteration):
        return 0


def run_image(bundle: Path, sandbox: Sandbox, event: bytes, seconds: float) -> Outcome:
    """Run the image until it has answered the event and asked for the next one."""
    container = f"check-image-{os.getpid()}"
    outcome = Outcome()
    with RuntimeApi(event) as api, (bundle / "log").open("w+b") as log:
        write_specification(bundle, sandbox, lambda_variables(api.address))
        begin = time.perf_counter()
        command = ["runc", "run", "--bundle", str(bundle), container]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        ) as process:
            while not api.finished.wait(0.005) and process.poll() is None:
                if time.perf_counter() - begin > seconds:
                    outcome.why = f"no answer within {seconds:g} s"
                    break
            outcome.seconds = time.perf_counter() - begin
            outcome.peak_bytes = peak_of(container)
            delete_container(container)
        log.seek(0)
        said = " | ".join(log.read().decode(errors="replace").split("\n")[-4:]).strip(" |")
        if api.error is not None:
            outcome.why = f"it reported an error: {api.error.decode(errors='replace')[:300]}"
        elif api.response is None:
            outcome.why = outcome.why or f"it ended (status {process.returncode}) without an answer"
            outcome.why += f"; it wrote: {said[-400:]}" if said else ""
        else:
            try:
                outcome.answer = json.loads(api.response)
            except ValueError:
                outcome.why = f"its answer is not JSON: {api.response[:100]!r}"
            if not api.finished.is_set():
                outcome.why = "it answered and ended without asking for the next event"
    return outcome


def check_answer(outcome: Outcome, source_id: str, expected: str) -> str:
    """What is wrong with an outcome, or "" if the answer is right."""
    if outcome.why:
        return outcome.why
    answer = outcome.answer
    body = answer.get("body") if isinstance(answer, dict) else None
    if not isinstance(body, dict) or answer.get("statusCode") != 200:
        return f"answer {json.dumps(answer)[:200]}"
    sentiments = (expected,) if expected else ("positive", "negative", "neutral")
    if body.get("source_id") != source_id or body.get("sentiment") not in sentiments:
        return f"answer {json.dumps(body)[:200]}, expected {source_id}, {' or '.join(sentiments)}"
    score = body.get("score")
    if not isinstance(score, (int, float)) or not 0.5 <= score <= 1:
        return f"score {score!r}, which two labels cannot give"
    return ""


def check_served(bundle: Path, distil: Path, seconds: float, source_id: str) -> str:
    """Run the fully restricted image under `distil serve`; return what is wrong, or ""."""
    container = f"check-image-{os.getpid()}-served"
    model = bundle / "rootfs/app/model.distil"
    launcher = [sys.executable, str(Path(__file__).resolve()), str(bundle), container]
    options = ["--port", "0", "--store", "memory", "--pending", "--raw", "-m", str(model)]
    options += ["--timeout", str(max(1, int(seconds))), "--event", str(EVENT_FILE)]
    command = [str(distil.resolve()), "serve", "--local", *options, "--", *launcher]
    try:
        served = subprocess.run(
            command, capture_output=True, check=False, text=True, timeout=10 * seconds
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {10 * seconds:g} s"
    finally:
        delete_container(container)
    for line in served.stdout.splitlines():
        try:
            body = json.loads(line)["body"]
        except (ValueError, LookupError, TypeError):
            continue
        if isinstance(body, dict) and body.get("source_id") == source_id:
            return "" if body.get("updated") is True else f"not updated: {line[:200]}"
    return f"no answer; {(served.stderr or served.stdout)[-300:]}"


def check_started_image(
    archive: Path, expected: str, seconds: float, distil: Path | None, report: Any
) -> None:
    """Apply every rule of RULES and report each. The rule `store` needs the distil command."""
    reason = find_obstacle()
    if reason:
        for name in RULES:
            report.skip(name, reason)
        return
    event = EVENT_FILE.read_bytes()
    message = json.loads(json.loads(event)["Records"][0]["Sns"]["Message"])
    with tempfile.TemporaryDirectory(prefix="check-image-") as name:
        folder, bundle = Path(name), Path(name) / "bundle"
        unpacked = subprocess.run(
            ["umoci", "unpack", "--image", f"{layout_of(archive, folder)}:image", bundle],
            capture_output=True, check=False, text=True,
        )  # fmt: skip
        report.add("unpacks", [unpacked.stderr[-300:]] if unpacked.returncode else [])
        if unpacked.returncode:
            return
        os.chmod(folder, 0o755)  # The container's user must be able to enter it.
        (bundle / "config.json").rename(bundle / "config.umoci.json")
        blob = bundle / "rootfs/app/model.distil"
        sandbox = Sandbox()
        restrictions: dict[str, dict[str, Any]] = {
            "answers": {},
            "read-only": {"read_only": True},
            "unprivileged": {"user": 993, "group": 990, "capabilities": False},
            "any-user": {"user": 65534, "group": 65534},
            "memory": {"memory_bytes": MEMORY_BYTES},
        }
        for rule, restriction in restrictions.items():
            if rule == "memory" and not memory_controller():
                report.skip(rule, "this machine cannot limit the memory of a cgroup")
                continue
            tried = Sandbox(**{**vars(sandbox), **restriction})
            outcome = run_image(bundle, tried, event, seconds)
            finding = check_answer(outcome, message["source_id"], expected)
            if rule == "memory" and not finding:
                limit = blob.stat().st_size + HEADROOM_BYTES
                if not 0 < outcome.peak_bytes <= limit:
                    finding = f"peak {outcome.peak_bytes} bytes, at most {limit}"
            report.add(rule, [finding] if finding else [], RULES[rule])
            if finding and rule == "answers":
                return
            # A restriction that broke the image is dropped, so that the next rules test their own.
            if not finding:
                sandbox = tried
                report.note(
                    f"{outcome.seconds * 1e3:.0f} ms, peak {outcome.peak_bytes / 1e6:.1f} MB"
                )
        if distil is not None:
            finding = check_served(bundle, distil, seconds, message["source_id"])
            report.add("store", [finding] if finding else [], RULES["store"])


def main() -> None:
    """Replace this process by runc; the container gets the AWS variables of the environment."""
    bundle, container = Path(sys.argv[1]), sys.argv[2]
    known = ("AWS_LAMBDA_", "AWS_ENDPOINT_", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_",
             "AWS_SECRET_", "AWS_SESSION_", "DATABASE_TABLE", "DISTIL_STORE",
             "ENVIRONMENT")  # fmt: skip
    variables = {name: value for name, value in os.environ.items() if name.startswith(known)}
    memory = MEMORY_BYTES if memory_controller() else 0
    write_specification(bundle, Sandbox(993, 990, False, True, memory), variables)
    os.execvp("runc", ["runc", "run", "--bundle", str(bundle), container])


if __name__ == "__main__":
    main()
