"""The command line: decides what to run, with as little imported as it can.

The engine's process is started before the screens are imported, so that both get ready at
the same time.
"""

from __future__ import annotations

import gc
import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from agentflow_console.arguments import CONFIG_FLAGS, DEFAULT_FILE, UsageError, parse

if TYPE_CHECKING:
    from agentflow_console.host_options import HostOptions
    from agentflow_console.link.protocol import Link

_DEMO_PACE = 20.0  # events a second that a person can watch


def main(arguments: list[str] | None = None) -> int:
    """The ``agentflow-console`` command. Gives the exit code: 0, 1, or 2 for wrong use."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given[:1] == ["validate"]:
            from agentflow_console.inspecting import validate

            return validate(parse("validate", given[1:]).files)
        if given[:1] == ["diagram"]:
            from agentflow_console.inspecting import diagram

            return diagram(parse("diagram", given[1:]).file)
        if given[:1] == ["replay"]:
            from agentflow_console.replaying import replay

            return replay(parse("replay", given[1:]))
        if given and given[0] in ("audit", "dead", "health", "journal", "recording"):
            from agentflow_console.managing import manage

            return manage(given)
        if given[:1] == ["whatif"]:
            from agentflow_console.whatif.command import whatif

            return whatif(parse("whatif", given[1:]))
        return _run(parse("run", given))
    except UsageError as error:
        print(f"agentflow-console: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _run(flags: Namespace) -> int:
    headless = flags.headless or flags.events == "-" or not has_terminal()
    options = _host_options(flags, headless)
    if flags.visualize or flags.visualize_output:
        from agentflow_console.inspecting import write_diagram

        written = write_diagram(options, flags.visualize_output)
        print(f"the diagram is in {written}", file=sys.stderr)
    if headless:
        from agentflow_console.headless import run

        return run(options, flags.format)
    return _open_console(flags, options)


def has_terminal() -> bool:
    """Whether there is one to draw on: without, a full-screen program would hang."""
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return sys.stdin.isatty() and sys.stdout.isatty() and not dumb


def _host_options(flags: Namespace, headless: bool) -> HostOptions:
    from agentflow_console.host_options import HostOptions

    path, demo = _file(flags)
    if flags.events not in ("", "-") and not os.access(flags.events, os.R_OK):
        raise UsageError(f"the events file {flags.events!r} can't be read")
    demo = demo and not flags.events
    pace = flags.pace
    if pace is None:
        pace = _DEMO_PACE if demo and not headless else 0.0
    overrides: dict[str, Any] = {}
    for flag, key in CONFIG_FLAGS.items():
        value = getattr(flags, flag)
        if value is not None:
            overrides[key] = value
    return HostOptions(
        path=path,
        overrides=overrides,
        provider=flags.provider,
        events=flags.events,
        demo=demo,
        pace=pace,
        read_only=flags.read_only,
        journal=flags.journal,
        watch=not headless,
    )


def _file(flags: Namespace) -> tuple[str, bool]:
    """The file to run, and whether the demo's events are wanted."""
    if flags.file:
        if not Path(flags.file).is_file():
            raise UsageError(f"there is no file {flags.file!r}")
        return flags.file, flags.demo
    if Path(DEFAULT_FILE).is_file() and not flags.demo:
        return DEFAULT_FILE, False
    return str(Path(__file__).parent / "demo" / DEFAULT_FILE), True


def _open_console(flags: Namespace, options: HostOptions) -> int:
    link = _in_process_link(options) if flags.in_process else _child_link(options)
    if flags.operator:
        link.operator = flags.operator
    gc.disable()  # nothing of what is imported now is garbage; looking for it takes a tenth longer
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from agentflow_console.app import ConsoleApp
    from agentflow_console.keymap import load_keymap

    app = ConsoleApp(
        link,
        read_only=options.read_only,
        theme=flags.theme,
        fps=flags.fps,
        keymap=load_keymap(Path(flags.keymap)) if flags.keymap else None,
    )
    gc.enable()
    app.run()
    words, code = app.last_words()
    _say(words)
    return code


def _say(words: list[str]) -> None:
    """Lines for the person, if there is still a terminal."""
    try:
        for line in words:
            print(line, file=sys.stderr)
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _child_link(options: HostOptions) -> Link:
    from agentflow_console.link.process import EngineProcess

    try:
        process = EngineProcess(options)
    except OSError as error:
        _fail(f"the engine's process can't be started: {error}")
    from agentflow_console.link.client import ChildLink

    return ChildLink(options, process)


def _in_process_link(options: HostOptions) -> Link:
    from agentflow_console.host import Host, HostError
    from agentflow_console.link.in_process import InProcessLink
    from agentflow_console.link.protocol import LinkError

    host = Host(options)
    try:
        host.open()
    except HostError as error:
        _fail(str(error))

    async def start() -> None:
        try:
            await host.start()
        except HostError as error:
            raise LinkError(str(error), error.problems) from error

    return InProcessLink(
        host.control,
        start=start,
        stop=host.stop,
        drain_timeout=lambda: host.drain_timeout,
        journal=lambda: host.journal,
    )


def _fail(message: str) -> NoReturn:
    raise UsageError(message)


if __name__ == "__main__":
    sys.exit(main())
