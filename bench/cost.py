#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the function costs, by memory: docs/cost.md.

    cost.py measure [--python PYTHON] [--events N] [-o FILE]    about a minute; as root
    cost.py report [--price-...] FILE                           prints the tables of docs/cost.md
    cost.py chart FILE -o FILE.svg                              draws the chart
    cost.py write                                               puts both into docs/

Lambda gives a function processor time in proportion to its memory: one processor at 1,769 MB.
`measure` does the same on this machine with a control group (a quota in each period of 20 ms, and
a limit of memory), runs the program with a stand-in for the Runtime API outside of the group, and
notes how long the start takes and how long each event. Nothing is stored, so no network is
involved; what DynamoDB adds is a parameter of `report`.

With --python, which names a Python that has torch and transformers, it also measures a function
that answers the same events with the pipeline of transformers on the same model.
"""
import argparse
import datetime
import http.server
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench/results/cost.jsonl"
PAGE, CHART = ROOT / "docs/cost.md", ROOT / "docs/cost.svg"
MEMORIES = [128, 256, 512, 1024, 1769, 2048, 3008]
# The tests of the function that used the pipeline accept no less memory.
PYTHON_MEMORIES = [1024, 1769, 3008]
MB_OF_A_CPU, PERIOD_US = 1769, 20000
MB = 1 << 20

WORKER = '''
import json, os, sys, time, urllib.request
begin = time.perf_counter()
import torch
from transformers import pipeline
torch.set_num_threads(max(1, int(os.environ["CPUS"])))
model = pipeline("sentiment-analysis", model=os.environ["MODEL"], device="cpu")
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    event = urllib.request.urlopen(base + "next")
    text = json.loads(json.load(event)["Records"][0]["Sns"]["Message"])["text_for_analysis"]
    answer = model(text[:512], truncation=True)[0]
    urllib.request.urlopen(base + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response",
                           json.dumps({"statusCode": 200, "body": answer}).encode())
'''


# ---- measuring --------------------------------------------------------------------------------


class Group:
    """A control group with the processor time and the memory of a function, or without limits if
    `memory` is None. Its weight is the greatest, so that other programs on this machine take little
    of the time that the quota allows. Versions 1 and 2 of the kernel's interface differ in names
    only."""

    def __init__(self, memory, name="function"):
        quota = round(PERIOD_US * (memory or 0) / MB_OF_A_CPU)
        top = pathlib.Path("/sys/fs/cgroup")
        name = f"distil-cost-{os.getpid()}-{name}"
        if (top / "cgroup.controllers").exists():
            self.folders = [top / name]
            values = {"cpu.weight": 10000}
            if memory:
                values |= {"cpu.max": f"{quota} {PERIOD_US}", "memory.max": memory * MB}
        else:
            self.folders = [top / "cpu" / name, *([top / "memory" / name] if memory else [])]
            values = {"cpu.shares": 262144}
            if memory:
                values |= {"cpu.cfs_period_us": PERIOD_US, "cpu.cfs_quota_us": quota,
                           "memory.limit_in_bytes": memory * MB}
        for folder in self.folders:
            folder.mkdir()
            for key, value in values.items():
                if (folder / key).exists():
                    (folder / key).write_text(str(value))

    def enter(self):
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def leave(self):
        for folder in self.folders:
            (folder.parent / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        for folder in self.folders:
            for _ in range(100):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.02)


class Runtime:
    """A stand-in for the Runtime API that times what the function does."""

    def __init__(self, events):
        outer = self
        self.events, self.taken, self.times, self.first = events, 0, [], None
        self.done = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                if outer.first is None:
                    outer.first = time.perf_counter()
                if outer.taken == len(outer.events):
                    outer.done.set()
                    time.sleep(60)
                    return
                body = outer.events[outer.taken]
                outer.taken += 1
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", f"id-{outer.taken}")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30000))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                outer.begin = time.perf_counter()
                self.wfile.write(body)

            def do_POST(self):
                answer = self.rfile.read(int(self.headers["Content-Length"]))
                outer.times.append(1000 * (time.perf_counter() - outer.begin))
                if not self.path.endswith("/response"):
                    outer.failure = answer.decode()
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.failure = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"


def events(count):
    """SNS events with sentences of the development set, a text of its usual length each."""
    rows = (ROOT / "tests/data/sst2/dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps({
        "source_id": f"review#{i}", "timestamp": "2026-01-15T12:34:56.000Z",
        "model_version": "v1.0.0", "text_for_analysis": rows[i % len(rows)].split("\t")[0]})}}]})
        .encode() for i in range(count)]


def measure_once(command, memory, count, variables):
    group, runtime = Group(memory), Runtime(events(count))
    try:
        with tempfile.TemporaryFile() as log:
            begin = time.perf_counter()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=group.enter,
                env={"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": runtime.address,
                     "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory), **variables})
            while not runtime.done.wait(0.05) and process.poll() is None:
                if time.perf_counter() - begin > 120:
                    break
            killed = process.poll()
            process.kill()
            process.wait()
            if not runtime.done.is_set() or runtime.failure:
                return {"memory_mb": memory, "failed": runtime.failure or f"status {killed}"}
    finally:
        runtime.server.shutdown()
        group.remove()
    return {"memory_mb": memory, "start_ms": round(1000 * (runtime.first - begin), 2),
            "first_ms": round(runtime.times[0], 2),
            "median_ms": round(statistics.median(runtime.times[1:]), 2),
            "p95_ms": round(sorted(runtime.times[1:])[int(0.95 * (count - 1))], 2),
            "billed_ms": round(sum(-(-t // 1) for t in runtime.times[1:]) / (count - 1), 2)}


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def measure(options):
    build = pathlib.Path(os.environ.get("DISTIL_BUILD", ROOT / "build"))
    level = subprocess.run([build / "distil", "isa"], capture_output=True, text=True, check=True)
    lines = [{"what": "machine", "cpu": cpu_name(), "cpus": os.cpu_count(),
              "level": level.stdout.split("\nchosen ")[1].split(":")[0].strip(),
              "events": options.events,
              "load": round(os.getloadavg()[0], 1), "date": datetime.date.today().isoformat()}]
    own = Group(None, "stand-in")
    own.enter()
    for memory in MEMORIES:
        # The middle one of three processes, by the time of its start.
        found = [measure_once([str(build / "bootstrap")], memory, options.events, {
            "DISTIL_STORE": "none", "DISTIL_MODEL": str(build / "sst2.distil")}) for _ in range(3)]
        found.sort(key=lambda r: r.get("start_ms", 1e9))
        lines.append({"what": "function", **found[1]})
        print(json.dumps(lines[-1]), file=sys.stderr)
    for memory in PYTHON_MEMORIES if options.python else []:
        variables = {"CPUS": str(max(1, memory // MB_OF_A_CPU)), "HF_HUB_OFFLINE": "1",
                     "MODEL": str(ROOT / "model/sst2"), "TOKENIZERS_PARALLELISM": "false"}
        if "PYTHONPATH" in os.environ:
            variables["PYTHONPATH"] = os.environ["PYTHONPATH"]
        lines.append({"what": "python", **measure_once(
            [options.python, "-c", WORKER], memory, min(options.events, 40), variables)})
        print(json.dumps(lines[-1]), file=sys.stderr)
    own.leave()
    own.remove()
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if options.output:
        pathlib.Path(options.output).write_text(text)
    else:
        print(text, end="")


# ---- reporting --------------------------------------------------------------------------------


def dollars(options, memory, billed_ms):
    """The price of a million events."""
    seconds = billed_ms * 1e6 / 1000
    return seconds * memory / 1024 * options.price_gb_second + options.price_million_requests


def load(path):
    lines = [json.loads(x) for x in pathlib.Path(path).read_text().splitlines()]
    return lines[0], {what: [x for x in lines if x["what"] == what and "failed" not in x]
                      for what in ("function", "python")}


def row(options, r):
    billed = r["billed_ms"] + options.store_ms
    start = r["start_ms"] + r["first_ms"]
    return (f"| {r['memory_mb']:,} | {r['memory_mb'] / MB_OF_A_CPU:.2f} | {r['start_ms']:,.0f} | "
            f"{start:,.0f} | {r['median_ms']:,.1f} | {r['p95_ms']:,.1f} | "
            f"{dollars(options, r['memory_mb'], billed):,.2f} | "
            f"{dollars(options, r['memory_mb'], start):,.2f} |")


def report(options):
    machine, found = load(options.file)
    out = [f"Measured on {machine['date']}: {machine['cpu']}, {machine['cpus']} CPUs, kernels of "
           f"level {machine['level']}, {machine['events']} events. The load of the "
           f"machine was {machine['load']} when it began, which is quiet up to 1.", ""]
    for what, name in ("function", "This function"), ("python", "The pipeline of transformers, "
                                                                "float32, on the same events"):
        if found[what]:
            out += [f"{name}:", "",
                    "| memory, MB | CPUs | start, ms | start and first answer, ms | event, ms: "
                    "median | p95 | dollars per million events | per million starts |",
                    "|---|---|---|---|---|---|---|---|"]
            out += [row(options, r) for r in found[what]] + [""]
    ours = {r["memory_mb"]: r for r in found["function"]}
    for r in found["python"]:
        mine = ours[r["memory_mb"]]
        ratio = [dollars(options, r["memory_mb"], x["billed_ms"] + options.store_ms)
                 for x in (r, mine)]
        out.append(f"- At {r['memory_mb']:,} MB an event of the pipeline costs "
                   f"{ratio[0] / ratio[1]:.1f} times as much, and its start takes "
                   f"{(r['start_ms'] + r['first_ms']) / (mine['start_ms'] + mine['first_ms']):.0f}"
                   " times as long.")
    best = min(found["function"], key=lambda r: dollars(
        options, r["memory_mb"], r["billed_ms"] + options.store_ms))
    out.append(f"- The cheapest memory for this function is {best['memory_mb']:,} MB.")
    out.append(f"- Each item costs {options.price_million_writes:,.3f} dollars per million "
               f"in DynamoDB's writes on demand, whatever the function.")
    return "\n".join(out) + "\n"


def chart(options):
    sys.path.insert(0, str(ROOT / "bench"))
    sys.dont_write_bytecode = True
    import report_charts as charts
    _, found = load(options.file)
    svg = charts.Svg(376, "dollars per million events by memory")
    prices = {what: [(r["memory_mb"], dollars(options, r["memory_mb"],
                                              r["billed_ms"] + options.store_ms)) for r in rows]
              for what, rows in found.items()}
    values = [p[1] for points in prices.values() for p in points]
    x = charts.Log(MEMORIES[0] / 1.15, MEMORIES[-1] * 1.3, 64, charts.WIDTH - 16)
    y = charts.Log(min(values) / 1.4, max(values) * 1.6, 330, 24)
    for tick in y.ticks():
        svg.line((64, y(tick)), (charts.WIDTH - 16, y(tick)), "grid")
        svg.text((56, y(tick) + 4), charts.number(tick), "tick", "end")
    for memory in MEMORIES:
        svg.line((x(memory), 330), (x(memory), 335), "axis")
        svg.text((x(memory) + (10 if memory == 2048 else -8 if memory == 1769 else 0), 349),
                 f"{memory:,}", "tick", "middle")
    svg.line((64, 330), (charts.WIDTH - 16, 330), "axis")
    svg.text((charts.WIDTH / 2, 370), "memory, MB", "name", "middle")
    svg.text((4, 12), "dollars per million events", "name")
    for what, colour, name in [("function", "#0f766e", "this function"),
                               ("python", "#9a3412", "pipeline of transformers")]:
        at = [(x(m), y(price)) for m, price in prices[what]]
        if not at:
            continue
        svg.track(at, colour, 2.6, False)
        for (px, py), (m, price) in zip(at, prices[what]):
            svg.dot((px, py), 4.2, colour, f"{name}: {price:.2f} dollars at {m} MB")
            svg.text((px + 7, py + 17), f"{price:.2f}", "value")
        svg.text((at[0][0] + 8, at[0][1] - 12), name, "name")
    style = ("<style>text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #1f2937 } "
             "text.tick, text.name { fill: #57606a } .grid { stroke: #e5e7eb } "
             ".axis { stroke: #9ca3af }</style><rect width='100%' height='100%' fill='#fff'/>")
    head, rest = str(svg).split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg" width="880">{style}{rest}\n'


def write(options):
    """Put the tables between the marks of docs/cost.md, and the chart beside it."""
    options.file = RESULTS
    text = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- begin: cost.py report -->\n", "<!-- end -->"
    before, rest = text.split(begin)
    PAGE.write_text(before + begin + report(options) + end + rest.split(end, 1)[1],
                    encoding="utf-8")
    CHART.write_text(chart(options), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure", help="measure on this machine, as root")
    one.add_argument("--python", help="a Python with torch and transformers")
    one.add_argument("--events", type=int, default=200, help="events of a process (200)")
    one.add_argument("-o", "--output", help="file for the results, JSON lines")
    for name in "report", "chart", "write":
        one = commands.add_parser(name)
        if name != "write":
            one.add_argument("file", help="results of measure")
        if name == "chart":
            one.add_argument("-o", "--output", required=True)
        # Prices of us-east-1 for x86, in US dollars.
        one.add_argument("--price-gb-second", type=float, default=0.0000166667)
        one.add_argument("--price-million-requests", type=float, default=0.20)
        one.add_argument("--price-million-writes", type=float, default=0.625)
        one.add_argument("--store-ms", type=float, default=5.0,
                         help="what an update of DynamoDB adds to an event (5)")
    options = parser.parse_args()
    if options.command == "measure":
        if os.geteuid() != 0 or shutil.which("mount") is None:
            sys.exit("cost.py: only root may make control groups: run it as root")
        measure(options)
    elif options.command == "report":
        print(report(options), end="")
    elif options.command == "chart":
        pathlib.Path(options.output).write_text(chart(options), encoding="utf-8")
    else:
        write(options)


if __name__ == "__main__":
    main()
