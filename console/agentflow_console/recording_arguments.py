"""What the command line may say to ``replay``, ``recording`` and ``whatif``."""

from __future__ import annotations

import argparse

from agentflow_console.arguments import Parser, add_config_flags, add_format, fps, readable


def parse_recording(command: str, arguments: list[str]) -> argparse.Namespace:
    """The flags of one of the three. Raises UsageError."""
    make = {
        "replay": _replay_parser,
        "recording": _recording_parser,
        "whatif": _whatif_parser,
    }
    return make[command]().parse_args(_joined(arguments))


def _replay_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console replay",
        description="Show a recording again, as if its engine ran: every screen as it was.\n"
        "Without a terminal it prints the lines as they were.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes:\n  0 shown   2 wrong use, or no recording to show",
    )
    add = parser.add_argument
    add("file", metavar="FILE", nargs="?", default="", help="a recording, or a configuration")
    add("--at", metavar="TIME", default="", help="begin there: 12:04:31, +90s, -5m")
    add("--speed", metavar="N", type=_speed, default=None, help="seconds of it in a second")
    add("--theme", metavar="NAME", default="", help="colours, for example night or day")
    add("--keymap", metavar="FILE", type=readable, help="your own keys")
    add("--fps", metavar="N", type=fps, default=0, help="frames a second, 1 to 60")
    add("--headless", action="store_true", help="print lines, also on a terminal")
    add_format(add, help="of these lines")
    return parser


def _recording_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console recording",
        usage="%(prog)s [FILE] [flags]\n       %(prog)s export [FILE] OUT [flags]",
        description="What a recording holds. ``export`` writes a part of it into one file, with\n"
        "the configurations that it ran under, to be opened elsewhere.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes:\n  0 all right   1 it is damaged   2 wrong use, or there is none",
    )
    add = parser.add_argument
    add("words", metavar="FILE", nargs="*", help="a recording, or a configuration")
    add("--from", dest="start", metavar="TIME", default="", help="export what ended from then on")
    add("--to", dest="end", metavar="TIME", default="", help="export what ended until then")
    add("--session", metavar="ID", action="append", default=[], help="export this session alone")
    add_format(add)
    return parser


def _whatif_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="agentflow-console whatif",
        description="Run recorded sessions under another configuration, in a sandbox, and say\n"
        "where the two runs part. Outputs of agents come from the recording: nothing is run\n"
        "again, and nothing has a side effect, unless --agent or --default asks for a rerun.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        epilog="exit codes:\n  0 the same   1 they part   2 it can't be told, or wrong use",
    )
    add = parser.add_argument
    add("recording", metavar="RECORDING", help="a .rec, an exported one, or an agentflow.toml")
    add(
        "config", metavar="CONFIG", nargs="?", default="",
        help="the configuration to run under; that of the recording if none is named",
    )  # fmt: skip
    add("--format", choices=("text", "json"), default="text", help="json: a session a line")
    add(
        "--most-events", metavar="N", type=_natural, default=0,
        help="of a session, in the JSON: those that part first; 0 is all",
    )  # fmt: skip
    add("--progress", action="store_true", help="say on standard error how far it has come")

    which = parser.add_argument_group("which events").add_argument
    which("--session", metavar="ID", action="append", help="this session alone; may be repeated")
    which(
        "--from", dest="begin", metavar="WHEN", default="",
        help="accepted then or later: 12:04:31, 2026-03-01T12:04:31, +90s, -5m",
    )  # fmt: skip
    which("--to", dest="end", metavar="WHEN", default="", help="accepted until then")

    outputs = parser.add_argument_group("where outputs come from").add_argument
    outputs(
        "--agent", metavar="NAME=SOURCE", action="append",
        help="recorded, rerun (the real handler, with its side effects), mock, or a JSON object",
    )  # fmt: skip
    outputs("--default", metavar="SOURCE", default="recorded", help="for all other agents")
    outputs(
        "--missing", metavar="fail|mock|rerun", default="fail",
        help="what to do for a run that the recording says nothing about",
    )  # fmt: skip
    outputs("--provider", metavar="NAME", default="", help="this provider for all agents")
    add_config_flags(parser)
    return parser


def _joined(arguments: list[str]) -> list[str]:
    """``--at -5m`` as one word: else argparse takes the moment for a flag."""
    found: list[str] = []
    for word in arguments:
        if found and found[-1] in ("--at", "--from", "--to") and word[:1] == "-":
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed: 0.01 to 10000")
    return value


def _natural(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of events")
    return int(text)
