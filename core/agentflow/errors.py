"""Everything that can go wrong, in one place.

AgentFlowError
├── ConfigError              the configuration cannot be used; ``problems`` says where and why
├── RunnerNotRunning         the runner was asked to work before start or after stop
├── RunnerAlreadyRunning     start was called twice
├── InvalidEvent             an event that the engine refuses, with the field and the reason
├── QueueFull                no room in the queue within the time allowed
├── AgentNotFound            the target is unknown, disabled or not named at all
├── EventVetoed              a BeforeEventHandling callback said no
├── AgentRunVetoed           a BeforeAgentRun callback said no
├── DroppedAtBreakpoint      an operator dropped the event where it was stopped
├── EventLoopDetected        an event came out of a longer chain than max_hops allows
├── MaxIterationsReached     a loop that must complete did not
├── DeadlineExceeded         the event's deadline had passed before its agent ran
├── AgentTimeout             an agent took longer than it was given
├── CircuitOpen              the agent's circuit breaker lets nothing through for now
├── Restored                 an error from another process, as text
├── HandlerNotLoaded         an agent's code could not be imported
├── NotRecorded              a recording doesn't say what an agent would have answered
├── ProcessDied              the process died too often while the event ran
├── JournalError             what was accepted can't be kept on disk
│   ├── JournalFull          no room on the disk, or the journal's own limit; it goes on by itself
│   ├── JournalFailed        the disk failed; nothing is accepted until a new start
│   ├── JournalInUse         another process has it open
│   └── JournalUnusable      it can't be created or read at all
├── RecordingUnusable        a recording can't be read, or can't be written any more
└── ProviderError            a language-model provider failed
    ├── ProviderUnavailable  nothing answers, or the connection broke
    ├── ProviderTimeout      the answer took too long
    ├── ProviderAuthError    401 or 403
    ├── ProviderRateLimited  429; ``retry_after`` seconds when the server said so
    ├── ProviderServerError  500 and up
    ├── ProviderRejected     any other 4xx: the request itself is wrong
    └── ProviderBadResponse  the answer could not be understood

Every error carries what it is about as attributes, so that a screen or a
handler never has to take a message apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentflow.config.problems import Problem
    from agentflow.state import State


class AgentFlowError(Exception):
    """Base of every error that agentflow raises on purpose."""


class ConfigError(AgentFlowError):
    """The configuration cannot be used. ``problems`` lists everything found, warnings included."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        errors = [problem for problem in self.problems if problem.severity == "error"]
        super().__init__("\n".join(str(problem) for problem in errors or self.problems))


class RunnerNotRunning(AgentFlowError):
    """The runner has not been started, or has been stopped."""


class RunnerAlreadyRunning(AgentFlowError):
    """The runner was started a second time."""


class InvalidEvent(AgentFlowError, ValueError):
    """An event that the engine refuses. ``field`` names the part that is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class QueueFull(AgentFlowError):
    """The queue had no room. ``size`` is its limit, in events."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"the queue is full ({size:,} events)")


class AgentNotFound(AgentFlowError):
    """The target is not an agent that can run. ``agent`` is the name, ``known`` what there is."""

    def __init__(self, agent: str, reason: str = "", known: Sequence[str] = ()) -> None:
        self.agent = agent
        self.known = tuple(known)
        if not agent:
            message = "the event names no agent: set its target or metadata 'route'"
        else:
            message = f"agent not found: {agent!r}" + (f" ({reason})" if reason else "")
        super().__init__(message)


class EventVetoed(AgentFlowError):
    """A BeforeEventHandling callback refused the event. ``callback`` is its name."""

    def __init__(self, callback: str, reason: str) -> None:
        self.callback = callback
        self.reason = reason
        super().__init__(f"vetoed by hook {callback!r}: {reason}")


class AgentRunVetoed(AgentFlowError):
    """A BeforeAgentRun callback refused one run. ``callback`` is its name."""

    def __init__(self, agent: str, callback: str, reason: str) -> None:
        self.agent = agent
        self.callback = callback
        self.reason = reason
        super().__init__(f"run of {agent!r} vetoed by hook {callback!r}: {reason}")


class DroppedAtBreakpoint(AgentFlowError):
    """An operator dropped the event at breakpoint ``number``, at ``hook`` of ``agent``."""

    def __init__(self, number: int, hook: str, agent: str) -> None:
        self.number = number
        self.hook = hook
        self.agent = agent
        where = f"{hook} of {agent!r}" if agent else hook
        super().__init__(f"dropped by an operator at breakpoint {number} ({where})")


class EventLoopDetected(AgentFlowError):
    """The chain of events is longer than allowed: ``hop_count`` is above ``max_hops``."""

    def __init__(self, hop_count: int, max_hops: int) -> None:
        self.hop_count = hop_count
        self.max_hops = max_hops
        super().__init__(
            f"event loop detected: hop count {hop_count} exceeds the maximum of {max_hops}"
        )


class MaxIterationsReached(AgentFlowError):
    """A loop did not complete in ``iterations`` rounds. ``state`` is what it had by then."""

    def __init__(self, agent: str, iterations: int, state: State) -> None:
        self.agent = agent
        self.iterations = iterations
        self.state = state
        super().__init__(f"loop agent {agent!r} did not complete in {iterations} iterations")


class DeadlineExceeded(AgentFlowError, TimeoutError):
    """The event's deadline passed before the agent ran. ``late`` is by how much, in seconds."""

    def __init__(self, agent: str, late: float) -> None:
        self.agent = agent
        self.late = late
        super().__init__(f"the deadline had passed {late:.3f} s before {agent!r} could run")


class AgentTimeout(AgentFlowError, TimeoutError):
    """An agent took longer than ``timeout`` seconds."""

    def __init__(self, agent: str, timeout: float) -> None:
        self.agent = agent
        self.timeout = timeout
        super().__init__(f"agent {agent!r} timed out after {timeout:g} s")


class CircuitOpen(AgentFlowError):
    """The breaker of ``agent`` is open. ``retry_after`` is the seconds until it tries again."""

    def __init__(self, agent: str, retry_after: float) -> None:
        self.agent = agent
        self.retry_after = retry_after
        super().__init__(
            f"circuit breaker of {agent!r} is open; it lets a call through in {retry_after:.1f} s"
        )


class Restored(AgentFlowError):
    """An error that happened in another process: its description and its traceback, as text."""

    def __init__(self, description: str, trace: str) -> None:
        self.trace = trace
        super().__init__(description)


class HandlerNotLoaded(AgentFlowError):
    """An agent's code could not be imported. ``where`` is ``file:line`` when it is known."""

    def __init__(self, agent: str, handler: str, reason: str, where: str = "") -> None:
        self.agent = agent
        self.handler = handler
        self.reason = reason
        self.where = where
        super().__init__(
            f"agent {agent!r}: cannot load handler {handler!r}: {reason}"
            + (f" ({where})" if where else "")
        )


class NotRecorded(AgentFlowError):
    """A recording doesn't say what ``agent`` would have answered. ``reason`` is why not."""

    def __init__(self, agent: str, reason: str) -> None:
        self.agent = agent
        self.reason = reason
        super().__init__(f"agent {agent!r} is not run again: {reason}")


class ProcessDied(AgentFlowError):
    """The process died while the event ran, ``deliveries`` times: it is not run again."""

    def __init__(self, deliveries: int) -> None:
        self.deliveries = deliveries
        super().__init__(
            f"the process died {deliveries} times while this event ran; it is not run again"
        )


class JournalError(AgentFlowError):
    """What was accepted can't be kept on disk. ``path`` is the journal's file."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"journal {path}: {reason}")


class JournalFull(JournalError):
    """There is no room: nothing is accepted until there is; what was accepted is safe."""


class JournalFailed(JournalError):
    """The disk failed: nothing is accepted until the next start; what was accepted is safe."""


class JournalInUse(JournalError):
    """Another process, ``pid``, has the journal open (0 if it doesn't say which)."""

    def __init__(self, path: str, pid: int) -> None:
        self.pid = pid
        owner = f"process {pid}" if pid else "another process"
        super().__init__(path, f"{owner} is using it")


class JournalUnusable(JournalError):
    """The journal can't be created, or its file is something else altogether."""


class RecordingUnusable(AgentFlowError):
    """A recording that can't be read or written. ``path`` is its file."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"the recording {path} can't be used: {reason}")


class ProviderError(AgentFlowError):
    """A language-model provider failed. ``provider`` is its name in the configuration."""

    def __init__(self, provider: str, message: str) -> None:
        self.provider = provider
        super().__init__(f"{provider}: {message}")


class ProviderUnavailable(ProviderError):
    """Nothing answers at the provider's address, or the connection broke."""


class ProviderTimeout(ProviderError, TimeoutError):
    """The provider did not answer in time."""


class ProviderAuthError(ProviderError):
    """The provider refused the credentials (401 or 403)."""


class ProviderRateLimited(ProviderError):
    """The provider asks to slow down (429). ``retry_after`` is in seconds, None if not said."""

    def __init__(self, provider: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(provider, message)
        self.retry_after = retry_after


class ProviderServerError(ProviderError):
    """The provider failed on its own side (500 and up). ``status`` is the HTTP status."""

    def __init__(self, provider: str, message: str, status: int = 500) -> None:
        super().__init__(provider, message)
        self.status = status


class ProviderRejected(ProviderError):
    """The provider understood the request and refuses it. ``status`` is the HTTP status."""

    def __init__(self, provider: str, message: str, status: int = 400) -> None:
        super().__init__(provider, message)
        self.status = status


class ProviderBadResponse(ProviderError):
    """The provider's answer is not in the form its protocol promises."""
