"""Roster: which agents take part, and in which order."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from agentflow_console.forms.picker import Picker
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.text import safe


@dataclass(frozen=True, slots=True)
class Member:
    """One agent on the list: its place from 1, or 0 when it doesn't take part."""

    name: str
    place: int


class Roster(Picker[Member]):
    """Agents to choose from, the chosen ones first, in their order.

    Space puts one in at the end, or out; ``<`` and ``>`` move it. With ``one`` there is
    exactly one, and space chooses it.
    """

    columns = (Column("", 3), Column("#", 2, ">"), Column("AGENT", 12, share=1))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "take", "In or out", id="roster.toggle"),
        Binding("less_than_sign,comma", "shift(-1)", "Earlier", id="roster.earlier"),
        Binding("greater_than_sign,full_stop", "shift(1)", "Later", id="roster.later"),
    ]

    class Changed(Message):
        """Other agents take part, or in another order."""

    def __init__(
        self,
        title: str,
        agents: Sequence[str],
        chosen: Sequence[str],
        *,
        one: bool = False,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.title = title
        self._agents = list(dict.fromkeys([*agents, *chosen]))
        self._one = one
        self.chosen = list(dict.fromkeys(chosen))
        """The names that take part, in order."""

    def on_mount(self) -> None:
        super().on_mount()
        self._arrange()

    def _arrange(self) -> None:
        places = {name: place for place, name in enumerate(self.chosen, 1)}
        rest = [name for name in self._agents if name not in places]
        names = self._agents if self._one else [*self.chosen, *rest]
        self.show([Member(name, places.get(name, 0)) for name in names])
        self.refresh_edges()

    def _changed(self) -> None:
        member = self.selected
        self._arrange()
        if member is not None:
            self.select(member.name)
        self.post_message(self.Changed())

    def action_take(self) -> None:
        member = self.selected
        if member is None:
            return
        if self._one:
            self.chosen = [member.name]
        elif member.place:
            self.chosen.remove(member.name)
        else:
            self.chosen.append(member.name)
        self._changed()

    def action_shift(self, by: int) -> None:
        member = self.selected
        if member is None or not member.place or self._one:
            return
        at = member.place - 1
        to = min(max(at + by, 0), len(self.chosen) - 1)
        self.chosen.insert(to, self.chosen.pop(at))
        self._changed()

    def key(self, row: Member) -> Hashable:
        return row.name

    def note(self) -> str:
        return "" if self._one else f"{len(self.chosen)} of {len(self._agents)}"

    def empty(self) -> str:
        return "There are no agents.\nAdd a table [agents.NAME] to agentflow.toml and save."

    def cells(self, row: Member) -> list[Piece]:
        palette = self.palette
        if not row.place:
            return [("( )" if self._one else "[ ]", palette.muted), ("", palette.muted),
                    (safe(row.name, 60), palette.muted)]  # fmt: skip
        mark = "(•)" if self._one else "[x]"
        number = "" if self._one else str(row.place)
        return [(mark, palette.primary), (number, palette.primary),
                (safe(row.name, 60), palette.strong)]  # fmt: skip
