"""Stopping: the operator's commands on breakpoints and on events stopped there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agentflow.control.rows import plain
from agentflow.control.words import Answer, Deed
from agentflow.engine import Runner
from agentflow.engine.edits import ABSENT, same
from agentflow.engine.plan import MODE_ALIASES
from agentflow.engine.stops import Stop

DONE = {
    "continue": "goes on",
    "step": "goes on to its next hook point",
    "step_over": "goes on to the hook point after this agent",
    "drop": "dropped: it is a dead letter",
}


class Stopping:
    """Sets breakpoints, and says what becomes of the events stopped at them."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._breakpoints = runner.breakpoints

    @property
    def actions(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[Answer | Deed]]]:
        """The commands by name."""
        return {
            "break": self._break,
            "unbreak": self._unbreak,
            "on_quit": self._on_quit,
            "continue": self._continue,
            "step": self._step,
            "step_over": self._step_over,
            "drop_stop": self._drop,
            "edit_stop": self._edit,
            "skip_callbacks": self._skip,
        }

    async def _break(self, arguments: dict[str, Any]) -> Answer:
        """Set a breakpoint, or with ``number`` change one; what isn't said stays as it was."""
        number = arguments.get("number")
        old = None if number is None else self._breakpoints.find(int(number))
        if number is not None and old is None:
            return Answer(False, f"there is no breakpoint {number}")
        mode = str(arguments.get("mode", "" if old is None else old.mode) or "").strip().lower()
        if mode and mode not in MODE_ALIASES:
            return Answer(False, f"there is no mode {mode[:40]!r}")
        hook = arguments.get("hook", None if old is None else old.hook) or None
        if old is not None and arguments.keys() == {"number", "enabled"}:
            self._breakpoints.enable(old.number, bool(arguments["enabled"]))
            self._runner.keep_breakpoints()
            stops = "stops events" if old.enabled else "stops nothing for now"
            return Answer(True, f"breakpoint {old.number} ({old.where}) {stops}", old.number)
        point = self._breakpoints.set(
            None if hook in ("any", "AllHooks") else hook,
            str(arguments.get("agent", "" if old is None else old.agent) or ""),
            MODE_ALIASES[mode] if mode else "",
            str(arguments.get("when", "" if old is None else old.when.text) or ""),
            int(arguments.get("hits", 1 if old is None else old.stop_at)),
            enabled=bool(arguments.get("enabled", True if old is None else old.enabled)),
            number=None if old is None else old.number,
        )
        self._runner.keep_breakpoints()
        when = f" when {point.when.text}" if point.when.text else ""
        hits = f", from hit {point.stop_at} on" if point.stop_at > 1 else ""
        unknown = "" if self._breakpoints.applies(point) else "; no agent is called so now"
        return Answer(
            True, f"breakpoint {point.number} set: {point.where}{when}{hits}{unknown}", point.number
        )

    async def _unbreak(self, arguments: dict[str, Any]) -> Answer:
        if arguments.get("number") is None:
            numbers = [point.number for point in self._breakpoints]
        else:
            numbers = [int(arguments["number"])]
        where = [point.where for point in self._breakpoints if point.number in numbers]
        for number in numbers:
            if not self._breakpoints.remove(number):
                return Answer(False, f"there is no breakpoint {number}")
        self._runner.keep_breakpoints()
        if len(numbers) == 1:
            return Answer(True, f"breakpoint {numbers[0]} taken out: {where[0]}")
        return Answer(True, f"{len(numbers)} breakpoints taken out")

    async def _on_quit(self, arguments: dict[str, Any]) -> Answer:
        value = str(arguments["value"])
        if value not in ("release", "keep"):
            return Answer(False, "stopped events are either released or kept at the end")
        if value == "keep" and self._runner.journal is None:
            return Answer(False, "stopped events can't be kept: there is no journal")
        self._breakpoints.on_quit = value
        self._breakpoints.changes += 1
        self._runner.keep_breakpoints()
        words = {"release": "go on", "keep": "wait in the journal for the next start"}
        return Answer(True, f"at the end stopped events {words[value]}")

    # -- what is stopped --------------------------------------------------------------------

    def _stop(self, arguments: dict[str, Any]) -> Stop:
        number = int(arguments["number"])
        stop = self._breakpoints.stops.get(number)
        if stop is None:
            raise ValueError(f"stop {number} is over: its event goes on already")
        return stop

    def _go(self, arguments: dict[str, Any], verdict: str) -> Deed:
        stop = self._stop(arguments)
        again = ""
        if verdict != "drop" and stop.restart and stop.edited:
            again = f": {stop.agent} runs again with what was edited"
        stop.go(verdict)
        execution = stop.execution
        text = f"event {execution.seq}, stopped at {stop.where}, {DONE[verdict]}{again}"
        return Deed(Answer(True, text), about=f"event:{execution.event.id}")

    async def _continue(self, arguments: dict[str, Any]) -> Answer | Deed:
        """Let one stopped event go on; without a number all of them."""
        if arguments.get("number") is not None:
            return self._go(arguments, "continue")
        stops = list(self._breakpoints.stops.values())
        for stop in stops:
            if not stop.verdict and stop.execution.work is not None:
                stop.go("continue")
        return Answer(True, f"{len(stops)} stopped event{'s' * (len(stops) != 1)} go on")

    async def _step(self, arguments: dict[str, Any]) -> Deed:
        return self._go(arguments, "step")

    async def _step_over(self, arguments: dict[str, Any]) -> Deed:
        return self._go(arguments, "step_over")

    async def _drop(self, arguments: dict[str, Any]) -> Deed:
        return self._go(arguments, "drop")

    async def _edit(self, arguments: dict[str, Any]) -> Answer | Deed:
        stop = self._stop(arguments)
        given = {}
        for name in ("data", "state", "meta"):
            value = arguments.get(name)
            if value is not None and not isinstance(value, Mapping):
                return Answer(False, f"the {name} must be a JSON object")
            given[name] = value
        event = stop.execution.event
        found = stop.edit(
            _over(event.data, given["data"]),
            _over(stop.state, given["state"]),
            given["meta"],
        )
        if not found:
            return Answer(False, "nothing is different")
        again = f"; {stop.agent} will run again" if stop.restart else ""
        seq = stop.execution.seq
        text = f"event {seq} edited at {stop.where}: {'; '.join(found)}{again}"
        return Deed(Answer(True, text), "; ".join(found), f"event:{event.id}")

    async def _skip(self, arguments: dict[str, Any]) -> Answer:
        stop = self._stop(arguments)
        if not stop.callbacks:
            return Answer(False, f"no callback would be called at {stop.where}")
        stop.skip = bool(arguments.get("skip", not stop.skip))
        self._breakpoints.changes += 1
        names = ", ".join(stop.callbacks)
        will = "will not be called" if stop.skip else "will be called"
        return Answer(True, f"event {stop.execution.seq}: {names} {will} at {stop.where}")


def _over(old: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What was given, with the values themselves where it says what was shown of them."""
    if given is None:
        return None
    return {
        key: old[key]
        if (value := old.get(key, ABSENT)) is not ABSENT and same(plain(value), text)
        else text
        for key, text in given.items()
    }
