"""Fault 21: configurations that are none. The answer is a ConfigError, at once."""

from __future__ import annotations

import random
import time

import pytest

from agentflow.config import Config
from agentflow.errors import ConfigError

from . import forked
from .mutations import configuration
from .scale import CORES, scaled

QUICK = 400
LONG = scaled(1_000_000)
PATIENCE = 1.0
"""Seconds of CPU that one configuration may take."""


def check(seed: int) -> None:
    """Read one: it is a configuration or a ConfigError whose every problem has a place."""
    text = configuration(random.Random(seed))
    began = time.process_time()
    try:
        problems = Config.from_toml(text, environ={}).problems
    except ConfigError as error:
        problems = error.problems
        assert problems
    took = time.process_time() - began
    for problem in problems:
        said = str(problem)
        assert said.startswith("agentflow.toml:"), said
        assert said.isprintable(), said
    assert took < PATIENCE, f"{took:.2f} s for {len(text):,} characters"


def test_no_mutation_is_a_traceback() -> None:
    """Real files with something done to them are read or refused, with places."""
    assert forked.over(QUICK, check, 1) == []


@pytest.mark.long
def test_a_million_mutations_are_no_traceback() -> None:
    """The same, a million times, and no process dies of it either."""
    began = time.monotonic()
    assert forked.over(LONG, check, CORES) == []
    print(f"{LONG:,} configurations in {time.monotonic() - began:,.0f} s")
