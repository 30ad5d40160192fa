"""Diagram: the orchestration of a configuration as a Mermaid flowchart."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from agentflow.config import Config

_Exit: TypeAlias = tuple[str, str]
"""A node that edges go on from, and the label of those edges."""

_UNSAFE = re.compile(r"[^\w .,:+*/()=?%-]|(?<=%)%|%(?=%)")  # two % begin a comment


def mermaid(config: Config) -> str:
    """A Mermaid flowchart of where an event goes under ``config``; ends with a newline.

    Rules that pick another mode come first, in the order in which they are tried. Names
    and patterns are written as entities where Mermaid would read them as syntax.
    """
    return _Diagram(config).draw()


@dataclass(frozen=True, slots=True)
class _Way:
    """A mode and its agents, from the rules or from the orchestration itself."""

    mode: str
    parallel: Sequence[str]
    pipeline: Sequence[str]
    repeated: str


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where edges lead into a part of the chart, and where they go on from."""

    entry: str
    exits: list[_Exit]


class _Diagram:
    """The lines so far, and the counter behind the nodes' ids."""

    def __init__(self, config: Config) -> None:
        self._agents = config.enabled_agents
        self._orchestration = config.orchestration
        self._name = config.agent_flow.name
        self._lines: list[str] = []
        self._nodes = 0

    def draw(self) -> str:
        plan = self._orchestration
        if self._name:
            self._lines += ["---", f"title: {json.dumps(self._name, ensure_ascii=False)}", "---"]
        self._lines.append("flowchart TD")
        self._line('event(["event"])')
        place = [("event", "")]
        outcomes: list[_Exit] = []
        for rule in plan.rules:
            conditions = ", ".join(f"{path} = {wanted}" for path, wanted in rule.when.items())
            test = self._node(conditions, "{", "}")
            self._join(place, test)
            way = self._way(
                rule.mode, rule.collaborative_agents, rule.sequential_agents, rule.loop_agent
            )
            outcomes += self._follow([(test, "yes")], way)
            place = [(test, "no")]
        way = self._way(
            plan.mode, plan.collaborative_agents, plan.sequential_agents, plan.loop_agent
        )
        outcomes += self._follow(place, way)
        self._line('outcome(["outcome"])')
        self._join(outcomes, "outcome")
        return "\n".join(self._lines) + "\n"

    def _way(
        self,
        mode: str,
        parallel: Sequence[str] | None,
        pipeline: Sequence[str] | None,
        repeated: str | None,
    ) -> _Way:
        """The way with what is not written filled in, as the engine fills it in."""
        plan = self._orchestration
        if parallel is None:
            parallel = plan.collaborative_agents
        if pipeline is None:
            pipeline = plan.sequential_agents
        if pipeline is None:
            pipeline = self._agents
        if parallel is None:
            others = [name for name in self._agents if name not in pipeline]
            parallel = others if mode == "mixed" else self._agents
        return _Way(mode, parallel, pipeline, repeated or plan.loop_agent or "the target")

    def _follow(self, sources: list[_Exit], way: _Way) -> list[_Exit]:
        """Draw ``way`` behind ``sources``; where edges go on from it."""
        if way.mode == "mixed":
            return self._mixed(sources, way)
        parts = {
            "route": self._route,
            "collaborative": self._collaborative,
            "sequential": self._sequential,
            "loop": self._loop,
        }
        ends = parts[way.mode](way)
        self._join(sources, ends.entry)
        return ends.exits

    def _route(self, way: _Way) -> _Ends:
        start = self._node("route by target", "{{", "}}")
        agents = [(self._node(name), name) for name in self._agents]
        for node, name in agents:
            self._edge(start, node, name)
        return _Ends(start, [(node, "") for node, _ in agents] or [(start, "no agents")])

    def _collaborative(self, way: _Way) -> _Ends:
        plan = self._orchestration
        at_once = min(plan.max_concurrency, len(way.parallel))
        start = self._node(f"side by side, {at_once} at once", "{{", "}}")
        merge = self._node(f"merge, fails when {plan.failure_threshold:.0%} fail", "{{", "}}")
        for name in way.parallel:
            node = self._node(name)
            self._edge(start, node)
            self._edge(node, merge)
        return _Ends(start, [(merge, "")])

    def _sequential(self, way: _Way) -> _Ends:
        nodes = [self._node(name) for name in way.pipeline] or [self._node("no agents", "{{", "}}")]
        for one, following in pairwise(nodes):
            self._edge(one, following)
        return _Ends(nodes[0], [(nodes[-1], "")])

    def _loop(self, way: _Way) -> _Ends:
        limit = self._orchestration.max_iterations
        agent = self._node(way.repeated)
        test = self._node("loop_complete?", "{", "}")
        self._edge(agent, test)
        self._edge(test, agent, "no")
        exits = [(test, "yes")]
        at_limit = f"after {limit} rounds"
        if self._orchestration.on_max_iterations == "fail":
            self._edge(test, self._node("dead letter", "[/", "/]"), at_limit)
        else:
            exits.append((test, at_limit))
        return _Ends(agent, exits)

    def _mixed(self, sources: list[_Exit], way: _Way) -> list[_Exit]:
        for title, phase, agents in (
            ("collaborative phase", self._collaborative, way.parallel),
            ("sequential phase", self._sequential, way.pipeline),
        ):
            if agents:
                group = self._new_id("phase")
                self._line(f'subgraph {group}["{title}"]')
                ends = phase(way)
                self._line("end")
                self._join(sources, ends.entry)
                sources = ends.exits
        return sources

    def _join(self, sources: list[_Exit], target: str) -> None:
        for source, label in sources:
            self._edge(source, target, label)

    def _node(self, label: str, left: str = "[", right: str = "]") -> str:
        node = self._new_id("n")
        self._line(f'{node}{left}"{escape(label)}"{right}')
        return node

    def _edge(self, source: str, target: str, label: str = "") -> None:
        middle = f'|"{escape(label)}"|' if label else ""
        self._line(f"{source} -->{middle} {target}")

    def _new_id(self, prefix: str) -> str:
        self._nodes += 1
        return f"{prefix}{self._nodes}"

    def _line(self, text: str) -> None:
        self._lines.append("    " + text)


def escape(text: str) -> str:
    """``text`` for a quoted Mermaid label, cut at 80 characters, syntax as numeric entities."""
    short = text if len(text) <= 80 else text[:79] + "…"
    return _UNSAFE.sub(lambda match: f"#{ord(match[0])};", " ".join(short.split()))
