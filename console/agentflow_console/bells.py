"""Bells: when the terminal's bell is to ring for an alert: once for each transition."""

from __future__ import annotations

from collections.abc import Iterable

from agentflow.telemetry.snapshot import AlertRow


class Bells:
    """Knows which transitions have been rung."""

    def __init__(self) -> None:
        self._rung: dict[str, int] = {}

    def due(self, rows: Iterable[AlertRow]) -> int:
        """How often to ring for what has changed since the last time."""
        due = 0
        rung: dict[str, int] = {}
        for row in rows:
            before = self._rung.get(row.name, 0)
            if row.transitions < before:
                before = 0  # another engine, or another rule of that name
            if row.bell:
                due += row.transitions - before
            rung[row.name] = row.transitions
        self._rung = rung
        return due
