"""Canonical: stories as lines of JSON that are the same, byte for byte, for the same course.

What differs from run to run without meaning anything is left out or renamed: times, and
ids. An event is named by its session and its path there: "2" is the session's second event
that nothing in the recording has caused, "2.1" the first that this one caused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from agentflow.recording.records import Story, event_of

_ENCODER = msgspec.json.Encoder(order="deterministic", enc_hook=repr)

_OF_THE_CHAIN = frozenset({"parent_event", "chain_id", "session_id", "idempotency_key"})
"""Metadata that says nothing but which event is meant, or where the event comes from."""


class Name(NamedTuple):
    """What stands for an event's id. ``session`` is "#2" where the event's own id was it."""

    session: str
    path: str

    def __str__(self) -> str:
        return f"{self.session}/{self.path}"


def canonical_lines(stories: Iterable[Story]) -> Iterator[bytes]:
    """A line of JSON for each story, with its newline; by session, and there by path."""
    found = sorted(stories, key=lambda story: (story.accepted, story.seq, story.number))
    names = names_of(found)
    renamed = {id: str(name) for id, name in names.items()}
    places = {name.session: place for place, name in reversed(list(enumerate(names.values())))}
    ordered = sorted(
        found, key=lambda story: (places[names[story.id].session], _steps(names[story.id].path))
    )
    for story in ordered:
        yield _ENCODER.encode(_line(story, names[story.id], renamed)) + b"\n"


def names_of(stories: Iterable[Story]) -> dict[str, Name]:
    """The name of each event, by id. The stories are in the order of their acceptance."""
    by_id = {story.id: story for story in stories}
    sessions: dict[str, str] = {}
    roots: dict[str, int] = {}
    names: dict[str, Name] = {}
    caused = {child for story in by_id.values() for child in story.children}
    for story in by_id.values():
        if story.session not in sessions:
            own = story.session in by_id
            number = sum(name.startswith("#") for name in sessions.values()) + 1
            sessions[story.session] = f"#{number}" if own else story.session
        session = sessions[story.session]
        if story.id not in caused:
            roots[session] = roots.get(session, 0) + 1
            _name(story, Name(session, str(roots[session])), by_id, names)
    for story in by_id.values():  # only where a chain of causes bites its own tail
        if story.id not in names:
            session = sessions[story.session]
            roots[session] = roots.get(session, 0) + 1
            _name(story, Name(session, str(roots[session])), by_id, names)
    return names


def _name(story: Story, name: Name, by_id: Mapping[str, Story], names: dict[str, Name]) -> None:
    waiting = [(story, name)]
    while waiting:
        story, name = waiting.pop()
        if story.id in names:
            continue
        names[story.id] = name
        for number, child in enumerate(story.children, 1):
            if child in by_id:
                waiting.append((by_id[child], Name(name.session, f"{name.path}.{number}")))


def _steps(path: str) -> list[int]:
    return [int(step) for step in path.split(".")]


def _line(story: Story, name: Name, renamed: Mapping[str, str]) -> dict[str, Any]:
    event = event_of(story)
    line = {
        "session": name.session,
        "path": name.path,
        "target": story.target,
        "source": event.source,
        "data": event.data,
        "metadata": {key: text for key, text in event.metadata.items() if key not in _OF_THE_CHAIN},
        "mode": story.mode,
        "version": story.version,
        "at": story.at,
        "error": story.error,
        "attempt": story.attempt,
        "nested": story.nested,
        "runs": [
            {
                "agent": run.agent,
                "attempts": run.attempts,
                "error": run.error,
                "before": run.before,
                "meta": run.before_meta or {},
                "output": None
                if output is None
                else {"values": output.values, "meta": output.meta, "whole": output.whole},
            }
            for run, output in zip(story.runs, story.outputs, strict=True)
        ],
        "children": [
            {"event": child, "run": emitter}
            for child, emitter in zip(story.children, story.emitters, strict=False)
        ],
        "state": story.state,
        "meta": story.meta,
        "whole": story.whole,
    }
    return {key: _renamed(value, renamed) for key, value in line.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """``value`` with names in place of ids, and sets in an order."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, Mapping):
        return {str(key): _renamed(item, names) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_renamed(item, names) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_renamed(item, names) for item in value), key=repr)
    return value
