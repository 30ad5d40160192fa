"""Reload: a saved configuration is swapped in, saved code brings a new engine up and over."""

from __future__ import annotations

from pathlib import Path

from .conftest import Project, Seen


async def test_a_saved_configuration_is_applied(engine: Seen, project: Project) -> None:
    """A valid save is a new version of the same engine."""
    await engine.until(lambda store: store.config)
    project.replace(project.config, "[agents.echo]", '[orchestration]\nmode = "loop"\n'
                    'loop_agent = "echo"\n\n[agents.echo]')  # fmt: skip
    await engine.until(lambda store: store.snapshot and store.snapshot.version == 2)
    assert engine.store.snapshot is not None
    assert engine.store.snapshot.mode == "loop"
    assert [row.cause for row in engine.store.versions] == ["start", "saved"]


async def test_a_broken_save_changes_nothing_and_says_where(engine: Seen, project: Project) -> None:
    """A broken file keeps the old plan running, with line and column of what is wrong."""
    good = project.config.read_text()
    project.replace(project.config, "[agents.echo]", "[agents.echo")
    problems = await engine.until(lambda store: store.config and store.config.problems)
    assert engine.store.config is not None
    assert (engine.store.config.status, engine.store.config.version) == ("refused", 1)
    assert problems[0].line == good.splitlines().index("[agents.echo]") + 1
    await engine.inject("echo", n=1)
    await engine.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 1)
    project.replace(project.config, "[agents.echo", "[agents.echo]")
    await engine.until(lambda store: store.config and store.config.status == "ok")


async def test_saved_code_runs_in_a_new_engine_that_takes_over(
    engine: Seen, project: Project, tmp_path: Path
) -> None:
    """New code takes over what was held, and no event is lost or run twice."""
    path = tmp_path / "done"
    first = (await engine.link.pull(engine.store.cursor)).pid
    await engine.inject("nobody")
    await engine.link.command("pause", agent="second")
    for number in range(20):
        await engine.inject("second", n=number, path=str(path))
    project.replace(project.handlers, "{event.data['n']}", "new {event.data['n']}")
    await engine.until(lambda store: store.snapshot and store.snapshot.pid != first)
    counts = (await engine.link.pull(engine.store.cursor)).counts
    assert (counts.accepted, counts.held, counts.dead) == (21, 20, 1)
    assert not path.exists()
    assert (await engine.link.command("resume", agent="second")).ok
    await engine.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 20)
    assert sorted(path.read_text().splitlines()) == sorted(f"new {n}" for n in range(20))
    assert len(engine.store.dead) == 1


async def test_code_that_does_not_import_leaves_the_old_engine(
    engine: Seen, project: Project
) -> None:
    """Broken code is told with file and line, the old code runs on; good code then takes over."""
    first = (await engine.link.pull(engine.store.cursor)).pid
    project.replace(project.handlers, "import os", "import nowhere_at_all")
    lines = await engine.until(
        lambda store: [line for line in store.log if "nowhere_at_all" in line.text]
    )
    assert lines[0].level == "error"
    assert "handlers.py:1" in lines[0].text
    await engine.inject("echo", n=1)
    await engine.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 1)
    assert (await engine.link.pull(engine.store.cursor)).pid == first
    project.replace(project.handlers, "import nowhere_at_all", "import os")
    await engine.until(lambda store: store.snapshot and store.snapshot.pid != first)
    assert (await engine.link.pull(engine.store.cursor)).counts.succeeded == 1


async def test_code_that_is_not_in_use_changes_nothing(engine: Seen, project: Project) -> None:
    """A Python file that no handler imports, written by an agent for example, is no reason."""
    first = (await engine.link.pull(engine.store.cursor)).pid
    (project.folder / "written_by_an_agent.py").write_text("x = 1\n")
    project.replace(project.config, 'name = "test"', 'name = "other"')
    await engine.until(lambda store: store.snapshot and store.snapshot.version == 2)
    assert (await engine.link.pull(engine.store.cursor)).pid == first
