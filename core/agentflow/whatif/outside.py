"""Outside: real handlers, run for a sandbox on an event loop of their own, in real time.

While one is at work the sandbox's time stands still; then it moves on by as long as that took.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from agentflow.agent import AgentResult
from agentflow.engine.compiler import Compiler
from agentflow.engine.context import RunContext
from agentflow.engine.execution import Execution, understood
from agentflow.engine.handlers import Code
from agentflow.engine.plan import Vitals
from agentflow.engine.threads import Threads
from agentflow.errors import AgentTimeout, ConfigError, NotRecorded
from agentflow.event import Event
from agentflow.state import State
from agentflow.telemetry.metrics import Meter

if TYPE_CHECKING:
    from agentflow.config import Config
    from agentflow.whatif.dispatching import SandboxDispatcher
    from agentflow.whatif.virtual import SandboxLoop

T = TypeVar("T")


class Outside:
    """Runs the real code of agents. Close it when the sandbox has come to its end."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._threads = Threads()
        self._compiler = Compiler(self._threads, perf_counter, _meter, _unwatched)
        self._codes: dict[str, Code] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="agentflow-rerun", daemon=True
        )
        self._thread.start()
        self.dispatcher: SandboxDispatcher

    async def run(
        self,
        agent: str,
        event: Event,
        state: State,
        context: RunContext,
        execution: Execution,
        occurrence: int,
    ) -> State:
        """Run the agent's own handler. Raises what it raises, and AgentTimeout."""
        virtual: SandboxLoop = asyncio.get_running_loop()  # type: ignore[assignment]
        deadline = context.deadline
        limit = inf
        if deadline is not None:
            limit = deadline.timestamp() - self.dispatcher.clock.time()
        inside = Inside(agent, context, execution, occurrence, self.dispatcher, virtual, limit)
        began = perf_counter()
        virtual.waiting += 1
        try:
            call = self._call(agent, event, state, inside, limit)
            output = await asyncio.wrap_future(self._send(call))
        finally:
            virtual.waiting -= 1
            seconds = perf_counter() - began - inside.virtual_seconds
            await asyncio.sleep(max(0.0, seconds))
        state, error = understood(agent, output, state)
        if error is not None:
            raise error
        return state

    def _send(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    async def _call(
        self, agent: str, event: Event, state: State, inside: Inside, limit: float
    ) -> Any:
        code = self._code(agent)
        await code.start()
        arguments = (event, state, inside) if code.wants_context else (event, state)
        try:
            async with asyncio.timeout(None if limit == inf else limit) as timer:
                return await code.call(*arguments)
        except TimeoutError:
            if timer.expired():
                raise AgentTimeout(agent, limit) from None
            raise

    def _code(self, agent: str) -> Code:
        code = self._codes.get(agent)
        if agent not in self._config.agents:
            raise NotRecorded(agent, "the configuration has no code for it")
        if code is None:
            code = self._codes[agent] = self._compiler.code_of(self._config, agent)
        return code

    def check(self, agents: list[str]) -> None:
        """Load the code of these agents. Raises ConfigError for what can't be loaded."""
        missing = [name for name in agents if name not in self._config.agents]
        if missing:
            raise ConfigError([
                self._config.problem_at(
                    f"agents.{name}",
                    f"agent {name!r} can't be run again: the configuration has no code for it",
                )
                for name in missing
            ])  # fmt: skip
        for name in agents:
            self._code(name)

    def close(self) -> None:
        """Shut the agents down and end the thread."""
        try:
            self._send(self._shut_down()).result(timeout=10)
        except TimeoutError:
            pass  # one that doesn't let go ends with the process
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._threads.close()
        if not self._thread.is_alive():
            self._loop.close()

    async def _shut_down(self) -> None:
        for code in self._codes.values():
            try:
                await code.stop()
            except Exception:  # one agent's failing shutdown must not keep the others open
                continue
        await self._compiler.close()


class Inside:
    """The context of a handler that runs outside: what it emits goes into the sandbox."""

    def __init__(
        self,
        agent: str,
        context: RunContext,
        execution: Execution,
        occurrence: int,
        dispatcher: SandboxDispatcher,
        loop: SandboxLoop,
        limit: float,
    ) -> None:
        self.agent = agent
        self.event = context.event
        self.attempt = context.attempt
        self.idempotency_key = context.idempotency_key
        self.logger = logging.getLogger(f"agentflow.agent.{agent}")
        self.deadline = None if limit == inf else datetime.now(UTC) + timedelta(seconds=limit)
        self.virtual_seconds = 0.0
        """Real seconds that went by while the sandbox did what was requested."""
        self._context = context
        self._execution = execution
        self._occurrence = occurrence
        self._dispatcher = dispatcher
        self._loop = loop
        self._sent = 0

    async def emit(self, event: Event) -> str:
        """Queue another event, as caused by this one; its id."""
        return await self._hop(self._emit(event))

    async def request(self, event: Event) -> AgentResult:
        """Run another event now, as part of this one, and return what came of it."""
        began = perf_counter()
        try:
            return await self._hop(self._request(event))
        finally:
            self.virtual_seconds += perf_counter() - began

    async def _hop(self, call: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self._loop))

    async def _emit(self, event: Event) -> str:
        return await self._context.emit(self._named(event))

    async def _request(self, event: Event) -> AgentResult:
        self._loop.waiting -= 1  # time must go on for what is requested
        try:
            return await self._context.request(self._named(event))
        finally:
            self._loop.waiting += 1

    def _named(self, event: Event) -> Event:
        self._sent += 1
        return self._dispatcher.child_of_run(
            self._execution, self.agent, self._occurrence, self._sent, self._context.caused(event)
        )


def _meter(mode: str) -> Meter:
    return Meter()


def _unwatched(vitals: Vitals) -> None:
    """Nobody watches these."""
