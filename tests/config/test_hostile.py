"""Hostile text: whatever a file holds, the answer is a ConfigError and never a traceback."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentflow.config import Config, check_config
from agentflow.errors import ConfigError

SECTIONS = [
    "agent_flow", "llm", "providers", "agents", "orchestration", "runtime", "error_routing",
    "logging", "console", "agents.a", "agents.a.llm", "agents.a.retry_policy",
    "orchestration.rules", "agents.a.metadata", "error_routing.retry",
    "error_routing.category_handlers",
]  # fmt: skip
KEYS = [
    "mode", "agents", "when", "timeout", "timeout_ms", "collaborative_agents", "loop_agent",
    "rules", "routing_rules", "enabled", "llm", "model", "max_retries", "retry", "base_delay_ms",
    "api_key", "handler", "metadata", "console", "name", "description", "queue_size",
    "category_handlers", "host",
]  # fmt: skip
VALUES = [
    "1", "-1", "0", "1.5", "nan", "inf", "-inf", "1e400", "9" * 400, "true", "false", '""', '"x"',
    "[]", "{}", "[[]]", "[{}]", "[{ a = 1 }]", "{ a = 1 }", '{ data.x = "x" }', '["a", 1]', '["a"]',
    "1979-05-27", "07:32:00", '"30s"', '"env:X"', '"${X}"', '"${X:-1}"', '["${X}"]', '"loop"',
    "'\\u0000'", '"\\u001b[31m"', '"mixed"', '[{ when = { data.x = 1 }, mode = "loop" }]',
    '[{ pattern = "(", agent = "a" }]',
]  # fmt: skip

steady = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Speed is not what these tests are about."""

headers = st.sampled_from(SECTIONS).flatmap(
    lambda name: st.sampled_from([f"[{name}]", f"[[{name}]]"])
)
pairs = st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES))
plausible = st.lists(headers | pairs, max_size=12).map("\n".join)


def problems_of(text: str) -> list[str]:
    """The messages about a text; anything but a ConfigError goes on up."""
    try:
        return list(map(str, Config.from_toml(text, environ={}).problems))
    except ConfigError as error:
        return list(map(str, error.problems))


@steady
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Arbitrary text gives a configuration or problems."""
    problems_of(text)


@steady
@given(plausible)
def test_any_values_are_read_or_refused(text: str) -> None:
    """Every kind of value under every known key gives a configuration or problems."""
    for problem in problems_of(text):
        assert problem.startswith("agentflow.toml:")


@steady
@given(pairs.flatmap(lambda pair: st.sampled_from(SECTIONS).map(lambda s: f"[{s}]\n{pair}\n")))
def test_a_refused_value_is_shown_on_its_line(text: str) -> None:
    """A problem with the only key of a file is on one of the two lines that say it."""
    for problem in problems_of(text):
        assert problem.split(":")[1] in ("1", "2")


@steady
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """A file of arbitrary bytes never makes a check raise."""
    file = tmp_path_factory.mktemp("bytes") / "agentflow.toml"
    file.write_bytes(data)
    for problem in check_config(file, environ={}):
        assert problem.path == str(file)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a = 1\nb = " + "[" * 5000, 2, "nested too deep"),
        ("a = " + "{x=" * 5000, 1, "nested too deep"),
        ("a = " + "[" * 5000 + "]" * 5000, 1, "nested too deep"),
        ("a" + ".a" * 5000 + " = 1", 1, "nested too deep"),
        ("[a" + ".a" * 5000 + "]", 1, "nested too deep"),
        ("[" * 5000, 1, ""),
        ("a = 1\nb = " + "9" * 5000, 2, "a number has too many digits"),
        ("[runtime]\nqueue_size = " + "9" * 4000, 2, "must be a whole number"),
        ("a = '" + "x" * 100, 1, "not valid TOML"),
        ("#" * (4 * 1024 * 1024 + 1), 0, "is larger than 4 MiB"),
        ("\x00", 1, "not valid TOML"),
        ("a = '\ud800'", 1, ""),
    ],
)
def test_a_monstrous_file_is_a_problem(text: str, line: int, message: str) -> None:
    """Depth, length and odd characters end in an error at a line."""
    (problem, *_) = problems_of(text)
    assert message in problem
    if line:
        assert problem.startswith(f"agentflow.toml:{line}:")


LARGE: dict[str, Callable[[int], str]] = {
    "array": lambda size: "[console]\na = [" + "1," * (size // 2) + "]",
    "tables": lambda size: "a = [" + "{}," * (size // 4) + "]",
    "backslashes": lambda size: "a=" + '"\\\\' * (size // 20),
    "brackets": lambda size: "[" * (size // 10),
    "quotes": lambda size: "a = '''" + "'" * (size // 4),
    "lines": lambda size: "\n" * size + "a",
}
"""Files of about so many bytes, or as hard to read as those."""


def check_time(text: str, seconds: float) -> None:
    started = time.perf_counter()
    problems_of(text)
    assert time.perf_counter() - started < seconds


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_file_is_read_in_reasonable_time(kind: str) -> None:
    """The time grows as the file does: nothing takes more than a few seconds."""
    check_time(LARGE[kind](400_000), 10)


@pytest.mark.long
@pytest.mark.parametrize("kind", LARGE)
def test_the_largest_file_is_read_in_reasonable_time(kind: str) -> None:
    """Nothing within the allowed size takes more than a few seconds."""
    check_time(LARGE[kind](2_000_000), 20)


@pytest.mark.parametrize("hostile", ["\\u001b[31m", "\\u202e", "\\u0000"])
def test_a_default_in_a_reference_is_not_repeated_raw(hostile: str) -> None:
    """A value that came from ``${…:-…}`` is named as the file has it, with its oddities as text."""
    (found,) = problems_of(f'[runtime]\nqueue_size = "${{NOBODY:-{hostile}}}"')
    assert "not the value of '${NOBODY:-" in found
    assert found.isprintable()


@pytest.mark.parametrize("name", ["a\ud800", "\udfff", "a\ud800b\udc00\ud801"])
def test_what_is_wrong_under_a_broken_name_is_said_once(name: str) -> None:
    """Half a character in a key hides neither what stands under it nor that it was refused."""
    (found,) = problems_of(f"[agents.\"{name}\"]\nenabled = 'perhaps'\n")
    assert found.startswith("agentflow.toml:2:")
    assert "must be true or false, not 'perhaps'" in found
    assert found.isprintable()


def test_escape_sequences_are_not_repeated(tmp_path: Path) -> None:
    """A message shows control characters of a file as text."""
    found = problems_of('[agents."\\u001b[31m\\u202e"]\ntimeout = "\\u001b]52;c;x\\u0007"\n')
    assert len(found) == 1
    assert found[0].isprintable()


@pytest.mark.parametrize(
    "text",
    ["[runtime]\nqueue_size = 0x" + "1" * 5000, "[x]\na = [1, [0b" + "1" * 15_000 + "]]"],
    ids=["hexadecimal", "binary"],
)
def test_a_number_of_thousands_of_digits_is_a_problem_at_its_place(text: str) -> None:
    """In whatever base it is written: nothing tries to write it out."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(text)
    (problem,) = caught.value.problems
    assert problem.line == 2
    assert "too many digits" in problem.message
