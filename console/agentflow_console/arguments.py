"""Arguments: what the command line may say."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

DEFAULT_FILE = "agentflow.toml"

CONFIG_FLAGS = {
    "orchestration_mode": "orchestration.mode",
    "collaborative_agents": "orchestration.collaborative_agents",
    "sequential_agents": "orchestration.sequential_agents",
    "loop_agent": "orchestration.loop_agent",
    "max_iterations": "orchestration.max_iterations",
    "orchestration_timeout": "orchestration.timeout_seconds",
    "failure_threshold": "orchestration.failure_threshold",
    "max_concurrency": "orchestration.max_concurrency",
}
"""Flags that stand for a key of the configuration; the configuration checks their values."""

_USAGE = """%(prog)s [FILE] [flags]
       %(prog)s validate FILE...
       %(prog)s diagram [FILE]
       %(prog)s replay [FILE] [flags]
       %(prog)s whatif RECORDING [CONFIG] [flags]
       %(prog)s audit | dead | health | journal | recording --help"""

_DESCRIPTION = """\
Open a live console on the agents of an agentflow.toml.

Without FILE it is ./agentflow.toml, or, where there is none, a demo that audits Python's
own standard library. Without a terminal the same run prints lines."""

_EPILOG = """\
commands:
  validate FILE...      say what is right and wrong with configurations
  diagram [FILE]        print the orchestration as a Mermaid flowchart
  dead list|show|replay|drop|export    what ended without success, and what to do about it
  health [FILE]         how the system is: 0 well, 1 not well, 2 can't be told
  journal [FILE]        what is kept on disk; journal check verifies it
  replay [FILE]         show a recording again, at any moment and speed
  recording [FILE]      what a recording holds; recording export OUT writes a part of it
  audit [FILE]          what operators did: who, when, why, and what it changed
  whatif RECORDING [CONFIG]   run what was recorded under another configuration: where do they part?

exit codes:
  0 every event succeeded   1 some did not, or are not finished
  2 wrong use, or a configuration that can't run

examples:
  agentflow-console                                    the demo, or ./agentflow.toml
  agentflow-console my.toml --provider mock            without any language-model server
  agentflow-console my.toml --events in.jsonl          feed it events, one JSON object a line
  cat in.jsonl | agentflow-console my.toml --events - --format json
"""


class UsageError(Exception):
    """The command can't be followed. The message is one clear sentence."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


class _Version(argparse.Action):
    """Looked up only when asked for: that takes longer than everything else here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"{parser.prog} {version('agentflow-console')}")
        parser.exit(0)


def parse(command: str, arguments: list[str]) -> argparse.Namespace:
    """The flags of a command. Raises UsageError."""
    if command in ("replay", "recording", "whatif"):
        from agentflow_console.recording_arguments import parse_recording

        return parse_recording(command, arguments)
    make = {
        "run": _run_parser,
        "validate": _validate_parser,
        "diagram": _diagram_parser,
        "audit": _audit_parser,
        "dead": _dead_parser,
        "health": _health_parser,
        "journal": _journal_parser,
    }
    return make[command]().parse_args(arguments)


def _run_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console",
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("file", metavar="FILE", nargs="?", default="", help="the configuration to run")
    add("--version", action=_Version, nargs=0, help="print the version and leave")
    add("--demo", action="store_true", help="the demo's events: into FILE, or the whole demo")
    add("--provider", metavar="NAME", default="", help="this provider for all agents, such as mock")
    add("--read-only", action="store_true", help="look, but change nothing")
    add("--operator", metavar="NAME", type=_operator, help="your name in the audit")
    add("--in-process", action="store_true", help="run the engine in the console's own process")

    screen = parser.add_argument_group("the screen").add_argument
    screen("--theme", metavar="NAME", default="", help="colours, for example night or day")
    screen("--keymap", metavar="FILE", type=readable, help="your own keys")
    screen("--fps", metavar="N", type=fps, default=0, help="frames a second, 1 to 60")

    lines = parser.add_argument_group("without a screen").add_argument
    lines("--headless", action="store_true", help="print lines, end when there is no more to do")
    lines("--format", choices=("text", "json"), default="text", help="of these lines")

    feed = parser.add_argument_group("events").add_argument
    feed("--events", metavar="FILE", default="", help="JSON lines to emit; - is standard input")
    feed("--pace", metavar="N", type=_pace, default=None, help="events a second; 0 is no limit")

    journal = parser.add_argument_group("the journal").add_mutually_exclusive_group().add_argument
    journal("--journal", metavar="PATH", default="", help="keep accepted events there")
    journal(
        "--no-journal", action="store_const", dest="journal", const="off",
        help="keep nothing: a kill loses what is queued",
    )  # fmt: skip

    add_config_flags(parser)

    diagram = parser.add_argument_group("diagram").add_argument
    diagram("--visualize", action="store_true", help="also write the orchestration as Mermaid")
    diagram("--visualize-output", metavar="DIR", default="", help="where to (this folder)")
    return parser


def add_config_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that say something instead of the configuration: see CONFIG_FLAGS."""
    config = parser.add_argument_group("instead of what the file says").add_argument
    config("--orchestration-mode", metavar="MODE", help="route, collaborative, sequential, ...")
    config("--collaborative-agents", metavar="A,B", help="agents that work side by side")
    config("--sequential-agents", metavar="A,B", help="agents that work one by one")
    config("--loop-agent", metavar="A", help="the agent that repeats")
    config("--max-iterations", metavar="N", help="rounds that a loop may take")
    config("--orchestration-timeout", metavar="SECONDS", help="for one event")
    config("--failure-threshold", metavar="0..1", help="share of agents that fails an event")
    config("--max-concurrency", metavar="N", help="agents of one event at once")


def _validate_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console validate",
        description="Say what is right and wrong with configurations: 0 if they can run, 1 if not.",
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="an agentflow.toml")
    return parser


def _diagram_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console diagram",
        description="Print the orchestration of a configuration as a Mermaid flowchart.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", default=DEFAULT_FILE)
    return parser


def _audit_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console audit",
        description="What operators did: who, when, what, why, what it changed and what it took\n"
        "back. Read from the journal, also while an engine runs.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes:\n  0 listed   2 wrong use, or no journal to look into",
    )
    add = parser.add_argument
    add("file", metavar="FILE", nargs="?", default="", help="the configuration")
    add("--operator", metavar="NAME", dest="by", action="append", help="only what NAME did")
    add("--action", metavar="NAME", action="append", help="only these, such as mode or replay")
    add("--since", metavar="TIME", default="", help="only from then on: 2h ago, or a date and time")
    add_format(add, help="for people, or one JSON object a line")
    _add_journal(parser)
    return parser


def _dead_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console dead",
        description="What ended without success: look at it, edit it, run it again, export it.\n"
        "A running engine does it at once, in your name; without one it is done in the\n"
        "journal, and what is replayed runs at the next start.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes:\n  0 done   1 not done   2 wrong use, or no journal to look into",
    )
    commands = parser.add_subparsers(dest="action", metavar="COMMAND", required=True)

    def command(name: str, help: str) -> Callable[..., argparse.Action]:
        sub = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        sub.add_argument("--file", metavar="FILE", default="", help="the configuration")
        _add_journal(sub)
        if name in ("replay", "drop"):
            sub.add_argument("--why", metavar="TEXT", default="", help="your reason, for the audit")
            sub.add_argument("--operator", metavar="NAME", type=_operator, help="your name there")
        return sub.add_argument

    add = command("list", "list all dead letters, the oldest first")
    add_format(add)
    add = command("show", "show one in full: error, traceback, event")
    add("number", metavar="N", type=_number)
    add_format(add)
    add = command("replay", "run the event of one again, or of all that wait")
    add("number", metavar="N|all", type=_number_or_all)
    add("--data", metavar="JSON", help="other data than it had")
    add("--edit", action="store_true", help="edit its data first, in $EDITOR")
    _add_yes(add)
    add = command("drop", "forget one, or all of them; it can't be replayed after that")
    add("number", metavar="N|all", type=_number_or_all)
    _add_yes(add)
    add = command("export", "write all of them, with their events, as JSON")
    add("to", metavar="OUT", nargs="?", default="-", help="a file; - is standard output")
    add_format(add, ("jsonl", "json"), "one object a line, or one list")
    add("--yes", action="store_true", help="even if OUT is there already")
    return parser


def _health_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console health",
        description="How the system is: asks the running engine, else looks into the journal.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes:\n  0 well   1 degraded or critical   2 it can't be told",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", default="", help="the configuration")
    add_format(parser.add_argument)
    _add_journal(parser)
    return parser


def _journal_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console journal",
        usage="%(prog)s [check] [FILE] [flags]",
        description="What the journal holds, who uses it, what operators did. ``check`` reads all\n"
        "of it and says whether it is whole.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes:\n  0 all right   1 it is damaged   2 wrong use, or there is none",
    )
    parser.add_argument("words", metavar="FILE", nargs="*", help="the configuration")
    add_format(parser.add_argument)
    _add_journal(parser)
    return parser


def add_format(
    add: Callable[..., argparse.Action],
    choices: tuple[str, ...] = ("text", "json"),
    help: str = "for people, or for programs",
) -> None:
    add("--format", choices=choices, default=choices[0], help=help)


def _add_journal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--journal", metavar="PATH", default="", help="the journal, if FILE doesn't say which"
    )


def _add_yes(add: Callable[..., argparse.Action]) -> None:
    add("--yes", action="store_true", help="don't ask")


def _operator(text: str) -> str:
    name = text.strip()
    if not name or len(name) > 60 or not name.isprintable():
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is not a name of 1 to 60 characters")
    return name


def _number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text[:20]) < 1 << 62:
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a dead letter")
    return int(text)


def _number_or_all(text: str) -> int | None:
    return None if text == "all" else _number(text)


def _pace(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of events a second")
    return value


def fps(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 60:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1 and 60")
    return int(text)


def readable(text: str) -> str:
    try:
        with open(text, "rb"):  # noqa: PTH123 - pathlib is not needed for anything else here
            return text
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} can't be read ({error.strerror})") from None
