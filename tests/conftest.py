"""What every test starts from."""

from __future__ import annotations

import compileall
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import agentflow
import agentflow_console
import agentflow_themes

# How long an example takes says something about the machine, and nothing about what it proves.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """Compile once what some hundred processes are going to import, wherever that can be kept."""
    if not hasattr(config, "workerinput"):
        for package in (agentflow, agentflow_console, agentflow_themes):
            assert package.__file__ is not None
            compileall.compile_dir(Path(package.__file__).parent, quiet=2)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colour switch, no size and no agentflow variable of the machine reaches a test."""
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    for name in list(os.environ):
        if name.startswith("AGENTFLOW_") or name == "ENVIRONMENT":
            monkeypatch.delenv(name)
