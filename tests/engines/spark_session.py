# SPDX-License-Identifier: Apache-2.0
"""A small cluster of real Spark for tests, and its processes."""

import json
import os
import pathlib
import sys

from pyspark.sql import SparkSession


def start(batch_rows=200, events=None):
    """Two executors with a core each, which find the packages that this process finds. Spark writes
    a log of events into the folder `events`, if one is given."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = (SparkSession.builder.master("local-cluster[2,1,1024]").appName("distil")
               .config("spark.ui.enabled", "false")
               .config("spark.driver.bindAddress", "127.0.0.1")
               .config("spark.driver.host", "127.0.0.1")
               .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
               .config("spark.sql.execution.arrow.maxRecordsPerBatch", str(batch_rows))
               .config("spark.sql.shuffle.partitions", "4")
               # Where musl is installed beside glibc, Snappy's library for Java does not load.
               .config("spark.sql.parquet.compression.codec", "gzip")
               .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")
               .config("spark.executor.extraJavaOptions", "-XX:TieredStopAtLevel=1"))
    if events is not None:
        builder = (builder.config("spark.eventLog.enabled", "true")
                   .config("spark.eventLog.compress", "false")
                   .config("spark.eventLog.dir", "file://" + events))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def failures(events):
    """Why tasks have failed, according to the log of events: one reason for each."""
    reasons = []
    for file in pathlib.Path(events).glob("**/*"):
        if file.is_file() and "appstatus" not in file.name:
            for line in file.read_text(encoding="utf-8").splitlines():
                try:
                    event = json.loads(line) if "SparkListenerTaskEnd" in line else {}
                except ValueError:
                    continue  # Spark has written only a part of the last line
                reason = event.get("Task End Reason", {}).get("Reason", "Success")
                if reason not in ("Success", "Resubmitted"):
                    reasons.append(reason)
    return reasons


def _stat(pid):
    """The parent of a process and its CPU time in ticks, or None if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return int(fields[1]), int(fields[11]) + int(fields[12]), fields[0]
    except (OSError, IndexError):
        return None


def is_alive(pid):
    stat = _stat(pid)
    return stat is not None and stat[2] not in "ZX"


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def descendants():
    """CPU ticks of every process below this one, by pid."""
    stats = {int(name): _stat(name) for name in os.listdir("/proc") if name.isdigit()}
    stats = {pid: stat for pid, stat in stats.items() if stat is not None}
    found, new = {}, {os.getpid()}
    while new:
        new = {pid for pid, stat in stats.items() if stat[0] in new and pid not in found}
        found.update({pid: stats[pid][1] for pid in new})
    return found


def parent_of(pid):
    stat = _stat(pid)
    return stat[0] if stat else 0


def python_workers():
    """CPU ticks of the processes that run Python code for executors. They are forks of a daemon,
    whose command line they share."""
    ticks = descendants()
    return {pid: n for pid, n in ticks.items() if "pyspark.daemon" in command_of(pid)
            and "pyspark.daemon" in command_of(parent_of(pid))}


def executor_of(pid):
    """The Java process of the executor above a Python worker."""
    while pid > 1:
        if "CoarseGrainedExecutorBackend" in command_of(pid):
            return pid
        pid = parent_of(pid)
    return 0
