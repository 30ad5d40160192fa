"""Footer: the alert line, which is there only when there is something to say, and the keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import Blocked
from agentflow_console.commands import (
    BY_ID,
    REPLAY,
    SCREENS,
    Command,
    footer_groups,
    in_scopes,
    on_screen,
)
from agentflow_console.farewell import blocked_progress, fitting, progress, second_quit
from agentflow_console.line import Line, length
from agentflow_console.panes.base import Piece
from agentflow_console.text import crop, safe

if TYPE_CHECKING:
    from agentflow_console.app import ConsoleApp


_DISPENSABLE = (
    "view.copy", "view.back", "event.replay", "view.zoom", "mode.choose", "palette.open",
    "view.open", "view.freeze", "metrics.narrower", "metrics.wider", "event.inject",
    "agent.pause", "view.filter", "replay.slower", "replay.faster",
    "replay.back", "replay.on",
)  # fmt: skip
"""What the footer leaves out first when it is short of room; help has everything."""

_SENSIBLE = 16  # cells that a sentence needs to tell anybody anything


class AlertLine(Line):
    """At the left what is wrong, at the right what came of the last action."""

    DEFAULT_CSS = """
    AlertLine { display: none; }
    """

    def refresh_from(self, app: ConsoleApp) -> None:
        """Show what there is to say, or go."""
        if app.leaving or app.link.status == "draining":
            self._show_leaving(app)
            return
        left, right = self._alert(app), self._news(app)
        kind = app.news.kind if app.news is not None else ""
        room = self.cells
        if kind == "asked":
            left = []  # a question needs the whole line
        if kind == "alarm":
            left, right = right, left
            share = room
        else:
            share = room // 3 if right else room
        self.display = bool(left or right)
        # What is asked for or alarming is shown whole before the rest gets any room.
        kept = min(length(left), share)
        right = _cropped(right, room - kept - 2)
        self.say(_cropped(left, room - length(right) - 2 * bool(right)), right)

    def _show_leaving(self, app: ConsoleApp) -> None:
        """How far the engine is, and what would hasten it."""
        palette, snapshot, link = self.palette, app.store.snapshot, app.link
        self.display = True
        blocked, seconds = link.blocked, link.seconds_left
        if app.leaving != "at once" and link.owned and blocked is not None:
            lefts = blocked_progress(blocked, app.clock(), seconds)
        elif app.leaving == "at once" or not link.owned or snapshot is None:
            self.say([("… Stopping now", palette.notice)])
            return
        else:
            agents = [row.name for row in app.store.agents if row.in_flight]
            lefts = progress(snapshot.counts, agents, seconds)
        rights = [""]
        if app.leaving:
            rights = second_quit(app.keys.label(BY_ID["app.quit"]), link.journal)
        left, right = fitting(lefts, rights, self.cells - 2)
        self.say([(f"… {left}", palette.notice)], [(right, palette.text)])

    def _alert(self, app: ConsoleApp) -> list[Piece]:
        palette, snapshot = self.palette, app.store.snapshot
        reason = app.link.reason or app.pump.failure
        if reason and (app.pump.failure or app.link.status in ("lost", "restarting")):
            return [(f"! {safe(reason, 400)}", palette.error)]
        blocked = app.link.blocked or (snapshot.blocked if snapshot else None)
        if blocked is not None:
            return [(f"! {_blocked(blocked, app.clock())}", palette.error)]
        if snapshot is not None and snapshot.alerts:
            more = f" (+{len(snapshot.alerts) - 1})" if len(snapshot.alerts) > 1 else ""
            return [(f"! {safe(snapshot.alerts[0], 300)}{more}", palette.warning)]
        return []

    def _news(self, app: ConsoleApp) -> list[Piece]:
        palette, news = self.palette, app.news
        if news is None:
            return []
        glyph, style = {
            "pending": ("…", palette.muted),
            "done": ("✓", palette.success),
            "refused": ("✗", palette.error),
            "said": ("~", palette.text),
            "asked": ("?", palette.notice),
            "alarm": ("!", palette.error),
        }[news.kind]
        return [(f"{glyph} {safe(news.text, 300)}", style)]


def _blocked(blocked: Blocked, now: float) -> str:
    who = safe(blocked.agent, 40) or "Code"
    where = f" at {safe(blocked.where, 120)}" if blocked.where else ""
    return f"{who} blocks the engine for {max(now - blocked.since, 0):.1f} s{where}"


def _cropped(pieces: list[Piece], cells: int) -> list[Piece]:
    """The one piece in so many cells; nothing if that would not tell anybody anything."""
    if not pieces or cells < _SENSIBLE:
        return []
    text, style = pieces[0]
    return [(crop(text, cells), style)]


class FooterLine(Line):
    """The keys that are of most use here, as many as fit."""

    def refresh_from(self, app: ConsoleApp) -> None:
        """Show the keys of the visible screen; the most dispensable ones go first."""
        room = app.room.room if app.room else SCREENS[0].id
        commands = on_screen(room)
        if app.replay is not None:
            # What changes the system is not offered; instead of the view time itself stands still.
            commands = [
                replace(BY_ID["view.freeze"], footer="play"),
                *in_scopes(REPLAY),
                *(one for one in commands if not one.changes and one.id != "view.freeze"),
            ]
        groups = footer_groups(commands)
        gone: set[str] = set()
        for id in (None, *_DISPENSABLE):
            if id == "view.freeze" and app.replay is not None:
                continue  # there it plays
            if id is not None:
                gone.add(id)
            pieces = self._keys(app, groups, gone)
            if length(pieces) < self.cells:
                break
        self.say(pieces)

    def _keys(self, app: ConsoleApp, groups: list[list[Command]], gone: set[str]) -> list[Piece]:
        pieces: list[Piece] = []
        for group in groups:
            keys = [self._key(app, command) for command in group if command.id not in gone]
            if not keys:
                continue
            pieces.append((" │ " if pieces else " ", self.palette.bar_muted))
            for index, key in enumerate(keys):
                if index:
                    pieces.append(("  ", self.palette.bar))
                pieces += key
        return pieces

    def _key(self, app: ConsoleApp, command: Command) -> list[Piece]:
        palette = self.palette
        off = command.changes and app.read_only
        return [
            (app.keys.label(command), palette.bar_muted if off else palette.key),
            (" " + command.footer, palette.bar_muted if off else palette.bar),
        ]
