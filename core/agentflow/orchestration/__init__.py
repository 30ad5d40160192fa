"""The five orchestration modes.

Each is an async function of ``run``, the one way to run one agent. No mode knows of
queues, hooks, retries or screens; a mode that is made of others calls them.
"""

from agentflow.orchestration.collaborative import collaborative
from agentflow.orchestration.loop import loop
from agentflow.orchestration.mixed import mixed
from agentflow.orchestration.outcome import Outcome, Run
from agentflow.orchestration.route import route
from agentflow.orchestration.sequential import sequential

__all__ = ["Outcome", "Run", "collaborative", "loop", "mixed", "route", "sequential"]
