"""Driver: Textual's own, for terminals that go away; and the terminal as it was before."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from agentflow_console.output import Output

_AS_IT_WAS = (
    "\x1b[?2004l"  # no bracketed paste
    "\x1b[?7h"  # lines wrap
    "\x1b[?2048l"  # no reports of the size
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # no mouse
    "\x1b[<u"  # keys as usual
    "\x1b[?1049l"  # the screen that was there before
    "\x1b[?25h"  # a cursor
    "\x1b[?1004l"  # no reports of the focus
    "\x1b[0m"
)
"""What takes back all that a full-screen program has asked of a terminal."""

_PATIENCE = 2.0  # seconds to wait for a terminal at the end
_READY = 0.5  # seconds to wait until a terminal takes that


class TerminalDriver(LinuxDriver):
    """Writes to a terminal that may be gone: then ``app.terminal_gone`` is called, once.

    The driver it comes from would wait for ever for a terminal to take what it writes.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        gone: Callable[[], None] = getattr(app, "terminal_gone", lambda: None)
        assert sys.__stderr__ is not None
        self.output = Output(sys.__stderr__, gone)
        """What the terminal has been sent, and how long it takes for that."""
        self._file = self.output  # type: ignore[assignment]
        self.restored = False
        """Whether the terminal is as it was."""

    def write(self, data: str) -> None:
        """Send something to the terminal, and don't wait until it is there."""
        self.output.sent()
        super().write(data)

    def start_application_mode(self) -> None:
        """Take the terminal."""
        self.restored = False
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Give it back. One that takes nothing any more keeps nobody from leaving."""
        thrown_away = self._writer_thread is not None and self._throw_away()
        super().close()
        self.restored = not thrown_away

    def _throw_away(self) -> bool:
        """Wait a while for the terminal, then forget what it has not taken; whether that was so.

        It is discarded where it waits, in the terminal's own buffer: what is written after
        that finds room there.
        """
        end = time.monotonic() + _PATIENCE
        while self.output.busy and time.monotonic() < end:
            time.sleep(0.01)
        if not self.output.busy:
            return False
        end, terminal = time.monotonic() + _PATIENCE, self.output.fileno()
        while self.output.busy and time.monotonic() < end:
            try:
                termios.tcflush(terminal, termios.TCOFLUSH)
                termios.tcflow(terminal, termios.TCOOFF)  # only going on again wakes who waits
                termios.tcflow(terminal, termios.TCOON)
            except termios.error:
                break
            time.sleep(0.01)
        return True


class TerminalState:
    """The terminal as it is now, to be put back whatever happens to the program on it."""

    def __init__(self) -> None:
        self._fd = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
        try:
            self._attributes: list[Any] | None = termios.tcgetattr(self._fd)
        except (termios.error, ValueError, OSError):
            self._attributes = None  # it is none

    def restore(self) -> None:
        """Put it back, as far as that goes. From any thread, and as often as one likes."""
        if self._attributes is None or sys.__stderr__ is None:
            return
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._attributes)
            screen = sys.__stderr__.fileno()
            # One that takes nothing at the moment must not hold up the end.
            if os.isatty(screen) and select.select([], [screen], [], _READY)[1]:
                os.write(screen, _AS_IT_WAS.encode())
        except (termios.error, OSError, ValueError):
            pass  # it is gone
