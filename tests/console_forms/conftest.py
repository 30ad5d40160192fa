"""Every test has a home of its own: no key map, theme or choice of the machine reaches it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idle import soon_idle

__all__ = ["soon_idle"]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Config and state folders below the test's own folder, and times in UTC."""
    for name in ("CONFIG", "STATE", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield tmp_path
    monkeypatch.undo()
    time.tzset()
