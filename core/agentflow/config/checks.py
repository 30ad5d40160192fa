"""What must hold between keys: above all, that the agents that are named exist."""

from __future__ import annotations

from collections.abc import Iterator

from agentflow.config.alert_checks import check_alerts
from agentflow.config.config import Config
from agentflow.config.error_words import CATEGORIES, SEVERITIES, category_named, severity_named
from agentflow.config.layers import Merged
from agentflow.config.orchestration import LISTS_OF_MODE, OrchestrationConfig, RuleConfig
from agentflow.config.positions import Path, join_key
from agentflow.config.problems import Severity, did_you_mean

Reference = tuple[Path, str, bool]
"""Where an agent is named, its name, and whether a mode in use needs it."""

HANDLERS = ("validation_errors", "timeout_errors", "critical_errors", "default_error_handler")


def check(config: Config, merged: Merged) -> None:
    """Reports everything that each key alone does not show."""
    _check_names(config, merged)
    _check_lists(config, merged)
    _check_references(config, merged)
    _check_error_handlers(config, merged)
    _check_breakpoints(config, merged)
    _check_delays(config, merged)
    check_alerts(config, merged)
    _check_secrets(merged, merged.data, ())


def modes_in_use(config: Config) -> set[str]:
    """The mode, and the modes of the rules."""
    return {config.orchestration.mode, *(rule.mode for rule in config.orchestration.rules)}


def references(config: Config) -> Iterator[Reference]:
    """Every place that names an agent of an orchestration."""
    plan = config.orchestration
    modes = modes_in_use(config)
    used = {key for mode in modes for key in LISTS_OF_MODE[mode]}
    for path, step in _steps(config):
        mine = {*LISTS_OF_MODE[step.mode]} if isinstance(step, RuleConfig) else used
        for key in ("collaborative_agents", "sequential_agents"):
            for index, name in enumerate(getattr(step, key) or ()):
                yield (*path, key, index), name, key in mine
        if step.loop_agent:
            yield (*path, "loop_agent"), step.loop_agent, "loop_agent" in mine
    if plan.default_agent:
        yield ("orchestration", "default_agent"), plan.default_agent, "route" in modes
    for index, routing in enumerate(plan.routing_rules):
        yield ("orchestration", "routing_rules", index, "agent"), routing.agent, "route" in modes


def _steps(config: Config) -> Iterator[tuple[Path, OrchestrationConfig | RuleConfig]]:
    """The orchestration itself and each rule that replaces it."""
    yield ("orchestration",), config.orchestration
    for number, rule in enumerate(config.orchestration.rules):
        yield ("orchestration", "rules", number), rule


def _check_names(config: Config, merged: Merged) -> None:
    for name in config.agents:
        if not name.strip() or name != name.strip() or "," in name:
            message = "an agent's name must have no comma, and no space at its ends"
            merged.report(("agents", name), message if name.strip() else "an agent needs a name")


def _check_lists(config: Config, merged: Merged) -> None:
    """A mode in use should have its agents named."""
    plan = config.orchestration
    for path, step in _steps(config):
        for key in LISTS_OF_MODE[step.mode]:
            own = getattr(step, key)
            named = getattr(plan, key) if own is None else own
            if own == []:
                merged.report((*path, key), f"names no agent, and mode {step.mode} needs one")
            elif named is None and key == "sequential_agents":
                message = f"mode {step.mode} has no sequential_agents: every agent is a step"
                merged.report((*path, "mode"), message, "add sequential_agents", "warning")
            elif named is None and key == "loop_agent" and len(config.agents) != 1:
                message = "mode loop has no loop_agent: events must name one"
                merged.report((*path, "mode"), message, "add loop_agent", "warning")


def _check_references(config: Config, merged: Merged) -> None:
    undefined: dict[Path, list[str]] = {}
    for path, name, used in references(config):
        if config.agents:
            _check_agent(config, merged, path, name, "error" if used else "warning")
        else:
            undefined.setdefault(path[:-1] if isinstance(path[-1], int) else path, []).append(name)
    for path, names in undefined.items():
        listed = ", ".join(repr(name) for name in dict.fromkeys(names))
        message = f"not defined in this file: {listed}"
        merged.report(path, message, "define agents, or register them in code", "warning")


def _check_error_handlers(config: Config, merged: Merged) -> None:
    section = config.error_routing
    named: list[tuple[Path, str | None]] = [((key,), getattr(section, key)) for key in HANDLERS]
    for table in ("category_handlers", "severity_handlers"):
        named += [((table, key), name) for key, name in getattr(section, table).items()]
    for table, what, named_by, known in (
        ("category_handlers", "category", category_named, CATEGORIES),
        ("severity_handlers", "severity", severity_named, SEVERITIES),
    ):
        for key in getattr(section, table):
            if named_by(key) not in known:
                message = f"no error is of the {what} {key!r}"
                suggestion = did_you_mean(named_by(key), known) or f"one of {', '.join(known)}"
                merged.report(("error_routing", table, key), message, suggestion, "warning")
    for path, name in named:
        if name is not None:
            _check_agent(config, merged, ("error_routing", *path), name, "warning")


def _check_breakpoints(config: Config, merged: Merged) -> None:
    for number, point in enumerate(config.breakpoints.at):
        if config.agents and point.agent and not any(char in point.agent for char in "*?["):
            path = ("breakpoints", "at", number, "agent")
            _check_agent(config, merged, path, point.agent, "warning")


def _check_agent(config: Config, merged: Merged, path: Path, name: str, severity: Severity) -> None:
    agent = config.agents.get(name)
    if agent is None:
        suggestion = did_you_mean(name, config.agents) or f"add [{join_key(('agents', name))}]"
        merged.report(path, f"agent {name!r} is not defined", suggestion, severity)
    elif not agent.enabled:
        merged.report(path, f"agent {name!r} is disabled", "enable it, or leave it out", severity)


def _check_delays(config: Config, merged: Merged) -> None:
    policies = [
        (("error_routing", "retry"), config.error_routing.retry),
        *((("agents", name, "retry_policy"), a.retry_policy) for name, a in config.agents.items()),
    ]
    for path, policy in policies:
        if policy and policy.max_delay < policy.initial_delay:
            merged.report((*path, "max_delay"), "is shorter than the initial delay", "", "warning")


def _check_secrets(merged: Merged, table: object, at: Path) -> None:
    """A key that stands in the file itself is likely to be copied about."""
    if not isinstance(table, dict):
        return
    for key, value in table.items():
        if key == "api_key" and type(value) is str and value:
            message = "a secret stands in the file"
            merged.report((*at, key), message, 'write "env:NAME" instead', "warning")
        else:
            _check_secrets(merged, value, (*at, key))
