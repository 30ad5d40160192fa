"""Letters: the dead letters of a journal, as a screen would get them from an engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agentflow.control import DeadDetail
from agentflow.journal import DeadRecord
from agentflow.journal.codec import decode
from agentflow.journal.reading import open_for_reading
from agentflow.telemetry.snapshot import DeadRow


class Letters:
    """Reads the journal at ``path``, also while an engine writes it. A context manager.

    Raises JournalUnusable if it can't be read.
    """

    def __init__(self, path: Path) -> None:
        self._reader = open_for_reading(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()

    def all(self) -> Iterator[DeadDetail]:
        """Every letter, the oldest first."""
        return map(detail_of, self._reader.dead_letters())

    def one(self, number: int) -> DeadDetail | None:
        """The letter of this number."""
        record = self._reader.dead_letter(number)
        return None if record is None else detail_of(record)


def detail_of(record: DeadRecord) -> DeadDetail:
    """A letter as it is kept, in full."""
    try:
        event: dict[str, Any] = decode(record.event).to_dict()
    except ValueError as error:  # what can be told of it should be, whatever the disk did
        event = {"target": "", "data": {}, "unreadable": str(error)}
    row = DeadRow(
        number=record.number,
        time=record.time,
        event_id=str(event.get("id", "")),
        session=str(event.get("session_id", "")),
        agent=record.agent,
        target=str(event.get("target", "")),
        attempts=record.attempts,
        version=record.config_version,
        error=record.error,
        data="",
        status=record.status,
    )
    return DeadDetail(row, event, record.error, record.trace)
