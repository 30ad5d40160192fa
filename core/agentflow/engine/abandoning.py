"""Abandoning: what ends otherwise than by itself, given up or cut short by a stop."""

from __future__ import annotations

import asyncio

from agentflow.agent import GRACE, AgentResult
from agentflow.engine.execution import Execution
from agentflow.engine.guards import Guard
from agentflow.engine.parking import wake_up
from agentflow.engine.settling import Settling
from agentflow.engine.supervision import Supervisor
from agentflow.errors import AgentTimeout, RunnerNotRunning
from agentflow.resilience.dead_letters import describe
from agentflow.state import State


class Abandoning(Settling):
    """The part of a dispatcher that ends what will not end, and stops."""

    supervisor: Supervisor

    # -- given up -----------------------------------------------------------------------

    def abandon(self, guard: Guard) -> None:
        """Give up what has ignored its cancellation: its event ends as dead.

        Its task can't be ended by force; it is left behind, and its worker replaced. What
        asked for it from inside the same task can't end either, and is given up with it.
        """
        frames = guard.frames()
        if not frames:
            self._abandon_callback(guard)
            return
        if frames[-1][2] is None or frames[-1][2].ended:
            return
        guard.abandoned = True
        worker = guard
        cut = {guard.task: False}
        now = self.now()
        for agent, since, execution in reversed(frames):
            if execution is None or execution.ended:
                continue
            if execution.work is not None:
                worker = execution.work.guard
                if execution.work.active:
                    # Nothing else of it goes on, in whatever task.
                    for other in self.guards:
                        if any(frame[2] is execution for frame in other.frames()):
                            cut.setdefault(other.task, not other.abandoned)
            self.give_up(execution, agent, since, AgentTimeout(agent, now - since))
        cut.setdefault(worker.task, True)
        for task, alive in cut.items():
            if alive:
                task.cancel()
        agents = [agent for agent, _, _ in reversed(frames)]
        self.supervisor.deaf(guard.task, agents, frames[-1][1])
        self._leave_behind(worker)

    def _abandon_callback(self, guard: Guard) -> None:
        """Give up an event because of a callback that no agent runs around."""
        execution = guard.execution
        if execution is None or execution.ended or execution.work is None:
            return
        if execution.work.guard is guard:
            guard.abandoned = True
            error = TimeoutError("a callback ignores its cancellation")
            self.give_up(execution, execution.at, execution.last, error)
            self.telemetry.log("error", "engine", f"{error} and was left behind")
            self._leave_behind(guard)

    def _leave_behind(self, worker: Guard) -> None:
        if worker.execution is None or worker.execution.ended:
            worker.abandoned = True
            self._workers.pop(worker.task, None)
            self.wake_all()

    def give_up(self, execution: Execution, agent: str, since: float, error: BaseException) -> None:
        """End an execution that its own task will not end."""
        execution.at = agent
        execution.note("abandoned", agent, since, self.now(), "failed", describe(error))
        if execution.work is not None and execution.work.released:
            self.apart.discard(execution)
            self.running += 1
        self.fail(execution, error)

    # -- a stop -------------------------------------------------------------------------

    async def close(self) -> None:
        """Cancel what still runs; it is queued again, as if it had not begun.

        Nothing is begun from then on, until ``reopen``.
        """
        self.closing = True
        workers = [worker for worker in self._workers if worker is not asyncio.current_task()]
        for worker in workers:
            worker.cancel()
        if workers:
            # What ignores its cancellation is left behind: nothing may hang a stop.
            await asyncio.wait(workers, timeout=GRACE)
        at_work = sorted(self.guards, key=lambda guard: not guard.agent)
        for guard in at_work:
            self.abandon(guard)
            guard.abandoned = True  # what comes to an end after all takes nothing else
        self.guards.close()
        # Whoever starts again begins with all slots free.
        self._workers.clear()
        self._idle.clear()
        self._resumable.clear()
        error = RunnerNotRunning("the runner was stopped before this event was done")
        for execution in (*self.begun(), *self.backlog.awaited()):
            waiter, execution.waiter = execution.waiter, None
            if waiter is not None and not waiter.done():
                waiter.set_result(AgentResult(State(execution.event.data), error))
        for waiting in self._room:
            wake_up(waiting)
        self._room.clear()
        self.closed = True

    def reopen(self) -> None:
        """Let events be run (again)."""
        self.closing = self.closed = False

    def interrupted(self, execution: Execution) -> None:
        """A stop without drain cut an execution short: it has not run."""
        if execution.nested:
            return
        if execution.work is not None and execution.work.active:
            # An agent of it, in a task of its own, has ignored its cancellation until now.
            for guard in self.guards:
                if any(frame[2] is execution for frame in guard.frames()):
                    self.abandon(guard)
            if execution.ended:
                return
        if execution.work is not None and execution.work.released:
            self.apart.discard(execution)
        else:
            self.running -= 1
        if self.intake is not None:
            self.intake.interrupted(execution)
        execution.work = None  # type: ignore[assignment]
        execution.waits = ""
        execution.started = 0.0
        execution.runs = ()
        execution.outputs = None
        self.backlog.put_back(execution)
        if self._resumable:
            self._slot_is_free()

    def begin_again(self, open_now: int) -> None:
        """Empty the queue: so many events come from the journal.

        What an earlier stop of this very runner has left is among them.
        """
        self.backlog.clear()
        for vitals in self.holding:
            vitals.held.clear()
        self.holding.clear()
        self.accepted = self.done + open_now
