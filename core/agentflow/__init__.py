"""agentflow: an event-driven runner of agents, with five ways of orchestrating them.

Everything public is named here; the rest may change without notice.
"""

from agentflow.agent import Agent, AgentResult, Context, Handler
from agentflow.clock import Clock
from agentflow.config import Config, Problem, check_config, load_config
from agentflow.engine import CallbackArgs, Change, Counts, HookPoint, Runner
from agentflow.errors import (
    AgentFlowError,
    AgentNotFound,
    AgentRunVetoed,
    AgentTimeout,
    CircuitOpen,
    ConfigError,
    DeadlineExceeded,
    EventLoopDetected,
    EventVetoed,
    HandlerNotLoaded,
    InvalidEvent,
    MaxIterationsReached,
    ProviderAuthError,
    ProviderBadResponse,
    ProviderError,
    ProviderRateLimited,
    ProviderRejected,
    ProviderServerError,
    ProviderTimeout,
    ProviderUnavailable,
    QueueFull,
    RunnerAlreadyRunning,
    RunnerNotRunning,
)
from agentflow.event import Event
from agentflow.resilience import (
    CircuitBreaker,
    DeadLetter,
    ErrorClass,
    ErrorClassifier,
    RetryPolicy,
)
from agentflow.state import State
from agentflow.telemetry.trace import TraceEntry

__all__ = [
    "Agent",
    "AgentFlowError",
    "AgentNotFound",
    "AgentResult",
    "AgentRunVetoed",
    "AgentTimeout",
    "CallbackArgs",
    "Change",
    "CircuitBreaker",
    "CircuitOpen",
    "Clock",
    "Config",
    "ConfigError",
    "Context",
    "Counts",
    "DeadLetter",
    "DeadlineExceeded",
    "ErrorClass",
    "ErrorClassifier",
    "Event",
    "EventLoopDetected",
    "EventVetoed",
    "Handler",
    "HandlerNotLoaded",
    "HookPoint",
    "InvalidEvent",
    "MaxIterationsReached",
    "Problem",
    "ProviderAuthError",
    "ProviderBadResponse",
    "ProviderError",
    "ProviderRateLimited",
    "ProviderRejected",
    "ProviderServerError",
    "ProviderTimeout",
    "ProviderUnavailable",
    "QueueFull",
    "RetryPolicy",
    "Runner",
    "RunnerAlreadyRunning",
    "RunnerNotRunning",
    "State",
    "TraceEntry",
    "check_config",
    "load_config",
]
