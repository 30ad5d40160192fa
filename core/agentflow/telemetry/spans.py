"""Spans: the stretches of time of events, each under what caused it, for the waterfall.

The engine keeps a record for each run and a note for what is out of the ordinary, with
their times. Which run a hook, a hold or a retry belongs to, and which run emitted an event,
is found from these when somebody looks: it costs the engine nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from agentflow.telemetry.snapshot import SpanRow

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution
    from agentflow.engine.guards import Guards
    from agentflow.telemetry.trace import Note

_NOTICED = 0.0005  # seconds in the queue below which nobody wants to see it
_STOP = "breakpoint "
_ERROR = "AgentError"
_AFTER_RUN = ("AfterAgentRun", _ERROR)


class RunSpan(NamedTuple):
    """One run of an agent, ended or not. Times are monotonic seconds, ``end`` inf while it lasts.

    ``place`` is its place among the ended runs of its event, -1 while it lasts.
    """

    id: str
    agent: str
    start: float
    end: float
    attempts: int
    error: str
    place: int


def runs_of(execution: Execution, guards: Guards | None) -> list[RunSpan]:
    """The runs of an event: the ended ones in order, then those that go on (with ``guards``).

    A run has the same id while it lasts and after: what it caused is under it all the time.
    """
    root = execution.event.id
    times: dict[str, int] = {}
    found: list[RunSpan] = []
    for place, (agent, start, end, attempts, error, _, _) in enumerate(execution.runs):
        times[agent] = number = times.get(agent, 0) + 1
        found.append(RunSpan(_run_id(root, agent, number), agent, start, end, attempts, error,
                             place))  # fmt: skip
    if guards is not None and execution.started and not execution.ended:
        for agent, since in execution.running_agents(guards):
            times[agent] = number = times.get(agent, 0) + 1
            found.append(RunSpan(_run_id(root, agent, number), agent, since, inf, 0, "", -1))
    return found


def _run_id(root: str, agent: str, number: int) -> str:
    return f"{root}/{agent}#{number}" if number > 1 else f"{root}/{agent}"


def emitter(runs: Iterable[RunSpan], source: str, accepted: float) -> RunSpan | None:
    """The run that emitted an event from ``source`` which was ``accepted`` then, if one did."""
    began = [run for run in runs if run.start <= accepted]
    named = [run for run in began if run.agent == source]
    if not named:
        named = [run for run in began if accepted <= run.end]
    return max(named, key=lambda run: run.start, default=None)


def spans(
    executions: Iterable[Execution],
    guards: Guards,
    wall_offset: float,
    now: float,
    known: Mapping[str, Execution] | None = None,
) -> list[SpanRow]:
    """The waterfall of ``executions``: events, and in them runs, attempts, hooks, holds, retries.

    An event is under the run that emitted it, if its parent is among ``known`` (by id; else
    among ``executions``).
    """
    executions = list(executions)
    if known is None:
        known = {execution.event.id: execution for execution in executions}
    of_event: dict[str, list[RunSpan]] = {}

    def runs(execution: Execution) -> list[RunSpan]:
        id = execution.event.id
        if id not in of_event:
            of_event[id] = runs_of(execution, guards)
        return of_event[id]

    rows: list[SpanRow] = []
    for execution in executions:
        parent = execution.event.parent_event
        if parent and (cause := known.get(parent)) is not None:
            run = emitter(runs(cause), execution.event.source, execution.accepted)
            parent = run.id if run is not None else parent
        rows += _Waterfall(execution, runs(execution), wall_offset, now).rows(parent)
    rows.sort(key=lambda row: row.start)
    return rows


class _Waterfall:
    """The spans of one event."""

    def __init__(
        self, execution: Execution, runs: list[RunSpan], offset: float, now: float
    ) -> None:
        self.execution = execution
        self.runs = runs
        self.offset = offset
        self.now = now
        self.root = self.inner = execution.event.id
        self.ends: list[tuple[float, int]] = []
        self.starts: list[tuple[float, int]] = []
        if execution.notes:
            self.ends = sorted((run.end, index) for index, run in enumerate(runs))
            self.starts = sorted((run.start, index) for index, run in enumerate(runs))
        self.retries: dict[str, list[Note]] = {}
        self.stopped: RunSpan | None = None  # where the event stood at a breakpoint last
        self.fired: set[tuple[str, str]] = set()  # run, and hook point with callback

    def rows(self, parent: str) -> list[SpanRow]:
        """All of them; the event itself first, under ``parent``."""
        execution, event, root = self.execution, self.execution.event, self.root
        lasts = not execution.ended
        status = execution.status if lasts else ("failed" if execution.error else "ok")
        rows = [
            SpanRow(root, parent, root, "event", event.route or event.session_id,
                    execution.accepted + self.offset,
                    -1.0 if lasts else execution.ended - execution.accepted,
                    status, execution.error, _mark(execution))
        ]  # fmt: skip
        waited_until = execution.started or (0.0 if lasts else execution.ended)
        waited = (waited_until or self.now) - execution.accepted
        if waited > _NOTICED or not waited_until:
            rows.append(SpanRow(f"{root}~queued", root, root, "queued", "queue",
                                execution.accepted + self.offset,
                                waited if waited_until else -1.0,
                                "ok" if waited_until else execution.status, "", ""))  # fmt: skip
        if execution.started and execution.mode != "route":
            self.inner = f"{root}~orchestrate"
            rows.append(SpanRow(self.inner, root, root, "orchestrate", execution.mode,
                                execution.started + self.offset,
                                -1.0 if lasts else execution.ended - execution.started,
                                status, "", ""))  # fmt: skip
        for number, note in enumerate(execution.notes or (), 1):
            rows.append(self._note(f"{root}~{number}", note))
        for run in self.runs:
            rows += self._run(run)
        return rows

    def _run(self, run: RunSpan) -> list[SpanRow]:
        """A run, and in it its attempts if there was more than one."""
        retries = self.retries.get(run.id, ())
        lasts = run.end == inf
        status = self.execution.status if lasts else "failed" if run.error else "ok"
        row = SpanRow(run.id, self.inner, self.root, "agent", run.agent, run.start + self.offset,
                      -1.0 if lasts else run.end - run.start, status, run.error,
                      f"{run.attempts} attempts" if run.attempts > 1 else "")  # fmt: skip
        if not retries:
            return [row]
        rows = [row]
        start = run.start
        for place, (_, name, began, ended, _, error) in enumerate(retries, 1):
            rows.append(SpanRow(f"{run.id}~attempt{place}", run.id, self.root, "attempt",
                                f"attempt {name.rpartition(' ')[2]}", start + self.offset,
                                began - start, "failed", error, run.agent))  # fmt: skip
            start = ended or inf
        if start < inf:
            last = int(number) if (number := name.rpartition(" ")[2]).isdecimal() else len(retries)
            rows.append(SpanRow(f"{run.id}~attempt{len(retries) + 1}", run.id, self.root, "attempt",
                                f"attempt {last + 1}", start + self.offset,
                                -1.0 if lasts else run.end - start, status, run.error,
                                run.agent))  # fmt: skip
        return rows

    def _note(self, id: str, note: Note) -> SpanRow:
        kind, name, start, end, status, text = note
        run: RunSpan | None = None
        parent, detail, error = self.inner, "", text
        if kind == "hook":
            point = name.partition(" ")[0]
            if point in _AFTER_RUN:
                run = self._last(self.ends, start, name)
            elif point == "BeforeAgentRun":
                run = self._last(self.starts, start, name)
            else:
                parent = self.root
            if status == "changed":
                status, detail, error = "ok", f"changed {text}", ""
        elif kind == "retrying":
            run = self._around(name.rpartition(" after attempt ")[0], start)
            if run is not None:
                self.retries.setdefault(run.id, []).append(note)
        elif kind == "held" and name.startswith(_STOP):
            run = self.stopped = self._at_stop(text, start)
            detail, error = text, ""
        elif kind == "edited":
            run = self.stopped
        else:
            run = self._around(name, start)
        if run is not None:
            parent = run.id
        return SpanRow(id, parent, self.root, kind, name, start + self.offset,
                       end - start if end else -1.0, status, error, detail)  # fmt: skip

    def _last(self, moments: list[tuple[float, int]], at: float, hook: str) -> RunSpan | None:
        """The run that began or ended last at that time, for a callback's firing at ``hook``.

        Of several at one moment it is the first that this callback did not fire for yet.
        """
        place = bisect_right(moments, (at, len(self.runs)))
        if not place:
            return None
        moment = moments[place - 1][0]
        first = bisect_left(moments, (moment, -1))
        for _, index in moments[first:place]:
            run = self.runs[index]
            if (run.id, hook) not in self.fired and (run.error or not hook.startswith(_ERROR)):
                self.fired.add((run.id, hook))
                return run
        return self.runs[moments[place - 1][1]]

    def _around(self, agent: str, at: float) -> RunSpan | None:
        """The run of the agent that went on at that time."""
        run = self._of(agent, at)
        return run if run is not None and at <= run.end else None

    def _at_stop(self, where: str, at: float) -> RunSpan | None:
        """The run that stood at a breakpoint then. Before it its time does not run."""
        point, _, agent = where.partition(" of ")
        if point != "BeforeAgentRun":
            return self._of(agent, at)
        runs = (self.runs[index] for _, index in self.starts)
        return next(
            (run for run in runs if run.agent == agent and (run.end > at or run.start >= at)), None
        )

    def _of(self, agent: str, at: float) -> RunSpan | None:
        """The run of the agent that had begun last at that time."""
        for place in range(bisect_right(self.starts, (at, len(self.runs))) - 1, -1, -1):
            run = self.runs[self.starts[place][1]]
            if run.agent == agent:
                return run
        return None


def _mark(execution: Execution) -> str:
    """What makes an event another one than most."""
    original = execution.event.metadata.get("replay_of", "")
    if original:
        return f"replay of {original}"
    return "requested" if execution.nested else ""
