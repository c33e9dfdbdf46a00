# SPDX-License-Identifier: Apache-2.0
"""The rules of the image gate that run it: unpacked by umoci, started by runc as Lambda would.

    image_start.py BUNDLE CONTAINER

starts one with all restrictions and the variables of AWS in this process's environment: a program
for `distil serve --local`.
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

RULES = {
    "unpacks": ("umoci unpacks it", None),
    "answers": ("started, it answers an SNS event: status 200, the event's id, a sentiment", None),
    "read-only": ("the same on a read-only root", None),
    "unprivileged": ("the same as user 993, group 990, without a capability", None),
    "any-user": ("the same as user 65534: no user is built in", None),
    "memory": ("the same in 128 MB; peak resident memory at most the blob and 16 MB", None),
    "store": ("beside `distil serve --local`, and its store has the item updated", None),
}
MEMORY_BYTES = 128 * 1024**2
HEADROOM_BYTES = 16_000_000
EVENT_FILE = Path(__file__).parent / "sns.json"


@dataclass
class Sandbox:
    """What is taken away from the process; every rule adds one restriction to those before."""

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
    """Whether this machine can limit a group's memory, cgroups of either version."""
    unified = Path("/sys/fs/cgroup/cgroup.controllers")
    if unified.exists():
        return "memory" in unified.read_text(encoding="ascii").split()
    return Path("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists()


def missing() -> str:
    """Why images cannot be started here; empty where they can."""
    tools = [tool for tool in ("umoci", "runc") if not shutil.which(tool)]
    if tools:
        return f"{' and '.join(tools)} not installed"
    if os.geteuid() != 0:
        return "not root: runc and umoci are used as root"
    return ""


def layout_of(archive: Path, folder: Path) -> Path:
    """The archive as a layout directory with one reference, as umoci wants it."""
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
    }


def specification(bundle: Path, sandbox: Sandbox, variables: dict[str, str]) -> dict[str, Any]:
    """umoci's translation of the image's configuration, with the sandbox and more variables."""
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
    # The Runtime API listens on this machine's loopback, so the network is shared.
    linux["namespaces"] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
    linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    if sandbox.memory_bytes:
        linux["resources"]["memory"] = {"limit": sandbox.memory_bytes}
    return spec


def write_specification(bundle: Path, sandbox: Sandbox, variables: dict[str, str]) -> None:
    spec = specification(bundle, sandbox, variables)
    (bundle / "config.json").write_text(json.dumps(spec), encoding="utf-8")


def delete(container: str) -> None:
    command = ["runc", "delete", "--force", container]
    subprocess.run(command, capture_output=True, check=False)


def peak_of(container: str) -> int:
    """Most resident memory that the container's process has had, 0 if it is gone."""
    state = subprocess.run(["runc", "state", container], capture_output=True, check=False)
    try:
        pid = json.loads(state.stdout)["pid"]
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (ValueError, LookupError, OSError, StopIteration):
        return 0


def start(bundle: Path, sandbox: Sandbox, event: bytes, seconds: float) -> Outcome:
    """Run the image in the sandbox until it has answered the event and asked for the next."""
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
            delete(container)
        log.seek(0)
        said = " | ".join(log.read().decode(errors="replace").split("\n")[-4:]).strip(" |")
        if api.error is not None:
            outcome.why = f"it reports an error: {api.error.decode(errors='replace')[:300]}"
        elif api.response is None:
            outcome.why = outcome.why or f"it ended (status {process.returncode}) without an answer"
            outcome.why += f"; it wrote: {said[-400:]}" if said else ""
        else:
            try:
                outcome.answer = json.loads(api.response)
            except ValueError:
                outcome.why = f"its answer is not JSON: {api.response[:100]!r}"
            if not api.finished.is_set():
                outcome.why = "it answered and ended; only asking for the next event completes it"
    return outcome


def wrong(outcome: Outcome, source_id: str, expected: str) -> str:
    """What is wrong with an outcome; empty for a good answer."""
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
        return f"score {score!r} of two labels"
    return ""


def check_served(bundle: Path, distil: Path, seconds: float, source_id: str) -> str:
    """The image in full restriction, as the function of `distil serve`; what is wrong."""
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
        return f"no end within {10 * seconds:g} s"
    finally:
        delete(container)
    for line in served.stdout.splitlines():
        try:
            body = json.loads(line)["body"]
        except (ValueError, LookupError, TypeError):
            continue
        if isinstance(body, dict) and body.get("source_id") == source_id:
            return "" if body.get("updated") is True else f"not updated: {line[:200]}"
    return f"no answer; {(served.stderr or served.stdout)[-300:]}"


def check(archive: Path, expected: str, seconds: float, distil: Path | None, report: Any) -> None:
    """Every rule of RULES, into the report; `store` where there is the command."""
    reason = missing()
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
        os.chmod(folder, 0o755)  # the container's user has to reach the root through it
        (bundle / "config.json").rename(bundle / "config.umoci.json")
        blob = bundle / "rootfs/app/model.distil"
        sandbox = Sandbox()
        steps: dict[str, dict[str, Any]] = {
            "answers": {},
            "read-only": {"read_only": True},
            "unprivileged": {"user": 993, "group": 990, "capabilities": False},
            "any-user": {"user": 65534, "group": 65534},
            "memory": {"memory_bytes": MEMORY_BYTES},
        }
        for rule, restriction in steps.items():
            if rule == "memory" and not memory_controller():
                report.skip(rule, "no cgroup here can limit memory")
                continue
            tried = Sandbox(**{**vars(sandbox), **restriction})
            outcome = start(bundle, tried, event, seconds)
            finding = wrong(outcome, message["source_id"], expected)
            if rule == "memory" and not finding:
                limit = blob.stat().st_size + HEADROOM_BYTES
                if not 0 < outcome.peak_bytes <= limit:
                    finding = f"peak {outcome.peak_bytes} bytes, at most {limit}"
            report.add(rule, [finding] if finding else [], RULES[rule][0])
            if finding and rule == "answers":
                return
            if not finding:  # else the next rules are tried without what broke this one
                sandbox = tried
                report.note(
                    f"{outcome.seconds * 1e3:.0f} ms, peak {outcome.peak_bytes / 1e6:.1f} MB"
                )
        if distil is not None:
            finding = check_served(bundle, distil, seconds, message["source_id"])
            report.add("store", [finding] if finding else [], RULES["store"][0])


def main() -> None:
    """Become runc, with the container's variables taken from this process's environment."""
    bundle, container = Path(sys.argv[1]), sys.argv[2]
    known = ("AWS_LAMBDA_", "AWS_ENDPOINT_", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_",
             "AWS_SECRET_", "AWS_SESSION_", "DATABASE_TABLE")  # fmt: skip
    variables = {name: value for name, value in os.environ.items() if name.startswith(known)}
    memory = MEMORY_BYTES if memory_controller() else 0
    write_specification(bundle, Sandbox(993, 990, False, True, memory), variables)
    os.execvp("runc", ["runc", "run", "--bundle", str(bundle), container])


if __name__ == "__main__":
    main()
