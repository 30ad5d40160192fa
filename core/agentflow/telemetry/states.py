"""States: what the state was before and after a run, found from what is kept of the runs around it.

A record keeps the state before its run. In a row of runs the state before the next one is the
state after this one, callbacks between them included; after the last one it is what the event
ended with. In a parallel phase every run had a clone of its own, and what is known after it is
only what all of them made together (a recording knows more: see control/relations.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution

NEXT, FINAL, TOGETHER, SAME, UNKNOWN = "next", "final", "together", "same", ""
"""Where the state after a run is known from: see After."""


class After(NamedTuple):
    """The state after a run, as far as it was kept.

    ``known_from``: "next" (the state before the next run), "final" (what the event ended with),
    "together" (what the parallel runs made together), "same" (the run failed: its changes were
    dropped) or "" (it is not known).
    """

    values: Mapping[str, Any]
    known_from: str


def after(execution: Execution, place: int, parallel: Collection[str]) -> After:
    """The state after the run at ``place``; ``parallel`` names the agents of a parallel phase."""
    runs = execution.runs
    _, _, _, _, error, before, _ = runs[place]
    if error:
        return After(before, SAME)
    together = phase(execution, parallel)
    shared = place < together and together > 1
    following = max(together, place + 1)
    if following < len(runs):
        return After(runs[following][5], TOGETHER if shared else NEXT)
    if execution.view is None:
        return After({}, UNKNOWN)
    return After(execution.view, TOGETHER if shared else FINAL)


def phase(execution: Execution, parallel: Collection[str]) -> int:
    """How many of the first runs were a parallel phase; 0 if there was none."""
    if execution.mode not in ("collaborative", "mixed"):
        return 0
    seen: set[str] = set()
    for place, (agent, _, _, _, _, before, _) in enumerate(execution.runs):
        if agent not in parallel or agent in seen or before != execution.runs[0][5]:
            return place
        seen.add(agent)
    return len(execution.runs)
