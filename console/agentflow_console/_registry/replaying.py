"""Commands of a replay: its keys, and those of the scrubber."""

from __future__ import annotations

from agentflow_console._command import LOOK, MOVE, REPLAY, SCRUBBER, Command

PLAYING = (
    Command(
        "replay.back",
        "One event back",
        ("comma",),  # Textual takes "," for what stands between two keys
        REPLAY,
        LOOK,
        "replay_step(-1)",
        help="To where the event before ended.",
        footer="back",
    ),
    Command(
        "replay.on",
        "One event on",
        (".",),
        REPLAY,
        LOOK,
        "replay_step(1)",
        help="To where the next event ended.",
        footer="on",
    ),
    Command(
        "replay.slower",
        "Slower",
        ("{",),
        REPLAY,
        LOOK,
        "replay_speed(-1)",
        footer="slower",
    ),
    Command(
        "replay.faster",
        "Faster",
        ("}",),
        REPLAY,
        LOOK,
        "replay_speed(1)",
        help="From a tenth of the time it took to 128 times as fast.",
        footer="faster",
    ),
)

SCRUBBING = (
    Command("scrubber.play", "Play or stop", ("space",), SCRUBBER, MOVE, "play"),
    Command("scrubber.left", "Back", ("left", "h"), SCRUBBER, MOVE, "cell(-1)"),
    Command("scrubber.right", "On", ("right", "l"), SCRUBBER, MOVE, "cell(1)"),
    Command("scrubber.back", "Ten cells back", ("pageup",), SCRUBBER, MOVE, "cell(-10)"),
    Command("scrubber.on", "Ten cells on", ("pagedown",), SCRUBBER, MOVE, "cell(10)"),
    Command("scrubber.start", "To the beginning", ("home", "g"), SCRUBBER, MOVE, "end(0)"),
    Command("scrubber.end", "To the end", ("end", "G"), SCRUBBER, MOVE, "end(1)"),
    Command("scrubber.leave", "To the panes", ("escape", "tab"), SCRUBBER, MOVE, "leave"),
)
