"""Broadcast: one event, one child for each of many agents."""

from __future__ import annotations

import pytest

from agentflow import AgentNotFound, Event, InvalidEvent
from agentflow.testing import recorder

from .support import LANES, make, virtual


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_each_target_gets_a_child_of_its_own(lane: str) -> None:
    """Same data, same session, the broadcast's id, and a link to the event that was sent."""
    a, b = recorder(), recorder()
    async with make("", lane, a=a.agent, b=b.agent) as runner:
        metadata = {"broadcast": "true", "broadcast_targets": "a, b", "priority": "high"}
        event = Event("", {"x": 1}, metadata, session_id="s")
        await runner.request(event)
        await runner.join()
    for worker, name in ((a, "a"), (b, "b")):
        (child,) = worker.events
        assert child.target == name
        assert child.id != event.id
        assert (child.data, child.session_id, child.parent_event) == ({"x": 1}, "s", event.id)
        assert child.metadata["broadcast_id"] == event.id
        assert (child.hop_count, child.priority) == (1, "high")
        assert "broadcast" not in child.metadata
    assert runner.counts() == (3, 0, 0, 0, 3, 0)


@virtual
async def test_a_broadcast_to_an_unknown_agent_reaches_the_others() -> None:
    """The child for nobody is a dead letter; the rest goes on."""
    a = recorder()
    async with make("", a=a.agent) as runner:
        await runner.request(Event("", {}, {"broadcast": "true", "broadcast_targets": "ghost,a"}))
        await runner.join()
    assert len(a.calls) == 1
    (letter,) = runner.dead_letters
    assert isinstance(letter.error, AgentNotFound)


@pytest.mark.parametrize("targets", [None, "", " , ,"])
@virtual
async def test_a_broadcast_to_nobody_is_a_dead_letter(targets: str | None) -> None:
    """Without targets there is nothing to send, and that is said."""
    metadata = {"broadcast": "true"}
    if targets is not None:
        metadata["broadcast_targets"] = targets
    async with make("", a=recorder().agent) as runner:
        result = await runner.request(Event("a", {}, metadata))
    assert isinstance(result.error, InvalidEvent)
    assert result.error.field == "metadata.broadcast_targets"


@virtual
async def test_in_other_modes_a_broadcast_still_goes_to_its_targets() -> None:
    """The children go to the agents they name, not through the orchestration."""
    text = '[orchestration]\nmode = "sequential"\nsequential_agents = ["c"]'
    a, c = recorder(), recorder()
    async with make(text, a=a.agent, c=c.agent) as runner:
        await runner.request(Event("", {}, {"broadcast": "true", "broadcast_targets": "a"}))
        await runner.join()
    assert (len(a.calls), len(c.calls)) == (1, 0)


@virtual
async def test_anything_but_true_is_no_broadcast() -> None:
    """broadcast = "false" is an ordinary event."""
    a, b = recorder(), recorder()
    async with make("", a=a.agent, b=b.agent) as runner:
        await runner.request(Event("a", {}, {"broadcast": "false", "broadcast_targets": "b"}))
    assert (len(a.calls), len(b.calls)) == (1, 0)
