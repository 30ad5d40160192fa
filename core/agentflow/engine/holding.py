"""Holding: what waits for a paused agent, set aside without a slot before it has started."""

from __future__ import annotations

from agentflow.engine.execution import Execution
from agentflow.engine.parking import wake_up
from agentflow.engine.plan import Plan, Vitals
from agentflow.engine.slots import Slots


class Holding(Slots):
    """The part of a dispatcher that sets events aside, and lets them go on."""

    def set_aside(self, execution: Execution, plan: Plan) -> bool:
        """Hold an execution whose agent is paused, without a slot; False if it isn't."""
        agent = plan.agents.get(plan.target_of(execution.event))
        if agent is None or not agent.vitals.paused:
            return False
        self.running -= 1
        if self.intake is not None:
            self.intake.unlease(execution)
        execution.waits = "held"
        execution.at = agent.name
        execution.note("held", agent.name, self.now(), 0.0, "held")
        agent.vitals.held.append(execution)
        self.holding.add(agent.vitals)
        self._slot_is_free()
        self.look_idle()
        return True

    def let_go(self, vitals: Vitals) -> None:
        """Let everything go on that waits for the agent, in the order in which it came."""
        now = self.now()
        for execution in reversed(vitals.held):
            execution.waits = ""
            notes = execution.notes
            if notes:
                kind, name, start, _, _, error = notes[-1]
                notes[-1] = (kind, name, start, now, "ok", error)
            self.backlog.put_back(execution)
        vitals.held.clear()
        self.holding.discard(vitals)
        while vitals.gate:
            execution, waiting = vitals.gate.popleft()
            if execution.waits:
                execution.waits = "queued"
            wake_up(waiting)
        self.wake_all()
