"""What the README says is what happens: its commands are run, its snippets are used."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentflow_console.commands import COMMANDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PROGRAM = Path(sys.executable).with_name("agentflow-console")

MAIN = (
    "python3 -m venv --upgrade-deps .venv && .venv/bin/pip install -qe . "
    "&& .venv/bin/agentflow-console"
)
TEST = (
    "python3 -m venv --upgrade-deps .venv && .venv/bin/pip install -qe . --group test "
    "&& .venv/bin/pytest"
)
AFTERWARDS = [
    "agentflow-console dead list",
    "agentflow-console dead show 1",
    "agentflow-console dead replay 1",
    "agentflow-console dead export",
    "agentflow-console health",
    "agentflow-console journal",
]
AGAIN = [
    "agentflow-console recording agentflow.toml",
    "agentflow-console replay agentflow.toml",
    "agentflow-console whatif agentflow.toml agentflow.toml",
    "agentflow-console whatif agentflow.toml agentflow.toml --orchestration-mode loop"
    " --loop-agent greeter",
    "agentflow-console audit",
]
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

BLOCKS = [match.groups() for match in FENCE.finditer(README)]
FILES = {name: text for _, name, text in BLOCKS if name}
COMMAND_LINES = [line for kind, _, text in BLOCKS if kind == "sh" for line in text.splitlines()]
OUTPUTS = [text for kind, _, text in BLOCKS if kind == "text"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with every file that the README shows."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command line of the README, with this environment's program for the name."""
    name, *arguments = command.split()
    assert name == "agentflow-console"
    return subprocess.run(
        [str(PROGRAM), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def without_times(text: str) -> str:
    """Lines with times of day and durations blanked, and runs of spaces made one."""
    text = re.sub(r"\d\d:\d\d:\d\d\.\d+", "TIME", text)
    text = re.sub(r"\b\d+(\.\d+)?(µs|ms|s)\b", "SPAN", text)
    return re.sub(r" +", " ", text)


def test_the_readme_has_exactly_these_commands() -> None:
    """The two that do all of their own set-up, and those that the tests below run."""
    assert [
        MAIN,
        "agentflow-console --headless --events events.jsonl",
        "agentflow-console validate review.toml",
        "agentflow-console diagram review.toml",
        "agentflow-console review.toml --provider mock",
        *AFTERWARDS,
        *AGAIN,
        TEST,
    ] == COMMAND_LINES


def test_the_checks_end_with_the_readmes_test_command() -> None:
    """.ci/run stops at the first failure, and what pytest says is said last."""
    script = ROOT / ".ci" / "run"
    lines = script.read_text("utf-8").splitlines()
    assert lines[-1] == TEST
    assert "set -euo pipefail" in lines
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_the_smallest_configuration_prints_what_the_readme_shows(folder: Path) -> None:
    """One event succeeds, one is a dead letter, and the exit code says so."""
    result = run(COMMAND_LINES[1], folder)
    assert without_times(result.stdout) == without_times(OUTPUTS[0])
    assert result.returncode == 1


def test_the_review_is_valid_and_can_be_drawn(folder: Path) -> None:
    """No error, and every agent in the chart."""
    checked = run(COMMAND_LINES[2], folder)
    assert checked.returncode == 0, checked.stdout
    drawn = run(COMMAND_LINES[3], folder)
    assert drawn.returncode == 0
    assert "flowchart" in drawn.stdout
    assert all(f'"{agent}"' in drawn.stdout for agent in ("facts", "style", "editor"))


def test_the_review_runs_offline(folder: Path) -> None:
    """With the mock provider an event goes through both phases; no terminal, so it prints."""
    (folder / "one.jsonl").write_text('{"target": "facts", "data": {"text": "hello"}}\n')
    result = run(f"{COMMAND_LINES[4]} --events one.jsonl", folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 accepted, 1 succeeded" in result.stdout


def test_what_failed_can_be_seen_and_run_again_from_a_shell(folder: Path) -> None:
    """After the smallest run its dead letter is listed, shown, exported and queued again."""
    run(COMMAND_LINES[1], folder)
    listed, shown, replayed, exported, health, journal = (
        run(command, folder) for command in AFTERWARDS
    )
    assert "AgentNotFound" in listed.stdout
    assert '"name": "Grace"' in shown.stdout
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(exported.stdout.splitlines()[0])["agent"] == "nobody"
    assert "agentflow.db" in health.stdout + health.stderr
    assert "1 open, 2 settled, 1 dead" in journal.stdout
    again = run("agentflow-console --headless", folder)
    assert "AgentNotFound" in again.stdout


def test_what_ran_can_be_seen_again_and_run_otherwise(folder: Path) -> None:
    """What the smallest run left behind is told, shown again, the same again, and different."""
    run(COMMAND_LINES[1], folder)
    run("agentflow-console dead drop 1 --yes --operator ada", folder)
    told, shown, same, different, audit = (run(command, folder) for command in AGAIN)
    assert re.search(r"events +2\b", told.stdout), told.stdout
    assert "greeter" in shown.stdout
    assert "AgentNotFound" in shown.stdout
    assert (same.returncode, different.returncode) == (0, 1), same.stdout + different.stdout
    assert "no divergence" in same.stdout
    assert "first divergence" in different.stdout
    assert "ada" in audit.stdout


def test_the_limits_are_valid(folder: Path) -> None:
    """Every key under [journal], [supervision], [breakpoints] and [[console.alerts]] is one."""
    result = run("agentflow-console validate limits.toml stops.toml alerts.toml", folder)
    assert result.returncode == 0
    assert "unknown" not in result.stdout


def test_the_program_prints_what_the_readme_shows(folder: Path) -> None:
    """The library, used from a script."""
    result = subprocess.run(
        [sys.executable, "embedded.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.stderr == ""
    assert result.stdout == OUTPUTS[1]


def test_every_key_in_the_readme_is_bound() -> None:
    """The table names keys as the registry of commands does."""
    names = {"↑": "up", "↓": "down"}
    bound = {key for command in COMMANDS for key in command.keys}
    rows = README.partition("## Keys")[2].partition("\n## ")[0].splitlines()
    shown = [
        names.get(key, key)
        for row in rows
        if row.startswith("| `")
        for key in re.findall(r"`([^`]+)`", row.split(" | ")[0])
    ]
    assert len(shown) > 15
    assert set(shown) <= bound


def test_every_link_leads_somewhere() -> None:
    """Files and folders of this repository, the picture among them."""
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) >= 5
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.long
def test_a_fresh_clone_runs_after_the_readmes_set_up(tmp_path: Path) -> None:
    """The main command, word for word, in a clone: without a terminal the demo prints lines."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    shutil.rmtree(clone / ".git")
    result = subprocess.run(
        ["bash", "-c", MAIN],
        cwd=clone,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert re.search(r"\d accepted, .* succeeded, \d+ dead in", result.stdout), result.stderr
    assert (clone / "stdlib-audit-report.md").is_file()
