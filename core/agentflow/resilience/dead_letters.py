"""DeadLetters: every event that ended without success, and why."""

from __future__ import annotations

import traceback
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from agentflow.errors import Restored
from agentflow.event import Event

_ENGINE = tuple(
    str(Path(__file__).parents[1] / room) for room in ("engine", "orchestration", "resilience")
)


@dataclass(slots=True, eq=False)
class DeadLetter:
    """An event that ended without success.

    ``agent`` is where it failed ("" if it reached none), ``attempts`` how often that
    agent tried, ``time`` seconds since the epoch, ``status`` dead or replayed.
    """

    event: Event
    error: BaseException
    agent: str
    attempts: int
    config_version: int
    number: int = 0
    time: float = 0.0
    status: str = "dead"
    trace: str = field(default="", repr=False)

    @property
    def session_id(self) -> str:
        """The session of the event."""
        return self.event.session_id


OF_FIRST_TRY = frozenset({"deadline", "idempotency_key"})
"""Metadata that a replay leaves behind."""


def replay_of(event: Event, data: Mapping[str, Any] | None) -> Event:
    """The event that runs in place of a dead one, with other ``data`` if given.

    It is a new event of the same session; metadata ``replay_of`` names the old one. A
    deadline and an idempotency key are left behind: they belong to the first try.
    """
    metadata = {key: text for key, text in event.metadata.items() if key not in OF_FIRST_TRY}
    metadata["replay_of"] = event.id
    return Event(
        event.target,
        event.data if data is None else data,
        metadata,
        source=event.source,
        session_id=event.session_id,
    )


RAISED_KEPT = 4
"""How many raisings of one exception object its traceback goes back."""

FRAMES_KEPT = 200
"""The latest letters whose errors can be looked into with a debugger."""


class DeadLetters(Sequence[DeadLetter]):
    """The dead letters, oldest first, at most ``capacity`` of them.

    ``revision`` goes up with every change, ``overflowed`` counts what had to make room.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._letters: dict[int, DeadLetter] = {}
        self._recent: deque[DeadLetter] = deque()
        self._capacity = capacity
        self._number = 0
        self.revision = 0
        self.overflowed = 0

    def add(self, letter: DeadLetter) -> None:
        """Keep ``letter`` and give it its number."""
        self._number += 1
        letter.number = self._number
        _cut(letter.error)
        self._letters[letter.number] = letter
        self._recent.append(letter)
        if len(self._recent) > FRAMES_KEPT:
            # A traceback keeps every variable alive that its frames had.
            _forget_frames(self._recent.popleft().error)
        if len(self._letters) > self._capacity:
            del self._letters[next(iter(self._letters))]
            self.overflowed += 1
        self.revision += 1

    def restore(self, letters: Iterable[DeadLetter], last: int) -> None:
        """Bring back letters from before, with their numbers; ``last`` was the last number."""
        for letter in letters:
            self._letters[letter.number] = letter
        while len(self._letters) > self._capacity:
            del self._letters[next(iter(self._letters))]
            self.overflowed += 1
        self._number = max(self._number, last)
        self.revision += 1

    def find(self, number: int) -> DeadLetter | None:
        """The letter with this number."""
        return self._letters.get(number)

    def drop(self, number: int) -> bool:
        """Forget a letter; False if there is none of that number."""
        if self._letters.pop(number, None) is None:
            return False
        self.revision += 1
        return True

    def mark(self, letter: DeadLetter, status: str) -> None:
        """Note what an operator did with ``letter``."""
        letter.status = status
        self.revision += 1

    @overload
    def __getitem__(self, index: int) -> DeadLetter: ...
    @overload
    def __getitem__(self, index: slice) -> list[DeadLetter]: ...
    def __getitem__(self, index: int | slice) -> DeadLetter | list[DeadLetter]:
        return list(self._letters.values())[index]

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(list(self._letters.values()))


def describe(error: BaseException) -> str:
    """``TypeName: message`` in one line, at most 300 characters."""
    if isinstance(error, Restored):
        text = str(error)
    elif isinstance(error, BaseExceptionGroup):
        different = Counter(describe(member) for member in error.exceptions)
        inner = "; ".join(
            text if times == 1 else f"{text} (×{times})" for text, times in different.items()
        )
        text = f"{len(error.exceptions)} failures: {inner}"
    else:
        try:
            message = str(error)
        except Exception:  # an exception whose own text fails must not hide the failure
            message = "(its message cannot be shown)"
        text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    text = text if len(text) <= 300 else text[:299] + "…"
    text = text.encode("utf-8", "backslashreplace").decode()
    return " ".join(text.split())


def trace_text(error: BaseException, limit: int = 20_000) -> str:
    """The traceback of ``error`` as text, the end of it if it is longer than ``limit``.

    The engine's own calls on the way to the handler are left out: they are the same for
    every failure and say nothing about this one.
    """
    if isinstance(error, Restored):
        return error.trace
    try:
        told = traceback.TracebackException.from_exception(error)
        _leave_out_the_engine(told)
        text = "".join(told.format())
    except Exception:
        text = describe(error)
    text = text if len(text) <= limit else "…" + text[-limit:]
    return text.encode("utf-8", "backslashreplace").decode()


def _cut(error: BaseException) -> None:
    """Shorten a traceback without end.

    An exception object that is raised again and again (a constant of its module, say) gets
    the new frames put before the old ones, each time: after ten thousand failures every
    look at them would take so many steps. Each raising begins where the engine caught it.
    """
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            _cut(member)
    entry = error.__traceback__
    if entry is None:
        return
    caught = entry.tb_frame.f_code
    times = 1
    while (following := entry.tb_next) is not None:
        if following.tb_frame.f_code is caught:
            times += 1
            if times > RAISED_KEPT:
                entry.tb_next = None
                return
        entry = following


def _forget_frames(error: BaseException) -> None:
    traceback.clear_frames(error.__traceback__)
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            _forget_frames(member)


def _leave_out_the_engine(told: traceback.TracebackException) -> None:
    own = [frame for frame in told.stack if not frame.filename.startswith(_ENGINE)]
    if own:
        told.stack = traceback.StackSummary.from_list(own)
    for inner in (*(told.exceptions or ()), told.__cause__, told.__context__):
        if inner is not None:
            _leave_out_the_engine(inner)
