"""Rules: the alerts of the file that runs, looked at once a second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from agentflow.config.alerts import AlertConfig, amount
from agentflow.config.metric_names import RATE, SHARE, SIZE, TIME, unit_of
from agentflow.control.alerting.readings import Readings
from agentflow.control.alerting.transitions import CLEARED, FIRING, OK, RAISED, Standing, step
from agentflow.control.rows import clean, event_row
from agentflow.durations import format_duration
from agentflow.filters import Filter
from agentflow.telemetry.snapshot import AlertRow, EventRow

if TYPE_CHECKING:
    from agentflow.control.alerting.notify import Notifier
    from agentflow.engine import Runner
    from agentflow.engine.execution import Execution

LOOKED_AT = 1_000
"""Events that filters look at: the latest that succeeded in each second, and that failed."""

_LEVELS = {"info": "info", "warning": "warning", "critical": "error"}


class AlertRules:
    """``tick`` looks at them all and tells what changed; ``notifier`` None runs no command."""

    def __init__(self, runner: Runner, notifier: Notifier | None) -> None:
        self._runner = runner
        self._notifier = notifier
        self._readings = Readings(runner)
        self._alerts: list[AlertConfig] | None = None
        self._rules: list[Rule] = []
        self._settled = runner.telemetry.settled.total
        self._refused = False  # whether it was said that commands are not run

    def tick(self) -> None:
        """Look at every rule; once a second, on the engine's loop."""
        runner = self._runner
        alerts = runner.config.console.alerts
        if alerts is not self._alerts:
            self._take(alerts)
        if not self._rules:
            runner.alert_rules = []
            return
        self._readings.look()
        now, wall = runner.dispatcher.now(), runner.dispatcher.clock.time()
        ended = self._ended() if any(rule.filter is not None for rule in self._rules) else []
        for rule in self._rules:
            if rule.filter is None:
                value = self._readings.value(rule.alert.metric or "")
            else:
                value = rule.count(ended, now)
            happened = rule.look(value, now)
            if happened:
                self._tell(rule, happened, wall - now)
        runner.alert_rules = [rule.row(wall - now) for rule in self._rules]

    def _take(self, alerts: list[AlertConfig]) -> None:
        """Other rules; those that stayed as they were go on as they were."""
        before = {rule.key: rule for rule in self._rules}
        if self._alerts is not None and not before:
            self._settled = self._runner.telemetry.settled.total  # what was before doesn't count
        self._alerts = alerts
        self._rules = [Rule(alert) for alert in alerts]
        for rule in self._rules:
            if (old := before.pop(rule.key, None)) is not None:
                rule.go_on(old)
        for gone in before.values():
            if gone.standing.state == FIRING:
                self._log("info", f"{clean(gone.alert.name)}: the rule is no longer in the file")

    def pack(self) -> list[dict[str, Any]]:
        """How every rule stands, for the engine that takes over from this one."""
        offset = self._runner.dispatcher.wall_offset
        return [rule.pack(offset) for rule in self._rules]

    def unpack(self, packed: list[dict[str, Any]]) -> None:
        """Go on as another engine left off: nothing is raised, or told, a second time."""
        self._take(self._runner.config.console.alerts)
        left = {repr(one["key"]): one for one in packed}
        for rule in self._rules:
            if (one := left.get(repr([*rule.key]))) is not None:
                rule.unpack(one, self._runner.dispatcher.wall_offset)

    def _ended(self) -> list[EventRow]:
        """What has ended since the last look."""
        runner, settled = self._runner, self._runner.telemetry.settled
        fresh = settled.total - self._settled
        found, _ = settled.since(self._settled, max(fresh, 1))
        self._settled = settled.total
        dispatcher, now = runner.dispatcher, runner.dispatcher.now()

        def rows(executions: list[Execution]) -> list[EventRow]:
            return [
                event_row(one, dispatcher.guards, dispatcher.wall_offset, now, None)
                for one in executions[-LOOKED_AT:]
            ]

        failed = rows([execution for execution in found if execution.error])
        if all(rule.failed_only for rule in self._rules):
            return failed
        return failed + rows([execution for execution in found if not execution.error])

    def _tell(self, rule: Rule, happened: str, offset: float) -> None:
        rule.transitions += 1
        alert = rule.alert
        level = _LEVELS[alert.severity] if happened == RAISED else "info"
        text = rule.sentence(offset) if happened == RAISED else f"{clean(alert.name)}: ok again"
        if happened == CLEARED and rule.value is not None:
            text = f"{text}, {clean(rule.watches)} {rule.written(rule.value)}"
        self._log(level, text)
        if alert.run is None:
            return
        if self._notifier is None:
            if not self._refused:
                self._refused = True
                self._log("info", "read-only: the commands of alerts are not run")
            return
        self._notifier.run(
            alert.run,
            {
                "name": clean(alert.name),
                "state": "firing" if happened == RAISED else OK,
                "metric": clean(rule.watches),
                "value": "" if rule.value is None else rule.written(rule.value),
                "limit": rule.limit,
                "severity": alert.severity,
                "text": text,
            },
        )

    def _log(self, level: str, text: str) -> None:
        self._runner.telemetry.log(level, "alerts", text)


class Rule:
    """One alert and how it stands."""

    def __init__(self, alert: AlertConfig) -> None:
        self.alert = alert
        self.standing = Standing()
        self.transitions = 0
        self.value: float | None = None
        self.filter = Filter.parse(alert.filter) if alert.filter is not None else None
        self.failed_only = self.filter is None or any(
            not term.word.negated and (term.word.name, term.word.value) == ("state", "dead")
            for term in self.filter.terms
        )
        """Whether it need not be shown what succeeded."""
        self.watches = alert.metric or alert.filter or ""
        self._unit = (unit_of(alert.metric) if alert.metric else "") or ""
        self._above = None if alert.above is None else amount(alert.above)[0]
        self._below = None if alert.below is None else amount(alert.below)[0]
        self._found: deque[tuple[float, int]] = deque()
        self.limit = self._limit()

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it another rule when it changes."""
        alert = self.alert
        return (alert.name, alert.metric, alert.above, alert.below, alert.filter, alert.count,
                alert.within, alert.lasting)  # fmt: skip

    def go_on(self, old: Rule) -> None:
        """It is the same rule as before: it stands as that one stood."""
        self.standing, self.transitions = old.standing, old.transitions
        self.value, self._found = old.value, old._found

    def pack(self, offset: float) -> dict[str, Any]:
        """How it stands, as plain data; ``offset`` leads to seconds since the epoch."""
        state, since, well = self.standing
        return {
            "key": [*self.key], "state": state, "since": since + offset if since else 0.0,
            "well": None if well is None else well + offset, "transitions": self.transitions,
            "found": [[at + offset, number] for at, number in self._found],
        }  # fmt: skip

    def unpack(self, packed: Mapping[str, Any], offset: float) -> None:
        """Stand as a rule of another engine stood."""
        since, well = packed["since"], packed["well"]
        self.standing = Standing(
            packed["state"],
            since - offset if since else 0.0,
            None if well is None else well - offset,
        )
        self.transitions = packed["transitions"]
        self._found = deque((at - offset, number) for at, number in packed["found"])

    def count(self, ended: Iterable[EventRow], now: float) -> float:
        """How many events within the time the filter lets through."""
        assert self.filter is not None
        found = sum(map(self.filter.matches, ended))
        if found:
            self._found.append((now, found))
        while self._found and now - self._found[0][0] >= self.alert.within:
            self._found.popleft()
        return sum(number for _, number in self._found)

    def look(self, value: float | None, now: float) -> str:
        """What there is to tell now that the value is this."""
        self.value = value
        self.standing, happened = step(self.standing, self._wrong(value), now, self.alert.lasting)
        return happened

    def _wrong(self, value: float | None) -> bool:
        if value is None:
            return False
        if self.filter is not None:
            return value >= self.alert.count
        if self._above is not None:
            return value > self._above
        return self._below is not None and value < self._below

    # -- in words --------------------------------------------------------------------------

    def written(self, value: float) -> str:
        """A value as people write it."""
        if self._unit == TIME:
            return format_duration(value)
        if self._unit == SHARE:
            return f"{value:.1%}"
        if self._unit == SIZE:
            return _size(value)
        return f"{value:,.{0 if value == int(value) else 1}f}{RATE if self._unit == RATE else ''}"

    def _limit(self) -> str:
        alert = self.alert
        if self.filter is not None:
            said = f"{alert.count:,} within {_time(alert.within)}"
        elif self._above is not None:
            said = f"above {self.written(self._above)}"
        else:
            said = f"below {self.written(self._below or 0.0)}"
        return f"{said} for {_time(alert.lasting)}" if alert.lasting else said

    def sentence(self, offset: float) -> str:
        """What the alert line says of it. ``offset`` leads from its clock to the time of day."""
        value = "" if self.value is None else f" {self.written(self.value)}"
        since, well = _clock(self.standing.since + offset), self.standing.well
        again = "" if well is None else f", well again since {_clock(well + offset)}"
        what = f"{clean(self.alert.name)}: {clean(self.watches)}{value}"
        return f"{what}, {self.limit}, since {since}{again}"

    def row(self, offset: float) -> AlertRow:
        """The rule as a row."""
        alert, standing = self.alert, self.standing
        return AlertRow(
            clean(alert.name),
            alert.severity,
            clean(self.watches),
            self.limit,
            standing.state,
            standing.since + offset if standing.since else 0.0,
            "" if self.value is None else self.written(self.value),
            self.transitions,
            alert.bell,
            self.sentence(offset) if standing.state == FIRING else "",
        )


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))


def _time(seconds: float) -> str:
    """``30s``, ``1m30s``: as it is written in the file."""
    minutes, rest = divmod(seconds, 60)
    if minutes and minutes < 60:
        return f"{minutes:.0f}m{rest:g}s" if rest else f"{minutes:.0f}m"
    return f"{seconds:g}s" if not minutes else format_duration(seconds)


def _size(number: float) -> str:
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}"
    return f"{number:.0f} B"
