"""Replays: events that were sent again from here, followed to their end, and compared."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agentflow.control import Answer, SpanRef
from agentflow_console.commands import BY_ID
from agentflow_console.link.protocol import LinkError
from agentflow_console.panes.outcome_lines import ENDED
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.app import ConsoleApp
    from agentflow_console.forms.palette import Entry

_FIRST, _SLOWEST = 0.1, 2.0  # seconds between two looks at whether a replay has ended
_PATIENCE = 3_600.0  # seconds after which nobody waits for the end of a replay any more


class Replays:
    """Says when a replay has ended, and shows what came out differently."""

    def __init__(self, console: ConsoleApp) -> None:
        self._console = console
        self._last: tuple[str, str] | None = None

    def follow(self, original: str, answer: Answer | None) -> None:
        """Wait in the background for what the answer says was sent; nothing if it was refused."""
        if answer is None or not answer.ok or not isinstance(answer.data, str) or not original:
            return
        pair = self._last = (original, answer.data)
        self._console.run_worker(self._wait(*pair), group="replays", exit_on_error=False)

    async def _wait(self, original: str, replay: str) -> None:
        link, waited, pause = self._console.link, 0.0, _FIRST
        while waited < _PATIENCE and link.status != "closed":
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, _SLOWEST)
            try:
                detail = await link.event(replay)
            except LinkError:
                continue
            if detail is not None and detail.row.state in ENDED:
                break
        else:
            return
        try:
            old = await link.event(original)
        except LinkError:
            old = None
        was = f"{old.row.state} → " if old is not None else ""
        key = self._console.keys.label(BY_ID["event.difference"])
        self._last = (original, replay)
        self._console.say(
            f"Replay {safe(replay[-8:])} has ended: {was}{detail.row.state} · {key}: what came out",
            ok=detail.row.state == "succeeded",
        )

    # -- comparing --------------------------------------------------------------------------

    def compare(self, event_id: str) -> None:
        """Show the difference of an event and its replay, from either side of them.

        Without one of these, that of the last replay from here.
        """
        self._console.run_worker(self._compare(event_id), group="forms", exclusive=True)

    async def _compare(self, event_id: str) -> None:
        console = self._console
        try:
            detail = await console.link.event(event_id) if event_id else None
            related = await console.link.related(event_id, event_id) if detail else None
        except LinkError as error:
            console.say(str(error), ok=False)
            return
        original = detail.event.get("metadata", {}).get("replay_of", "") if detail else ""
        replays = [ref for ref in related.effects if ref.relation == "replay"] if related else []
        if original:
            self._show(original, event_id)
        elif len(replays) == 1:
            self._show(event_id, replays[0].event_id)
        elif replays:
            self._choose(event_id, replays)
        elif self._last is not None:
            self._show(*self._last)
        else:
            console.say("This event was not sent again; e sends an edited copy of it.")

    def _choose(self, original: str, replays: list[SpanRef]) -> None:
        from agentflow_console.forms.palette import Entry, PaletteScreen

        def chosen(entry: Entry | None) -> None:
            if entry is not None:
                self._show(original, entry.arguments[0])

        entries = [
            Entry(BY_ID["event.difference"], f"replay {safe(ref.event_id[-8:])}", "", ref.status,
                  (ref.event_id,))
            for ref in reversed(replays)
        ]  # fmt: skip
        self._console.push_screen(
            PaletteScreen(entries, placeholder="which one", title="Replays"), chosen
        )

    def _show(self, original: str, replay: str) -> None:
        from agentflow_console.forms.difference import DifferenceScreen

        self._console.push_screen(DifferenceScreen(self._console.link, original, replay))
