"""Opening: the part of the app that opens forms, palette, help and themes, and sends what they
say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual.app import App

from agentflow.control import Answer
from agentflow_console import theming
from agentflow_console.commands import GLOBAL, PANE, REPLAY
from agentflow_console.link.protocol import LinkError
from agentflow_console.planning import decide

if TYPE_CHECKING:
    from agentflow_console.forms.palette import Entry
    from agentflow_console.keymap import KeyMap
    from agentflow_console.link.protocol import Link
    from agentflow_console.operate import Operating
    from agentflow_console.replays import Replays
    from agentflow_console.screens.base import Room
    from agentflow_console.settings import Settings
    from agentflow_console.store import Store


class Opening(App[int]):
    """Actions of the registry that open something. Forms are imported when they are wanted."""

    link: Link
    store: Store
    replays: Replays
    room: Room | None
    keys: KeyMap
    settings: Settings
    read_only: bool

    if TYPE_CHECKING:
        command: Callable[..., Awaitable[Answer]]
        change: Callable[..., None]
        say: Callable[..., None]
        keep: Callable[[Settings], None]
        open_in: Callable[[str, Any], None]
        selected_agent: Callable[[], str]
        selected_event_id: Callable[[], str]
        selected_session: Callable[[], str]

    _themes: Path | None = None

    # -- help and palette --------------------------------------------------------------------

    def action_show_help(self) -> None:
        from agentflow_console.screens.help import HelpScreen

        self.push_screen(HelpScreen(self._here(), self.keys, read_only=self._refuses()))

    def action_open_palette(self) -> None:
        from agentflow_console.forms.palette import (
            PaletteScreen,
            agent_entries,
            command_entries,
            replay_entries,
            theme_entries,
        )

        entries = [
            *(replay_entries(self.keys) if self._replaying() else ()),
            *command_entries(self._here(), self.keys),
            *agent_entries((row.name, row.state) for row in self.store.agents),
            *theme_entries(theming.titles(self._themes)),
        ]
        self.push_screen(PaletteScreen(entries), self._chosen)

    def _chosen(self, entry: Entry | None) -> None:
        if entry is None:
            return
        command = entry.command
        if command.id == "agent.pause" and entry.arguments:
            verb = entry.title.partition(" ")[0].lower()
            name = entry.arguments[0]
            self.change(verb, saying=f"{verb} {name}", agent=name)
        elif command.id == "theme.choose" and entry.arguments:
            self._take_theme(entry)
        elif command.scope in (GLOBAL, REPLAY):
            self.call_later(self.run_action, command.action, self)
        elif (room := self.room) is not None:
            target = room.pane if command.scope == PANE else room
            self.call_later(self.run_action, command.action, target)

    # -- forms ---------------------------------------------------------------------------------

    def action_inject(self) -> None:
        if self.refused():
            return
        from agentflow_console.forms.inject import InjectScreen

        names = [row.name for row in self.store.agents]
        target = self.selected_agent()
        self.push_screen(InjectScreen(self.command, names, target=target, mode=self._mode()))

    def action_edit_event(self) -> None:
        event_id = self.selected_event_id()
        if not event_id:
            self.say("Select an event to inject a copy of it; i starts from nothing.")
        elif not self.refused():
            self.run_worker(self._edit(event_id), group="forms", exclusive=True)

    async def _edit(self, event_id: str) -> None:
        from agentflow_console.forms.inject import InjectScreen

        try:
            detail = await self.link.event(event_id)
        except LinkError as error:
            self.say(str(error), ok=False)
            return
        if detail is None:
            self.say("The engine no longer has that event.", ok=False)
            return
        names = [row.name for row in self.store.agents]
        screen = InjectScreen(self.command, names, detail.event, mode=self._mode())
        await self.push_screen(screen, lambda answer: self.replays.follow(event_id, answer))

    def action_event_difference(self) -> None:
        """What came out when the selected event was sent again."""
        self.replays.compare(self.selected_event_id())

    def action_choose_mode(self) -> None:
        snapshot = self.store.snapshot
        if snapshot is None or self.refused():
            return
        from agentflow_console.forms.mode import ModeScreen

        agents, config = list(self.store.agents), self.store.config
        text = config.text if config is not None else ""

        async def send(name: str, **arguments: Any) -> Answer:
            title = f"Plan: mode {snapshot.mode} → {arguments['mode']}"
            return await decide(cast("Operating", self), name, arguments, title)

        self.push_screen(ModeScreen(send, snapshot.mode, agents, text=text))

    def _mode(self) -> str:
        return self.store.snapshot.mode if self.store.snapshot is not None else "route"

    def action_trace_event(self) -> None:
        session = self.selected_session()
        if session:
            self.open_in("traces", (session, self.selected_event_id()))
        else:
            self.say("Select an event to see where its session's time went.")

    # -- themes --------------------------------------------------------------------------------

    def start_themes(self, wanted: str, folder: Path | None = None) -> None:
        """Make all themes known, wear the wanted one, and watch the user's ``folder``."""
        self._themes = folder or theming.default_folder()
        problems = theming.install(cast("App[object]", self), self._themes)
        if wanted in self.available_themes:
            self.theme = wanted
        elif wanted:
            problems.append(f"There is no theme {wanted!r}; t chooses one.")
        self._report(problems)
        self.run_worker(self._watch_themes(), name="themes", exit_on_error=False)

    async def _watch_themes(self) -> None:
        async for _ in theming.saved(self._themes or theming.default_folder()):
            self._report(theming.install(cast("App[object]", self), self._themes))

    def _report(self, problems: list[str]) -> None:
        if problems:
            self.say(problems[0], ok=False)

    def action_choose_theme(self) -> None:
        from agentflow_console.forms.palette import PaletteScreen, theme_entries

        entries = theme_entries(theming.titles(self._themes))
        before = self.theme

        def passing(entry: Entry | None) -> None:
            self.theme = before if entry is None else entry.arguments[0]

        at = next((entry for entry in entries if entry.arguments[0] == before), None)
        screen = PaletteScreen(entries, placeholder="theme", passing=passing, at=at, title="Themes")
        self.push_screen(screen, self._take_theme)

    def _take_theme(self, entry: Entry | None) -> None:
        if entry is None:
            return
        name = entry.arguments[0]
        self.theme = name
        self.keep(replace(self.settings, theme=name))
        self.say(f"The theme is {name} from now on.")

    # -- refusing ------------------------------------------------------------------------------

    def _refuses(self) -> bool:
        snapshot = self.store.snapshot
        return self.read_only or (snapshot is not None and snapshot.read_only)

    def refused(self) -> bool:
        """Whether nothing may be changed; then it is said, before a form is filled in."""
        if self._refuses():
            self.say(self._why_refused(), ok=False)
            return True
        return False

    def _replaying(self) -> bool:
        return False

    def _why_refused(self) -> str:
        return "Read-only: nothing can be changed from here."

    def _here(self) -> str:
        return self.room.room if self.room is not None else "overview"
