"""The orchestration as a Mermaid flowchart."""

from __future__ import annotations

import re

import pytest

from agentflow.config import Config
from agentflow.diagram import escape, mermaid

AGENTS = "".join(f"[agents.{name}]\n" for name in ("collect", "check", "write"))

LABEL = r'"(?:[\w .,:+*/()=?%-]|#\d+;)*"'
SHAPES = [r"\[L\]", r"\{\{L\}\}", r"\{L\}", r"\(\[L\]\)", r"\[/L/\]"]
LINES = [
    *(re.compile(rf"    \w+{shape}".replace("L", LABEL)) for shape in SHAPES),
    re.compile(rf"    \w+ -->(?:\|{LABEL}\|)? \w+"),
    re.compile(rf"    subgraph \w+\[{LABEL}\]"),
    re.compile(r"    end"),
]
EDGE = re.compile(r"    (\w+) -->(?:\|\"(.*)\"\|)? (\w+)")
NODE = re.compile(r"    (\w+)[\[{(]")


def chart(orchestration: str, agents: str = AGENTS) -> list[str]:
    """The lines below ``flowchart TD``, each checked to be one that Mermaid reads."""
    text = mermaid(Config.from_toml(f"[orchestration]\n{orchestration}\n{agents}"))
    first, *lines = text.splitlines()
    assert first == "flowchart TD"
    for line in lines:
        assert any(pattern.fullmatch(line) for pattern in LINES), line
    return lines


def edges(lines: list[str]) -> set[tuple[str, str, str]]:
    """Every edge as (from, label, to), nodes by their own label."""
    labels = {}
    for line in lines:
        if found := NODE.match(line):
            labels[found[1]] = line.partition('"')[2].partition('"')[0]
    found_edges = [match for line in lines if (match := EDGE.fullmatch(line))]
    assert len(found_edges) == len({match[0] for match in found_edges})
    return {(labels[match[1]], match[2] or "", labels[match[3]]) for match in found_edges}


def test_route_fans_out_by_target() -> None:
    """Each enabled agent is reached by its own name; disabled ones are not there."""
    lines = chart('mode = "route"', "[agents.a]\n[agents.b]\n[agents.c]\nenabled = false\n")
    assert edges(lines) == {
        ("event", "", "route by target"),
        ("route by target", "a", "a"),
        ("route by target", "b", "b"),
        ("a", "", "outcome"),
        ("b", "", "outcome"),
    }


def test_route_without_agents_says_so() -> None:
    """A chart of nothing still leads from the event to its outcome."""
    assert edges(chart('mode = "route"', "")) == {
        ("event", "", "route by target"),
        ("route by target", "no agents", "outcome"),
    }


def test_collaborative_fans_out_and_in() -> None:
    """The listed agents stand between the start and the merge, with width and threshold."""
    lines = chart(
        'mode = "collaborative"\ncollaborative_agents = ["collect", "check"]\n'
        "max_concurrency = 5\nfailure_threshold = 0.25"
    )
    assert edges(lines) == {
        ("event", "", "side by side, 2 at once"),
        ("side by side, 2 at once", "", "collect"),
        ("side by side, 2 at once", "", "check"),
        ("collect", "", "merge, fails when 25% fail"),
        ("check", "", "merge, fails when 25% fail"),
        ("merge, fails when 25% fail", "", "outcome"),
    }


def test_collaborative_without_a_list_is_every_enabled_agent() -> None:
    """What is not written is drawn as the engine fills it in."""
    found = edges(chart('mode = "collaborative"'))
    assert {target for source, _, target in found if source.startswith("side by side")} == {
        "collect",
        "check",
        "write",
    }


def test_sequential_is_a_chain() -> None:
    """Each agent leads to the next."""
    lines = chart('mode = "sequential"\nsequential_agents = ["write", "collect", "check"]')
    assert edges(lines) == {
        ("event", "", "write"),
        ("write", "", "collect"),
        ("collect", "", "check"),
        ("check", "", "outcome"),
    }


def test_loop_goes_round_until_complete_or_at_its_limit() -> None:
    """The condition leads back, on, and on at the limit."""
    lines = chart('mode = "loop"\nloop_agent = "check"\nmax_iterations = 7')
    assert edges(lines) == {
        ("event", "", "check"),
        ("check", "", "loop_complete?"),
        ("loop_complete?", "no", "check"),
        ("loop_complete?", "yes", "outcome"),
        ("loop_complete?", "after 7 rounds", "outcome"),
    }


def test_a_loop_that_fails_at_its_limit_leads_to_the_dead_letters() -> None:
    """on_max_iterations = "fail" is another end."""
    lines = chart('mode = "loop"\nloop_agent = "check"\non_max_iterations = "fail"')
    assert ("loop_complete?", "after 5 rounds", "dead letter") in edges(lines)
    assert ("loop_complete?", "after 5 rounds", "outcome") not in edges(lines)


def test_mixed_is_two_phases() -> None:
    """The merge of the first phase leads into the second, each in its own subgraph."""
    lines = chart(
        'mode = "mixed"\ncollaborative_agents = ["collect", "check"]\nsequential_agents = ["write"]'
    )
    found = edges(lines)
    assert ("merge, fails when 50% fail", "", "write") in found
    assert ("write", "", "outcome") in found
    titles = [line for line in lines if "subgraph" in line]
    assert [title.split('"')[1] for title in titles] == ["collaborative phase", "sequential phase"]
    assert lines.count("    end") == 2


def test_rules_are_asked_in_order_before_the_mode() -> None:
    """Each rule leads to its own way, and on to the next when it does not hold."""
    lines = chart(
        'mode = "sequential"\nsequential_agents = ["write"]\n'
        '[[orchestration.rules]]\nwhen = { data.kind = "invoice" }\nmode = "loop"\n'
        'loop_agent = "check"\n'
        '[[orchestration.rules]]\nwhen = { metadata.customer = "gold*" }\nmode = "sequential"\n'
        'sequential_agents = ["collect"]'
    )
    found = edges(lines)
    assert ("event", "", "data.kind = invoice") in found
    assert ("data.kind = invoice", "yes", "check") in found
    assert ("data.kind = invoice", "no", "metadata.customer = gold*") in found
    assert ("metadata.customer = gold*", "yes", "collect") in found
    assert ("metadata.customer = gold*", "no", "write") in found


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ('say "hi"', "say #34;hi#34;"),
        ("a|b] --> c{", "a#124;b#93; --#62; c#123;"),
        ("%% comment", "#37;#37; comment"),
        ("two\nlines\x1b[0m", "two lines#27;#91;0m"),
        ("`code` #1; <b>", "#96;code#96; #35;1#59; #60;b#62;"),
        ("étape 数", "étape 数"),
        ("x" * 100, "x" * 79 + "#8230;"),
    ],
)
def test_names_are_never_syntax(name: str, written: str) -> None:
    """What Mermaid would read as more than text becomes entities; long names are cut."""
    assert escape(name) == written


def test_the_name_of_the_system_is_the_title() -> None:
    """As YAML, quoted, whatever it holds."""
    text = mermaid(Config.from_toml('[agent_flow]\nname = "a \\"b\\": c"\n'))
    assert text.startswith('---\ntitle: "a \\"b\\": c"\n---\nflowchart TD\n')
