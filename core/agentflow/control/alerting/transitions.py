"""Transitions: when an alert is raised and when it is cleared. A pure function."""

from __future__ import annotations

from typing import NamedTuple

OK, PENDING, FIRING = "ok", "pending", "firing"
RAISED, CLEARED = "raised", "cleared"

CALM = 10.0
"""Seconds that all must be well again, at least, until an alert is cleared."""


class Standing(NamedTuple):
    """How an alert stands. Times are seconds of a steady clock."""

    state: str = OK
    since: float = 0.0  # when what is wrong began
    well: float | None = None  # since when it has been well again, while it is firing


def step(standing: Standing, wrong: bool, now: float, lasting: float) -> tuple[Standing, str]:
    """How it stands after a look, and what to tell: RAISED, CLEARED or "".

    It is raised when it was wrong at every look for ``lasting`` seconds, and cleared when it
    was well at every look for as long, at least for CALM: so a value that goes to and fro
    across its threshold makes one alert and not many.
    """
    if standing.state == FIRING:
        if wrong:
            return standing._replace(well=None), ""
        if standing.well is None:
            return standing._replace(well=now), ""
        if now - standing.well >= max(lasting, CALM):
            return Standing(OK, standing.well), CLEARED
        return standing, ""
    if not wrong:
        return (standing if standing.state == OK else Standing()), ""
    if standing.state == OK:
        standing = Standing(PENDING, now)
    if now - standing.since >= lasting:
        return Standing(FIRING, standing.since), RAISED
    return standing, ""
