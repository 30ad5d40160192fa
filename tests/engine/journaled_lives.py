"""Whole lives of runners with a journal, which die now and then without a word.

A death is a copy of the journal's files at that moment, which the next runner opens, while
the one before it is silenced: no task and no timer of it goes on.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from agentflow import AgentFlowError, Config, Event, Runner
from agentflow.engine.execution import Execution
from agentflow.journal import Journal
from agentflow.journal.codec import id_in
from agentflow.journal.reading import open_for_reading

from .lives import Life

MORTAL = ("die", "die", "die", "again", "again")


class JournaledLife(Life):
    """A life that goes on in the next runner, with all that was accepted and had not ended."""

    deeds = Life.deeds + MORTAL

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed)
        self.folder = folder
        self.sent: list[Event] = []
        self.fresh: list[tuple[str, bool]] = []
        """Ids of what has ended and is perhaps not on disk yet, and whether it is dead."""
        self.nested: set[str] = set()
        """What ran inside another event: it has no place in the journal, but for its death."""
        self.on_disk: set[str] = set()
        self.dead_on_disk: set[str] = set()
        self.behind: set[str] = set()
        """Events whose end was on disk when a runner died: they must never be seen again."""
        self.buried: set[str] = set()
        """Those of them that are dead letters."""

    def make(self, configuration: Config) -> Runner:
        runner = super().make(configuration)
        self.home().mkdir(exist_ok=True)
        runner.journal = Journal(
            self.home() / "journal.db",
            durability="none",
            inline=True,
            page=(1, 2, 5, 20_000)[self.seed % 4],
        )
        return runner

    def home(self) -> Path:
        """Where the runner of now keeps its journal."""
        return self.folder / f"life-{self.generation}"

    # -- what must hold -------------------------------------------------------------------

    def note_ends(self) -> None:
        super().note_ends()
        journal = self.runner.journal
        assert journal is not None
        if self.runner.status == "running" and not journal._writer.pending:
            self.on_disk.update(id for id, _ in self.fresh)
            self.dead_on_disk.update(id for id, dead in self.fresh if dead)
            self.fresh.clear()

    def has_ended(self, execution: Execution) -> None:
        super().has_ended(execution)
        if execution.nested:
            self.nested.add(execution.event.id)
        self.fresh.append((execution.event.id, bool(execution.error)))

    def look_closely(self) -> None:
        if self.runner.dispatcher.backlog.unread is not None:
            return
        known = [execution.event.id for execution in self.runner.executions()]
        assert len(known) == len(set(known))
        assert not self.behind.intersection(known), "what had ended is back"
        assert self.accepted <= self.behind.union(known), "an accepted event is lost"
        dead = {letter.event.id for letter in self.runner.dead_letters}
        assert self.buried <= dead | self.dropped, "a dead letter is lost"

    # -- what is done to it ---------------------------------------------------------------

    async def do(self, deed: str) -> None:
        if deed == "die":
            await self.die()
        elif deed == "again":
            await self.send_again()
        await super().do(deed)

    async def emit(self) -> Event | None:
        event = await super().emit()
        if event is not None:
            self.sent.append(event)
        return event

    async def send_again(self) -> None:
        """A sender that is not sure whether an event has arrived sends it once more."""
        if self.sent:
            event = self.rng.choice(self.sent)
            try:
                assert await self.runner.emit(event) == event.id
            except AgentFlowError as refused:
                self.log.append(type(refused).__name__)

    async def die(self) -> None:
        """The process is gone from one moment to the next; another one takes its place."""
        self.note_ends()
        old, here = self.runner, self.home()
        self.generation += 1
        shutil.copytree(here, self.home(), ignore=shutil.ignore_patterns("*.lock"))
        self.silence(old)
        self.behind |= self.on_disk
        self.buried |= self.dead_on_disk
        self.ended = set(self.behind)
        self.looked = 0
        perhaps, self.fresh = self.fresh, []
        self.runner = self.make(old.config)
        await self.runner.start()
        back = {execution.event.id for execution in self.runner.executions()}
        with open_for_reading(self.home() / "journal.db") as reader:
            back.update(id_in(stored.body) for stored in reader.open_events())
        for id, dead in perhaps:
            if id not in back:
                self.behind.add(id)
                self.ended.add(id)
                # The end and the dead letter of an event go to the disk in one piece.
                if dead and id not in self.nested:
                    self.buried.add(id)
        found = self.runner.recovered
        assert found is not None
        assert not found.damage
        self.log.append(
            f"after death {self.generation}: queued {found.queued}, again {found.redelivered}, "
            f"retrying {found.retrying}, buried {found.buried}, dead {found.dead}"
        )

    def silence(self, old: Runner) -> None:
        """Nothing of a dead runner goes on."""
        dispatcher = old.dispatcher
        dispatcher.closing = True
        dispatcher.intake = None
        dispatcher.guards.close()
        old.heartbeat.stop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in sorted(tasks, key=lambda task: int(task.get_name().rpartition("-")[2])):
            task.cancel()  # in the order in which they were made
        self.asked.clear()
        assert old.journal is not None
        old.journal.close()
