"""Canary: a second plan beside the one that runs, for a share of the sessions that are new.

Which sessions have the new plan never changes while the canary lasts: those that were
known when it began keep the old one, of the others a hash of the session's name picks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from agentflow.telemetry.metrics import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentflow.engine.execution import Execution
    from agentflow.engine.plan import Plan

WHOLE = 100.0
"""The share, in percent, that is every new session."""

_HASHES = 2.0**32


class Canary:
    """The new ``plan``, who has it, and how both plans did since the canary began.

    ``share`` is in percent of the new sessions, ``known`` are the sessions that keep the
    old plan whatever the hash says, ``since`` is in seconds since the epoch.
    """

    def __init__(
        self, plan: Plan, old: int, share: float, known: set[str], since: float, cause: str
    ) -> None:
        self.plan = plan
        self.old = old
        self.share = share
        self.known = known
        self.since = since
        self.cause = cause
        self.meters = {old: Meter(), plan.version: Meter()}
        """By configuration version: the events that ended since it began."""
        self.patience: int | None = 0
        """How many events must have ended before known sessions can be taken for forgotten;
        None if that has yet to be seen: this engine remembers nothing of them."""
        self._bar = share / WHOLE * _HASHES

    def picks(self, session: str) -> bool:
        """Whether the session has the new plan: the same answer each time it is asked."""
        # Each canary picks others: the version is in the hash.
        mark = crc32(session.encode("utf-8", "surrogatepass"), self.plan.version)
        return mark < self._bar and session not in self.known

    def count(self, execution: Execution) -> None:
        """An event has ended: it counts for the version that it ran under."""
        meter = self.meters.get(execution.version)
        if meter is not None:
            meter.latency.add(execution.ended - execution.started)
            if execution.error:
                meter.errors += 1

    def over(self, alive: Callable[[str], bool]) -> bool:
        """Whether every new session has the new plan, and all that were known are done.

        Done are those that are not ``alive`` any more: neither open nor remembered.
        """
        if self.share < WHOLE:
            return False
        while self.known:
            session = self.known.pop()
            if alive(session):
                self.known.add(session)
                return False
        return True
