"""Event: one immutable message, with where it goes, why it exists and what it carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from uuid_utils import uuid7

from agentflow.durations import parse_time
from agentflow.errors import InvalidEvent
from agentflow.frozen import ATOMS, EMPTY, FrozenDict, freeze, is_small, thaw

PRIORITIES: Mapping[str, int] = {
    "critical": 0, "high": 1, "normal": 2, "medium": 2, "low": 3,
}  # fmt: skip
"""Priority names and their rank; a lower rank runs first. ``medium`` reads as normal."""

PRIORITY_NAMES = ("critical", "high", "normal", "low")

STEERING = frozenset({
    "agent_timeout", "broadcast", "deadline", "hop_count", "orchestration_override", "priority",
    "route", "system", "timeout", "workflow_step",
})  # fmt: skip
"""The metadata keys that change how the engine treats an event."""

_INHERITED = ("priority", "deadline")
_FIELDS = ("id", "timestamp", "target", "source", "session_id", "data", "metadata")


class Event:
    """One message to an agent.

    ``target`` is the agent's name, ``source`` who sent it (the runner stamps it for
    events that an agent emits), ``id`` a time-ordered UUID (version 7), ``timestamp``
    timezone-aware UTC. ``data`` and ``metadata`` are copied and cannot be changed;
    metadata is text to text (numbers and booleans are written out as text).

    The session is ``metadata["session_id"]``, else the ``session_id`` argument, else
    the event's own id.

    Raises InvalidEvent when a field has the wrong type.
    """

    __slots__ = (
        "data", "flat", "id", "metadata", "session_id", "small", "source", "steered", "target",
        "timestamp",
    )  # fmt: skip

    id: str
    timestamp: datetime
    target: str
    source: str
    session_id: str
    data: Mapping[str, Any]
    metadata: Mapping[str, str]
    flat: bool
    """Whether the data holds no containers, so that a shallow copy of it is independent."""
    small: bool
    """Whether the data is also few and short values, so that a trace can keep it as it is."""
    steered: bool
    """Whether the metadata holds a key that changes how the engine treats the event."""

    def __init__(
        self,
        target: str = "",
        data: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        source: str = "",
        session_id: str = "",
        id: str | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        if type(target) is not str or type(source) is not str or type(session_id) is not str:
            _check_text(target=target, source=source, session_id=session_id)
        if id is None:
            id = str(uuid7())
        elif not isinstance(id, str) or not id:
            raise InvalidEvent("id", "must be text that is not empty")
        if timestamp is None:
            timestamp = datetime.now(UTC)
        elif not isinstance(timestamp, datetime) or timestamp.tzinfo is None:
            raise InvalidEvent("timestamp", "must be a datetime with a time zone")
        else:
            timestamp = timestamp.astimezone(UTC)
        _set_id(self, id)
        _set_timestamp(self, timestamp)
        _set_target(self, target)
        _set_source(self, source)
        flat = small = True
        if data:
            frozen, flat, small = _frozen_data(data)
            _set_data(self, frozen)
        else:
            if data is not None and not isinstance(data, Mapping):
                raise InvalidEvent("data", f"must be a mapping, not {type(data).__name__}")
            _set_data(self, EMPTY)
        _set_flat(self, flat)
        _set_small(self, small)
        if metadata:
            frozen_metadata = _frozen_metadata(metadata)
            _set_metadata(self, frozen_metadata)
            _set_steered(self, not STEERING.isdisjoint(frozen_metadata))
            session_id = frozen_metadata.get("session_id") or session_id
        else:
            if metadata is not None and not isinstance(metadata, Mapping):
                raise InvalidEvent("metadata", f"must be a mapping, not {type(metadata).__name__}")
            _set_metadata(self, EMPTY)
            _set_steered(self, False)
        _set_session(self, session_id or id)

    # -- what the metadata says ---------------------------------------------------------

    @property
    def priority(self) -> str:
        """low, normal, high or critical. Raises InvalidEvent for any other word."""
        return PRIORITY_NAMES[self.priority_rank]

    @property
    def priority_rank(self) -> int:
        """0 for critical to 3 for low. Raises InvalidEvent for an unknown priority."""
        word = self.metadata.get("priority")
        if not word:
            return 2
        try:
            return PRIORITIES[word.strip().lower()]
        except KeyError:
            raise InvalidEvent(
                "metadata.priority", f"{word!r} is not one of low, normal, high, critical"
            ) from None

    @property
    def route(self) -> str:
        """The agent that gets the event: ``metadata["route"]``, else ``target``."""
        return self.metadata.get("route") or self.target

    @property
    def parent_event(self) -> str:
        """The id of the event that caused this one, or ''."""
        return self.metadata.get("parent_event", "")

    @property
    def chain_id(self) -> str:
        """The id shared by everything that came of one first event."""
        return self.metadata.get("chain_id") or self.id

    @property
    def hop_count(self) -> int:
        """How many events led to this one. Raises InvalidEvent if it is not a number."""
        return self._count("hop_count")

    @property
    def workflow_step(self) -> int:
        """The place in its workflow. Raises InvalidEvent if it is not a number."""
        return self._count("workflow_step")

    def _count(self, key: str) -> int:
        text = self.metadata.get(key)
        if text is None:
            return 0
        try:
            number = int(text)
        except ValueError:
            number = -1
        if number < 0:
            raise InvalidEvent(f"metadata.{key}", f"{text[:40]!r} is not a count")
        return number

    # -- making other events from it ----------------------------------------------------

    def replace(self, **fields: Any) -> Event:
        """The same event (same id) with other fields. Raises TypeError for unknown ones."""
        unknown = fields.keys() - set(_FIELDS)
        if unknown:
            raise TypeError(f"an event has no field {', '.join(sorted(unknown))}")
        metadata = fields.get("metadata", self.metadata)
        session_id = self.session_id
        if "session_id" in fields:
            session_id = fields["session_id"]
            if "metadata" not in fields and "session_id" in self.metadata:
                metadata = {**self.metadata, "session_id": session_id}
        return Event(
            fields.get("target", self.target),
            fields.get("data", self.data),
            metadata,
            source=fields.get("source", self.source),
            session_id=session_id,
            id=fields.get("id", self.id),
            timestamp=fields.get("timestamp", self.timestamp),
        )

    def child(
        self,
        target: str,
        data: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Event:
        """A new event caused by this one.

        It has an id of its own, the same session and chain, ``parent_event`` = this id,
        ``hop_count`` and ``workflow_step`` one higher, and this event's priority and
        deadline unless ``metadata`` says otherwise. ``data`` None takes this event's data.
        """
        return Event(
            target,
            self.data if data is None else data,
            {**(metadata or EMPTY), **self.lineage(metadata)},
            source=self.target,
            session_id=self.session_id,
        )

    def lineage(self, metadata: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The metadata that makes another event a child of this one."""
        own = self.metadata
        lineage = {
            "parent_event": self.id,
            "chain_id": self.chain_id,
            "hop_count": str(self.hop_count + 1),
            "workflow_step": str(self.workflow_step + 1),
        }
        for key in _INHERITED:
            if key in own and (not metadata or key not in metadata):
                lineage[key] = own[key]
        return lineage

    # -- plain data ---------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; ``Event.from_dict`` reads it back."""
        return {
            "id": self.id,
            "timestamp": self.timestamp.isoformat(),
            "target": self.target,
            "source": self.source,
            "session_id": self.session_id,
            "data": thaw(self.data),
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Event:
        """The event that ``to_dict`` wrote; every field may be absent.

        Raises InvalidEvent for unknown fields and wrong types.
        """
        if not isinstance(fields, Mapping):
            raise InvalidEvent("event", f"must be an object, not {type(fields).__name__}")
        unknown = [str(key) for key in fields if key not in _FIELDS]
        if unknown:
            raise InvalidEvent(unknown[0], f"no such field (there are {', '.join(_FIELDS)})")
        timestamp = fields.get("timestamp")
        if isinstance(timestamp, str):
            try:
                timestamp = parse_time(timestamp)
            except ValueError as error:
                raise InvalidEvent("timestamp", str(error)) from None
        return cls(
            fields.get("target") or "",
            fields.get("data"),
            fields.get("metadata"),
            source=fields.get("source") or "",
            session_id=fields.get("session_id") or "",
            id=fields.get("id") or None,
            timestamp=timestamp,
        )

    # -- the value itself ---------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an event is immutable: use event.replace({name}=...)")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("an event is immutable")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in _FIELDS)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Event(id={self.id!r}, target={self.target!r}, session_id={self.session_id!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Event.from_dict, (self.to_dict(),))

    def __copy__(self) -> Event:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Event:
        return self


def _setter(slot: str) -> Callable[[Event, Any], None]:
    """The slot's own setter: the only way past __setattr__, and the fastest one."""
    setter: Callable[[Event, Any], None] = Event.__dict__[slot].__set__
    return setter


_set_id = _setter("id")
_set_timestamp = _setter("timestamp")
_set_target = _setter("target")
_set_source = _setter("source")
_set_session = _setter("session_id")
_set_data = _setter("data")
_set_metadata = _setter("metadata")
_set_flat = _setter("flat")
_set_small = _setter("small")
_set_steered = _setter("steered")


def take_over(event: Event, other: Event) -> None:
    """Give ``event``, which is only just being made, everything that ``other`` says."""
    _set_id(event, other.id)
    _set_timestamp(event, other.timestamp)
    _set_target(event, other.target)
    _set_source(event, other.source)
    _set_session(event, other.session_id)
    _set_data(event, other.data)
    _set_metadata(event, other.metadata)
    _set_flat(event, other.flat)
    _set_small(event, other.small)
    _set_steered(event, other.steered)


def _frozen_data(data: Mapping[str, Any]) -> tuple[FrozenDict, bool, bool]:
    """The data frozen, whether it is flat, and whether it is small."""
    if not isinstance(data, Mapping):
        raise InvalidEvent("data", f"must be a mapping, not {type(data).__name__}")
    for key, value in data.items():
        kind = type(value)
        if kind not in ATOMS or type(key) is not str:
            break
    else:
        frozen = data if type(data) is FrozenDict else FrozenDict(data)
        return frozen, True, is_small(frozen)
    for key in data:
        if not isinstance(key, str):
            raise InvalidEvent("data", f"keys must be text, not {type(key).__name__}")
    return freeze(data), False, False


def _frozen_metadata(metadata: Mapping[str, Any]) -> FrozenDict:
    if not isinstance(metadata, Mapping):
        raise InvalidEvent("metadata", f"must be a mapping, not {type(metadata).__name__}")
    if type(metadata) is FrozenDict:
        return metadata
    for key, value in metadata.items():
        if type(value) is not str or type(key) is not str:
            break
    else:
        return FrozenDict(metadata)
    written: dict[str, str] = {}
    for key, value in metadata.items():
        if not isinstance(key, str):
            raise InvalidEvent("metadata", f"keys must be text, not {type(key).__name__}")
        if isinstance(value, bool):
            written[key] = "true" if value else "false"
        elif isinstance(value, (str, int, float)):
            written[key] = str(value)
        else:
            raise InvalidEvent(f"metadata.{key}", f"must be text, not {type(value).__name__}")
    return FrozenDict(written)


def _check_text(**fields: object) -> None:
    for name, value in fields.items():
        if not isinstance(value, str):
            raise InvalidEvent(name, f"must be text, not {type(value).__name__}")
