"""Continuity: one stream of numbers from one engine after another."""

from __future__ import annotations

from agentflow.telemetry.snapshot import AuditRow, Counts, Cursor, EventRow, LogRow, Snapshot
from agentflow_console.link.continuity import Continuity
from agentflow_console.store import Store
from agentflow_console.testing import StillLink


class Engine:
    """Counts from one, and answers a cursor as a real one does."""

    def __init__(self, *actions: float) -> None:
        self.log: list[LogRow] = []
        self.audit = [
            AuditRow(number, time, "me", f"at {time}", "", "", "done")
            for number, time in enumerate(actions, 1)
        ]
        self.settled: list[EventRow] = []
        self.live: list[EventRow] = []

    def say(self, text: str) -> None:
        """A line of the log."""
        self.log.append(LogRow(len(self.log) + 1, 0.0, "info", "engine", text))

    async def answer(self, cursor: Cursor) -> Snapshot:
        """What is new since the cursor."""
        return await StillLink(
            time=1.0,
            counts=Counts(),
            log=self.log[cursor.log :],
            log_cursor=len(self.log),
            audit=self.audit[cursor.audit :],
            audit_cursor=len(self.audit),
            settled=self.settled[cursor.event :],
            settled_cursor=len(self.settled),
            live=self.live,
            live_total=len(self.live),
            dead=None if cursor.dead == 0 else [],
            breakpoints=None if cursor.breakpoints == 0 else [],
            config=None,
        ).pull(cursor)


def event(seq: int) -> EventRow:
    """An event with that number."""
    return EventRow(seq, f"id-{seq}", "s", 0.0, "", "a", "", "route", "running", 0.0, 1,
                    "normal", 1, "", "", "")  # fmt: skip


async def pull(store: Store, continuity: Continuity, engine: Engine) -> Snapshot:
    """One frame of a screen; what the engine said."""
    answer = await engine.answer(continuity.to_engine(store.cursor))
    snapshot = continuity.to_screen(answer)
    store.apply(snapshot)
    return answer


async def test_rows_of_the_next_engine_follow_those_of_the_one_before() -> None:
    """Nothing is shown twice and nothing is left out, over two deaths."""
    store, continuity = Store(), Continuity()
    for life in range(3):
        # The audit comes back from the journal, with one more action each time.
        engine = Engine(*(float(number) for number in range(1, 2 + life)))
        for text in "ab":
            engine.say(f"{life}{text}")
        engine.settled = [event(10 * life + number) for number in range(3)]
        if life:
            continuity.begin()
        await pull(store, continuity, engine)
        engine.say(f"{life}c")
        engine.settled.append(event(10 * life + 3))
        await pull(store, continuity, engine)
    assert [row.text for row in store.log] == [f"{n}{c}" for n in range(3) for c in "abc"]
    assert [row.seq for row in store.log] == list(range(1, 10))
    assert [row.action for row in store.audit] == ["at 1.0", "at 2.0", "at 3.0"]
    assert [row.seq for row in store.audit] == [1, 2, 3]
    assert [row.seq for row in store.events.rows()] == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]


async def test_tables_of_the_next_engine_are_asked_for_again() -> None:
    """Its revisions are its own: the same number does not mean the same dead letters."""
    store, continuity = Store(), Continuity()
    for _ in range(2):
        first = await pull(store, continuity, Engine())
        assert first.dead == first.breakpoints == []
        again = await pull(store, continuity, Engine())
        assert again.dead is again.breakpoints is None
        continuity.begin()


async def test_events_whose_end_nobody_saw_are_counted() -> None:
    """What was live and is not there any more ended in the last moment of the engine before."""
    store, continuity = Store(), Continuity()
    engine = Engine()
    engine.live = [event(1), event(2), event(3)]
    await pull(store, continuity, engine)
    continuity.begin()
    again = Engine()
    again.live = [event(3)]
    await pull(store, continuity, again)
    await pull(store, continuity, again)
    assert store.events.missed == 2
