"""Where a new run parts from the recorded one, and what may and may not run for it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from agentflow import Config, Event, EventVetoed, State
from agentflow.errors import DroppedAtBreakpoint, ProviderServerError
from agentflow.resilience.dead_letters import describe
from agentflow.whatif import (
    PARTED,
    SAME,
    UNTOLD,
    ChoiceError,
    Choices,
    SessionReport,
    Summary,
    WhatIf,
    choices_from,
)
from agentflow.whatif.again import error_again
from whatif.taping import tape
from whatif.test_same import MODES, NAMES, toml


async def adds(event: Event, state: State, context: Any) -> dict[str, Any]:
    await asyncio.sleep(0.01)
    return {context.agent: event.data["n"]}


def run(
    config: Config, taped: tuple[list[Any], list[Any]], choices: Choices | None = None
) -> tuple[SessionReport, Summary]:
    summary = Summary.empty()
    reports = list(WhatIf(*taped, config, choices))
    for report in reports:
        summary.add(report)
    return reports[0], summary


def taped_in(mode: str, **handlers: Any) -> tuple[list[Any], list[Any]]:
    return taped_under(toml(mode), **handlers)


def taped_under(config: Config, **handlers: Any) -> tuple[list[Any], list[Any]]:
    return tape(config, {**dict.fromkeys(NAMES, adds), **handlers}, [Event("alpha", {"n": 1})])


def test_another_mode_parts_at_the_first_step_with_other_agents() -> None:
    """Under sequential what ran side by side is missing, and the first step says so."""
    report, summary = run(toml("sequential"), taped_in("mixed"))
    assert report.verdict == PARTED
    assert report.first is not None
    assert (report.first.kind, report.first.group) == ("agents", 1)
    assert report.first.expected == "alpha and beta side by side"
    assert report.first.came == "gamma"
    assert summary.exit_code == 1
    assert summary.recorded.agents == {"alpha": 1, "beta": 1, "gamma": 1, "delta": 1}
    assert summary.new.agents == {"gamma": 1, "delta": 1}


def test_what_an_agent_changed_then_it_changes_on_another_state_too() -> None:
    """A recorded output on another input is the recorded change, not the recorded state."""
    recorded = taped_in("mixed")
    other = toml("sequential").override({"orchestration.sequential_agents": ["beta", "alpha"]})
    report, _ = run(other, recorded)
    trace = report.pairs[0].new
    assert trace is not None
    assert trace.state == {"n": 1, "alpha": 1, "beta": 1}
    assert [part.kind for part in report.pairs[0].parts] == ["agents", "state"]


def test_an_agent_that_was_never_recorded_is_not_run() -> None:
    """It fails with NotRecorded, is marked as missing, and the run parts there."""
    other = toml("route").override(
        {"orchestration.mode": "sequential", "orchestration.sequential_agents": ["beta"]}
    )
    report, summary = run(other, taped_in("route"))
    assert report.verdict == PARTED
    assert summary.new.sources == {"missing": 1}
    assert "NotRecorded" in report.pairs[0].new.error  # type: ignore[union-attr]


def test_more_retries_than_were_recorded_can_not_be_told() -> None:
    """What a further attempt would have come to is unknown: exit code 2."""

    async def breaks(event: Event, state: State, context: Any) -> None:
        raise ConnectionError("busy")

    recorded = taped_under(toml("route", retries=1), alpha=breaks)
    assert run(toml("route", retries=1), recorded)[0].verdict == SAME
    report, summary = run(toml("route", retries=3), recorded)
    assert (report.verdict, summary.exit_code) == (UNTOLD, 2)
    assert report.first is not None
    assert "2 attempts" in report.first.came


def test_fewer_retries_than_were_needed_end_in_the_recorded_error() -> None:
    """An agent that came through at the third attempt fails with the error of the first."""

    async def third(event: Event, state: State, context: Any) -> dict[str, Any]:
        if context.attempt < 3:
            raise ConnectionError(f"busy {context.attempt}")
        return {"done": True}

    recorded = taped_under(toml("route", retries=2), alpha=third)
    report, _ = run(toml("route", retries=0), recorded)
    assert report.first is not None
    assert (report.first.kind, report.first.came) == ("outcome", "failed: ConnectionError: busy 1")


@pytest.mark.parametrize("word", ["mock", '{"beta": 7}'])
def test_a_mock_answers_in_place_of_an_agent(word: str) -> None:
    """Its output is marked as a mock's, and parts from the recorded one."""
    report, summary = run(
        toml("sequential"), taped_in("sequential"), choices_from([f"gamma={word}"])
    )
    assert summary.new.sources == {"mock": 1, "recorded": 1}
    assert report.first is not None
    assert (report.first.kind, report.first.agent) == ("output", "gamma")


def test_an_agent_that_is_asked_to_runs_again_and_no_other(tmp_path: Any) -> None:
    """A rerun calls the real handler, whose emits and requests stay in the sandbox."""
    (tmp_path / "again_handlers.py").write_text(
        "import asyncio\n"
        "calls = []\n"
        "async def alpha(event, state, context):\n"
        "    calls.append(event.id)\n"
        "    await context.emit(event.child('beta', {'n': 5}))\n"
        "    asked = await context.request(event.child('gamma', {'n': 6}))\n"
        "    return {'alpha': asked.state['gamma']}\n"
    )
    text = '[orchestration]\nmode = "route"\n' + "".join(
        f'[agents.{name}]\nhandler = "again_handlers:{name}"\n' for name in NAMES
    )
    config = Config.from_toml(text, path=tmp_path / "agentflow.toml")

    async def alpha(event: Event, state: State, context: Any) -> dict[str, Any]:
        await context.emit(event.child("beta", {"n": 5}))
        asked = await context.request(event.child("gamma", {"n": 6}))
        return {"alpha": asked.state["gamma"]}

    recorded = tape(
        config, {**dict.fromkeys(NAMES, adds), "alpha": alpha}, [Event("alpha", {"n": 1})]
    )
    report, summary = run(config, recorded, choices_from(["alpha=rerun"]))
    import again_handlers  # type: ignore[import-not-found]

    assert len(again_handlers.calls) == 1
    assert report.verdict == SAME, report.first and report.first.sentence
    assert summary.new.sources == {"rerun": 1, "recorded": 2}
    assert summary.new.events == 3


def test_what_a_callback_refused_is_refused_again() -> None:
    """The callback itself does not run: its refusal is part of the recording."""
    fired = []

    def refuse(args: Any) -> None:
        fired.append(args.event.id)
        raise PermissionError("not today")

    recorded = tape(
        toml("mixed"), dict.fromkeys(NAMES, adds), [Event("alpha", {"n": 1})],
        lambda runner: runner.register_callback("BeforeEventHandling", "guard", refuse),
    )  # fmt: skip
    report, _ = run(toml("mixed"), recorded)
    assert report.verdict == SAME, report.first and report.first.sentence
    assert report.pairs[0].new.error == describe(EventVetoed("guard", "not today"))  # type: ignore[union-attr]
    assert len(fired) == 1


@pytest.mark.parametrize("runs", [0, 1])
def test_what_an_operator_dropped_ends_there_again(runs: int) -> None:
    """An event that was dropped at a breakpoint is no divergence, and nothing runs after that."""
    (story,), versions = taped_in("sequential")
    error = describe(DroppedAtBreakpoint(3, "BeforeAgentRun", "delta"))
    story = msgspec.structs.replace(
        story, runs=story.runs[:runs], outputs=story.outputs[:runs], error=error
    )
    report, summary = run(toml("sequential"), ([story], versions))
    assert report.verdict == SAME
    assert report.pairs[0].new.error == error  # type: ignore[union-attr]
    assert summary.new.sources.get("recorded", 0) == runs


def test_time_on_hold_is_nobodys_time() -> None:
    """An agent that was paused for longer than any time limit did not time out, nor does it now."""

    async def feed(runner: Any) -> None:
        await runner.emit(Event("alpha", {"n": 1}))
        runner.pause("delta")
        await asyncio.sleep(100)
        runner.resume("delta")

    recorded = tape(toml("sequential"), dict.fromkeys(NAMES, adds), feed)
    assert recorded[0][0].ended - recorded[0][0].started > 99
    report, _ = run(toml("sequential"), recorded)
    assert report.verdict == SAME, report.first and report.first.sentence


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("hook", ["BeforeEventHandling", "BeforeAgentRun", "AfterAgentRun",
                                  "AfterEventHandling", "AllHooks"])  # fmt: skip
def test_what_a_callback_changed_is_changed_again(mode: str, hook: str) -> None:
    """A state that a callback wrote into, or took something out of, is the same without it."""
    fired = []

    def change(args: Any) -> State:
        fired.append(args.hook)
        args.state["seen"] = [*args.state.get("seen", []), f"{args.hook} {args.agent_id}"]
        args.state.meta["by"] = str(args.hook)
        args.state.pop("n", None)
        return args.state

    recorded = tape(
        toml(mode), dict.fromkeys(NAMES, adds), [Event("alpha", {"n": 1, "big": "x" * 900})],
        lambda runner: runner.register_callback(hook, "writer", change),
    )  # fmt: skip
    count = len(fired)
    report, _ = run(toml(mode), recorded)
    assert report.verdict == SAME, report.first and report.first.sentence
    assert report.pairs[0].new.meta["by"]  # type: ignore[union-attr]
    assert len(fired) == count > 0


def test_ids_and_order_do_not_depend_on_the_moment() -> None:
    """An event that only the new run has gets an id made from its place."""

    async def routes(event: Event, state: State, context: Any) -> State:
        state.meta["route"] = "delta"
        return state

    recorded = taped_in("sequential", delta=routes)
    route = toml("sequential").override({"orchestration.sequential_agents": ["gamma"]})
    ids = []
    for _ in range(2):
        with WhatIf(*recorded, route, choices_from([], default="mock")).sandbox() as sandbox:
            ids.append([trace.event_id for trace in sandbox.run(recorded[0])])
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("busy"),
        KeyError("name"),
        SyntaxError("bad", ("file.py", 3, 1, "x")),
        ProviderServerError("openai", "down", 503),
        ExceptionGroup("several", [ValueError("one"), TimeoutError("two")]),
        ValueError(),
    ],
)
def test_a_recorded_error_says_and_is_what_it_was(error: Exception) -> None:
    """Its text is the same, and whoever decides by its type decides the same."""
    kind = type(error)
    again = error_again(describe(error), f"{kind.__module__}.{kind.__qualname__}")
    assert describe(again) == describe(error)
    assert isinstance(again, kind)


@pytest.mark.parametrize(
    "words", [["alpha"], ["alpha=live"], ["=mock"], ["alpha={bad"], ["alpha=[1]"]]
)
def test_a_choice_that_makes_no_sense_is_refused_in_a_sentence(words: list[str]) -> None:
    """NAME=SOURCE with one of the known sources, or a JSON object."""
    with pytest.raises(ChoiceError, match=r"alpha|NAME|live|JSON"):
        choices_from(words)


def test_a_model_is_asked_again_under_another_configuration() -> None:
    """An agent without code is a model: a rerun asks the one that the new file names."""
    text = '[orchestration]\nmode = "route"\n[agents.writer]\nsystem_prompt = "You are a poet."\n'

    async def writer(event: Event, state: State, context: Any) -> dict[str, Any]:
        return {"writer": "what an expensive model said"}

    recorded = tape(Config.from_toml(text), {"writer": writer}, [Event("writer", {"text": "hi"})])
    config = Config.from_toml(text + '[llm]\nprovider = "mock"\n')
    whatif = WhatIf(*recorded, config, choices_from(["writer=rerun"]))
    report = next(iter(whatif))
    assert report.first is not None
    assert (report.first.kind, report.first.agent) == ("output", "writer")
    assert "poet" in str(report.pairs[0].new.state["writer"])  # type: ignore[union-attr]
    assert whatif.notes() == ["run again, with all side effects: writer"]
    assert "only a rerun" in WhatIf(*recorded, config).notes()[0]


def test_a_rerun_that_takes_too_long_times_out(tmp_path: Any) -> None:
    """The limits of the configuration hold for a real handler, in real time."""
    (tmp_path / "slow_handlers.py").write_text(
        "import asyncio\nasync def slow(event, state):\n    await asyncio.sleep(60)\n"
    )
    text = (
        '[orchestration]\nmode = "route"\nretry_attempts = 0\n'
        '[agents.slow]\nhandler = "slow_handlers:slow"\ntimeout = "50ms"\n'
    )
    config = Config.from_toml(text, path=tmp_path / "agentflow.toml")
    report, _ = run(config, tape(config, {"slow": adds}, [Event("slow", {"n": 1})]),
                    choices_from(["slow=rerun"]))  # fmt: skip
    assert report.first is not None
    assert "AgentTimeout: agent 'slow' timed out after 0.05 s" in report.first.came


def test_what_is_missing_can_be_made_up() -> None:
    """With missing = mock an agent without a recording answers like a model that isn't there."""
    other = toml("sequential").override({"orchestration.sequential_agents": ["gamma", "beta"]})
    recorded = taped_in("sequential")
    _, summary = run(other, recorded, choices_from([], missing="mock"))
    assert summary.new.sources == {"recorded": 1, "mock": 1}
    assert summary.new.succeeded == 1
