"""A recording under its own configuration gives no divergence, and the same trace twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentflow import Config, Event, Runner, State
from agentflow.whatif import SAME, Choices, Summary, WhatIf, canonical
from whatif.taping import tape

NAMES = ("alpha", "beta", "gamma", "delta")
MODES = ("route", "collaborative", "sequential", "loop", "mixed")
ERRORS: tuple[type[Exception], ...] = (ConnectionError, ValueError, TimeoutError, SyntaxError)


class Breaks(Exception):
    """An error that no library knows."""


def toml(mode: str, *, limit: float = 30.0, retries: int = 1, rest: str = "") -> Config:
    agents = "\n".join(f'[agents.{name}]\nhandler = "nowhere:{name}"' for name in NAMES)
    return Config.from_toml(
        f"""
        [orchestration]
        mode = "{mode}"
        timeout_seconds = {limit}
        retry_attempts = {retries}
        collaborative_agents = ["alpha", "beta"]
        sequential_agents = ["gamma", "delta"]
        loop_agent = "alpha"
        max_iterations = 3
        {rest}
        {agents}
        """
    )


@st.composite
def behaviours(draw: st.DrawFn) -> dict[str, Any]:
    """What an agent does: how long, what it writes, whether and how it fails, what it causes."""
    return {
        "seconds": draw(st.sampled_from([0.0, 0.013, 0.11, 0.7, 2.3])),
        "writes": draw(st.sampled_from(["own", "shared", "nothing", "nested"])),
        "fails": draw(st.sampled_from([0, 0, 0, 1, 2, 9])),
        "error": draw(st.sampled_from([*ERRORS, Breaks])),
        "emits": draw(st.sampled_from(["", "", "emit", "request", "requests", "route"])),
        "to": draw(st.sampled_from(NAMES)),
    }


def handler(name: str, does: dict[str, Any]) -> Any:
    async def handle(event: Event, state: State, context: Any) -> Any:
        await asyncio.sleep(does["seconds"])
        if context.attempt <= does["fails"] and event.hop_count == 0:
            raise does["error"](f"{name} broke: {event.data.get('n')}")
        if event.hop_count < 2:
            child = event.child(does["to"], {"from": name, "n": event.data.get("n")})
            if does["emits"] == "emit":
                await context.emit(child)
            elif does["emits"] == "request":
                result = await context.request(child)
                state["asked"] = result.ok
            elif does["emits"] == "requests":
                other = event.child(does["to"], {"from": name, "n": "second"})
                await asyncio.gather(context.request(child), context.request(other))
            elif does["emits"] == "route":
                state.meta["route"] = does["to"]
        await asyncio.sleep(does["seconds"] / 2)
        if does["writes"] == "own":
            state[name] = {"seen": sorted(state), "round": state.meta.get("loop_iteration")}
        elif does["writes"] == "shared":
            state["shared"] = name
            state["loop_complete"] = event.data.get("n") == 1
        elif does["writes"] == "nested":
            state[name] = {"list": [1, {"two": [name]}], "text": "x" * 900}
        return state

    return handle


QUIET = {"seconds": 0.0, "writes": "nothing", "fails": 0, "error": ValueError, "emits": "",
         "to": "alpha"}  # fmt: skip

events = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(["", "", "broadcast", "deadline", "critical", "short", "missing"]),
        st.sampled_from(["s1", "s2"]),
    ),
    min_size=1,
    max_size=5,
)


def event_of(number: int, target: str, kind: str, session: str, now: float) -> Event:
    from datetime import UTC, datetime

    metadata: dict[str, str] = {}
    if kind == "broadcast":
        metadata = {"broadcast": "true", "broadcast_targets": "alpha, gamma"}
    elif kind in ("deadline", "critical"):
        metadata = {"deadline": datetime.fromtimestamp(now + 1.0003, UTC).isoformat()}
        if kind == "critical":
            metadata["priority"] = "critical"
    elif kind == "short":
        metadata = {"timeout": "0.5"}
    elif kind == "missing":
        target = "nobody"
    return Event(target, {"n": number, "text": "y" * 600}, metadata, session_id=session)


systems = (
    st.sampled_from(MODES),
    st.fixed_dictionaries({name: behaviours() for name in NAMES}),
    events,
    st.sampled_from([30.0, 1.7]),
    st.sampled_from([0, 2]),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(*systems)
def test_a_recording_under_its_own_configuration_does_not_part(
    mode: str, does: dict[str, Any], kinds: list[Any], limit: float, retries: int
) -> None:
    """Whatever the system and its failures, its own configuration gives the same again."""
    nothing_parts(mode, does, kinds, limit, retries)


@pytest.mark.long
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(*systems)
def test_a_thousand_recordings_under_their_own_configuration_do_not_part(
    mode: str, does: dict[str, Any], kinds: list[Any], limit: float, retries: int
) -> None:
    """The same for very many systems."""
    nothing_parts(mode, does, kinds, limit, retries)


def nothing_parts(
    mode: str, does: dict[str, Any], kinds: list[Any], limit: float, retries: int
) -> None:
    config = toml(mode, limit=limit, retries=retries, rest="max_concurrency = 2")

    async def feed(runner: Runner) -> None:
        for number, (target, kind, session) in enumerate(kinds):
            await runner.emit(
                event_of(number, target, kind, session, runner.dispatcher.clock.time())
            )
            await asyncio.sleep(0.0371)

    stories, versions = tape(config, {name: handler(name, does[name]) for name in NAMES}, feed)
    whatif = WhatIf(stories, versions, config)
    summary = Summary.empty()
    for report in whatif:
        assert report.verdict == SAME, report.first and report.first.sentence
        summary.add(report)
    assert summary.exit_code == 0
    assert summary.recorded.events == summary.new.events == len(stories)
    assert summary.new.sources.keys() <= {"recorded", ""}
    with whatif.sandbox() as sandbox:
        first, second = canonical(sandbox.run(stories)), canonical(sandbox.run(stories))
    assert first == second
    assert first.count(b"\n") == len(stories)


def test_breakpoints_of_the_file_stop_nothing_in_a_run_after_a_recording() -> None:
    """Nobody is there who would let an event go on."""
    handlers = {name: handler(name, {**QUIET, "writes": "own"}) for name in NAMES}
    stories, versions = tape(toml("sequential"), handlers, [Event("", {"n": 1}, session_id="s")])
    stopping = toml("sequential", rest='[[breakpoints.at]]\nhook = "any"\n')
    (report,) = WhatIf(stories, versions, stopping)
    assert report.verdict == SAME


@pytest.mark.parametrize("mode", MODES)
def test_no_handler_runs_unasked(mode: str) -> None:
    """A run after a recording calls no handler, no callback and no subscriber."""
    config = toml(mode)
    calls: list[str] = []

    async def noted(event: Event, state: State, context: Any) -> dict[str, Any]:
        calls.append(context.agent)
        return {context.agent: True}

    stories, versions = tape(config, dict.fromkeys(NAMES, noted), [Event("alpha", {"n": 1})])
    before = list(calls)
    assert [report.verdict for report in WhatIf(stories, versions, config, Choices())] == [SAME]
    assert calls == before
