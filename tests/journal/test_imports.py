"""Imports: who keeps no journal never loads SQLite."""

from __future__ import annotations

import subprocess
import sys

import agentflow.journal


def test_sqlite_is_loaded_when_a_journal_is_made_not_before() -> None:
    """Neither the package nor the runner needs it."""
    code = (
        "import sys, agentflow; from agentflow import Runner, Event; import agentflow.journal\n"
        "Runner()\n"
        "print('sqlite3' in sys.modules)\n"
        "from agentflow.journal import Journal; print('sqlite3' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True"]


def test_every_public_name_can_be_imported() -> None:
    """What the package says it has is there."""
    assert dir(agentflow.journal) == agentflow.journal.__all__
    for name in agentflow.journal.__all__:
        assert getattr(agentflow.journal, name).__name__ == name
