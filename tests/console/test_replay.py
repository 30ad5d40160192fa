"""A recording on the screens: every pane at a moment, and a line that moves it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from agentflow.control.replaying import REFUSED
from agentflow.recording import Recording
from agentflow.telemetry.snapshot import Counts
from agentflow_console.app import ConsoleApp
from agentflow_console.keymap import KeyMap
from agentflow_console.link.recorded import SPEEDS, RecordedLink
from agentflow_console.scrubber import Scrubber
from agentflow_console.settings import Settings
from recording.support import START, ByHand

from . import rows
from .screen import SMALL, WIDE, console, screen_text, settled, text_of, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Forty events in twenty seconds; the one at ten seconds failed."""
    made = ByHand(tmp_path / "x.rec")
    made.frame(0.0, counts=Counts())
    for number in range(40):
        at = (number + 1) / 2
        made.ended(at, session="s", error="ValueError: no" if at == 10 else "")
        made.frame(at, counts=Counts(number + 1, 0, 0, 0, number + 1 - (at >= 10), int(at >= 10)))
        made.write(last=False)
    return made.write()


class Hands:
    """The hands of a clock that are turned by the test."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def replaying(path: Path, hands: Hands, at: float = 0.0, **options: object) -> ConsoleApp:
    """A console on the recording, at so many seconds."""
    link = RecordedLink(Recording.open(path), at=START + at, clock=hands, **options)  # type: ignore[arg-type]
    return ConsoleApp(
        link, read_only=True, settings=Settings(), keymap=KeyMap(), clock=lambda: link.at, fps=100
    )


def seconds(app: ConsoleApp) -> float:
    """Where the replay is."""
    assert app.replay is not None
    return app.replay.at - START


async def ready(pilot: Pilot[int], app: ConsoleApp) -> None:
    """Wait until the first screen is there."""
    await until(pilot, lambda: app.room is not None and app.room.ready and app.store.snapshot)


def shown(app: ConsoleApp) -> list[int]:
    """The numbers of the events that the store has."""
    return [row.seq for row in app.store.events.rows()]


# -- the link -------------------------------------------------------------------------------


def test_virtual_time_goes_on_while_it_plays_and_ends_at_the_end(path: Path) -> None:
    """So many seconds in a second; it stops at the end, and playing again begins anew."""
    hands = Hands()
    with Recording.open(path) as recording:
        link = RecordedLink(recording, at=START + 5, speed=2.0, playing=True, clock=hands)
        hands.now = 3.0
        assert link.at == START + 11
        link.faster(1)
        hands.now = 4.0
        assert link.at == START + 15
        hands.now = 60.0
        assert (link.at, link.playing) == (START + 20, False)
        link.toggle()
        assert (link.at, link.playing) == (START, True)
        link.seek(START + 1_000)
        assert link.at == START + 20
        link.seek(0.0)
        assert link.at == START


def test_speeds_have_two_ends(path: Path) -> None:
    """No step goes beyond the slowest and the fastest."""
    with Recording.open(path) as recording:
        link = RecordedLink(recording)
        link.faster(100)
        assert link.speed == SPEEDS[-1]
        link.faster(-100)
        assert link.speed == SPEEDS[0]


async def test_nothing_can_be_changed(path: Path) -> None:
    """Every command is refused in one clear sentence."""
    with Recording.open(path) as recording:
        link = RecordedLink(recording)
        await link.start()
        answer = await link.command("pause", agent="worker")
        assert (answer.ok, answer.message) == (False, REFUSED)


# -- the screens ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_every_pane_is_as_it_was(path: Path, size: tuple[int, int]) -> None:
    """The badge, the scrubber with the mark of the failure, and the events of then."""
    app = replaying(path, Hands(), at=4.2)
    async with app.run_test(size=size) as pilot:
        await ready(pilot, app)
        assert shown(app) == list(range(1, 9))
        words = screen_text(app)
        clock = time.strftime("%H:%M:%S", time.gmtime(START + 4.2))
        assert f"REPLAY {clock} ×1" in words
        (rail,) = text_of(app.scrubber)
        assert rail.count("●") == 1
        assert rail.count("╷") == 1
        assert rail.index("●") < rail.index("╷")


async def test_the_scrubber_is_moved_by_keys(path: Path) -> None:
    """V takes hold of it; a cell at a time, to the ends, and back to the panes."""
    app = replaying(path, Hands(), at=10.0)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot, app)
        await pilot.press("V")
        assert isinstance(app.focused, Scrubber)
        await pilot.press("right")
        assert 10.0 < seconds(app) < 10.4
        await pilot.press("left", "left")
        assert 9.6 < seconds(app) < 10.0
        await until(pilot, lambda: shown(app) == list(range(1, 20)))
        await pilot.press("end")
        assert seconds(app) == 20
        await until(pilot, lambda: shown(app) == list(range(1, 41)))
        await pilot.press("home")
        assert seconds(app) == 0
        await until(pilot, lambda: shown(app) == [])
        await pilot.press("escape")
        assert not isinstance(app.focused, Scrubber)


async def test_the_scrubber_is_moved_by_the_mouse(path: Path) -> None:
    """A press goes there, drawing goes along."""
    app = replaying(path, Hands())
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot, app)
        first, cells = app.scrubber._rail
        middle = first + cells // 2
        await pilot.mouse_down(app.scrubber, offset=(middle, 0))
        assert seconds(app) == pytest.approx(10, abs=0.2)
        await pilot.hover(app.scrubber, offset=(first + cells - 1, 0))
        assert seconds(app) == 20
        await pilot.mouse_up(app.scrubber, offset=(first + cells - 1, 0))
        await pilot.hover(app.scrubber, offset=(middle, 0))
        assert seconds(app) == 20
        await until(pilot, lambda: len(shown(app)) == 40)


async def test_keys_step_play_and_change_the_speed_on_every_screen(path: Path) -> None:
    """One event on and back, space plays and stops, the braces change the speed."""
    hands = Hands()
    app = replaying(path, hands, at=5.0)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot, app)
        await pilot.press("2", ".")
        assert seconds(app) == 5.5
        await pilot.press("comma", "comma")
        assert seconds(app) == 4.5
        await until(pilot, lambda: shown(app) == list(range(1, 10)))
        assert app.replay is not None
        await pilot.press("}", "}", "{")
        assert app.replay.speed == 2.0
        await pilot.press("space")
        assert app.replay.playing
        hands.now += 1.0
        assert seconds(app) == 6.5
        await pilot.press("space")
        hands.now += 1.0
        assert seconds(app) == 6.5
        assert not app.frozen
        await until(pilot, lambda: shown(app) == list(range(1, 14)))


@pytest.mark.parametrize("key", ["i", "P", "m"])
async def test_what_changes_something_is_refused_before_a_form_opens(path: Path, key: str) -> None:
    """A clear sentence, and no dialog."""
    app = replaying(path, Hands(), at=5.0)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot, app)
        await pilot.press(key)
        await until(pilot, lambda: app.news is not None and app.news.kind == "refused")
        assert len(app.screen_stack) == 1


async def test_a_live_console_opens_its_own_recording_and_comes_back(path: Path) -> None:
    """V shows the recording from the selected row on; q goes back to the engine, and then out."""
    link = rows.link()
    link.give(recording=str(path))
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        live = shown(app)
        assert not app.scrubber.display
        await pilot.press("V")
        assert app.replay is not None
        await until(pilot, lambda: app.scrubber.display)
        await pilot.press("V", "home")
        await until(pilot, lambda: shown(app) == [])
        await pilot.press("q")
        assert app.link is link
        link.give(settled=rows.snapshot().settled, settled_cursor=rows.snapshot().settled_cursor)
        await until(pilot, lambda: shown(app) == live)
        assert not app.scrubber.display
        assert not link.closings


async def test_without_a_recording_v_says_so(path: Path) -> None:
    """Nothing is opened, and the keys of a replay say what they are for."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("V")
        assert app.news is not None
        assert "Nothing is recorded" in app.news.text
        await pilot.press(".")
        assert "no replay" in app.news.text
        assert app.replay is None
