"""Accepting: an event becomes an execution in the backlog."""

from __future__ import annotations

import asyncio

from agentflow.agent import AgentResult
from agentflow.engine.admission import NORMAL, check
from agentflow.engine.execution import Execution
from agentflow.engine.holding import Holding
from agentflow.event import Event


class Accepting(Holding):
    """The part of a dispatcher that takes events in."""

    def accept(
        self, event: Event, waiter: asyncio.Future[AgentResult] | None = None, seq: int = 0
    ) -> Execution:
        """Take responsibility for ``event``. Raises InvalidEvent.

        ``seq`` is its number in the journal, if it has one.
        """
        rank = check(event) if event.steered else NORMAL  # rank_of, without its call
        self.accepted += 1
        execution = Execution(event, seq or self.accepted, rank, self.now(), waiter)
        backlog = self.backlog
        if backlog.ordered:
            session = event.session_id
            sessions = backlog.sessions
            if session in sessions:
                backlog.wait(session, execution)
                return execution
            sessions[session] = None
        backlog.ready[rank].append(execution)
        if not self.paused and (
            self._idle or len(self._workers) - len(self.apart) < self.max_running
        ):
            self.wake()
        return execution

    def accept_late(
        self, event: Event, waiter: asyncio.Future[AgentResult] | None, seq: int
    ) -> None:
        """As ``accept``, while what the journal has kept from before is still being read."""
        rank = event.priority_rank
        self.accepted += 1
        execution = Execution(event, seq, rank, self.now(), waiter)
        backlog = self.backlog
        session = event.session_id
        if backlog.overtakes(rank, session == event.id):
            backlog.place(execution, session)
            self.wake_all()
        else:
            backlog.late.append(execution)
