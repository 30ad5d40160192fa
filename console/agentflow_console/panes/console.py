"""The console about itself: its frames, its keys, what it sends, and what it costs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import Snapshot
from agentflow_console import show
from agentflow_console.frame_rate import FrameRate
from agentflow_console.gauge import Reading
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import DocumentPane
from agentflow_console.text import fit

if TYPE_CHECKING:
    from rich.style import Style

    from agentflow_console.app import ConsoleApp
    from agentflow_console.store import Store

_NAME = 9
_SLOW_FRAME, _SLOW_KEY = 0.1, 0.1  # seconds from which a figure is worth a colour
_DEAR = 0.1  # share of a core, likewise


class ConsolePane(DocumentPane):
    """What a frame takes, how long keys wait, what was left out, what all of it costs."""

    period = 0.5

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = "Console"

    def look(self, store: Store, now: float) -> None:
        app: ConsoleApp = self.app  # type: ignore[assignment]
        reading, rate = app.reading(), app.pump.rate
        lost = store.events.missed + store.log_missed
        lines = [
            self._frames(reading, rate),
            self._parts(reading),
            self._keys(reading),
            self._terminal(reading, rate),
            self._dropped(reading.skipped, lost),
        ]
        if store.snapshot is not None:
            lines.append(self._engine(store.snapshot))
        together = store.snapshot is not None and store.snapshot.pid == os.getpid()
        lines.append(self._own(reading, together=together))
        self.show("console", "Console", lines)

    # -- its lines -------------------------------------------------------------------------

    def _frames(self, reading: Reading, rate: FrameRate) -> list[Piece]:
        frame = reading.apply + reading.paint
        return self._line(
            "frames",
            (f"{reading.fps:.0f}/s", self._style(rate.slow)),
            (f" of at most {1 / rate.base:.0f}/s, 95 % within ", self.palette.muted),
            (show.duration(frame), self._style(frame >= _SLOW_FRAME)),
        )

    def _parts(self, reading: Reading) -> list[Piece]:
        parts = [("fetch", reading.fetch), ("apply", reading.apply), ("paint", reading.paint)]
        pieces: list[Piece] = []
        for name, seconds in [*parts, ("terminal", reading.taken)]:
            pieces.append((f"{name} ", self.palette.muted))
            pieces.append((fit(show.duration(seconds), 6), self._style(seconds >= _SLOW_FRAME)))
        return self._line("", *pieces)

    def _keys(self, reading: Reading) -> list[Piece]:
        if not reading.keys:
            return self._line("keys", ("none pressed yet", self.palette.muted))
        return self._line(
            "keys",
            ("p50 ", self.palette.muted),
            (fit(show.duration(reading.key_p50), 6), self._style(reading.key_p50 >= _SLOW_KEY)),
            ("p99 ", self.palette.muted),
            (fit(show.duration(reading.key_p99), 6), self._style(reading.key_p99 >= _SLOW_KEY)),
            ("from the key to the screen", self.palette.muted),
        )

    def _terminal(self, reading: Reading, rate: FrameRate) -> list[Piece]:
        said = f"slow: a frame every {show.duration(rate.period)}" if rate.slow else "keeps up"
        return self._line(
            "terminal",
            (f"{show.size(reading.bytes_rate)}/s ", self.palette.text),
            (said, self.palette.warning if rate.slow else self.palette.muted),
        )

    def _dropped(self, frames: int, rows: int) -> list[Piece]:
        return self._line(
            "left out",
            (f"{show.count(rows)} rows", self._style(rows > 0)),
            (", ", self.palette.muted),
            (f"{show.count(frames)} frames", self.palette.text),
        )

    def _engine(self, snapshot: Snapshot) -> list[Piece]:
        return self._line(
            "engine",
            (_share(snapshot.engine_cost), self._style(snapshot.engine_cost >= _DEAR)),
            (" of a core to answer this console, ", self.palette.muted),
            (show.size(snapshot.memory), self.palette.text),
        )

    def _own(self, reading: Reading, *, together: bool) -> list[Piece]:
        what = "both in one process" if together else "of a core to draw, "
        size: Piece = ("" if together else show.size(reading.memory), self.palette.text)
        return self._line(
            "console",
            (f"{_share(reading.cpu)} ", self.palette.text),
            (what, self.palette.muted),
            size,
        )

    def _line(self, name: str, *pieces: Piece) -> list[Piece]:
        return [(" " + fit(name, _NAME), self.palette.muted), *pieces]

    def _style(self, bad: bool) -> Style:
        return self.palette.warning if bad else self.palette.text


def _share(share: float) -> str:
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"
