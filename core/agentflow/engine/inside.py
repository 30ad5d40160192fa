"""Inside: what a handler asks for while it runs, as part of the event that it handles."""

from __future__ import annotations

import asyncio

from agentflow.agent import AgentResult
from agentflow.engine.abandoning import Abandoning
from agentflow.engine.admission import rank_of
from agentflow.engine.execution import Execution
from agentflow.engine.guards import Guard, current_guard
from agentflow.engine.ledger import PATIENCE
from agentflow.engine.plan import Plan
from agentflow.engine.work import Resumed
from agentflow.errors import QueueFull, RunnerNotRunning
from agentflow.event import Event


class Inside(Abandoning):
    """The part of a dispatcher that serves handlers."""

    async def orchestrate(
        self,
        execution: Execution,
        guard: Guard,
        resumed: Resumed | None = None,
        plan: Plan | None = None,
    ) -> None:
        """Run one execution to its end."""
        raise NotImplementedError

    def execution_here(self) -> Execution | None:
        """The execution whose handler is the caller, or None."""
        guard = current_guard.get()
        if guard is None or not guard.agent or guard.owner is not self.guards:
            return None
        return guard.execution

    async def emit_from(self, parent: Execution, event: Event) -> str:
        """Accept an event that a handler emits.

        Raises QueueFull, InvalidEvent, and RunnerNotRunning for a handler that a stop has
        left behind: nobody would keep the event.
        """
        if self.closed:
            raise RunnerNotRunning("the runner has been stopped")
        if not self.has_room() and not await self.wait_for_room(PATIENCE):
            self.refused += 1
            raise QueueFull(self.queue_size)
        if self.intake is None:
            self.add_child(parent, event)
            self.note_emitter(parent, event)
            return event.id
        run = self.guards.here().key_of_request(parent)
        event_id = await self.intake.emit(event, key=self.intake.key_of(run, event))
        if event_id == event.id:
            self.note_child(parent, event)
            self.note_emitter(parent, event)
        return event_id

    async def run_nested(self, parent: Execution, event: Event) -> AgentResult:
        """Run ``event`` now, in the slot of ``parent``. Raises InvalidEvent, RunnerNotRunning.

        Queueing it would wait for the very handler that waits for it.
        """
        if self.closed:
            raise RunnerNotRunning("the runner has been stopped")
        rank = rank_of(event)
        # No more time than the handler has that asks for it.
        limit = min(parent.deadline, self.guards.here().deadline)
        self.accepted += 1
        seq = self.accepted if self.intake is None else self.intake.number()
        waiter: asyncio.Future[AgentResult] = asyncio.get_running_loop().create_future()
        execution = Execution(event, seq, rank, self.now(), waiter, nested=True, deadline=limit)
        execution.key = self.guards.here().key_of_request(parent)
        self.note_child(parent, event)
        self.note_emitter(parent, event)
        if self.publish is not None:
            self.publish(event)
        self.nested[execution] = parent
        try:
            await self.orchestrate(execution, self.guards.here(), plan=self.plan_of(parent))
        except BaseException as error:
            if not execution.ended:
                self.fail(execution, error)
                raise
            here = self.guards.here()
            if here.abandoned or not isinstance(error, asyncio.CancelledError):
                raise
            # A part of it in another task was given up, and so it ended: who asked goes on.
            here.task.uncancel()
            if here.fired or parent.ended or self.closing:
                raise
        finally:
            here = self.guards.here()
            if not here.agent and here.task not in self._workers:
                self.guards.drop(here)  # a task of the handler's own
        return waiter.result()
