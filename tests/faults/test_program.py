"""Faults met by the whole program: killed, poisoned, met twice, fed with what is no event."""

from __future__ import annotations

import json
import random
import resource
import signal
import sqlite3
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

from agentflow.journal import Journal
from agentflow.journal.codec import decode

from .program import CONFIG, Program


def slow_and_queued(program: Program, count: int = 20) -> subprocess.Popen[str]:
    """A program whose slots are all taken, with more events queued, and all of them on disk."""
    program.write_events({"target": "slow", "data": {"n": n}} for n in range(count))
    process = program.start("--events", "in.jsonl")
    while len(program.ran()) < 8:
        assert process.poll() is None
    return process


def kill(process: subprocess.Popen[str]) -> None:
    """As ``kill -9`` does."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed three times, the feed is at its end once: every event ran, none became another."""
    program = Program(tmp_path)
    program.write_events({"target": "echo", "data": {"n": n}} for n in range(3_000))
    chance = random.Random(1)
    for _ in range(3):
        with program.start("--events", "in.jsonl") as process:
            assert process.stdout is not None
            for _ in range(chance.randint(1, 400)):
                process.stdout.readline()
            kill(process)
    done = program.run("--events", "in.jsonl")
    assert done.code == 0
    attempts: dict[tuple[str, str], list[int]] = defaultdict(list)
    for ran in program.ran():
        attempts[ran.n, ran.id].append(ran.attempt)
    assert {n for n, _ in attempts} == {str(n) for n in range(3_000)}
    assert len(attempts) == 3_000
    assert all(tries == sorted(set(tries)) for tries in attempts.values())


def test_a_second_process_is_told_who_has_the_journal(tmp_path: Path) -> None:
    """Fault 8: exit code 2 and a sentence with the owner's pid; the owner is not disturbed."""
    program = Program(tmp_path)
    with slow_and_queued(program) as first:
        second = program.run("--events", "in.jsonl")
        assert second.code == 2
        assert str(first.pid) in second.err
        program.go()
        out, _ = first.communicate(timeout=120)
        assert first.returncode == 0
        assert json.loads(out.splitlines()[-1])["counts"]["succeeded"] == 20


def test_a_killed_owner_keeps_nobody_out(tmp_path: Path) -> None:
    """Fault 8: the journal of a process that is gone can be opened at once."""
    program = Program(tmp_path)
    with slow_and_queued(program) as process:
        kill(process)
    program.go()
    done = program.run()
    assert done.code == 0
    assert {ran.n for ran in program.ran()} == {str(n) for n in range(20)}


def test_an_event_that_kills_the_process_becomes_a_dead_letter(tmp_path: Path) -> None:
    """Fault 14: after its attempts it is not run again, and the events around it all run."""
    program = Program(tmp_path)
    program.write_events(
        {"target": "poison" if n == 7 else "echo", "data": {"n": n}} for n in range(30)
    )
    deaths = 0
    while True:
        process = program.start("--events", "in.jsonl")
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        if process.returncode != -signal.SIGKILL:
            break
        deaths += 1
        assert deaths <= 3
    assert deaths == 3
    poisoned = [ran for ran in program.ran() if ran.target == "poison"]
    assert [ran.attempt for ran in poisoned] == [1, 2, 3]
    assert {ran.n for ran in program.ran()} == {str(n) for n in range(30)}
    last = json.loads(out.splitlines()[-1])
    assert last["counts"]["dead"] == 1
    assert process.returncode == 1
    assert "ProcessDied" in out
    assert "ProcessDied" in program.run().out + json.dumps(_dead(program))
    assert len([ran for ran in program.ran() if ran.target == "poison"]) == 3


def _dead(program: Program) -> list[str]:
    journal = Journal(program.journal)
    letters = [letter.error for letter in journal.open(0).dead]
    journal.close()
    return letters


def _kept(program: Program) -> list[dict[str, Any]]:
    """The data of every event in the journal."""
    db = sqlite3.connect(program.journal)
    bodies = db.execute("SELECT body FROM events ORDER BY seq").fetchall()
    db.close()
    return [dict(decode(body).data) for (body,) in bodies]


MONSTERS = {
    "nan": '{"target": "echo", "data": {"x": NaN}}',
    "infinity": '{"target": "echo", "data": {"x": [{"y": -Infinity}]}}',
    "beyond 64 bits": '{"target": "echo", "data": {"x": 18446744073709551616}}',
    "5,000 digits": '{"target": "echo", "data": {"x": ' + "9" * 5_000 + "}}",
    "surrogate": '{"target": "echo", "data": {"x": "\\ud800"}}',
    "surrogate key": '{"target": "echo", "data": {"\\udc00": 1}}',
    "surrogate target": '{"target": "\\ud800"}',
    "surrogate session": '{"target": "echo", "session_id": "\\ud800"}',
    "surrogate metadata": '{"target": "echo", "metadata": {"x": "\\ud800"}}',
    "surrogate id": '{"target": "echo", "id": "\\ud800"}',
    "surrogate key of idempotency": '{"target": "echo", "metadata": {"idempotency_key": "\\ud8"}}',
    "depth": '{"target": "echo", "data": {"x": ' + "[" * 5_000 + "]" * 5_000 + "}}",
    "deep objects": '{"target": "echo", "data": ' + '{"x":' * 5_000 + "1" + "}" * 5_001,
    "50 MB": '{"target": "echo", "data": {"x": "' + "x" * 50_000_000 + '"}}',
    "number": "5",
    "empty object": "{}",
    "not json": "\x00\x01",
}


def test_what_is_no_event_is_refused_with_a_reason(tmp_path: Path) -> None:
    """Fault 20: each is a line that says why; the others run, and memory stays bounded."""
    program = Program(tmp_path)
    exact = {"big": 2**53 + 1, "max": 2**64 - 1, "min": -(2**63), "tiny": 5e-324, "nul": "\x00"}
    lines: list[str] = [json.dumps({"target": "echo", "data": {"n": 0}})]
    lines += MONSTERS.values()
    lines.append(json.dumps({"target": "echo", "data": {"n": 1, **exact}}))
    program.write_events(lines)
    done = program.run("--events", "in.jsonl")
    bad = {line["line"]: line["error"] for line in done.lines if line.get("type") == "bad_line"}
    dead = [line for line in done.lines if line.get("state") == "dead"]
    names = dict(enumerate(MONSTERS, 2))
    taken = {name for number, name in names.items() if number not in bad}
    assert taken <= {"empty object"}, f"taken: {taken}"
    assert len(dead) == len(taken)
    for error in bad.values():
        assert len(error) < 500
        assert error.isprintable()
    assert [ran.n for ran in program.ran()] == ["0", "1"]
    assert _kept(program)[-1] == {"n": 1, **exact}
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak < 1_000_000, f"{peak:,} KB"


def test_an_id_that_came_before_is_not_run_again(tmp_path: Path) -> None:
    """Fault 18: duplicates by id or key run once, also when they come after a kill."""
    program = Program(tmp_path)
    again = [
        {"target": "echo", "id": "one", "data": {"n": 1}},
        {"target": "echo", "id": "one", "data": {"n": 2}},
        {"target": "echo", "metadata": {"idempotency_key": "k"}, "data": {"n": 3}},
        {"target": "echo", "metadata": {"idempotency_key": "k"}, "data": {"n": 4}},
    ]
    slow = [{"target": "slow", "data": {"n": 5}}]
    program.write_events([*again, *slow])
    process = program.start("--events", "in.jsonl")
    while len(program.ran()) < 3:
        assert process.poll() is None
    kill(process)
    program.go()
    assert program.run().code == 0
    (tmp_path / "in.jsonl").rename(tmp_path / "before.jsonl")
    program.write_events([*again, *again])
    (tmp_path / "in.jsonl").rename(tmp_path / "other.jsonl")
    assert program.run("--events", "other.jsonl").code == 0
    echoed = [ran for ran in program.ran() if ran.target == "echo"]
    # What had run but was not settled when it was killed runs again: as its next attempt.
    assert {(ran.n, ran.attempt) for ran in echoed} >= {("1", 1), ("3", 1)}
    assert {ran.n for ran in echoed} == {"1", "3"}
    assert len({(ran.id, ran.attempt) for ran in echoed}) == len(echoed)
    assert len({ran.id for ran in echoed}) == 2


def test_a_second_signal_stops_hard_and_loses_nothing(tmp_path: Path) -> None:
    """Fault 25: it ends long before the drain would, and the rest is there for the next start."""
    program = Program(tmp_path, CONFIG.replace("drain_timeout = 5", "drain_timeout = 300"))
    with slow_and_queued(program) as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGTERM)
        while not process.stderr.readline().startswith("Stopping"):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    program.go()
    done = program.run()
    assert done.code == 0
    assert {ran.n for ran in program.ran()} == {str(n) for n in range(20)}
