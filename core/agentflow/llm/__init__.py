"""Language models: providers over HTTP, and the agent that asks them.

``settings_from`` reads the configuration, ``make_provider`` connects, ``LlmAgent`` is
the handler that the engine runs.
"""

from agentflow.llm.agent import LlmAgent, OnUsage
from agentflow.llm.factory import make_provider
from agentflow.llm.provider import Completion, Message, OnToken, Provider
from agentflow.llm.rate_limit import RateLimit
from agentflow.llm.settings import Settings, settings_from

__all__ = [
    "Completion",
    "LlmAgent",
    "Message",
    "OnToken",
    "OnUsage",
    "Provider",
    "RateLimit",
    "Settings",
    "make_provider",
    "settings_from",
]
