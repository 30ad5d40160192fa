"""Differences: what a new configuration does differently, in words."""

from __future__ import annotations

import json

import pytest

from agentflow.config import Config, diff

BASE = """\
[llm]
model = "a"
base_url = "http://me:pw@one"
[orchestration]
mode = "mixed"
collaborative_agents = ["x", "y"]
sequential_agents = ["y", "x"]
[agents.x]
system_prompt = "Short."
[agents.y]
"""


def changes(old: str, new: str) -> list[str]:
    """The sentences about two texts."""
    found = diff(Config.from_toml(old, environ={}), Config.from_toml(new, environ={}))
    json.dumps([(difference.old, difference.new) for difference in found])
    return [difference.sentence for difference in found]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"mixed"', '"sequential"', "mode mixed → sequential"),
        ('["x", "y"]', '["x"]', "collaborative_agents - y"),
        ('["y", "x"]', '["x", "y"]', "sequential_agents now in the order x, y"),
        ('["y", "x"]', '["y", "x", "x"]', "sequential_agents now in the order y, x, x"),
        ('model = "a"', 'model = "b"', "llm model a → b"),
        ('model = "a"', "", "llm model removed (was a)"),
        ('model = "a"', 'model = "a"\ntop_p = 0.5', "llm top_p set to 0.5"),
        ("pw@one", "pw@two", "llm base_url http://***@one → http://***@two"),
        ("[agents.y]", "[agents.y]\ntimeout = '90s'", "agent y: timeout set to 90"),
        ("[agents.y]", "[agents.y]\nmodel = 'm'", "agent y: llm.model set to m"),
        ("Short.", "Long. " * 20, "agent x: system_prompt changed"),
        ("[agents.y]", "[agents.y]\n[agents.'z z']", "agent z z added"),
        ("[agents.y]", "[agents.y]\n[runtime]\nmax_hops = 3", "max_hops 10 → 3"),
        ("[agents.y]", "[agents.y]\n[providers.p]", "provider p added"),
    ],
)
def test_a_change_is_one_sentence(old: str, new: str, sentence: str) -> None:
    """Each change is said in the words that an operator would use."""
    assert changes(BASE, BASE.replace(old, new)) == [sentence]


def test_nothing_changed_is_no_difference() -> None:
    """Comments, spelling and order of a file do not count."""
    assert changes(BASE, "# hello\n" + BASE.replace("base_url", "endpoint")) == []


def test_removed_and_switched_agents_are_named() -> None:
    """An agent that is gone, and one that is switched off or on, are said as that."""
    old = "[agents.x]\n[agents.y]\n"
    assert changes(old, "[agents.x]\nenabled = false\n") == ["agent x disabled", "agent y removed"]
    assert changes("[agents.x]\nenabled = false\n", old) == ["agent x enabled", "agent y added"]


def test_several_changes_come_in_the_order_of_the_schema() -> None:
    """All changes are told, each with its key and its values."""
    old = Config.from_toml(BASE, environ={})
    new = Config.from_toml(
        BASE.replace('"mixed"', '"collaborative"').replace('"a"', '"b"')
        + "[error_routing.retry]\nmax_retries = 7\n",
        environ={},
    )
    assert [(d.key, d.old, d.new) for d in diff(old, new)] == [
        ("llm.model", "a", "b"),
        ("orchestration.mode", "mixed", "collaborative"),
        ("error_routing.retry.max_retries", None, 7),
    ]


def test_rules_change_as_a_whole() -> None:
    """A change in the rules is said once."""
    rule = "[[orchestration.rules]]\nwhen = {{ data.x = {} }}\nmode = 'route'\n"
    assert changes(rule.format(1), rule.format(2)) == ["rules changed"]
    assert changes("", rule.format(1)) == ["rules changed"]
