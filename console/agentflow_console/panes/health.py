"""Health: what is not well and what to do about it, then every check, then the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentflow.telemetry.health import Anomaly, Check, Health, JournalFigures
from agentflow.telemetry.health.report import OK, concerns
from agentflow_console.health_text import MARKS, health_text, journal_facts, since, verdict
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import DocumentPane, Lines, folded
from agentflow_console.panes.prose import section
from agentflow_console.text import crop, fit, safe, width

if TYPE_CHECKING:
    from rich.style import Style

    from agentflow_console.store import Store

_STATUS = 12  # cells of "▲ degraded" and what follows
_NAME = 10
_VALUE = 13
_INDENT = _STATUS + 1

_STYLES = {"ok": "muted", "notice": "accent", "degraded": "warning", "critical": "error"}


class HealthPane(DocumentPane):
    """The report of this second. What is not well comes first, with what to do."""

    period = 0.5

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = "Health"
        self._health: Health | None = None
        self._drawn: object = None

    def look(self, store: Store, now: float) -> None:
        health = store.health
        drawn = (health, self.body_width, self.palette)
        if drawn == self._drawn:
            return
        self._drawn, self._health = drawn, health
        if health is None:
            text = " No report yet; the first one comes after a second."
            self.show("health", "Health", [[(crop(text, self.body_width), self.palette.muted)]])
            return
        self.show("health", f"Health · {verdict(health)}", self._lines(health))

    def note(self) -> str:
        health = self._health
        if health is None:
            return ""
        bad = sum(check.status != OK for check in health.checks)
        parts = [f"{bad} of {len(health.checks)} checks"] if bad else []
        if health.anomalies:
            count = len(health.anomalies)
            parts.append(f"{count} anomal{'y' if count == 1 else 'ies'}")
        said = " and ".join(parts)
        # Without a bottom line this is the only place that says that there is more.
        place = "" if self.sides else self.foot()
        return f"{said} · {place}" if said and place else said or place

    @property
    def noted(self) -> bool:
        health = self._health
        return health is not None and (health.status != OK or bool(health.anomalies))

    def copy_text(self) -> str:
        return "\n".join(health_text(self._health)) if self._health else ""

    # -- its lines -------------------------------------------------------------------------

    def _lines(self, health: Health) -> Lines:
        lines: Lines = []
        pressing = concerns(health)
        for concern in pressing:
            if isinstance(concern, Anomaly):
                lines += self._anomaly(concern, health.time)
            else:
                lines += self._check(concern, in_full=True)
        for check in health.checks:
            if check not in pressing:
                lines += self._check(check)
        if health.journal is not None:
            lines += self._journal(health.journal)
        return lines

    def _anomaly(self, anomaly: Anomaly, now: float) -> Lines:
        palette, kind = self.palette, safe(anomaly.kind, 40)
        said = f"{kind} {since(anomaly, now)}: {safe(anomaly.what, 1_000)}"
        lines = self._told(said, palette.text, self._status(anomaly.severity))
        start, (first, style) = lines[0]
        lines[0] = [start, (first[: len(kind)], palette.strong), (first[len(kind) :], style)]
        return lines + self._advice(anomaly.recommendation, self._style(anomaly.severity))

    def _check(self, check: Check, *, in_full: bool = False) -> Lines:
        """A check on one line, or with all that there is to say."""
        palette, well = self.palette, check.status == OK
        room = self.body_width - _INDENT - _NAME - 2
        value = safe(check.value, 60)
        value = fit(value, max(width(value), _VALUE)) if width(value) < room else crop(value, room)
        detail = safe(check.detail, 200)
        beside = room - width(value) - 1
        line: list[Piece] = [
            self._status(check.status),
            (fit(safe(check.name, 20), _NAME) + " ", palette.text if well else palette.strong),
            (value, palette.text if well else self._style(check.status)),
        ]
        if not in_full or width(detail) <= beside:
            line.append((" " + crop(detail, beside), palette.muted if well else palette.text))
        lines: Lines = [line]
        if not in_full:
            return lines
        if width(detail) > beside:
            lines += self._told(detail, palette.text)
        lines += self._told(check.meaning, palette.muted)
        return lines + self._advice(check.recommendation, self._style(check.status))

    def _status(self, status: str) -> Piece:
        mark = f" {MARKS.get(status, '?')} {status}"
        return fit(mark, _INDENT), self.palette.success if status == OK else self._style(status)

    def _told(self, text: str, style: Style, start: Piece | None = None) -> Lines:
        """A text beside the column of the status, on as many lines as it needs."""
        if not text:
            return []
        first = start or (" " * _INDENT, self.palette.text)
        return folded([first], (safe(text, 1_000), style), self.body_width - 1, _INDENT)

    def _advice(self, text: str, style: Style) -> Lines:
        if not text:
            return []
        start: list[Piece] = [(" " * _INDENT, self.palette.text), ("→ ", style)]
        said = (safe(text, 1_000), self.palette.text)
        return folded(start, said, self.body_width - 1, _INDENT + 2)

    def _journal(self, figures: JournalFigures) -> Lines:
        palette = self.palette
        lines = section("Journal", palette, self.body_width)
        for name, value in journal_facts(figures):
            start: list[Piece] = [(" " + fit(name, _NAME + 1), palette.muted)]
            style = palette.error if name in ("state", "damage") else palette.text
            lines += folded(start, (safe(value, 1_000), style), self.body_width - 1, _NAME + 2)
        return lines

    def _style(self, status: str) -> Style:
        return getattr(self.palette, _STYLES.get(status, "text"))  # type: ignore[no-any-return]
