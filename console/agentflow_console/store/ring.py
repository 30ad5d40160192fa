"""EventRing: the newest events by sequence number, and which of them a filter lets through."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from itertools import islice
from operator import attrgetter

from agentflow.filters import Filter
from agentflow.telemetry.snapshot import EventRow

_by_seq = attrgetter("seq")
_KEPT_FILTERS = 4


class EventRing:
    """Live events as they stand now, and the last ``capacity`` that have ended.

    What has ended is forgotten in the order it ended, so an event that was held for an
    hour is seen when it ends. ``revision`` moves with every change. ``missed`` counts
    the rows that ended without ever being seen here.
    """

    def __init__(self, capacity: int = 5000) -> None:
        self.capacity = capacity
        self.revision = 0
        self.missed = 0
        self._live: dict[int, EventRow] = {}
        self._settled: dict[int, EventRow] = {}
        self._order: deque[EventRow] = deque()  # settled rows as they came, oldest first
        self._arrived = 0  # settled rows that ever came
        self._views: OrderedDict[Filter, _View] = OrderedDict()
        self._everything = _View(Filter())

    def update(
        self, live: Sequence[EventRow], settled: Sequence[EventRow], missed: int = 0
    ) -> None:
        """Take the live rows in place of the last ones, and add those that ended since."""
        new_live = {row.seq: row for row in live}
        if not settled and not missed and new_live == self._live:
            return
        self._live = new_live
        self.missed += missed
        for row in settled:
            self._settled[row.seq] = row
            self._order.append(row)
        self._arrived += len(settled)
        while len(self._order) > self.capacity:
            oldest = self._order.popleft()
            if self._settled[oldest.seq] is oldest:
                del self._settled[oldest.seq]
        self.revision += 1

    def reset(self) -> None:
        """Forget everything: another engine counts from one again."""
        self._live = {}
        self._settled.clear()
        self._order.clear()
        self._views.clear()
        self._everything = _View(Filter())
        self._arrived = 0
        self.missed = 0
        self.revision += 1

    def get(self, seq: int) -> EventRow | None:
        """The event with that sequence number, if it is still here."""
        return self._live.get(seq) or self._settled.get(seq)

    def rows(self) -> list[EventRow]:
        """Every event by sequence number, newest last. The list is shared: do not change it."""
        return self._view(self._everything)

    def matching(self, wanted: Filter | None) -> list[EventRow]:
        """The events that the filter lets through, newest last.

        A settled event is tested once for each filter, a live one once for each
        revision. The list is shared: do not change it.
        """
        if wanted is None or wanted.empty:
            return self.rows()
        view = self._views.get(wanted)
        if view is None:
            view = self._views[wanted] = _View(wanted)
            if len(self._views) > _KEPT_FILTERS:
                self._views.popitem(last=False)
        self._views.move_to_end(wanted)
        return self._view(view)

    def _view(self, view: _View) -> list[EventRow]:
        if view.revision != self.revision:
            view.catch_up(self._order, self._arrived, self._settled, self._live)
            view.revision = self.revision
        return view.rows

    def __len__(self) -> int:
        return len(self.rows())


class _View:
    """What one filter lets through, kept up to date from what came since the last look."""

    __slots__ = ("arrived", "filter", "hits", "revision", "rows")

    def __init__(self, wanted: Filter) -> None:
        self.filter = wanted
        self.revision = -1
        self.arrived = 0  # how many settled rows have been tested
        self.hits: deque[tuple[int, EventRow]] = deque()  # arrival number, row
        self.rows: list[EventRow] = []

    def catch_up(
        self,
        order: deque[EventRow],
        arrived: int,
        settled: dict[int, EventRow],
        live: dict[int, EventRow],
    ) -> None:
        matches = self.filter.matches
        hits = self.hits
        new = min(arrived - self.arrived, len(order))
        number = arrived - new
        for row in reversed(list(islice(reversed(order), new))):
            if matches(row):
                hits.append((number, row))
            number += 1
        self.arrived = arrived
        oldest = arrived - len(order)
        while hits and hits[0][0] < oldest:
            hits.popleft()
        # A replayed event settles twice and can be live again: its last word counts.
        rows = [row for _, row in hits if settled[row.seq] is row and row.seq not in live]
        rows.extend(row for row in live.values() if matches(row))
        rows.sort(key=_by_seq)
        self.rows = rows
