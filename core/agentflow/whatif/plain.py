"""Plain: values as a recording gives them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``values`` as it would come back from a recording."""
    try:
        copied: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(dict(values)))
    except (TypeError, ValueError, OverflowError, UnicodeError, RecursionError):
        return dict(values)
    return copied
