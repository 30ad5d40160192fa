"""The benchmarks still run. What they measure is not judged here: machines differ."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def test_the_table_has_a_finite_figure_in_every_row() -> None:
    """The engine's own figures, from the shortest runs."""
    result = subprocess.run(
        [
            sys.executable,
            str(RUN),
            "--trial",
            "--json",
            "--only",
            "modes,agents,breakpoints,memory,journal",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode in (0, 1), result.stderr
    rows = json.loads(result.stdout)
    assert len(rows) == 23
    assert all(math.isfinite(row["value"]) and row["value"] > 0 for row in rows)


def test_an_unknown_part_is_refused() -> None:
    """With the names that there are."""
    result = subprocess.run(
        [sys.executable, str(RUN), "--only", "speed"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "no such part: speed" in result.stderr
