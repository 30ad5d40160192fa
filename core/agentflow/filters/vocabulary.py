"""Vocabulary: the fields that a filter may name, for each kind of thing it looks at."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentflow.event import Event
    from agentflow.filters.predicate import Moment
    from agentflow.telemetry.snapshot import EventRow, SessionRow

Text = Callable[[Any], str]
Number = Callable[[Any], float]
LookUp = Callable[[str], Callable[[Any], Any]]
"""From a key to what finds its value in a subject; ABSENT when it isn't there."""

ABSENT = object()


@dataclass(frozen=True)
class Vocabulary:
    """What may stand before ``:`` or a comparison, and how it is read from a subject.

    ``pairs`` fit when one of the two texts does, ``lists`` when one of the texts does;
    ``parts`` are asked as ``NAME.KEY``.
    """

    texts: Mapping[str, Text]
    numbers: Mapping[str, Number]
    everything: Text
    parts: Mapping[str, LookUp]
    pairs: Mapping[str, tuple[Text, Text]]
    fields: tuple[str, ...]
    lists: Mapping[str, Callable[[Any], Sequence[str]]] = field(default_factory=dict)


# -- values by key ------------------------------------------------------------------------


def text_of(value: Any) -> str | None:
    """A value as it is compared; None for what is absent."""
    if isinstance(value, str):
        return value
    if value is ABSENT:
        return None
    if value is True or value is False or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    try:
        return str(value)
    except Exception:  # a value that cannot even be written out
        return None


def number_of(value: Any) -> float | None:
    """The number that a value is or says; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, (int, float)) or (isinstance(value, float) and math.isnan(value)):
        return None
    return value


def within(mapping: Callable[[Any], Mapping[str, Any]]) -> LookUp:
    """Looks a key up in a mapping; ``a.b`` is the key "a.b" or else ``b`` inside ``a``."""

    def look_up(key: str) -> Callable[[Any], Any]:
        if "." not in key:
            return lambda subject: mapping(subject).get(key, ABSENT)
        path = key.split(".")

        def deep(subject: Any) -> Any:
            here: Any = mapping(subject)
            if key in here:
                return here[key]
            for step in path:
                if not isinstance(here, Mapping) or step not in here:
                    return ABSENT
                here = here[step]
            return here

        return deep

    return look_up


_JSON_VALUE = r'\s*:\s*("(?:[^"\\]|\\.)*"?|[^,}\]\s]+)'


def _in_preview(key: str) -> Callable[[EventRow], Any]:
    """Looks a key up in a row's one line of data, which may be cut off."""
    *outer, last = [json.dumps(step, ensure_ascii=False) for step in key.split(".")]
    opened = "".join(rf"{re.escape(step)}\s*:\s*\{{.*?" for step in outer)
    search = re.compile(opened + re.escape(last) + _JSON_VALUE, re.DOTALL).search

    def get(row: EventRow) -> Any:
        found = search(row.data)
        if found is None:
            return ABSENT
        written = found[1]
        try:
            return json.loads(written)
        except ValueError:
            return written.strip('"')  # cut off where the line ends

    return get


# -- rows ---------------------------------------------------------------------------------


def _everything_of_row(row: EventRow) -> str:
    return (
        f"{row.seq}\n{row.id}\n{row.session}\n{row.source}\n{row.target}\n{row.at}\n{row.mode}\n"
        f"{row.state}\n{row.priority}\n{row.data}\n{row.error}"
    )


_TARGET: Text = attrgetter("target")
_AT: Text = attrgetter("at")


def _first_at(row: EventRow) -> str:
    return row.at.partition(" ")[0]


ROWS = Vocabulary(
    texts={
        name: attrgetter(name)
        for name in (
            "id", "session", "source", "target", "mode", "state", "priority", "parent", "data",
            "error",
        )
    },
    numbers={
        "dur": attrgetter("duration"), "attempt": attrgetter("attempt"),
        "seq": attrgetter("seq"), "version": attrgetter("version"),
    },
    everything=_everything_of_row,
    parts={"data": _in_preview},
    pairs={"agent": (_TARGET, _first_at), "at": (_AT, _first_at)},
    fields=(
        "id", "session", "source", "target", "at", "agent", "mode", "state", "priority",
        "version", "parent", "data", "error", "dur", "attempt", "seq",
    ),
)  # fmt: skip
"""What the filter line asks of an EventRow."""


# -- sessions -----------------------------------------------------------------------------


def _states_of_session(row: SessionRow) -> list[str]:
    counts = (("running", row.running), ("held", row.held), ("dead", row.dead))
    return [word for word, count in counts if count] or ["ok"]


def _everything_of_session(row: SessionRow) -> str:
    return (
        f"{row.id}\n{row.target}\n{row.mode}\n{' '.join(_states_of_session(row))}\n{row.error}\n"
        f"{' '.join(row.agents)}\n{' '.join(row.targets)}"
    )


SESSIONS = Vocabulary(
    texts={
        "id": attrgetter("id"), "session": attrgetter("id"), "mode": attrgetter("mode"),
        "error": attrgetter("error"),
    },
    numbers={
        "dur": lambda row: row.last - row.start, "events": attrgetter("events"),
        "running": attrgetter("running"), "dead": attrgetter("dead"), "held": attrgetter("held"),
    },
    everything=_everything_of_session,
    parts={},
    pairs={},
    fields=(
        "id", "session", "agent", "target", "mode", "state", "error", "dur", "events", "running",
        "held", "dead",
    ),
    lists={
        "agent": lambda row: [*row.agents, *row.targets], "target": attrgetter("targets"),
        "state": _states_of_session,
    },
)  # fmt: skip
"""What the filter line asks of a SessionRow. ``agent`` is who ran or was asked for."""


# -- an event, and an event at a hook point -----------------------------------------------


def _written(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(value, default=repr, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _everything_of_moment(moment: Moment) -> str:
    event = moment.event
    return (
        f"{moment.seq}\n{event.id}\n{event.session_id}\n{event.source}\n{event.route}\n"
        f"{moment.agent}\n{moment.mode}\n{moment.hook}\n{event.priority}\n{_written(event.data)}\n"
        f"{_written(event.metadata)}\n{_written(dict(moment.state))}\n"
        f"{_written(moment.state.meta)}\n{moment.error}"
    )


def _in_data(key: str) -> Callable[[Any], Any]:
    """As ``within`` does, in one call for keys without a dot: asked of every event."""
    if "." in key:
        return within(attrgetter("data"))(key)
    return lambda event: event.data.get(key, ABSENT)


EVENTS = Vocabulary(
    texts={
        "id": attrgetter("id"), "session": attrgetter("session_id"),
        "source": attrgetter("source"), "target": attrgetter("route"),
        "priority": attrgetter("priority"), "parent": attrgetter("parent_event"),
        "data": lambda event: _written(event.data),
    },
    numbers={},
    everything=lambda event: _written(event.to_dict()),
    parts={"data": _in_data},
    pairs={},
    fields=("id", "session", "source", "target", "priority", "parent", "data"),
)  # fmt: skip
"""What can be told of an event before anything runs for it."""


def _meta(moment: Moment) -> Mapping[str, Any]:
    """The state's meta over the event's metadata: both are words about the event."""
    event: Event = moment.event
    return {**event.metadata, **moment.state.meta}


MOMENTS = Vocabulary(
    texts={
        "at": attrgetter("agent"), "agent": attrgetter("agent"), "mode": attrgetter("mode"),
        "hook": attrgetter("hook"), "error": attrgetter("error"),
        "state": lambda moment: _written(dict(moment.state)),
        "meta": lambda moment: _written(_meta(moment)),
    },
    numbers={
        "dur": attrgetter("age"), "attempt": attrgetter("attempt"), "seq": attrgetter("seq"),
        "version": attrgetter("version"),
    },
    everything=_everything_of_moment,
    parts={
        "data": within(lambda moment: moment.event.data),
        "state": within(attrgetter("state")),
        "meta": within(_meta),
    },
    pairs={},
    fields=(
        *EVENTS.fields, "state", "meta", "agent", "at", "mode", "hook", "error", "attempt",
        "version", "dur", "seq",
    ),
)  # fmt: skip
"""What can be asked of an event at a hook point, besides what EVENTS has."""
