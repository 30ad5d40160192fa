"""Audit: who did what, when, why, what it changed and what it took back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentflow import Event, Runner
from agentflow.control import Answer, Command, Control
from agentflow.journal import Journal
from agentflow.journal.reading import open_for_reading
from agentflow.telemetry.snapshot import AuditRow
from agentflow.testing import VirtualClock, recorder, run_virtual

from .support import NO_RETRY, config, make, virtual


async def do(control: Control, name: str, **arguments: Any) -> Answer:
    return await control.execute(Command(name, arguments, "ada"))


def last(runner: Runner) -> AuditRow:
    """What was done last."""
    return runner.telemetry.actions.items[-1]


@virtual
async def test_a_row_says_what_changed_and_where_to_look() -> None:
    """In short, before and after; the reason is the operator's own."""
    failing = recorder(ValueError("no"))
    async with make(NO_RETRY, a=failing.agent) as runner:
        control = Control(runner)
        answer = await do(control, "inject", event={"target": "a", "data": {"x": 1}}, why=" try ")
        await runner.join()
        assert (last(runner).about, last(runner).why) == (f"event:{answer.data}", "try")
        again = await do(control, "replay", number=1, data={"x": 2, "y": "z"})
        assert (last(runner).change, last(runner).about) == (
            'x: 1 → 2; y: null → "z"', f"event:{again.data}",
        )  # fmt: skip
        await do(control, "pause", agent="a", why="w" * 2_000)
        assert (last(runner).change, last(runner).about) == ("going on → paused", "agent:a")
        assert len(last(runner).why) == 500
        await do(control, "pace", rate=20, why=7)
        assert (last(runner).change, last(runner).why) == ("unlimited → 20/s", "")
        await do(control, "drop", number=1)
        assert last(runner).about == "dead:1"
        await do(control, "apply", text="[runtime]\nmax_hops = 3")
        assert last(runner).about == "version:2"
        assert "max_hops" in last(runner).change
        await do(control, "apply", text="not toml [")
        assert (last(runner).outcome, last(runner).change, last(runner).about) == (
            "refused",
            "",
            "",
        )


@virtual
async def test_what_takes_something_back_names_the_row() -> None:
    """The last one that did it, unless that was taken back before."""
    async with make("", a=recorder().agent, b=recorder().agent) as runner:
        control = Control(runner)
        await do(control, "pause", agent="a")
        await do(control, "pause", agent="b")
        await do(control, "resume", agent="a")
        await do(control, "resume", agent="a")
        await do(control, "resume", agent="ghost")
        await do(control, "pause")
        await do(control, "resume")
        await do(control, "mode", mode="sequential", sequential_agents=["a"])
        await do(control, "undo")
        await do(control, "break", agent="a")
        await do(control, "break", agent="b")
        await do(control, "unbreak", number=1)
        await runner.apply(config("[runtime]\nmax_hops = 3"), "saved")
        await do(control, "undo")
        assert [(row.seq, row.action, row.undid) for row in runner.telemetry.actions.items] == [
            (1, "pause", 0), (2, "pause", 0), (3, "resume", 1), (4, "resume", 0),
            (5, "resume", 0), (6, "pause", 0), (7, "resume", 6), (8, "mode", 0), (9, "undo", 8),
            (10, "break", 0), (11, "break", 0), (12, "unbreak", 10), (13, "undo", 0),
        ]  # fmt: skip


def test_it_comes_back_with_its_numbers_after_a_restart(tmp_path: Path) -> None:
    """So that what one row says of another stays true, and a later one can undo it."""
    path = tmp_path / "j.db"

    async def life(*commands: tuple[str, dict[str, Any]]) -> list[AuditRow]:
        runner = Runner(config(NO_RETRY), clock=VirtualClock(), journal=Journal(path))
        runner.register_agent("a", recorder().agent)
        async with runner:
            control = Control(runner)
            for name, arguments in commands:
                await do(control, name, **arguments)
            return list(runner.telemetry.actions.items)

    first = run_virtual(
        lambda: life(("pause", {"agent": "a", "why": "it hurts"}), ("pace", {"rate": 1}))
    )
    second = run_virtual(lambda: life(("resume", {"agent": "a"})))
    assert second[:2] == first
    assert (second[2].seq, second[2].undid, second[2].change) == (3, 1, "paused → going on")
    with open_for_reading(path) as reader:
        assert reader.audit(10) == second
        assert reader.audit(1) == second[2:]


@pytest.mark.parametrize("fields", [7, 11])
def test_rows_of_before_and_of_later_can_be_read(tmp_path: Path, fields: int) -> None:
    """What a row doesn't have yet is empty; what only later versions know is left out."""
    path = tmp_path / "j.db"
    row = [1, 5.0, "ada", "pause", "a", "a paused", "done", "why", 0, "x → y", "agent:a", "more"]
    wanted = AuditRow(*row[:fields])  # type: ignore[arg-type]

    async def life() -> AuditRow:
        runner = Runner(config(NO_RETRY), clock=VirtualClock(), journal=Journal(path))
        runner.register_agent("a", recorder().agent)
        async with runner:
            await runner.emit(Event("a"))
            return runner.telemetry.actions.items[-1]

    run_virtual(lambda: written(path, row[: 12 if fields == 11 else fields]))
    assert run_virtual(life) == wanted


async def written(path: Path, row: list[Any]) -> None:
    """A journal with that row, as another version may have written it."""
    import asyncio
    import time

    class Foreign(msgspec.Struct, array_like=True):
        fields: Any

    journal = Journal(path)
    journal.open(time.time())
    journal.start(asyncio.get_running_loop(), lambda results: None, lambda state, why: None)
    from agentflow.journal import journal as module

    original = module._encode
    module._encode = lambda found: original(row)  # type: ignore[assignment]
    try:
        journal.audit(AuditRow(1, 0.0, "", "", "", "", ""))
    finally:
        module._encode = original
    journal.close()
