"""Terminal: a program on a pty, its screen, and when each byte of it arrived."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType

import psutil
import pyte

# What pyte does not know and would print: kitty keyboard, mode reports, private colours, DCS.
_UNKNOWN = re.compile(r"\x1b\[[<>=][0-9;:]*[a-zA-Z]|\x1b\[\?[0-9;]*(?:\$p|u)|\x1bP[^\x1b]*\x1b\\")
_PARTIAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*|P[^\x1b]*)?$")

Seen = Callable[[str], bool]
"""Whether the screen, as lines of text, shows what is waited for."""


class Terminal:
    """Runs ``command`` in a terminal of that size until the ``with`` block ends.

    A thread does nothing but note when bytes came; they are drawn when somebody looks, so
    that the drawing delays no time stamp.
    """

    def __init__(
        self,
        command: Sequence[str],
        columns: int = 160,
        lines: int = 45,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        variables = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        for name in ("LINES", "COLUMNS", "NO_COLOR"):
            variables.pop(name, None)
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**variables, **(environment or {})},
            start_new_session=True,
            # Its controlling terminal: should this process die, the program hears of it.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._carry = ""
        self._arrived: list[tuple[float, bytes]] = []
        self._drawn = 0
        self._ended = False
        self._change = threading.Condition()
        sys.setswitchinterval(0.0005)  # the drawing must not keep the reader from its time stamps
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            children = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            self.process.wait()
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        self._reader.join(2)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                data = b""
            now = time.perf_counter()
            with self._change:
                self._ended = not data
                self._arrived.append((now, data))
                self._change.notify_all()
            if not data:
                return
            # A modern terminal knows synchronised output and says so.
            if b"\x1b[?2026$p" in data:
                os.write(self._master, b"\x1b[?2026;2$y")

    def _draw(self, data: bytes) -> None:
        text = self._carry + self._decoder.decode(data)
        partial = _PARTIAL.search(text)
        self._carry = text[partial.start() :] if partial else ""
        self._stream.feed(_UNKNOWN.sub("", text[: partial.start()] if partial else text))

    def text(self) -> str:
        """The screen as it is now, as lines of text."""
        while self._drawn < len(self._arrived):
            self._draw(self._arrived[self._drawn][1])
            self._drawn += 1
        return "\n".join(self._screen.display)

    def press(self, key: str) -> float:
        """Send ``key``; when that was, in seconds of the performance counter."""
        now = time.perf_counter()
        os.write(self._master, key.encode())
        return now

    def wait(self, seen: Seen, timeout: float = 30.0) -> float:
        """When the bytes came that made ``seen`` true. Raises TimeoutError with the screen."""
        end = time.perf_counter() + timeout
        while True:
            with self._change:
                if self._drawn >= len(self._arrived):
                    left = end - time.perf_counter()
                    if self._ended or left <= 0 or not self._change.wait(left):
                        raise TimeoutError("not seen; the screen was:\n" + self.text())
                    continue
                moment, data = self._arrived[self._drawn]
            self._draw(data)
            self._drawn += 1
            if seen("\n".join(self._screen.display)):
                return moment
