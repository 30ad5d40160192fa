"""Compare: where a new run and the recorded one part, event by event, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from agentflow.telemetry.difference import Change
from agentflow.telemetry.trace import bounded
from agentflow.whatif.alike import differing, same_text
from agentflow.whatif.choices import MISSING
from agentflow.whatif.plain import plain
from agentflow.whatif.recorded import DROPPED
from agentflow.whatif.trace import EventTrace, Step

EVENT, AGENTS, INPUT, OUTCOME, OUTPUT, ATTEMPTS, STATE, UNKNOWN = (
    "event", "agents", "input", "outcome", "output", "attempts", "state", "unknown",
)  # fmt: skip
"""The kinds of divergence: which event came, which agents ran for it, what one was given, how
it ended, what it gave, how often it was tried, what the event ended with; and what can't be told.
"""

_MANY = 20


class Divergence(msgspec.Struct, kw_only=True):
    """A place where the two part. ``group`` is the step, from 1; 0 is the event itself.

    ``expected`` and ``came`` say in words what the recording has and the new run hasn't, and
    the other way round; ``changes`` are the values that differ.
    """

    kind: str
    session: str
    path: str
    event_id: str
    target: str
    group: int = 0
    agent: str = ""
    expected: str = ""
    came: str = ""
    changes: list[Change] = []

    @property
    def sentence(self) -> str:
        """It in one sentence."""
        return f"{_HEADS[self.kind].format(agent=self.agent)}: {self.expected}; now {self.came}"


_HEADS: Mapping[str, str] = {
    EVENT: "another event",
    AGENTS: "other agents",
    INPUT: "{agent} is given something else",
    OUTCOME: "{agent} ends otherwise",
    OUTPUT: "{agent} answers something else",
    ATTEMPTS: "{agent} is tried another number of times",
    STATE: "the event ends otherwise",
    UNKNOWN: "it can't be told what {agent} does",
}


def divergences(recorded: EventTrace | None, new: EventTrace | None) -> Iterator[Divergence]:
    """Where one event parts from the same event of the other run, in the order of its steps.

    None where there is no such event.
    """
    here = recorded if recorded is not None else new
    assert here is not None

    def part(kind: str, group: int, agent: str, **words: Any) -> Divergence:
        return Divergence(
            kind=kind, session=here.session, path=here.path, event_id=here.event_id,
            target=here.target, group=group, agent=agent, **words,
        )  # fmt: skip

    if recorded is None or new is None:
        came = _event_words(here)
        expected, came = ("no such event", came) if recorded is None else (came, "no such event")
        yield part(EVENT, 0, "", expected=expected, came=came)
        return
    if recorded.target != new.target:
        yield part(EVENT, 0, "", expected=f"to {recorded.target}", came=f"to {new.target}")
    elif changes := differing(plain(recorded.data), plain(new.data)):
        yield part(EVENT, 0, "", changes=changes, **_changed_words(changes))
    if _cut_off(recorded, new) or recorded.error.startswith(DROPPED):
        return  # what an operator has ended says nothing about what would have come
    for number in range(max(len(recorded.groups), len(new.groups))):
        was = recorded.groups[number] if number < len(recorded.groups) else []
        now = new.groups[number] if number < len(new.groups) else []
        if [step.agent for step in was] != [step.agent for step in now]:
            yield part(AGENTS, number + 1, "", expected=_names(was), came=_names(now))
            break
        for old, step in zip(was, now, strict=True):
            if found := _step(old, step):
                kind, words = found
                yield part(kind, number + 1, step.agent, **words)
    if not same_text(recorded.error, new.error):
        yield part(STATE, 0, "", expected=ending(recorded), came=ending(new))
    elif recorded.whole and new.whole:
        changes = differing(
            {"state": recorded.state, "meta": recorded.meta},
            {"state": plain(new.state), "meta": dict(new.meta)},
        )
        if changes:
            yield part(STATE, 0, "", changes=changes, **_changed_words(changes))


def _cut_off(recorded: EventTrace, new: EventTrace) -> bool:
    """Whether a request ended together with the time of the handler that had made it.

    How far it had come at that moment is nothing that the engine promises.
    """
    cancelled = "CancelledError" in (recorded.error, new.error)
    return recorded.nested and cancelled and bool(recorded.error and new.error)


def _step(old: Step, new: Step) -> tuple[str, dict[str, Any]] | None:
    """How a run of an agent differs from the same run of the other side."""
    if new.source == MISSING:
        return UNKNOWN, {"expected": _ended(old), "came": new.error}
    changes = differing(
        {"state": old.given, "meta": old.given_meta or {}},
        {"state": plain(new.given), "meta": new.given_meta or {}},
    )
    if changes:
        return INPUT, {"changes": changes, **_changed_words(changes)}
    if not same_text(old.error, new.error):
        return OUTCOME, {"expected": _ended(old), "came": _ended(new)}
    if old.output is not None and new.output is not None:
        changes = differing(
            {"state": old.output, "meta": old.output_meta or {}},
            {"state": plain(new.output), "meta": new.output_meta or {}},
        )
        if changes:
            return OUTPUT, {"changes": changes, **_changed_words(changes)}
    if old.attempts and old.attempts != new.attempts:
        return ATTEMPTS, {"expected": _times(old.attempts), "came": _times(new.attempts)}
    return None


# -- in words ---------------------------------------------------------------------------------


def ending(trace: EventTrace) -> str:
    """How an event ended."""
    return f"dead: {trace.error}" if trace.error else "succeeded"


def _ended(step: Step) -> str:
    return f"failed: {step.error}" if step.error else "ok"


def _names(group: Sequence[Step]) -> str:
    if not group:
        return "nobody"
    names = [step.agent for step in group]
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]} side by side"


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times"


def _event_words(trace: EventTrace) -> str:
    kind = "a request" if trace.nested else "an event"
    return f"{kind} to {trace.target or 'nobody'}" + (
        f" from {trace.parent}" if trace.parent else ""
    )


def _changed_words(changes: Sequence[Change]) -> dict[str, str]:
    """The first values that differ, in words: before and now."""
    olds, news = [], []
    for change in changes[:_MANY]:
        olds.append(_value_words(change, "old", change.kind == "added"))
        news.append(_value_words(change, "new", change.kind == "removed"))
    more = len(changes) - _MANY
    if more > 0:
        olds.append(f"{more} more")
        news.append(f"{more} more")
    return {"expected": ", ".join(olds), "came": ", ".join(news)}


def _value_words(change: Change, side: str, absent: bool) -> str:
    place = change.place.removeprefix("state.") if change.place != "state" else "state"
    if absent:
        return f"no {place}"
    value = bounded(change.old if side == "old" else change.new)
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, UnicodeError):
        text = repr(value)
    return f"{place} {text if len(text) <= 80 else text[:79] + '…'}"
