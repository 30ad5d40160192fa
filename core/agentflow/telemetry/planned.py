"""Planned: what a change of the configuration would do, as plain data for who decides on it."""

from __future__ import annotations

import msgspec

from agentflow.telemetry.snapshot import Counts, ProblemRow, Row

DIES, OTHER_MODE, OTHER_AGENTS, RELEASED, FINISHES = (
    "dies",
    "mode",
    "agents",
    "released",
    "finishes",
)
"""What can happen to an event, the worst first."""


class Touch(Row, frozen=True):
    """What happens to some of the events that are accepted and have not ended."""

    kind: str  # one of the words above
    state: str  # queued, held, running
    count: int
    exact: bool  # False when it was reckoned from a sample
    words: str  # what happens to them: "run as sequential, not as route"
    examples: list[str]  # a few of them: "#8812 → enricher"


class Preview(msgspec.Struct, frozen=True):
    """What would come of running everything under another configuration."""

    version: int  # that runs
    next: int  # number that the new one would have
    differences: list[str]  # in meaning, in words; none if there are none
    before: str  # the orchestration in one line
    after: str
    appear: list[str]  # agents
    disappear: list[str]
    change: list[str]
    touches: list[Touch]  # the worst first
    untouched: int  # events that run as they would have
    counts: Counts
    sessions: int  # known now: they stay as they are if only new ones are to change
    loads: list[str]  # code that is loaded only when it is applied: that may fail
    problems: list[ProblemRow]  # warnings: with an error there is no preview
    canary: str = ""  # what becomes of the canary that runs, in a sentence
    ask_why: bool = False  # whether operators are asked for a reason
