"""Managing: what can be asked of a system, and done to it, without opening the console.

Everything works with a running engine and without one. What is printed is plain text,
whatever was in the events.
"""

from __future__ import annotations

import sqlite3
import sys
from io import TextIOWrapper

from agentflow.errors import JournalError, JournalInUse, RecordingUnusable
from agentflow_console import journals
from agentflow_console.arguments import UsageError, parse
from agentflow_console.text import safe


def manage(arguments: list[str]) -> int:
    """Do what ``audit``, ``dead``, ``health`` and so on are told to, and give the exit code.

    Raises UsageError with what is wrong with the wish.
    """
    command = arguments[0]
    flags = parse(command, arguments[1:])
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal that can't show a letter is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if command == "audit":
            from agentflow_console.managing.audit import audit

            return audit(flags)
        if command == "dead":
            from agentflow_console.managing.dead import dead

            return dead(flags)
        if command == "health":
            from agentflow_console.managing.health import health

            return health(flags)
        if command == "recording":
            from agentflow_console.managing.recording import recording

            return recording(flags)
        from agentflow_console.managing.journal import journal

        return journal(flags)
    except JournalInUse as error:
        raise UsageError(safe(journals.in_use(error))) from error
    except (JournalError, RecordingUnusable) as error:
        raise UsageError(safe(str(error))) from error
    except sqlite3.Error as error:
        raise UsageError(f"the journal can't be read: {safe(str(error))}") from error
