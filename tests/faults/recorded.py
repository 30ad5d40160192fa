"""A run whose disk is recorded: started by the tests as a program of its own, under the shim.

It marks what it knows when it knows it:

    T id target   it is about to be emitted
    A id          emit has returned: accepted
    E id          its last run is about to end: from now on it may be settled
    S id          its outcome came, and a flush after that: settled
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path
from zlib import crc32

from agentflow import Config, Context, Event, JournalError, Runner, State
from agentflow.journal import Journal

from .marks import mark

CONFIG = """
[runtime]
queue_size = 10000
max_concurrent_events = 40
[error_routing.retry]
max_retries = 1
base_delay_ms = 2
[error_routing.circuit_breaker]
failure_threshold = 1000000
[journal]
max_deliveries = 1000000
"""
PRODUCERS = 12


def text_of(chance: random.Random) -> str:
    """Some text; now and then more than a page of it."""
    size = chance.choice([10, 60, 60, 200, 900, 900, 9_000 if chance.random() < 0.1 else 60])
    return "".join(chance.choices("abcdefghijklmnop", k=8)) * (size // 8)


def checked(text: str) -> dict[str, object]:
    """Data that can be told from damaged data."""
    return {"text": text, "sum": crc32(text.encode())}


class Run:
    """The runner, and what its producers emit.

    With ``dies`` the process ends in the middle of it, without a word.
    """

    def __init__(
        self, folder: Path, seed: int, events: int, durability: str, limit: int, dies: bool
    ) -> None:
        self.chance = random.Random(seed)
        journal = Journal(
            folder / "state" / "journal.db", durability=durability, max_bytes=limit or 1 << 30
        )
        self.dies_at = self.chance.randint(1, events) if dies else -1
        self.runner = Runner(Config.from_toml(CONFIG, environ={}), journal=journal)
        self.left = events
        for name in ("works", "causes", "fails", "child"):
            self.runner.register_agent(name, getattr(self, name))

    async def works(self, event: Event, state: State) -> dict[str, int]:
        await asyncio.sleep(self.chance.random() * 0.01)
        mark(f"E {event.id}")
        return {"done": 1}

    async def child(self, event: Event, state: State) -> None:
        await asyncio.sleep(self.chance.random() * 0.005)
        mark(f"E {event.id}")

    async def causes(self, event: Event, state: State) -> State:
        await asyncio.sleep(self.chance.random() * 0.005)
        state.meta["route"] = "child"
        mark(f"E {event.id}")
        return state

    async def fails(self, event: Event, state: State, context: Context) -> None:
        if context.attempt > 1:
            mark(f"E {event.id}")
        raise ConnectionError("down")

    async def produce(self) -> None:
        """Emit, or ask and wait, until enough has been said or the disk has failed."""
        chance = self.chance
        while self.left > 0:
            self.left -= 1
            if self.left == self.dies_at:
                os._exit(0)
            target = chance.choice(["works"] * 6 + ["causes"] * 3 + ["fails"])
            session = f"session {chance.randrange(40)}" if chance.random() < 0.5 else ""
            event = Event(target, checked(text_of(chance)), session_id=session)
            mark(f"T {event.id} {target}")
            try:
                if chance.random() < 0.4:
                    await self.runner.request(event)
                    mark(f"A {event.id}")
                    await self.runner.flush()
                    mark(f"S {event.id}")
                else:
                    await self.runner.emit(event)
                    mark(f"A {event.id}")
            except JournalError:
                return
            if chance.random() < 0.3:
                await asyncio.sleep(chance.random() * 0.02)

    async def run(self) -> None:
        """From start to stop."""
        await self.runner.start()
        await asyncio.gather(*(self.produce() for _ in range(PRODUCERS)))
        await self.runner.stop(timeout=5)
        mark("end")


def main() -> None:
    """``python -m faults.recorded FOLDER SEED EVENTS DURABILITY LIMIT dies|ends``"""
    folder, seed, events, durability, limit, how = sys.argv[1:]
    run = Run(Path(folder), int(seed), int(events), durability, int(limit), how == "dies")
    asyncio.run(run.run())


if __name__ == "__main__":
    main()
