"""Breakpoints: where events are to be stopped, and what becomes of them at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from agentflow.config.orchestration import Mode
from agentflow.config.section import Section, Spelling, same, setting
from agentflow.config.values import Positive, Switch, Text, Words, Wrong, choice, text

HOOKS = (
    "BeforeEventHandling", "AfterEventHandling", "BeforeAgentRun", "AfterAgentRun", "AgentError",
)  # fmt: skip
OnQuit = Annotated[
    Literal["release", "keep"],
    BeforeValidator(choice(("release", "keep"), {"continue": "release"})),
]


def hook_point(value: Any) -> str:
    """One of the hook points, or "any", capitals or not."""
    written = text(value).strip().lower()
    for known in (*HOOKS, "any"):
        if known.lower() == written:
            return known
    raise Wrong(f"must be one of {', '.join(HOOKS)} or any, not {text(value)[:40]!r}")


def condition(value: Any) -> str:
    """A condition in the language of the filter line."""
    from agentflow.filters import Predicate

    written = text(value)
    if error := Predicate(written).error:
        raise Wrong(f"cannot be read: {error}")
    return written


class BreakpointConfig(Section):
    """One breakpoint: where events are stopped, and which."""

    hook: Annotated[str, BeforeValidator(hook_point), Words("the name of a hook point")] = setting(
        "any", "The hook point where events are stopped, or any."
    )
    agent: Text = setting("", "The agent, or a glob; at the event's own hooks, its target.")
    mode: Mode | None = setting(None, "Only events that run under this mode.")
    when: Annotated[str, BeforeValidator(condition), Words("a condition in quotes")] = setting(
        "", "Only events that fit this, written as in the filter line."
    )
    hits: Positive = setting(1, "The first hit that stops an event; all after it do too.")
    enabled: Switch = setting(True, "Whether it stops events.")

    spellings: ClassVar[Mapping[str, Spelling]] = {"point": same("hook")}


class BreakpointsConfig(Section):
    """Where events are stopped, and what becomes of stopped events when the runner stops."""

    on_quit: OnQuit = setting(
        "release", "release: stopped events go on at the end. keep: they wait in the journal."
    )
    at: list[BreakpointConfig] = setting([], "The breakpoints.")
