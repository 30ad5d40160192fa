"""A run is recorded, and can be seen again: as facts, as lines, as a part, on the screen."""

from __future__ import annotations

import json
import stat

import pytest

from .conftest import Program, lines
from .terminal import Terminal

RECORDING = ".agentflow/agentflow.rec"


@pytest.fixture
def recorded(program: Program) -> Program:
    """A program whose run of four events has been recorded; one of them failed."""
    events = [{"target": "echo", "data": {"n": n}, "session_id": f"s{n % 2}"} for n in range(3)]
    program.write("in.jsonl", lines(*events, {"target": "picky", "session_id": "s1"}))
    assert program.run("--headless", "--events", "in.jsonl", "--format", "json").code == 1
    return program


def test_a_run_is_recorded_beside_its_journal_for_its_owner_alone(recorded: Program) -> None:
    """One file with mode 0600, and the command says what is in it."""
    mode = (recorded.folder / RECORDING).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    done = recorded.run("recording")
    assert done.code == 0
    assert "4, 1 dead, in 2 sessions" in done.out
    facts = json.loads(recorded.run("recording", RECORDING, "--format", "json").out)
    assert (facts["events"], facts["dead"], facts["damage"]) == (4, 1, [])
    assert {row["id"] for row in facts["latest"]} == {"s0", "s1"}
    assert facts["written_by"] is None


def test_replay_prints_the_lines_as_they_were(recorded: Program) -> None:
    """Event for event what the run itself printed, with the same counts, twice alike."""
    program = recorded
    first = program.run("replay", "--headless", "--format", "json")
    again = program.run("replay", RECORDING, "--format", "json")
    assert first.code == 0
    assert first.out == again.out
    events = [row for row in first.objects if row.get("type") == "event"]
    assert [row["state"] for row in events].count("dead") == 1
    assert len(events) == 4
    assert first.counts["succeeded"] == 3
    assert "not ␛[31mthis␛[0m one" in program.run("replay", "--headless").out
    late = program.run("replay", "--headless", "--format", "json", "--at", "-0s")
    assert [row for row in late.objects if row.get("type") == "event"] == []


def test_a_part_is_exported_and_opened_elsewhere(recorded: Program) -> None:
    """One session in one file, which is never written over."""
    program = recorded
    done = program.run("recording", "export", "part.rec", "--session", "s1")
    assert (done.code, done.out.split(" written")[0]) == (0, "2 events")
    assert json.loads(program.run("recording", "part.rec", "--format", "json").out)["events"] == 2
    again = program.run("recording", "export", "part.rec")
    assert again.code == 2
    assert "part.rec is there already" in again.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["replay", "no.rec"], "there is no recording no.rec"),
        (["replay", "handlers.py"], "it is damaged, or no recording"),
        (["replay", RECORDING, "--at", "noon"], "is no time: write 12:04:31"),
        (["replay", RECORDING, "--speed", "fast"], "is not a speed"),
        (["recording", "export"], "export needs a file to write"),
        (["recording", "a", "b"], "one recording at a time"),
        (["recording", "--from", "+1s"], "are for export OUT"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(
    recorded: Program, words: list[str], sentence: str
) -> None:
    """Exit code 2, and no traceback."""
    done = recorded.run(*words)
    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_a_recording_opens_in_a_terminal_and_is_moved_by_keys(
    recorded: Program, terminals: list[Terminal]
) -> None:
    """The badge, the events of then, home and end, and q gives the terminal back."""
    terminal = Terminal(recorded, "replay", RECORDING, "--at", "-0s")
    terminals.append(terminal)
    terminal.until("REPLAY")
    terminal.until("succeeded")
    terminal.until("dead")
    terminal.press("2V")
    terminal.press("g")
    while "succeeded" in terminal.text:
        assert terminal.read()
    terminal.press("G")
    terminal.until("succeeded")
    terminal.press("i")
    terminal.until("what has happened can't be changed")
    terminal.press("q")
    assert terminal.end() == 0
    terminal.assert_restored()


def test_a_running_console_shows_its_own_recording_and_comes_back(
    program: Program, terminals: list[Terminal]
) -> None:
    """V replays what has just happened; q goes back to the engine, and q once more ends it."""
    program.write("in.jsonl", lines({"target": "echo", "data": {"n": "seven"}}))
    terminal = Terminal(program, "--events", "in.jsonl")
    terminals.append(terminal)
    terminal.until("succeeded")
    terminal.press("V")
    terminal.until("REPLAY")
    terminal.press("q")
    terminal.until("LIVE")
    terminal.until("succeeded")
    terminal.press("q")
    assert terminal.end() == 0
