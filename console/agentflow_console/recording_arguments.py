"""What the command line may say to ``replay`` and ``recording``."""

from __future__ import annotations

import argparse

from agentflow_console.arguments import Parser, add_format, fps, readable


def parse_recording(command: str, arguments: list[str]) -> argparse.Namespace:
    """The flags of one of the two. Raises UsageError."""
    make = {"replay": _replay_parser, "recording": _recording_parser}
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
