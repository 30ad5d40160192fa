"""Which mode an event runs in: its own override, else the first rule, else the plan's."""

from __future__ import annotations

from typing import Any

import pytest

from agentflow import Event
from agentflow.testing import Recorder, recorder

from .support import make, virtual

RULES = """
    [orchestration]
    mode = "route"
    collaborative_agents = ["a", "b"]
    sequential_agents = ["b", "c"]
    loop_agent = "a"
    max_iterations = 2
    [[orchestration.rules]]
    when = { data = { kind = "invoice" } }
    mode = "sequential"
    [[orchestration.rules]]
    when = { data = { amount = ">1000" }, metadata = { customer = "gold*" } }
    mode = "collaborative"
    [[orchestration.rules]]
    when = { data = { kind = "inv*" } }
    mode = "sequential"
    sequential_agents = ["c", "c"]
"""


def three() -> dict[str, Recorder]:
    return {name: recorder({name: 1}) for name in "abc"}


async def ran(text: str, event: Event) -> str:
    """The agents that ran for ``event``, as one word."""
    workers = three()
    async with make(text, **{name: worker.agent for name, worker in workers.items()}) as runner:
        result = await runner.request(event)
    assert result.error is None
    return "".join(name * len(worker.calls) for name, worker in workers.items())


@pytest.mark.parametrize(
    ("override", "agents"),
    [
        ("route", "a"), ("collaborative", "ab"), ("parallel", "ab"), ("collaborate", "ab"),
        ("sequential", "bc"), ("loop", "aa"), ("mixed", "abbc"), (" Sequential ", "bc"), ("", "a"),
    ],
)  # fmt: skip
@virtual
async def test_an_override_picks_the_mode_for_that_event_alone(override: str, agents: str) -> None:
    """metadata["orchestration_override"], in any spelling of a mode."""
    assert await ran(RULES, Event("a", {}, {"orchestration_override": override})) == agents


@pytest.mark.parametrize(
    ("data", "metadata", "agents"),
    [
        ({"kind": "invoice"}, {}, "bc"),
        ({"kind": "invoice", "amount": 5000}, {"customer": "gold"}, "bc"),
        ({"amount": 5000}, {"customer": "golden"}, "ab"),
        ({"amount": "5000"}, {"customer": "gold"}, "ab"),
        ({"amount": 1000}, {"customer": "gold"}, "a"),
        ({"amount": 5000}, {}, "a"),
        ({"kind": "inventory"}, {}, "cc"),
        ({"kind": ["x", "invoice"]}, {}, "bc"),
        ({"other": 1}, {}, "a"),
    ],
)
@virtual
async def test_the_first_rule_that_matches_wins(
    data: dict[str, Any], metadata: dict[str, str], agents: str
) -> None:
    """All of a rule's conditions must hold; a rule may bring its own agents."""
    assert await ran(RULES, Event("a", data, metadata)) == agents


@virtual
async def test_an_override_comes_before_the_rules() -> None:
    """What the event itself says is stronger than what it looks like."""
    event = Event("a", {"kind": "invoice"}, {"orchestration_override": "loop"})
    assert await ran(RULES, event) == "aa"


@virtual
async def test_a_trace_and_the_metrics_name_the_mode_that_ran() -> None:
    """Events under a rule are counted for the rule's mode."""
    workers = three()
    async with make(RULES, **{name: worker.agent for name, worker in workers.items()}) as runner:
        await runner.request(Event("a", {"kind": "invoice"}))
        await runner.request(Event("a"))
        assert [execution.mode for execution in runner.executions()] == ["sequential", "route"]
        assert runner.telemetry.modes["sequential"].latency.count == 1
        assert runner.telemetry.modes["route"].latency.count == 1
