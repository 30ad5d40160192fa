"""Operating: what a person does to the system, and what came of it.

Every change is sent in a worker, shows as pending at once, and its answer ends up on the
alert line. Nothing here waits for the engine inside a handler.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.app import App

from agentflow.control import Answer
from agentflow.telemetry.snapshot import AgentRow, DeadRow, EventRow, SpanRow, StopRow
from agentflow_console.link.protocol import LinkError
from agentflow_console.planning import decide, decide_canary

if TYPE_CHECKING:
    from agentflow_console.link.protocol import Link
    from agentflow_console.palette import Palette
    from agentflow_console.replays import Replays
    from agentflow_console.screens.base import Room
    from agentflow_console.store import Store

_STAYS = 8.0  # seconds that an answer stays on the alert line
_ALARM_STAYS = 10.0  # seconds for what nobody asked for
_FASTEST = 10_000.0  # events a second above which the feed is not held back


@dataclass(frozen=True, slots=True)
class News:
    """One thing said at the right of the alert line."""

    kind: str  # pending, done, refused, said, asked, alarm
    text: str
    until: float  # of the steady clock; pending and asked stay


class Operating(App[int]):
    """The part of the app that changes the system. Actions of the registry's global commands."""

    link: Link
    store: Store
    replays: Replays
    room: Room | None
    read_only: bool
    frozen: bool
    palette: Palette

    if TYPE_CHECKING:
        refused: Callable[[], bool]

    _news: News | None = None

    def stop_of(self, event_id: str) -> StopRow | None:
        """Where this event is stopped; None if it isn't."""
        snapshot = self.store.snapshot
        stops = snapshot.stops if snapshot is not None else ()
        return next((stop for stop in stops if stop.event_id == event_id), None)

    def refresh_lines(self) -> None:
        """Header, alert line and footer, as things are now."""
        raise NotImplementedError

    # -- saying things -----------------------------------------------------------------------

    @property
    def news(self) -> News | None:
        """What the right side of the alert line says now."""
        news = self._news
        if news and news.kind not in ("pending", "asked") and time.perf_counter() > news.until:
            news = self._news = None
        return news

    def say(self, text: str, *, ok: bool | None = None) -> None:
        """Put one sentence on the alert line; ``ok`` for what came of an action."""
        kind = "said" if ok is None else "done" if ok else "refused"
        self._tell(kind, text)

    def alarm(self, text: str) -> None:
        """The same for what nobody here did and everybody should read."""
        self._tell("alarm", text)

    def _tell(self, kind: str, text: str) -> None:
        stays = _ALARM_STAYS if kind == "alarm" else _STAYS
        self._news = News(kind, text, time.perf_counter() + stays)
        self.refresh_lines()

    # -- changing the system -----------------------------------------------------------------

    async def command(self, name: str, *, saying: str = "", **arguments: Any) -> Answer:
        """Have the engine do something; pending and the answer are shown. For workers.

        ``saying`` is what to show while it is pending. A lost engine is an answer too.
        """
        if self.read_only:
            answer = Answer(False, "Read-only: nothing was changed.")
        else:
            self._tell("pending", saying or f"{name} is pending")
            try:
                answer = await self.link.command(name, **arguments)
            except LinkError as error:
                answer = Answer(False, str(error))
        self.say(answer.message, ok=answer.ok)
        return answer

    def change(
        self,
        name: str,
        *,
        saying: str = "",
        then: Callable[[Answer], object] | None = None,
        **arguments: Any,
    ) -> None:
        """Like ``command``, from a handler: returns at once, ``then`` gets the answer."""

        async def send() -> None:
            answer = await self.command(name, saying=saying, **arguments)
            if then is not None:
                then(answer)

        self.run_worker(send(), group="changes", exit_on_error=False)

    # -- what an action is about -------------------------------------------------------------

    def selected_agent(self) -> str:
        """The agent that the selected row is about, or ''."""
        row = self.room.selected if self.room else None
        if isinstance(row, AgentRow):
            return row.name
        if isinstance(row, EventRow):
            if stop := self.stop_of(row.id):
                return stop.agent or stop.target
            return row.at.partition(" ")[0] or row.target
        if isinstance(row, StopRow):
            return row.agent or row.target
        if isinstance(row, DeadRow):
            return row.agent or row.target
        if isinstance(row, SpanRow) and row.kind in ("agent", "held"):
            return row.name
        return ""

    def selected_event_id(self) -> str:
        """The event that the selected row is about, or ''."""
        row = self.room.selected if self.room else None
        if isinstance(row, EventRow):
            return row.id
        if isinstance(row, DeadRow | SpanRow | StopRow):
            return row.event_id
        return ""

    def selected_session(self) -> str:
        """The session that the selected row is about, or ''."""
        row = self.room.selected if self.room else None
        return row.session if isinstance(row, EventRow | DeadRow | StopRow) else ""

    # -- actions -----------------------------------------------------------------------------

    def _moving(self) -> bool:
        """Whether the selected row is whatever came last: nobody means that one."""
        table = self.room.table if self.room else None
        moving = table is not None and table.following and not self.frozen
        if moving:
            self.say("The cursor follows the newest event; move it to the one that you mean.")
        return moving

    def action_pause_agent(self) -> None:
        if self._moving():
            return
        name = self.selected_agent()
        if not name:
            self.say("Select an agent, or an event that is at one; P pauses the whole runner.")
            return
        held = ("paused", "stopped")  # by a person, or by its supervisor
        paused = any(row.name == name and row.state in held for row in self.store.agents)
        verb = "resume" if paused else "pause"
        self.change(verb, saying=f"{verb} {name}", agent=name)

    def action_pause_runner(self) -> None:
        snapshot = self.store.snapshot
        verb = "resume" if snapshot is not None and snapshot.paused else "pause"
        self.change(verb, saying=f"{verb} the runner", agent="")

    def action_undo(self) -> None:
        if not self.refused():
            title = "Undo the last change of configuration"
            self.plan_first("undo", title, whole=True)

    def plan_first(self, of: str, title: str, *, whole: bool = False, **arguments: Any) -> None:
        """Show what a command would do, and do it if that is wanted."""
        self.run_worker(
            decide(self, of, arguments, title, whole=whole),
            group="forms", exclusive=True, exit_on_error=False,
        )  # fmt: skip

    def action_decide_canary(self) -> None:
        snapshot = self.store.snapshot
        if snapshot is None or snapshot.canary is None:
            self.say("Nothing is being tried out; m and then a share of the sessions begins it.")
        elif not self.refused():
            self.run_worker(decide_canary(self), group="forms", exclusive=True, exit_on_error=False)

    def action_replay(self) -> None:
        if self._moving():
            return
        number = self._dead_number()
        if number is None:
            self.say("Only a dead letter can be replayed; / state:dead finds them.")
        else:
            event_id = self.selected_event_id()
            self.change(
                "replay", saying=f"replay dead letter {number}", number=number,
                then=lambda answer: self.replays.follow(event_id, answer),
            )  # fmt: skip

    def _dead_number(self) -> int | None:
        row = self.room.selected if self.room else None
        if isinstance(row, DeadRow):
            return row.number
        if isinstance(row, EventRow) and row.state == "dead":
            for dead in reversed(self.store.dead):
                if dead.event_id == row.id:
                    return dead.number
        return None

    def action_pace(self, factor: float) -> None:
        snapshot = self.store.snapshot
        if snapshot is None:
            return
        if not snapshot.pace and factor > 1:
            self.say("The feed runs as fast as it goes already; - slows it down.")
            return
        rate = (snapshot.pace or max(snapshot.rate, 1.0)) * factor
        rate = 0.0 if rate >= _FASTEST else max(round(rate, 2), 0.25)
        saying = f"feed {rate:g} events a second" if rate else "feed as fast as it goes"
        self.change("pace", saying=saying, rate=rate)
