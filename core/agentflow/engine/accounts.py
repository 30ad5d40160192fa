"""Accounts: what has become of events and what operators did, told and kept."""

from __future__ import annotations

from collections.abc import Sequence

from agentflow.engine.execution import Execution
from agentflow.engine.ledger import Counts
from agentflow.engine.parts import Parts
from agentflow.resilience import DeadLetter
from agentflow.telemetry.trace import TraceEntry, entries


class Accounts(Parts):
    """The side of a runner that gives account."""

    def counts(self) -> Counts:
        """Where every accepted event is: they add up at any moment."""
        return self.dispatcher.counts()

    @property
    def dead_letters(self) -> Sequence[DeadLetter]:
        """Every event that ended without success, oldest first."""
        return self.dispatcher.dead_letters

    def drop(self, number: int) -> bool:
        """Forget the dead letter of this number; False if there is none."""
        if not self.dispatcher.dead_letters.drop(number):
            return False
        if self._keeping is not None:
            self._keeping.journal.drop_dead([number])
        return True

    def executions(self, session_id: str | None = None) -> list[Execution]:
        """The executions that are remembered, ended ones first, of one session or of all."""
        found = [*self.telemetry.settled.items, *self.dispatcher.live()]
        if session_id is None:
            return found
        return [execution for execution in found if execution.event.session_id == session_id]

    def dump_trace(self, session_id: str) -> list[TraceEntry]:
        """The trace of one session in the order of time; [] if nothing is known of it."""
        return entries(self.executions(session_id), self.dispatcher.wall_offset)

    def audit(
        self,
        operator: str,
        action: str,
        target: str,
        detail: str,
        outcome: str,
        *,
        why: str = "",
        undid: int = 0,
        change: str = "",
        about: str = "",
    ) -> None:
        """Keep what an operator did, or tried to do; see ``AuditRow``."""
        row = self.telemetry.audit(
            operator, action, target, detail, outcome,
            why=why, undid=undid, change=change, about=about,
        )  # fmt: skip
        if self._keeping is not None:
            self._keeping.journal.audit(row)

    # -- kept in the journal, if there is one -------------------------------------------------

    def note_feed(self, name: str, position: int, *, finished: bool = False) -> None:
        """Keep in the journal how many events came from a feed, or that it has no more."""
        if self._keeping is not None:
            self._keeping.journal.feed(name, position, finished)

    def keep_pauses(self) -> None:
        """Let what is paused now be paused after a new start too: an operator wanted it."""
        if self._keeping is not None:
            self._keeping.keep_pauses()

    def keep_breakpoints(self) -> None:
        """Let the breakpoints be set after a new start too, if what they stop is kept."""
        if self._keeping is not None:
            self._keeping.keep_breakpoints()
