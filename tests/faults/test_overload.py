"""Fault 15: ten times the load. Memory is bounded and every refusal is seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .scale import scaled

HERE = Path(__file__).parents[1]


def overload(folder: Path, seconds: float) -> dict[str, Any]:
    """Offer ten times what can be done for so long."""
    command = [sys.executable, "-m", "faults.overloaded", str(folder), str(seconds)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["accepted"] + told["refused"] == told["offered"]
    assert told["accepted"] == told["ended"]
    assert told["refused"] > told["offered"] / 2
    assert told["seen_refused"] >= told["refused"]
    assert told["most"] <= 500 + 4
    return told


def test_ten_times_the_load_is_bounded_and_refused_aloud(tmp_path: Path) -> None:
    """With the journal on: what is accepted ends, the rest is counted as refused."""
    assert overload(tmp_path, 1.0)["grown"] < 30_000_000


@pytest.mark.long
def test_ten_times_the_load_for_minutes(tmp_path: Path) -> None:
    """Memory doesn't grow with time either."""
    told = overload(tmp_path, scaled(120))
    assert told["grown"] < 60_000_000
    print(told)
