"""Dead letters: whatever ends without success is there, and can be worked on."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from agentflow import AgentFlowError, DeadLetter, Event, QueueFull, State
from agentflow.resilience import DeadLetters
from agentflow.resilience.dead_letters import describe, trace_text
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, config, loop, make, virtual


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_letter_says_what_failed_where_and_how_often(lane: str) -> None:
    """Event, error, agent, attempts, configuration version, session, and when."""
    error = ConnectionError("down")
    async with make("", lane, a=recorder(error).agent) as runner:
        event = Event("a", {"x": 1}, session_id="s")
        await runner.request(event)
        (letter,) = runner.dead_letters
        assert isinstance(letter, DeadLetter)
        assert letter.time == pytest.approx(runner.dispatcher.clock.time(), abs=1)
    assert (letter.event, letter.error, letter.agent) == (event, error, "a")
    assert (letter.attempts, letter.config_version, letter.session_id) == (4, 1, "s")
    assert (letter.number, letter.status) == (1, "dead")


@virtual
async def test_letters_are_a_sequence_oldest_first() -> None:
    """They can be counted, indexed, sliced and gone through."""
    async with make(NO_RETRY, a=recorder(*[ValueError(str(n)) for n in range(4)]).agent) as runner:
        for _ in range(4):
            await runner.request(Event("a"))
        letters = runner.dead_letters
        assert len(letters) == 4
        assert [str(letter.error) for letter in letters] == ["0", "1", "2", "3"]
        assert str(letters[-1].error) == "3"
        assert [letter.number for letter in letters[1:3]] == [2, 3]


@virtual
async def test_the_version_is_the_one_the_event_ran_under() -> None:
    """A letter names the plan that was at work."""
    async with make(NO_RETRY, a=recorder(ValueError("x")).agent) as runner:
        await runner.apply(config(NO_RETRY + "timeout_seconds = 50"))
        await runner.request(Event("a"))
        assert runner.dead_letters[0].config_version == 2


@pytest.mark.parametrize("edited", [False, True])
@virtual
async def test_a_letter_is_replayed_as_it_was_or_edited(edited: bool) -> None:
    """A new event of the same session and target, that says what it repeats."""
    worker = recorder(ValueError("x"), {"ok": 1})
    async with make(NO_RETRY, a=worker.agent) as runner:
        metadata = {"priority": "high", "deadline": "2030-01-01T00:00:00Z", "route": "a"}
        event = Event("elsewhere", {"x": 1}, metadata, session_id="s", source="me")
        await runner.request(event)
        (letter,) = runner.dead_letters
        new_id = await runner.replay(letter, {"x": 2} if edited else None)
        await runner.join()
    again = worker.events[-1]
    assert again.id == new_id != event.id
    assert again.data == ({"x": 2} if edited else {"x": 1})
    assert (again.session_id, again.target, again.source) == ("s", "elsewhere", "me")
    assert (again.priority, again.route) == ("high", "a")
    assert again.metadata["replay_of"] == event.id
    assert "deadline" not in again.metadata
    assert runner.dead_letters[0].status == "replayed"
    assert runner.counts() == (2, 0, 0, 0, 1, 1)


@virtual
async def test_a_replay_that_is_refused_leaves_the_letter_as_it_was() -> None:
    """With a full queue the letter is still dead, not replayed."""
    async with make(NO_RETRY + "[runtime]\nqueue_size = 1", a=recorder(ValueError()).agent,
                    b=recorder().agent) as runner:  # fmt: skip
        await runner.request(Event("a"))
        runner.pause("b")
        await runner.emit(Event("b"))
        await runner.join()
        with pytest.raises(QueueFull):
            await runner.replay(runner.dead_letters[0])
        assert runner.dead_letters[0].status == "dead"
        runner.resume("b")


@virtual
async def test_an_event_for_nobody_can_be_replayed_when_somebody_is_there() -> None:
    """A dead letter of an unknown agent succeeds after the agent was added."""
    late = recorder({"ok": 1})
    async with make() as runner:
        await runner.request(Event("late", {"x": 1}))
        runner.register_agent("late", late.agent)
        await runner.replay(runner.dead_letters[0])
        await runner.join()
    assert late.calls[0].data == {"x": 1}
    assert runner.counts().succeeded == 1


@virtual
async def test_a_letter_can_be_dropped() -> None:
    """drop says whether there was one; the counts of what happened stay."""
    async with make(NO_RETRY, a=recorder(ValueError("x")).agent) as runner:
        for _ in range(3):
            await runner.request(Event("a"))
        revision = runner.dispatcher.dead_letters.revision
        assert runner.drop(2)
        assert not runner.drop(2)
        assert [letter.number for letter in runner.dead_letters] == [1, 3]
        assert runner.dispatcher.dead_letters.revision > revision
        assert runner.counts().dead == 3


def test_letters_are_bounded_and_what_had_to_go_is_counted() -> None:
    """Beyond the capacity the oldest makes room."""
    letters = DeadLetters(capacity=3)
    for number in range(5):
        letters.add(DeadLetter(Event(str(number)), ValueError(), "", 0, 1))
    assert [letter.number for letter in letters] == [3, 4, 5]
    assert letters.overflowed == 2
    assert letters.find(1) is None
    assert letters.find(4) is letters[1]


HANDLED = (
    NO_RETRY
    + """
    [error_routing]
    default_error_handler = "rest"
    timeout_errors = "slow"
    critical_errors = "urgent"
    [error_routing.category_handlers]
    validation = "form"
    [error_routing.severity_handlers]
    low = "trifle"
"""
)


async def hangs(event: Event, state: State) -> None:
    raise TimeoutError("too slow")


@pytest.mark.parametrize(
    ("error", "priority", "handler"),
    [
        (RuntimeError("odd"), "normal", "rest"),
        (ValueError("form"), "normal", "form"),
        (TimeoutError("slow"), "normal", "slow"),
        (ValueError("form"), "critical", "urgent"),
        (RuntimeError("odd"), "low", "trifle"),
    ],
)
@virtual
async def test_an_error_handler_is_told_of_a_dead_letter(
    error: Exception, priority: str, handler: str
) -> None:
    """By severity, then category, then the default: one system event with what happened."""
    handlers = {name: recorder() for name in ("rest", "slow", "urgent", "form", "trifle")}
    agents = {name: worker.agent for name, worker in handlers.items()}
    async with make(HANDLED, a=recorder(error).agent, **agents) as runner:
        event = Event("a", {"x": 1}, {"priority": priority}, session_id="s")
        await runner.request(event)
        await runner.join()
    assert {name: len(worker.calls) for name, worker in handlers.items()} == {
        name: int(name == handler) for name in handlers
    }
    (told,) = handlers[handler].events
    assert told.metadata["system"] == "true"
    assert (told.parent_event, told.session_id) == (event.id, "s")
    assert told.data["original_event"]["id"] == event.id
    assert told.data["original_event"]["data"] == {"x": 1}
    assert told.data["failed_agent"] == "a"
    assert told.data["error_type"] == type(error).__name__
    assert str(error) in told.data["error_message"]
    assert runner.counts() == (2, 0, 0, 0, 1, 1)


@pytest.mark.parametrize("mode", ["collaborative", "sequential", "loop", "mixed"])
@virtual
async def test_system_events_go_straight_to_their_handler(mode: str) -> None:
    """Outside the orchestration, in every mode."""
    text = HANDLED.replace(
        "retry_attempts = 0",
        f'retry_attempts = 0\nmode = "{mode}"\ncollaborative_agents = ["a"]\n'
        'sequential_agents = ["a"]\nloop_agent = "a"',
    )
    a, rest = recorder(RuntimeError("odd")), recorder()
    async with make(text, a=a.agent, rest=rest.agent) as runner:
        await runner.request(Event())
        await runner.join()
    assert (len(a.calls), len(rest.calls)) == (1, 1)


@virtual
async def test_a_failing_error_handler_is_recorded_and_makes_no_other_error_event() -> None:
    """Two dead letters, no third event, and no retry."""
    rest = recorder(ConnectionError("mine"))
    text = HANDLED.replace("retry_attempts = 0", "")
    async with make(text, a=recorder(ValueError("x")).agent, rest=rest.agent,
                    form=rest.agent) as runner:  # fmt: skip
        await runner.request(Event("a"))
        await runner.join()
    assert len(rest.calls) == 1
    assert [letter.agent for letter in runner.dead_letters] == ["a", "form"]
    assert runner.counts() == (2, 0, 0, 0, 0, 2)


@virtual
async def test_an_error_handler_that_sends_events_back_cannot_go_on_for_ever() -> None:
    """The hop limit ends a circle of failing and handling."""
    rest = recorder()

    async def sends_back(event: Event, state: State) -> State:
        assert len(rest.calls) < 200
        await rest.agent(event, state)
        state.meta["route"] = "a"
        return state

    worker = recorder(RuntimeError("odd"))
    async with make(HANDLED, a=worker.agent, rest=sends_back) as runner:
        await runner.request(Event("a"))
        await runner.join()
    assert len(worker.calls) <= 11
    assert len(rest.calls) <= 12


@virtual
async def test_an_error_handler_that_is_not_there_is_no_problem() -> None:
    """The letter is kept, and nothing else happens."""
    async with make(HANDLED, a=recorder(ValueError("x")).agent) as runner:
        await runner.request(Event("a"))
        await runner.join()
    assert runner.counts() == (1, 0, 0, 0, 0, 1)


@virtual
async def test_error_routing_can_be_switched_off() -> None:
    """[error_routing] enabled = false sends nothing to handlers."""
    rest = recorder()
    text = HANDLED.replace("[error_routing]\n", "[error_routing]\nenabled = false\n")
    async with make(text, a=recorder(RuntimeError("x")).agent, rest=rest.agent) as runner:
        await runner.request(Event("a"))
        await runner.join()
    assert rest.calls == []


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no"), "ValueError: no"),
        (ValueError(), "ValueError"),
        (ValueError("two\nlines\t "), "ValueError: two lines"),
        (Broken(), "Broken: (its message cannot be shown)"),
        (ExceptionGroup("g", [ValueError("a"), KeyError("b")]),
         "2 failures: ValueError: a; KeyError: 'b'"),
    ],
    ids=["message", "none", "lines", "broken", "group"],
)  # fmt: skip
def test_errors_are_described_in_one_line(error: BaseException, text: str) -> None:
    """TypeName: message, whatever the message is like."""
    assert describe(error) == text


@pytest.mark.parametrize("error", [ValueError("x" * 10_000), ValueError("\ud800"), Broken()])
def test_descriptions_are_short_and_never_fail(error: BaseException) -> None:
    """At most 300 characters; a traceback is text as well."""
    assert len(describe(error)) <= 300
    assert isinstance(trace_text(error), str)


@virtual
async def test_every_error_of_the_engine_has_its_facts_as_attributes() -> None:
    """Nobody has to take a message apart."""
    found: list[Any] = []
    async with make(NO_RETRY) as runner:
        for event in (Event("ghost"), Event("a", {}, {"hop_count": "50"})):
            found.append((await runner.request(event)).error)
    assert all(isinstance(error, AgentFlowError) for error in found)
    assert (found[0].agent, found[1].hop_count) == ("ghost", 50)


@virtual
async def test_an_exception_object_that_is_raised_again_and_again_does_not_grow() -> None:
    """A constant of a module, raised ten thousand times: its traceback stays short."""
    error = ConnectionError("the same object")
    text = NO_RETRY + "[error_routing.circuit_breaker]\nfailure_threshold = 100000"
    async with make(text, a=recorder(error).agent) as runner:
        loop().each_turn(lambda: None)
        for _ in range(100):
            for _ in range(100):
                runner.try_emit(Event("a"))
            await runner.join()
        assert runner.counts().dead == 10_000
        assert len(traceback.extract_tb(error.__traceback__)) < 50
        assert "the same object" in trace_text(error)
