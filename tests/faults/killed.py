"""Kill a runner with a journal again and again: ``python -m faults.killed FOLDER SEED KILLS``.

A warm process forks one that runs the runner, kills it at a random moment and forks the
next one on the same journal, until at last one may finish. What happened is told through a
pipe, which outlives the process. Prints what it found as JSON.

    T id          about to be emitted        A id          emit has returned
    R key n id    attempt n begins           X id          its effect is there
    S id          its outcome came, and a flush after that
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import select
import signal
import sqlite3
import sys
import time
import traceback
from collections import Counter, defaultdict
from pathlib import Path

from agentflow import Config, Context, Event, InvalidEvent, Runner, State
from agentflow.journal import Journal
from agentflow.journal.codec import decode

CONFIG = """
[runtime]
max_concurrent_events = 16
queue_size = 100000
drain_timeout = 20
[error_routing.retry]
max_retries = 1
base_delay_ms = 3
[error_routing.circuit_breaker]
failure_threshold = 1000000
[journal]
max_deliveries = 1000000
"""
EVENTS = 15
"""New events in each life of the runner."""
_CAUSED = {"routes": 1, "emits": 2}
TARGETS = (
    ["appends"] * 4
    + ["inserts"] * 4
    + ["routes"] * 2
    + ["emits"] * 2
    + ["asks"] * 2
    + ["later"]
    + ["fails"]
)


class Life:
    """One process with the runner: from the journal's recovery to the kill, or to the end."""

    def __init__(self, folder: Path, pipe: int, seed: int, again: list[Event], last: bool) -> None:
        self._pipe = pipe
        self._chance = random.Random(seed)
        self._again = again
        self._last = last
        self._effects = os.open(folder / "effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._db = sqlite3.connect(folder / "effects.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")  # a kill is no power cut
        self._db.execute("CREATE TABLE IF NOT EXISTS effects(key PRIMARY KEY, about)")
        journal = Journal(folder / "state" / "journal.db")
        self.runner = Runner(_config, journal=journal)
        for name in ("appends", "inserts", "routes", "emits", "asks", "later", "fails"):
            self.runner.register_agent(name, getattr(self, name))

    def say(self, *words: object) -> None:
        """One line into the pipe, all or nothing."""
        os.write(self._pipe, (" ".join(map(str, words)) + "\n").encode())

    async def begin(self, event: Event, context: Context) -> None:
        self.say("R", context.idempotency_key, context.attempt, event.id)
        if self._chance.random() < 0.5:
            await asyncio.sleep(self._chance.random() * 0.004)

    async def appends(self, event: Event, state: State, context: Context) -> None:
        """An effect that can't be told apart: it may come twice, with another attempt."""
        await self.begin(event, context)
        os.write(self._effects, f"{event.data.get('about', event.id)} {event.id}\n".encode())
        self.say("X", event.id)

    async def inserts(self, event: Event, state: State, context: Context) -> None:
        """An effect under the idempotency key."""
        await self.begin(event, context)
        about = event.data.get("about", event.id)
        self._db.execute(
            "INSERT OR IGNORE INTO effects VALUES (?, ?)", (context.idempotency_key, about)
        )
        self.say("X", event.id)
        if self._chance.random() < 0.5:
            await asyncio.sleep(self._chance.random() * 0.002)

    async def routes(self, event: Event, state: State, context: Context) -> State:
        """Another event comes of its end: exactly one."""
        await self.begin(event, context)
        self.say("X", event.id)
        state["about"] = event.id
        state.meta["route"] = "appends"
        return state

    async def emits(self, event: Event, state: State, context: Context) -> None:
        """Two other events come of its run: exactly two, however often it runs."""
        await self.begin(event, context)
        for _ in range(2):
            await context.emit(event.child("appends", {"about": event.id}))
        if context.attempt == 1 and self._chance.random() < 0.5:
            raise ConnectionError("not yet")
        self.say("X", event.id)

    async def asks(self, event: Event, state: State, context: Context) -> None:
        """Another event as a part of this one; the first attempt fails after it."""
        await self.begin(event, context)
        await context.request(Event("inserts", {"about": event.id}))
        if context.attempt == 1:
            raise ConnectionError("not yet")
        self.say("X", event.id)

    async def later(self, event: Event, state: State, context: Context) -> None:
        """Succeeds with the second attempt, whichever process makes it."""
        await self.begin(event, context)
        if context.attempt == 1:
            raise ConnectionError("not yet")
        self.say("X", event.id)

    async def fails(self, event: Event, state: State, context: Context) -> None:
        """Ends among the dead letters."""
        await self.begin(event, context)
        self.say("X", event.id)
        raise ValueError("no")

    async def run(self) -> None:
        """Recover, emit what the last life may have lost and new ones, work to the end."""
        await self.runner.start()
        recovered = self.runner.recovered
        assert recovered is not None
        assert recovered.damage == [], recovered.damage
        events = list(self._again)
        if not self._last:
            events += [Event(self._chance.choice(TARGETS)) for _ in range(EVENTS)]
        self.say("B", recovered.queued, recovered.redelivered, recovered.retrying)
        async with asyncio.TaskGroup() as group:
            for event in events:
                group.create_task(self.emit(event))
        await self.runner.join()
        await self.runner.stop()
        self.say("Z")

    async def emit(self, event: Event) -> None:
        if self._chance.random() < 0.5:
            await asyncio.sleep(self._chance.random() * 0.01)
        self.say("T", event.id, event.target)
        if self._chance.random() < 0.4:
            result = await self.runner.request(event)
            self.say("A", event.id)
            if isinstance(result.error, InvalidEvent):
                return  # a life before had accepted it: this is not its outcome
            await self.runner.flush()
            self.say("S", event.id)
        else:
            await self.runner.emit(event)
            self.say("A", event.id)


class Story:
    """All lives on one journal, and what they said."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.tried: dict[str, str] = {}
        self.accepted: set[str] = set()
        self.settled: set[str] = set()
        self.effects: set[str] = set()
        self.runs: dict[str, list[int]] = defaultdict(list)
        self.problems: list[str] = []
        self.kills = self.redelivered = self.finished = 0

    def live(self, *, last: bool) -> None:
        """One life, with a kill at a random moment unless it is the last one."""
        out, into = os.pipe()
        again = [
            Event(target, id=id) for id, target in self.tried.items() if id not in self.accepted
        ]
        # Most kills in the thick of it; some during the start, some after the end.
        lines = self.chance.choice([0, *(self.chance.randint(1, most) for most in (30, 200, 200))])
        grace = self.chance.choice([0.0, 0.001, 0.003]) * self.chance.random()
        seed = self.chance.getrandbits(32)
        pid = os.fork()
        if pid == 0:
            try:
                os.close(out)
                asyncio.run(Life(self.folder, into, seed, again, last).run())
                os._exit(0)
            except BaseException:
                (self.folder / "traceback").write_text(traceback.format_exc())
            finally:
                os._exit(1)
        os.close(into)
        if not last:
            self._kill(pid, out, lines, grace)
        text = self._seen + self._rest(out)
        os.close(out)
        _, status = os.waitpid(pid, 0)
        self._take(text.decode())
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            self.problems.append((self.folder / "traceback").read_text())
        self.finished += os.WIFEXITED(status)
        self.kills += os.WIFSIGNALED(status)

    def _kill(self, pid: int, out: int, lines: int, grace: float) -> None:
        self._seen = b""
        end = time.monotonic() + (0.02 * self.chance.random() if lines == 0 else 10)
        while self._seen.count(b"\n") < lines or lines == 0:
            left = end - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                break
            data = os.read(out, 1 << 16)
            if not data:
                break
            self._seen += data
        end = time.monotonic() + grace
        while time.monotonic() < end:
            pass
        os.kill(pid, signal.SIGKILL)

    _seen = b""

    @staticmethod
    def _rest(out: int) -> bytes:
        pieces = []
        while data := os.read(out, 1 << 16):
            pieces.append(data)
        return b"".join(pieces)

    def _take(self, text: str) -> None:
        self._seen = b""
        for line in text.splitlines():
            kind, *words = line.split(" ")
            if kind == "T":
                self.tried[words[0]] = words[1]
            elif kind == "A":
                self.accepted.add(words[0])
            elif kind == "S":
                self.settled.add(words[0])
            elif kind == "X":
                self.effects.add(words[0])
            elif kind == "B":
                self.redelivered += int(words[1])
            elif kind == "R":
                self._ran(words[0], int(words[1]), words[2])

    def _ran(self, key: str, attempt: int, id: str) -> None:
        if id in self.settled:
            self.problems.append(f"{key} was settled and ran again (attempt {attempt})")
        before = self.runs[key]
        nested = key.count("/") > 1  # its parent's attempts are counted, not its own
        if before and attempt <= before[-1] and not nested:
            self.problems.append(f"{key} ran with attempts {before} and then {attempt}")
        before.append(attempt)

    def check(self) -> None:
        """After the last life: everything has ended as it should have."""
        journal = Journal(self.folder / "state" / "journal.db")
        recovery = journal.open(time.time())
        journal.close()
        dead = Counter(decode(letter.event).id for letter in recovery.dead)
        db = sqlite3.connect(self.folder / "effects.db")
        inserted = Counter(about for (about,) in db.execute("SELECT about FROM effects"))
        db.close()
        children: dict[str, set[str]] = defaultdict(set)
        for line in (self.folder / "effects").read_text().splitlines():
            about, id = line.split(" ")
            children[about].add(id)
        say = self.problems.append
        if recovery.open or not recovery.clean:
            say(f"{len(recovery.open)} open at the end, clean: {recovery.clean}")
        if missing := self.tried.keys() - self.accepted:
            say(f"never accepted: {missing}")
        for id, target in self.tried.items():
            if id not in self.effects:
                say(f"{target} {id} was accepted and lost")
            if (target == "fails") != (dead[id] == 1):
                say(f"{target} {id} has {dead[id]} dead letters")
            if target in ("inserts", "asks") and inserted[id] != 1:
                say(f"{target} {id} has {inserted[id]} effects under its key")
            if target in _CAUSED and len(children[id]) != _CAUSED[target]:
                say(f"{target} {id} caused {len(children[id])} events")


_config = Config.from_toml(CONFIG, environ={})


def main() -> None:
    """Kill so often, let the last one finish, tell what was found."""
    folder, seed, kills = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(exist_ok=True)
    gc.freeze()
    story = Story(folder, seed)
    lives = 0
    while story.kills < kills and len(story.problems) < 10:
        lives += 1
        # Now and then one may live, or the work would only ever grow.
        story.live(last=lives % 20 == 0)
    story.live(last=True)
    story.check()
    again = sum(len(attempts) > 1 for attempts in story.runs.values())
    print(
        json.dumps(
            {
                "kills": story.kills,
                "lives": lives + 1,
                "events": len(story.tried),
                "ran_again": again,
                "redelivered": story.redelivered,
                "problems": story.problems[:20],
            }
        )
    )


if __name__ == "__main__":
    main()
