"""The demo's feed."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentflow import CallbackArgs, Event, HookPoint, State
from agentflow_console.demo.feed import Progress, event_for, module_name, modules, priority
from agentflow_console.demo.source import STDLIB


def test_the_feed_finds_the_whole_library_and_nothing_else(tmp_path: Path) -> None:
    """Packages, their modules and test data, but nothing that was installed beside them."""
    for name in (
        "abc.py",
        "json/__init__.py",
        "json/decoder.py",
        "test/data/bad.py",
        "site-packages/pip/__init__.py",
        "json/__pycache__/decoder.py",
        "LICENSE.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = modules(tmp_path)
    assert sorted(map(str, found)) == [
        "abc.py",
        "json/__init__.py",
        "json/decoder.py",
        "test/data/bad.py",
    ]
    assert modules(tmp_path) == found


def test_this_interpreters_library_is_all_there() -> None:
    """Some hundred modules, those of every Python among them."""
    found = {str(path) for path in modules()}
    assert len(found) > 300
    assert {"abc.py", "json/__init__.py", "asyncio/queues.py"} <= found
    assert all((STDLIB / path).is_file() for path in found)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("abc.py", "abc"),
        ("json/__init__.py", "json"),
        ("asyncio/queues.py", "asyncio.queues"),
    ],
)
def test_a_module_is_named_as_it_is_imported(path: str, name: str) -> None:
    """Dots for folders, and a package is named by its folder."""
    assert module_name(Path(path)) == name


def test_a_folder_with_a_dot_is_one_package() -> None:
    """Such as the one with the configuration of the interpreter's build."""
    assert event_for(Path("config-3.11-linux/build.py")).session_id == "config-3.11-linux"


def test_an_event_says_what_to_audit() -> None:
    """The module, the file, the package as the session."""
    event = event_for(Path("asyncio/queues.py"))
    assert event.target == "complexity"
    assert event.data == {"module": "asyncio.queues", "path": "asyncio/queues.py"}
    assert (event.session_id, event.source, event.priority) == ("asyncio", "stdlib", "normal")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("json/__init__.py", "high"),
        ("json/decoder.py", "normal"),
        ("test/test_json/__init__.py", "low"),
        ("lib2to3/tests/data/bom.py", "low"),
    ],
)
def test_tests_can_wait(path: str, expected: str) -> None:
    """Packages first, tests last."""
    assert priority(Path(path)) == expected


def strike(progress: Progress, *events: Event) -> None:
    for event in events:
        progress(CallbackArgs(HookPoint.AFTER_EVENT_HANDLING, event, State()))


def test_progress_says_once_when_a_package_is_done(caplog: pytest.LogCaptureFixture) -> None:
    """A module that ends twice, and an event of somebody else, do not count."""
    paths = [Path("json/__init__.py"), Path("json/decoder.py"), Path("abc.py")]
    progress = Progress()
    progress.expect(paths)
    events = [event_for(path) for path in paths[:2]]
    other = Event("complexity", {"path": "elsewhere.py"}, session_id="json")
    with caplog.at_level("INFO"):
        strike(progress, events[0], events[0], other, events[1], events[1])
    assert caplog.messages == ["json: all 2 modules done"]


def test_progress_knows_what_an_earlier_run_has_done(caplog: pytest.LogCaptureFixture) -> None:
    """So does it count what was recovered and ended before it was told what to expect."""
    paths = [Path("json/__init__.py"), Path("json/decoder.py"), Path("json/tool.py")]
    progress = Progress()
    with caplog.at_level("INFO"):
        strike(progress, event_for(paths[0]))
        progress.expect(paths, done=["json.decoder"])
        strike(progress, event_for(paths[1]), event_for(paths[2]))
    assert caplog.messages == ["json: all 3 modules done"]
