"""Driver: Textual's own, for terminals that go away; and the terminal as it was before."""

from __future__ import annotations

import os
import select
import sys
import termios
from collections.abc import Callable
from typing import IO, Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

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

_READY = 0.5  # seconds to wait until a terminal takes that


class TerminalDriver(LinuxDriver):
    """Writes to a terminal that may be gone: then ``app.terminal_gone`` is called, once.

    The driver it comes from would wait for ever for a terminal to take what it writes.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        gone: Callable[[], None] = getattr(app, "terminal_gone", lambda: None)
        assert sys.__stderr__ is not None
        self._file = _Output(sys.__stderr__, gone)  # type: ignore[assignment]
        self.restored = False
        """Whether the terminal is as it was."""

    def start_application_mode(self) -> None:
        """Take the terminal."""
        self.restored = False
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Give it back."""
        super().close()
        self.restored = True


class _Output:
    """A file that takes everything, and says once that nobody is there to read it."""

    def __init__(self, file: IO[str], gone: Callable[[], None]) -> None:
        self._file = file
        self._gone = gone
        self._lost = False

    def write(self, text: str) -> None:
        if not self._lost:
            try:
                self._file.write(text)
            except OSError:
                self._lose()

    def flush(self) -> None:
        if not self._lost:
            try:
                self._file.flush()
            except OSError:
                self._lose()

    def fileno(self) -> int:
        return self._file.fileno()

    def _lose(self) -> None:
        self._lost = True
        self._gone()


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
