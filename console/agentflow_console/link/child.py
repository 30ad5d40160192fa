"""Child: the engine's process. Started by the console, it serves that one console and ends.

``python -P -m agentflow_console.link.child OPTIONS``, with OPTIONS as JSON and the
listening socket inherited: see ``process.py`` for the other end.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from agentflow_console.link.capture import LEVELS, Capture

if TYPE_CHECKING:
    from agentflow_console.host import Host
    from agentflow_console.link.server import Server

_PATIENCE = 2.0  # seconds beyond the drain's own limit before an orphan that is stuck is ended

_FAREWELL = 1.0  # seconds for what Python does at its end


class ChildOptions(msgspec.Struct, frozen=True):
    """What the console tells the process that it starts."""

    listener: int  # descriptor of the listening socket
    folder: str  # holds the socket; removed at the end, should the console not be there to do it
    parent: int  # process id of the console
    host: msgspec.Raw  # HostOptions, as JSON


def main(arguments: list[str] | None = None) -> int:
    """Run one engine until its console says stop or is gone. Gives the exit code.

    SIGTERM drains as well, a second one stops at once.
    """
    options = msgspec.json.decode((arguments or sys.argv[1:])[0], type=ChildOptions)
    # What kills the interpreter is written where the console finds it afterwards.
    crash = os.fdopen(os.dup(2), "w")
    faulthandler.enable(crash)
    capture = Capture()
    capture.start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = socket.socket(fileno=options.listener)
    try:
        code = asyncio.run(_serve(listener, options, capture))
    except BaseException:
        import traceback

        traceback.print_exc(file=crash)
        crash.flush()
        code = 1
    return code


async def _serve(listener: socket.socket, options: ChildOptions, capture: Capture) -> int:
    # Imported here so that the capture sees what the imports themselves say.
    from agentflow.telemetry.snapshot import Counts
    from agentflow_console.host import Host, HostError
    from agentflow_console.host_options import HostOptions
    from agentflow_console.link.connection import Connection
    from agentflow_console.link.messages import (
        CodeChanged,
        Draining,
        Ended,
        Failed,
        Ready,
        Stuck,
    )
    from agentflow_console.link.server import Server
    from agentflow_console.link.watchdog import Watchdog
    from agentflow_console.signals import Signals

    sock, _ = listener.accept()
    listener.close()
    host_options = msgspec.json.decode(options.host, type=HostOptions)
    host = Host(host_options)

    def agent_on_loop() -> str:
        return host.runner.blocking_agent()

    try:
        host.open()
        capture.attach(lambda *line: host.runner.telemetry.log(*line), agent_on_loop)
        logging.getLogger().setLevel(LEVELS[host.runner.config.logging.level])
        _end_with(options.parent, host.drain_timeout + _PATIENCE)
        await host.start()
    except HostError as error:
        connection = Connection(sock, lambda _: None, lambda: None)
        connection.send(Failed(str(error), error.problems))
        connection.close()
        return 2
    gc.collect()
    gc.freeze()  # what is loaded now stays: no collection needs to walk over it again
    server = Server(sock, host)
    host.on_code_changed = lambda paths: server.send(CodeChanged(paths))
    watchdog = Watchdog(lambda blocked: server.send(Stuck(blocked)), agent_on_loop)
    watchdog.start()
    with Signals(
        lambda number, count: server.stop(drain=count == 1),
        lambda: os._exit(1),
        (signal.SIGTERM,),
    ):
        server.send(Ready(os.getpid(), host.drain_timeout, host.journal))
        drain = await server.ended
        if drain:
            server.send(Draining(host.drain_timeout))
        await _stop(host, server, drain)
    server.send(Ended(Counts(*host.runner.counts())))
    watchdog.stop()
    server.close()
    if server.deserted:
        shutil.rmtree(options.folder, ignore_errors=True)
    _end_within(_FAREWELL)
    return 0


async def _stop(host: Host, server: Server, drain: bool) -> None:
    """Stop the host; a drain is cut short when somebody has no patience for it."""
    stopping = asyncio.create_task(host.stop(drain))
    if drain:
        await asyncio.wait([stopping, server.hastened], return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            await host.stop(drain=False)
    await stopping


def _end_within(seconds: float) -> None:
    """End in the ordinary way, but don't wait for handlers' threads that never return."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _end_with(parent: int, patience: float) -> None:
    """End this process some time after its parent, even if the loop never comes round."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        time.sleep(patience)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
