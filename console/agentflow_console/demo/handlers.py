"""The agents of the standard library audit, and how handlers are written.

A handler takes an event and the state so far, and returns what to put into the state (or
the state itself, or nothing). What can go wrong is simply raised: the engine decides
whether to try again, and keeps what failed.

The analysers are plain functions, because reading and parsing is work for the processor:
the engine runs a plain ``def`` in a thread, so that nothing else waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

from agentflow import Agent, Event, State
from agentflow_console.demo import measures, verdict
from agentflow_console.demo.report import REPORT, Entry, report_path, take_in
from agentflow_console.demo.source import decode, locate, module_file, parse

Values: TypeAlias = Mapping[str, Any]

# -- the analysers run in parallel, each on its own copy of the state ------------------------


def size(event: Event, state: State) -> Values:
    """Count lines. The file need not parse for that, only decode."""
    return {"size": measures.size(decode(locate(event.data["path"])))}


def complexity(event: Event, state: State) -> Values:
    """Count the paths through each function, and its lines."""
    return {"complexity": measures.complexity(parse(locate(event.data["path"])))}


def docstrings(event: Event, state: State) -> Values:
    """Count the public names that say what they are for."""
    return {"docstrings": measures.docstrings(parse(locate(event.data["path"])))}


def imports(event: Event, state: State) -> Values:
    """List what the module imports."""
    return {"imports": measures.imports(parse(locate(event.data["path"])))}


def types(event: Event, state: State) -> Values:
    """Count the parameters and results that say their type."""
    return {"types": measures.types(parse(locate(event.data["path"])))}


ANALYSERS = (size, complexity, docstrings, imports, types)

# -- then a pipeline: each agent works on what the last one left -----------------------------


def synthesizer(event: Event, state: State) -> Values:
    """Turn the measures into a score and findings.

    Some may be missing, when an analyser failed. When all are, no analyser ran before
    this agent (in sequential mode none does), so it measures for itself.
    """
    if not any(analyse.__name__ in state for analyse in ANALYSERS):
        for analyse in ANALYSERS:
            state.update(analyse(event, state))
    return {"score": verdict.score(state), "findings": verdict.findings(state)}


async def formatter(event: Event, state: State) -> Values:
    """Write the module's section of the report: quick, so it may run on the loop."""
    score, remarks = state.get("score"), state.get("findings", [])
    return {"section": verdict.section(module_name(event), score, remarks, state)}


class Publisher(Agent):
    """Keeps the report file up to date: at most one write a second, and one at the end.

    A class, because it has something to begin and something to end. What it has taken in
    is on disk before the event ends, so a killed process loses nothing of the report.
    """

    role = "report_publisher"

    async def initialize(self) -> None:
        """Get ready, before the first event."""
        self.path = report_path()
        self.written = 0.0

    async def handle_event(self, event: Event, state: State) -> Values:
        """Take in the module's section, and write the report if it is time."""
        module = module_name(event)
        entry = Entry(
            module=module,
            package=event.session_id,
            section=state.get("section") or f"### {module}\n",
            score=state.get("score"),
            lines=state.get("size", {}).get("lines", 0),
        )
        await asyncio.to_thread(take_in, entry)
        if time.monotonic() - self.written > 1:
            self.written = time.monotonic()
            await asyncio.to_thread(REPORT.write)
        return {"report": str(self.path)}

    async def shutdown(self) -> None:
        """Write what came since the last time."""
        await asyncio.to_thread(REPORT.close)


# -- for loop mode: the same agent, again and again, until it is done ------------------------


def reach(event: Event, state: State) -> Values:
    """Follow the imports one layer further. Complete when a layer brings nothing new."""
    known = state.get("reach") or {"modules": [], "frontier": [event.data["path"]]}
    layer = {
        name
        for path in known["frontier"]
        for name in measures.imports(parse(locate(path)))["modules"]
    }
    fresh = sorted(layer - set(known["modules"]))
    return {
        "reach": {
            "modules": sorted(layer.union(known["modules"])),
            "frontier": [str(path) for name in fresh if (path := module_file(name))],
        },
        "loop_complete": not fresh,
    }


def module_name(event: Event) -> str:
    """The module an event is about: its dotted name, or the path it was given by."""
    name: str = event.data.get("module") or event.data["path"]
    return name
