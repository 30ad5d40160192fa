"""The demo's agents at work in the engine, on real files."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

import pytest

from agentflow import AgentResult, Config, Event, Runner, State, check_config
from agentflow_console.demo.feed import event_for, module_name, modules, package_of

TOML = Path(str(importlib.resources.files("agentflow_console.demo"))) / "agentflow.toml"

GOOD = '''\
"""A module."""

import os


def read(path: str) -> bytes:
    """What the file holds."""
    return open(os.fspath(path), "rb").read()
'''

MODES = ("route", "collaborative", "sequential", "loop", "mixed")


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the report of this test goes."""
    path = tmp_path / "report.md"
    monkeypatch.setenv("STDLIB_AUDIT_REPORT", str(path))
    return path


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A small module that is in order."""
    path = tmp_path / "good.py"
    path.write_text(GOOD)
    return path


def event(path: Path, **metadata: str) -> Event:
    data = {"module": path.stem, "path": str(path)}
    return Event("complexity", data, metadata, session_id="audited")


async def audit(path: Path, mode: str = "mixed", **metadata: str) -> AgentResult:
    """What comes of one file under the demo's own configuration in ``mode``."""
    config = Config.from_toml(
        TOML.read_text("utf-8"), path=TOML, overrides={"orchestration.mode": mode}
    )
    async with Runner(config) as runner:
        return await runner.request(event(path, **metadata))


def text_of(report: Path) -> str:
    """The report, or nothing where there is none."""
    return report.read_text("utf-8") if report.exists() else ""


def values(state: State) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in ("module", "path")}


def test_the_demo_configuration_is_in_order() -> None:
    """Not one warning: it is the example."""
    assert check_config(TOML) == []


async def test_a_module_is_measured_rated_and_published(report: Path, module: Path) -> None:
    """In mixed mode five analysers and the pipeline do the whole audit."""
    result = await audit(module)
    assert result.error is None
    state = values(result.state)
    assert state["size"] == {"lines": 8, "code": 5, "comment": 0, "blank": 3}
    assert state["complexity"] == {"functions": 1, "mean": 1.0, "complex": [], "long": []}
    assert state["docstrings"] == {"public": 2, "documented": 2, "missing": []}
    assert state["imports"] == {"modules": ["os"], "deferred": 0}
    assert state["types"] == {"places": 2, "annotated": 2}
    assert (state["score"], state["findings"]) == (100, [])
    text = text_of(report)
    assert "1 module audited, 8 lines, mean score 100; 0 could not be audited." in text
    assert (
        "### good: 100 of 100\n\n"
        "8 lines (5 of code), 1 function of 1.0 paths each, 100% documented, 100% annotated, "
        "imports 1 module.\n"
    ) in text


async def test_the_same_event_again_changes_nothing(report: Path, module: Path) -> None:
    """The report is the same after a second delivery."""
    await audit(module)
    once = text_of(report)
    await audit(module)
    assert text_of(report) == once


async def test_an_empty_file_is_a_module_too(report: Path, tmp_path: Path) -> None:
    """Nothing in it, nothing wrong with it but the missing docstring."""
    path = tmp_path / "empty.py"
    path.write_text("")
    result = await audit(path)
    assert result.error is None
    assert "### empty: 67 of 100" in text_of(report)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"def broken(:\n", SyntaxError),
        (b"# coding: no-such-coding\n", SyntaxError),
        (b"# one\n# two\nname = '\xff'\n", UnicodeDecodeError),
    ],
    ids=["does not parse", "unknown coding", "does not decode"],
)
async def test_a_broken_file_is_a_dead_letter_at_once(
    report: Path, tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    """Its own error, from every analyser that met it, and no second try."""
    path = tmp_path / "broken.py"
    path.write_bytes(content)
    config = Config.from_toml(TOML.read_text("utf-8"), path=TOML)
    async with Runner(config) as runner:
        await runner.emit(event(path))
        await runner.join()
        assert runner.counts().dead == 1
        (letter,) = runner.dead_letters
        assert letter.attempts == 1
        assert isinstance(letter.error, ExceptionGroup)
        assert {type(found) for found in letter.error.exceptions} == {error}


@pytest.mark.parametrize("mode", MODES)
async def test_every_mode_can_run_the_demo(report: Path, module: Path, mode: str) -> None:
    """Whatever mode is swapped in, an event of the feed succeeds."""
    result = await audit(module, mode)
    assert result.error is None
    assert (mode in ("mixed", "sequential")) == bool(text_of(report))


async def test_a_pipeline_alone_measures_for_itself(report: Path, module: Path) -> None:
    """In sequential mode no analyser ran before the synthesizer, and the score is the same."""
    result = await audit(module, "sequential")
    assert result.state["score"] == 100
    assert "### good: 100 of 100" in text_of(report)


async def test_the_loop_follows_imports_until_nothing_is_new(tmp_path: Path) -> None:
    """token imports nothing and sys has no file, so the second round is the last."""
    path = tmp_path / "start.py"
    path.write_text("import token, sys\n")
    result = await audit(path, "loop")
    assert result.state["reach"] == {"modules": ["sys", "token"], "frontier": []}
    assert result.state["loop_complete"] is True
    assert result.state.meta["loop_iteration"] == "2"


@pytest.mark.parametrize("agent", ["synthesizer", "formatter", "publisher", "reach", "size"])
async def test_every_agent_can_be_routed_to_alone(report: Path, module: Path, agent: str) -> None:
    """An operator may inject an event to any of them."""
    result = await audit(module, "route", route=agent)
    assert result.error is None


async def test_the_mode_can_be_swapped_in_the_middle_of_the_audit(report: Path) -> None:
    """Every module is in the report once, whichever plan its event ran under."""
    paths = [path for path in modules() if package_of(path) in ("asyncio", "json", "email")]
    config = Config.from_toml(TOML.read_text("utf-8"), path=TOML)
    async with Runner(config) as runner:
        for number, path in enumerate(paths):
            await runner.emit(event_for(path))
            if number == len(paths) // 2:
                await runner.apply(config.override({"orchestration.mode": "sequential"}))
        await runner.join()
        counts = runner.counts()
    assert (counts.accepted, counts.succeeded, counts.dead) == (len(paths), len(paths), 0)
    text = text_of(report)
    assert f"{len(paths)} modules audited" in text
    assert all(f"### {module_name(path)}: " in text for path in paths)
