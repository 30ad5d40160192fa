"""What the engine's tests share: runners on virtual time, and accounts that must add up."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from agentflow import Config, HookPoint, Runner
from agentflow.testing import VirtualClock, VirtualLoop, run_virtual

NO_RETRY = "[orchestration]\nretry_attempts = 0\n"
LANES = ("express", "hooked")
"""With nothing in between, and with a callback at every point: both must keep every promise."""

AsyncTest = Callable[..., Coroutine[Any, Any, None]]


def virtual(test: AsyncTest) -> Callable[..., None]:
    """Run an async test on virtual time; what waits for an hour too long fails."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(lambda: test(*args, **kwargs), patience=3_600)

    return run


def config(text: str = "") -> Config:
    """A configuration that nothing of this machine has a part in."""
    return Config.from_toml(text, environ={})


def make(text: str = "", lane: str = "express", **agents: Any) -> Runner:
    """A runner on virtual time with these agents, its accounts checked in every turn."""
    runner = Runner(config(text), clock=VirtualClock())
    for name, handler in agents.items():
        runner.register_agent(name, handler)
    if lane == "hooked":
        runner.register_callback(HookPoint.ALL, "nothing", lambda args: None)
    unheard: list[str] = []
    loop().set_exception_handler(lambda _, context: unheard.append(repr(context)))

    def check() -> None:
        add_up(runner)
        nobody_is_forgotten(runner)
        assert not unheard, unheard

    loop().each_turn(check)
    return runner


def loop() -> VirtualLoop:
    """The loop that the test runs on."""
    here = asyncio.get_running_loop()
    assert isinstance(here, VirtualLoop)
    return here


def add_up(runner: Runner) -> None:
    """Every accepted event is in exactly one place."""
    counts = runner.counts()
    accepted, *places = counts
    assert accepted == sum(places), counts
    assert min(places) >= 0, counts
    if runner.status == "running":
        open_now = counts.queued + counts.held + counts.running
        unread = sum(runner.dispatcher.backlog.unread or ())
        assert len(runner.dispatcher.live()) + unread == open_now, counts


def nobody_is_forgotten(runner: Runner) -> None:
    """What has a slot has a worker, and what is ready and could have a slot will get one.

    Looked at between two turns of the loop, when every wake-up that was due has been sent.
    """
    dispatcher = runner.dispatcher
    at_work = dispatcher.max_running - dispatcher.wakeable
    assert dispatcher.running <= at_work, (dispatcher.running, at_work)
    if runner.status == "running" and not dispatcher.paused and not dispatcher.closing:
        going_on = sum(
            execution.waits == "queued" and execution not in dispatcher._resumable
            for execution in dispatcher.apart
        )
        if dispatcher.running < dispatcher.max_running:
            coming = at_work - dispatcher.running + going_on
            assert coming or not dispatcher.backlog, "nobody comes for what is ready"
            assert coming or not dispatcher._resumable, "nobody goes on though there is a slot"


async def let_everything_end(runner: Runner) -> None:
    """Resume whatever is paused, or has been stopped in the meantime, until nothing is held."""
    while True:
        runner.resume()
        for name in runner.plan.agents:
            runner.resume(name)
        try:
            await asyncio.wait_for(runner.join(), 60)
        except TimeoutError:
            continue
        if not runner.counts().held:
            return


async def settle() -> None:
    """Let everything happen that takes no time."""
    await asyncio.sleep(0.001)
