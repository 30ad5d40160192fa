"""What must hold between keys: above all, that the agents that are named exist."""

from __future__ import annotations

from collections.abc import Iterator

from agentflow.config.config import Config
from agentflow.config.layers import Merged
from agentflow.config.orchestration import LISTS_OF_MODE
from agentflow.config.positions import Path
from agentflow.config.problems import Severity, did_you_mean

Reference = tuple[Path, str, bool]
"""Where an agent is named, its name, and whether a mode in use needs it."""

HANDLERS = ("validation_errors", "timeout_errors", "critical_errors", "default_error_handler")


def check(config: Config, merged: Merged) -> None:
    """Reports everything that each key alone does not show."""
    _check_lists(config, merged)
    _check_agents(config, merged)
    _check_delays(config, merged)
    _check_secrets(merged, merged.data, ())


def modes_in_use(config: Config) -> set[str]:
    """The mode, and the modes of the rules."""
    return {config.orchestration.mode, *(rule.mode for rule in config.orchestration.rules)}


def _check_lists(config: Config, merged: Merged) -> None:
    """A mode in use has its agents named; only a collaborative phase has a default."""
    plan = config.orchestration
    steps = [(("orchestration",), plan.mode, plan)] + [
        (("orchestration", "rules", number), rule.mode, rule)
        for number, rule in enumerate(plan.rules)
    ]
    for path, mode, step in steps:
        for key in LISTS_OF_MODE[mode]:
            named = getattr(step, key)
            named = getattr(plan, key) if named is None else named
            if named == []:
                merged.report((*path, key), f"names no agent, which mode {mode} needs")
            elif named is None and key != "collaborative_agents":
                merged.report(
                    (*path, "mode"), f"mode {mode} needs {key}", f"add {key} to the table"
                )


def references(config: Config) -> Iterator[Reference]:
    """Every place that names an agent of an orchestration."""
    plan = config.orchestration
    used = {key for mode in modes_in_use(config) for key in LISTS_OF_MODE[mode]}
    for path, step, all_used in [
        (("orchestration",), plan, False),
        *((("orchestration", "rules", i), rule, True) for i, rule in enumerate(plan.rules)),
    ]:
        for key in ("collaborative_agents", "sequential_agents"):
            for index, name in enumerate(getattr(step, key) or ()):
                yield (*path, key, index), name, all_used or key in used
        if step.loop_agent:
            yield (*path, "loop_agent"), step.loop_agent, all_used or "loop_agent" in used
    routed = "route" in modes_in_use(config)
    if plan.default_agent:
        yield ("orchestration", "default_agent"), plan.default_agent, routed
    for index, routing in enumerate(plan.routing_rules):
        yield ("orchestration", "routing_rules", index, "agent"), routing.agent, routed


def _check_agents(config: Config, merged: Merged) -> None:
    missing: dict[Path, list[str]] = {}
    for path, name, used in references(config):
        agent = config.agents.get(name)
        if agent is None and not config.agents:
            missing.setdefault(path[:-1] if isinstance(path[-1], int) else path, []).append(name)
        elif agent is None or not agent.enabled:
            severity: Severity = "error" if used else "warning"
            _report_agent(config, merged, path, name, severity)
    for path, names in missing.items():
        listed = ", ".join(dict.fromkeys(names))
        merged.report(path, f"the file defines no agent: {listed}", "register in code", "warning")
    routes = config.error_routing
    handlers: list[tuple[Path, str | None]] = [
        (("error_routing", key), getattr(routes, key)) for key in HANDLERS
    ]
    for table in ("category_handlers", "severity_handlers"):
        handlers += [
            (("error_routing", table, key), name) for key, name in getattr(routes, table).items()
        ]
    for path, handler in handlers:
        if handler and not (handler in config.agents and config.agents[handler].enabled):
            _report_agent(config, merged, path, handler, "warning")


def _report_agent(
    config: Config, merged: Merged, path: Path, name: str, severity: Severity
) -> None:
    if name in config.agents:
        merged.report(path, f"agent {name!r} is disabled", "enable it, or leave it out", severity)
    else:
        known = did_you_mean(name, config.enabled_agents)
        merged.report(
            path, f"agent {name!r} is not defined", known or f"add [agents.{name}]", severity
        )


def _check_delays(config: Config, merged: Merged) -> None:
    policies = [
        (("agents", name, "retry_policy"), a.retry_policy) for name, a in config.agents.items()
    ]
    policies.append((("error_routing", "retry"), config.error_routing.retry))
    for path, policy in policies:
        if policy and policy.max_delay < policy.initial_delay:
            merged.report((*path, "max_delay"), "is shorter than the initial delay", "", "warning")


def _check_secrets(merged: Merged, table: object, at: Path) -> None:
    """A key in the file itself is likely to be copied about."""
    if not isinstance(table, dict):
        return
    for key, value in table.items():
        if isinstance(value, dict):
            _check_secrets(merged, value, (*at, key))
        elif key == "api_key" and type(value) is str and value:
            merged.report((*at, key), "a secret stands in the file", 'write "env:NAME"', "warning")
