"""What a command is, where it works, and the screens that there are."""

from __future__ import annotations

from dataclasses import dataclass

GLOBAL = "global"  # the action is a method of the app
SCREEN = "screen"  # of every screen: screens/base.py
PANE = "pane"  # of every list pane: panes/base.py
REPLAY = "replay"  # of the app while a recording is shown
SCRUBBER = "scrubber"  # of the line that moves its time
FORM = "form"  # of every form, which takes the keyboard while it is open
PLAN = "plan"  # of the forms that say what a change would do
CONFIRM = "confirm"  # of the question before something that can't be taken back
PALETTE = "palette"  # of the command palette
HELP = "help"  # of the help screen
READ = "read"  # of a document that lies over the screen
MODAL = (FORM, PLAN, CONFIRM, PALETTE, HELP, READ)

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
    quiet: bool = False  # its tab is there only when there is something on it


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
    ScreenName("breakpoints", "Breakpoints", "B", "Where events stop, and what is stopped.", True),
    ScreenName("whatif", "What-if", "W", "Recorded sessions under another configuration.", True),
)
