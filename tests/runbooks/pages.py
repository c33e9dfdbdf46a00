# SPDX-License-Identifier: Apache-2.0
"""Parse runbooks into sections, fenced blocks and stanzas (commands between blank lines)."""

import re
from dataclasses import dataclass

SECTIONS = ["Signal", "First five minutes", "Commands", "How to know it is over"]
EXCUSE = "# no stand-in: "


class Wrong(Exception):
    """The page breaks a rule for runbooks."""


@dataclass
class Stanza:
    """Commands between two blank lines of a block."""

    line: int
    text: str

    @property
    def excuse(self):
        """The reason why the stanza is not executed, or ""."""
        first = self.text.split("\n", 1)[0]
        return first.removeprefix(EXCUSE).strip() if first.startswith(EXCUSE) else ""

    @property
    def name(self):
        """The first words of its command, up to the first option."""
        lines = [x for x in self.text.split("\n") if not x.startswith("#")]
        return " ".join(re.split(r" -|=| \"", lines[0])[0].split()[:3])


def blocks_of(text):
    """(line, language, line before the fence, content) of every fenced block."""
    found, start, mark, before = [], None, "", ""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.startswith("```"):
            continue
        if start is None:
            start, mark, before = number, line[3:].strip(), lines[number - 2] if number > 1 else ""
        else:
            found.append((start + 1, mark, before, lines[start : number - 1]))
            start = None
    if start is not None:
        raise Wrong(f"line {start}: a block without an end")
    return found


def stanzas_of(line, content):
    found, held = [], []
    for number, text in enumerate(content + [""], line):
        if text.strip():
            held.append(text)
        elif held:
            found.append(Stanza(number - len(held), "\n".join(held)))
            held = []
    return found


def check_queues(stanzas):
    """Refuse commands that work with moto but not with SQS."""
    for stanza in stanzas:
        command = stanza.text.replace("\\\n", " ")
        for call in re.findall(r"aws sqs receive-message[^\n]*", command):
            if "--wait-time-seconds" not in call:
                raise Wrong(f"line {stanza.line}: without --wait-time-seconds SQS asks only some "
                            "of the queue's servers and may return nothing")
        if "purge-queue" in command:
            raise Wrong(f"line {stanza.line}: purge-queue deletes events that came meanwhile")


def runbook(text):
    """All stanzas of a page; Wrong if the page breaks a rule."""
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    if sections != SECTIONS:
        raise Wrong(f"sections {sections}, not {SECTIONS}")
    for section in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]:
        if not section.strip():
            raise Wrong("an empty section")
    found = []
    for line, mark, _, content in blocks_of(text):
        if mark != "sh":
            raise Wrong(f"line {line - 1}: a block of {mark or 'no kind'}, not sh, "
                        "would not be executed")
        found += stanzas_of(line, content)
    if not found:
        raise Wrong("no commands")
    for stanza in found:
        if stanza.text.startswith("#") and EXCUSE.strip("# ") in stanza.text and not stanza.excuse:
            raise Wrong(f"line {stanza.line}: no reason why there is no stand-in")
    check_queues(found)
    return found


def marked(text, mark):
    """The stanzas of the block after the line <!-- run: MARK -->."""
    for line, _, before, content in blocks_of(text):
        if before.strip() == f"<!-- run: {mark} -->":
            stanzas = stanzas_of(line, content)
            check_queues(stanzas)
            return stanzas
    raise Wrong(f"no block marked {mark}")
