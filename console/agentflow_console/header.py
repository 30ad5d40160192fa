"""Header: the status line and the line of tabs.

The status line says how the system is in the width there is. What matters least becomes
shorter or goes first; numbers keep the widest place they had, so nothing jumps.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.style import Style

from agentflow.telemetry.health.report import CRITICAL, OK, headline
from agentflow.telemetry.snapshot import Snapshot
from agentflow_console.commands import SCREENS
from agentflow_console.health_text import verdict
from agentflow_console.line import Line, length
from agentflow_console.link.asking import operator_name
from agentflow_console.panes.base import Piece
from agentflow_console.panes.plot import axis_top, bars
from agentflow_console.text import crop, safe, width

if TYPE_CHECKING:
    from textual import events

    from agentflow_console.app import ConsoleApp

_SPARK = 8  # cells of the queue's little history
_HEADLINE = 28  # cells of what is wrong
_LATE, _TOO_LATE = 0.1, 0.5  # seconds that a frame takes, from which it is worth a word
_DEAR = 0.1  # share of a core, likewise
Part = list[list[Piece]]
"""One part in all its lengths, the longest first; the last may be nothing."""

_SHORTEN = (
    "ui", "drop", "spark", "cfg", "brand", "pace", "mode", "health", "spark", "ui", "clock",
    "rights", "rate", "queue", "cfg", "health", "mode", "name", "health", "fail",
)  # fmt: skip
"""Who gives way first; a part named twice gives way twice."""


class StatusLine(Line):
    """The first line of the screen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._places: dict[str, int] = {}
        self._me = operator_name()
        self._delay = (0.0, 0.0)  # until when which delay is shown

    def refresh_from(self, app: ConsoleApp) -> None:
        """Say how things are now."""
        parts = self._parts(app)
        for name in ("", *_SHORTEN):
            if name in parts and len(parts[name]) > 1:
                parts[name].pop(0)
            left, right = _joined(parts, self.palette.bar)
            if length(left) + length(right) + 2 <= self.cells:
                break
        self.say(left, right)

    def _parts(self, app: ConsoleApp) -> dict[str, Part]:
        palette, snapshot = self.palette, app.store.snapshot
        muted = palette.bar_muted
        rights = "READ-ONLY" if app.read_only or (snapshot and snapshot.read_only) else "RW"
        parts: dict[str, Part] = {
            "brand": [[(f" {safe(app.title, 20)}", palette.brand)], []],
            "state": [self._badges(app)],
            "health": self._health(app),
        }
        if snapshot is not None:
            parts |= self._system(app, snapshot)
        parts["ui"] = self._ui(app, snapshot)
        shown = palette.notice if rights == "READ-ONLY" else muted
        short = "RO" if rights == "READ-ONLY" else "RW"
        parts["rights"] = [
            [(f" {rights} " if rights == "READ-ONLY" else rights, shown)],
            [(short, shown)],
        ]
        if (name := app.link.operator) != self._me:
            who: Piece = (f" {crop(safe(name, 60), 16)}", palette.bar)
            parts["rights"] = [[*parts["rights"][0], who], *parts["rights"]]
        now = time.strftime("%H:%M:%S", time.localtime(app.clock()))
        parts["clock"] = [[(now + " ", muted)], []]
        return parts

    def _system(self, app: ConsoleApp, snapshot: Snapshot) -> dict[str, Part]:
        palette = self.palette
        bar, muted = palette.bar, palette.bar_muted
        counts, config = snapshot.counts, app.store.config
        queued = counts.queued + counts.held
        name = safe(snapshot.name, 80)
        mode = safe(snapshot.mode, 20)
        queue = self._place("queue", str(counts.queued), 3)
        rate = self._place("rate", f"{snapshot.rate:.0f}/s", 5)
        lost = app.store.events.missed + app.store.log_missed
        depths = [point.queued for point in app.store.points[-_SPARK:]]
        history = bars(depths, _SPARK, axis_top(max([*depths, 10])))
        ok = config is None or config.status == "ok"
        verdict: Piece = ("ok", palette.bar) if ok else ("refused", palette.alarm)
        version: Piece = (f"v{snapshot.version} ", bar)
        file = safe(config.path.rpartition("/")[2], 40) if config else ""
        failed = palette.dead if counts.dead else bar
        parts: dict[str, Part] = {
            "name": [[(crop(name, 24), palette.bar)], [(crop(name, 12), bar)]],
            "mode": [[("mode ", muted), (mode, bar)], [(mode, bar)], []],
            "cfg": [
                [("cfg ", muted), (f"{crop(file, 24)} ", bar), version, verdict],
                [("cfg ", muted), version, verdict],
                [version, verdict] if not ok else [],
            ],
            "queue": [[("queue ", muted), (queue, bar)], [("q ", muted), (queue, bar)]],
            "spark": [[(history, palette.brand)], []],
            "held": [[("held ", muted), (str(counts.held), palette.held)]] if counts.held else [[]],
            "rate": [[(rate, bar)], []],
            "fail": [
                [("fail ", muted), (str(counts.dead), failed)],
                [("✗", failed), (str(counts.dead), failed)],
            ],
            "drop": [[("drop ", muted), (str(lost), palette.warning if lost else bar)]],
        }
        if not lost:
            parts["drop"].append([])
        if snapshot.pace:
            parts["pace"] = [[("pace ", muted), (f"{snapshot.pace:g}/s", bar)], []]
        if not queued:
            parts["spark"] = [[(history, muted)], []]
        return parts

    def _badges(self, app: ConsoleApp) -> list[Piece]:
        palette, snapshot = self.palette, app.store.snapshot
        status, blocked = app.link.status, app.link.blocked
        words: list[Piece] = []
        if (replay := app.replay) is not None:
            at = time.strftime("%H:%M:%S", time.localtime(replay.at))
            return [(f" REPLAY {at} ×{replay.speed:g} ", palette.notice)]
        if status == "restarting":
            words.append((" RESTARTING ", palette.notice))
        elif status == "draining":
            words.append((" STOPPING ", palette.notice))
        elif _gone(app):
            words.append((" DISCONNECTED ", palette.alarm))
        elif blocked is not None or (snapshot is not None and snapshot.blocked is not None):
            words.append((" BLOCKED ", palette.alarm))  # also before the first snapshot
        elif snapshot is None or status == "starting":
            words.append((" STARTING ", palette.notice))
        elif snapshot.paused:
            words.append((" HELD ", palette.notice))
        elif not app.frozen:
            words.append((" LIVE ", palette.calm))
        if snapshot is not None and snapshot.canary is not None and not _gone(app):
            share = snapshot.canary.share
            word = "NEW SESSIONS" if share >= 100 else f"CANARY {share:g}%"
            words.append((f" {word} ", palette.notice))
        if snapshot is not None and snapshot.stops:
            stopped = len({stop.event_id for stop in snapshot.stops})
            words.append((f" STOPPED {stopped} ", palette.notice))
        if app.frozen:
            words.insert(0, (" FROZEN ", palette.frozen))
        return words

    def _health(self, app: ConsoleApp) -> Part:
        """How the system is; not while the engine doesn't answer, for then nobody knows."""
        palette, health = self.palette, app.store.health
        if health is None or app.link.blocked is not None or _gone(app):
            return [[]]
        word = verdict(health)
        if health.status == OK:
            sign: Piece = (word[:1], _on_bar(palette.success, palette.bar))
            calm = [sign, (word[1:], palette.bar_muted)]
            # As many forms as when there is something to say: it gives way at the same points.
            return [calm, calm, [sign, (f" {health.score}", palette.bar_muted)], []]
        style = _on_bar(palette.warning, palette.bar)
        if health.status == CRITICAL:
            style = palette.alarm
        cause = crop(safe(headline(health), 80), _HEADLINE)
        forms = [f"{word}: {cause}" if cause else word, word, f"{word[:1]} {health.score}"]
        pad = " " if health.status == CRITICAL else ""
        return [[(f"{pad}{form}{pad}", style)] for form in forms]

    def _ui(self, app: ConsoleApp, snapshot: Snapshot | None) -> Part:
        """How the console itself does: short while it does well."""
        palette, rate = self.palette, app.pump.rate
        warning = _on_bar(palette.warning, palette.bar)
        if rate.slow:
            fps = f"{1 / rate.period:.0f}fps" if rate.period <= 1 else f"{1 / rate.period:.1f}fps"
            long: list[Piece] = [(f"{fps} slow terminal", warning)]
            return [long, long, [(fps, warning)]]  # who reads it there should know why
        delay = self._steady(app.pump.delay)
        shown = self._place("ui", f"{delay * 1000:.0f}ms")
        cost = snapshot.engine_cost if snapshot is not None else 0.0
        if delay < _LATE and cost < _DEAR:
            return [[("ui ", palette.bar_muted), (shown, palette.bar)], []]
        style = palette.alarm if delay >= _TOO_LATE else warning
        said = "slow screen" if delay >= _LATE else f"costs {cost:.0%} of a core"
        short = f"ui {shown.strip()}"
        return [[(f"{short} {said}", style)], [(short, style)], []]

    def _steady(self, delay: float) -> float:
        """The same for a second: a number that twitches costs more than it tells."""
        until, before = self._delay
        now = time.monotonic()
        if now >= until or (delay >= _LATE) is not (before >= _LATE):
            self._delay = (now + 1.0, delay)
        return self._delay[1]

    def _place(self, name: str, text: str, least: int = 0) -> str:
        """The text at the right of the widest place it ever had."""
        place = self._places[name] = max(self._places.get(name, least), width(text))
        return text.rjust(place)


def _gone(app: ConsoleApp) -> bool:
    return bool(app.pump.failure) or app.link.status in ("lost", "closed")


def _on_bar(style: Style, bar: Style) -> Style:
    """A colour of the panes on the ground of the header."""
    return bar + Style(color=style.color, dim=style.dim)


def _joined(parts: dict[str, Part], bar: Style) -> tuple[list[Piece], list[Piece]]:
    """The parts with blanks between them: the last ones stand at the right edge."""
    left: list[Piece] = []
    right: list[Piece] = []
    for name, part in parts.items():
        pieces = part[0]
        if not pieces:
            continue
        side = right if name in ("clock",) else left
        if side:
            side.append((" " if name == "spark" else "  ", bar))
        side.extend(pieces)
    return left, right


class TabLine(Line):
    """The second line: the screens and their keys."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._spans: list[tuple[int, int, str]] = []

    def refresh_from(self, app: ConsoleApp) -> None:
        """Say which screens there are, and which one is shown."""
        current = app.room.room if app.room else ""
        dead = sum(1 for row in app.store.dead if row.status == "dead")
        for style in ("long", "short", "keys"):
            pieces = self._tabs(app, current, dead, style)
            if length(pieces) <= self.cells:
                break
        self.say(pieces)

    def _tabs(self, app: ConsoleApp, current: str, dead: int, style: str) -> list[Piece]:
        palette = self.palette
        pieces: list[Piece] = []
        self._spans = []
        at = 0
        for screen in SCREENS:
            here = screen.id == current
            if screen.quiet and not here and not _anything_on(screen.id, app):
                continue
            title = screen.title
            if style == "short":
                title = _SHORT.get(screen.id, title)
            if style == "keys" and not here:
                title = ""
            count = f" ({dead})" if screen.id == "dead_letters" and dead else ""
            if style != "long":
                count = count.strip()
            text = f" {app.keys.keys.get(f'go.{screen.id}', (screen.key,))[0]}"
            text = f"{text} {title}{count}".rstrip()
            if style == "long" or here:
                text += " "
            pieces.append((text, palette.tab if here else palette.bar_muted))
            self._spans.append((at, at + width(text), screen.id))
            at += width(text)
        return pieces

    def on_click(self, event: events.Click) -> None:
        """A click on a tab goes there."""
        for start, end, room_id in self._spans:
            if start <= event.x < end:
                self.app.call_later(self.app.run_action, f"go({room_id!r})")


def _anything_on(screen: str, app: ConsoleApp) -> bool:
    """Whether a quiet screen has something to show."""
    if screen == "breakpoints":
        return bool(app.store.breakpoints)
    return screen in app.rooms


_SHORT = {
    "overview": "Over",
    "events": "Event",
    "agents": "Agent",
    "hooks": "Hook",
    "traces": "Trace",
    "metrics": "Metr",
    "config": "Conf",
    "dead_letters": "Dead",
    "audit": "Audit",
    "log": "Log",
    "breakpoints": "Break",
}
