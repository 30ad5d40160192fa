"""Output: the way to the terminal, and how long the terminal takes for what is sent there.

The screen's thread says ``sent`` and goes on; the driver's own thread writes, and waits where
the terminal does. Whoever has more to show asks first whether it is ``busy``.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO

_KEPT = 64  # stretches of writing that are remembered


class Output:
    """A file that takes everything, and says once, by ``gone``, that nobody is there to read it.

    ``write`` and ``flush`` belong to the driver's thread, the rest to the screen's.
    """

    def __init__(self, file: IO[str], gone: Callable[[], None]) -> None:
        self._file = file
        self._gone = gone
        self._lost = False
        self._lock = threading.Lock()
        self._unwritten = 0  # pieces
        self._at_work = False
        self._since = 0.0
        self._when_free: Callable[[], None] | None = None
        self.size = 0
        """Bytes that the terminal has taken."""
        self.taken: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        """When it had taken all that it was sent, and the seconds that writing waited for it."""
        self._waited = 0.0

    # -- on the screen's side --------------------------------------------------------------

    @property
    def busy(self) -> float:
        """Seconds for which the terminal has been at what it was sent; 0 when it is free."""
        with self._lock:
            return time.perf_counter() - self._since if self._at_work else 0.0

    def sent(self) -> None:
        """Another piece is on its way."""
        with self._lock:
            if not self._at_work:
                self._at_work = True
                self._since = time.perf_counter()
            self._unwritten += 1

    def when_free(self, callback: Callable[[], None]) -> bool:
        """Have ``callback`` called, in the driver's thread, when the terminal has taken it all.

        False, and no call, if it has by now.
        """
        with self._lock:
            if not self._at_work:
                return False
            self._when_free = callback
            return True

    # -- on the driver's side --------------------------------------------------------------

    def write(self, text: str) -> None:
        """Take one piece; it is on its way by the next ``flush``."""
        begun = time.perf_counter()
        if not self._lost:
            try:
                self._file.write(text)
            except OSError:
                self._lose()
        with self._lock:
            self._waited += time.perf_counter() - begun
            self._unwritten -= 1
            self.size += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))

    def flush(self) -> None:
        """Have the terminal take it all: waits as long as that takes."""
        begun = time.perf_counter()
        if not self._lost:
            try:
                self._file.flush()
            except OSError:
                self._lose()
        now = time.perf_counter()
        with self._lock:
            self._waited += now - begun
            if self._unwritten > 0 or not self._at_work:
                return
            self._at_work = False
            self.taken.append((now, self._waited))
            self._waited = 0.0
            callback, self._when_free = self._when_free, None
        if callback is not None:
            callback()

    def fileno(self) -> int:
        """The number of the file."""
        return self._file.fileno()

    def _lose(self) -> None:
        self._lost = True
        self._gone()
