"""Rules by content: what ``when`` matches."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentflow.config import Config, RuleConfig
from agentflow.errors import ConfigError
from agentflow.frozen import freeze

steady = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Speed is not what these tests are about."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def matches(when: dict[str, Any], data: Any, metadata: Any = ()) -> bool:
    """Whether a rule with this ``when`` is for an event with this content."""
    rule = RuleConfig(when=when, mode="loop")
    return rule.matches(freeze(data), dict(metadata))


@pytest.mark.parametrize(
    ("expected", "value", "result"),
    [
        ("invoice", "invoice", True),
        ("invoice", "Invoice", False),
        ("invoice", ["order", "invoice"], True),
        ("inv*", "invoice", True),
        ("inv*", "an invoice", False),
        ("?at", "cat", True),
        ("?at", "at", False),
        ("[a]*", "[a] b", True),
        ("[a]*", "a", False),
        ("*", "two\nlines", True),
        ("*", 3, False),
        (">1000", 1000.5, True),
        (">1000", 1000, False),
        (">= 1000", 1000, True),
        ("<=5", "4.5", True),
        ("<5", "many", False),
        ("<5", None, False),
        ("<5", True, False),
        ("!=draft", "final", True),
        ("!=draft", "draft", False),
        ("!=5", 5.0, False),
        ("==5", 5, True),
        ("==5", "five", False),
        (5, 5.0, True),
        (5, "5", True),
        (5, 6, False),
        (5, [1, 5], True),
        (1, True, False),
        (True, True, True),
        (True, 1, False),
        (True, "true", True),
        (False, False, True),
        (">1", float("nan"), False),
        ("", "", True),
    ],
)
def test_a_value_is_compared_as_it_is_written(expected: Any, value: Any, result: bool) -> None:
    """Equality, globs and comparisons, on single values and on lists."""
    assert matches({"data.x": expected}, {"x": value}) is result


def test_all_conditions_must_hold() -> None:
    """A rule is for events that match everything it says."""
    when = {"data": {"kind": "invoice", "amount": ">1000"}, "metadata.customer": "gold*"}
    assert matches(when, {"kind": "invoice", "amount": 2000}, {"customer": "gold-1"})
    assert not matches(when, {"kind": "invoice", "amount": 2000}, {"customer": "tin"})
    assert not matches(when, {"kind": "invoice", "amount": 2000})


def test_a_path_goes_into_tables() -> None:
    """A dotted path finds what lies deep, and keys that have dots themselves."""
    assert matches({"data.a.b.c": 1}, {"a": {"b": {"c": 1}}})
    assert matches({"data.a.b": 1}, {"a.b": 1})
    assert not matches({"data.a.b": 1}, {"a": 1})


def test_what_is_absent_never_matches() -> None:
    """Not even when something else is asked for."""
    assert not matches({"data.x": "!=a"}, {})


def test_rules_are_written_in_toml_in_two_ways() -> None:
    """Dotted keys in an inline table and a table of its own mean the same."""
    config = Config.from_toml(
        """\
[[orchestration.rules]]
when = { data.kind = "x", metadata.tier = "gold" }
mode = "collaborate"
agents = ["a"]
[[orchestration.rules]]
mode = "loop"
loop_agent = "a"
[orchestration.rules.when]
"data.kind" = "x"
metadata.tier = "gold"
[agents.a]
""",
        environ={},
    )
    first, second = config.orchestration.rules
    assert first.when == second.when == {"data.kind": "x", "metadata.tier": "gold"}
    assert (first.mode, first.collaborative_agents) == ("collaborative", ["a"])


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{ kind = 'x' }", "must name values as data.KEY or metadata.KEY, not 'kind'"),
        ("{ meta.kind = 'x' }", "did you mean 'metadata'?"),
        ("{ data = 'x' }", "must name values as data.KEY"),
        ("{ data.x = ['a'] }", "must compare 'data.x' with text, a number"),
        ("{ data.x = '> much' }", "can compare '>' with a number only, not 'much'"),
        ("{}", "must name at least one value"),
        ("'data.x'", 'must be a table such as { data.kind = "invoice"'),
    ],
)
def test_a_when_that_means_nothing_is_an_error(when: str, message: str) -> None:
    """A rule that could never match is refused where it stands."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(f"[[orchestration.rules]]\nmode = 'route'\nwhen = {when}\n", environ={})
    assert message in str(caught.value)
    assert caught.value.problems[0].line == 3


def test_a_rule_needs_a_when_and_a_mode() -> None:
    """What is missing is named at the rule that misses it."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml("[[orchestration.rules]]\n", environ={})
    assert [str(problem) for problem in caught.value.problems] == [
        "agentflow.toml:1:17: error: orchestration.rules[0].when: is missing (add when = ...)",
        "agentflow.toml:1:17: error: orchestration.rules[0].mode: is missing (add mode = ...)",
    ]


def test_a_rule_can_be_copied() -> None:
    """A configuration can be sent to another process, rules that were used included."""
    rule = RuleConfig(when={"data.x": "a*"}, mode="loop")
    assert rule.matches({"x": "abc"}, {})
    for other in (copy.deepcopy(rule), pickle.loads(pickle.dumps(rule))):
        assert other.matches({"x": "abc"}, {})


@steady
@given(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    st.dictionaries(st.sampled_from(["x", "x.y", ""]), json_values),
)
def test_no_content_makes_a_rule_fail(expected: Any, data: dict[str, Any]) -> None:
    """A rule that was accepted says yes or no to any data."""
    try:
        rule = RuleConfig(when={"data.x.y": expected}, mode="loop")
    except ValueError:
        return
    assert rule.matches(data, {}) in (True, False)
