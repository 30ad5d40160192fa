"""Alert rules in the file: what may be written, and what is said of what may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow.config import Config, Problem, diff
from agentflow.config.alerts import amount, program_line
from agentflow.errors import ConfigError

AGENT = '[agents.analyzer]\nhandler = "h:x"\n'


def problems(text: str) -> list[Problem]:
    """Everything that is said of a file."""
    try:
        return Config.from_toml(text, environ={}).problems
    except ConfigError as error:
        return error.problems


def rule(**keys: object) -> str:
    """A file with an agent and one rule."""
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in keys.items()]
    return f'{AGENT}[[console.alerts]]\nname = "slow"\n' + "\n".join(lines) + "\n"


def test_a_rule_as_people_write_it_is_read_whole() -> None:
    """Every key of the two kinds of rules arrives."""
    text = f"""{AGENT}
[[console.alerts]]
name = "slow analyzer"
metric = "agent.analyzer.p95"
above = "500ms"
for = "30s"
bell = true
run = "notify-send 'agent flow' {{name}} {{value}}"
severity = "critical"

[[console.alerts]]
name = "publisher fails"
filter = "state:dead agent:publisher"
count = 5
within = "1m"
"""
    config = Config.from_toml(text, environ={})
    slow, fails = config.console.alerts
    assert (slow.metric, slow.above, slow.lasting, slow.bell, slow.severity) == (
        "agent.analyzer.p95", "500ms", 30.0, True, "critical"
    )  # fmt: skip
    assert (fails.filter, fails.count, fails.within, fails.lasting) == (
        "state:dead agent:publisher", 5, 60.0, 0.0
    )  # fmt: skip
    assert config.problems == []


@pytest.mark.parametrize(
    ("keys", "at", "said"),
    [
        ({"metric": "quue", "above": 5}, "5:1: error: console.alerts[0].metric",
         "there is no metric 'quue' (did you mean 'queue'?)"),
        ({"metric": "agent.analyzer.p96", "above": 5}, "5:1: error: console.alerts[0].metric",
         "did you mean 'agent.analyzer.p99'?"),
        ({"metric": "agent.analyser.p95", "above": 5}, "5:1: warning: console.alerts[0].metric",
         "agent 'analyser' is not defined (did you mean 'analyzer'?)"),
        ({"metric": "lag", "above": "5%"}, "6:1: error: console.alerts[0].above",
         'does not fit lag (write "500ms")'),
        ({"metric": "agent.analyzer.error_rate", "above": 5},
         "6:1: error: console.alerts[0].above", 'write "5%"'),
        ({"metric": "queue", "above": "much"}, "6:1: error: console.alerts[0].above",
         "must be a number, or text such as"),
        ({"metric": "queue"}, "3:11: error: console.alerts", "needs a threshold"),
        ({"above": 3}, "3:11: error: console.alerts", "neither a metric nor a filter"),
        ({"filter": "stat:dead"}, "5:1: error: console.alerts[0].filter",
         "did you mean 'state'?"),
        ({"filter": "state:held"}, "5:1: warning: console.alerts[0].filter",
         "no event that has ended is held"),
        ({"metric": "queue", "above": 3, "run": "say {nme}"},
         "7:1: error: console.alerts[0].run", "did you mean 'name'?"),
        ({"metric": "queue", "above": 3, "run": "{name}"},
         "7:1: error: console.alerts[0].run", "must begin with a program"),
        ({"metric": "queue", "above": 3, "fro": "3s"},
         "7:1: warning: console.alerts[0].fro", "did you mean 'for'?"),
        ({"metric": "queue", "above": 3, "severity": "warnin"},
         "7:1: error: console.alerts[0].severity", "did you mean 'warning'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_place_and_advice(
    keys: dict[str, object], at: str, said: str
) -> None:
    """File, line, key, and the nearest thing that there is."""
    (problem,) = problems(rule(**keys))
    assert str(problem).startswith(f"agentflow.toml:{at}")
    assert said in str(problem)


def test_what_else_stands_under_console_is_a_warning() -> None:
    """The table was free once: a file that has more in it still runs."""
    (problem,) = problems('[console]\ncolour = "red"\n')
    assert problem.severity == "warning"


def test_two_rules_of_one_name_are_refused() -> None:
    """Nobody could tell them apart."""
    one = '[[console.alerts]]\nname = "a"\nmetric = "queue"\nabove = 1\n'
    (problem,) = problems(one + one)
    assert "there is an alert 'a' already" in str(problem)


def test_names_as_the_screens_write_them_are_taken() -> None:
    """What stands beside a curve can be watched under that name."""
    for name in ("events/s", "failed/s", "loop lag", "health score"):
        assert problems(rule(metric=name, below=1)) == []


def test_a_changed_rule_is_a_difference() -> None:
    """The history says that the alerts were changed."""
    old, new = (Config.from_toml(rule(metric="queue", above=n), environ={}) for n in (3, 4))
    assert [str(one) for one in diff(old, new)] == ["console alerts changed"]


@pytest.mark.parametrize(
    ("written", "number", "unit"),
    [(3, 3.0, ""), ("3.5", 3.5, ""), ("5%", 0.05, "%"), ("500ms", 0.5, "s"), ("1m30s", 90.0, "s"),
     ("2 GB", 2e9, "bytes"), ("1KiB", 1024.0, "bytes")],
)  # fmt: skip
def test_amounts_are_written_as_people_do(written: str | float, number: float, unit: str) -> None:
    """Numbers, shares, durations and sizes."""
    assert amount(written) == (number, unit)


@given(st.text(), st.text())
def test_what_is_filled_in_stays_one_word(name: str, value: str) -> None:
    """Whatever the text is: quotes, spaces, dollars, it is one argument and nothing more."""
    words = program_line("notify 'a b' {name} v={value}", {"name": name, "value": value})
    assert words == ["notify", "a b", name.replace("\0", ""), f"v={value}".replace("\0", "")]
