"""Walking: from a span to what caused it and to what it caused, and back along the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from agentflow.control import Related, SpanRef
from agentflow.telemetry.snapshot import SpanRow
from agentflow_console.commands import BY_ID
from agentflow_console.link.protocol import LinkError
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.app import ConsoleApp
    from agentflow_console.forms.palette import Entry

Place: TypeAlias = tuple[str, str, str]
"""Session, event and span."""

_WORDS = {"emitted": "emitted", "requested": "requested", "replay": "replay", "part": "part of"}
_STEPS = 100  # that esc goes back


class Walk:
    """The way that a person went through causes and effects; ``go`` shows a place."""

    def __init__(self, console: Callable[[], ConsoleApp], go: Callable[[Place], object]) -> None:
        self._app = console
        self._go = go
        self._way: list[Place] = []

    @property
    def _console(self) -> ConsoleApp:
        return self._app()

    def cause(self, session: str, span: SpanRow) -> None:
        """Go to what caused this span."""
        self._look((session, span.event_id, span.id), "traces.cause")

    def effects(self, session: str, span: SpanRow) -> None:
        """Go to what this span caused."""
        self._look((session, span.event_id, span.id), "traces.effects")

    def back(self) -> bool:
        """Go back one step; False if there is none."""
        if not self._way:
            return False
        self._go(self._way.pop())
        return True

    def forget(self) -> None:
        """Somebody went elsewhere: there is no way back."""
        self._way.clear()

    def _look(self, here: Place, command: str) -> None:
        self._console.run_worker(self._follow(here, command), group="walk", exclusive=True)

    async def _follow(self, here: Place, command: str) -> None:
        console = self._console
        try:
            related = await console.link.related(here[1], here[2])
        except LinkError as error:
            console.say(str(error), ok=False)
            return
        if related is None:
            console.say("The engine keeps no trace of that any more.", ok=False)
            return
        found = related.causes if command == "traces.cause" else related.effects
        if not found:
            console.say(_nothing(related, command))
        elif len(found) == 1:
            self._step(here, found[0])
        else:
            self._choose(here, found, command)

    def _step(self, here: Place, there: SpanRef) -> None:
        self._way.append(here)
        del self._way[:-_STEPS]
        self._go((there.session, there.event_id, there.span_id))

    def _choose(self, here: Place, found: Sequence[SpanRef], command: str) -> None:
        from agentflow_console.forms.palette import Entry, PaletteScreen

        def chosen(entry: Entry | None) -> None:
            if entry is not None:
                self._step(here, found[int(entry.arguments[0])])

        entries = [
            Entry(
                BY_ID[command], f"{_WORDS.get(ref.relation, ref.relation)} {safe(ref.name, 60)}",
                ref.event_id[-8:], _beside(ref, here), (str(number),),
            )
            for number, ref in enumerate(found)
        ]  # fmt: skip
        many = "Causes" if command == "traces.cause" else "Effects"
        self._console.push_screen(
            PaletteScreen(entries, placeholder="which one", title=many), chosen
        )


def _beside(ref: SpanRef, here: Place) -> str:
    if ref.session == here[0]:
        return ref.status
    return f"{ref.status}, in session {safe(ref.session, 60)}"


def _nothing(related: Related, command: str) -> str:
    if command == "traces.cause":
        return related.said or "Nothing that is remembered caused it."
    return "It caused no other event."
