"""Inject: an event of one's own, filled in by hand or from one that was there before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static

from agentflow_console.forms.choice import Choice
from agentflow_console.forms.form import Form, Refused, Request, Send, named
from agentflow_console.forms.fuzzy import ranked
from agentflow_console.forms.json_editor import Checked, JsonEditor, MarkedArea
from agentflow_console.forms.json_text import Fault, write_object
from agentflow_console.forms.metadata_text import (
    LEFT_BEHIND,
    LINEAGE,
    OWN_FIELDS,
    read_metadata,
    write_metadata,
)
from agentflow_console.text import safe

PRIORITIES = ("low", "normal", "high", "critical")
_LARGE = 200_000  # characters of data that a person can still edit


class InjectScreen(Form):
    """The inject form. ``event`` (as ``Event.to_dict`` gives it) fills it in.

    What is sent then is a replay of that event: it keeps session, source and what caused it,
    and says in its metadata whose replay it is.

    ``agents`` are the names offered for the target. An unknown one is sent all the same:
    it becomes a dead letter, which can be replayed once there is such an agent. Without a
    target the orchestration takes the event, in every ``mode`` but route.
    """

    DEFAULT_CSS = """
    InjectScreen #data MarkedArea { height: 9; max-height: 100vh; }
    InjectScreen #metadata MarkedArea { height: 4; }
    InjectScreen.-tall #data MarkedArea { height: 18; }
    InjectScreen.-tall #metadata MarkedArea { height: 6; }
    InjectScreen Input { width: 1fr; }
    """
    heading = "Inject an event"

    def __init__(
        self,
        send: Send,
        agents: Sequence[str],
        event: Mapping[str, Any] | None = None,
        *,
        target: str = "",
        mode: str = "route",
    ) -> None:
        super().__init__(send)
        self._mode = mode
        self._agents = tuple(agents)
        self._event = event or {"target": target}
        if event is not None:
            self.heading = f"Send an edited copy of {safe(str(event.get('id') or '')[-8:])}"

    def fields(self) -> Iterator[Widget]:
        event = self._event
        metadata = {**(event.get("metadata") or {})}
        priority = str(metadata.get("priority", "normal")).lower()
        yield named(
            "Target",
            Input(
                str(event.get("target") or ""),
                placeholder="an agent",
                suggester=SuggestFromList(self._agents, case_sensitive=False),
                compact=True,
                id="target",
            ),
        )
        yield named("", Static(classes="hint", id="known"))
        own = str(event.get("session_id") or "")
        yield named(
            "Session",
            Input(own, placeholder="a new one of its own", compact=True, id="session"),
        )
        yield named("Priority", Choice(PRIORITIES, _known(priority), id="priority"))
        yield JsonEditor("Data", _data_text(event), hint="JSON", id="data")
        own_metadata = {
            key: str(value)
            for key, value in metadata.items()
            if key not in LINEAGE | OWN_FIELDS | LEFT_BEHIND
        }
        yield Checked(
            "Metadata",
            write_metadata(own_metadata),
            read_metadata,
            hint="key=value lines, or JSON",
            colored=False,
            id="metadata",
        )

    def on_mount(self) -> None:
        super().on_mount()
        if not self._event.get("data"):
            self.query_one("#data MarkedArea", MarkedArea).move_cursor((1, 2))
        self.query_one("#data MarkedArea" if self._event.get("data") else "#target").focus()
        self._show_known()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "target":
            self._show_known()

    def on_input_submitted(self) -> None:
        self.focus_next()

    def _show_known(self) -> None:
        target = self.query_one("#target", Input).value.strip()
        hint = self.query_one("#known", Static)
        if not target and self._mode != "route":
            hint.update(Content(f"the {self._mode} orchestration, or one of {len(self._agents)}"))
        elif target in self._agents:
            hint.update(Content.styled("✓ known", "$success"))
        elif matches := ranked(target, self._agents)[:6]:
            hint.update(Content("  ".join(safe(name, 30) for name in matches)))
        elif not self._agents:
            hint.update(Content(""))
        else:
            warning = "? no such agent: it would become a dead letter, to replay later"
            hint.update(Content.styled(warning, "$warning"))

    def request(self) -> Request:
        data, metadata = self._checked("data"), self._checked("metadata")
        target = self.query_one("#target", Input).value.strip()
        routed = "route" in metadata or "broadcast_targets" in metadata
        if not target and not routed and self._mode == "route":
            raise Refused("Target: name the agent that gets it.", self.query_one("#target"))
        priority = self.query_one("#priority", Choice).value
        if priority != "normal":
            metadata = {"priority": priority, **metadata}
        event: dict[str, Any] = {
            "target": target, "data": data, "metadata": {**metadata, **self._lineage()},
        }  # fmt: skip
        if source := self._event.get("source"):
            event["source"] = source
        if session := self.query_one("#session", Input).value.strip():
            event["session_id"] = session
        return Request("inject", {"event": event})

    def _lineage(self) -> dict[str, str]:
        """What says where a copy comes from."""
        original = str(self._event.get("id") or "")
        if not original:
            return {}
        metadata = self._event.get("metadata") or {}
        kept = {key: str(metadata[key]) for key in metadata if key in LINEAGE}
        return {**kept, "replay_of": original}

    def _checked(self, id: str) -> dict[str, Any]:
        editor = self.query_one(f"#{id}", Checked)
        if isinstance(editor.value, Fault):
            editor.area.go_to_fault()
            raise Refused(f"Nothing was sent. {id.title()}, {editor.value}.", editor.area)
        return editor.value


def _known(priority: str) -> str:
    return priority if priority in PRIORITIES else "normal"


def _data_text(event: Mapping[str, Any]) -> str:
    data = event.get("data") or {}
    text = write_object(data)
    if len(text) > _LARGE:
        keys = ", ".join(map(str, data))
        return write_object({"too large to edit here": f"{len(text)} characters in {keys}"[:300]})
    return text if data else "{\n  \n}"
