"""What is said when the configuration changes without anybody at the console doing it."""

from __future__ import annotations

import msgspec

from agentflow.telemetry.snapshot import Config, VersionRow
from agentflow_console.announce import ConfigNews

from . import rows
from .screen import WIDE, console, screen_text, settled, until


def later(number: int, cause: str) -> Config:
    """The next version, and why there is one."""
    row = VersionRow(number, rows.NOW, "route", cause, "mode mixed → route", [])
    return msgspec.structs.replace(rows.config([row]), version=number)


def test_a_saved_file_is_said_in_one_line() -> None:
    """What changed, as which version, and how to take it back."""
    news = ConfigNews()
    assert news.of(rows.config()) is None
    assert news.of(later(4, "saved")) == (
        "agentflow.toml saved: mode mixed → route, applied as v4 (u: undo)",
        None,
    )


def test_what_an_operator_did_is_not_said_twice() -> None:
    """The answer to a command says it already."""
    news = ConfigNews()
    news.of(rows.config())
    assert news.of(later(4, "operator")) is None
    assert news.of(later(5, "undo of v4")) is None


def test_a_refused_file_is_said_with_its_place() -> None:
    """Line, column and reason, and that the old plan runs on; said once."""
    news = ConfigNews()
    news.of(rows.config())
    refused = rows.config(problem="no such mode")
    assert news.of(refused) == ("agentflow.toml:14:8: no such mode; v3 runs on", False)
    assert news.of(msgspec.structs.replace(refused)) is None
    assert news.of(rows.config()) == ("agentflow.toml is right again; v3 runs on.", True)


async def test_the_screen_says_it() -> None:
    """A save while the console is open stands on the alert line."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        app.pump.tick()
        link.give(config=later(4, "saved"), version=4, mode="route")
        await until(pilot, lambda: "~ agentflow.toml saved: mode mixed" in screen_text(app))
