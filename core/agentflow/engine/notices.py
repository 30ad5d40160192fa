"""Notices: what an operator should know for some seconds, beside the log."""

from __future__ import annotations

from collections.abc import Callable

MAX_NOTICES = 20


class Notices:
    """Sentences, the latest of them, each until its time is over."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until: list[tuple[float, str]] = []

    def add(self, text: str, seconds: float) -> None:
        """Say something for some seconds."""
        self._until.append((self._now() + seconds, text))
        del self._until[:-MAX_NOTICES]

    def current(self) -> list[str]:
        """What is still worth an operator's attention."""
        now = self._now()
        self._until = [(until, text) for until, text in self._until if until > now]
        return [text for _, text in self._until]
