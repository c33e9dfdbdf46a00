#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn a published seccomp profile into the rules that tool_box --filter reads.

    seccomp_rules.py container PROFILE.json NUMBERS [ERRNO]
    seccomp_rules.py service SETS NUMBERS

PROFILE.json is the default profile of containers, as Docker and Podman have it. ERRNO replaces the
error of calls that it does not name: 1 is Docker's choice. SETS is what `systemd-analyze
syscall-filter` prints; the rules are those of SystemCallFilter=@system-service. NUMBERS has a name
and a number of this architecture's system calls on each line.
"""

import json
import sys

# The capabilities that Docker leaves to a container.
CAPABILITIES = {
    "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP",
    "CAP_SETUID", "CAP_SYS_CHROOT",
}
RELATIONS = {"SCMP_CMP_EQ": "eq", "SCMP_CMP_NE": "ne"}

# systemd.exec(5) names these as allowed whatever the filter says.
IMPLICIT = ["execve", "exit", "exit_group", "getrlimit", "rt_sigreturn"]


def read_numbers(path):
    """Return the numbers of system calls by name."""
    with open(path, encoding="ascii") as lines:
        return {name: int(number) for name, number in map(str.split, lines)}


def applies(rule):
    """Tell whether a rule of a container profile applies to a container with CAPABILITIES."""
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    arches = includes.get("arches")
    caps = includes.get("caps")
    return (
        (not arches or "amd64" in arches)
        and (not caps or set(caps) <= CAPABILITIES)
        and not set(excludes.get("caps") or []) & CAPABILITIES
        and "amd64" not in (excludes.get("arches") or [])
    )


def action(rule, default_errno):
    """Return the word for the action of a rule."""
    if rule["action"] == "SCMP_ACT_ALLOW":
        return "allow"
    if rule["action"] != "SCMP_ACT_ERRNO":
        raise SystemExit(f"seccomp_rules.py: unknown action {rule['action']}")
    return f"errno{rule.get('errnoRet') or default_errno}"


def container_rules(path, numbers, errno):
    """Yield the rules of a container profile."""
    with open(path, encoding="utf-8") as file:
        profile = json.load(file)
    errno = errno or profile.get("defaultErrnoRet") or 1
    yield f"default errno{errno}"
    for rule in filter(applies, profile["syscalls"]):
        words = ""
        for arg in rule.get("args") or []:
            words += f" {arg['index']} {RELATIONS[arg['op']]} {arg['value']}"
        for name in rule["names"]:
            if name in numbers:
                yield f"{numbers[name]} {action(rule, errno)}{words}"


def service_calls(path, group):
    """Return the names of the calls in a set of systemd, those of its subsets included."""
    sets, name = {}, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            word = line.strip()
            if line.startswith("@"):
                name = word
            elif line.startswith(" ") and word and not word.startswith("#") and name:
                sets.setdefault(name, []).append(word)

    def resolve(member):
        if not member.startswith("@"):
            return {member}
        return set().union(*(resolve(each) for each in sets.get(member, [])))

    return resolve(group)


def service_rules(path, numbers):
    """Yield the rules of SystemCallFilter=@system-service, which kills what it does not allow."""
    names = service_calls(path, "@system-service")
    if len(names) < 100:
        raise SystemExit("seccomp_rules.py: @system-service is not in the list")
    yield "default kill"
    for name in sorted(names | set(IMPLICIT)):
        if name in numbers:
            yield f"{numbers[name]} allow"


def main():
    """Print the rules."""
    kind, source, numbers, *errno = sys.argv[1:]
    numbers = read_numbers(numbers)
    if kind == "container":
        rules = container_rules(source, numbers, errno and int(errno[0]))
    else:
        rules = service_rules(source, numbers)
    print("\n".join(rules))


main()
