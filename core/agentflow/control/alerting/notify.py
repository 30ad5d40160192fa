"""Notify: runs an operator's command, in a thread of its own and without a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping

from agentflow.config.alerts import program_line

TIME_LIMIT = 10.0
"""Seconds that a command may take."""

AT_ONCE = 4
"""Commands that may run at the same time; more are left out, and that is said."""


class Notifier:
    """``log`` takes a level, a source and a sentence, from any thread.

    A command that fails is told once, until it has worked again. What is filled in ends up
    in one argument each, and in variables AGENTFLOW_ALERT_…: nothing reads it as a command.
    """

    def __init__(
        self, log: Callable[[str, str, str], None], time_limit: float = TIME_LIMIT
    ) -> None:
        self._log = log
        self._time_limit = time_limit
        self._failing: set[str] = set()
        self._free = threading.BoundedSemaphore(AT_ONCE)

    def run(self, line: str, values: Mapping[str, str]) -> threading.Thread | None:
        """Run a command for one transition; None if too many are at work."""
        name = values["name"]
        if not self._free.acquire(blocking=False):
            self._failed(name, f"{AT_ONCE} others are still running")
            return None
        thread = threading.Thread(
            target=self._run, args=(name, program_line(line, values), values), daemon=True,
            name="alert command",
        )  # fmt: skip
        thread.start()
        return thread

    def _run(self, name: str, words: list[str], values: Mapping[str, str]) -> None:
        try:
            problem = run_limited(words, _environment(values), self._time_limit)
        finally:
            self._free.release()
        if problem:
            self._failed(name, f"{words[0]}: {problem}")
        else:
            self._failing.discard(name)

    def _failed(self, name: str, why: str) -> None:
        if name not in self._failing:
            self._failing.add(name)
            self._log("error", "alerts", f"the command of alert {name!r} failed: {why}")


def run_limited(words: list[str], environment: Mapping[str, str], seconds: float) -> str:
    """Run a program for at most so long; what went wrong, or ''."""
    try:
        process = subprocess.Popen(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what it starts ends with it
        )
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            pass  # it has ended by now
        process.wait()
        return f"not done within {seconds:g} s, killed"
    return "" if code == 0 else f"exit code {code}"


def _environment(values: Mapping[str, str]) -> dict[str, str]:
    own = {f"AGENTFLOW_ALERT_{key.upper()}": text.replace("\0", "") for key, text in values.items()}
    return {**os.environ, **own}
