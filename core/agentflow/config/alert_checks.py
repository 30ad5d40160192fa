"""What must hold between the keys of an alert, and between alerts."""

from __future__ import annotations

from agentflow.config.alerts import AlertConfig, amount
from agentflow.config.config import Config
from agentflow.config.layers import Merged
from agentflow.config.metric_names import COUNT, SHARE, SIZE, TIME, parse, suggestion, unit_of
from agentflow.config.orchestration import LISTS_OF_MODE
from agentflow.config.positions import Path
from agentflow.config.problems import did_you_mean
from agentflow.filters import Filter

_NOT_ENDED = ("queued", "running", "held", "retrying")
_EXAMPLES = {TIME: '"500ms"', SHARE: '"5%"', SIZE: '"1GB"'}


def check_alerts(config: Config, merged: Merged) -> None:
    """Reports what is wrong with the alerts that each key alone does not show."""
    names: set[str] = set()
    for number, alert in enumerate(config.console.alerts):
        at: Path = ("console", "alerts", number)
        if alert.name in names:
            merged.report((*at, "name"), f"there is an alert {alert.name!r} already")
        names.add(alert.name)
        if (alert.metric is None) == (alert.filter is None):
            what = "neither a metric nor" if alert.metric is None else "both a metric and"
            merged.report(at, f"alert {alert.name!r} has {what} a filter", "give it one of them")
        elif alert.metric is not None:
            _check_metric(alert, alert.metric, at, config, merged)
        else:
            _check_filter(alert, at, merged)


def _check_metric(
    alert: AlertConfig, metric: str, at: Path, config: Config, merged: Merged
) -> None:
    unit = unit_of(metric)
    if unit is None:
        hint = suggestion(metric, config.agents, LISTS_OF_MODE)
        merged.report((*at, "metric"), f"there is no metric {metric!r}", hint)
        return
    of, whose, _ = parse(metric)
    if of == "agent" and config.agents and whose not in config.agents:
        hint = did_you_mean(whose, config.agents)
        merged.report((*at, "metric"), f"agent {whose!r} is not defined", hint, "warning")
    if of == "mode" and whose not in LISTS_OF_MODE:
        hint = did_you_mean(whose, LISTS_OF_MODE) or f"one of {', '.join(LISTS_OF_MODE)}"
        merged.report((*at, "metric"), f"there is no mode {whose!r}", hint)
    given = [key for key in ("above", "below") if getattr(alert, key) is not None]
    if len(given) != 1:
        said = "a threshold" if not given else "only one threshold"
        merged.report(at, f"alert {alert.name!r} needs {said}", "give it above or below")
    for key in given:
        number, written = amount(getattr(alert, key))
        if written != unit and (written != COUNT or (unit == SHARE and number > 1)):
            example = _EXAMPLES.get(unit, "a plain number")
            merged.report((*at, key), f"does not fit {metric}", f"write {example}")
    for key in ("count", "within"):
        if key in alert.model_fields_set:
            merged.report((*at, key), "belongs to a filter, not to a metric", "", "warning")


def _check_filter(alert: AlertConfig, at: Path, merged: Merged) -> None:
    for key in ("above", "below"):
        if getattr(alert, key) is not None:
            merged.report((*at, key), "belongs to a metric", "write count = NUMBER")
    for term in Filter.parse(alert.filter or "").terms:
        word = term.word
        if word.name == "state" and word.value in _NOT_ENDED and not word.negated:
            said = f"no event that has ended is {word.value}, and only those count"
            merged.report((*at, "filter"), said, "state:succeeded or state:dead", "warning")
