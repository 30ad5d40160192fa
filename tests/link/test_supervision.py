"""Supervision: an engine that dies is started again from its journal, but not for ever."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from agentflow import Config
from agentflow.telemetry.snapshot import Cursor
from agentflow_console.link import engine_connection
from agentflow_console.link.client import ChildLink
from agentflow_console.link.engine_connection import EngineConnection
from agentflow_console.link.intensity import MOST_RESTARTS, RestartIntensity
from agentflow_console.link.protocol import LinkError

from .conftest import Links, Project, Seen

DEADLY = """
import asyncio
import os
import pathlib
import signal

HERE = pathlib.Path(__file__).parent


async def wait(event, state):
    (HERE / "started").touch()
    while not (HERE / "go").exists():
        await asyncio.sleep(0.01)
    with (HERE / "done").open("a") as done:
        done.write(f"{event.data['n']}\\\\n")


async def once(event, state):
    if not (HERE / "died").exists():
        (HERE / "died").touch()
        die(event.data["how"])


def die(how):
    if how == "exit":
        os._exit(0)
    os.kill(os.getpid(), getattr(signal, how))


async def always(event, state):
    os._exit(3)
""".replace("\\\\n", "\\n")


@pytest.fixture
def deadly(project: Project) -> Project:
    """A project of agents that wait, or take the process along."""
    project.handlers.write_text(DEADLY)
    names = ("wait", "once", "always")
    agents = "".join(f'[agents.{name}]\nhandler = "handlers:{name}"\n' for name in names)
    project.config.write_text(
        f'[agent_flow]\nname = "test"\n[runtime]\ndrain_timeout = 20\n{agents}'
    )
    return project


async def until(holds: Callable[[], object]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.01)


class Watching(Seen):
    """Pulls like a screen: an engine that is not there is asked again."""

    async def through(self, holds: Callable[[], object]) -> None:
        """Go on pulling until it holds."""
        async with asyncio.timeout(60):
            while not holds():
                try:
                    self.store.apply(await self.link.pull(self.store.cursor))
                except LinkError:
                    pass
                await asyncio.sleep(0.01)

    def holds_one(self) -> bool:
        """Whether the engine that is there now holds one event."""
        snapshot = self.store.snapshot
        assert isinstance(self.link, ChildLink)
        return snapshot is not None and snapshot.pid == self.link.process and (
            snapshot.counts.held == 1
        )  # fmt: skip

    async def inject_deadly(self, target: str, **data: object) -> None:
        """Emit an event that may take the engine along before it can say that it has it."""
        try:
            await self.inject(target, **data)
        except LinkError:
            pass


async def open_link(
    project: Project, links: Links, restarts: int = MOST_RESTARTS
) -> tuple[ChildLink, Watching]:
    """A running engine."""
    link = links.make(project.options(), intensity=RestartIntensity(restarts))
    await link.start()
    return link, Watching(link)


@pytest.mark.parametrize("how", ["SIGSEGV", "exit"])
async def test_an_engine_that_dies_is_started_again(
    deadly: Project, links: Links, how: str
) -> None:
    """Whatever it dies of: what was accepted is done, once, and the screen gets all of it."""
    link, seen = await open_link(deadly, links)
    assert link.journal.endswith(".agentflow/agentflow.db")
    first = link.process
    for number in range(4):
        await seen.inject("wait", n=number)
    await until((deadly.folder / "started").exists)
    await seen.inject_deadly("once", how=how)
    await seen.through(lambda: link.deaths)
    assert (link.status, link.reason) == ("connected", "")
    assert not psutil.pid_exists(first)
    (deadly.folder / "go").touch()
    await seen.through(lambda: seen.store.snapshot and seen.store.snapshot.counts.succeeded == 5)
    assert link.process != first
    assert sorted((deadly.folder / "done").read_text().split()) == ["0", "1", "2", "3"]
    (sentence,) = link.deaths
    ended = {"exit": "the engine ended with exit code 0"}
    assert sentence.startswith(ended.get(how, f"the engine was killed by {how}"))
    assert sentence.endswith("; started again")
    assert [row.level for row in seen.store.log if row.text == sentence] == ["error"]


async def test_the_screen_keeps_what_it_has_and_gets_nothing_twice(
    deadly: Project, links: Links
) -> None:
    """Events, log and audit go on behind what was there; numbers never go back."""
    link, seen = await open_link(deadly, links)
    (deadly.folder / "go").touch()
    for number in range(3):
        await seen.inject("wait", n=number)
    await seen.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 3)
    # What is accepted now is on disk, and so are the ends before it: none of them runs again.
    await link.command("pause", agent="wait")
    await seen.inject("wait", n=3)
    await seen.until(lambda store: store.snapshot and store.snapshot.counts.held == 1)
    before = [row.seq for row in seen.store.events.rows() if row.state != "held"]
    logged = [row.text for row in seen.store.log]
    os.kill(link.process, signal.SIGKILL)
    await seen.through(lambda: link.deaths)
    await link.command("resume", agent="wait")
    await seen.through(lambda: seen.store.snapshot and seen.store.snapshot.counts.succeeded == 1)
    store = seen.store
    sequence = [row.seq for row in store.events.rows()]
    assert sequence[:3] == before
    assert len(sequence) == len(set(sequence)) == 4
    assert [row.text for row in store.log][: len(logged)] == logged
    await seen.through(lambda: len(store.audit) == 6)
    for rows in (store.log, store.audit):
        numbers = [row.seq for row in rows]
        assert numbers == sorted(set(numbers))
    assert [row.action for row in store.audit] == [*["inject"] * 3, "pause", "inject", "resume"]
    assert [row.number for row in store.versions] == [1]
    assert store.events.missed == 0


async def test_commands_say_that_the_engine_is_away(deadly: Project, links: Links) -> None:
    """While it is started again a command is refused at once, with how the engine ended."""
    link, seen = await open_link(deadly, links)
    os.kill(link.process, signal.SIGKILL)
    await seen.through(lambda: link.status == "restarting")
    for ask in (link.command("pause", agent=""), link.pull(Cursor())):
        with pytest.raises(LinkError, match=r"killed by SIGKILL .*; it is being started again"):
            await ask
    await seen.through(lambda: link.deaths)
    assert (await link.command("pause", agent="")).ok


async def test_an_engine_that_dies_again_and_again_stays_dead(
    deadly: Project, links: Links
) -> None:
    """So many restarts within a minute, then it is lost: how it ended and where the rest is."""
    link, seen = await open_link(deadly, links, restarts=1)
    await link.command("pause", agent="wait")
    await seen.inject("wait", n=0)
    for _ in range(2):
        os.kill(link.process, signal.SIGKILL)
        await seen.through(lambda: link.status != "connected")
        await seen.through(lambda: link.status == "lost" or seen.holds_one())
    assert link.status == "lost"
    assert len(link.deaths) == 1
    assert link.reason.startswith("the engine was killed by SIGKILL")
    assert "not started again after 2 deaths within 60 s" in link.reason
    assert link.reason.endswith(".agentflow/agentflow.db")
    await link.close()
    (deadly.folder / "go").touch()
    link, again = await open_link(deadly, links)
    assert (await link.command("resume", agent="wait")).ok
    await again.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 1)


async def test_an_event_that_kills_every_engine_ends_as_a_dead_letter(
    deadly: Project, links: Links
) -> None:
    """The restarts are enough for an engine to see which event it is, and to go on without."""
    assert Config.from_toml("").journal.max_deliveries <= MOST_RESTARTS
    deadly.replace(deadly.config, "[runtime]", "[journal]\nmax_deliveries = 2\n[runtime]")
    link, seen = await open_link(deadly, links, restarts=2)
    await seen.inject_deadly("always")
    await seen.through(lambda: seen.store.dead)
    assert link.status == "connected"
    assert len(link.deaths) == 2
    assert "exit code 3" in link.deaths[-1]
    (dead,) = seen.store.dead
    assert "the process died 2 times" in dead.error


async def test_an_engine_that_can_not_come_back_says_why(deadly: Project, links: Links) -> None:
    """A configuration broken meanwhile is told with its place."""
    link, seen = await open_link(deadly, links)
    process = psutil.Process(link.process)
    process.suspend()  # so that the save is not seen before
    deadly.config.write_text('[orchestration]\nmode = "mixt"\n')
    process.kill()
    await seen.through(lambda: link.status == "lost")
    assert "it can't be started again" in link.reason
    assert "agentflow.toml:2:" in link.reason


async def test_closing_while_it_is_started_again_ends_it(deadly: Project, links: Links) -> None:
    """No process is left behind, and what was accepted waits."""
    link, seen = await open_link(deadly, links)
    await seen.inject("wait", n=0)
    os.kill(link.process, signal.SIGKILL)
    await seen.through(lambda: link.status == "restarting")
    await link.close()
    assert link.status == "closed"
    assert link.reason == "the engine was killed by SIGKILL (out of memory?)"
    assert not psutil.pid_exists(link.process)


# -- stopping ------------------------------------------------------------------------------


async def test_a_drain_is_watched_and_can_be_hastened(deadly: Project, links: Links) -> None:
    """While it drains pulls are answered and commands refused; a second close ends it at once."""
    link, seen = await open_link(deadly, links)
    for number in range(15):
        await seen.inject("wait", n=number)
    await until((deadly.folder / "started").exists)
    draining = asyncio.create_task(link.close())
    await seen.through(lambda: link.status == "draining" and link.seconds_left)
    assert 0 < link.seconds_left <= 20
    snapshot = await link.pull(seen.store.cursor)
    assert snapshot.counts.queued + snapshot.counts.running == 15
    with pytest.raises(LinkError, match="is stopping"):
        await link.command("pause", agent="")
    await link.close(drain=False)
    await draining
    assert (link.status, link.left, link.reason) == ("closed", 15, "")


async def test_an_engine_that_dies_while_it_drains_is_told(deadly: Project, links: Links) -> None:
    """It is not started again: somebody wants it to end."""
    link, seen = await open_link(deadly, links)
    await seen.inject("wait", n=0)
    await until((deadly.folder / "started").exists)
    draining = asyncio.create_task(link.close())
    await seen.through(lambda: link.seconds_left)
    os.kill(link.process, signal.SIGKILL)
    await draining
    assert (link.status, link.left) == ("closed", None)
    assert link.reason == "the engine was killed by SIGKILL (out of memory?)"


async def test_an_engine_that_does_not_end_is_killed_and_its_place_told(
    project: Project, links: Links, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that never comes round again ends with the drain's time."""
    monkeypatch.setattr(engine_connection, "_GRACE", 0.3)
    project.add_agent("stuck")
    project.replace(project.config, "drain_timeout = 5", "drain_timeout = 0.2")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    link, seen = await open_link(project, links)
    injecting = asyncio.create_task(seen.inject("stuck", fifo=str(fifo)))
    await seen.until_blocked(lambda blocked: blocked and blocked.agent)
    await link.close()
    assert link.reason == (
        "the engine did not end in its time and was killed; it was at handlers.py:15 in stuck"
    )
    await asyncio.gather(injecting, return_exceptions=True)


async def test_sigterm_to_the_engine_drains(deadly: Project, links: Links) -> None:
    """Told by somebody else it finishes what it has; it is not started again."""
    link, seen = await open_link(deadly, links)
    await seen.inject("wait", n=0)
    await until((deadly.folder / "started").exists)
    os.kill(link.process, signal.SIGTERM)
    await seen.through(lambda: link.status == "draining")
    (deadly.folder / "go").touch()
    await seen.through(lambda: link.status == "lost")
    assert link.reason == "the engine was told from elsewhere to end"
    assert (link.left, len(link.deaths)) == (0, 0)


async def test_a_second_sigterm_stops_the_engine(deadly: Project, links: Links) -> None:
    """At once; what it had is in the journal."""
    link, seen = await open_link(deadly, links)
    await seen.inject("wait", n=0)
    await until((deadly.folder / "started").exists)
    os.kill(link.process, signal.SIGTERM)
    await seen.through(lambda: link.status == "draining")
    os.kill(link.process, signal.SIGTERM)
    await seen.through(lambda: link.status == "lost")
    assert link.left == 1


async def test_a_console_that_asks_for_a_drain_does_not_hasten_that_of_a_signal(
    deadly: Project, links: Links
) -> None:
    """A service manager tells both; that is one wish, not two."""
    link, seen = await open_link(deadly, links)
    await seen.inject("wait", n=0)
    await until((deadly.folder / "started").exists)
    closing = asyncio.create_task(link.close())
    await seen.through(lambda: link.seconds_left)
    os.kill(link.process, signal.SIGTERM)
    await link.pull(Cursor())
    (deadly.folder / "go").touch()
    await closing
    assert link.left == 0


# -- changed code and a journal --------------------------------------------------------------


async def test_code_that_dies_when_it_takes_over_leaves_the_old_engine(
    deadly: Project, links: Links
) -> None:
    """The journal goes back to the old one, which has lost nothing."""
    link, seen = await open_link(deadly, links)
    first = link.process
    await link.command("pause", agent="wait")
    for number in range(3):
        await seen.inject("wait", n=number)
    text = deadly.handlers.read_text()
    # Imported without harm, it dies when it has to open the journal.
    deadly.replace(deadly.handlers, "HERE =", "import agentflow.journal.journal as j\n"
                   "j.Journal.open = lambda *_: os._exit(9)\nHERE =")  # fmt: skip
    await seen.through(
        lambda: any("changed code is not used" in row.text for row in seen.store.log)
    )
    assert (link.process, link.status) == (first, "connected")
    snapshot = await link.pull(seen.store.cursor)
    assert snapshot.counts.held == 3
    (deadly.folder / "go").touch()
    assert (await link.command("resume", agent="wait")).ok
    await seen.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 3)
    deadly.handlers.with_suffix(".new").write_text(text + "\n")
    deadly.handlers.with_suffix(".new").replace(deadly.handlers)
    await seen.through(lambda: seen.store.snapshot and seen.store.snapshot.pid != first)
    assert Counter((deadly.folder / "done").read_text().split()) == Counter(["0", "1", "2"])


async def test_if_neither_code_can_go_on_there_is_a_fresh_start(
    deadly: Project, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal has everything: an engine that begins from it loses nothing."""

    async def fail(self: EngineConnection, handover: dict[str, object]) -> None:
        raise LinkError("no room for it")

    monkeypatch.setattr(EngineConnection, "take_over", fail)
    link, seen = await open_link(deadly, links)
    await link.command("pause", agent="wait")
    await seen.inject("wait", n=0)
    deadly.replace(deadly.handlers, "HERE =", "X = 1\nHERE =")
    await seen.through(lambda: link.deaths)
    await seen.through(seen.holds_one)
    assert link.deaths == [
        "neither the old code nor the new could go on: no room for it; started again"
    ]


# -- restart intensity -------------------------------------------------------------------------


def test_restart_intensity_counts_inside_its_window() -> None:
    """Three within a minute; one that is a minute old counts no more."""
    intensity = RestartIntensity()
    assert [intensity.allows(now) for now in (0.0, 10.0, 20.0, 59.9)] == [True, True, True, False]
    assert intensity.allows(60.0)
    assert not intensity.allows(61.0)
    assert intensity.allows(70.0)
