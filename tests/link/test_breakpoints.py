"""Breakpoints over both kinds of link: an engine in a child process, and one in this one."""

from __future__ import annotations

import pytest

from agentflow import Config, Event, Runner, State
from agentflow.control import Control
from agentflow_console.link.in_process import InProcessLink

from .conftest import Links, Project, Seen


async def echo(event: Event, state: State) -> dict[str, int]:
    """The same as the project's."""
    return {"version": 1}


@pytest.mark.parametrize("kind", ["child", "in-process"])
async def test_an_event_is_stopped_edited_and_let_go(
    kind: str, links: Links, project: Project
) -> None:
    """Rows, detail and commands cross the link; the edit is what runs."""
    if kind == "child":
        link = links.make(project.options())
    else:
        runner = Runner(Config.from_toml(""))
        runner.register_agent("echo", echo)

        async def stop(drain: bool) -> None:
            await runner.stop(drain=drain)

        link = InProcessLink(Control(runner), start=runner.start, stop=stop)  # type: ignore[assignment]
    await link.start()
    seen = Seen(link)
    answer = await link.command("break", hook="BeforeAgentRun", agent="echo", when="data.n>6")
    assert answer.ok, answer.message
    await seen.inject("echo", n=7)
    (row,) = await seen.until(lambda store: store.snapshot and store.snapshot.stops)
    assert [point.hits for point in seen.store.breakpoints] == [1]
    detail = await link.stop(row.number)
    assert detail is not None
    assert (detail.state, detail.coming[0]) == ({"n": 7}, "run of echo")
    assert (await link.command("edit_stop", number=row.number, data={"n": 8})).ok
    assert (await link.command("continue", number=row.number)).ok
    await seen.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 1)
    (ended,) = seen.store.events.rows()
    assert ended.data == '{"n":8}'
    assert await link.stop(row.number) is None
    await link.close()
