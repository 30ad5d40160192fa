"""Probe: one quick look at the engine. The only part of all this that knows it."""

from __future__ import annotations

from itertools import islice
from math import inf
from typing import TYPE_CHECKING

from agentflow.telemetry.health.facts import Facts, Handler, OpenBreaker, Stopped, Stuck
from agentflow.telemetry.health.report import JournalFigures
from agentflow.telemetry.health.resources import memory, memory_limit

if TYPE_CHECKING:
    from agentflow.engine.dispatcher import Dispatcher
    from agentflow.engine.execution import Execution
    from agentflow.engine.guards import Guard
    from agentflow.engine.plan import Plan, PlannedAgent, Vitals
    from agentflow.engine.runner import Runner
    from agentflow.telemetry.metrics import Histogram

SAMPLE = 300
"""Ended events that are looked at, the latest of each second."""

MOST = 500
"""Executions, waiting or running for long, that are looked at each second."""

_LIMITS_FOR = 10  # seconds for which an agent's limit is not worked out again

TIMES_P99 = 10.0
"""How many times the p99 an event or a run may take before it is stuck."""

LEAST = 10.0
"""Seconds that it may take in any case."""

UNKNOWN = 60.0
"""Seconds that it may take while nothing is known of what is usual."""

ENOUGH = 20
"""Ended runs from which on a p99 says something."""

NOTES = 50
"""Notes of an execution that are looked through, the latest."""

DAMAGE_NAMED = 20
"""Sentences about what was found broken in the journal; the log has all of them."""


class Probe:
    """Reads what has to be known off a runner, once a second.

    The lists that it walks are bounded, but for the agents: of those it reads one flag each.
    """

    def __init__(self) -> None:
        self._memory_limit = memory_limit()
        self._plan: Plan | None = None
        self._vitals: list[Vitals] = []
        self._settled = 0
        self._limits: dict[str, float] = {}
        self._looks = 0
        self._last = (0.0, 0, 0)  # monotonic time, commits, committed events

    def look(self, runner: Runner, waiting_for_thread: int) -> Facts:
        """The facts of the second that has gone by."""
        dispatcher, telemetry = runner.dispatcher, runner.telemetry
        now = dispatcher.now()
        facts = Facts(
            now=now,
            time=dispatcher.clock.time(),
            accepted=dispatcher.accepted,
            ended=dispatcher.done,
            dead=dispatcher.dead,
            refused=dispatcher.refused,
            queue_size=dispatcher.queue_size,
            slots=dispatcher.max_running,
            all_paused=dispatcher.paused,
            lag=runner.heartbeat.lag,
            waiting_for_thread=waiting_for_thread,
            memory=memory(),
            memory_limit=self._memory_limit,
            pace=runner.pace,
            version=runner.plan.version,
        )
        if telemetry.points.items:
            point = telemetry.points.items[-1]
            facts.queued, facts.held, facts.running = point.queued, point.held, point.running
            facts.p95 = point.p95 if point.settled else None
        facts.oldest = max(
            (
                now - dispatcher.backlog.made(line[0]).accepted
                for line in dispatcher.backlog.ready
                if line
            ),
            default=0.0,
        )
        self._look_at_ended(facts, runner)
        self._look_at_agents(facts, runner.plan)
        self._look_at_open(facts, runner, now)
        facts.journal = self._look_at_journal(runner, now)
        return facts

    def _look_at_ended(self, facts: Facts, runner: Runner) -> None:
        settled = runner.telemetry.settled
        found, _ = settled.since(self._settled, SAMPLE)
        self._settled = settled.total
        facts.sampled = len(found)
        for execution in found:
            if execution.notes:
                facts.retried += sum(
                    note[0] == "retrying" for note in islice(execution.notes, NOTES)
                )
            if execution.error:
                facts.failing[plain(where(execution))] += 1

    def _look_at_agents(self, facts: Facts, plan: Plan) -> None:
        if plan is not self._plan:
            self._plan = plan
            # At hand: with thousands of agents every step to them is a miss.
            self._vitals = [agent.vitals for agent in plan.agents.values()]
        facts.agents = len(self._vitals)
        hindered = [vitals for vitals in self._vitals if not vitals.clear]
        facts.stopped = [
            Stopped(plain(vitals.name), plain(vitals.stopped, 200))
            for vitals in hindered
            if vitals.stopped
        ]
        facts.paused = [
            plain(vitals.name) for vitals in hindered if vitals.paused and not vitals.stopped
        ]
        facts.breakers = [
            OpenBreaker(plain(vitals.name), breaker.failures, breaker.retry_after())
            for vitals in hindered
            if (breaker := vitals.breaker).state != "closed"
        ]

    def _look_at_open(self, facts: Facts, runner: Runner, now: float) -> None:
        """What has been open, or running, for suspiciously long."""
        dispatcher = runner.dispatcher
        before = now - LEAST
        usual: dict[str, float] = {}
        stuck: dict[int, Stuck] = {}
        handlers: list[Handler] = []
        self._looks += 1
        if self._looks % _LIMITS_FOR == 0:
            self._limits.clear()
        for guard in long_at_work(dispatcher, before)[:MOST]:
            for agent, since, execution in guard.frames():
                if execution is None or execution.waits:
                    continue
                age = now - max(since, waited_until(execution))
                if age > LEAST and age > self._limit(agent, runner.plan):
                    handlers.append(Handler(plain(agent), age, guard.fired))
                self._look_whether_stuck(execution, runner, now, usual, stuck)
        for execution in islice(dispatcher.apart, MOST):
            if execution.started < before:
                self._look_whether_stuck(execution, runner, now, usual, stuck)
        facts.handlers = sorted(handlers, key=lambda handler: -handler.age)
        facts.stuck = sorted(stuck.values(), key=lambda one: -one.age)

    def _limit(self, agent: str, plan: Plan) -> float:
        """Seconds after which a run of the agent is taken for blocked."""
        limit = self._limits.get(agent)
        if limit is None:
            planned = plan.agents.get(agent)
            limit = self._limits[agent] = limit_of(planned) if planned else UNKNOWN
        return limit

    def _look_whether_stuck(
        self,
        execution: Execution,
        runner: Runner,
        now: float,
        usual: dict[str, float],
        stuck: dict[int, Stuck],
    ) -> None:
        if execution.ended or execution.waits in ("held", "retrying") or not execution.started:
            return
        mode = execution.mode
        if mode not in usual:
            meter = runner.telemetry.modes.get(mode)
            usual[mode] = p99(meter.latency) if meter is not None else 0.0
        age = now - max(execution.started, waited_until(execution))
        if age > limit_for(usual[mode]):
            session, agent = plain(execution.event.session_id), plain(where(execution))
            stuck[execution.seq] = Stuck(session, agent, age, usual[mode])

    def _look_at_journal(self, runner: Runner, now: float) -> JournalFigures | None:
        journal = runner.journal
        if journal is None or runner.dispatcher.intake is None:
            return None
        stats = journal.stats()
        before, commits, committed = self._last
        elapsed = now - before if before else 0.0
        self._last = (now, stats.commits, stats.committed)
        return JournalFigures(
            path=plain(stats.path, 1_000),
            durability=stats.durability,
            state=stats.state,
            reason=plain(stats.reason, 500),
            pending=stats.pending,
            commits=max(stats.commits - commits, 0) / elapsed if elapsed else 0.0,
            committed=max(stats.committed - committed, 0) / elapsed if elapsed else 0.0,
            last_commit=stats.commit_seconds,
            ack_p50=stats.ack_p50,
            ack_p99=stats.ack_p99,
            size=stats.bytes + stats.wal_bytes,
            most=journal.max_bytes,
            free=stats.free_bytes,
            damage=[plain(text, 500) for text in self._damage(runner)],
        )

    def _damage(self, runner: Runner) -> list[str]:
        recovered = runner.recovered
        return recovered.damage[:DAMAGE_NAMED] if recovered is not None else []


def long_at_work(dispatcher: Dispatcher, before: float) -> list[Guard]:
    """The tasks in which something has been running since before that moment.

    What waits beside others that run, for its retry or to be resumed, has no time limit
    meanwhile, and is left out by that.
    """
    limited = dispatcher.plan.timeout < inf
    return [
        guard
        for guard in dispatcher.guards
        if guard.agent
        and (guard.below[0].since if guard.below else guard.since) < before
        and (guard.deadline < inf or not limited)
    ]


def waited_until(execution: Execution) -> float:
    """Until when it waited last, for a retry or for a person: that is nobody's running time."""
    for kind, _, _, end, _, _ in islice(reversed(execution.notes or ()), NOTES):
        if kind in ("held", "retrying"):
            return end
    return 0.0


def limit_of(agent: PlannedAgent) -> float:
    """Seconds after which a run of this agent is taken for blocked."""
    limit = limit_for(p99(agent.latency))
    # What its own time limit allows is no surprise, unless others have long shown better.
    return limit if agent.latency.count >= ENOUGH or agent.timeout == inf else agent.timeout


def limit_for(usual: float) -> float:
    """Seconds after which something is stuck whose p99 is ``usual`` (0 for unknown)."""
    return max(usual * TIMES_P99, LEAST) if usual else UNKNOWN


def p99(latency: Histogram) -> float:
    """The p99 in seconds, 0 as long as there is too little to tell."""
    return latency.percentiles(0.99)[0] if latency.count >= ENOUGH else 0.0


def where(execution: Execution) -> str:
    """The agent that an execution is at, or was at last."""
    return execution.at or (execution.runs[-1][0] if execution.runs else execution.event.route)


def plain(text: str, limit: int = 80) -> str:
    """A name as every encoding takes it, and not too long."""
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
