"""The table of faults: it is complete, and every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in (HERE / "README.md").read_text("utf-8").splitlines()
    if re.match(r"\| +\d+ +\|", line)
]


def test_every_fault_is_in_the_table() -> None:
    """There are 25 of them, and all but the signatures have a test."""
    assert {int(row[0]) for row in ROWS} == set(range(1, 26))
    assert {int(row[0]) for row in ROWS if not row[3]} == {24}


def test_every_test_in_the_table_exists() -> None:
    """A test that is renamed is renamed in the table."""
    for row in ROWS:
        if row[3]:
            file, name = row[3].strip("`").split("::")
            text = (HERE.parent / file).read_text("utf-8")
            assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), row[3]
