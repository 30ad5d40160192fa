"""The pump: one request at a time, and a console that lives whatever the engine does."""

from __future__ import annotations

from agentflow.telemetry.snapshot import Cursor, Snapshot
from agentflow_console.link.protocol import LinkError
from agentflow_console.testing import StillLink

from . import rows
from .screen import WIDE, console, screen_text, settled, until


class CountingLink(StillLink):
    """Counts how many pulls were in flight at once."""

    flying = 0
    most = 0

    async def pull(self, cursor: Cursor) -> Snapshot:
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            return await super().pull(cursor)
        finally:
            self.flying -= 1


class BrokenLink(StillLink):
    """An engine that can't be started."""

    async def start(self) -> None:
        raise LinkError("agentflow.toml:3:1: no such mode")


class LosingLink(StillLink):
    """An engine that is lost for a while."""

    lost = False

    async def pull(self, cursor: Cursor) -> Snapshot:
        if self.lost:
            raise LinkError("the engine is gone")
        return await super().pull(cursor)


async def test_never_more_than_one_request_is_in_flight() -> None:
    """An engine that does not answer is not asked again."""
    link = CountingLink(rows.snapshot())
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        link.open.clear()
        await until(pilot, lambda: link.flying)
        for key in ("2", "j", "space", "space", "1", "P", "p"):
            await pilot.press(key)
        assert (link.flying, link.most) == (1, 1)
        link.open.set()


async def test_an_engine_that_cannot_start_is_said_and_leaves_with_two() -> None:
    """The reason stands on the screen; q leaves with exit code 2."""
    app = console(BrokenLink(rows.snapshot()))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "agentflow.toml:3:1: no such mode" in screen_text(app))
        assert "DISCONNECTED" in screen_text(app)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == 2


async def test_a_lost_engine_is_found_again() -> None:
    """The console goes on asking, and is live as soon as there is an answer."""
    link = LosingLink(rows.snapshot())
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        link.lost = True
        await until(pilot, lambda: " DISCONNECTED " in screen_text(app))
        assert "the engine is gone" in screen_text(app)
        link.lost = False
        await until(pilot, lambda: " LIVE " in screen_text(app))


async def test_hidden_panes_do_no_work() -> None:
    """Only what is on the screen looks at the store."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        overview = app.room
        assert overview is not None
        await pilot.press("0")
        await settled(pilot)
        looked: list[str] = []
        for pane in overview._panes:
            pane.look = lambda *_: looked.append("hidden")  # type: ignore[method-assign]
        app.link.give(settled=[rows.event(1001)], settled_cursor=999)  # type: ignore[attr-defined]
        await until(pilot, lambda: app.store.events.get(1001))
        assert looked == []
