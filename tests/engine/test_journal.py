"""A runner with a journal: what was accepted is never lost, and what has ended stays ended.

A crash is a copy of the journal's files at some moment, opened by another runner: that is
what the death of a process leaves behind. Tests that kill real processes are in
tests/faults.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from agentflow import (
    AgentNotFound,
    Context,
    Event,
    InvalidEvent,
    JournalFull,
    JournalInUse,
    ProcessDied,
    Runner,
    State,
)
from agentflow.control import Command, Control
from agentflow.journal import Journal
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, config, loop, make, settle, virtual


def journaled(path: Path, text: str = "", lane: str = "express", **agents: Any) -> Runner:
    """A runner on virtual time with a journal that commits on its loop."""
    runner = make(text, lane, **agents)
    runner.journal = Journal(path / "journal.db", inline=True)
    return runner


def crash(path: Path, name: str = "after") -> Path:
    """The files as a crash at this moment would leave them, in a folder of their own."""
    copy = path.parent / f"{path.name}-{name}"
    shutil.copytree(path, copy, ignore=shutil.ignore_patterns("*.lock"))
    return copy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the first runner keeps its journal."""
    path = tmp_path / "journal"
    path.mkdir()
    return path


@virtual
async def test_what_was_queued_is_queued(folder: Path) -> None:
    """Events that were accepted and had not begun run after a crash, in their order."""
    runner = journaled(folder, a=recorder().agent)
    await runner.start()
    runner.pause()
    ids = [await runner.emit(Event("a", {"n": n}, session_id="s")) for n in range(5)]
    copy = crash(folder)
    await runner.stop(drain=False)

    seen = recorder()
    again = journaled(copy, a=seen.agent)
    async with again:
        assert again.recovered is not None
        assert again.recovered.queued == 5
        await again.join()
        assert [event.id for event in seen.events] == ids
        assert [event.data["n"] for event in seen.events] == [0, 1, 2, 3, 4]
        assert again.counts().succeeded == 5


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_what_has_ended_never_runs_again(folder: Path, lane: str) -> None:
    """After a crash only what had not ended is left."""
    runner = journaled(folder, lane=lane, a=recorder().agent)
    await runner.start()
    for n in range(10):
        await runner.emit(Event("a", {"n": n}))
    await runner.join()
    runner.pause()
    await runner.emit(Event("a", {"n": 10}))
    await runner.flush()
    copy = crash(folder)
    await runner.stop(drain=False)

    seen = recorder()
    async with journaled(copy, lane=lane, a=seen.agent) as again:
        await again.join()
        assert [event.data["n"] for event in seen.events] == [10]


@virtual
async def test_a_run_cut_short_is_another_attempt_with_the_same_key(folder: Path) -> None:
    """What had begun runs again as attempt 2, with the idempotency key of attempt 1."""
    calls: list[tuple[int, str]] = []
    forever = asyncio.Event()

    async def slow(event: Event, state: State, context: Context) -> None:
        calls.append((context.attempt, context.idempotency_key))
        if len(calls) == 1:
            await forever.wait()

    runner = journaled(folder, a=slow)
    await runner.start()
    await runner.emit(Event("a"))
    await settle()
    copy = crash(folder)
    forever.set()
    await runner.stop()

    async with journaled(copy, a=slow) as again:
        assert again.recovered is not None
        assert (again.recovered.redelivered, again.recovered.clean) == (1, False)
        await again.join()
    assert [attempt for attempt, _ in calls] == [1, 2]
    assert calls[0][1] == calls[1][1]


@virtual
async def test_an_end_and_what_it_caused_are_one(folder: Path) -> None:
    """Whenever the crash comes, a chain of follow-up events runs through exactly once."""
    images: list[Path] = []

    def step(name: str, following: str) -> Any:
        async def agent(event: Event, state: State) -> State:
            state["trail"] = [*state.get("trail", []), name]
            if following:
                state.meta["route"] = following
            return state

        return agent

    agents = {"a": step("a", "b"), "b": step("b", "c"), "c": step("c", "")}
    runner = journaled(folder, **agents)
    await runner.start()
    loop().each_turn(lambda: images.append(crash(folder, str(len(images)))))
    await runner.emit(Event("a", session_id="s"))
    await runner.join()
    await runner.stop()
    assert len(images) > 5
    for image in images[:40]:
        trails: list[Any] = []
        again = journaled(image, **agents)

        def last(args: Any, trails: list[Any] = trails) -> None:
            trails.append(args.state.get("trail"))

        again.register_callback("AfterEventHandling", "look", last)
        async with again:
            await again.join()
            counts = again.counts()
            assert counts.succeeded == counts.accepted
            if trails:
                assert trails[-1] == ["a", "b", "c"]
                assert len(trails) == len({tuple(trail) for trail in trails})


@virtual
async def test_a_retry_survives_with_its_due_time(folder: Path) -> None:
    """An event that waits for a retry runs again when it is due, not before, one attempt on."""
    text = "[error_routing.retry]\nmax_retries = 3\ninitial_delay = 20\njitter = false\n"
    text += "[orchestration]\ntimeout_seconds = 1000\n"
    runner = journaled(folder, text, a=recorder(OSError("down")).agent)
    await runner.start()
    await runner.emit(Event("a"))
    await settle()
    await runner.flush()
    copy = crash(folder)
    await runner.stop(drain=False)

    attempts: list[tuple[int, float]] = []

    async def ok(event: Event, state: State, context: Context) -> None:
        attempts.append((context.attempt, loop().time()))

    began = loop().time()
    async with journaled(copy, text, a=ok) as again:
        assert again.recovered is not None
        assert again.recovered.retrying == 1
        await again.join()
    assert attempts[0][0] == 2
    assert 19 <= attempts[0][1] - began <= 21


@virtual
async def test_what_kills_the_process_becomes_a_dead_letter(folder: Path) -> None:
    """After the process has died three times while an event ran, it is not run again."""
    where, runs = folder, 0
    forever = asyncio.Event()

    async def killer(event: Event, state: State) -> None:
        nonlocal runs
        runs += 1
        await forever.wait()

    async def innocent(event: Event, state: State) -> None:
        if event.data.get("slow"):
            await forever.wait()

    runners = []
    for life in range(3):
        runner = journaled(where, a=killer, b=innocent)
        await runner.start()
        runners.append(runner)
        if not life:
            await runner.emit(Event("a"))
            await runner.emit(Event("b", {"slow": True}))
        await settle()
        await runner.flush()
        where = crash(where, str(life))
    assert runs == 3
    fine = recorder()
    async with journaled(where, a=killer, b=fine.agent) as last:
        await last.join()
        (letter,) = last.dead_letters
        assert isinstance(letter.error, ProcessDied)
        assert letter.error.deliveries == 3
        assert letter.event.target == "a"
        assert len(fine.calls) == 1, "what ran beside it is no killer"
        assert runs == 3
    forever.set()
    for runner in runners:
        await runner.stop()


@virtual
async def test_dead_letters_come_back(folder: Path) -> None:
    """Dead letters are there after a new start, with number, error and what was done to them."""
    runner = journaled(folder, NO_RETRY, a=recorder(ValueError("no good")).agent)
    await runner.start()
    for n in range(3):
        await runner.emit(Event("a", {"n": n}))
    await runner.join()
    first, second, _ = runner.dead_letters
    runner.drop(second.number)
    await runner.replay(first)
    await runner.join()
    await runner.stop()

    async with journaled(folder, NO_RETRY, a=recorder(ValueError("again")).agent) as again:
        letters = list(again.dead_letters)
        assert [letter.number for letter in letters] == [1, 3, 4]
        assert letters[0].status == "replayed"
        assert "no good" in str(letters[0].error)
        assert letters[1].event.data["n"] == 2
        assert again.counts().dead == 0, "they ended in an earlier life"
        await again.emit(Event("a"))
        await again.join()
        assert [letter.number for letter in again.dead_letters] == [1, 3, 4, 5]


@virtual
async def test_a_duplicate_is_accepted_once(folder: Path) -> None:
    """The same id, or the same idempotency key, gives the first one's id and no second run."""
    seen = recorder()
    async with journaled(folder, a=seen.agent) as runner:
        event = Event("a", {"n": 1})
        assert await runner.emit(event) == event.id
        await runner.join()
        assert await runner.emit(event) == event.id
        first = await runner.emit(Event("a", {"n": 2}, {"idempotency_key": "order-7"}))
        second = await runner.emit(Event("a", {"n": 3}, {"idempotency_key": "order-7"}))
        assert first == second
        await runner.join()
        result = await runner.request(event)
        assert isinstance(result.error, InvalidEvent)
        assert [event.data["n"] for event in seen.events] == [1, 2]
        assert runner.counts().accepted == 2


@pytest.mark.parametrize(
    "value", [object(), float("nan"), 2**70, "\ud800", b"bytes".join, {1: "a"}.values()]
)
@virtual
async def test_what_cannot_be_kept_is_refused(folder: Path, value: Any) -> None:
    """Data that would not come back the same is refused at emit, with the reason."""
    async with journaled(folder, a=recorder().agent) as runner:
        with pytest.raises(InvalidEvent):
            await runner.emit(Event("a", {"value": value}))
        assert runner.counts().accepted == 0


@virtual
async def test_a_follow_up_that_cannot_be_kept_fails_its_event(folder: Path) -> None:
    """A route with data that can't be written is a dead letter that says so."""

    async def odd(event: Event, state: State) -> State:
        state["it"] = object()
        state.meta["route"] = "b"
        return state

    async with journaled(folder, NO_RETRY, a=odd, b=recorder().agent) as runner:
        result = await runner.request(Event("a"))
        assert isinstance(result.error, InvalidEvent)
        assert len(runner.dead_letters) == 1


@virtual
async def test_exact_numbers_survive(folder: Path) -> None:
    """Values come back as they were: large integers, floats, text in any script, nesting."""
    data = {"n": 2**53 + 1, "x": 0.1, "t": "žába 🐸 \u202e", "l": [1, [2, {"k": None}]], "b": True}
    runner = journaled(folder, a=recorder().agent)
    await runner.start()
    runner.pause()
    await runner.emit(Event("a", data, {"m": "1"}, session_id="s", source="x"))
    copy = crash(folder)
    await runner.stop(drain=False)
    seen = recorder()
    async with journaled(copy, a=seen.agent) as again:
        await again.join()
    (event,) = seen.events
    assert event.data == data
    assert (event.session_id, event.source, event.metadata["m"]) == ("s", "x", "1")


@virtual
async def test_versions_and_audit_come_back(folder: Path) -> None:
    """Which configurations ran, and what operators did, is known after a new start."""
    runner = journaled(folder, "[runtime]\nmax_hops = 5\n", a=recorder().agent)
    await runner.start()
    control = Control(runner)
    await runner.apply(config("[runtime]\nmax_hops = 6\n"))
    await control.execute(Command("pause", {"agent": "a"}, "ada"))
    await runner.stop(drain=False)

    again = journaled(folder, "[runtime]\nmax_hops = 6\n", a=recorder().agent)
    async with again:
        assert [version.number for version in again.history.versions] == [1, 2]
        assert again.version == 2
        rows, _ = again.telemetry.actions.since(0, 10)
        assert [(row.operator, row.action) for row in rows] == [("ada", "pause")]
        await again.emit(Event("a"))
        await again.join()
        assert again.counts().held == 1, "an operator's pause outlives the process"
        await Control(again).execute(Command("resume", {"agent": "a"}, "ada"))
        await again.join()
        assert again.counts().succeeded == 1
    third = journaled(folder, "[runtime]\nmax_hops = 7\n", a=recorder().agent)
    async with third:
        assert third.version == 3
        assert "max_hops" in third.history.versions[-1].differences[0]


@virtual
async def test_handlers_emit_onto_the_disk(folder: Path) -> None:
    """What a handler emits in the middle of its run is kept before its emit returns."""

    async def busy(event: Event, state: State, context: Context) -> None:
        await context.emit(Event("b", {"from": "a"}))
        result = await context.request(Event("c"))
        assert result.error is None

    b, c = recorder(), recorder()
    async with journaled(folder, a=busy, b=b.agent, c=c.agent) as runner:
        await runner.emit(Event("a"))
        await runner.join()
        assert runner.counts().succeeded == 3
        assert (len(b.calls), len(c.calls)) == (1, 1)


@virtual
async def test_what_a_handler_emits_comes_once_when_it_runs_again(folder: Path) -> None:
    """The same emitted again by another attempt is the same event; something else is another."""

    async def emits(event: Event, state: State, context: Context) -> None:
        await context.emit(Event("b", {"same": True}))
        await context.emit(Event("b", {"same": True}))
        await context.emit(Event("b", {"attempt": context.attempt}))
        if context.attempt == 1:
            raise ConnectionError("later")

    b = recorder()
    async with journaled(folder, a=emits, b=b.agent) as runner:
        await runner.emit(Event("a"))
        await runner.join()
        found = [dict(event.data) for event in b.events]
        assert found.count({"same": True}) == 2
        assert found.count({"attempt": 1}) == found.count({"attempt": 2}) == 1
        assert len(found) == 4


@virtual
async def test_an_attempt_that_failed_counts_at_every_moment(folder: Path) -> None:
    """Whenever the crash comes after it, the next attempt has the next number."""
    images: list[Path] = []
    attempts: list[int] = []

    async def fails(event: Event, state: State, context: Context) -> None:
        attempts.append(context.attempt)
        raise ConnectionError("down")

    runner = journaled(folder, a=fails)
    await runner.start()
    event_id = await runner.emit(Event("a"))
    loop().each_turn(lambda: images.append(crash(folder, str(len(images)))) if attempts else None)
    await settle()
    await runner.stop(drain=False)
    assert event_id
    assert images
    first = len(attempts)
    for image in images[:20]:
        del attempts[first:]
        async with journaled(image, a=fails) as again:
            await again.join()
        if len(attempts) > first:
            assert attempts[first] >= 2


@virtual
async def test_try_emit_and_flush(folder: Path) -> None:
    """try_emit does not wait for the disk; flush does."""
    runner = journaled(folder, a=recorder().agent)
    await runner.start()
    runner.pause()
    runner.try_emit(Event("a"))
    await runner.flush()
    copy = crash(folder)
    await runner.stop(drain=False)
    async with journaled(copy, a=recorder().agent) as again:
        assert again.recovered is not None
        assert again.recovered.queued == 1
        await again.join()


@virtual
async def test_a_full_journal_refuses_and_goes_on(folder: Path) -> None:
    """At its limit the journal refuses what is new, keeps what it has, and recovers."""
    runner = make(a=recorder().agent)
    runner.journal = Journal(folder / "journal.db", inline=True, max_bytes=2_000_000)
    await runner.start()
    runner.pause()
    accepted = 0

    async def fill() -> None:
        nonlocal accepted
        while True:
            await runner.emit(Event("a", {"text": "x" * 10_000}))
            accepted += 1

    with pytest.raises(JournalFull):
        await fill()
    assert accepted > 20
    assert runner.counts().accepted == accepted
    runner.resume()
    await runner.join()
    assert runner.counts().succeeded == accepted
    for _ in range(50):
        try:
            await runner.emit(Event("a", {"text": "x" * 10_000}))
            break
        except JournalFull:
            await asyncio.sleep(1)
    else:
        raise AssertionError("it never had room again")
    await runner.stop()


@virtual
async def test_one_journal_has_one_owner(folder: Path) -> None:
    """A second runner on the same journal is refused by the name of the first one's process."""
    async with journaled(folder, a=recorder().agent):
        with pytest.raises(JournalInUse) as caught:
            await journaled(folder, a=recorder().agent).start()
        assert caught.value.pid == os.getpid()


@virtual
async def test_a_handover_by_the_journal(folder: Path) -> None:
    """Another runner goes on with queue, counts and dead letters, which stand in the journal."""
    text = NO_RETRY + 'mode = "route"\n'
    old = journaled(folder, text, a=recorder().agent)
    await old.start()
    await old.emit(Event("a"))
    await old.emit(Event("nobody"))
    await old.join()
    old.pause()
    for n in range(4):
        await old.emit(Event("a", {"n": n}))
    left = await old.hand_over()
    seen = recorder()
    new = journaled(folder, text, a=seen.agent)
    await new.start(recover=False)
    await new.take_over(left)
    assert new.paused
    new.resume()
    await new.join()
    assert [event.data["n"] for event in seen.events] == [0, 1, 2, 3]
    counts = new.counts()
    assert (counts.accepted, counts.succeeded, counts.dead) == (6, 5, 1)
    (letter,) = new.dead_letters
    assert "AgentNotFound" in str(letter.error)
    await new.stop()


async def test_a_real_writer_thread(tmp_path: Path) -> None:
    """With the writer in its thread many producers get their events through, each once."""
    seen: list[int] = []

    async def note(event: Event, state: State) -> None:
        seen.append(event.data["n"])

    runner = Runner(journal=Journal(tmp_path / "journal.db"))
    runner.register_agent("a", note)

    async def produce(first: int) -> None:
        for n in range(20):
            result = await runner.request(Event("a", {"n": first + n}))
            assert result.error is None

    async with runner:
        await asyncio.gather(*(produce(100 * k) for k in range(20)))
        await runner.emit(Event("nobody"))
        await runner.join()
        assert isinstance(runner.dead_letters[0].error, AgentNotFound)
    assert len(seen) == len(set(seen)) == 400
    again = Runner(journal=Journal(tmp_path / "journal.db"))
    async with again:
        assert again.recovered is not None
        assert (again.recovered.queued, again.recovered.redelivered) == (0, 0)
        assert again.recovered.clean
        assert len(again.dead_letters) == 1


def test_a_configuration_asks_for_a_journal(tmp_path: Path) -> None:
    """[journal] turns it on, for a program too; the path is seen from the file."""
    from agentflow import Config

    file = tmp_path / "agentflow.toml"
    assert Runner(Config.from_toml("", path=file)).journal is None
    named = Runner(Config.from_toml('[journal]\npath = "x.db"\n', path=file))
    assert named.journal is not None
    assert named.journal.path == tmp_path / "x.db"
    enabled = Runner(Config.from_toml("[journal]\nenabled = true\n", path=file))
    assert enabled.journal is not None
    assert enabled.journal.path == tmp_path / ".agentflow" / "agentflow.db"
    off = 'path = "x.db"\nenabled = false\n'
    assert Runner(Config.from_toml(f"[journal]\n{off}", path=file)).journal is None
    none = 'path = "x.db"\ndurability = "none"\n'
    assert Runner(Config.from_toml(f"[journal]\n{none}", path=file)).journal is None


@virtual
async def test_who_is_told_that_it_is_done_finds_it_on_record(folder: Path) -> None:
    """A crash right after the answer to a command does not take its record along."""
    runner = journaled(folder, a=recorder().agent)
    await runner.start()
    answer = await Control(runner).execute(Command("pause", {"agent": "a"}, "ada"))
    copy = crash(folder)
    assert answer.ok
    await runner.stop(drain=False)
    async with journaled(copy, a=recorder().agent) as again:
        rows, _ = again.telemetry.actions.since(0, 10)
        assert [(row.operator, row.action) for row in rows] == [("ada", "pause")]
