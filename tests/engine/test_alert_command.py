"""The command of an alert: real programs, run without a shell, for a limited time."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentflow.control.alerting.notify import AT_ONCE, Notifier

TELL = (
    "import json, os, sys; open({path!r}, 'w').write(json.dumps([sys.argv[1:], dict(os.environ)]))"
)
VALUES = {"name": "slow", "state": "firing", "value": "612ms"}


def script(tmp_path: Path, text: str) -> str:
    """The start of a command line that runs this Python."""
    file = tmp_path / "script.py"
    file.write_text(text)
    return f"'{sys.executable}' -I -S '{file}'"


def run(notifier: Notifier, line: str, values: dict[str, str] = VALUES) -> None:
    """Run it, and wait for its end."""
    thread = notifier.run(line, values)
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_hostile_text_is_one_argument(tmp_path: Path, hostile: str) -> None:
    """Nothing that an alert is called reaches a shell, or becomes a second argument."""
    _is_one_argument(tmp_path, hostile)


def test_shell_text_is_one_argument(tmp_path: Path) -> None:
    """The same for what a shell would love."""
    _is_one_argument(tmp_path, f"'; touch {tmp_path}/pwned; $(touch {tmp_path}/pwned) `id` \" #")
    assert not (tmp_path / "pwned").exists()


def _is_one_argument(tmp_path: Path, hostile: str) -> None:
    out = tmp_path / "out"
    line = script(tmp_path, TELL.format(path=str(out)))
    said: list[tuple[str, str, str]] = []
    run(Notifier(lambda *row: said.append(row)), f"{line} {{name}} x", {**VALUES, "name": hostile})
    arguments, environment = json.loads(out.read_text())
    shown = hostile.replace("\0", "")
    assert arguments == [shown, "x"]
    assert environment["AGENTFLOW_ALERT_NAME"] == shown
    assert environment["AGENTFLOW_ALERT_STATE"] == "firing"
    assert said == []


def test_a_failure_is_said_once_until_it_has_worked(tmp_path: Path) -> None:
    """The same trouble every minute is one line in the log."""
    said: list[tuple[str, str, str]] = []
    notifier = Notifier(lambda *row: said.append(row))
    run(notifier, "/no/such/program {name}")
    run(notifier, "/no/such/program {name}")
    text = "the command of alert 'slow' failed: /no/such/program: No such file or directory"
    assert said == [("error", "alerts", text)]
    run(notifier, script(tmp_path, "raise SystemExit(0)"))
    run(notifier, script(tmp_path, "raise SystemExit(3)"))
    assert len(said) == 2
    assert said[1][2].endswith("exit code 3")


def test_what_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    """A command that hangs ends, and so do its children."""
    child = tmp_path / "child"
    hang = (
        "import subprocess, sys, time\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(child)!r}, 'w').write(str(other.pid))\n"
        "time.sleep(60)\n"
    )
    said: list[tuple[str, str, str]] = []
    run(Notifier(lambda *row: said.append(row), 0.5), script(tmp_path, hang))
    assert "not done within 0.5 s, killed" in said[0][2]
    if child.exists():
        pid = int(child.read_text())
        gone = not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"
        assert gone or not psutil.wait_procs([psutil.Process(pid)], 5)[1]


def test_a_command_keeps_nobody_waiting_and_there_are_only_so_many(tmp_path: Path) -> None:
    """Starting one returns at once; when several hang, more are left out and that is said."""
    go = tmp_path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}):\n    time.sleep(0.01)\n"
    line = script(tmp_path, wait)
    said: list[tuple[str, str, str]] = []
    notifier = Notifier(lambda *row: said.append(row))
    began = time.monotonic()
    threads = [notifier.run(line, VALUES) for _ in range(AT_ONCE)]
    assert notifier.run(line, VALUES) is None
    assert time.monotonic() - began < 1
    assert "others are still running" in said[0][2]
    go.touch()
    for thread in threads:
        assert thread is not None
        thread.join(10)
    assert notifier.run(line, VALUES) is not None
