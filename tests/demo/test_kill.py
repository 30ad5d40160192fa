"""The demo is killed in the middle, again and again: its report is whole in the end."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from agentflow.journal.codec import decode
from agentflow_console.demo.feed import module_name, modules
from agentflow_console.demo.source import STDLIB

PROGRAM = """\
import sys
from agentflow_console.demo import feed

everything, count = feed.modules, int(sys.argv[1])
size = lambda path: (feed.STDLIB / path).stat().st_size
feed.modules = lambda: sorted(everything(), key=size)[:count]

from agentflow_console.cli import main

sys.exit(main(["--headless", "--demo", "--format", "json"]))
"""
"""The demo on the smallest modules of the library."""


class Demo:
    """The demo in a folder of its own, on ``count`` modules (0 for all of them)."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        everything = sorted(modules(), key=lambda path: (STDLIB / path).stat().st_size)
        self.modules = {module_name(path) for path in everything[: count or None]}
        flags = ["--headless", "--format", "json", "--demo"]
        self._arguments = (
            [sys.executable, "-P", "-c", PROGRAM, str(count)]
            if count
            else [sys.executable, "-P", "-m", "agentflow_console", *flags]
        )

    def start(self) -> subprocess.Popen[str]:
        """Run it."""
        environment = {k: v for k, v in os.environ.items() if k != "STDLIB_AUDIT_REPORT"}
        return subprocess.Popen(
            self._arguments,
            cwd=self.folder,
            env={**environment, "PYTHONDEVMODE": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill_after(self, lines: int) -> bool:
        """Run it and kill it when it has told of so many events; whether it had to be killed."""
        with self.start() as process:
            assert process.stdout is not None
            for number, line in enumerate(process.stdout, 1):
                if '"counts"' in line:
                    return False
                if number >= lines:
                    process.send_signal(signal.SIGKILL)
                    break
            process.communicate()
        return True

    def run(self) -> tuple[str, str]:
        """Run it to its end: standard output and error."""
        with self.start() as process:
            out, err = process.communicate(timeout=600)
        assert "Traceback" not in err, err
        return out, err

    def reported(self) -> Counter[str]:
        """How often each module is in the report, audited or not."""
        text = (self.folder / "stdlib-audit-report.md").read_text("utf-8")
        head, _, rest = text.partition("\n## Modules\n")
        audited = [line[4:].rpartition(": ")[0] for line in rest.splitlines() if line[:4] == "### "]
        failed = [line[3:].partition("`")[0] for line in head.splitlines() if line[:3] == "- `"]
        return Counter(audited + failed)

    def accepted(self) -> Counter[str]:
        """How often each module was accepted by the engine."""
        with sqlite3.connect(self.folder / ".agentflow/stdlib-audit.db") as db:
            bodies = db.execute("SELECT body FROM events").fetchall()
        db.close()
        return Counter(decode(body).data["module"] for (body,) in bodies)


def check(demo: Demo, moments: list[int]) -> None:
    for moment in moments:
        demo.kill_after(moment)
    demo.run()
    once = Counter(demo.modules)
    assert demo.accepted() == once
    assert demo.reported() == once
    left = sorted(path.name for path in demo.folder.iterdir())
    assert left == [".agentflow", "stdlib-audit-report.md"]


def test_a_killed_demo_goes_on_and_its_report_is_whole(tmp_path: Path) -> None:
    """After kills at several moments every module is in the report, and none was fed twice."""
    moments = random.Random(7).sample(range(1, 40), 2)
    check(Demo(tmp_path, 60), moments)


@pytest.mark.long
def test_the_whole_demo_survives_many_kills(tmp_path: Path) -> None:
    """The same with the whole library, at twelve moments."""
    check(Demo(tmp_path, 0), [random.Random(seed).randrange(1, 150) for seed in range(12)])
