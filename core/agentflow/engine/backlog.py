"""Backlog: what has been accepted and has not started, in the order it will start.

Priority first, then arrival. Inside one session one event at a time, in arrival order:
only the first open event of a session is ready, the others wait behind it.

With a journal, a start finds events there that are read while others run already. Nothing
overtakes what is unread: neither the less urgent nor what has arrived since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from agentflow.engine.execution import Execution

if TYPE_CHECKING:
    from agentflow.journal import Stored

Queued: TypeAlias = "Execution | Stored"
"""An execution, or an event from the journal of which one is made when its turn comes."""

Line: TypeAlias = deque[Queued]


class Backlog:
    """What is ready, by rank, and what waits behind one of its own session.

    ``make`` makes the execution of an event from the journal.
    """

    __slots__ = (
        "_held_back", "_lines", "late", "make", "named", "ordered", "read_to", "ready", "sessions",
        "unread",
    )  # fmt: skip

    def __init__(self, *, ordered: bool) -> None:
        self.ordered = ordered
        self.ready: tuple[Line, ...] = (deque(), deque(), deque(), deque())
        self.sessions: dict[str, Line | None] = {}
        self.unread: list[int] | None = None
        """How many of each rank have not been read yet; None when everything has been."""
        self.late: Line = deque()
        """What has arrived since, and waits until everything has been read."""
        self.named = False
        """Whether there are sessions of more than one event in what is unread."""
        self.read_to: float = inf
        """The number up to which everything has been read."""
        self.make: Callable[[Stored], Execution]
        self._held_back: tuple[Line, ...] = (deque(), deque(), deque(), deque())
        """What would be ready if there were not something unread that goes before it."""
        self._lines = list(self.ready)
        """Where what is ready goes, as long as nothing of its own rank goes before it."""

    def place(self, queued: Queued, session: str) -> None:
        """Make ``queued`` ready, or let it wait behind the open one of its session."""
        if self.ordered:
            if session in self.sessions:
                self.wait(session, queued)
                return
            self.sessions[session] = None
        self.put(queued)

    def wait(self, session: str, queued: Queued) -> None:
        """Let ``queued`` wait behind the open one of its session."""
        behind = self.sessions[session]
        if behind is None:
            behind = self.sessions[session] = deque()
        behind.append(queued)

    def put(self, queued: Queued) -> None:
        """Make ready what comes last, or nearly so."""
        line = self._line(queued)
        if line and line[-1].seq > queued.seq:
            self.put_back(queued)
        else:
            line.append(queued)

    def put_back(self, queued: Queued) -> None:
        """Make ready what was taken out, in the place of its arrival."""
        line = self._line(queued)
        if not line or queued.seq < line[0].seq:
            line.appendleft(queued)
            return
        for place, other in enumerate(line):
            if other.seq > queued.seq:
                line.insert(place, queued)
                return
        line.append(queued)

    def _line(self, queued: Queued) -> Line:
        """Where it goes when it is ready."""
        rank = queued.rank
        if queued.seq > self.read_to and self.unread is not None and self.unread[rank]:
            return self._held_back[rank]
        return self._lines[rank]

    def clear(self) -> None:
        """Forget everything."""
        for line in (*self.ready, *self._held_back):
            line.clear()
        self.sessions.clear()
        self.late.clear()
        self.look_unread(None, inf)

    def follow(self, session: str, behind: Line) -> None:
        """The open execution of a session has ended: make the next of ``behind`` ready."""
        following = behind.popleft()
        self.sessions[session] = behind or None
        # It came before what has come since: it takes the place of its arrival.
        self.put_back(following)

    def behind(self, session: str) -> int:
        """How many wait behind the open execution of ``session``."""
        waiting = self.sessions.get(session)
        return len(waiting) if waiting else 0

    def look_unread(self, unread: list[int] | None, read_to: float) -> None:
        """Hold back what would overtake: so many of each rank are unread beyond a number."""
        self.unread, self.read_to = unread, read_to
        urgent = False
        for rank, line in enumerate(self.ready):
            held_back = self._held_back[rank]
            left = unread[rank] if unread is not None else 0
            self._lines[rank] = held_back if urgent else line
            if held_back and not urgent:
                self._let_go(held_back, line, read_to if left else inf)
            urgent = urgent or left > 0

    def _let_go(self, held_back: Line, line: Line, read_to: float) -> None:
        """Make ready what was held back, up to a number."""
        if held_back[-1].seq <= read_to and (not line or line[-1].seq < held_back[0].seq):
            line.extend(held_back)
            held_back.clear()
        while held_back and held_back[0].seq <= read_to:
            self.put(held_back.popleft())

    def overtakes(self, rank: int, alone: bool) -> bool:
        """Whether what arrives with this rank goes before everything that is unread.

        ``alone``: its session is its own. Another one could have begun in what is unread.
        """
        if self.unread is None:
            return True
        free = not self.ordered or (alone and not self.named)
        return free and not any(self.unread[: rank + 1])

    def made(self, queued: Queued) -> Execution:
        """Its execution."""
        return queued if isinstance(queued, Execution) else self.make(queued)

    def __bool__(self) -> bool:
        return any(self.ready)

    @property
    def lines(self) -> list[Line]:
        """Everything that waits behind nothing of its own session, in lines."""
        return [*self.ready, *self._held_back, self.late]

    def __iter__(self) -> Iterator[Execution]:
        """Everything in here, ready ones first."""
        for line in (*self.lines, *list(self.sessions.values())):
            if line:
                yield from map(self.made, list(line))

    def newest(self) -> Iterator[Iterator[Execution]]:
        """What waits in lines, the newest of each line first."""
        for line in self.lines:
            yield map(self.made, reversed(line))

    def awaited(self) -> Iterator[Execution]:
        """Those whose outcome somebody waits for."""
        for line in (*self.lines, *self.sessions.values()):
            for queued in line or ():
                if isinstance(queued, Execution) and queued.waiter is not None:
                    yield queued
