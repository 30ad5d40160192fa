"""agentflow: an event-driven runner of agents, with five ways of orchestrating them.

Everything public is named here; the rest may change without notice. What a name needs is
imported when it is first used: a screen that only reads snapshots loads no engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
        JournalError,
        JournalFailed,
        JournalFull,
        JournalInUse,
        JournalUnusable,
        MaxIterationsReached,
        ProcessDied,
        ProviderAuthError,
        ProviderBadResponse,
        ProviderError,
        ProviderRateLimited,
        ProviderRejected,
        ProviderServerError,
        ProviderTimeout,
        ProviderUnavailable,
        QueueFull,
        RecordingUnusable,
        RunnerAlreadyRunning,
        RunnerNotRunning,
    )
    from agentflow.event import Event
    from agentflow.journal import Journal
    from agentflow.recording import Recorder, Recording
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
    "Journal",
    "JournalError",
    "JournalFailed",
    "JournalFull",
    "JournalInUse",
    "JournalUnusable",
    "MaxIterationsReached",
    "Problem",
    "ProcessDied",
    "ProviderAuthError",
    "ProviderBadResponse",
    "ProviderError",
    "ProviderRateLimited",
    "ProviderRejected",
    "ProviderServerError",
    "ProviderTimeout",
    "ProviderUnavailable",
    "QueueFull",
    "Recorder",
    "Recording",
    "RecordingUnusable",
    "RetryPolicy",
    "Runner",
    "RunnerAlreadyRunning",
    "RunnerNotRunning",
    "State",
    "TraceEntry",
    "check_config",
    "load_config",
]

_HOMES = {
    "Agent": "agent",
    "AgentFlowError": "errors",
    "AgentNotFound": "errors",
    "AgentResult": "agent",
    "AgentRunVetoed": "errors",
    "AgentTimeout": "errors",
    "CallbackArgs": "engine",
    "Change": "engine",
    "CircuitBreaker": "resilience",
    "CircuitOpen": "errors",
    "Clock": "clock",
    "Config": "config",
    "ConfigError": "errors",
    "Context": "agent",
    "Counts": "engine",
    "DeadLetter": "resilience",
    "DeadlineExceeded": "errors",
    "ErrorClass": "resilience",
    "ErrorClassifier": "resilience",
    "Event": "event",
    "EventLoopDetected": "errors",
    "EventVetoed": "errors",
    "Handler": "agent",
    "HandlerNotLoaded": "errors",
    "HookPoint": "engine",
    "InvalidEvent": "errors",
    "Journal": "journal",
    "JournalError": "errors",
    "JournalFailed": "errors",
    "JournalFull": "errors",
    "JournalInUse": "errors",
    "JournalUnusable": "errors",
    "MaxIterationsReached": "errors",
    "Problem": "config",
    "ProcessDied": "errors",
    "ProviderAuthError": "errors",
    "ProviderBadResponse": "errors",
    "ProviderError": "errors",
    "ProviderRateLimited": "errors",
    "ProviderRejected": "errors",
    "ProviderServerError": "errors",
    "ProviderTimeout": "errors",
    "ProviderUnavailable": "errors",
    "QueueFull": "errors",
    "Recorder": "recording",
    "Recording": "recording",
    "RecordingUnusable": "errors",
    "RetryPolicy": "resilience",
    "Runner": "engine",
    "RunnerAlreadyRunning": "errors",
    "RunnerNotRunning": "errors",
    "State": "state",
    "TraceEntry": "telemetry.trace",
    "check_config": "config",
    "load_config": "config",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
