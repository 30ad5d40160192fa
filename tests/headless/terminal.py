"""A real terminal with the program on it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pyte

from .conftest import COMMAND, Program

_LEFT = b"\x1b[?1049l"


class Terminal:
    """A pty with the program on it, and what stands on its screen.

    It is the program's controlling terminal: closing it is a SIGHUP.
    """

    def __init__(
        self,
        program: Program,
        *arguments: str,
        command: Sequence[str] = COMMAND,
        size: tuple[int, int] = (120, 40),
    ) -> None:
        self.master, slave = pty.openpty()
        columns, lines = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.written = b""
        self.process = subprocess.Popen(
            [*command, *arguments],
            cwd=program.folder,
            env={**program.environment, "TERM": "xterm-256color", "HOME": str(program.folder)},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)

    def until(self, text: str) -> None:
        """Read until the text is on the screen."""
        end = time.monotonic() + 60
        while text not in self.text:
            assert time.monotonic() < end, self.text
            assert self.read(), self.text

    def read(self) -> bool:
        """Take what has come; False at the end."""
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return False
            self.written += data
            _, left, said = data.rpartition(_LEFT)
            if left:
                self._screen.reset()  # pyte knows of no other screen to go back to
            self._stream.feed(said)
        return True

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def assert_restored(self) -> None:
        """Fails unless the terminal is as it was: its settings, its screen, its cursor."""
        assert self.attributes() == self.before
        for on, off in ((b"[?1049h", b"[?1049l"), (b"[?25l", b"[?25h"), (b"[?1003h", b"[?1003l"),
                        (b"[?2004h", b"[?2004l"), (b"[?1004h", b"[?1004l")):  # fmt: skip
            assert self.written.rfind(off) > self.written.rfind(on), off

    def attributes(self) -> list[Any]:
        """The terminal's settings."""
        return termios.tcgetattr(self.master)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Wait for the end, and the exit code. All that was written has been read."""
        end = time.monotonic() + 20
        while self.read() and self.process.poll() is None:
            assert time.monotonic() < end, "the program does not end"
        code = self.process.wait(5)
        while select.select([self.master], [], [], 0)[0] and self.read():
            pass
        return code

    def wait_for(self, file: Path) -> None:
        """Read until the program or its engine has made that file."""
        end = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < end, f"no {file.name}"
            self.read()

    def engines(self) -> list[psutil.Process]:
        """The engine's process."""
        return psutil.Process(self.process.pid).children()

    def close(self) -> None:
        """End it whatever it does."""
        if self.process.poll() is None:
            for process in [*self.engines(), psutil.Process(self.process.pid)]:
                process.kill()
        self.process.wait()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the terminal, as somebody who closes its window."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
