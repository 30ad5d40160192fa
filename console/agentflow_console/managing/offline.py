"""Offline: what an operator wants done to dead letters while no engine runs.

It is done in the journal: what is replayed is queued there and runs at the next start.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentflow.control import Answer
from agentflow.control.words import WHY_LIMIT
from agentflow.errors import AgentFlowError
from agentflow.event import Event
from agentflow.journal import DeadRecord, Journal, Recovery
from agentflow.journal.codec import decode
from agentflow.resilience.dead_letters import replay_of
from agentflow.telemetry.snapshot import AuditRow
from agentflow_console.text import safe

_LATER = "runs at the next start"


def offline(path: Path, name: str, arguments: Mapping[str, Any], operator: str) -> Answer:
    """Do ``name``, a command of the engine's, in the journal at ``path``, and record who did.

    Raises JournalInUse and JournalUnusable.
    """
    return asyncio.run(_offline(path, name, arguments, operator))


async def _offline(path: Path, name: str, arguments: Mapping[str, Any], operator: str) -> Answer:
    journal = Journal(path)
    recovery = journal.open(time.time())
    for sentence in recovery.damage:
        print(safe(sentence), file=sys.stderr)
    letters = Letters(journal, recovery)
    try:
        answer = await letters.execute(name, arguments)
        number = arguments.get("number")
        row = AuditRow(
            recovery.audit[-1].seq + 1 if recovery.audit else 1,
            time.time(),
            operator,
            name,
            "" if number is None else str(number),
            answer.message,
            "done" if answer.ok else "refused",
            why=str(arguments.get("why", ""))[:WHY_LIMIT],
            about=f"event:{answer.data}" if answer.data else f"dead:{number}" if number else "",
        )
        journal.audit(row)
    finally:
        journal.close()
    return answer


class Letters:
    """The dead letters of an open journal, and what can be done to them."""

    def __init__(self, journal: Journal, recovery: Recovery) -> None:
        self._journal = journal
        self._letters = {record.number: record for record in recovery.dead}
        self._told: asyncio.Future[object]
        loop = asyncio.get_running_loop()
        journal.start(loop, self._deliver, lambda state, reason: None)

    async def execute(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Do one thing; what can't be done is in the answer."""
        if name in ("replay", "drop"):
            number = arguments["number"]
            letter = self._letters.get(number)
            if letter is None:
                return Answer(False, f"there is no dead letter {number}")
            if name == "drop":
                self._journal.drop_dead([number])
                return Answer(True, f"dead letter {number} dropped")
            return await self._replay(letter, arguments.get("data"))
        if name == "clear_dead":
            self._journal.drop_dead(list(self._letters))
            return Answer(True, f"{len(self._letters)} dead letters dropped")
        waiting = [letter for letter in self._letters.values() if letter.status == "dead"]
        for done, letter in enumerate(waiting):
            answer = await self._replay(letter, None)
            if not answer.ok:
                return Answer(False, f"{done} of {len(waiting)} queued, then: {answer.message}")
        return Answer(True, f"{len(waiting)} dead letters queued: what they hold {_LATER}")

    async def _replay(self, letter: DeadRecord, data: Mapping[str, Any] | None) -> Answer:
        try:
            event = replay_of(decode(letter.event), data)
            await self._accept(event)
        except (AgentFlowError, ValueError) as error:
            return Answer(False, f"dead letter {letter.number} can't be replayed: {error}")
        self._journal.mark_dead(letter.number, "replayed")
        edited = "" if data is None else " with other data"
        return Answer(True, f"dead letter {letter.number} queued{edited}: it {_LATER}", event.id)

    async def _accept(self, event: Event) -> None:
        self._told = asyncio.get_running_loop().create_future()
        self._journal.accept(event, event.priority_rank, self._told)
        outcome = await self._told
        if isinstance(outcome, BaseException):
            raise outcome

    def _deliver(self, results: list[tuple[Any, int, str | BaseException | None]]) -> None:
        for told, _, outcome in results:
            if not told.done():
                told.set_result(outcome)
