"""Backlog: what has been accepted and has not started, in the order it will start.

Priority first, then arrival. Inside one session one event at a time, in arrival order:
only the first open event of a session is ready, the others wait behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution


class Backlog:
    """Ready executions by rank, and those that wait behind one of their own session."""

    __slots__ = ("_critical", "_high", "_low", "_normal", "ordered", "ready", "sessions")

    def __init__(self, *, ordered: bool) -> None:
        self.ordered = ordered
        self.ready: tuple[deque[Execution], ...] = (deque(), deque(), deque(), deque())
        self._critical, self._high, self._normal, self._low = self.ready
        self.sessions: dict[str, deque[Execution] | None] = {}

    def wait(self, session: str, execution: Execution) -> None:
        """Let ``execution`` wait behind the open one of its session."""
        behind = self.sessions[session]
        if behind is None:
            behind = self.sessions[session] = deque()
        behind.append(execution)

    def put_back(self, execution: Execution) -> None:
        """Make an execution that was taken out ready again, in the place of its arrival."""
        line = self.ready[execution.rank]
        if not line or execution.seq < line[0].seq:
            line.appendleft(execution)
            return
        for place, other in enumerate(line):
            if other.seq > execution.seq:
                line.insert(place, execution)
                return
        line.append(execution)

    def take(self) -> Execution | None:
        """The next execution to start, or None."""
        if self._critical:
            return self._critical.popleft()
        if self._high:
            return self._high.popleft()
        if self._normal:
            return self._normal.popleft()
        if self._low:
            return self._low.popleft()
        return None

    def clear(self) -> None:
        """Forget everything."""
        for line in self.ready:
            line.clear()
        self.sessions.clear()

    def follow(self, session: str, behind: deque[Execution]) -> None:
        """The open execution of a session has ended: make the next of ``behind`` ready."""
        following = behind.popleft()
        self.sessions[session] = behind or None
        # It came before what has come since: it takes the place of its arrival.
        self.put_back(following)

    def behind(self, session: str) -> int:
        """How many wait behind the open execution of ``session``."""
        waiting = self.sessions.get(session)
        return len(waiting) if waiting else 0

    def __bool__(self) -> bool:
        return bool(self._normal or self._critical or self._high or self._low)

    def __iter__(self) -> Iterator[Execution]:
        """Everything in here, ready ones first."""
        for line in self.ready:
            yield from list(line)
        for waiting in list(self.sessions.values()):
            if waiting:
                yield from list(waiting)
