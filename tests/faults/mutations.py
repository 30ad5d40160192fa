"""Broken configurations, made up from a seed: real files with something done to them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

CORPUS = [
    file.read_text("utf-8", "replace")
    for file in sorted((Path(__file__).parent.parent / "config" / "corpus").glob("*"))
]

SECTIONS = [
    "agent_flow", "llm", "agents", "agents.a", "agents.a.llm", "agents.a.retry_policy",
    "agents.a.metadata", "orchestration", "orchestration.rules", "runtime", "error_routing",
    "error_routing.retry", "error_routing.category_handlers", "logging", "console", "journal",
    "supervision", "providers", "providers.x", "resilience",
]  # fmt: skip
KEYS = [
    "mode", "agents", "when", "timeout", "timeout_ms", "collaborative_agents", "loop_agent",
    "rules", "routing_rules", "enabled", "llm", "model", "max_retries", "retry", "base_delay_ms",
    "api_key", "handler", "metadata", "name", "description", "queue_size", "category_handlers",
    "host", "path", "durability", "retention", "max_size", "max_event_size", "max_deliveries",
    "failure_threshold", "max_concurrency", "ordering", "level",
]  # fmt: skip
VALUES = [
    "1", "-1", "0", "1.5", "nan", "-inf", "1e400", "true", '""', '"x"', "[]", "{}", "[[]]", "[{}]",
    "[{ a = 1 }]", "{ a = 1 }", '{ data.x = "x" }', '["a", 1]', '["a"]', "1979-05-27", "07:32:00",
    '"30s"', '"env:X"', '"file:/dev/zero"', '"${X}"', '"${X:-${Y:-${Z}}}"', '"loop"', '"mixed"',
    '"power"', '"\\u0000"', '"\\u001b[31m\\u202e"', '"\\ud800"', "'''", '"""', "0x_", "1__0",
    "9223372036854775808", "-9223372036854775809", "0b2", "1e-400", "0000-00-00", "25:61:61",
    "9999-12-31T23:59:60Z", '[{ pattern = "(((a+)+)+)$", agent = "a" }]', '"(" ', "\"'\"",
]  # fmt: skip


def _splice(text: str, chance: random.Random, new: str) -> str:
    at = chance.randint(0, len(text))
    return text[:at] + new + text[at:]


def _deep(text: str, chance: random.Random) -> str:
    depth = chance.choice([10, 60, 200, 1_000, 5_000])
    opening, closing = chance.choice(
        [("[", "]"), ("{a=", "}"), ("[{a=", "}]"), ("a.", ""), ("(", ")")]
    )
    value = opening * depth + chance.choice(["1", "", '"x"']) + closing * chance.choice([depth, 0])
    if opening == "a.":
        return f"{text}\n{'a.' * depth}a = 1\n"
    return f"{text}\n{chance.choice(KEYS)} = {value}\n"


def _long_number(text: str, chance: random.Random) -> str:
    digits = chance.choice("19") * chance.choice([19, 20, 400, 4_300, 4_301, 5_000])
    form = chance.choice(["{}", "-{}", "{}.0", "1e{}", "0x{}", "{}_0", "[{}]", "{}-01-01", '"{}s"'])
    return f"{text}\n[runtime]\n{chance.choice(KEYS)} = {form.format(digits)}\n"


def _huge_key(text: str, chance: random.Random) -> str:
    key = chance.choice(["x", "é", "\U0001f600", "\\u0041", " "]) * chance.choice([100, 10_000])
    return f'{text}\n[agents."{key}"]\nenabled = true\n'


def _twice(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    start = chance.randrange(len(lines))
    part = lines[start : start + chance.randint(1, 8)]
    at = chance.randint(0, len(lines))
    return "\n".join(lines[:at] + part * chance.randint(1, 3) + lines[at:])


def _without(text: str, chance: random.Random) -> str:
    start = chance.randint(0, len(text))
    return text[:start] + text[start + chance.randint(1, 40) :]


def _value(text: str, chance: random.Random) -> str:
    found = list(re.finditer(r"=[^\n]*", text))
    if not found:
        return text
    one = chance.choice(found)
    return f"{text[: one.start()]}= {chance.choice(VALUES)}{text[one.end() :]}"


def _line(text: str, chance: random.Random) -> str:
    header = chance.choice(["[{}]", "[[{}]]"]).format(chance.choice(SECTIONS))
    pair = f"{chance.choice(KEYS)} = {chance.choice(VALUES)}"
    lines = text.split("\n")
    lines.insert(chance.randint(0, len(lines)), chance.choice([header, pair, f"{header}\n{pair}"]))
    return "\n".join(lines)


def _character(text: str, chance: random.Random) -> str:
    odd = "\x00\x01\x07\x1b\x7f\x85\u2028\u202e\ufeff\ud800\udc00\U0010ffff\r\t'\"\\[]{}=.#,"
    return _splice(text, chance, chance.choice(odd) * chance.choice([1, 1, 1, 50]))


_MUTATIONS: list[Callable[[str, random.Random], str]] = [
    _deep, _long_number, _huge_key, _twice, _twice, _without, _without, _value, _value, _value,
    _line, _line, _line, _character, _character,
    lambda text, chance: text[: chance.randint(0, len(text))],
    lambda text, chance: text.replace("\n", chance.choice(["\r", "\r\n", " ", "\n\n"])),
    lambda text, chance: text + chance.choice(CORPUS),
]  # fmt: skip


def configuration(chance: random.Random) -> str:
    """A text that may or may not be a configuration."""
    text = chance.choice(CORPUS) if chance.random() < 0.7 else ""
    for _ in range(chance.randint(1, 4)):
        text = chance.choice(_MUTATIONS)(text, chance)
    return text
