"""Whatever was written in whatever pieces is found again: by number, time, session and id."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import Event, RecordingUnusable, Runner, State
from agentflow.recording import Recorder, Recording
from agentflow.recording.canonical import canonical_lines
from agentflow.recording.export import export

from .support import START, ByHand, emitting, record

Ends = list[tuple[float, str, bool, bool]]

ENDS = st.lists(
    st.tuples(
        st.floats(0.001, 2.0), st.sampled_from(["", "s", "t", "ü\ud800"]), st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip
"""Seconds since the end before, session, whether it failed, whether a chunk ends there."""


def make(path: Path, ends: Ends) -> list[tuple[float, str, str, bool]]:
    """A recording of these; the ends that are in it: time, id, session, whether it failed."""
    made = ByHand(path)
    at = 0.0
    found = []
    for gap, session, failed, cut in ends:
        at += gap
        event = made.ended(at, session=session.replace("\ud800", ""), error="E: x" * failed)
        found.append((START + at, event.id, event.session_id, failed))
        if cut:
            made.write(last=False)
    made.write()
    return found


@settings(max_examples=25, deadline=None)
@given(ENDS, st.floats(0, 40), st.floats(0, 40))
def test_it_is_found_by_number_time_session_and_id(ends: Ends, one: float, other: float) -> None:
    """Chunks of any size, cut anywhere: every way leads to the same stories."""
    with tempfile.TemporaryDirectory() as folder:
        written = make(Path(folder) / "x.rec", ends)
        with Recording.open(Path(folder) / "x.rec") as recording:
            stories = list(recording.stories())
            assert [story.number for story in stories] == list(range(1, len(ends) + 1))
            assert [
                (story.ended, story.id, story.session, bool(story.error)) for story in stories
            ] == written
            assert recording.count == len(ends)
            assert recording.failed == sum(failed for *_, failed in written)
            for first in (1, len(ends) // 2, len(ends)):
                assert [story.number for story in recording.stories(first, first + 3)] == list(
                    range(max(first, 1), min(first + 3, len(ends)) + 1)
                )
            low, high = START + min(one, other), START + max(one, other)
            assert [story.id for story in recording.between(low, high)] == [
                id for time, id, *_ in written if low < time <= high
            ]
            for session in {session for _, _, session, _ in written}:
                assert {story.id for story in recording.session(session)} == {
                    id for _, id, whose, _ in written if whose == session
                }
            rows = recording.sessions()
            assert sum(row.events for row in rows) == len(ends)
            _, id, *_ = written[len(written) // 2]
            found = recording.story(id)
            assert found is not None
            assert found.id == id
            assert recording.story("nobody") is None


@settings(max_examples=15, deadline=None)
@given(ENDS, st.floats(0, 20), st.floats(0, 20))
def test_an_export_holds_just_the_stretch(ends: Ends, one: float, other: float) -> None:
    """What ended in it, in the same order, and the canonical lines of these are the same."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / "x.rec", ends)
        low, high = START + min(one, other), START + max(one, other)
        with Recording.open(Path(folder) / "x.rec") as recording:
            wanted = [story for story in recording.stories() if low <= story.ended <= high]
            count = export(recording, Path(folder) / "y.rec", start=low, end=high)
            assert count == len(wanted)
        with Recording.open(Path(folder) / "y.rec") as exported:
            found = list(exported.stories())
            assert [story.id for story in found] == [story.id for story in wanted]
            assert list(canonical_lines(found)) == list(canonical_lines(wanted))
            assert [version.text for version in exported.versions.values()] == [""]
        names = [file.name for file in Path(folder).iterdir()]
        assert [name for name in names if name.startswith("y")] == ["y.rec"]


def test_an_export_of_a_session_tells_of_no_other(tmp_path: Path) -> None:
    """Its stories alone, and the name of the other session stands nowhere in the file."""
    made = ByHand(tmp_path / "x.rec")
    for second in range(10):
        made.ended(second, session="mine" if second % 2 else "somebody-elses")
        made.frame(second)
    with Recording.open(made.write()) as recording:
        assert export(recording, tmp_path / "y.rec", sessions=["mine"]) == 5
    with Recording.open(tmp_path / "y.rec") as exported:
        assert [row.id for row in exported.sessions()] == ["mine"]
        assert exported.frame(START + 5) is not None
    assert (tmp_path / "y.rec").stat().st_mode & 0o777 == 0o600


def test_an_export_writes_over_nothing(tmp_path: Path) -> None:
    """A file that is there already is left as it is."""
    made = ByHand(tmp_path / "x.rec")
    made.ended(1.0)
    (tmp_path / "y.rec").write_text("mine")
    with Recording.open(made.write()) as recording, pytest.raises(FileExistsError):
        export(recording, tmp_path / "y.rec")
    assert (tmp_path / "y.rec").read_text() == "mine"


def test_it_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    """A reader sees what is on disk, and what has come since when it looks again."""
    made = ByHand(tmp_path / "x.rec")
    made.ended(1.0)
    made.write(last=False)
    with Recording.open(tmp_path / "x.rec") as recording:
        assert recording.count == 1
        made.ended(2.0)
        made.frame(2.0)
        made.write(last=False)
        recording.refresh()
        assert [story.number for story in recording.stories()] == [1, 2]
        assert recording.span == (START + 1.0, START + 2.0)
    made.recorder.close()


def test_a_damaged_chunk_is_left_out_and_said(tmp_path: Path) -> None:
    """The others are read; so it is with frames and streams."""
    made = ByHand(tmp_path / "x.rec")
    for number in range(3):
        made.ended(number + 1.0)
        made.frame(number + 1.0)
        made.write(last=False)
    made.write()
    with closing(sqlite3.connect(tmp_path / "x.rec")) as db, db:
        db.execute("UPDATE chunks SET body = zeroblob(20) WHERE first = 2")
        db.execute("UPDATE frames SET body = x'00' WHERE number = 2")
        db.execute("UPDATE chunks SET failed = 1 WHERE first = 3")
    with Recording.open(tmp_path / "x.rec") as recording:
        assert [story.number for story in recording.stories()] == [1]
        frame = recording.frame(START + 2.5)
        assert frame is not None
        assert frame.time == START + 1.0
        assert recording.damage == [
            "2 of 3 pieces of events are damaged", "1 of 3 frames are damaged",
        ]  # fmt: skip


@pytest.mark.parametrize("content", [b"something else entirely" * 100, b"SQLite format 3\0junk"])
async def test_what_is_no_recording_is_set_aside_not_written_over(
    tmp_path: Path, content: bytes
) -> None:
    """It is there under another name, the engine says so, and a new recording is made."""
    path = tmp_path / "x.rec"
    path.write_bytes(content)
    with pytest.raises(RecordingUnusable):
        Recording.open(path)

    async def doing(runner: Runner) -> None:
        await runner.emit(Event("a"))

    async def handler(event: Event, state: State) -> State:
        return state

    runner = await record(path, {"a": handler}, doing)
    aside = set_aside(tmp_path)
    assert len(aside) == 1
    assert aside[0].read_bytes() == content
    assert any("set aside" in row.text for row in runner.telemetry.lines.items)
    with Recording.open(path) as recording:
        assert recording.count == 1


def set_aside(folder: Path) -> list[Path]:
    """The files that were set aside as damaged."""
    return list(folder.glob("*damaged*"))


def test_another_programs_database_is_no_recording(tmp_path: Path) -> None:
    """It is refused with a clear sentence."""
    with closing(sqlite3.connect(tmp_path / "x.rec")) as db:
        db.execute("CREATE TABLE chunks(first)")
    with pytest.raises(RecordingUnusable, match="it is no recording of agentflow"):
        Recording.open(tmp_path / "x.rec")
    with pytest.raises(RecordingUnusable, match="there is no such file"):
        Recording.open(tmp_path / "y.rec")


def test_the_oldest_goes_when_its_time_is_over(tmp_path: Path) -> None:
    """What is within the retention stays, and the configuration that holds for it."""
    made = ByHand(tmp_path / "x.rec", retention=50.0)
    for second in range(0, 100, 10):
        made.ended(second)
        made.frame(second)
        made.write(last=False)
    writer = made.recorder._writer
    assert writer is not None
    made.recorder._retention.look(writer._db, now=START + 100)
    with Recording.open(made.write()) as recording:
        assert [story.ended - START for story in recording.stories()] == [50, 60, 70, 80, 90]
        assert recording.frame_times[0] == START + 50
        assert next(recording.stories(1)).number == 6


def test_the_oldest_goes_when_it_is_too_large(tmp_path: Path) -> None:
    """It stays below its size, with the newest in it."""
    made = ByHand(tmp_path / "x.rec", max_bytes=600_000)
    writer = made.recorder._writer
    assert writer is not None
    for second in range(200):
        made.ended(second, data={"text": os.urandom(4_000).hex()})
        made.write(last=False)
        made.recorder._retention.look(writer._db, now=START + second)
    path = made.write()
    assert path.stat().st_size < 900_000
    with Recording.open(path) as recording:
        kept = [story.number for story in recording.stories()]
        assert kept == list(range(201 - len(kept), 201))
        assert len(kept) > 50


KILLED = """
import asyncio, os, signal, sys
from agentflow import Event, Runner
from agentflow.recording import Recorder

async def handler(event, state):
    return state

async def main():
    runner = Runner(recorder=Recorder(sys.argv[1]))
    runner.register_agent("a", handler)
    await runner.start()
    number = 0
    while True:
        number += 1
        await runner.request(Event("a", {"n": number}))
        writer = runner.dispatcher.recorder._writer
        if writer.written >= 600 and number % 100 == 50:
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_what_was_written_is_read_after_a_kill(tmp_path: Path) -> None:
    """The process dies in the middle of it; up to a chunk is lost, nothing is broken."""
    path = tmp_path / "x.rec"
    program = [sys.executable, "-c", textwrap.dedent(KILLED), str(path)]
    died = subprocess.run(program, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    with Recording.open(path) as recording:
        stories = list(recording.stories())
        assert len(stories) >= 500
        assert [recording.event_of(story).data["n"] for story in stories] == list(
            range(1, len(stories) + 1)
        )
        assert recording.damage == []
        last = stories[-1].number
    recorder = Recorder(path)
    recorder.open(START, START, [])
    assert recorder._writer is not None
    assert recorder._writer.written == last
    recorder.close()


async def test_the_same_course_twice_gives_the_same_lines(tmp_path: Path) -> None:
    """Other ids, other times, other processes: canonical lines are the same byte for byte."""

    async def first(event: Event, state: State) -> State:
        state.meta["route"] = "second"
        state["me"] = event.id
        return state

    async def second(event: Event, state: State) -> State:
        return state

    lines = []
    for name in ("x.rec", "y.rec"):
        events = [Event("first", {"n": n}, session_id="s" * (n % 2)) for n in range(6)]
        path = tmp_path / name
        await record(path, {"first": first, "second": second}, emitting(*events))
        with Recording.open(path) as recording:
            lines.append(b"".join(canonical_lines(recording.stories())))
            assert lines[-1] == b"".join(canonical_lines(recording.stories()))
    assert lines[0] == lines[1]
    assert lines[0].count(b"\n") == 12
    assert b'"path":"1.1"' in lines[0]
