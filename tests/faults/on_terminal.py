"""The program on a real pty whose every byte is checked."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pyte

from .terminal import StrictReader

COMMAND = [sys.executable, "-P", "-m", "agentflow_console"]
ROWS, COLUMNS = 45, 150

_A_MOMENT = 0.05  # seconds
_AFTER_ESCAPE = 0.15  # an escape that comes with another key at once would be alt

_TAG = re.compile("~([0-9a-z]+)~")


class OnTerminal:
    """``agentflow-console`` on a pty. Everything it writes goes through a StrictReader.

    ``seen`` are the tags (``~1f~``) that came by on the screen.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        lines: bool = False,
        screen: bool = True,
    ) -> None:
        self.reader = StrictReader(lines=lines)
        self.seen: set[str] = set()
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen) if screen else None
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        if lines:  # line ends as they are written
            attributes = termios.tcgetattr(slave)
            attributes[1] &= ~termios.OPOST
            termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env={**(environment or os.environ), "TERM": "xterm-256color", "HOME": str(folder)},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        self._slave = slave

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(self._screen.display)

    def read(self, wait: float = 0.1) -> bool:
        """Take what has come; False if nothing has."""
        if not select.select([self._master], [], [], wait)[0]:
            return False
        data = os.read(self._master, 1 << 20)
        plain = self.reader.read(data)
        assert "Traceback (most recent call last)" not in plain, plain
        self.seen.update(_TAG.findall(plain))
        if self._stream is not None:
            self._stream.feed(data)
        return True

    def until(self, holds: str | Callable[[], object], patience: float = 60) -> None:
        """Read until a text is on the screen, or something holds."""
        end = time.monotonic() + patience
        while not (holds in self.text if isinstance(holds, str) else holds()):
            self.read(0.02)
            assert self.process.poll() is None, f"it has ended: {self.text}"
            assert time.monotonic() < end, f"{holds} does not come:\n{self.text}"

    def press(self, *keys: str) -> None:
        """Type."""
        for key in keys:
            os.write(self._master, key.encode())

    def look(self, key: str) -> None:
        """Type a key and read what comes of it: until there is a moment's peace."""
        self.press(key)
        moment = _AFTER_ESCAPE if key == "\x1b" else _A_MOMENT
        end = time.monotonic() + moment
        while self.read(moment) and time.monotonic() < end:
            pass

    def leave(self) -> int:
        """Quit, twice if the first time asks something; the exit code."""
        self.look("\x1b")
        self.look("q")
        if self.process.poll() is None:
            self.look("q")
        return self.end()

    def end(self, patience: float = 60) -> int:
        """Read to the end; the exit code."""
        end = time.monotonic() + patience
        while self.process.poll() is None:
            self.read(0.02)
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
        while self.read(0):
            pass
        self.reader.end()
        return self.process.returncode

    def engines(self) -> list[psutil.Process]:
        """The processes that it has started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def restored(self) -> bool:
        """Whether the terminal's settings are what they were."""
        return termios.tcgetattr(self._slave) == self.before

    def close(self) -> None:
        """End it whatever it does."""
        if self.process.poll() is None:
            for process in [*self.engines(), psutil.Process(self.process.pid)]:
                process.kill()
            self.process.wait()
        os.close(self._slave)
        os.close(self._master)


def _take_terminal() -> None:
    """In the new process: let it hear when its terminal goes away."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
