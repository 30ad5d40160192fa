"""Codec: events as bytes and back, exactly; what can't be kept exactly is refused.

A body is the msgpack array (id, timestamp, target, source, session id, data, metadata).
Tuples and sets, which msgpack doesn't know, are extensions 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any

import msgspec

from agentflow.errors import InvalidEvent
from agentflow.event import Event
from agentflow.frozen import MAX_DEPTH, FrozenDict, FrozenList

TUPLE, SET = 1, 2
SMALLEST, LARGEST = -(2**63), 2**64 - 1
"""The integers that msgpack holds."""

UUID_FIRST = b"\x97\xd9\x24"
"""How a body begins whose first field, the id, has 36 characters; they follow."""

Body = tuple[str, datetime, str, str, str, dict[str, Any], dict[str, str]]

_encode = msgspec.msgpack.Encoder().encode
_NUMBERS = frozenset({int, float, bool, type(None), bytes})
_KEYS = frozenset({str, int, float, bool, type(None)})


def encode(event: Event, limit: int) -> bytes:
    """``event`` as bytes. Raises InvalidEvent for what bytes can't hold, or not so few.

    ``limit`` is in bytes.
    """
    data: Any = event.data
    if event.flat:
        if float in map(type, data.values()):
            for key, value in data.items():
                if type(value) is float and not isfinite(value):
                    raise InvalidEvent("data", f"{_name(key)} is {value}, which is no number")
    else:
        data = {_key(key, "data"): _plain(value, key, 1) for key, value in data.items()}
    try:
        body = _encode(
            (
                event.id, event.timestamp, event.target, event.source, event.session_id, data,
                event.metadata,
            )
        )  # fmt: skip
    except (OverflowError, ValueError, TypeError, RecursionError) as error:
        raise _reason(event, error) from None
    if len(body) > limit:
        raise InvalidEvent(
            "data", f"the event has {len(body):,} bytes; the journal takes up to {limit:,}"
        )
    return body


def decode(body: bytes) -> Event:
    """The event that ``encode`` wrote. Raises ValueError if it did not write ``body``."""
    id, timestamp, target, source, session_id, data, metadata = _decoder.decode(body)
    return Event(
        target, data, metadata, source=source, session_id=session_id, id=id, timestamp=timestamp
    )


def fields_in(body: bytes) -> Body:
    """The fields of the event in ``body``, unchecked: for who looks at very many. ValueError."""
    fields: Body = _decoder.decode(body)
    return fields


def id_in(body: bytes) -> str:
    """The id of the event in ``body``. Raises ValueError."""
    if body[:3] == UUID_FIRST:
        return str(body[3:39], "ascii")
    id: str = _decoder.decode(body)[0]
    return id


def encode_as_can_be(event: Event, limit: int) -> bytes:
    """As ``encode``, but what can't be kept is kept as text, or left out. Never raises."""
    try:
        return encode(event, limit)
    except InvalidEvent:
        pass
    data = {_text(key): _closest(value, 1) for key, value in event.data.items()}
    texts = [_text(text) for text in (event.id, event.target, event.source, event.session_id)]
    metadata = {_text(key): _text(value) for key, value in event.metadata.items()}
    if len(_encode((data, metadata))) > limit - 1_000:
        data = {"left out": f"more than {limit:,} bytes"}
        if len(_encode(metadata)) > limit - 1_000:
            metadata = {}
    id, target, source, session = texts
    return _encode((id, event.timestamp, target, source, session, data, metadata))


def encode_values(values: Mapping[str, Any], limit: int) -> bytes | None:
    """``values`` as bytes, exactly; None if that can't be, or not in ``limit`` bytes."""
    try:
        # Quickly first: the slow way must not go through what is too large.
        if len(_encode(values)) > limit:
            return None
        return _encode({_key(key, ""): _plain(value, key, 1) for key, value in values.items()})
    except (InvalidEvent, OverflowError, ValueError, TypeError, RecursionError):
        return None


def _closest(value: Any, depth: int) -> Any:
    if depth <= MAX_DEPTH:
        if isinstance(value, Mapping):
            return {_text(key): _closest(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [_closest(item, depth + 1) for item in value]
        if type(value) in _NUMBERS:
            try:
                return _plain(value, "", depth)
            except InvalidEvent:
                pass
    return _text(value)


def _text(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # an object whose own text fails must not hide the rest
        text = f"({type(value).__name__})"
    return text.encode("utf-8", "backslashreplace").decode()


def bounded(values: Mapping[str, Any], limit: int) -> bytes:
    """``values`` as bytes, without what can't be encoded or is beyond ``limit`` bytes."""
    try:
        body = _encode(values if isinstance(values, dict) else dict(values))
        if len(body) <= limit:
            return body
    except (OverflowError, ValueError, TypeError, RecursionError):
        pass
    kept: dict[str, msgspec.Raw] = {}
    room = limit
    for key, value in values.items():
        try:
            item = _encode(value)
            size = len(item) + len(_encode(key))
        except (OverflowError, ValueError, TypeError, RecursionError):
            continue
        if size <= room and type(key) is str:
            kept[key] = msgspec.Raw(item)
            room -= size
    return _encode(kept)


def _plain(value: Any, where: object, depth: int) -> Any:
    """``value`` with tuples and sets as extensions; ``where`` is the key it is found under."""
    kind = type(value)
    if kind is str or kind is bool or value is None or kind is bytes:
        return value
    if kind is int:
        if not SMALLEST <= value <= LARGEST:
            raise InvalidEvent("data", f"{_name(where)} is an integer of more than 64 bits")
        return value
    if kind is float:
        if not isfinite(value):
            raise InvalidEvent("data", f"{_name(where)} is {value}, which is no number")
        return value
    if depth > MAX_DEPTH:
        raise InvalidEvent("data", f"nested deeper than {MAX_DEPTH} levels")
    depth += 1
    if kind is FrozenDict or kind is dict:
        return {_key(key, where): _plain(item, key, depth) for key, item in value.items()}
    if kind is FrozenList or kind is list:
        return [_plain(item, where, depth) for item in value]
    if kind is tuple or kind is frozenset:
        items = [_plain(item, where, depth) for item in value]
        try:
            return msgspec.msgpack.Ext(TUPLE if kind is tuple else SET, _encode(items))
        except UnicodeEncodeError:
            raise InvalidEvent("data", f"{_name(where)} holds a lone surrogate") from None
    raise InvalidEvent(
        "data", f"{_name(where)} is of type {kind.__name__}, which can't be kept exactly"
    )


def _key(key: Any, where: object) -> Any:
    if type(key) in _KEYS:
        return _plain(key, where, 0)
    raise InvalidEvent("data", f"{_name(where)} has a key of type {type(key).__name__}")


def _name(key: object) -> str:
    text = repr(key)
    return text if len(text) <= 60 else text[:59] + "…"


def extension(code: int, data: memoryview) -> Any:
    """The tuple or set in an extension: the hook of whoever decodes what was written here."""
    items = _extensions.decode(data)
    if code == TUPLE:
        return tuple(items)
    if code == SET:
        return frozenset(items)
    raise ValueError(f"extension {code} is unknown")


_decoder = msgspec.msgpack.Decoder(Body, ext_hook=extension)
_extensions = msgspec.msgpack.Decoder(list[Any], ext_hook=extension)


def _reason(event: Event, error: Exception) -> InvalidEvent:
    """Which field could not be encoded, and why."""
    for field in ("id", "target", "source", "session_id", "metadata", "data", "timestamp"):
        value: Any = getattr(event, field)
        for key, item in value.items() if isinstance(value, Mapping) else (("", value),):
            try:
                _encode((key, item if type(item) is not FrozenDict else dict(item)))
            except UnicodeEncodeError:
                where = f"{_name(key)} holds" if key else "holds"
                return InvalidEvent(field, f"{where} a lone surrogate, which is not valid text")
            except OverflowError:
                return InvalidEvent(field, f"{_name(key)} is an integer of more than 64 bits")
            except (ValueError, TypeError, RecursionError) as problem:
                return InvalidEvent(field, str(problem))
    return InvalidEvent("data", str(error))


def packed(text: str) -> str | bytearray:
    """``text``, in 16 bytes if it is a UUID as they are usually written.

    A bytearray, because sqlite3 takes that ten times faster than bytes.
    """
    if len(text) == 36 and text[8:24:5] == "----":
        digits = text.replace("-", "")
        try:
            short = bytearray.fromhex(digits)
        except ValueError:
            return text
        if short.hex() == digits:
            return short
    return text


def unpacked(value: str | bytes) -> str:
    """The text that ``packed`` was given."""
    if isinstance(value, str):
        return value
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
