"""Pausing: an operator holds the events of one agent, or all of them."""

from __future__ import annotations

from agentflow.engine.parts import Parts
from agentflow.engine.plan import Vitals


class Pausing(Parts):
    """The side of a runner that holds events and lets them go on."""

    @property
    def paused(self) -> bool:
        """Whether the whole runner is paused."""
        return self.dispatcher.paused

    def pause(self, agent: str | None = None) -> None:
        """Hold the events of one agent, or start none at all; what runs goes on.

        Raises AgentNotFound.
        """
        dispatcher = self.dispatcher
        if agent is None:
            dispatcher.paused = True
            dispatcher.look_idle()
            return
        vitals = self._vitals(agent)
        vitals.paused = True
        vitals.clear = False
        dispatcher.any_paused = True
        dispatcher.look_express()

    def resume(self, agent: str | None = None) -> None:
        """Let the held events of an agent, or the runner, go on in the order they came.

        Raises AgentNotFound.
        """
        dispatcher = self.dispatcher
        if agent is None:
            dispatcher.paused = False
            dispatcher.wake_all()
            return
        vitals = self._vitals(agent)
        self.supervisor.resumed(vitals)
        vitals.paused = False
        vitals.clear = dispatcher.is_clear(vitals)
        dispatcher.any_paused = any(other.paused for other in self._compiler.vitals.values())
        dispatcher.look_express()
        dispatcher.let_go(vitals)

    def _vitals(self, agent: str) -> Vitals:
        agents = self.agents
        if agent not in agents:
            raise self.plan.missing(agent)
        return agents[agent].vitals
