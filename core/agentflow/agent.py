"""What an agent is: a class with a life cycle, or any function that takes an event."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from agentflow.event import Event
from agentflow.state import State

GRACE = 5.0
"""Seconds that a cancelled agent has to end before it is left behind."""


class AgentResult:
    """What came of a run: the state, the error if it failed, and when.

    ``started_at`` and ``ended_at`` are timezone-aware UTC. The engine measures the
    times itself; what a handler writes there is overwritten.
    """

    __slots__ = ("_ended", "_started", "error", "state")

    def __init__(
        self,
        state: State | Mapping[str, Any] | None = None,
        error: BaseException | None = None,
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
    ) -> None:
        self.state = state if isinstance(state, State) else State(state)
        self.error = error
        self._started = started_at.timestamp() if started_at else 0.0
        self._ended = ended_at.timestamp() if ended_at else self._started

    @classmethod
    def timed(
        cls, state: State, error: BaseException | None, started: float, ended: float
    ) -> AgentResult:
        """A result whose times are given in seconds since the epoch."""
        result = cls.__new__(cls)
        result.state = state
        result.error = error
        result._started = started
        result._ended = ended
        return result

    @property
    def started_at(self) -> datetime:
        """When the run began."""
        return datetime.fromtimestamp(self._started, UTC)

    @property
    def ended_at(self) -> datetime:
        """When the run ended."""
        return datetime.fromtimestamp(self._ended, UTC)

    @property
    def duration(self) -> float:
        """How long it took, in seconds."""
        return self._ended - self._started

    @property
    def ok(self) -> bool:
        """Whether it ended without an error."""
        return self.error is None

    def __repr__(self) -> str:
        return f"AgentResult(state={self.state!r}, error={self.error!r})"


class Context(Protocol):
    """What a handler that takes a third argument gets."""

    @property
    def agent(self) -> str:
        """The name under which this agent runs."""

    @property
    def event(self) -> Event:
        """The event that is being handled."""

    @property
    def attempt(self) -> int:
        """1 for the first try of this run, 2 for the first retry, and so on."""

    @property
    def deadline(self) -> datetime | None:
        """When this run will be cancelled (UTC), or None if nothing limits it."""

    @property
    def idempotency_key(self) -> str:
        """The same text for every attempt of the same piece of work."""

    @property
    def logger(self) -> logging.Logger:
        """A logger named after the agent."""

    async def emit(self, event: Event) -> str:
        """Queue another event, as caused by this one; its id. Raises QueueFull."""

    async def request(self, event: Event) -> AgentResult:
        """Run another event now, as part of this one, and return what came of it."""


HandlerOutput: TypeAlias = AgentResult | State | Mapping[str, Any] | None
Handler: TypeAlias = (
    Callable[[Event, State], HandlerOutput | Awaitable[HandlerOutput]]
    | Callable[[Event, State, Context], HandlerOutput | Awaitable[HandlerOutput]]
)


class Agent:
    """Base for agents that are classes.

    Override ``run(state)``, or ``handle_event(event, state)`` to see the event too (it
    may take the context as a third argument). ``initialize`` is awaited before the
    agent's first run, ``shutdown`` when the runner stops or the agent is removed.
    ``timeout`` is in seconds; None leaves it to the configuration.
    """

    name: str = ""
    role: str = ""
    description: str = ""
    capabilities: Sequence[str] = ()
    system_prompt: str = ""
    timeout: float | None = None
    enabled: bool = True
    llm: Any = None

    __slots__: ClassVar[tuple[str, ...]] = ("__dict__",)

    async def initialize(self) -> None:
        """Get ready: open connections, load what is needed."""

    async def shutdown(self) -> None:
        """Let go of what ``initialize`` took."""

    async def run(self, state: State) -> HandlerOutput:
        """Do the work on ``state``."""
        raise NotImplementedError(f"{type(self).__name__} overrides neither run nor handle_event")

    if TYPE_CHECKING:
        # Overridden with (event, state) or (event, state, context).
        handle_event: Callable[..., Awaitable[HandlerOutput]]
    else:

        async def handle_event(self, event: Event, state: State) -> HandlerOutput:
            """Do the work for ``event``; calls ``run`` unless overridden."""
            return await self.run(state)
