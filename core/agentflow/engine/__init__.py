"""The engine: backlog, dispatcher, hooks, plans, and the one way to run one agent."""

from agentflow.engine.history import Change
from agentflow.engine.hooks import CallbackArgs, HookPoint
from agentflow.engine.ledger import Counts
from agentflow.engine.runner import Runner

__all__ = ["CallbackArgs", "Change", "Counts", "HookPoint", "Runner"]
