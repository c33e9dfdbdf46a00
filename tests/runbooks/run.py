# SPDX-License-Identifier: Apache-2.0
"""Execute every command of the runbooks against local stand-ins for AWS.

    run.py ROOT BUILD [-v]      prints failed cases, with -v every case, and last the counts

A block of a page in lambda/runbooks is a bash script of stanzas, which blank lines separate. All
stanzas of a page run in one shell, in order, until one fails. Before that, incidents.py creates the
incident that the page is about. A stanza that begins with "# no stand-in: REASON" is not executed.
NO_STAND_IN lists all of these, so that none is added by accident.
"""

import re
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
ROOT, BUILD = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
sys.path.insert(0, str(ROOT / "tests/deploy"))

import cases  # noqa: E402
import incidents  # noqa: E402
import pages  # noqa: E402
import stage as stages  # noqa: E402

RUNBOOKS = ROOT / "lambda/runbooks"
NO_STAND_IN = {
    ("cold-starts", "aws lambda put-provisioned-concurrency-config"),
    ("first-48-hours", "aws ce update-cost-allocation-tags-status"),
    ("rollback", "aws deploy stop-deployment"),
    ("vulnerability-found", "cosign verify"),
}
MARK = "@@@ "


def execute(stage, setup, stanzas):
    """Run the stanzas; return the output of the shell and the stanza that failed, or None."""
    script = ["set -euo pipefail", *(s.text for s in setup)]
    done = []
    for number, stanza in enumerate(stanzas):
        if not stanza.excuse:
            script += [f"printf '\\n{MARK}{number}\\n'", stanza.text]
            done.append(stanza)
    run = stage.bash("\n".join(script))
    started = [int(x) for x in re.findall(rf"^{MARK}(\d+)$", run.stdout, re.MULTILINE)]
    failed = None
    if run.returncode:
        failed = stanzas[started[-1]] if started else setup[-1]
    elif len(started) != len(done):
        failed = done[len(started)]
    return run.stdout, failed


def try_page(stage, name, text, setup):
    """Run a page; return "" or why it is refused, and the stanzas that were executed."""
    try:
        stanzas = pages.runbook(text)
    except pages.Wrong as wrong:
        return str(wrong), []
    excused = {(name, s.name) for s in stanzas if s.excuse}
    if excused != {x for x in NO_STAND_IN if x[0] == name}:
        return f"without a stand-in: {sorted(excused)}", []
    before, after = getattr(incidents, "before_" + name.replace("-", "_")), getattr(
        incidents, "after_" + name.replace("-", "_"))
    before(stage)
    output, failed = execute(stage, setup, stanzas)
    if failed:
        return f"line {failed.line}: {failed.name}: ends with an error:\n{output[-1500:]}", []
    wrong = after(stage, output)
    return (f"{wrong}\n{output[-3000:]}" if wrong else ""), [s for s in stanzas if not s.excuse]


def check_broken(stage, check, texts, setup):
    """Each broken page must be refused, for the reason given."""
    for name, old, new, why in incidents.BROKEN:
        text = texts[name]
        check.that(f"broken: {name}: there is {old!r}", old in text)
        found, _ = try_page(stage, name, text.replace(old, new, 1), setup)
        check.that(f"broken: {name}: {new.strip()!r} is refused", why in found,
                   f"said {found[-400:]!r}")


def check_migration(stage, check, setup, mark, before, after):
    """Run a block of docs/migration.md as it stands, except for its two ports."""
    text = (ROOT / "docs/migration.md").read_text(encoding="utf-8")
    script = stage.replace_ports("\n".join(s.text for s in setup + pages.marked(text, mark)))
    variables = before(stage)
    run = stage.bash("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n" + script,
                     **variables)
    wrong = after(stage, run)
    check.that(f"migration: {mark}", not wrong, f"{wrong}: {run.stdout[-1500:]}")


def main():
    check = cases.Cases(sys.argv[3:])
    texts = {p.stem: p.read_text(encoding="utf-8") for p in sorted(RUNBOOKS.glob("*.md"))}
    for name in texts:
        check.that(f"README names {name}",
                   name == "README" or f"[{name}]({name}.md)" in texts["README"])
    setup = [s for line, _, _, content in pages.blocks_of(texts.pop("README"))
             for s in pages.stanzas_of(line, content)]
    executed = 0
    with tempfile.TemporaryDirectory() as work, stages.Stage(ROOT, BUILD, Path(work)) as stage:
        for name, text in texts.items():
            wrong, stanzas = try_page(stage, name, text, setup)
            check.that(name, not wrong, wrong)
            executed += len(stanzas)
        for mark, (before, after) in incidents.MIGRATION.items():
            check.guard(f"migration: {mark}", check_migration, stage, check, setup, mark, before,
                        after)
        check_broken(stage, check, texts, setup)
    for name, command in sorted(NO_STAND_IN):
        check.note(f"not executed, no stand-in: {name}: {command}")
    check.note(f"{executed} pieces of {len(texts)} runbooks executed")
    return check.close("run")


if __name__ == "__main__":
    sys.exit(main())
