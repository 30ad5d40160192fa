"""EngineProcess: the child that runs the engine, from its start to the last word about its end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from agentflow_console.host_options import HostOptions

_SOCKET = "engine.sock"
_LAST_WORDS = "engine.err"
_CRASHED = "Current thread "  # how faulthandler begins the thread that it happened in
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (\S+)', re.MULTILINE)


class EngineProcess:
    """A process with one engine, and a socket to it that is connected from the start.

    The socket (mode 0600) lies in a folder of its own (mode 0700) which is gone when
    the process is. Creating one takes a few milliseconds: the console does that first
    and imports what it draws with while the engine comes up.
    """

    def __init__(self, options: HostOptions) -> None:
        """Start it. Raises OSError if the system won't."""
        self.folder = Path(tempfile.mkdtemp(prefix="agentflow-"))
        try:
            self._start(options)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _start(self, options: HostOptions) -> None:
        path = self.folder / _SOCKET
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(1)
            settings = {
                "listener": listener.fileno(),
                "folder": str(self.folder),
                "parent": os.getpid(),
                "host": msgspec.Raw(msgspec.json.encode(options)),
            }
            # Connected before the child exists: it finds us waiting whenever it gets that far.
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(str(path))
            with (self.folder / _LAST_WORDS).open("wb") as last_words:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-P", "-m", "agentflow_console.link.child"),
                        msgspec.json.encode(settings).decode(),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=last_words,
                    stderr=last_words,
                    pass_fds=(listener.fileno(),),
                    start_new_session=True,  # the terminal's ctrl+c is not for the engine
                )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it now. Does nothing if it has ended."""
        self._process.kill()

    def clean(self) -> None:
        """Remove what it leaves behind."""
        self.socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def how_it_ended(self) -> str:
        """A sentence without its full stop, such as ``the engine was killed by SIGSEGV``."""
        code = self._process.poll()
        words = self._last_words()
        if code is None:
            return "the engine closed the connection"
        if code < 0:
            name = signal.Signals(-code).name
            sentence = f"the engine was killed by {name}"
            if name == "SIGKILL":
                return f"{sentence} (out of memory?)"
            place = _place(words)
            return f"{sentence}; it was at {place}" if place else sentence
        last = words.strip().splitlines()[-1:]
        said = f": {last[0].strip()}" if last else ""
        return f"the engine ended with exit code {code}{said}"

    def _last_words(self) -> str:
        try:
            return (self.folder / _LAST_WORDS).read_text("utf-8", "replace")
        except OSError:
            return ""


def _place(dump: str) -> str:
    """Where the thread that crashed was, in the user's own code if it was called from there."""
    from agentflow_console.link.watchdog import is_library

    crashed = dump.partition(_CRASHED)[2].partition("\n\n")[0]
    frames = _FRAME.findall(crashed or dump)
    own = [frame for frame in frames if not is_library(frame[0])]
    for path, line, function in own[:1] or frames[:1]:
        return f"{Path(path).name}:{line} in {function}"
    return ""
