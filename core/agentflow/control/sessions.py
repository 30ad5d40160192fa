"""Sessions: which there are, found again by what people look for, and their spans page by page.

An index over the ended events that are remembered is brought up to date whenever somebody
looks, and not before: a runner that nobody watches pays nothing for it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from agentflow.control.rows import clean
from agentflow.filters import SESSIONS, Filter
from agentflow.telemetry.snapshot import SessionPage, SessionRow, SpanCursor, SpanPage
from agentflow.telemetry.spans import spans

if TYPE_CHECKING:
    from agentflow.engine import Runner
    from agentflow.engine.execution import Execution

LIVE = 10_000
"""Events that have not ended and are looked at, the newest."""

PAGE = 2_000
"""About how many spans a page has."""

PATIENCE = 0.008
"""Seconds that one search may keep the engine's loop."""

_AT_ONCE = 32  # sessions that are looked at without asking for the time

FROM_THE_START = SpanCursor()

_NAMES = 20  # agents and targets that a row tells
_TEXT = 500  # characters of errors that a row tells


class Totals:
    """What is known of some events of one session, one after the other."""

    __slots__ = (
        "agents", "dead", "errors", "events", "first", "held", "last", "mode", "running", "start",
        "target", "targets",
    )  # fmt: skip

    def __init__(self) -> None:
        self.events = self.running = self.dead = self.held = 0
        self.start = self.last = 0.0
        self.target = self.mode = ""
        self.agents: dict[str, None] = {}
        self.targets: dict[str, None] = {}
        self.errors: dict[str, None] = {}

    def copy(self) -> Totals:
        """Another one, to go on with."""
        other = Totals()
        for name in ("events", "running", "dead", "held", "start", "last", "target", "mode"):
            setattr(other, name, getattr(self, name))
        other.agents, other.targets = self.agents.copy(), self.targets.copy()
        other.errors = self.errors.copy()
        return other

    def add(self, execution: Execution) -> None:
        """One more event."""
        route = execution.event.route
        if not self.events or execution.accepted < self.start:
            self.start, self.target, self.mode = execution.accepted, route, execution.mode
        self.events += 1
        self.last = max(self.last, execution.ended or execution.accepted)
        if not execution.ended:
            self.running += 1
            self.held += execution.status == "held"
        if execution.error:
            self.dead += 1
            if len(self.errors) < _NAMES:
                self.errors[execution.error] = None
        if len(self.targets) < _NAMES and route:
            self.targets[route] = None
        if len(self.agents) < _NAMES:
            for run in execution.runs[:_NAMES]:
                self.agents[run[0]] = None
            if execution.at:
                self.agents[execution.at] = None

    def row(self, session: str, offset: float) -> SessionRow:
        """The same as a row."""
        return SessionRow(
            clean(session), self.events, self.running, self.dead, self.start + offset,
            self.last + offset, clean(self.target), self.mode, self.held,
            "; ".join(self.errors)[:_TEXT] if self.errors else "",
            [clean(name) for name in islice(self.agents, _NAMES)],
            [clean(name) for name in self.targets],
        )  # fmt: skip


class Session:
    """The ended events of one session that are remembered, in the order of their ends."""

    __slots__ = ("_row", "_tested", "_totals", "ended", "gone")

    def __init__(self) -> None:
        self.ended: deque[Execution] = deque()
        self.gone = 0
        """How many of them are remembered no more."""
        self._totals: Totals | None = Totals()
        self._row: SessionRow | None = None
        self._tested: tuple[object, bool] | None = None

    def add(self, execution: Execution) -> None:
        """One more has ended."""
        self.ended.append(execution)
        if self._totals is not None:
            self._totals.add(execution)
        self._row = self._tested = None

    def drop(self) -> None:
        """The oldest is remembered no more."""
        self.ended.popleft()
        self.gone += 1
        self._totals = self._row = self._tested = None

    @property
    def totals(self) -> Totals:
        """What is known of them."""
        if self._totals is None:
            self._totals = Totals()
            for execution in self.ended:
                self._totals.add(execution)
        return self._totals

    def row(self, session: str, offset: float) -> SessionRow:
        """The session as a row, if nothing of it goes on."""
        if self._row is None:
            self._row = self.totals.row(session, offset)
        return self._row

    def known(self, query: Filter) -> bool | None:
        """Whether the search lets it through, if that was found out before."""
        if self._tested is not None and self._tested[0] is query:
            return self._tested[1]
        return None

    def found(self, query: Filter, passes: bool) -> None:
        """Remember what came of the search."""
        self._tested = (query, passes)


class Sessions:
    """The sessions of one runner, for one observer."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._ended: dict[str, Session] = {}  # the one of the latest end is the last
        self._kept: deque[Execution] = deque()
        self._seen = 0
        self._query = Filter()
        self.engine = time.time_ns() & (2**62 - 1)
        """Changes when positions count from the beginning again."""

    # -- the index ------------------------------------------------------------------------

    def _look(self) -> None:
        """Take in what has ended since the last look, and let go of what the ring let go of."""
        ring = self._runner.telemetry.settled
        fresh, missed = ring.since(self._seen, len(ring))
        self._seen = ring.total
        if missed and self._kept:
            self._ended.clear()
            self._kept.clear()
            self.engine += 1
        sessions, kept = self._ended, self._kept
        for _ in range(len(kept) + len(fresh) - len(ring)):
            oldest = kept.popleft().event.session_id
            session = sessions[oldest]
            session.drop()
            if not session.ended:
                del sessions[oldest]
        for execution in fresh:
            kept.append(execution)
            id = execution.event.session_id
            session = sessions.pop(id) if id in sessions else Session()
            session.add(execution)
            sessions[id] = session

    def _live(self) -> dict[str, list[Execution]]:
        found: dict[str, list[Execution]] = {}
        for execution in self._runner.dispatcher.latest(LIVE):
            found.setdefault(execution.event.session_id, []).append(execution)
        return found

    # -- which there are ------------------------------------------------------------------

    def search(self, text: str = "", limit: int = 200) -> SessionPage:
        """The sessions that a filter lets through, the latest first."""
        self._look()
        live = self._live()
        if text != self._query.text:
            self._query = Filter.parse(text, SESSIONS)
        query = self._query
        total = len(self._ended) + sum(id not in self._ended for id in live)
        found: list[SessionRow] = []
        matches = searched = tested = 0
        until = time.perf_counter() + PATIENCE
        late = False
        for id in self._newest_first(live):
            if query.empty:
                if len(found) == limit:
                    break
                found.append(self._row(id, live))
                continue
            session = self._ended.get(id)
            passes = None if id in live or session is None else session.known(query)
            if passes is None:
                if late:
                    continue
                tested += 1
                late = tested % _AT_ONCE == 0 and time.perf_counter() > until
                row = self._row(id, live)
                passes = query.matches(row)
                if id not in live and session is not None:
                    session.found(query, passes)
            searched += 1
            matches += passes
            if passes and len(found) < limit:
                found.append(self._row(id, live))
        if query.empty:
            matches = searched = total
        return SessionPage(found, matches, total, searched)

    def _row(self, id: str, live: dict[str, list[Execution]]) -> SessionRow:
        session, offset = self._ended.get(id), self._runner.dispatcher.wall_offset
        if id not in live and session is not None:
            return session.row(id, offset)
        totals = session.totals.copy() if session is not None else Totals()
        for execution in live[id]:
            totals.add(execution)
        return totals.row(id, offset)

    def _newest_first(self, live: dict[str, list[Execution]]) -> Iterator[str]:
        """The ids of all sessions, by the time of the latest thing in them."""
        ended = self._ended

        def last(id: str) -> float:
            session = ended.get(id)
            accepted = max(execution.accepted for execution in live[id])
            return max(session.ended[-1].ended, accepted) if session else accepted

        going_on = sorted((-last(id), id) for id in live)
        over = (
            (-session.ended[-1].ended, id)
            for id, session in reversed(ended.items())
            if id not in live
        )
        return (id for _, id in merge(going_on, over, key=lambda item: item[0]))

    # -- the spans of one -----------------------------------------------------------------

    def page(self, session_id: str, cursor: SpanCursor = FROM_THE_START) -> SpanPage:
        """More of a session's spans: about PAGE of them, the oldest that are new first."""
        self._look()
        dispatcher = self._runner.dispatcher
        live = [
            execution for execution in dispatcher.latest(LIVE)
            if execution.event.session_id == session_id
        ]  # fmt: skip
        session = self._ended.get(session_id) or Session()
        position = cursor.position if cursor.engine == self.engine else 0
        start = max(position - session.gone, 0)
        taken: list[Execution] = []
        room = PAGE
        for execution in islice(session.ended, start, None):
            room -= 2 + len(execution.runs) + len(execution.notes or ())
            if room < 0 and taken:
                break
            taken.append(execution)
        done = start + len(taken)
        more = done < len(session.ended)
        if not more:
            taken += reversed(live)
        known = {execution.event.id: execution for execution in (*session.ended, *live)}
        now = dispatcher.now()
        rows = spans(taken, dispatcher.guards, dispatcher.wall_offset, now, known)
        return SpanPage(SpanCursor(self.engine, session.gone + done), rows, more)
