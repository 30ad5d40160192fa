"""A recording answers as the engine did: what had ended is exact, at any moment, in any order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import Context, Event, Runner, State
from agentflow.control import Control
from agentflow.control.replaying import REFUSED, Replay
from agentflow.control.words import Command
from agentflow.recording import Recorder, Recording
from agentflow.telemetry.snapshot import Counts, Cursor, EventRow, LogRow, Point, SpanCursor
from agentflow_console.store import Store

from .support import START, ByHand, record


def made_by_hand(path: Path, seconds: int = 30) -> Path:
    """Ten events a second, one failure every five seconds, a frame each second."""
    made = ByHand(path)
    made.frame(0.0, counts=Counts())
    ended = dead = 0
    for second in range(seconds):
        for tenth in range(10):
            at = second + (tenth + 1) / 10 - 0.01
            failed = second % 5 == 4 and tenth == 9
            made.ended(at, session=f"s{second}", error="E: no" if failed else "", took=0.35)
            ended, dead = ended + 1, dead + failed
            made.write(last=False)
        now = second + 1.0
        made.frame(
            now,
            counts=Counts(ended + 3, 2, 0, 1, ended - dead, dead),
            points=[Point(START + now, 10.0, 10.0, 0.0, 2, 0, 1, 0.1, 0.0)],
            log=[LogRow(second + 1, START + now, "info", "worker", f"second {second}")],
            log_cursor=second + 1,
        )
    return made.write()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of half a minute."""
    return made_by_hand(tmp_path_factory.mktemp("recording") / "x.rec")


MOMENTS = st.lists(st.floats(-1.0, 32.0), min_size=1, max_size=12)


@settings(max_examples=30, deadline=None)
@given(MOMENTS)
def test_a_store_shows_the_same_by_whatever_way(path: Path, moments: list[float]) -> None:
    """Forth and back, in steps or in jumps: events, log, points and counts are those of then."""
    with Recording.open(path) as recording:
        replay, store = Replay(recording), Store()
        for moment in moments:
            replay.at = START + moment
            store.apply(replay.snapshot(store.cursor))
        fresh_replay, fresh = Replay(recording), Store()
        fresh_replay.at = replay.at
        fresh.apply(fresh_replay.snapshot(fresh.cursor))
        settled = [row for row in store.events.rows() if row.state in ("succeeded", "dead")]
        assert [row.seq for row in settled] == [
            row.seq for row in fresh.events.rows() if row.state in ("succeeded", "dead")
        ]
        stories = [story for story in recording.stories() if story.ended <= replay.at]
        assert [row.id for row in settled] == [story.id for story in stories]
        assert store.snapshot is not None
        assert fresh.snapshot is not None
        assert store.snapshot.counts == fresh.snapshot.counts
        assert store.snapshot.counts.succeeded + store.snapshot.counts.dead == len(stories)
        assert store.snapshot.live == fresh.snapshot.live
        assert [row.text for row in store.log] == [row.text for row in fresh.log]
        assert list(store.points) == list(fresh.points)
        assert store.events.missed == 0


def test_what_had_not_ended_is_seen_as_it_stood(path: Path) -> None:
    """An event that ended later was queued or at its agent then, with its time until then."""
    with Recording.open(path) as recording:
        replay = Replay(recording)
        story = next(story for story in recording.stories(40, 40))
        for at, state, where in (
            (story.accepted + 0.01, "queued", ""),
            (story.started + 0.01, "running", "worker"),
            (story.ended, "succeeded", "worker"),
        ):
            replay.at = at
            snapshot = replay.snapshot(Cursor())
            (row,) = [row for row in (*snapshot.live, *snapshot.settled) if row.id == story.id]
            assert (row.state, row.at) == (state, where)
            assert row.duration == pytest.approx(at - story.accepted, abs=1e-6)
        replay.at = story.accepted - 0.01
        snapshot = replay.snapshot(Cursor())
        assert story.id not in [row.id for row in (*snapshot.live, *snapshot.settled)]


def test_steps_go_from_end_to_end(path: Path) -> None:
    """On and back over every event, until there is none."""
    with Recording.open(path) as recording:
        replay = Replay(recording)
        at, seen = START - 1, []
        while (following := replay.after(at)) is not None:
            seen.append(following)
            at = following
        assert seen == [story.ended for story in recording.stories()]
        back = [at]
        while (earlier := replay.before(at)) is not None:
            back.append(earlier)
            at = earlier
        assert back == seen[::-1]
        assert replay.failures() == pytest.approx([START + 4.99 + 5 * n for n in range(6)])


async def test_it_answers_what_the_engine_answered(tmp_path: Path) -> None:
    """Rows, details, waterfall, causes and sessions at the end are those of the engine."""

    async def parent(event: Event, state: State, context: Context) -> State:
        await context.emit(event.child("child", {"of": event.data["n"]}))
        state["done"] = True
        return state

    async def child(event: Event, state: State) -> State:
        if event.data["of"] == 2:
            raise ValueError("two")
        return state

    runner = Runner(recorder=Recorder(tmp_path / "x.rec"))
    runner.register_agent("parent", parent)
    runner.register_agent("child", child)
    runner.register_callback("AfterAgentRun", "mark", lambda args: None)
    control = Control(runner)
    async with runner:
        for number in range(4):
            await runner.emit(Event("parent", {"n": number}, session_id=f"s{number % 2}"))
        await runner.join()
        live: Any = control.snapshot(Cursor())
        ids = [row.id for row in live.settled]
        told = {
            "rows": [rounded(row) for row in live.settled],
            "spans": [spans(control.session(f"s{n}", SpanCursor()).spans) for n in (0, 1)],
            "sessions": sorted((r.id, r.events, r.dead, r.target) for r in
                               control.sessions("", 10).rows),
            "details": [detail(control.event(id)) for id in ids],
            "related": [related(control, id) for id in ids],
        }  # fmt: skip
    with Recording.open(tmp_path / "x.rec") as recording:
        replay = Replay(recording)
        replay.at = recording.span.end
        again = replay.snapshot(Cursor())
        assert again.counts == live.counts
        again_told = {
            "rows": [rounded(row) for row in again.settled],
            "spans": [spans(replay.session(f"s{n}", SpanCursor()).spans) for n in (0, 1)],
            "sessions": sorted((r.id, r.events, r.dead, r.target) for r in
                               replay.sessions("", 10).rows),
            "details": [detail(replay.event(id)) for id in ids],
            "related": [related(replay, id) for id in ids],
        }  # fmt: skip
        for what, answers in told.items():
            assert again_told[what] == answers, what
        assert replay.dead_letter(1) is not None
        assert replay.dead_letter(7) is None
        assert replay.event("nobody") is None
        answer = await replay.execute(Command("pause", {"agent": ""}, "me"))
        assert (answer.ok, answer.message) == (False, REFUSED)


def rounded(row: EventRow) -> tuple[object, ...]:
    """A row, with times to the tenth of a millisecond: a float of 2026 has no more."""
    return tuple(
        round(value, 4) if isinstance(value, float) else value
        for value in (getattr(row, name) for name in row.__struct_fields__)
    )


def spans(rows: list[Any]) -> list[tuple[object, ...]]:
    """Spans without their times, and without the waits that are there or not by a hair."""
    return sorted(
        (r.id, r.parent, r.kind, r.name, r.status, r.error, r.detail)
        for r in rows
        if r.kind != "queued"
    )


def detail(found: Any) -> tuple[object, ...]:
    """What an event's detail says."""
    return found.event, found.state, found.children, spans(found.spans)


def related(control: Any, event_id: str) -> Any:
    """The causes and effects of an event."""
    return control.related(event_id, event_id)


async def test_a_recording_without_frames_can_be_seen(tmp_path: Path) -> None:
    """Stories alone tell of the events, where nobody took snapshots."""

    async def worker(event: Event, state: State) -> State:
        return state

    runner = Runner(recorder=Recorder(tmp_path / "x.rec"))
    runner.register_agent("a", worker)
    async with runner:
        await runner.emit(Event("a"))
        await runner.join()
    with Recording.open(tmp_path / "x.rec") as recording:
        assert recording.frame_times == []
        replay = Replay(recording)
        replay.at = recording.span.end
        snapshot = replay.snapshot(Cursor())
        assert [row.state for row in snapshot.settled] == ["succeeded"]
        assert snapshot.counts.succeeded == 1


async def test_what_comes_while_one_looks_is_seen(tmp_path: Path) -> None:
    """A recording that is being written can be replayed, and goes on."""
    with tempfile.TemporaryDirectory() as folder:
        made = ByHand(Path(folder) / "x.rec")
        made.ended(1.0)
        made.frame(1.0)
        made.write(last=False)
        with Recording.open(Path(folder) / "x.rec") as recording:
            replay = Replay(recording)
            replay.at = START + 5
            assert len(replay.snapshot(Cursor()).settled) == 1
            made.ended(2.0)
            made.write(last=False)
            recording.refresh()
            assert len(replay.snapshot(Cursor()).settled) == 2
        made.recorder.close()


async def test_two_engines_after_each_other_are_one_story(tmp_path: Path) -> None:
    """Numbers go on; the log of both is there."""

    async def worker(event: Event, state: State) -> State:
        return state

    for name in ("one", "two"):

        async def doing(runner: Runner, name: str = name) -> None:
            runner.report("info", f"engine {name}")
            await runner.emit(Event("a"))

        await record(tmp_path / "x.rec", {"a": worker}, doing)
    with Recording.open(tmp_path / "x.rec") as recording:
        assert [story.number for story in recording.stories()] == [1, 2]
        lines, total = recording.streams.log(recording.span.end, 10)
        assert [row.text for row in lines] == ["engine one", "engine two"]
        assert total == 2
