"""Pictures of the Traces screen, and of what came out when an event was sent again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion

from agentflow.control import EventDetail, SpanDetail
from agentflow.telemetry.snapshot import SessionRow, SpanRow
from agentflow_console.testing import StillLink

from . import rows
from .screen import SMALL, WIDE, console, screen_text, settled, until
from .test_pictures import SvgExtension, picture, steady_delay

__all__ = ["steady_delay"]  # what is measured is the same in every picture

BOTH = pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])

FIRST, AGAIN = "0190a000-0000-7000-8000-000000000001", "0190a000-0000-7000-8000-000000000002"
ERROR = "SyntaxError: bad_coding.py:1"


def event_spans(id: str, at: float, status: str, detail: str) -> list[SpanRow]:
    """One event: a callback that changes the state, and a run that is tried twice."""

    def span(
        name: str, parent: str, kind: str, shown: str, after: float, took: float, ended: str,
        error: str = "", told: str = "",
    ) -> SpanRow:  # fmt: skip
        return SpanRow(f"{id}{name}", parent and f"{id}{parent[1:]}", id, kind, shown,
                       rows.NOW + at + after, took, ended, error, told)  # fmt: skip

    error = ERROR if status == "failed" else ""
    return [
        span("", "", "event", "analyzer", 0, 0.4, status, error, detail),
        span("~1", "=", "hook", "BeforeEventHandling require_module", 0.001, 0.02, "ok", "",
             "changed module"),
        span("~orchestrate", "=", "orchestrate", "sequential", 0.02, 0.38, status),
        span("/analyzer", "=~orchestrate", "agent", "analyzer", 0.02, 0.2, "ok"),
        span("/enricher", "=~orchestrate", "agent", "enricher", 0.22, 0.18, status, error,
             "2 attempts"),
        span("/enricher~attempt1", "=/enricher", "attempt", "attempt 1", 0.22, 0.05, "failed",
             ERROR, "enricher"),
        span("~2", "=/enricher", "retrying", "enricher after attempt 1", 0.27, 0.05, "ok"),
        span("/enricher~attempt2", "=/enricher", "attempt", "attempt 2", 0.32, 0.08, status, error,
             "enricher"),
    ]  # fmt: skip


def detail(id: str, state: str, path: str, end: dict[str, Any], spans: list[SpanRow]) -> Any:
    """An event in full; the second one is a replay of the first."""
    row = rows.event(1, state, id=id, session="s-1", time=rows.NOW - 1)
    metadata = {"session_id": "s-1"} | ({"replay_of": FIRST} if id == AGAIN else {})
    event = {"id": id, "target": "analyzer", "session_id": "s-1", "data": {"path": path},
             "metadata": metadata}  # fmt: skip
    return EventDetail(row, event, end, {}, "", [], spans)


def link() -> StillLink:
    """A session with an event that died, and its replay that did not."""
    still = rows.link()
    first = event_spans(FIRST, -1.0, "failed", "")
    again = event_spans(AGAIN, -0.5, "ok", f"replay of {FIRST}")
    still.spans = {"s-1": [*first, *again]}
    still.session_rows = [
        SessionRow("s-1", 2, 0, 1, rows.NOW - 1, rows.NOW - 0.1, "analyzer", "sequential", 0,
                   ERROR, ["analyzer", "enricher"], ["analyzer"]),
        SessionRow("s-2", 40, 3, 0, rows.NOW - 60, rows.NOW - 2, "analyzer", "mixed", 3),
    ]  # fmt: skip
    run = msgspec.structs.replace(first[3])
    still.span_details[run.id] = SpanDetail(
        run, {"path": "bad_coding.py", "raw": "…", "report": {"size": 1, "grade": "A"}},
        {"path": "bad_coding.py", "report": {"size": 412, "grade": "A"}, "lines": [1, 2]},
        {}, {"seen": "true"}, "next",
    )  # fmt: skip
    bad = {"path": "bad_coding.py", "failed_stage": "enricher"}
    still.details[FIRST] = detail(FIRST, "dead", "bad_coding.py", bad, first)
    still.details[AGAIN] = detail(AGAIN, "succeeded", "good.py", {"path": "good.py"}, again)
    return still


@BOTH
async def test_a_session_and_a_span_look_as_they_did(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    """The waterfall with attempts, callbacks and a replay; a run with what it changed."""
    app = console(link())
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("5")
        await until(pilot, lambda: "s-2" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "attempt 2" in screen_text(app))
        await settled(pilot)
        assert picture(app.export_screenshot()) == snapshot(extension_class=SvgExtension)
        await pilot.press("j", "j", "j", "enter")
        await until(pilot, lambda: "report.size" in screen_text(app))
        await settled(pilot)
        assert picture(app.export_screenshot()) == snapshot(extension_class=SvgExtension)


@BOTH
async def test_what_came_out_looks_as_it_did(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    """An event that died and its edited replay, compared."""
    app = console(link())
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        app.replays.compare(AGAIN)
        await until(pilot, lambda: "State at the end" in screen_text(app))
        await settled(pilot)
        assert picture(app.export_screenshot()) == snapshot(extension_class=SvgExtension)
