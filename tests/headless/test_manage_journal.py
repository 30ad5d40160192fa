"""The journal of a run: where it is, what a new start finds in it, how far the feed was."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from agentflow import Config
from agentflow.journal.codec import decode
from agentflow.journal.reading import open_for_reading
from agentflow_console.journals import place_of

from .conftest import Done, Program, lines

COUNTING = """\
import asyncio
import os
import pathlib


async def echo(event, state):
    with open("ran", "a") as out:
        out.write(f"{event.data['n']}\\n")


picky = echo


async def slow(event, state):
    pathlib.Path("started").touch()
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)
"""


@pytest.fixture
def counting(program: Program) -> Program:
    """A program that notes what it ran."""
    program.write("handlers.py", COUNTING)
    return program


def ran(program: Program) -> Counter[int]:
    """How often each event has run."""
    return Counter(map(int, (program.folder / "ran").read_text().splitlines()))


def accepted(program: Program) -> Counter[int]:
    """How often each event was accepted."""
    db = sqlite3.connect(program.folder / ".agentflow/agentflow.db")
    bodies = db.execute("SELECT body FROM events").fetchall()
    db.close()
    return Counter(decode(body).data["n"] for (body,) in bodies)


def feeds(program: Program) -> dict[str, tuple[int, bool]]:
    """How far each feed is, and whether at its end."""
    with open_for_reading(program.folder / ".agentflow/agentflow.db") as reader:
        return reader.feeds()


def events(count: int, target: str = "echo") -> str:
    return lines(*({"target": target, "data": {"n": n}} for n in range(count)))


def kill_when_started(program: Program, *arguments: str) -> None:
    """Start it, and kill it when the slow handler has begun."""
    with program.start(*arguments, stdin=subprocess.DEVNULL) as process:
        while not (program.folder / "started").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    (program.folder / "started").unlink()


def said(done: Done) -> str:
    """What the engine said in its log."""
    return "\n".join(line["text"] for line in done.objects if line.get("type") == "log")


# -- where it is


def test_a_run_has_a_journal_that_no_repository_sees(counting: Program) -> None:
    """Beside the file, in a private folder that git passes over."""
    counting.write("in.jsonl", events(3))
    counting.run("--headless", "--events", "in.jsonl")
    folder = counting.folder / ".agentflow"
    assert folder.stat().st_mode & 0o077 == 0
    assert {"agentflow.db", ".gitignore"} <= {path.name for path in folder.iterdir()}
    subprocess.run(["git", "init", "-q"], cwd=counting.folder, check=True)
    status = subprocess.run(
        ["git", "status", "--porcelain", "-uall"],
        cwd=counting.folder, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert ".agentflow" not in status
    assert "in.jsonl" in status


def test_who_wants_no_journal_has_none(counting: Program) -> None:
    """No folder is made, and no file."""
    done = counting.run("--events", "-", "--no-journal", stdin=events(2))
    assert done.code == 0
    assert not (counting.folder / ".agentflow").exists()


@pytest.mark.parametrize("said", ["enabled = false", 'durability = "none"'])
def test_a_configuration_may_want_no_journal(said: str) -> None:
    """Also when a path is there for a later time."""
    config = Config.from_toml(f"[journal]\n{said}\npath = 'there.db'\n")
    assert place_of(config) is None


def test_a_journal_may_be_asked_for_elsewhere(counting: Program) -> None:
    """The flag wins over the file, and is seen from the current folder."""
    path = counting.folder / "agentflow.toml"
    path.write_text(f"{path.read_text()}\n[journal]\nenabled = false\npath = 'there.db'\n")
    done = counting.run("--events", "-", "--journal", "here/it.db", stdin=events(2))
    assert done.code == 0
    assert (counting.folder / "here/it.db").is_file()
    assert not (counting.folder / "there.db").exists()


def test_without_a_place_to_write_it_runs_without_and_says_so(counting: Program) -> None:
    """Nobody asked for the journal, so it is no reason not to run."""
    (counting.folder / ".agentflow").write_text("in the way")
    done = counting.run("--events", "-", stdin=events(2))
    assert done.code == 0
    assert "warning  engine: without a journal, a kill loses what is queued" in done.err


@pytest.mark.parametrize("text", ["", '[journal]\npath = "/dev/null/it.db"\n'])
def test_a_journal_that_was_asked_for_must_be_possible(counting: Program, text: str) -> None:
    """Otherwise it does not run at all."""
    path = counting.folder / "agentflow.toml"
    path.write_text(f"{path.read_text()}\n{text}")
    done = counting.run(*([] if text else ["--journal", "/dev/null/it.db"]), stdin="")
    assert done.code == 2
    assert "/dev/null/it.db" in done.err


def test_a_file_that_is_no_journal_is_left_alone(counting: Program) -> None:
    """It is told, and nothing is written to it."""
    path = counting.write("notes.txt", "my notes\n" * 1000)
    done = counting.run("--journal", "notes.txt", stdin="")
    assert done.code == 2
    assert "notes.txt" in done.err
    assert path.read_text() == "my notes\n" * 1000


# -- what a new start finds


def test_what_was_accepted_runs_after_a_kill(counting: Program) -> None:
    """The event that had begun runs again, those behind it for the first time; it is all told."""
    counting.write("in.jsonl", lines({"target": "slow", "data": {"n": -1}}) + events(5))
    path = counting.folder / "agentflow.toml"
    path.write_text(f"{path.read_text()}\n[runtime]\nmax_concurrent_events = 1\n")
    with counting.start("--events", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write((counting.folder / "in.jsonl").read_text())
        process.stdin.flush()
        while not (counting.folder / "started").exists():
            assert process.poll() is None
        while sum(accepted(counting).values()) < 6:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    counting.write("go", "")
    done = counting.run("--format", "json")
    assert done.code == 0
    assert "1 had begun and runs again" in said(done)
    assert "the last end was not orderly" in said(done)
    assert set(ran(counting)) == set(range(5))
    assert "recovered" not in said(counting.run("--format", "json"))


def test_the_text_report_says_it_on_standard_error(counting: Program) -> None:
    """Standard output has the events alone."""
    counting.write("in.jsonl", lines({"target": "slow", "data": {"n": -1}}))
    kill_when_started(counting, "--headless", "--events", "in.jsonl")
    counting.write("go", "")
    done = counting.run("--headless", "--events", "in.jsonl")
    assert "recovered 1 event from .agentflow/agentflow.db: 1 had begun and runs again" in done.err
    assert "recovered" not in done.out


# -- how far the feed was

SKIP = "if event.data['n'] == 50: return"


def test_a_feed_goes_on_behind_what_was_accepted_last(counting: Program) -> None:
    """After kills at several places every line has been accepted once, and it says where it is."""
    path = counting.folder / "agentflow.toml"
    path.write_text(f"{path.read_text()}\n[runtime]\nqueue_size = 20\n")
    slow = (50, 120)
    counting.write(
        "in.jsonl",
        lines(
            *(
                {
                    "target": "slow" if n in slow else "echo",
                    "session_id": "one",
                    "data": {"n": n},
                }
                for n in range(200)
            )
        ),
    )
    kill_when_started(counting, "--headless", "--events", "in.jsonl")
    assert set(ran(counting)) == set(range(50))
    # The next run gets through the first slow one, up to the second.
    passed = COUNTING.replace("state):\n    pathlib", f"state):\n    {SKIP}\n    pathlib")
    counting.write("handlers.py", passed)
    kill_when_started(counting, "--headless", "--events", "in.jsonl")
    assert set(ran(counting)) == set(range(120)) - {50}
    counting.write("go", "")
    done = counting.run("--headless", "--events", "in.jsonl", "--format", "json")
    assert "the feed goes on at event 1" in said(done)
    assert set(ran(counting)) == set(range(200)) - set(slow)
    assert accepted(counting) == Counter(range(200))
    ((name, place),) = feeds(counting).items()
    assert name.startswith(str(counting.folder / "in.jsonl"))
    assert place == (200, True)


def test_a_feed_that_came_to_its_end_starts_anew(counting: Program) -> None:
    """The same file once more is the same events once more."""
    counting.write("in.jsonl", events(3))
    for _ in range(2):
        done = counting.run("--headless", "--events", "in.jsonl", "--format", "json")
        assert done.counts["succeeded"] == 3
    assert ran(counting) == Counter({0: 2, 1: 2, 2: 2})


def test_a_feed_that_was_killed_behind_its_last_event_is_not_begun_anew(counting: Program) -> None:
    """What it left is the rest of that run."""
    counting.write("in.jsonl", events(3) + lines({"target": "slow", "data": {"n": 3}}))
    with counting.start("--headless", "--events", "in.jsonl", stdin=subprocess.DEVNULL) as process:
        while not (counting.folder / "started").exists():
            assert process.poll() is None
        while (4, True) not in feeds(counting).values():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    counting.write("go", "")
    done = counting.run("--headless", "--events", "in.jsonl", "--format", "json")
    assert "the feed had come to its end" in said(done)
    assert accepted(counting) == Counter(range(4))
    counting.run("--headless", "--events", "in.jsonl", "--format", "json")
    assert accepted(counting) == Counter([*range(4)] * 2)


def test_a_file_that_was_edited_is_another_feed(counting: Program) -> None:
    """It starts from the beginning, wherever the old one was."""
    counting.write("in.jsonl", events(2) + lines({"target": "slow", "data": {"n": 9}}))
    kill_when_started(counting, "--headless", "--events", "in.jsonl")
    counting.write("go", "")
    counting.write("in.jsonl", events(4))
    done = counting.run("--headless", "--events", "in.jsonl", "--format", "json")
    assert "the feed" not in said(done)
    assert accepted(counting) == Counter({0: 2, 1: 2, 2: 1, 3: 1, 9: 1})


def test_lines_that_were_told_are_not_told_again(counting: Program) -> None:
    """A bad line before the place where the feed goes on was told by the run that read it."""
    text = (
        "{bad\n" + events(2) + "{worse\n" + lines({"target": "slow", "data": {"n": 2}}) + "{last\n"
    )
    counting.write("in.jsonl", text)
    kill_when_started(counting, "--headless", "--events", "in.jsonl")
    counting.write("go", "")
    done = counting.run("--headless", "--events", "in.jsonl", "--format", "json")
    assert 1 not in [one["line"] for one in done.objects if one.get("type") == "bad_line"]
    assert accepted(counting) == Counter(range(3))


def test_a_pipe_is_read_as_it_comes(counting: Program) -> None:
    """What can be read only once is not looked into before it is read."""
    fifo = counting.folder / "pipe"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    with counting.start("--headless", "--events", "pipe", stdin=subprocess.DEVNULL) as process:
        fifo.write_text(events(3))
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert ran(counting) == Counter(range(3))


def test_nothing_that_is_written_there_wakes_who_watches(tmp_path: Path) -> None:
    """The journal's folder is neither watched nor a change when it comes."""
    from agentflow.config.watcher import Watched

    config = tmp_path / "agentflow.toml"
    config.touch()
    (tmp_path / ".agentflow").mkdir()
    watched = Watched(config, {})
    assert watched.folders == {tmp_path}
    from watchfiles import Change

    assert not watched.matters(Change.added, str(tmp_path / ".agentflow"))
    assert not watched.matters(Change.modified, str(tmp_path / ".agentflow" / "agentflow.db-wal"))
