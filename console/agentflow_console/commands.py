"""Commands: everything a person can do here, once, as data.

Bindings, footer, palette, help, key map and the words of the audit screen are all read from
``COMMANDS``. No command uses a chord that tmux, VS Code or terminals keep for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

GLOBAL = "global"  # the action is a method of the app
SCREEN = "screen"  # of every screen: screens/base.py
PANE = "pane"  # of every list pane: panes/base.py
FORM = "form"  # of every form, which takes the keyboard while it is open
CONFIRM = "confirm"  # of the question before something that can't be taken back
PALETTE = "palette"  # of the command palette
HELP = "help"  # of the help screen
MODAL = (FORM, CONFIRM, PALETTE, HELP)

GO, LOOK, MOVE, CHANGE, CONSOLE = "Go to", "Look", "Move", "Change", "Console"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do: ``action`` names the method ``action_…`` of what ``scope`` stands for."""

    id: str
    title: str
    keys: tuple[str, ...]  # as Textual names them, the first one is shown
    scope: str  # one of the above, or the id of one screen
    group: str  # heading on the help screen; the footer separates groups
    action: str  # with arguments where it takes any: "go('events')"
    changes: bool = False  # changes the system, so it is refused when read-only
    help: str = ""
    footer: str = ""  # the word in the footer, "" to leave it out
    engine: tuple[str, ...] = ()  # commands of agentflow.control that it sends


@dataclass(frozen=True, slots=True)
class ScreenName:
    """A screen: its id, the word in the tab line, the key that goes there."""

    id: str
    title: str
    key: str
    help: str


SCREENS: tuple[ScreenName, ...] = (
    ScreenName("overview", "Overview", "1", "Everything that lives, side by side."),
    ScreenName("events", "Events", "2", "The queue and the stream of events."),
    ScreenName("agents", "Agents", "3", "Who works, who waits, who fails, how fast."),
    ScreenName("hooks", "Hooks", "4", "Callbacks on the hook points, and what they vetoed."),
    ScreenName("traces", "Traces", "5", "Sessions, and where the time went in each."),
    ScreenName("metrics", "Metrics", "6", "Rates, queue and latency over the last minutes."),
    ScreenName("config", "Config", "7", "What runs, what changed, the history and the way back."),
    ScreenName("dead_letters", "Dead letters", "8", "What ended without success, and replay."),
    ScreenName("audit", "Audit", "9", "What operators did."),
    ScreenName("log", "Log", "0", "What handlers print and log, and what the engine says."),
)

_LOOK = (
    Command(
        "help.show",
        "Help",
        ("?",),
        GLOBAL,
        LOOK,
        "show_help",
        help="All keys, those of this screen first.",
        footer="help",
    ),
    Command(
        "palette.open",
        "Command palette",
        (":", "ctrl+p"),
        GLOBAL,
        LOOK,
        "open_palette",
        help="Find any command, screen, agent or theme by typing a part of its name.",
        footer="command",
    ),
    Command(
        "view.filter",
        "Filter",
        ("/",),
        SCREEN,
        LOOK,
        "filter",
        help="bare text, /regex/, field:glob, -field:glob, dur>100ms; several must all match.",
        footer="filter",
    ),
    Command(
        "view.open",
        "Open",
        ("enter",),
        SCREEN,
        LOOK,
        "open",
        help="Go deeper into the selected row.",
        footer="open",
    ),
    Command(
        "view.back",
        "Back",
        ("escape",),
        SCREEN,
        LOOK,
        "back",
        help="Close the detail, the zoom, the filter; never quits.",
        footer="back",
    ),
    Command(
        "view.freeze",
        "Freeze the view",
        ("space",),
        SCREEN,
        LOOK,
        "freeze",
        help="Stops what I see; the engine and the collecting go on. Again to catch up.",
        footer="freeze",
    ),
    Command(
        "event.trace",
        "Trace of this event",
        ("w",),
        GLOBAL,
        LOOK,
        "trace_event",
        help="Opens the waterfall of the selected event's session.",
    ),
)

_GO = tuple(
    Command(
        f"go.{screen.id}",
        f"Go to {screen.title}",
        (screen.key,),
        GLOBAL,
        GO,
        f"go({screen.id!r})",
        help=screen.help,
    )
    for screen in SCREENS
)

_CHANGE = (
    Command(
        "event.inject",
        "Inject an event",
        ("i",),
        GLOBAL,
        CHANGE,
        "inject",
        True,
        "A form: target, session, priority, data as JSON, metadata.",
        "inject",
        ("inject",),
    ),
    Command(
        "event.edit",
        "Inject an edited copy",
        ("e",),
        GLOBAL,
        CHANGE,
        "edit_event",
        True,
        "The inject form, filled in from the selected event.",
    ),
    Command(
        "agent.pause",
        "Pause or resume an agent",
        ("p",),
        GLOBAL,
        CHANGE,
        "pause_agent",
        True,
        "Its events are held, others go on; again to let them run, in order.",
        "pause",
        ("pause", "resume"),
    ),
    Command(
        "runner.pause",
        "Pause or resume the runner",
        ("P",),
        GLOBAL,
        CHANGE,
        "pause_runner",
        True,
        "Holds all events; what runs finishes.",
    ),
    Command(
        "mode.choose",
        "Choose the mode",
        ("m",),
        GLOBAL,
        CHANGE,
        "choose_mode",
        True,
        "route, collaborative, sequential, loop or mixed, and who takes part.",
        "mode",
        ("mode",),
    ),
    Command(
        "event.replay",
        "Replay a dead letter",
        ("r",),
        GLOBAL,
        CHANGE,
        "replay",
        True,
        "Runs the selected event again, if it ended as a dead letter.",
        "replay",
        ("replay",),
    ),
    Command(
        "config.undo",
        "Undo the last config change",
        ("u",),
        GLOBAL,
        CHANGE,
        "undo",
        True,
        "Goes back to the version before; itself a new version.",
        engine=("undo",),
    ),
    Command(
        "pace.faster",
        "Feed faster",
        ("+", "="),
        GLOBAL,
        CHANGE,
        "pace(2.0)",
        True,
        "Doubles the rate of the feed, up to as fast as it goes.",
        engine=("pace",),
    ),
    Command(
        "pace.slower",
        "Feed slower",
        ("-",),
        GLOBAL,
        CHANGE,
        "pace(0.5)",
        True,
        "Halves the rate of the feed.",
    ),
)

_CONSOLE = (
    Command(
        "view.copy",
        "Copy",
        ("y",),
        SCREEN,
        CONSOLE,
        "copy",
        help="The selected row, in full, to the clipboard.",
        footer="copy",
    ),
    Command(
        "view.zoom",
        "Zoom",
        ("z",),
        SCREEN,
        CONSOLE,
        "zoom",
        help="The focused pane alone; again for all of them.",
        footer="zoom",
    ),
    Command(
        "theme.choose",
        "Choose a theme",
        ("t",),
        GLOBAL,
        CONSOLE,
        "choose_theme",
        help="Shows each theme as the cursor passes it.",
    ),
    Command(
        "app.quit",
        "Quit",
        ("q",),
        GLOBAL,
        CONSOLE,
        "leave",
        help="The engine finishes what it has begun.",
        footer="quit",
    ),
)

_MOVE = (
    Command("move.up", "Up", ("up", "k"), PANE, MOVE, "cursor_up"),
    Command("move.down", "Down", ("down", "j"), PANE, MOVE, "cursor_down"),
    Command("move.left", "Left", ("left", "h"), PANE, MOVE, "cursor_left"),
    Command("move.right", "Right", ("right", "l"), PANE, MOVE, "cursor_right"),
    Command("move.page_up", "Page up", ("pageup", "ctrl+u"), PANE, MOVE, "page_up"),
    Command("move.page_down", "Page down", ("pagedown", "ctrl+d"), PANE, MOVE, "page_down"),
    Command("move.first", "First", ("g", "home"), PANE, MOVE, "first"),
    Command(
        "move.last",
        "Last",
        ("G", "end"),
        PANE,
        MOVE,
        "last",
        help="In a stream: the newest, and follow it.",
    ),
    Command("move.next_pane", "Next pane", ("tab",), SCREEN, MOVE, "next_pane"),
    Command("move.previous_pane", "Previous pane", ("shift+tab",), SCREEN, MOVE, "previous_pane"),
)

_ONE_SCREEN = (
    Command(
        "agents.sort",
        "Sort by the next column",
        ("s",),
        "agents",
        LOOK,
        "sort",
        footer="sort",
        help="By state, name, held, rate, p95, failures.",
    ),
    Command(
        "metrics.narrower",
        "Shorter time span",
        ("[",),
        "metrics",
        LOOK,
        "span(-1)",
        footer="shorter",
        help="1, 5, 15 or 60 minutes.",
    ),
    Command(
        "metrics.wider", "Longer time span", ("]",), "metrics", LOOK, "span(1)", footer="longer"
    ),
    Command(
        "traces.fit",
        "Fit the axis to this event",
        ("f",),
        "traces",
        LOOK,
        "fit",
        footer="fit",
        help="The time of the selected event alone; again for the whole session.",
    ),
    Command(
        "traces.expand",
        "Expand or collapse all",
        ("x",),
        "traces",
        LOOK,
        "expand_all",
        footer="collapse",
        help="← and → do it for the selected span alone.",
    ),
    Command(
        "config.rollback",
        "Roll back to this version",
        ("b",),
        "config",
        CHANGE,
        "rollback",
        True,
        "Runs the selected version again, as a new version.",
        "roll back",
        ("rollback",),
    ),
    Command(
        "dead.edit",
        "Edit, then replay",
        ("e",),
        "dead_letters",
        CHANGE,
        "edit_replay",
        True,
        "The event's data in an editor; the original stays in the list, marked.",
        "edit",
    ),
    Command(
        "dead.drop",
        "Drop this dead letter",
        ("d",),
        "dead_letters",
        CHANGE,
        "drop",
        True,
        "It stays counted as dead.",
        "drop",
        ("drop",),
    ),
    Command(
        "dead.replay_all",
        "Replay all dead letters",
        ("R",),
        "dead_letters",
        CHANGE,
        "replay_all",
        True,
        "In the order in which they died.",
        "replay all",
        ("replay_all",),
    ),
    Command(
        "dead.clear",
        "Drop all dead letters",
        ("D",),
        "dead_letters",
        CHANGE,
        "clear",
        True,
        "They stay counted as dead.",
        engine=("clear_dead",),
    ),
)

_FORM = (
    Command(
        "form.send",
        "Send",
        ("ctrl+r",),
        FORM,
        CHANGE,
        "send",
        True,
        "Only when everything in the form is right.",
        "send",
    ),
    Command(
        "form.cancel",
        "Cancel",
        ("escape",),
        FORM,
        LOOK,
        "cancel",
        help="Nothing is sent.",
        footer="cancel",
    ),
)

_CONFIRM = (
    Command("confirm.yes", "Yes", ("y",), CONFIRM, CHANGE, "yes", help="Do it."),
    Command("confirm.no", "No", ("n", "escape"), CONFIRM, CHANGE, "no", help="Leave it."),
)

_PALETTE = (
    Command("palette.choose", "Do it", ("enter",), PALETTE, LOOK, "choose"),
    Command("palette.cancel", "Close", ("escape",), PALETTE, LOOK, "cancel"),
    Command("palette.up", "Up", ("up",), PALETTE, MOVE, "step(-1)"),
    Command("palette.down", "Down", ("down",), PALETTE, MOVE, "step(1)"),
    Command("palette.page_up", "Page up", ("pageup",), PALETTE, MOVE, "step(-10)"),
    Command("palette.page_down", "Page down", ("pagedown",), PALETTE, MOVE, "step(10)"),
)

_HELP = (Command("help.close", "Close", ("escape", "?", "q"), HELP, LOOK, "dismiss"),)

COMMANDS: tuple[Command, ...] = (
    *_LOOK,
    *_CHANGE,
    *_ONE_SCREEN,
    *_CONSOLE,
    *_GO,
    *_MOVE,
    *_FORM,
    *_CONFIRM,
    *_PALETTE,
    *_HELP,
)
BY_ID = {command.id: command for command in COMMANDS}

_LABELS = {
    "enter": "↵",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "shift+tab": "⇧tab",
}


def key_label(key: str) -> str:
    """A key as people write it: ``↵`` for ``enter``, ``esc`` for ``escape``."""
    return _LABELS.get(key, key)


def in_scopes(*scopes: str) -> list[Command]:
    """The commands of these scopes, in the order of the registry."""
    return [command for command in COMMANDS if command.scope in scopes]


def on_screen(screen_id: str) -> list[Command]:
    """What a person can do on this screen: its own commands hide others on the same key."""
    own = {key for command in in_scopes(screen_id) for key in command.keys}
    return [
        command
        for command in in_scopes(screen_id, GLOBAL, SCREEN, PANE)
        if command.scope == screen_id or not own.intersection(command.keys)
    ]


def footer_groups(commands: Iterable[Command]) -> list[list[Command]]:
    """The commands that have a word in the footer, grouped, in the order of the registry."""
    groups: dict[str, list[Command]] = {}
    for command in commands:
        if command.footer:
            groups.setdefault(command.group, []).append(command)
    return list(groups.values())


def title_of(engine_command: str) -> str:
    """What people call a command of the engine; its own name if nothing here sends it."""
    for command in COMMANDS:
        if engine_command in command.engine:
            return command.title
    return engine_command
