"""Dead letters: what ended without success, and what to do about it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from textual.binding import BindingType

from agentflow.control import Answer, DeadDetail
from agentflow.telemetry.snapshot import DeadRow
from agentflow_console.bindings import bindings
from agentflow_console.latest import Latest
from agentflow_console.link.protocol import LinkError
from agentflow_console.panes.dead_letters import DeadLettersPane, dead_lines
from agentflow_console.screens.listing import Listing
from agentflow_console.text import safe


class DeadLetters(Listing):
    """The list, and the selected letter: error, trace, data, attempts."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("dead_letters")
    room = "dead_letters"
    title = "Dead letters"

    def __init__(self) -> None:
        super().__init__()
        self._detail: DeadDetail | None = None
        self._latest: Latest[int, DeadDetail | None] | None = None
        self._described: object = None

    def make_list(self) -> DeadLettersPane:
        return DeadLettersPane(id="dead-list")

    def describe(self, row: DeadRow | None) -> None:
        cells = self.detail_cells
        if not cells:
            return
        palette = self.console.palette
        if row is None:
            self._described = None
            self.detail.show("", "Dead letter", [[(" No dead letter.", palette.muted)]])
            return
        if self._latest is None:
            self._latest = Latest(self, self.console.link.dead_letter, self._got)
        self._latest.want(row.number)
        known = self._detail
        detail = known if known is not None and known.row.number == row.number else None
        described = (row, detail, cells, palette)
        if described == self._described:  # this is asked for at every frame
            return
        self._described = described
        self.detail.plain_of = lambda: _plain(row, detail)
        self.detail.show(
            row.number, f"Dead letter {row.number}", dead_lines(row, detail, palette, cells)
        )

    def _got(self, number: int, detail: DeadDetail | None) -> None:
        self._detail = detail
        if self.list.selected is not None and self.list.selected.number == number:
            self.describe(self.list.selected)

    # -- doing something about it ------------------------------------------------------------

    def action_edit_replay(self) -> None:
        """Open the letter's data in an editor."""
        row = self.list.selected
        if row is None:
            self.console.say("There is no dead letter to edit.")
        elif not self.console.refused():
            self.run_worker(self._edit(row.number), group="forms", exclusive=True)

    async def _edit(self, number: int) -> None:
        from agentflow_console.forms.edit_replay import EditReplayScreen

        try:
            detail = await self.console.link.dead_letter(number)
        except LinkError as error:
            self.console.say(str(error), ok=False)
            return
        if detail is None:
            self.console.say(f"There is no dead letter {number} any more.", ok=False)
            return
        event_id = detail.row.event_id

        def done(answer: Answer | None) -> None:
            self._done(answer)
            self.console.replays.follow(event_id, answer)

        await self.app.push_screen(EditReplayScreen(self.console.command, detail), done)

    def _done(self, answer: Answer | None) -> None:
        if answer is not None and self._latest is not None:
            self._latest.forget()

    def action_drop(self) -> None:
        """Drop the selected letter, after a question."""
        row = self.list.selected
        if row is None:
            self.console.say("There is no dead letter to drop.")
            return
        self._ask(
            f"Drop dead letter {row.number}?",
            [
                f"{row.agent or row.target}: {row.error}",
                "",
                "It can't be replayed after that. It stays counted as dead.",
            ],
            "Drop",
            "drop",
            destroys=True,
            number=row.number,
        )

    def action_replay_all(self) -> None:
        """Replay every letter that was not handled yet, after a question."""
        rows = self._unhandled()
        if rows:
            self._ask(
                f"Replay {_letters(len(rows))}?",
                [*_by_agent(rows), "", "They run again in the order in which they died."],
                "Replay",
                "replay_all",
            )

    def action_clear(self) -> None:
        """Drop every letter, after a question."""
        rows = self._unhandled()
        if rows:
            self._ask(
                f"Drop {_letters(len(rows))}?",
                [*_by_agent(rows), "", "None of them can be replayed after that."],
                "Drop all",
                "clear_dead",
                destroys=True,
            )

    def action_export(self) -> None:
        """Write the letters that the list shows into a file."""
        numbers = sorted(row.number for row in self.list.rows)
        if not numbers:
            self.console.say("There is no dead letter to export.")
            return
        from agentflow_console.forms.export import ExportScreen

        def exported(answer: Answer | None) -> None:
            if answer is not None:
                self.console.say(answer.message, ok=answer.ok)

        self.app.push_screen(ExportScreen(self.console.link, numbers), exported)

    def _unhandled(self) -> list[DeadRow]:
        rows = [row for row in self.console.store.dead if row.status == "dead"]
        if not rows:
            self.console.say("There are no dead letters that wait for anything.")
        return rows

    def _ask(
        self,
        title: str,
        touches: list[str],
        verb: str,
        command: str,
        *,
        destroys: bool = False,
        **arguments: Any,
    ) -> None:
        if self.console.refused():
            return
        from agentflow_console.forms.confirm import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                saying = title.rstrip("?")
                self.console.change(command, saying=saying, **arguments, **screen.why)

        config = self.console.store.config
        screen = ConfirmScreen(
            title, touches, verb=verb, destroys=destroys, asks=True,
            insists=config is not None and config.ask_why,
        )  # fmt: skip
        self.app.push_screen(screen, answered)


def _letters(count: int) -> str:
    return f"{count} dead letter{'' if count == 1 else 's'}"


def _by_agent(rows: list[DeadRow]) -> list[str]:
    counts: dict[str, int] = {}
    for row in rows:
        name = row.agent or row.target
        counts[name] = counts.get(name, 0) + 1
    return [f"{count:>5}  {safe(name, 60)}" for name, count in counts.items()]


def _plain(row: DeadRow, detail: DeadDetail | None) -> str:
    if detail is None:
        return f"{row.number} {row.agent or row.target}: {row.error}\n{row.data}"
    whole = {
        "number": row.number,
        "agent": row.agent,
        "attempts": row.attempts,
        "config_version": row.version,
        "error": detail.error,
        "trace": detail.error_trace,
        "event": detail.event,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, default=repr)
