"""InProcessLink: the same link to a runner of this very process."""

from __future__ import annotations

import pytest

from agentflow import Event, Runner, State
from agentflow.control import Control
from agentflow.telemetry.snapshot import Cursor
from agentflow_console.link.in_process import InProcessLink
from agentflow_console.link.protocol import LinkError

from .conftest import Seen


async def keep(event: Event, state: State) -> State:
    """A handler that puts something into its state that is not plain data."""
    state["object"] = object()
    return state


async def test_it_is_the_same_link_without_a_process() -> None:
    """Commands and snapshots go through the same encoding: only plain data crosses."""
    runner = Runner()
    runner.register_agent("keep", keep)
    stopped: list[bool] = []

    async def stop(drain: bool) -> None:
        stopped.append(drain)
        await runner.stop(drain=drain)

    link = InProcessLink(Control(runner), start=runner.start, stop=stop)
    assert link.status == "starting"
    await link.start()
    seen = Seen(link)
    await seen.inject("keep", n=1)
    await seen.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 1)
    (row,) = seen.store.events.rows()
    detail = await link.event(row.id)
    assert detail is not None
    assert detail.state is not None
    assert "object" in str(detail.state["object"])
    assert (link.status, link.reason, link.blocked) == ("connected", "", None)
    await link.close()
    await link.close()
    assert stopped == [True]
    with pytest.raises(LinkError, match="closed"):
        await link.pull(Cursor())
