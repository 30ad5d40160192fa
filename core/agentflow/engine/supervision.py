"""Supervision: notices that an agent has failed, says so, and stops one that fails in a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextvars import Context
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from agentflow.errors import AgentTimeout
from agentflow.event import Event
from agentflow.resilience.breaker import BreakerState
from agentflow.resilience.dead_letters import describe
from agentflow.resilience.supervisor import RestartIntensity, Restarts

if TYPE_CHECKING:
    from agentflow.engine.dispatcher import Dispatcher
    from agentflow.engine.execution import Execution
    from agentflow.engine.plan import Vitals

FAILED = "agent.failed"
RECOVERED = "agent.recovered"

SESSIONS_NAMED = 50
"""How many of the sessions that an agent's failure affects are named."""

LOOKED_AT = 2_000
"""How many queued events are looked at to find them."""

MOST_LEFT_BEHIND = 64
"""An agent with more handlers than this that never ended is stopped, whatever else it does."""


class Affected(NamedTuple):
    """The sessions whose open events are at an agent or wait for it.

    ``sessions`` are the first of them, ``total`` is how many there are; where the queue is
    too long to look through, not ``complete``, there are at least so many.
    """

    sessions: list[str]
    total: int
    complete: bool


class Failing(NamedTuple):
    """An agent that has failed and not recovered. ``since`` is in seconds since the epoch.

    ``stopped`` is whether it waits for somebody to resume it.
    """

    agent: str
    reason: str
    since: float
    stopped: bool


class Watched:
    """What is known of one agent's failures.

    ``since`` is when it failed (0: it is well), ``unanswered`` how often in a row handlers
    of it were left behind, the last time at ``left_at`` (monotonic seconds), and
    ``left_behind`` how many of those have not ended yet.
    """

    __slots__ = ("left_at", "left_behind", "reason", "restarts", "since", "unanswered", "vitals")

    def __init__(self, vitals: Vitals) -> None:
        self.vitals = vitals
        self.restarts = Restarts()
        self.reason = ""
        self.since = 0.0
        self.unanswered = 0
        self.left_behind = 0
        self.left_at = 0.0

    def clear(self) -> None:
        """It is well: nothing counts any more, but what was left behind is still there."""
        self.restarts.clear()
        self.unanswered = 0
        self.since, self.reason = 0.0, ""


class Supervisor:
    """Watches the agents of one dispatcher.

    What it notices goes to the log and, as ``agent.failed`` and ``agent.recovered``, to
    those who subscribe to that. These events are neither queued nor counted.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._watched: dict[str, Watched] = {}

    def watch(self, vitals: Vitals) -> None:
        """Look after an agent from now on."""
        watched = self._watched[vitals.name] = Watched(vitals)
        vitals.breaker.told = partial(self._breaker_changed, watched)

    # -- what is known ------------------------------------------------------------------

    def failing(self) -> list[Failing]:
        """The agents of the plan that have failed and not recovered."""
        return [
            Failing(name, watched.reason, watched.since, bool(watched.vitals.stopped))
            for name, watched in self._watched.items()
            if watched.since and name in self._dispatcher.plan.agents
        ]

    def affected(self, agent: str) -> Affected:
        """The sessions that have an open event at ``agent``, or queued for it."""
        queued = list(islice(self._queued(), LOOKED_AT + 1))
        complete = len(queued) <= LOOKED_AT
        sessions: dict[str, None] = {}
        for execution in self._at(agent):
            sessions[execution.event.session_id] = None
        for execution in queued[:LOOKED_AT]:
            if self._is_for(agent, execution.event):
                sessions[execution.event.session_id] = None
        return Affected(list(islice(sessions, SESSIONS_NAMED)), len(sessions), complete)

    def _at(self, agent: str) -> Iterator[Execution]:
        """The executions that have come to ``agent`` and not ended."""
        dispatcher = self._dispatcher
        watched = self._watched.get(agent)
        if watched is not None:
            yield from watched.vitals.held
            yield from (execution for execution, _ in watched.vitals.gate)
        for guard in dispatcher.guards:
            for name, _, execution in guard.frames():
                if name == agent and execution is not None and not execution.ended:
                    yield execution
        apart = [execution for execution in dispatcher.apart if execution.at == agent]
        yield from sorted(apart, key=lambda execution: execution.seq)

    def _queued(self) -> Iterator[Execution]:
        """The executions that have not begun, without going through more than it must."""
        backlog = self._dispatcher.backlog
        yield from map(backlog.made, chain.from_iterable(backlog.ready))
        for waiting in islice(backlog.sessions.values(), LOOKED_AT + 1):
            if waiting:
                yield from map(backlog.made, waiting)

    def _is_for(self, agent: str, event: Event) -> bool:
        choice = self._dispatcher.plan.pick(event)
        if choice.mode == "route":
            return choice.plan.target_of(event) == agent
        return bool(choice.plan.place_of(agent))

    # -- what happens -------------------------------------------------------------------

    def ready(self, vitals: Vitals) -> None:
        """The agent's ``initialize`` has worked."""
        self._watched[vitals.name].restarts.clear()

    def not_ready(self, vitals: Vitals) -> None:
        """The agent's ``initialize`` has failed."""
        watched = self._watched[vitals.name]
        if self._one_too_many(watched):
            times = len(watched.restarts)
            self._stop(watched, f"it could not be initialized {times} times in a row")

    def deaf(self, task: asyncio.Task[Any], agents: list[str], since: float) -> None:
        """A handler has ignored its cancellation and was left behind in ``task``.

        ``agents`` are those whose runs have ended with it, the one that did it first;
        it ran ``since`` (monotonic seconds).
        """
        dispatcher = self._dispatcher
        for outer in agents[1:]:
            if outer in self._watched:
                self._watched[outer].vitals.breaker.abandoned()
        watched = self._watched.get(agents[0])
        if watched is None:
            return
        vitals = watched.vitals
        meter = vitals.meter
        meter.errors += 1
        seconds = dispatcher.now() - since
        meter.latency.add(seconds)
        meter.last_error = describe(AgentTimeout(vitals.name, seconds))
        self._left_behind(watched, "ignores its cancellation and was left behind")
        task.add_done_callback(lambda _: self.came_back(vitals.name))
        if dispatcher.closing:
            vitals.breaker.abandoned()
        else:
            vitals.shaky = True
            vitals.breaker.failed()
            vitals.clear = dispatcher.is_clear(vitals)

    def stuck(self, agent: str) -> None:
        """A plain handler whose time was up has still not left its thread."""
        watched = self._watched.get(agent)
        if watched is not None:
            self._left_behind(watched, "does not return and was left behind in its thread")
            works = watched.vitals.breaker.failures == 0
            if works and watched.since and not watched.vitals.stopped:
                self._recovered(watched, "it has worked since")

    def came_back(self, agent: str) -> None:
        """A handler that was left behind has ended after all."""
        watched = self._watched.get(agent)
        if watched is not None:
            watched.left_behind -= 1

    def resumed(self, vitals: Vitals, reason: str = "it was resumed") -> None:
        """Let a stopped agent begin afresh, with a closed breaker and nothing counted."""
        if vitals.stopped:
            vitals.stopped = ""
            vitals.shaky = False
            vitals.breaker.reset()
            self._recovered(self._watched[vitals.name], reason)

    def _breaker_changed(self, watched: Watched, before: BreakerState) -> None:
        breaker = watched.vitals.breaker
        if watched.vitals.stopped:
            return
        if breaker.state is BreakerState.CLOSED:
            if watched.since:
                closed = before is not BreakerState.CLOSED
                self._recovered(watched, "its breaker has closed" if closed else "a run succeeded")
            else:
                watched.clear()
        elif before is BreakerState.CLOSED:
            count = breaker.failures
            self._failed(
                watched, f"its breaker is open after {count} failure{'s' * (count != 1)} in a row"
            )
        elif self._one_too_many(watched):
            self._stop(
                watched, f"it has failed {len(watched.restarts)} trials after its breaker opened"
            )

    def _left_behind(self, watched: Watched, how: str) -> None:
        """Count a handler that was left behind."""
        dispatcher, vitals = self._dispatcher, watched.vitals
        limit = self._limit()
        now = dispatcher.now()
        vitals.meter.abandoned += 1
        watched.left_behind += 1
        # Those that ran side by side are left behind together, and are one.
        if not watched.unanswered or limit is None or now - watched.left_at >= limit.apart:
            watched.unanswered += 1
            watched.left_at = now
        if dispatcher.closing or vitals.stopped:
            dispatcher.telemetry.log("error", "engine", f"agent {vitals.name!r} {how}")
        elif limit is not None and watched.unanswered > limit.max_restarts:
            self._stop(watched, f"its handler {how}, {watched.unanswered} times in a row")
        elif limit is not None and watched.left_behind > MOST_LEFT_BEHIND:
            self._stop(watched, f"{watched.left_behind} of its handlers have never ended")
        else:
            self._failed(watched, f"its handler {how}", "error")

    def _limit(self) -> RestartIntensity | None:
        settings = self._dispatcher.plan.config.supervision
        if not settings.enabled:
            return None
        return RestartIntensity(settings.max_restarts, settings.period)

    def _one_too_many(self, watched: Watched) -> bool:
        limit = self._limit()
        if limit is None or watched.vitals.stopped:
            return False
        cool_down = watched.vitals.breaker.policy.cool_down
        return watched.restarts.failed(self._dispatcher.now(), limit, cool_down)

    # -- what is said -------------------------------------------------------------------

    def _stop(self, watched: Watched, reason: str) -> None:
        """Hold the agent's events from now on, until somebody resumes it."""
        dispatcher, vitals = self._dispatcher, watched.vitals
        vitals.stopped = reason
        vitals.paused = True
        vitals.clear = False
        dispatcher.any_paused = True
        dispatcher.look_express()
        self._failed(watched, reason, "error")

    def _failed(self, watched: Watched, reason: str, level: str = "warning") -> None:
        watched.reason = reason
        watched.since = watched.since or self._dispatcher.clock.time()
        vitals = watched.vitals
        data = {
            "agent": vitals.name,
            "reason": reason,
            "stopped": bool(vitals.stopped),
            "since": _text(watched.since),
            "failures": vitals.breaker.failures,
        }
        # What waits now may be over a moment later: an open breaker fails it at once.
        self._soon(self._say_failed, vitals, level, data, self.affected(vitals.name))

    def _say_failed(
        self, vitals: Vitals, level: str, data: dict[str, Any], affected: Affected
    ) -> None:
        name, reason, stopped = vitals.name, data["reason"], data["stopped"]
        error = vitals.meter.last_error
        text = f"agent {name!r} {'is stopped' if stopped else 'has failed'}: {reason}"
        if error:
            text += f" (last error: {error})"
        if stopped:
            text += "; its events are held until it is resumed"
        text += f"; sessions affected: {'' if affected.complete else 'at least '}{affected.total}"
        self._dispatcher.telemetry.log(level, "engine", text)
        self._publish(
            FAILED,
            **data,
            last_error=error,
            sessions=affected.sessions,
            sessions_affected=affected.total,
            sessions_complete=affected.complete,
        )

    def _recovered(self, watched: Watched, reason: str) -> None:
        since = watched.since
        watched.clear()
        self._soon(self._say_recovered, watched.vitals.name, reason, since)

    def _say_recovered(self, name: str, reason: str, since: float) -> None:
        seconds = max(0.0, self._dispatcher.clock.time() - since)
        self._dispatcher.telemetry.log(
            "info", "engine", f"agent {name!r} has recovered after {seconds:.0f} s: {reason}"
        )
        self._publish(RECOVERED, agent=name, reason=reason, since=_text(since), seconds=seconds)

    def _soon(self, say: Any, *arguments: Any) -> None:
        """Say it when the run that is going on has been brought to its end.

        In a context of its own: who hears of it is not the handler that failed.
        """
        asyncio.get_running_loop().call_soon(partial(say, *arguments), context=Context())

    def _publish(self, target: str, **data: Any) -> None:
        publish = self._dispatcher.publish
        if publish is not None:
            publish(Event(target, data, source="engine"))


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
