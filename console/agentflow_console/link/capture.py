"""Capture: what handlers print or log becomes lines of the engine's log."""

from __future__ import annotations

import io
import logging
import os
import selectors
import sys
import threading
import time
from collections.abc import Callable

Log = Callable[[str, str, str], None]
"""Takes a level, a source and a text; may be called from any thread."""

LEVELS = {"debug": 10, "info": 20, "warn": 30, "error": 40}
"""The levels of ``[logging] level`` in Python's numbers."""

_LINE = 4000  # characters kept of one line
_WAITING = 1000  # lines kept until there is a log to write them to


class Throttle:
    """Passes on at most ``rate`` lines a second, and says how many more there were."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._second = 0
        self._passed = 0
        self._over = 0
        self._log: Log | None = None
        self._waiting: list[tuple[str, str, str]] = []

    def attach(self, log: Log) -> None:
        """Where lines go from now on; those that came earlier follow at once."""
        with self._lock:
            self._log = log
            waiting, self._waiting = self._waiting, []
        for line in waiting:
            log(*line)

    def __call__(self, level: str, source: str, text: str) -> None:
        second = int(self._clock())
        with self._lock:
            over = 0
            if second != self._second:
                over, self._over = self._over, 0
                self._second, self._passed = second, 0
            keep = self._passed < self._rate
            self._passed += keep
            self._over += not keep
            log = self._log
            if log is None and keep and len(self._waiting) < _WAITING:
                self._waiting.append((level, source, text[:_LINE]))
        if log is None:
            return
        if over:
            log("warning", "engine", f"{over:,} more lines came in one second and were not kept")
        if keep:
            log(level, source, text[:_LINE])


class LogHandler(logging.Handler):
    """Python's logging into the engine's log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._write = log

    def emit(self, record: logging.LogRecord) -> None:
        """One record, its traceback's last line included."""
        try:
            text = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                error = record.exc_info[1]
                text += f" ({type(error).__name__}: {error})"
            level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
            self._write(level, record.name, text)
        except Exception:  # a record that can't be formatted must not fail the handler
            self.handleError(record)


class Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of the engine: it knows which agent prints."""

    def __init__(self, level: str, log: Log, agent: Callable[[], str], fd: int) -> None:
        self._level = level
        self._write_line = log
        self._agent = agent
        self._fd = fd
        self.buffer = io.FileIO(fd, "wb", closefd=False)  # for those who write bytes
        self._thread = threading.get_ident()
        self._begun: dict[int, str] = {}  # an unfinished line for each thread

    def write(self, text: str) -> int:
        """Cut into lines; the last one waits for its end."""
        thread = threading.get_ident()
        source = (self._agent() if thread == self._thread else "") or self._level
        *lines, rest = (self._begun.pop(thread, "") + text).split("\n")
        for line in lines:
            self._write_line(self._level, source, line)
        if len(rest) > _LINE:
            self._write_line(self._level, source, rest)
        elif rest:
            self._begun[thread] = rest
        return len(text)

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The captured descriptor, for subprocesses that are given this stream."""
        return self._fd

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What a caller may write in."""
        return "utf-8"


class Capture:
    """Takes file descriptors 1 and 2 and Python's own streams, from ``start`` on.

    C code and subprocesses write to the descriptors, so those are read by a thread;
    Python's prints are taken before that, while it is known which agent prints.
    """

    def __init__(self, rate: int = 500) -> None:
        self._log = Throttle(rate)
        self._agent: Callable[[], str] = lambda: ""
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._read, name="capture", daemon=True)

    def start(self) -> None:
        """From here on nothing reaches the terminal."""
        for fd, level in ((1, "stdout"), (2, "stderr")):
            reading, writing = os.pipe()
            os.dup2(writing, fd)
            os.close(writing)
            self._selector.register(reading, selectors.EVENT_READ, _Tail(level, self._log))
        sys.stdout = Stream("stdout", self._log, lambda: self._agent(), 1)
        sys.stderr = Stream("stderr", self._log, lambda: self._agent(), 2)
        root = logging.getLogger()
        root.addHandler(LogHandler(self._log))
        root.setLevel(logging.INFO)
        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # "1 change detected"
        self._thread.start()

    def attach(self, log: Log, agent: Callable[[], str]) -> None:
        """Where lines go from now on, and who is on the loop when one is printed there."""
        self._agent = agent
        self._log.attach(log)

    def _read(self) -> None:
        while True:
            ready = self._selector.select(0.2)
            for key, _ in ready:
                tail: _Tail = key.data
                tail.feed(os.read(key.fd, 65536))
            if not ready:
                for key in self._selector.get_map().values():
                    key.data.finish()


class _Tail:
    """Bytes of one descriptor, cut into lines."""

    def __init__(self, level: str, log: Log) -> None:
        self._level = level
        self._log = log
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._log(self._level, self._level, line.decode("utf-8", "replace"))
        if len(self._rest) > _LINE * 4:
            self.finish()

    def finish(self) -> None:
        """An unfinished line that nothing has followed for a while is a line."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._log(self._level, self._level, rest.decode("utf-8", "replace"))
