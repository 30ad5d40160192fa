"""Preview: what a change of the configuration would do to what is there, without doing it.

The questions are put to a plan that is only sketched, by the very functions that the
dispatcher asks: so what is said here is what happens then. A deep backlog is looked at in
samples for a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from agentflow.config import Config
from agentflow.config.difference import diff
from agentflow.telemetry.planned import (
    DIES,
    FINISHES,
    OTHER_AGENTS,
    OTHER_MODE,
    RELEASED,
    Preview,
    Touch,
)
from agentflow.telemetry.snapshot import Counts, ProblemRow

if TYPE_CHECKING:
    from agentflow.engine.backlog import Queued
    from agentflow.engine.execution import Execution
    from agentflow.engine.plan import Plan
    from agentflow.engine.runner import Runner
    from agentflow.event import Event

FEW = 2_000
"""So many events are all looked at."""

SAMPLE = 2_000
"""The most that are picked when there are more."""

LEAST = 200
"""So many are looked at however long it takes."""

BUDGET = 0.010
"""Seconds after which no more are looked at."""

EXAMPLES = 3
_Key: TypeAlias = tuple[str, str, str]
"""What happens to an event, where it is now, and both in words."""


class _Found(NamedTuple):
    """What happens to an event; ``weight`` is how many it stands for, as a share of others."""

    key: _Key | None
    execution: Execution
    weight: float = 1.0


_ORDER = (DIES, OTHER_MODE, OTHER_AGENTS, RELEASED, FINISHES)


class Fate(NamedTuple):
    """How an event would run: the mode, who takes part, and the agent that is not there."""

    mode: str
    agents: tuple[str, ...]
    missing: str | None


def fate(plan: Plan, event: Event) -> Fate:
    """What ``plan`` would do with an event that has not begun."""
    choice = plan.pick(event)
    mode, metadata = choice.mode, event.metadata
    if event.steered and (metadata.get("system") == "true" or metadata.get("broadcast") == "true"):
        system = metadata.get("system") == "true"
        missing = event.route if system and event.route not in plan.agents else None
        return Fate("route", (event.route,) if system else (), missing)
    if mode == "route":
        agents: tuple[str, ...] = (plan.target_of(event),)
    elif mode == "loop":
        agents = (plan.loop_agent or plan.looping(event),)
    else:
        parallel = plan.parallel if mode != "sequential" else ()
        agents = (*parallel, "", *(plan.pipeline if mode != "collaborative" else ()))
    target = event.route
    if mode != "route" and target and target not in plan.agents:
        return Fate(mode, agents, target)
    return Fate(mode, agents, _missing(plan, mode, agents))


def _missing(plan: Plan, mode: str, agents: tuple[str, ...]) -> str | None:
    """The agent for want of which an event is sure to fail, if there is one."""
    if mode in ("route", "loop"):
        return agents[0] if agents[0] not in plan.agents else None
    if mode != "sequential":
        gone = [name for name in plan.parallel if name not in plan.agents]
        if gone and len(gone) >= min(plan.failure_threshold, 1.0) * len(plan.parallel):
            return gone[0]
    if mode != "collaborative":
        return next((name for name in plan.pipeline if name not in plan.agents), None)
    return None


def preview(runner: Runner, config: Config) -> Preview:
    """What would come of applying ``config`` to everything."""
    then = runner.registered.sketch(config)
    loads = [
        f"{name}: {settings.handler}"
        for name, settings in config.agents.items()
        if settings.enabled
        and settings.handler
        and runner.registered.knows(name) is None
        and runner.registered.loaded(name, settings.handler) is None
    ]
    canary = runner.dispatcher.canary
    words = ""
    if canary is not None:
        words = f"ends the canary v{canary.plan.version}: this is for all sessions then"
    return _compare(runner, then, config, runner.next_number(), loads, words)


def preview_of_end(runner: Runner, *, promote: bool) -> Preview:
    """What would come of promoting the canary, or of ending it. Raises ValueError if none runs."""
    canary = runner.dispatcher.canary
    if canary is None:
        raise ValueError("nothing is being tried out")
    plan = canary.plan if promote else runner.plan
    words = (
        f"v{plan.version} is for all sessions then"
        if promote
        else f"v{canary.plan.version} ends, v{plan.version} is for all sessions again"
    )
    return _compare(runner, plan, plan.config, plan.version, [], words)


def _compare(
    runner: Runner, then: Plan, config: Config, number: int, loads: list[str], canary: str
) -> Preview:
    now = runner.plan
    old, new = runner.agents, then.agents
    touches, untouched = _touches(runner, then)
    open_sessions = runner.dispatcher.backlog.sessions
    ended = {execution.event.session_id for execution in runner.telemetry.settled.items}
    return Preview(
        version=runner.version,
        next=number,
        differences=[str(difference) for difference in diff(runner.config, config)],
        before=in_one_line(now),
        after=in_one_line(then),
        appear=[name for name in new if name not in old],
        disappear=[name for name in old if name not in new],
        change=[
            name
            for name in new
            if name in old and config.agents.get(name) != runner.config.agents.get(name)
        ],
        touches=touches,
        untouched=untouched,
        counts=Counts(*runner.counts()),
        sessions=len(open_sessions) + sum(session not in open_sessions for session in ended),
        loads=loads,
        problems=[
            ProblemRow(p.path, p.line, p.column, p.key, p.message, p.suggestion, p.severity)
            for p in config.problems
        ],
        canary=canary,
        ask_why=asks_why(runner.config),
    )


def asks_why(config: Config) -> bool:
    """Whether operators are to be asked for a reason."""
    return config.console.ask_why


def in_one_line(plan: Plan) -> str:
    """How a plan runs events: ``mixed: (a ∥ b) → c → d``."""
    parallel, pipeline = " ∥ ".join(_few(plan.parallel)), " → ".join(_few(plan.pipeline))
    shape = {
        "route": f"to the agent that it names, of {len(plan.agents)}",
        "collaborative": parallel,
        "sequential": pipeline,
        "loop": f"{plan.loop_agent or 'the agent that it names'}, at most {plan.max_iterations}×",
        "mixed": f"({parallel}) → {pipeline}",
    }[plan.mode]
    rules = f", {len(plan.config.orchestration.rules)} rules" if plan.has_rules else ""
    return f"{plan.mode}: {shape}{rules}"


def _few(names: list[str]) -> list[str]:
    return names if len(names) <= 12 else [*names[:11], f"{len(names) - 11} more"]


# -- which events are touched, and how ----------------------------------------------------------


class _Tally:
    """Counts what happens to events, with a few examples of each."""

    def __init__(self) -> None:
        self._counts: dict[_Key, float] = {}
        self._examples: dict[_Key, list[str]] = {}
        self.same = 0.0
        self.exact = True

    def add(self, found: Sequence[_Found], total: int) -> None:
        """Count what was found out about some events, which stand for ``total``."""
        weight = sum(one.weight for one in found)
        scale = total / weight if weight else 1.0
        self.exact = self.exact and len(found) == total
        for key, execution, own in found:
            if key is None:
                self.same += own * scale
                continue
            self._counts[key] = self._counts.get(key, 0.0) + own * scale
            examples = self._examples.setdefault(key, [])
            if len(examples) < EXAMPLES:
                examples.append(_example(execution))

    def touches(self) -> list[Touch]:
        """What was counted, the worst first."""
        found = [
            Touch(kind, state, max(1, round(count)), self.exact, words,
                  self._examples[kind, state, words])
            for (kind, state, words), count in self._counts.items()
        ]  # fmt: skip
        return sorted(found, key=lambda touch: (_ORDER.index(touch.kind), -touch.count))


def _example(execution: Execution) -> str:
    target = execution.event.route
    return f"#{execution.seq} → {target}" if target else f"#{execution.seq}"


def _touches(runner: Runner, then: Plan) -> tuple[list[Touch], int]:
    """What happens to the open events, and how many run as they would have."""
    dispatcher = runner.dispatcher
    backlog, tally = dispatcher.backlog, _Tally()
    chance = Random(0)  # the same answer when nothing has changed in the meantime
    ends = perf_counter() + BUDGET
    # A worker that is idle may still know an event that was set aside or is queued again.
    started = [one for one in dispatcher.started().values() if one.started or one.work is not None]
    tally.add([_Found(_finishing(then, one), one) for one in started], len(started))
    behind: list[_Found] = [
        found
        for one in started
        for found in _behind(runner, then, one, one.status == "held", 1.0, chance)
    ]
    unread = sum(backlog.unread or ())
    left = dispatcher.waiting() - sum(map(len, backlog.lines)) - unread
    aside = [vitals.held for vitals in dispatcher.holding]
    # What has not been read yet is like what has been.
    both: list[tuple[Sequence[Sequence[Queued]], bool, int]] = [
        (aside, True, 0), (backlog.lines, dispatcher.paused, unread),
    ]  # fmt: skip
    for lines, held, more in both:
        total = sum(map(len, lines)) + more
        found: list[_Found] = []
        followers: list[_Found] = []
        for execution in map(backlog.made, _pick(lines, total, chance)):
            found.append(_Found(_touch(runner, then, execution, held), execution))
            followers += _behind(runner, then, execution, held, 1.0, chance)
            if len(found) >= LEAST and len(found) % 32 == 0 and perf_counter() > ends:
                break
        tally.add(found, total)
        each = total / len(found) if found else 1.0
        behind += [one._replace(weight=one.weight * each) for one in followers]
    tally.add(behind, left)
    return tally.touches(), round(tally.same)


def _pick(lines: Sequence[Sequence[Queued]], total: int, chance: Random) -> Iterator[Queued]:
    """All of what is in these lines; of very much, some by chance.

    Going through a million of them would take longer than a screen may wait, for the
    memory alone that is looked at on the way.
    """
    if total <= FEW:
        for line in lines:
            yield from list(line)
        return
    weights = [len(line) for line in lines]
    if not any(weights):
        return
    for line in chance.choices(lines, weights, k=SAMPLE):
        yield line[chance.randrange(len(line))]


def _behind(
    runner: Runner, then: Plan, head: Execution, held: bool, weight: float, chance: Random
) -> list[_Found]:
    """Those that wait behind ``head`` in its session; of many, some stand for all."""
    dispatcher = runner.dispatcher
    waiting = dispatcher.backlog.sessions.get(head.event.session_id)
    if not waiting or head.nested:
        return []
    held = held or dispatcher.paused
    made = dispatcher.backlog.made
    if dispatcher.waiting() <= FEW:
        return [_Found(_touch(runner, then, one, held), one) for one in map(made, list(waiting))]
    picked = [made(waiting[chance.randrange(len(waiting))]) for _ in range(min(len(waiting), 3))]
    each = weight * len(waiting) / len(picked)
    return [_Found(_touch(runner, then, one, held), one, each) for one in picked]


def _touch(runner: Runner, then: Plan, execution: Execution, held: bool) -> _Key | None:
    """What happens to an event that has not begun; None if that is what would have anyway."""
    event = execution.event
    state = "held" if held else "queued"
    before = fate(runner.dispatcher.plan_for(event.session_id), event)
    after = fate(then, event)
    if after.missing is not None:
        if before.missing == after.missing and before.mode == after.mode:
            return None
        name = after.missing
        why = f"ask for {name}, which is not there" if name else "name no agent"
        return DIES, state, f"{why}: dead letters, AgentNotFound"
    if before.mode != after.mode:
        return OTHER_MODE, state, f"run as {after.mode}, not as {before.mode}"
    if before.agents != after.agents or before.missing is not None:
        return OTHER_AGENTS, state, f"run as {after.mode} through other agents"
    return None


def _finishing(then: Plan, execution: Execution) -> _Key:
    """What happens to an event that has begun."""
    if execution.status == "held" and execution.at not in then.agents:
        return RELEASED, "held", f"wait for {execution.at}, which goes: they go on at once"
    state = "held" if execution.status == "held" else "running"
    return FINISHES, state, f"finish under v{execution.version}"
