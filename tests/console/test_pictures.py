"""Pictures of the screens, kept and compared. ``pytest --snapshot-update`` takes them anew."""

from __future__ import annotations

import re
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from agentflow.telemetry.snapshot import Blocked
from agentflow_console.gauge import Reading
from agentflow_console.pump import Pump
from agentflow_console.showing import Showing

from . import rows
from .screen import MEDIUM, SMALL, WIDE, console, screen_text, settled, until
from .test_breakpoints import stop, stopped_link


class SvgExtension(SingleFileSnapshotExtension):
    """One SVG file for each picture."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"


@pytest.fixture(autouse=True)
def steady_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the console measures of itself is the same in every picture."""
    monkeypatch.setattr(Pump, "delay", 0.004)
    reading = Reading(19.6, 0.0012, 0.0003, 0.0061, 0.0009, 0.008, 0.019, 42, 41_200, 0, 0.031,
                      62_000_000)  # fmt: skip
    monkeypatch.setattr(Showing, "reading", lambda _: reading)


def picture(svg: str) -> str:
    """The SVG without the identifiers that differ from run to run."""
    return re.sub(r"terminal-\d+-", "terminal-", svg)


PICTURES: dict[str, tuple[tuple[int, int], tuple[str, ...], dict[str, Any]]] = {
    "overview-wide": (WIDE, (), {}),
    "overview-medium": (MEDIUM, (), {}),
    "overview-small": (SMALL, (), {}),
    "overview-day": (WIDE, (), {"theme": "day"}),
    "events-wide": (WIDE, ("2", "G"), {}),
    "events-medium": (MEDIUM, ("2", "j", "enter"), {}),
    "event-small": (SMALL, ("2", "j", "enter"), {}),
    "agents-wide": (WIDE, ("3", "enter"), {}),
    "agents-small": (SMALL, ("3",), {}),
    "hooks-medium": (MEDIUM, ("4", "G", "enter"), {}),
    "metrics-wide": (WIDE, ("6",), {}),
    "metrics-small": (SMALL, ("6",), {}),
    "log-small": (SMALL, ("0",), {}),
    "filter-small": (SMALL, ("slash", *"state:dead"), {}),
}


@pytest.mark.parametrize("name", PICTURES)
async def test_screens_look_as_they_did(name: str, snapshot: SnapshotAssertion) -> None:
    """Each screen at its sizes is drawn as it was when somebody last looked at it."""
    size, keys, options = PICTURES[name]
    app = console(**options)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
        await settled(pilot)
        await settled(pilot)
        assert picture(app.export_screenshot()) == snapshot(extension_class=SvgExtension)


@pytest.mark.parametrize("size", [WIDE, MEDIUM, SMALL], ids=["wide", "medium", "small"])
async def test_an_unhealthy_system_says_what_to_do(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    """Header, alert line and report agree on what is most pressing."""
    link = rows.link(health=rows.troubled(), alerts=[rows.SLOW])
    app = console(link)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("6")
        app.refresh_lines()
        await settled(pilot)
        await settled(pilot)
        assert picture(app.export_screenshot()) == snapshot(extension_class=SvgExtension)


@pytest.mark.parametrize(
    ("size", "keys"),
    [(WIDE, ("B",)), (SMALL, ("B",)), (SMALL, ("B", "enter"))],
    ids=["wide", "small", "stop-small"],
)
async def test_the_screen_of_breakpoints_looks_as_it_did(
    size: tuple[int, int], keys: tuple[str, ...], snapshot: SnapshotAssertion
) -> None:
    """What is stopped, where it is, what comes next, and the keys for it."""
    app = console(stopped_link(stop(1, 8815, edited=True), stop(2, 8816, behind=3)))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(*keys)
        if keys[-1] == "enter" or size == WIDE:
            await until(pilot, lambda: "then: synthesizer" in screen_text(app))
        app.refresh_lines()
        await settled(pilot)
        assert picture(app.export_screenshot()) == snapshot(extension_class=SvgExtension)


async def test_a_system_in_trouble_looks_like_it(snapshot: SnapshotAssertion) -> None:
    """Blocked, with a refused file, read-only: the picture says all three."""
    link = rows.link(config=rows.config(problem="no such mode"), read_only=True)
    link.blocked = Blocked("analyzer", rows.NOW - 0.8, "handlers.py:12 in parse", [])
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        app.refresh_lines()
        await settled(pilot)
        assert picture(app.export_screenshot()) == snapshot(extension_class=SvgExtension)
