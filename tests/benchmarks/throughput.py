"""Throughput of each mode against the least code that could do the same.

The bare side is an asyncio.Queue of the same size with one producer and one consumer
that awaits the same handlers with one shared state: no ids beyond the event's own, no
order, no limits, no trace, no counts. Both sides make their events as they go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from measure import Row, Run, compare

from agentflow import CallbackArgs, Config, Event, HookPoint, Runner, State

QUEUE_SIZE = 1000
LOOPS = 5

Step = Callable[[Event, State], Awaitable[object]]


async def handler(event: Event, state: State) -> State:
    """Does nothing, so that all that is measured is the way there and back."""
    return state


def no_op(args: CallbackArgs) -> None:
    """A callback that only costs its call."""


def in_turn(times: int) -> Step:
    """The handler, so many times one after the other."""

    async def step(event: Event, state: State) -> None:
        for _ in range(times):
            await handler(event, state)

    return step


async def together(event: Event, state: State) -> None:
    """The handler three times, by asyncio.gather."""
    await asyncio.gather(handler(event, state), handler(event, state), handler(event, state))


@dataclass(frozen=True)
class Mode:
    """A mode as the engine is told it, the bare code that does the same, and the goal."""

    name: str
    orchestration: str
    bare: Step
    goal: float


MODES = (
    Mode("route", 'mode = "route"', handler, 0.30),
    Mode(
        "collaborative of 3",
        'mode = "collaborative"\ncollaborative_agents = ["a", "b", "c"]',
        together,
        1.0,
    ),
    Mode(
        "sequential of 4",
        'mode = "sequential"\nsequential_agents = ["a", "b", "c", "d"]',
        in_turn(4),
        0.20,
    ),
    Mode(
        f"loop of {LOOPS}",
        f'mode = "loop"\nloop_agent = "a"\nmax_iterations = {LOOPS}',
        in_turn(LOOPS),
        0.20,
    ),
)


def bare(step: Step) -> Run:
    """A bare queue loop that awaits ``step`` for each event."""

    async def run(events: int) -> None:
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_SIZE)
        state = State()

        async def consume() -> None:
            for _ in range(events):
                event = await queue.get()
                await step(event, state)

        consumer = asyncio.create_task(consume())
        for number in range(events):
            await queue.put(Event("a", {"number": number}))
        await consumer

    return run


def engine(runner: Runner) -> Run:
    """The engine from emit to idle."""

    async def run(events: int) -> None:
        for number in range(events):
            await runner.emit(Event("a", {"number": number}))
        await runner.join()

    return run


def runner_for(orchestration: str, *, hooks: bool) -> Runner:
    """A runner with agents a to d; ``hooks`` hangs a callback on each point."""
    agents = "".join(f"[agents.{name}]\n" for name in "abcd")
    runner = Runner(Config.from_toml(f"[orchestration]\n{orchestration}\n{agents}"))
    for name in "abcd":
        runner.register_agent(name, handler)
    if hooks:
        for point in HookPoint:
            if point is not HookPoint.ALL:
                runner.register_callback(point, "no-op", no_op)
    return runner


async def measure_modes(events: int, rounds: int) -> list[Row]:
    """Each mode without and with a callback on every hook point; trace and metrics are on."""
    rows = []
    for mode in MODES:
        for hooks in (False, True):
            name = f"{mode.name}, with callbacks" if hooks else mode.name
            async with runner_for(mode.orchestration, hooks=hooks) as runner:
                ours, other = engine(runner), bare(mode.bare)
                rows.append(await compare(name, ours, other, events, rounds, mode.goal))
                counts = runner.counts()
                if counts.succeeded != counts.accepted:
                    raise RuntimeError(f"{name}: not everything succeeded: {counts}")
    return rows


async def measure_many_agents(events: int, rounds: int, many: int = 10_000) -> Row:
    """10,000 registered agents against 10, the events going to all of them in turn."""
    runs = []
    runners = []
    for size in (many, 10):
        runner = Runner()
        names = [f"agent-{number}" for number in range(size)]
        for name in names:
            runner.register_agent(name, handler)
        await runner.start()
        runners.append(runner)
        runs.append(_to_all(runner, names))
    row = await compare(f"{many:,} agents against 10", runs[0], runs[1], events, rounds, 0.9)
    for runner in runners:
        await runner.stop()
    return row


def _to_all(runner: Runner, names: list[str]) -> Run:
    async def run(events: int) -> None:
        for number in range(events):
            await runner.emit(Event(names[number % len(names)], {"number": number}))
        await runner.join()

    return run
