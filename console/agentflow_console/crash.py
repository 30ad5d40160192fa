"""Crash: what is said and kept when the console itself fails."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from agentflow_console.journals import shown
from agentflow_console.link.watchdog import is_library
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.link.protocol import Link

NAME = "console-crash.txt"
_LINE = 2000  # characters kept of a line


def report(error: BaseException, link: Link) -> list[str]:
    """Keep the traceback in a file, and say in a few lines what failed and what goes on."""
    error = _root(error)
    journal = link.journal
    told = [f"the console failed: {_what(error)}"]
    if link.process and link.status != "closed":
        kept = f"; what it can't finish waits in {shown(journal)}" if journal else ""
        told.append(f"the engine (process {link.process}) finishes what it has and ends{kept}")
    elif link.left and journal:
        told.append(f"what was not finished waits in {shown(journal)}")
    written = _write(error, Path(journal).parent if journal else None)
    if written is not None:
        told.append(f"the traceback is in {shown(written)}")
    return told


def _root(error: BaseException) -> BaseException:
    """The failure itself, where Textual has only said that a worker of its own failed."""
    inner = getattr(error, "error", None)
    return inner if isinstance(inner, BaseException) else error


def _what(error: BaseException) -> str:
    text = safe(f"{type(error).__name__}: {error}", 200)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not is_library(frame.filename)] or frames
    place = f", at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    return f"{text}{place}"


def _inert(lines: list[str]) -> str:
    """Text that may have come from an event must not reach a terminal by ``cat`` either."""
    return "".join(f"{safe(line, _LINE)}\n" for line in "".join(lines).splitlines())


def _write(error: BaseException, folder: Path | None) -> Path | None:
    """Where the traceback is; None if it can be kept nowhere."""
    text = (
        f"{time.strftime('%Y-%m-%d %H:%M:%S %z')}, process {os.getpid()}, "
        f"Python {sys.version.split()[0]}\n\n{_inert(traceback.format_exception(error))}"
    )
    if folder is not None:
        try:
            path = folder / NAME
            path.write_text(text, "utf-8", "backslashreplace")
        except OSError:
            pass
        else:
            return path
    try:
        handle, name = tempfile.mkstemp(prefix="agentflow-", suffix=f"-{NAME}")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return None
    return Path(name)
