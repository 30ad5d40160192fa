"""ChildLink: an engine in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from agentflow.telemetry.snapshot import Cursor, SpanCursor
from agentflow_console.link.client import ChildLink
from agentflow_console.link.process import EngineProcess
from agentflow_console.link.protocol import LinkError

from .conftest import Links, Project, Seen


async def test_an_event_goes_in_and_its_end_comes_back(engine: Seen) -> None:
    """What is injected runs in the child, and is seen by all calls of the link."""
    link = engine.link
    assert link.status == "connected"
    await engine.inject("echo", n=7)
    await engine.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 1)
    (row,) = engine.store.events.rows()
    assert (row.target, row.state) == ("echo", "succeeded")
    detail = await link.event(row.id)
    assert detail is not None
    assert detail.event["data"] == {"n": 7}
    assert await link.event("nobody") is None
    assert [one.id for one in (await link.sessions()).rows] == [row.session]
    assert [one.id for one in (await link.sessions("agent:echo state:ok")).rows] == [row.session]
    assert (await link.sessions("state:dead")).rows == []
    page = await link.session(row.session, SpanCursor())
    assert {span.event_id for span in page.spans} == {row.id}
    assert (await link.session(row.session, page.cursor)).spans == []
    (run,) = (span for span in page.spans if span.kind == "agent")
    whole = await link.span(row.id, run.id)
    assert whole is not None
    assert (whole.before, whole.after) == ({"n": 7}, {"n": 7, "version": 1})
    related = await link.related(row.id, run.id)
    assert related is not None
    assert [cause.span_id for cause in related.causes] == [row.id]
    assert await link.span("nobody", "") is await link.related("nobody", "") is None
    assert await link.page(10**9, 5) == [row]
    assert await link.dead_letter(1) is None
    assert engine.store.snapshot is not None
    assert engine.store.snapshot.pid != os.getpid()


async def test_a_dead_letter_is_seen_and_replayed(engine: Seen) -> None:
    """An event for nobody ends as a dead letter; commands act on it by its number."""
    await engine.inject("nobody", n=1)
    (dead,) = await engine.until(lambda store: list(store.dead))
    detail = await engine.link.dead_letter(dead.number)
    assert detail is not None
    assert "AgentNotFound" in detail.error or "agent not found" in detail.error
    answer = await engine.link.command("replay", number=dead.number)
    assert answer.ok
    await engine.until(lambda store: store.snapshot and store.snapshot.counts.dead == 2)
    assert await engine.until(lambda store: [row.action for row in store.audit]) == [
        "inject", "replay",
    ]  # fmt: skip


async def test_commands_that_make_no_sense_are_answered(engine: Seen) -> None:
    """A wrong command is a sentence, never a lost link."""
    assert not (await engine.link.command("dance")).ok
    assert not (await engine.link.command("replay", number=99)).ok
    assert not (await engine.link.command("inject", event={"targt": "x"})).ok
    assert engine.link.status == "connected"


async def test_read_only_is_refused_by_the_engine(project: Project, links: Links) -> None:
    """Changes are refused where they would be made, not only in the widgets."""
    link = links.make(project.options(read_only=True))
    await link.start()
    answer = await link.command("inject", event={"target": "echo"})
    assert not answer.ok
    assert "read-only" in answer.message
    await link.close(drain=False)


async def test_the_socket_is_private_and_nothing_is_left(project: Project, links: Links) -> None:
    """The socket is the user's alone, and when the engine is closed all of it is gone."""
    process = EngineProcess(project.options())
    assert process.folder.stat().st_mode & 0o777 == 0o700
    assert (process.folder / "engine.sock").stat().st_mode & 0o777 == 0o600
    link = links.make(project.options(), process)
    await link.start()
    await link.close()
    await link.close()
    assert not psutil.pid_exists(process.pid)
    assert not process.folder.exists()
    assert link.status == "closed"
    with pytest.raises(LinkError, match="closed"):
        await link.pull(Cursor())


async def test_closing_drains(project: Project, links: Links, tmp_path: Path) -> None:
    """What is queued when the console closes is finished first."""
    link = links.make(project.options())
    await link.start()
    seen, path = Seen(link), tmp_path / "done"
    for number in range(50):
        await seen.inject("second", n=number, path=str(path))
    await link.close()
    assert path.read_text().split() == [str(number) for number in range(50)]


async def test_a_thread_that_never_returns_does_not_keep_the_engine(
    project: Project, links: Links
) -> None:
    """A handler's thread that waits for ever is not waited for."""
    project.handlers.write_text(
        "import threading\n"
        "def echo(event, state):\n"
        "    threading.Thread(target=threading.Event().wait).start()\n"
        "second = echo\n"
    )
    process = EngineProcess(project.options())
    link = links.make(project.options(), process)
    await link.start()
    seen = Seen(link)
    await seen.inject("echo")
    await seen.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 1)
    await link.close()
    assert not psutil.pid_exists(process.pid)
    assert process.how_it_ended() == "the engine ended with exit code 0"


async def test_a_broken_configuration_is_told_with_its_place(
    project: Project, links: Links
) -> None:
    """An engine that can't start says why, problem by problem, and nothing stays behind."""
    project.config.write_text('[orchestration]\nmode = "mixt"\n')
    process = EngineProcess(project.options())
    link = links.make(project.options(), process)
    with pytest.raises(LinkError) as caught:
        await link.start()
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (2, "orchestration.mode")
    assert "agentflow.toml:2:" in str(caught.value)
    assert (link.status, link.reason) == ("lost", str(caught.value))
    assert not psutil.pid_exists(process.pid)
    assert not process.folder.exists()


async def test_code_that_does_not_import_is_told_with_its_place(
    project: Project, links: Links
) -> None:
    """A handler file that fails is told with file and line."""
    project.handlers.write_text("import nowhere_at_all\n")
    link = links.make(project.options())
    with pytest.raises(LinkError, match=r"nowhere_at_all(.|\n)*handlers\.py:1"):
        await link.start()
    await link.close()


async def test_a_crash_is_told_with_its_signal_and_place(project: Project, links: Links) -> None:
    """A handler that takes the process along leaves a sentence, and the console lives.

    Without a journal nobody knows what it had to do, and it is not started again.
    """
    project.add_agent("crash")
    link = links.make(project.options(journal="off"))
    await link.start()
    seen = Seen(link)
    await seen.inject("crash")
    with pytest.raises(LinkError, match="killed by SIGSEGV"):
        await seen.until(lambda store: False)
    await asyncio.to_thread(int)
    assert link.status == "lost"
    assert link.reason == "the engine was killed by SIGSEGV; it was at handlers.py:11 in crash"
    assert (link.journal, link.left) == ("", None)
    assert not (await _command_error(link)).startswith("the link is")
    await link.close()


async def _command_error(link: ChildLink) -> str:
    with pytest.raises(LinkError) as caught:
        await link.command("pause", agent="")
    return str(caught.value)


async def test_a_blocked_loop_is_seen_while_it_lasts(
    project: Project, links: Links, tmp_path: Path
) -> None:
    """While a handler keeps the loop from going round the link says which one, and where."""
    project.add_agent("stuck")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    link = links.make(project.options())
    await link.start()
    seen = Seen(link)
    injecting = asyncio.create_task(seen.inject("stuck", fifo=str(fifo)))
    blocked = await seen.until_blocked(lambda blocked: blocked and blocked.agent)
    pull = asyncio.create_task(link.pull(Cursor()))
    assert blocked.agent == "stuck"
    assert blocked.where.endswith(" in stuck")
    done, _ = await asyncio.wait([pull], timeout=0.1)
    assert not done
    await asyncio.to_thread(fifo.write_text, "go on")
    await asyncio.gather(pull, injecting)
    await seen.until_blocked(lambda blocked: blocked is None)
    await link.close()


async def test_what_handlers_print_is_in_the_log(engine: Seen) -> None:
    """A print of a handler's is a line of the log, in that agent's name."""
    await engine.inject("echo", n=7)
    lines = await engine.until(
        lambda store: [line for line in store.log if line.text == "echo of 7"]
    )
    assert [(line.level, line.source) for line in lines] == [("stdout", "echo")]


async def test_a_stopped_process_is_told_as_silence(engine: Seen) -> None:
    """An engine that can't even say what blocks it is shown as blocked all the same."""
    snapshot = await engine.link.pull(Cursor())
    os.kill(snapshot.pid, signal.SIGSTOP)
    pull = asyncio.create_task(engine.link.pull(Cursor()))
    try:
        blocked = await engine.until_blocked(lambda blocked: blocked)
        assert "holds the interpreter" in blocked.where
    finally:
        os.kill(snapshot.pid, signal.SIGCONT)
    await pull
    assert engine.link.blocked is None
